"""The current device of CuPy, which determines where arrays are made and kernels run.

array-api-compat ignores `device=` when it makes arrays for CuPy: they are made on the current device, which
belongs to the thread and may differ from that of the arguments. A public call works on the device of its
arguments.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import array_api_compat as compat

from diffmath._arrays.tracing import is_traced

__all__ = ["each_on_its_device", "is_off_host", "on_device_of", "on_its_device"]

P = ParamSpec("P")
R = TypeVar("R")

# A model holds its arrays directly, or in a nested structure.
_DEPTH = 2


def on_device_of(*values: Any) -> AbstractContextManager[Any]:
    """Return a context in which new arrays are on the device of the first CuPy array in `values`, if any.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.devices import on_device_of
    >>> with on_device_of(np.zeros(2)) as device:
    ...     print(device)
    None
    """
    if "cupy" not in sys.modules:
        return nullcontext()
    place = next((place for value in values if (place := _device_in(value, _DEPTH)) is not None), None)
    return nullcontext() if place is None else cast(AbstractContextManager[Any], place)


def is_off_host(x: Any) -> bool:
    """Whether an array lives on another device than the CPU, so that reading a number waits for its kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.devices import is_off_host
    >>> is_off_host(np.zeros(2))
    False
    """
    if compat.is_cupy_array(x):
        return True
    if compat.is_torch_array(x):
        return not x.is_cpu
    if compat.is_jax_array(x) and not is_traced(x):
        return any(place.platform != "cpu" for place in x.devices())
    return False


def _device_in(value: Any, depth: int) -> Any:
    if compat.is_cupy_array(value):
        return value.device
    if not depth or isinstance(value, type) or not is_dataclass(value):
        return None
    parts = (_device_in(getattr(value, part.name, None), depth - 1) for part in fields(value))
    return next((place for place in parts if place is not None), None)


def on_its_device(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function on the device of its first CuPy array, whatever the current device of the thread."""
    modules, device_of = sys.modules, on_device_of

    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        if "cupy" not in modules:
            return function(*args, **kwargs)
        with device_of(*args, *kwargs.values()):
            return function(*args, **kwargs)

    # With the globals of the function: doctest looks for examples in functions of the module alone.
    space, closure = getattr(function, "__globals__", {}), inside.__closure__
    moved = FunctionType(inside.__code__, space, function.__name__, None, closure)
    return cast(Callable[P, R], functools.update_wrapper(moved, function))


def each_on_its_device(values: Iterator[R], *like: Any) -> Iterator[R]:
    """Iterate with each value made on the device of `like`; between them the caller's device is current."""
    if "cupy" not in sys.modules:
        yield from values
        return
    ended = object()
    while True:
        with on_device_of(*like):
            value = next(values, ended)
        if value is ended:
            return
        yield cast(R, value)
