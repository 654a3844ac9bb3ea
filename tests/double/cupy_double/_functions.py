"""The functions: those of NumPy under the names and parameters of CuPy, with its refusals."""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ._array import bare, kernel_argument, ndarray, quiet, wrap
from ._counters import copy_in, launch, synchronize
from ._device import check_device, current_device
from ._names import NAMES, check_keywords

__all__ = ["array", "asarray", "asnumpy", "function", "get_array_module", "linalg_function", "ufunc"]

# The first argument of these is an array, or a sequence of arrays: CuPy asks it for what only an array has.
_ARRAY_FIRST = {"a", "x", "arr", "ary", "m", "v", "M", "tup", "arrays", "ar1"}
_NO_ARRAY_FIRST = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "can_cast",
                   "full_like", "isscalar", "iscomplexobj", "isrealobj", "allclose", "isclose", "isin",
                   "array_equal"}  # fmt: skip
# What the host answers alone.
_HOST = {"ndim", "shape", "size", "result_type", "can_cast", "min_scalar_type", "common_type", "isscalar",
         "iscomplexobj", "isrealobj", "isfortran", "may_share_memory", "shares_memory"}  # fmt: skip
# The shape of the result depends on the values.
_WAITING = {"nonzero", "flatnonzero", "argwhere", "unique", "unique_all", "unique_counts", "unique_inverse",
            "unique_values", "bincount", "extract", "compress", "setdiff1d", "intersect1d"}  # fmt: skip


class ufunc:
    """An elementwise function, one kernel."""

    def __init__(self, own: Any) -> None:
        self._own = own
        self.name = self.__name__ = own.__name__
        self.nin, self.nout = getattr(own, "nin", 1), getattr(own, "nout", 1)

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> Any:
        values = [kernel_argument(arg) for arg in args]
        launch()
        options = {} if dtype is None else {"dtype": dtype, "casting": casting}
        result = wrap(quiet(self._own, *values, **options))
        if out is None:
            return result
        check_device(out._device)
        out._a[...] = result._a
        return out

    def _by(self, way: str, *args: Any, **options: Any) -> Any:
        values = [kernel_argument(arg) if isinstance(arg, ndarray) else arg for arg in args]
        launch()
        return wrap(quiet(getattr(self._own, way), *values, **options))

    def reduce(self, *args: Any, **options: Any) -> Any:
        return self._by("reduce", *args, **options)

    def accumulate(self, *args: Any, **options: Any) -> Any:
        return self._by("accumulate", *args, **options)

    def outer(self, *args: Any, **options: Any) -> Any:
        return self._by("outer", *args, **options)


def function(place: str, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy's function under CuPy's name, parameters and refusals."""
    parameters: list[str] | None = NAMES[place][name]
    first = (parameters or [""])[0].lstrip("*")
    wants_array = (first in _ARRAY_FIRST or place != "cupy") and name not in _NO_ARRAY_FIRST

    def call(*args: Any, **options: Any) -> Any:
        check_keywords(name, parameters, options)
        if wants_array and args and first not in ("n", "start"):
            _refuse_host(args[0])
        values = [bare(arg) for arg in args]
        given = {key: bare(value) for key, value in options.items()}
        result = quiet(own, *values, **given)
        if name in _HOST:
            return result
        if not _is_view(result, values):
            launch()
        if name in _WAITING:
            synchronize()
        return wrap(result)

    call.__name__, call.__module__ = name, "cupy" if place == "cupy" else f"cupy.{place}"
    return call


def _refuse_host(value: Any) -> None:
    """Refuse numbers, and lists that hold some, where CuPy expects its arrays."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    for part in parts:
        if not isinstance(part, ndarray):
            raise TypeError(f"Only cupy arrays can be given here, got {type(part)}")


def _is_view(result: Any, values: list[Any]) -> bool:
    parts = result if isinstance(result, (list, tuple)) else [result]
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    arrays += [part for value in values if isinstance(value, (list, tuple)) for part in value
               if isinstance(part, np.ndarray)]  # fmt: skip
    return builtins.bool(parts) and builtins.all(
        isinstance(part, np.ndarray) and builtins.any(np.may_share_memory(part, array) for array in arrays)
        for part in parts
    )


def linalg_function(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of linalg: of a singular matrix it returns NaN, for cuSOLVER's report is not read."""
    call = function("linalg", name, own)

    def silent(*args: Any, **options: Any) -> Any:
        _check_matrices(name, args)
        try:
            return call(*args, **options)
        except np.linalg.LinAlgError as error:
            if not builtins.any(word in str(error) for word in ("Singular", "positive definite")):
                raise
            return _row_by_row(call, *args, **options)

    silent.__name__, silent.__module__ = name, "cupy.linalg"
    return silent


def _check_matrices(name: str, args: tuple[Any, ...]) -> None:
    """Refuse stacks that differ: CuPy's solve does not broadcast."""
    if name == "solve" and args[1].ndim > 1 and args[0].shape[:-1] != args[1].shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")


def _row_by_row(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Repeat a stacked call matrix by matrix, with NaN for those that fail: one does not affect another."""
    shape = args[0].shape[:-2]
    if not shape:
        model = args[-1]
        return ndarray._of(np.full(model.shape, np.nan, np.result_type(model.dtype, np.float32)))
    rows = [[ndarray._of(arg._a[index]) for arg in args] for index in np.ndindex(*shape)]
    found = []
    for row in rows:
        try:
            found.append(call(*row, **options)._a)
        except np.linalg.LinAlgError:
            found.append(_row_by_row(call, *row)._a)
    return ndarray._of(np.stack(found).reshape(*shape, *found[0].shape))


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None, blocking: bool = False
) -> ndarray:
    """Send values to the current device; an array that lives there is returned as it is."""
    if isinstance(a, ndarray):
        if a._device != current_device():
            a = a.copy()
        return a.astype(dtype or a.dtype, copy=builtins.bool(copy))
    parts, pending = [], [a]
    while pending:  # a list may hold device arrays, at any depth
        part = pending.pop()
        pending += part if isinstance(part, (list, tuple)) else []
        parts += [part] if isinstance(part, ndarray) else []
    if parts:
        launch()
    else:
        copy_in()
    values = np.array(bare(a) if parts else a, dtype=dtype)
    if values.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {values.dtype}")
    return ndarray._of(values)


def array(
    obj: Any, dtype: Any = None, copy: bool | None = True, order: str = "K", subok: bool = False,
    ndmin: int = 0, *, blocking: bool = False,
) -> ndarray:  # fmt: skip
    """Send values to the current device, copying an array that lives there."""
    new = asarray(obj, dtype, copy=copy)
    return new.reshape((1,) * builtins.max(0, ndmin - new.ndim) + new.shape)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Any:
    """Copy to the host."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def get_array_module(*args: Any) -> types.ModuleType:
    """Return the library of the arguments."""
    import cupy

    module: types.ModuleType = cupy if builtins.any(isinstance(arg, ndarray) for arg in args) else np
    return module
