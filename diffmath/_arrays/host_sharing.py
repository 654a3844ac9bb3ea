"""CPU arrays of PyTorch and JAX as NumPy views, and NumPy results as their arrays, without copies.

Only plain values are shared: no array that is traced, mapped, or differentiated. All other arrays, and those
in doubt, use the array code, which these libraries can trace and differentiate.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diffmath._core.typing import Array

__all__ = ["Library", "aligned_empty", "host_view", "shared_views"]

_ALIGNED = 64  # bytes: XLA takes over host memory aligned to a multiple of this, and copies other memory
_LARGE = 2**12  # bytes from which on memory is aligned: smaller arrays are faster to copy

HostArray = npt.NDArray[Any]


class Library(Protocol):
    """Converts NumPy results to the library that owns the shared arrays."""

    def wrap(self, values: HostArray) -> Array:
        """Return an array of the library that owns `values`, which must not be written to any more."""


def shared_views(arrays: Sequence[Array]) -> tuple[Library, list[HostArray]] | None:
    """Return NumPy views of CPU arrays of one library, which must not be written to, and their library.

    None if one of them is not on the CPU, not plain, or part of a trace or of a derivative: a PyTorch tensor
    that requires a gradient, outside ``torch.no_grad()``, or has a tangent; a subclass, such as FakeTensor; a
    tensor inside ``torch.compile``, ``torch.jit.trace``, `torch.func` or a dispatch mode; a JAX tracer, or an
    array on several devices.
    """
    library = _library_of(arrays[0])
    if library is None:
        return None
    views = []
    for array in arrays:
        view: HostArray | None = library.view(array) if library.owns(array) else None
        if view is None:
            return None
        views.append(view)
    return library, views


def host_view(array: Array) -> HostArray | None:
    """Return a NumPy view of a CPU array for reading its values, also if it is differentiated, or None."""
    view: HostArray | None = array if type(array) is np.ndarray else None
    library = _library_of(array)
    if library is not None:
        view = library.view(array, derivative=True)
    return view


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> HostArray:
    """Return an uninitialised array; a large one is aligned so that JAX can share it."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    room = np.empty(size + _ALIGNED, np.uint8)
    first = -room.__array_interface__["data"][0] % _ALIGNED  # `ctypes.data` takes several times as long
    found: HostArray = room[first : first + size].view(dtype).reshape(shape)
    return found


def _library_of(array: Array) -> Any:
    root = type(array).__module__.partition(".")[0]
    if root == "torch":
        return _Torch(sys.modules["torch"])
    if root in ("jax", "jaxlib"):
        return _Jax.of(sys.modules["jax"], array)
    return None


class _Torch:
    """Plain tensors on the CPU."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def owns(self, array: Array) -> bool:
        return type(array) is self._torch.Tensor or type(array) is self._torch.nn.Parameter

    def view(self, array: Array, *, derivative: bool = False) -> HostArray | None:
        if not self.owns(array) or not array.is_cpu or self._traced(array):
            return None
        if not derivative and self._differentiated(array):
            return None
        try:
            view: HostArray = (array.detach() if array.requires_grad else array).numpy()
        except (RuntimeError, TypeError):  # conjugate, sparse, half precision, wrapped by torch.func
            return None
        return view

    def wrap(self, values: HostArray) -> Array:
        # PyTorch has no negative strides, and a view would share the lent memory.
        if any(stride < 0 for stride in values.strides):
            values = values.copy()
        return self._torch.from_numpy(values)

    def _differentiated(self, array: Array) -> bool:
        torch = self._torch
        if array.requires_grad and torch.is_grad_enabled():
            return True
        forward = torch.autograd.forward_ad
        inside = getattr(forward, "_current_level", 0) >= 0  # inside ``dual_level()``; a fast check
        return inside and forward.unpack_dual(array).tangent is not None

    def _traced(self, array: Array) -> bool:
        torch = self._torch
        return bool(
            torch.compiler.is_compiling()
            or torch.jit.is_tracing()
            or torch._C._len_torch_dispatch_stack()
            or torch._is_functional_tensor(array)
        )


class _Jax:
    """Concrete arrays on one CPU device."""

    def __init__(self, jax: Any, device: Any) -> None:
        self._jax, self._device = jax, device

    @classmethod
    def of(cls, jax: Any, array: Array) -> _Jax | None:
        if not isinstance(array, jax.Array) or isinstance(array, jax.core.Tracer):
            return None
        device = array.device  # a sharding, if there are several
        return cls(jax, device) if getattr(device, "platform", "") == "cpu" else None

    def owns(self, array: Array) -> bool:
        jax = self._jax
        if not isinstance(array, jax.Array) or isinstance(array, jax.core.Tracer):
            return False
        return bool(array.device == self._device)

    def view(self, array: Array, *, derivative: bool = False) -> HostArray | None:
        # Without x64, results of a double would be single: see `diffmath._arrays.namespace`.
        if array.dtype.itemsize > 4 and not self._jax.config.jax_enable_x64:
            return None
        view: HostArray = np.asarray(array)
        return view

    def wrap(self, values: HostArray) -> Array:
        if values.ctypes.data % _ALIGNED == 0 and values.flags.c_contiguous:
            return self._jax.dlpack.from_dlpack(values, device=self._device)
        return self._jax.device_put(values, self._device)
