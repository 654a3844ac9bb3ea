"""A double of CuPy on the host: its names, its refusals, its devices, and counters of what would cost time.

`install()` registers it as `cupy`, which array-api-compat then takes for the real one. The numbers are
NumPy's. What passes here has passed on a double; it has not run on a GPU. Names and parameters are those of
the wheel (see `read_names.py`, and the versions in names.json): what NumPy has and CuPy lacks fails here too.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np

from ._array import _missing, ndarray
from ._counters import Counts, counting
from ._device import install_cuda
from ._functions import (
    array,
    asarray,
    asnumpy,
    function,
    get_array_module,
    linalg_function,
    ufunc,
)
from ._names import NAMES, VERSION

__all__ = ["Counts", "counting", "install"]

_OWN = {
    "ndarray": ndarray, "ufunc": ufunc, "array": array, "asarray": asarray, "asanyarray": asarray,
    "asnumpy": asnumpy, "get_array_module": get_array_module, "is_available": lambda: True,
}  # fmt: skip


def install() -> types.ModuleType:
    """Register the double as `cupy`, unless it is; refuse to hide a real CuPy."""
    known = sys.modules.get("cupy")
    if known is not None:
        if not hasattr(known, "is_a_double"):
            raise RuntimeError("the real CuPy is imported in this process: the double would hide it")
        return known
    library = types.ModuleType("cupy", __doc__)
    sys.modules["cupy"] = library
    parts: Any = library
    parts.__path__, parts.__version__, parts.is_a_double = [], VERSION, True
    for name, kind in NAMES["cupy"].items():
        setattr(library, name, _OWN.get(name) or _twin("cupy", name, kind, np))
    parts.cuda = install_cuda()
    for place in ("linalg", "fft"):
        module, own = types.ModuleType(f"cupy.{place}"), getattr(np, place)
        for name, kind in NAMES[place].items():
            setattr(module, name, _twin(place, name, kind, own))
        setattr(library, place, module)
        sys.modules[module.__name__] = module
    return library


def _twin(place: str, name: str, kind: Any, source: Any) -> Any:
    """Return what stands for a name of the wheel: NumPy's, wrapped or as it is, or what refuses to run."""
    own = getattr(source, name, None)
    if own is None or isinstance(own, types.ModuleType):
        return _missing(f"{place}.{name}")
    if kind == "ufunc":
        return ufunc(own)
    if isinstance(kind, list):
        return linalg_function(name, own) if place == "linalg" else function(place, name, own)
    return own if kind == "numpy" or name == "LinAlgError" else _missing(f"{place}.{name}")
