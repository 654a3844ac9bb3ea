"""Arrays of any library: namespaces, devices, dtypes, and all conversions between host and device.

`array_api_compat` supports the libraries; this file adds the rules of diffmath: one library and one device
per call, real dtypes float32 and float64, and no copy to the host unless the caller asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import array_api_compat as compat
import array_api_compat.numpy as numpy_namespace
import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_sharing import host_view
from diffmath._arrays.tracing import HostReadError, all_true, is_traced
from diffmath._core.typing import Array

__all__ = [
    "all_finite", "array_namespace", "asarray_like", "check_array", "check_precision",
    "default_float", "device", "expand_like", "is_real_float", "is_unchanged", "library_name", "real_dtype",
    "same_kind", "to_numpy",
]  # fmt: skip

_NUMPY_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def array_namespace(*arrays: Array, names: Sequence[str] = ()) -> Any:
    """Return the array-API namespace shared by all `arrays`.

    Parameters
    ----------
    *arrays : array
        Arrays of one library on one device.
    names : sequence of str, optional
        Their names in the error message.

    Returns
    -------
    module
        The namespace, completed by array-api-compat.

    Raises
    ------
    TypeError
        For a list, a masked array, a matrix, an object array, or arrays of two libraries or devices.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.namespace import array_namespace
    >>> array_namespace(np.zeros(2)).exp(np.zeros(1))
    array([1.])
    """
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray and arrays[0].dtype.kind in "fciub":
        return numpy_namespace  # asked several times a step
    labels = [names[i] if i < len(names) else f"argument {i}" for i in range(len(arrays))]
    for label, array in zip(labels, arrays, strict=True):
        _refuse_non_arrays(label, array)
    for label, array in zip(labels[1:], arrays[1:], strict=True):
        same_kind(labels[0], arrays[0], label, array)
    return compat.array_namespace(arrays[0])


def _refuse_non_arrays(label: str, array: Any) -> None:
    kind = type(array).__name__
    if not compat.is_array_api_obj(array):
        raise TypeError(
            f"{label} must be an array (NumPy, CuPy, PyTorch, JAX, ...); got {kind}: "
            f"wrap it, np.asarray({label})"
        )
    # Masks, units and matrix products would be lost silently; a memory map is an array.
    if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
        raise TypeError(f"{label} must be a plain array; got {kind}: convert it with np.asarray({label})")
    if compat.is_numpy_array(array) and array.dtype.kind in "OSUV":
        raise TypeError(f"{label} must hold numbers; got dtype {array.dtype}")


def same_kind(label: str, array: Array, other_label: str, other: Array) -> None:
    """Refuse two arrays of different libraries or on different devices."""
    xp, other_xp = compat.array_namespace(array), compat.array_namespace(other)
    if xp is not other_xp:
        raise TypeError(
            f"{label} and {other_label} must come from one array library; got {library_name(xp)} and "
            f"{library_name(other_xp)}: convert one of them explicitly"
        )
    place, other_place = compat.device(array), compat.device(other)
    # A traced array has no device yet: the compiled program puts it on that of the other.
    if place != other_place and not is_traced(array, other):
        raise TypeError(
            f"{label} and {other_label} must live on one device; got {place} and {other_place}: move one of "
            "them explicitly"
        )


def library_name(xp: ModuleType) -> str:
    """Return the name of the library of a namespace."""
    return xp.__name__.removeprefix("array_api_compat.").partition(".")[0]


def device(array: Array) -> Any:
    """Return the device of an array."""
    return compat.device(array)


def default_float(like: Array) -> Any:
    """Return the library's default real dtype on the device of `like` (float64 for NumPy)."""
    xp = compat.array_namespace(like)
    info = xp.__array_namespace_info__()
    return info.default_dtypes(device=compat.device(like))["real floating"]


def is_real_float(dtype: Any, xp: Any) -> bool:
    """Whether a dtype is float32 or float64, the two supported by the numerics."""
    return bool(dtype == xp.float32 or dtype == xp.float64)


def check_precision(name: str, dtype: Any, xp: Any) -> None:
    """Refuse double precision if JAX would silently compute in single precision.

    Raises
    ------
    TypeError
        float64 or complex128 of JAX without x64.
    """
    if not compat.is_jax_namespace(xp) or dtype not in (xp.float64, xp.complex128):
        return
    if not sys.modules["jax"].config.jax_enable_x64:  # checked at every call; the standard's way is slow
        raise TypeError(
            f"{name} is {np.dtype(dtype)}, which JAX turns into single precision: enable it with "
            "jax.config.update('jax_enable_x64', True), or convert to float32 explicitly"
        )


def real_dtype(array: Array) -> Any:
    """Return the real dtype with the precision of `array`: its own, that of its real part, or the default."""
    dtype = array.dtype
    if type(array) is np.ndarray and dtype in _NUMPY_FLOATS:
        return dtype
    xp = compat.array_namespace(array)
    check_precision("the array", dtype, xp)
    if is_real_float(dtype, xp):
        return dtype
    if xp.isdtype(dtype, "complex floating"):
        return xp.float32 if dtype == xp.complex64 else xp.float64
    return default_float(array)


def check_array(
    name: str,
    array: Array,
    *,
    ndim: int | None = None,
    min_ndim: int = 0,
    allow_complex: bool = False,
    some_rows: bool = False,
) -> Array:
    """Return `array` as finite floating numbers of its own precision, or refuse it by `name`.

    Integers and booleans become the library's default real dtype; float32 and float64 are kept. The values of
    a traced array are not checked. With `some_rows` one finite row is sufficient.

    Raises
    ------
    TypeError
        Not an array, or a dtype other than float32, float64, an integer (or complex where allowed).
    ValueError
        Wrong number of dimensions, or a value that is not finite (the message has its index).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.namespace import check_array
    >>> check_array("x0", np.array([[1, 2]]), ndim=2)
    array([[1., 2.]])
    """
    xp = array_namespace(array, names=[name])
    if isinstance(array, np.memmap):
        array = np.asarray(array)  # a view: kernels and their callers support only plain arrays
    if ndim is not None and array.ndim != ndim:
        raise ValueError(
            f"{name} must have {ndim} dimension{'s' * (ndim != 1)}; got shape {tuple(array.shape)}"
        )
    if array.ndim < min_ndim:
        dims = "x".join(map(str, array.shape)) or "scalar"
        raise ValueError(
            f"{name} must have shape (batch, dim) or (batch, ...); got {dims}: "
            f"for one row use {name}[None, ...]"
        )
    array = _as_floating(name, array, xp, allow_complex)
    if not all_finite(array) and not (some_rows and _any_row(xp.isfinite(array))):
        finite = xp.isfinite(array)
        flat = int(xp.argmin(xp.reshape(xp.astype(finite, xp.int8), (-1,))))
        index = tuple(int(i) for i in np.unravel_index(flat, array.shape))
        raise ValueError(
            f"{name} must be finite; {name}{list(index) if index else ''} is {to_numpy(array[index])}"
        )
    return array


def _any_row(mask: Array) -> bool:
    xp = compat.array_namespace(mask)
    return bool(xp.any(xp.all(xp.reshape(mask, (mask.shape[0], -1)), axis=1)))


def _as_floating(name: str, array: Array, xp: Any, allow_complex: bool) -> Array:
    if xp is not numpy_namespace:
        check_precision(name, array.dtype, xp)
    if is_real_float(array.dtype, xp):
        return array
    if xp.isdtype(array.dtype, "complex floating"):
        if allow_complex:
            return array
        raise TypeError(f"{name} must be real; got dtype {array.dtype}")
    if xp.isdtype(array.dtype, ("integral", "bool")):
        return xp.astype(array, default_float(array))
    raise TypeError(f"{name} must be float32 or float64; got dtype {array.dtype}: convert it explicitly")


def all_finite(array: Array) -> bool:
    """Whether no number of an array is infinite or nan; a traced one is not looked at and counts so."""
    view = array if type(array) is np.ndarray else host_view(array)
    if view is not None:  # PyTorch takes several passes
        return all_true(np.isfinite(view))
    return all_true(compat.array_namespace(array).isfinite(array))


def is_unchanged(array: Array, copy: Array) -> bool:
    """Whether an array equals its earlier copy wherever that is finite; a traced one counts so."""
    views = host_view(array), host_view(copy)
    if views[0] is not None and views[1] is not None:  # PyTorch compares more slowly
        array, copy = views
    same = array == copy
    return all_true(same) or all_true(same | ~compat.array_namespace(copy).isfinite(copy))


def asarray_like(values: Any, like: Array, dtype: Any = None) -> Array:
    """Copy host values (numbers, lists, NumPy arrays) to the library, device and precision of `like`.

    Always a copy: a library that shares host memory (PyTorch) would allow writing to read-only values with a
    warning, and would refuse negative strides.
    """
    xp = compat.array_namespace(like)
    if dtype is None:
        dtype = real_dtype(like)
    else:
        check_precision("dtype", dtype, xp)
    return xp.asarray(np.array(values), dtype=dtype, device=compat.device(like))


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """Copy an array to the host: the only explicit conversion from a device to NumPy.

    Raises
    ------
    TypeError
        The array is traced by JAX and has no numbers yet.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.namespace import to_numpy
    >>> to_numpy(np.ones(2))
    array([1., 1.])
    """
    if type(array) is np.ndarray:
        return array
    if is_traced(array):
        raise HostReadError(
            f"numbers are read on the host here, but JAX traces an array of shape {tuple(array.shape)} (jit, "
            "vmap or grad), which has none: call this function outside the transformation"
        )
    if compat.is_cupy_array(array):
        return np.asarray(array.get())
    if compat.is_torch_array(array):
        return np.asarray(array.detach().cpu().numpy())
    if compat.is_array_api_obj(array) and not compat.is_numpy_array(array):
        xp = compat.array_namespace(array)
        if compat.is_array_api_strict_namespace(xp):
            array = compat.to_device(array, xp.Device("CPU_DEVICE"))
    return np.asarray(array)


def expand_like(values: Array, x: Array) -> Array:
    """Append axes to per-row `values` of shape (batch,) so that they broadcast against `x` (batch, ...)."""
    xp = compat.array_namespace(values)
    return xp.reshape(values, values.shape + (1,) * (x.ndim - values.ndim))
