"""Processes, grids and samplers by name, with parameters: ``karras_times(rho=5)``, ``ddim(eta=0.5)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from diffmath._core.named import named, names_of
from diffmath._core.spoken import name_and_parameters
from diffmath.diffusion import Method, Process

__all__ = ["GRIDS", "METHODS", "PROCESSES", "grid_of", "method_of", "process_of"]

_PACKAGE = "diffmath.diffusion"


def _returns_a_process(value: Any) -> bool:
    if not inspect.isfunction(value):
        return False
    signature = inspect.signature(value)
    optional = all(p.default is not p.empty for p in signature.parameters.values())
    return optional and signature.return_annotation in ("Process", Process)


def _is_a_grid(value: Any) -> bool:
    if not inspect.isfunction(value) or not value.__name__.endswith("_times"):
        return False
    required = [p.name for p in inspect.signature(value).parameters.values() if p.default is p.empty]
    return required in (["process", "steps"], ["process"])


def _is_a_method(value: Any) -> bool:
    return isinstance(value, Method)


METHODS = names_of(_PACKAGE, _is_a_method)
PROCESSES = names_of(_PACKAGE, _returns_a_process)
GRIDS = [name.removesuffix("_times") for name in names_of(_PACKAGE, _is_a_grid)]


def process_of(text: str) -> Process:
    """Return the process of a text such as ``vp`` or ``vp(beta_max=15)``."""
    name, parameters = name_and_parameters(text)
    make = named(name, _PACKAGE, _returns_a_process, role="--process")
    found: Process = _called(make, text, parameters)
    return found


def grid_of(text: str, process: Process, steps: int) -> Any:
    """Return the times of a text such as ``karras`` or ``karras(rho=5)``."""
    name, parameters = name_and_parameters(text)
    full = name if name.endswith("_times") else f"{name}_times"
    make = named(full, _PACKAGE, _is_a_grid, role="--grid")
    return _called(make, text, parameters, process, steps)


def method_of(text: str) -> Method:
    """Return the sampler of a text such as ``heun`` or ``ddim(eta=0.5)``."""
    name, parameters = name_and_parameters(text)
    method: Method = named(name, _PACKAGE, _is_a_method, role="--method")
    found: Method = _called(method, text, parameters) if parameters else method
    return found


def _called(make: Callable[..., Any], text: str, parameters: dict[str, Any], *args: Any) -> Any:
    known = inspect.signature(make).parameters
    if unknown := [name for name in parameters if name not in known]:
        raise ValueError(f"{text!r} has the parameter {unknown[0]!r}; the parameters are {', '.join(known)}")
    return make(*args, **parameters)
