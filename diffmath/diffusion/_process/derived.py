r"""What follows from alpha and sigma: derivatives, the SDE's coefficients, the log-SNR and its inverse.

.. math:: f = \dot\alpha/\alpha, \qquad g^2 = 2\sigma\Delta/\alpha, \quad
   \Delta = \alpha\dot\sigma - \dot\alpha\sigma, \qquad \lambda = \ln(\alpha/\sigma)

The functions are data classes, not closures, so that a process can be pickled. SymPy is imported only if an
expression is given.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.times import TimeFunction

__all__ = [
    "Drift", "Formula", "LogSNR", "SquaredDiffusion", "TimeOfLogSNR", "log", "logistic", "ratio", "softplus",
    "time_functions",
]  # fmt: skip


def time_functions(
    alpha: Any, sigma: Any, d_alpha: Any, d_sigma: Any, t_max: float
) -> tuple[Any, Any, Any, Any]:
    """Return the four primary functions; derivatives that are not given are derived."""
    pairs = []
    for role, function, derivative in (("alpha", alpha, d_alpha), ("sigma", sigma, d_sigma)):
        if _is_expression(function):
            function = Formula.of(role, function)
            derivative = function.derivative() if derivative is None else derivative
        elif not callable(function):
            raise TypeError(
                f"{role} must be a callable {role}(t) or a SymPy expression; got {type(function).__name__}"
            )
        pairs.append((function, Differences(function, t_max) if derivative is None else derivative))
    return pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]


def ratio(numerator: Any, denominator: Any) -> Any:
    """Return a quotient of numbers or arrays that is infinite, without a warning, where one divides by 0."""
    if isinstance(numerator, float | int) and isinstance(denominator, float | int):
        if denominator == 0:
            return math.nan if numerator == 0 else math.copysign(math.inf, numerator)
        return numerator / denominator
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator


def log(value: Any) -> Any:
    """Natural logarithm with log(0) = -inf, for a number or an array, without a warning."""
    m = elementary(value)
    if m is math:
        return math.log(value) if value > 0 else -math.inf
    positive = value > 0
    return m.where(
        positive, m.log(m.where(positive, value, m.ones_like(value))), m.full_like(value, -math.inf)
    )


def logistic(z: Any) -> Any:
    """1 / (1 + e^-z) without overflow, for a number or an array."""
    m = elementary(z)
    small = m.exp(-abs(z))
    if m is math:
        return (1.0 if z > 0 else small) / (1 + small)
    return m.where(z > 0, m.ones_like(small), small) / (1 + small)


def softplus(z: Any) -> Any:
    """log(1 + e^z) without overflow, for a number or an array."""
    m = elementary(z)
    if m is math:
        return max(z, 0.0) + math.log1p(math.exp(-abs(z)))
    return m.logaddexp(m.zeros_like(z), z)


@dataclass(frozen=True)
class Drift:
    r"""The linear drift :math:`f = \dot\alpha/\alpha`."""

    alpha: TimeFunction
    d_alpha: TimeFunction

    def __call__(self, t: Time) -> Any:
        return ratio(self.d_alpha(t), self.alpha(t))


@dataclass(frozen=True)
class SquaredDiffusion:
    r"""The squared diffusion :math:`g^2 = 2\sigma(\alpha\dot\sigma - \dot\alpha\sigma)/\alpha`."""

    alpha: TimeFunction
    sigma: TimeFunction
    d_alpha: TimeFunction
    d_sigma: TimeFunction

    def __call__(self, t: Time) -> Any:
        alpha, sigma = self.alpha(t), self.sigma(t)
        return ratio(2 * sigma * (alpha * self.d_sigma(t) - self.d_alpha(t) * sigma), alpha)


@dataclass(frozen=True)
class LogSNR:
    r"""The log-SNR :math:`\ln(\alpha/\sigma)`, infinite where alpha or sigma is 0."""

    alpha: TimeFunction
    sigma: TimeFunction

    def __call__(self, t: Time) -> Any:
        return log(self.alpha(t)) - log(self.sigma(t))


@dataclass(frozen=True)
class TimeOfLogSNR:
    """The inverse of a decreasing log-SNR on [0, t_max], by root finding to the last digits of t."""

    log_snr: TimeFunction
    t_max: float

    def __call__(self, lam: Any) -> Any:
        if isinstance(lam, float | int):
            return self._solve(float(lam))
        if isinstance(lam, np.ndarray):
            return np.asarray([self._solve(float(value)) for value in lam.ravel()]).reshape(lam.shape)
        raise TypeError(
            "the time of a log-SNR is found by root finding on the host, for numbers and NumPy arrays; got "
            f"{type(lam).__name__}: pass time_of_log_snr= to the process, or numbers"
        )

    def _solve(self, lam: float) -> float:
        from scipy.optimize import brentq  # 0.15 s that only processes without a closed form need

        def gap(t: float) -> float:  # bounded, so that infinite ends are bisected
            value = float(self.log_snr(t))
            return 0.0 if value == lam else min(max(value - lam, -1.0), 1.0)

        if not gap(self.t_max) <= 0 <= gap(0.0):
            raise ValueError(
                f"the log-SNR of this process lies between {float(self.log_snr(self.t_max)):g} (t_max) and "
                f"{float(self.log_snr(0.0)):g} (t=0); got {lam}"
            )
        # Bisection from 1 to the least normal number takes 1,100 halvings.
        found = brentq(gap, 0.0, self.t_max, xtol=sys.float_info.min, rtol=1e-15, maxiter=1200)
        return float(found)


@dataclass(frozen=True)
class Differences:
    """The derivative of a callable: that of a quartic through five neighbouring times, all in [0, t_max]."""

    function: TimeFunction
    t_max: float

    def __call__(self, t: Time) -> Any:
        m = elementary(t)
        t = t + 0.0
        # Truncation h^4 and rounding eps/h: 1e-9 in float64, 1e-5 in float32.
        h = self.t_max * (2e-4 if m is math or m.finfo(t.dtype).eps < 1e-10 else 1e-2)
        middle = self._bounded(t, 2 * h, self.t_max - 2 * h)
        s = (t - middle) / h  # 0, except within 2 h of an end, where the times stay and t moves
        weights = (
            (2 + s * (-2 + s * (-6 + 4 * s))) / 24,
            (4 + s * (-8 + s * (-3 + 4 * s))) / -6,
            s * (-10 + 4 * s**2) / 4,
            (-4 + s * (-8 + s * (3 + 4 * s))) / -6,
            (-2 + s * (-2 + s * (6 + 4 * s))) / 24,
        )
        places = (self._bounded(middle + k * h, 0.0, self.t_max) for k in (-2, -1, 0, 1, 2))
        return sum(w * self.function(place) for w, place in zip(weights, places, strict=True)) / h

    def _bounded(self, t: Any, low: float, high: float) -> Any:
        m = elementary(t)
        return min(max(t, low), high) if m is math else m.clip(t, low, high)


@dataclass(frozen=True)
class Formula:
    """A SymPy expression in time as a function of a number or of an array of any library."""

    expression: Any
    symbol: Any

    @classmethod
    def of(cls, role: str, expression: Any) -> Formula:
        """Return the function of an expression in at most one symbol."""
        import sympy

        symbols = sorted(expression.free_symbols, key=str)
        if len(symbols) > 1:
            raise TypeError(f"{role} must be an expression in one symbol, the time; got {symbols}")
        return cls(expression, symbols[0] if symbols else sympy.Symbol("t"))

    def derivative(self) -> Formula:
        """Return the derivative in time."""
        import sympy

        return Formula(sympy.diff(self.expression, self.symbol), self.symbol)

    def __call__(self, t: Time) -> Any:
        library = elementary(t)
        known = self.__dict__.setdefault("_functions", {})
        name = getattr(library, "__name__", "")
        if name not in known:
            import sympy

            known[name] = sympy.lambdify(self.symbol, self.expression, modules=[library, "math"])
        if library is not math:
            with np.errstate(divide="ignore", invalid="ignore"):  # infinite derivatives are what they are
                return known[name](t) + 0 * t  # constants too have the shape of t
        return self._number(known[name], float(t))

    def _number(self, function: Any, t: float) -> float:
        if t.is_integer():  # exactly, so that cos(pi/2) is 0
            import sympy

            exact = self.expression.subs(self.symbol, sympy.Integer(int(t)))
            if exact.is_finite:
                return float(exact)
        try:
            return float(function(t))
        except ZeroDivisionError:  # sin(t)/t has a limit at 0, the derivative of sqrt(t) is infinite
            far, near = (float(function(t * (1 - gap) if t else gap**2)) for gap in (1e-13, 1e-15))
            grows = abs(near) > 2 * abs(far) or abs(near) > 1e12  # as 1/sqrt(gap) does, tenfold
            return math.copysign(math.inf, near) if grows else near

    def __getstate__(self) -> dict[str, Any]:
        return {"expression": self.expression, "symbol": self.symbol}


def _is_expression(value: Any) -> bool:
    sympy = sys.modules.get("sympy")  # an expression exists only where SymPy is imported
    return sympy is not None and isinstance(value, sympy.Expr)
