"""Samplers with parameters: a function that makes a `Method`, as the method of its defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, Generic, ParamSpec

from diffmath.diffusion._methods.method import Method

__all__ = ["Preset", "preset"]

P = ParamSpec("P")


@dataclass(frozen=True, eq=False, repr=False)
class Preset(Method, Generic[P]):
    """A sampler whose parameters a call sets: ``diffusion.ddim`` is ``diffusion.ddim(eta=0.0)``.

    Parameters
    ----------
    name, order, weak_order, reference, step, clock, evaluations, form, end_order
        As for `Method`.
    make : callable
        The function of keyword arguments with defaults that makes the method.
    parameters : tuple of pairs
        Names and values of the parameters.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.ddim(eta=0.5)
    Method(ddim(eta=0.5), order=1, weak_order=1)
    >>> diffusion.ddim(eta=0.5)(eta=0.0) == diffusion.ddim
    True
    """

    make: Callable[P, Method] | None = None
    parameters: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *args: P.args, **changes: P.kwargs) -> Preset[P]:
        """Return the method with these parameters; parameters that are not given keep their values."""
        if args:
            raise TypeError(f"parameters of {self.__name__} are set by name; got {args!r}")
        values = dict(self.parameters)
        if unknown := [name for name in changes if name not in values]:
            known = ", ".join(values) or "none"
            raise TypeError(f"{self.__name__} has no parameter {unknown[0]!r}; its parameters: {known}")
        return _made(self.make, {**values, **changes})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Preset):
            return NotImplemented
        return self.make is other.make and self.parameters == other.parameters

    def __hash__(self) -> int:
        return hash((self.__module__, self.__name__, self.parameters))

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.__module__, self.__name__, self.parameters)

    @property
    def __name__(self) -> str:
        return str(getattr(self.make, "__name__", self.name))


def preset(make: Callable[P, Method]) -> Preset[P]:
    """Turn a function of keyword arguments with defaults into the sampler of its defaults."""
    parameters = inspect.signature(make).parameters.values()
    return _made(make, {parameter.name: parameter.default for parameter in parameters})


def _made(make: Any, values: dict[str, Any]) -> Preset[Any]:
    method = make(**values)
    parts = {field.name: getattr(method, field.name) for field in fields(Method)}
    made: Preset[Any] = Preset(**parts, make=make, parameters=tuple(values.items()))
    # Documentation and signature are those of the function; doctest and Sphinx look for them here.
    for name in ("__module__", "__doc__"):
        object.__setattr__(made, name, getattr(make, name))
    object.__setattr__(made, "__wrapped__", make)
    return made


def _named(module: str, name: str, parameters: tuple[tuple[str, Any], ...]) -> Preset[Any]:
    found: Preset[Any] = getattr(import_module(module), name)
    return found(**dict(parameters))
