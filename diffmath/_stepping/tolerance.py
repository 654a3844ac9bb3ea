"""Tolerances, for all components or per component, and the error norm."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, real_dtype, same_kind, to_numpy
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows

__all__ = ["Tolerance"]

# Up to this size, NumPy sums a row from left to right.
_FEW = 7


@dataclass(frozen=True, eq=False)
class Tolerance:
    """Allowed error of a component x, ``atol + rtol * abs(x)``: numbers, or arrays that broadcast."""

    rtol: Any
    atol: Any

    def __post_init__(self) -> None:
        if (
            type(self.rtol) is type(self.atol) is float
            and 0 < self.rtol < math.inf
            and 0 < self.atol < math.inf
        ):
            return
        for name in ("rtol", "atol"):
            object.__setattr__(self, name, _check_tolerance(name, getattr(self, name)))
        rtol, atol = (to_numpy(value) if _is_array(value) else value for value in (self.rtol, self.atol))
        try:
            hopeless = (np.asarray(rtol) == 0) & (np.asarray(atol) == 0)
        except ValueError:
            shapes = tuple(rtol.shape), tuple(atol.shape)
            raise ValueError(
                f"rtol and atol must broadcast against each other; got shapes {shapes}"
            ) from None
        if hopeless.any():
            raise ValueError(
                f"rtol and atol must not both be 0: no step would ever be accepted{_place(hopeless)}"
            )

    def fitted(self, x: Array) -> Tolerance:
        """Return the tolerance with its arrays in the library, precision and device of x, (batch, ...)."""
        if not (_is_array(self.rtol) or _is_array(self.atol)):
            return self
        return Tolerance(_fit("rtol", self.rtol, x), _fit("atol", self.atol, x))

    def flat(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Return rtol and atol for states of this shape with flat rows: numbers, or (1 or batch, n)."""
        return _flat(self.rtol, shape), _flat(self.atol, shape)

    @property
    def largest_atol(self) -> float:
        """The largest atol of any component."""
        return float(to_numpy(self.atol).max(initial=0.0)) if _is_array(self.atol) else float(self.atol)

    def norm(self, values: Array, *states: Array) -> Rows:
        """Return the norm of every row on the host: one copy."""
        return to_numpy(self.measure(values, *states)).astype(np.float64)

    def norm_of_one(self, values: Array, state: Array) -> float:
        """Return the norm of the only row: of few numbers by Python, with the result of `norm`."""
        numbers = type(self.rtol) is type(self.atol) is float
        if not (
            numbers and type(values) is np.ndarray and values.dtype == np.float64 and values.size <= _FEW
        ):
            return float(self.norm(values, state)[0])
        total, atol = 0.0, self.atol + sys.float_info.min
        for value, at in zip(values.ravel().tolist(), state.ravel().tolist()):
            ratio = abs(value) / (self.rtol * abs(at) + atol)
            total += ratio * ratio
        return math.sqrt(total / max(values.size, 1))

    def measure(self, values: Array, *states: Array) -> Array:
        """Return, for every row, the root mean square of `values` in units of the tolerance at `states`."""
        xp: Any = np if type(values) is np.ndarray else array_namespace(values)
        size = xp.abs(states[0])
        for state in states[1:]:
            size = xp.maximum(size, xp.abs(state))
        tiny = _smallest_normal(values)  # atol = 0 and x = 0: 0/0 must be 0
        ratio = xp.abs(values) / (self.rtol * size + (self.atol + tiny))
        # Row-major through a flat view: the order of the sum, and so its last bit, does not depend on other
        # rows.
        ratio = xp.reshape(xp.reshape(ratio, (-1,)), (values.shape[0], math.prod(values.shape[1:])))
        total = xp.sum(ratio * ratio, axis=1) / max(ratio.shape[1], 1)
        return xp.sqrt(total)


def _smallest_normal(x: Array) -> float:
    if type(x) is np.ndarray and x.dtype == np.float64:
        return sys.float_info.min
    return float(array_namespace(x).finfo(real_dtype(x)).smallest_normal)


def _is_array(value: Any) -> bool:
    return bool(compat.is_array_api_obj(value)) and value.ndim > 0


def _check_tolerance(name: str, value: Any) -> Any:
    """Return a tolerance as a number or a floating array, or refuse it."""
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    if not _is_array(value):
        number = check_number(name, value)
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"{name} must be finite and not negative; got {number}")
        return number
    array_namespace(value, names=[name])
    host = to_numpy(value)
    if host.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers; got dtype {value.dtype}")
    bad = ~(np.isfinite(host) & (host >= 0))
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{name} must be finite and not negative; {name}{list(index)} is {host[index]}")
    return value


def _place(mask: Any) -> str:
    return f" at {list(map(int, np.argwhere(mask)[0]))}" if np.ndim(mask) else ""


def _fit(name: str, value: Any, x: Array) -> Any:
    if not _is_array(value):
        return value
    try:
        fits = np.broadcast_shapes(tuple(value.shape), tuple(x.shape)) == tuple(x.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} must broadcast against one state, shape {tuple(x.shape[1:])}, or against all, "
            f"{tuple(x.shape)}; got shape {tuple(value.shape)}"
        )
    if compat.is_numpy_array(value):
        return asarray_like(value, x)
    same_kind(name, value, "x0", x)
    return array_namespace(x).astype(value, real_dtype(x))


def _flat(value: Any, shape: tuple[int, ...]) -> Any:
    if not _is_array(value):
        return value
    xp, rows = array_namespace(value), value.shape[0] if value.ndim == len(shape) else 1
    return xp.reshape(xp.broadcast_to(value, (rows, *shape[1:])), (rows, math.prod(shape[1:])))
