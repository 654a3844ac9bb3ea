"""Times as a process takes them, a host number or an array with one time per row; and noise for data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from diffmath._arrays.namespace import array_namespace, check_array, expand_like, same_kind
from diffmath._arrays.scalars import elementary
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array, Time
from diffmath.random import Key, fold_in, normal

__all__ = ["TimeFunction", "check_noise", "functions_of", "in_kind", "noise_for", "row_times"]

TimeFunction = Callable[[Any], Any]


def row_times(t: Time, x: Array, t_max: float = math.inf) -> Time:
    """Return `t`, at most `t_max`, as a Python float, or per-row times as an array that broadcasts to `x`."""
    if isinstance(t, float | int):
        return _check_time(t, t_max)
    xp = array_namespace(x, t, names=["x", "t"])
    if t.ndim == 0 and is_traced(t):
        t = xp.broadcast_to(t, x.shape[:1])
    if t.ndim == 0:
        return _check_time(float(t), t_max)
    if t.shape[0] != x.shape[0] or math.prod(t.shape) != t.shape[0]:
        raise ValueError(
            f"t must be a number or one time per row, shape ({x.shape[0]},); got {tuple(t.shape)}"
        )
    t = xp.astype(xp.reshape(t, (-1,)), x.dtype)
    if not all_true((t >= 0) & xp.isfinite(t)):
        raise ValueError("t must be finite and not negative in every row")
    if t_max < math.inf and not all_true(t <= t_max * _ROUNDED):
        raise ValueError(_beyond(t_max, f"{float(xp.max(t)):g} in some row"))
    return expand_like(t, x)


# What a time may exceed t_max by, in float32.
_ROUNDED = 1 + 1e-6


def _check_time(t: float, t_max: float = math.inf) -> float:
    if not 0 <= t < math.inf:
        raise ValueError(f"t must be finite and not negative; got {t}")
    if t > t_max * _ROUNDED:
        raise ValueError(_beyond(t_max, f"{t:g}"))
    return float(t)


def _beyond(t_max: float, got: str) -> str:
    return (
        f"t must lie in [0, t_max={t_max:g}]; got {got}: give times, not indices (index i of N is the time "
        "(i + 1)/N), or make the process with a larger t_max"
    )


def check_noise(x0: Array, noise: Any) -> Array:
    """Return the noise, which must have the library and the shape of the data."""
    found = check_array("noise", noise)
    same_kind("x0", x0, "noise", found)
    if found.shape != x0.shape:
        raise ValueError(f"noise must have the shape of x0, {tuple(x0.shape)}; got {tuple(found.shape)}")
    return found


def noise_for(caller: str, x0: Array, key: Key | None, noise: Any) -> Array:
    """Return the noise that is given, or draw it with the key in the domain of the caller."""
    if (key is None) == (noise is None):
        raise TypeError(f"{caller} needs exactly one of key=dm.random.key(0) and noise=array")
    if key is None:
        return check_noise(x0, noise)
    return normal(fold_in(key, f"diffusion.{caller}"), tuple(x0.shape), like=x0)


def in_kind(function: TimeFunction, t: Time) -> Any:
    """Return the value of a function of time: a Python float for a number, an array for an array."""
    # A function written with NumPy returns np.float64 for a float, which would promote a float32 state.
    if isinstance(t, float | int):
        return float(function(_check_time(t)))
    if elementary(t) is math:
        raise TypeError(f"t must be a number or an array of times; got {type(t).__name__}: np.asarray(t)")
    return function(t)


_ROLES = ("alpha", "sigma", "d_alpha", "d_sigma", "f", "g2", "log_snr", "time_of_log_snr")


def functions_of(curve: Any) -> dict[str, TimeFunction]:
    """Return those functions of a process that an object has as methods."""
    return {role: getattr(curve, role) for role in _ROLES if hasattr(curve, role)}
