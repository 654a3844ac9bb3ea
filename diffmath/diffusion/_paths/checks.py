"""Checks of the arguments and the coefficients of interpolants."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from diffmath._arrays.namespace import array_namespace, check_array, same_kind
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._process import row_times

__all__ = ["Constant", "check_coefficients", "pair", "strength_at", "times_inside"]

TimeFunction = Callable[[Any], Any]


class Coefficients(Protocol):
    """The functions of an `Interpolant` that must agree."""

    @property
    def a(self) -> TimeFunction: ...
    @property
    def b(self) -> TimeFunction: ...
    @property
    def d_a(self) -> TimeFunction: ...
    @property
    def d_b(self) -> TimeFunction: ...
    @property
    def gamma(self) -> TimeFunction: ...
    @property
    def gamma_rate(self) -> TimeFunction: ...


@dataclass(frozen=True)
class Constant:
    """A constant function of time, which can be pickled."""

    value: float

    def __call__(self, t: float) -> float:
        return self.value


def check_coefficients(found: Coefficients) -> None:
    """Refuse coefficients that are no functions, do not lead from x0 to x1, or contradict one another."""
    for role in ("a", "b", "d_a", "d_b", "gamma", "gamma_rate"):
        if not callable(getattr(found, role)):
            kind = type(getattr(found, role)).__name__
            raise TypeError(f"{role} must be a callable {role}(t); got {kind}")
    for t, wanted in ((0.0, (1.0, 0.0, 0.0)), (1.0, (0.0, 1.0, 0.0))):
        values = tuple(float(f(t)) for f in (found.a, found.b, found.gamma))
        if not all(abs(v - w) <= 1e-9 for v, w in zip(values, wanted, strict=True)):
            raise ValueError(f"(a, b, gamma) must be {wanted} at t={t:g}; got {values}")
    _check_derivatives(found)


def _check_derivatives(found: Coefficients) -> None:
    """Compare derivatives with differences of the coefficients at three times."""
    h = 1e-5
    for t in (0.21, 0.48, 0.83):
        for role, function, rate in (
            ("d_a", found.a, found.d_a(t)),
            ("d_b", found.b, found.d_b(t)),
            ("gamma_rate", lambda s: float(found.gamma(s)) ** 2 / 2, found.gamma_rate(t)),
        ):
            slope = (float(function(t + h)) - float(function(t - h))) / (2 * h)
            # 1e-6: the differences are good to h^2 times a third derivative of up to a thousand.
            if not abs(float(rate) - slope) <= 1e-6 * (1 + abs(slope)):
                what = (
                    "gamma times its derivative" if role == "gamma_rate" else f"the derivative of {role[2:]}"
                )
                raise ValueError(f"{role} must be {what}; at t={t:g} it is {rate:g} instead of {slope:g}")


def pair(x0: Array, x1: Array) -> tuple[Array, Array]:
    """Return the samples of two laws, of one library and shape."""
    x0, x1 = check_array("x0", x0, min_ndim=2), check_array("x1", x1)
    same_kind("x0", x0, "x1", x1)
    if x1.shape != x0.shape:
        raise ValueError(f"x1 must have the shape of x0, {tuple(x0.shape)}; got {tuple(x1.shape)}")
    return x0, x1


def times_inside(t: Time, x: Array) -> Time:
    """Return times in [0, 1] as a float, or as an array that broadcasts against x."""
    times = row_times(t, x)
    inside = times <= 1 if isinstance(times, float) else all_true(array_namespace(times).less_equal(times, 1))
    if not inside:
        raise ValueError(f"t must lie in [0, 1]{f'; got {t}' if isinstance(t, float) else ' in every row'}")
    return times


def strength_at(epsilon: Callable[[float], float], t: float) -> float:
    """Return the strength of the noise at a time, which must not be negative."""
    found = float(epsilon(t))
    if not 0 <= found < math.inf:
        raise ValueError(f"epsilon must be finite and not negative; got {found} at t={t:g}")
    return found
