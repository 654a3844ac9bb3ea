"""Write the names of a real CuPy: what the double may offer, and with which parameters.

CuPy can be imported without a GPU, so its wheel tells its own names::

    pip install --target DIR cupy-cuda13x
    PYTHONPATH=DIR python tests/double/read_names.py > tests/double/cupy_double/names.json

Each name is stored with its kind: ``numpy`` (the very object of NumPy), ``ufunc``, ``class``, ``module``,
``value``, or the list of parameters of a function. A Cython method carries its signature in its docstring.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import numpy as np


def kind_of(name: str, value: Any, library: Any) -> Any:
    """Return the kind of a name, or the parameters of a function (None where they cannot be read)."""
    if getattr(np, name, None) is value and not inspect.ismodule(value):
        return "numpy"
    if isinstance(value, library.ufunc):
        return "ufunc"
    if inspect.isclass(value):
        return "class"
    if inspect.ismodule(value):
        return "module"
    return parameters_of(value) if callable(value) else "value"


def parameters_of(function: Any) -> list[str] | None:
    """Return the parameter names, stars included, from the signature or from the docstring's first line."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return _from_docstring(function.__doc__ or "")
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(p.kind, "") + p.name for p in parameters]


def _from_docstring(text: str) -> list[str] | None:
    line = text.strip().partition("\n")[0]
    if "(" not in line:
        return None
    inside = line[line.index("(") + 1 : line.rindex(")")]
    words = [word.split("=")[0].split()[-1] for word in inside.split(",") if word.split("=")[0].split()]
    return [word for word in words if word not in ("self", "*", "/")]


def read(library: Any) -> dict[str, Any]:
    """Return every public name of the library, its linalg and fft, and of its array type."""
    found: dict[str, Any] = {"versions": {"cupy": library.__version__, "numpy": np.__version__}}
    for label, module in (("cupy", library), ("linalg", library.linalg), ("fft", library.fft)):
        names = [name for name in dir(module) if not name.startswith("_")]
        found[label] = {name: kind_of(name, getattr(module, name), library) for name in names}
    found["ndarray"] = {name: _member(library.ndarray, name) for name in dir(library.ndarray)}
    return found


def _member(owner: type, name: str) -> Any:
    value = getattr(owner, name)
    return parameters_of(value) if callable(value) and not name.startswith("__") else "attribute"


if __name__ == "__main__":
    import cupy

    json.dump(read(cupy), sys.stdout, indent=0, sort_keys=True)
    sys.stdout.write("\n")
