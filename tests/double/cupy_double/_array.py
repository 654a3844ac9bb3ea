"""The array: NumPy inside, the refusals of a device array outside."""

from __future__ import annotations

import builtins
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._counters import copy_in, copy_out, launch, synchronize
from ._device import Device, check_device, current_device
from ._names import NAMES, check_keywords

__all__ = ["bare", "kernel_argument", "kernel_call", "ndarray", "quiet", "wrap"]

_NUMBERS = (builtins.int, builtins.float, builtins.bool, builtins.complex)


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call without floating-point warnings: a device has none."""
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


class ndarray:
    """Numbers that live on a device."""

    __slots__ = ("__weakref__", "_a", "_device")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Any, dtype: Any = float, *ignored: Any, **more: Any) -> None:
        self._a, self._device = np.empty(shape, dtype), current_device()

    @classmethod
    def _of(cls, values: Any, device: int | None = None) -> ndarray:
        new = object.__new__(cls)
        new._a, new._device = np.asarray(values), current_device() if device is None else device
        return new

    def _view(self, values: Any) -> ndarray:
        return ndarray._of(values, self._device)

    # What the host knows without asking the device.
    dtype = property(lambda self: self._a.dtype)
    shape = property(lambda self: self._a.shape)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: self._a.flags)
    device = property(lambda self: Device(self._device))

    # Views.
    T = property(lambda self: self._view(self._a.T))
    mT = property(lambda self: self._view(self._a.mT))
    real = property(lambda self: self._view(self._a.real))
    imag = property(lambda self: self._view(self._a.imag))

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._a)))

    # Ways to the host: one refused, the others counted.
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def _fetch(self) -> Any:
        copy_out()
        return self._a.copy()

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        return self._fetch()

    def item(self) -> Any:
        return self._fetch().item()

    def tolist(self) -> Any:
        return self._fetch().tolist()

    def __bool__(self) -> bool:
        return builtins.bool(self._fetch())

    def __int__(self) -> int:
        return builtins.int(self._fetch())

    def __float__(self) -> float:
        return builtins.float(self._fetch())

    def __complex__(self) -> complex:
        return builtins.complex(self._fetch())

    def __index__(self) -> int:
        return operator.index(self._fetch())

    def __repr__(self) -> str:
        return repr(self._fetch())

    def __str__(self) -> str:
        return str(self._fetch())

    def __format__(self, spec: str) -> str:
        return format(self._fetch(), spec) if not self.ndim else object.__format__(self, spec)

    def __reduce__(self) -> Any:
        return (_rebuild, (self._fetch(),))

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self._device)

    def __dlpack__(self, **ignored: Any) -> Any:
        raise BufferError("the double has no device memory to share")

    # Kernels.
    def __getitem__(self, key: Any) -> ndarray:
        index, gathers, masked = _host_index(key, self.shape)
        if gathers:
            _run_here(self)
        if masked:
            synchronize()  # how many entries there are decides the shape
        return self._view(self._a[index])

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, np.ndarray):
            if key is not Ellipsis and key != slice(None):
                raise TypeError(f"Unsupported type {type(value)}")
            copy_in()
            self._a[...] = value
            return
        index, _, masked = _host_index(key, self.shape)
        if masked and isinstance(value, ndarray) and value.ndim:
            synchronize()
        _run_here(self)
        quiet(self._a.__setitem__, index, kernel_argument(value))

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if not copy and self.dtype == dtype:
            return self
        _run_here(self)
        return wrap(quiet(self._a.astype, dtype))

    def copy(self, order: str = "C") -> ndarray:
        launch()
        return ndarray._of(self._a.copy())  # onto the current device, as CuPy's

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    def view(self, dtype: Any = None) -> ndarray:
        return self._view(self._a.view() if dtype is None else self._a.view(dtype))

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> ndarray:
        return self._reshaped(self._a.reshape(*shape, order=order))

    def _reshaped(self, values: Any) -> ndarray:
        if not np.may_share_memory(values, self._a) and values.size:
            _run_here(self)
        return self._view(values)

    def ravel(self, order: str = "C") -> ndarray:
        return self._reshaped(self._a.ravel(order))

    def transpose(self, *axes: Any) -> ndarray:
        return self._view(self._a.transpose(*axes))

    def squeeze(self, axis: Any = None) -> ndarray:
        return self._view(self._a.squeeze(axis))

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        return self._view(self._a.swapaxes(axis1, axis2))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
        return self._view(self._a.diagonal(offset, axis1, axis2))

    # NumPy's functions on these arrays go to those of the double.
    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        ours = getattr(sys.modules["cupy"], function.__name__, None)
        if ours is None or method != "__call__":
            return NotImplemented
        if "out" in options:
            options["out"] = options["out"][0]
        return ours(*inputs, **options)

    def __array_function__(self, function: Any, kinds: Any, args: Any, kwargs: Any) -> Any:
        place: Any = sys.modules["cupy"]
        for part in function.__module__.split(".")[1:]:
            place = getattr(place, part, None)
        ours = getattr(place, function.__name__, None)
        if ours is None or ours is function:
            return NotImplemented
        return ours(*args, **kwargs)


def _rebuild(values: Any) -> ndarray:
    return ndarray._of(values)


def wrap(result: Any) -> Any:
    """Send what NumPy returned back onto the current device; numbers become arrays of no dimension."""
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray._of(result)
    if isinstance(result, (tuple, list)):
        parts = [wrap(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def kernel_argument(value: Any) -> Any:
    """Return what a kernel gets: an array of the current device, or a number; anything else is refused."""
    if isinstance(value, ndarray):
        check_device(value._device)
        return value._a
    if value is None or isinstance(value, (*_NUMBERS, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def bare(value: Any) -> Any:
    """Return the argument of a function for NumPy's: arrays bare, lists part by part, options as they are."""
    if isinstance(value, (ndarray, np.ndarray)):
        return kernel_argument(value)
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


def kernel_call(function: Callable[..., Any], *args: Any) -> Any:
    """Run a function of NumPy as one kernel."""
    values = [kernel_argument(arg) for arg in args]
    launch()
    return wrap(quiet(function, *values))


def _run_here(array: ndarray) -> None:
    check_device(array._device)
    launch()


def _host_index(key: Any, shape: tuple[int, ...]) -> tuple[Any, bool, bool]:
    """Return the key for NumPy, whether it gathers, and whether a mask is in it."""
    parts = key if isinstance(key, tuple) else (key,)
    found, masked, gathers = [], False, False
    for part in parts:
        if isinstance(part, (list, np.ndarray)) and not isinstance(part, np.generic):
            copy_in()
            part = np.asarray(part)
        elif isinstance(part, ndarray):
            part = kernel_argument(part)
        if isinstance(part, np.ndarray):
            gathers, masked = True, masked or part.dtype.kind == "b"
            if part.size and part.dtype.kind not in "biu":
                raise IndexError("arrays used as indices must be of integer or boolean type")
            part = part if part.size else part.astype(builtins.int)
        found.append(part)
    if len(found) == 1 and gathers and not masked and shape:
        found[0] = found[0] % builtins.max(1, shape[0])  # out of bounds wraps around, unseen
    return (tuple(found) if isinstance(key, tuple) else found[0]), gathers, masked


def _binary(name: str, function: Any, reverse: bool) -> Any:
    def operate(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, np.ndarray, np.generic, *_NUMBERS)):
            return NotImplemented
        return kernel_call(function, *((other, self) if reverse else (self, other)))

    operate.__name__ = name
    return operate


def _in_place(name: str, function: Any) -> Any:
    def operate(self: ndarray, other: Any) -> ndarray:
        value = kernel_argument(other)
        _run_here(self)
        quiet(function, self._a, value, out=self._a)
        return self

    operate.__name__ = name
    return operate


def _unary(name: str, function: Any) -> Any:
    def operate(self: ndarray) -> Any:
        return kernel_call(function, self)

    operate.__name__ = name
    return operate


def _method(name: str) -> Any:
    parameters, own = NAMES["ndarray"][name], getattr(np.ndarray, name)

    def call(self: ndarray, *args: Any, **options: Any) -> Any:
        check_keywords(name, parameters, options)
        values = [bare(arg) for arg in args]
        out = options.pop("out", None)
        _run_here(self)
        result = wrap(quiet(own, self._a, *values, **{key: bare(value) for key, value in options.items()}))
        return result if out is None else out.__setitem__(..., result) or out

    call.__name__ = name
    return call


def _complete() -> None:
    """Give the array the operators, and the methods that the wheel names."""
    binary = "add subtract multiply true_divide floor_divide remainder power matmul left_shift right_shift"
    marks = "add sub mul truediv floordiv mod pow matmul lshift rshift"
    pairs = list(zip(marks.split(), binary.split()))
    pairs += [("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"), ("divmod", "divmod")]
    for mark, name in pairs:
        function = getattr(np, name)
        for reverse, prefix in ((False, ""), (True, "r")):
            setattr(ndarray, f"__{prefix}{mark}__", _binary(mark, function, reverse))
        if f"__i{mark}__" in NAMES["ndarray"]:
            setattr(ndarray, f"__i{mark}__", _in_place(mark, function))
    for mark in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(ndarray, f"__{mark}__", _binary(mark, getattr(operator, mark), False))
    for mark, name in (("neg", "negative"), ("pos", "positive"), ("abs", "absolute"), ("invert", "invert")):
        setattr(ndarray, f"__{mark}__", _unary(mark, getattr(np, name)))
    for name, kind in NAMES["ndarray"].items():
        if isinstance(kind, list) and not name.startswith("_") and name not in ndarray.__dict__:
            setattr(ndarray, name, _method(name) if hasattr(np.ndarray, name) else _missing(name))
    for name in ("cstruct", "base", "data", "flat", "__cuda_array_interface__"):
        setattr(ndarray, name, property(_missing(name)))


def _missing(name: str) -> Any:
    def refuse(*ignored: Any, **more: Any) -> Any:
        raise NotImplementedError(f"the double has no {name}: it stands for CuPy's arrays on the host alone")

    return refuse


_complete()
