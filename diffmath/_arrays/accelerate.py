"""Accelerated twins: a decorator that looks up a kernel by name and otherwise runs the array code.

The decorated body is the specification. A twin has the same name and signature and lives in
``diffmath.kernels.<engine>.<sub-package>``. The engine is `numba` for NumPy arrays, and for CPU arrays of
PyTorch and JAX without gradient or trace, which it uses as NumPy views; `cuda` for CuPy arrays. Only this
file imports twins. If an engine is missing, the body runs.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

import array_api_compat as compat
import numpy as np

from diffmath._arrays.host_sharing import Library, shared_views
from diffmath._core.solution import SolveError
from diffmath._core.typing import Array

__all__ = ["Accelerated", "accelerated", "host_proxy", "reference_only", "run_on_views"]

P = ParamSpec("P")
R = TypeVar("R")

_PLAIN = {int, float, complex, bool, str, tuple, list, type(None)}  # never arrays

_no_arrays: set[type] = {FunctionType}  # types whose instances are not arrays

_reference_only: ContextVar[bool] = ContextVar("diffmath_reference_only", default=False)


@contextmanager
def reference_only() -> Iterator[None]:
    """Run only the array code inside this block: no numba, no CUDA kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> with dm.reference_only():
    ...     z = dm.random.normal(dm.random.key(0), (2, 3), like=np.empty(0))
    >>> z.shape
    (2, 3)
    """
    token = _reference_only.set(True)
    try:
        yield
    finally:
        _reference_only.reset(token)


class Accelerated(Generic[P, R]):
    """A function with array code (`reference`) and possibly faster twins."""

    def __init__(self, body: Callable[P, R]) -> None:
        functools.update_wrapper(self, body)
        self.reference = body
        self._package = body.__module__.split(".")[1].strip("_")  # of `diffmath._stepping.clocks`: stepping

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        kernel = self.kernel_for(*args, **kwargs)
        return self.reference(*args, **kwargs) if kernel is None else kernel(*args, **kwargs)

    def kernel_for(self, *args: Any, **kwargs: Any) -> Callable[P, R] | None:
        """Return the kernel for such arrays, or None; None inside `reference_only`.

        Arguments that are not arrays are ignored. A loop on NumPy arrays calls this once and the kernel many
        times. For arrays of PyTorch and JAX the kernel is bound to views of these arrays, for one call.
        """
        if _reference_only.get():
            return None
        arrays = [a for a in (*args, *kwargs.values()) if type(a) not in _PLAIN and _is_array(a)]
        if not arrays:
            return None
        name = self.reference.__name__
        kernel: Callable[P, R] | None
        for engine, served in (("numba", compat.is_numpy_array), ("cuda", compat.is_cupy_array)):
            if all(served(a) for a in arrays):
                kernel = _find(engine, self._package, name)
                return kernel
        kernel = _find("numba", self._package, name)
        shared = None if kernel is None else shared_views(arrays)
        return None if kernel is None or shared is None else _Sharing(kernel, arrays, *shared)


def host_proxy(function: Accelerated[..., Any], like: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return an array to compute with instead of `like`, and a function that converts results back.

    This is a NumPy array if the kernel of `function` uses NumPy views of `like`: small steps between kernels
    then avoid calls of PyTorch or JAX, which are slower. Otherwise it is `like` itself.
    """
    kernel = None if type(like) is np.ndarray else function.kernel_for(like)
    if isinstance(kernel, _Sharing):
        return kernel.host_proxy(like)
    return like, lambda result: result


def run_on_views(kernel: Accelerated[..., Any], body: Callable[..., Array], *arrays: Any) -> Array:
    """Return ``body(*arrays)``, computed on NumPy views if `kernel` uses views of the arrays.

    For a function around a kernel, whose checks and reshapes are slower in PyTorch and JAX than in NumPy.
    Only for floating arrays of one dtype, since the libraries have different promotion rules.
    """
    if type(arrays[0]) is np.ndarray or not all(map(_is_array, arrays)):
        return body(*arrays)
    found = kernel.kernel_for(*arrays)
    if not isinstance(found, _Sharing) or not found.floating:
        return body(*arrays)
    try:
        return found.wrapped(body(*found.views))
    except SolveError as error:
        solution = replace(error.solution, x=found.wrapped(error.solution.x))
        raise SolveError(str(error), solution) from None


class _Sharing(Generic[P, R]):
    """A twin on NumPy views of given arrays; its results are arrays of their library."""

    def __init__(self, kernel: Callable[P, R], arrays: list[Any], library: Library, views: list[Any]) -> None:
        self._kernel, self._library = kernel, library
        self._arrays = arrays  # kept alive, so that no other object gets their identity
        self.views, self._views = views, {id(a): view for a, view in zip(arrays, views, strict=True)}

    @property
    def floating(self) -> bool:
        """Whether all arrays are floating numbers of one dtype, real or complex."""
        dtypes = {view.dtype for view in self.views}
        return len(dtypes) == 1 and dtypes.pop().kind in "fc"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        given: Any = (self._views.get(id(value), value) for value in args)
        named: Any = {name: self._views.get(id(value), value) for name, value in kwargs.items()}
        result: Any = self._kernel(*given, **named)
        whole: Any = tuple(map(self.wrapped, result)) if isinstance(result, tuple) else self.wrapped(result)
        return whole  # type: ignore[no-any-return]

    def host_proxy(self, array: Array) -> tuple[Array, Callable[[Array], Array]]:
        return self._views[id(array)], self._library.wrap

    def wrapped(self, value: Any) -> Any:
        """Return an array of the library of the arrays; other values are returned unchanged."""
        return self._library.wrap(value) if isinstance(value, np.ndarray) else value


def _is_array(value: Any) -> bool:
    kind = type(value)
    if kind in _no_arrays:
        return False
    # A dtype may be a class (np.float64) with the methods of an array; NumPy scalars work with every library.
    found = not isinstance(value, type | np.generic) and compat.is_array_api_obj(value)
    if not found and kind.__module__.partition(".")[0] == "diffmath":
        _no_arrays.add(kind)  # the check takes a microsecond
    return found


def accelerated(body: Callable[P, R]) -> Accelerated[P, R]:
    """Let a kernel with the same name replace this function; the body remains the specification."""
    return Accelerated(body)


@functools.cache
def _find(engine: str, package: str, name: str) -> Any:
    try:
        module = importlib.import_module(f"diffmath.kernels.{engine}.{package}")
    except ModuleNotFoundError as missing:
        if _is_optional(missing.name or "", engine, package):
            return None
        raise
    return getattr(module, name, None)


def _is_optional(missing: str, engine: str, package: str) -> bool:
    """Whether a module may be missing: a foreign one that an engine needs, or the twins of a package."""
    if missing.split(".")[0] == "diffmath":  # any other file of diffmath must exist
        folder = f"diffmath.kernels.{engine}"
        return missing in (folder, f"{folder}.{package}")
    # If a part of an installed module is missing, that is a bug or a wrong version, and is reported.
    return bool(missing) and "." not in missing and missing not in sys.stdlib_module_names
