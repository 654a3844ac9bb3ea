r"""The coefficients of stochastic interpolants: named pairs (a, b), and families of gamma.

.. math:: x_t = a(t)\,x_0 + b(t)\,x_1 + \gamma(t)\,z

A family of gamma has :math:`\gamma\dot\gamma` beside gamma: it is finite at the ends, where the derivative of
a square root is not. All are exact at t = 0 and t = 1. Source: Albergo, Boffi & Vanden-Eijnden (2023),
arXiv:2303.08797, section 4; the gammas "squared", "sine_squared" and "sigmoid" are those of its code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time

__all__ = ["GAMMAS", "PATHS", "Gamma", "Path"]


@dataclass(frozen=True)
class Path:
    """A linear path a x0 + b x1 from x0 at t = 0 to x1 at t = 1: here the straight line."""

    def a(self, t: Time) -> Any:
        return 1 - t

    def b(self, t: Time) -> Any:
        return t

    def d_a(self, t: Time) -> Any:
        return 0 * t - 1.0

    def d_b(self, t: Time) -> Any:
        return 0 * t + 1.0


@dataclass(frozen=True)
class _Trigonometric(Path):
    """A quarter of a circle, which keeps the variance of independent ends of equal variance."""

    def a(self, t: Time) -> Any:
        return elementary(t).sin(math.pi / 2 * (1 - t))

    def b(self, t: Time) -> Any:
        return elementary(t).sin(math.pi / 2 * t)

    def d_a(self, t: Time) -> Any:
        return -math.pi / 2 * elementary(t).sin(math.pi / 2 * t)

    def d_b(self, t: Time) -> Any:
        return math.pi / 2 * elementary(t).sin(math.pi / 2 * (1 - t))


@dataclass(frozen=True)
class _EncodingDecoding(Path):
    """x0 fades away until t = 1/2, then x1 appears: cos(pi t) = sin(pi (1/2 - t)), squared."""

    def a(self, t: Time) -> Any:
        return elementary(t).sin(math.pi * _positive(0.5 - t)) ** 2

    def b(self, t: Time) -> Any:
        return elementary(t).sin(math.pi * _positive(t - 0.5)) ** 2

    def d_a(self, t: Time) -> Any:
        return -math.pi * elementary(t).sin(2 * math.pi * _positive(0.5 - t))

    def d_b(self, t: Time) -> Any:
        return math.pi * elementary(t).sin(2 * math.pi * _positive(t - 0.5))


@dataclass(frozen=True)
class Gamma:
    """A family of gamma with its derivative times gamma: here no noise."""

    scale: float = 1.0

    def gamma(self, t: Time) -> Any:
        return 0.0 * t

    def gamma_rate(self, t: Time) -> Any:
        return 0.0 * t


@dataclass(frozen=True)
class _Brownian(Gamma):
    """The standard deviation of a Brownian bridge, sqrt(scale t (1 - t))."""

    def gamma(self, t: Time) -> Any:
        return elementary(t).sqrt(self.scale * t * (1 - t))

    def gamma_rate(self, t: Time) -> Any:
        return self.scale * (1 - 2 * t) / 2


@dataclass(frozen=True)
class _Squared(Gamma):
    """scale t (1 - t)."""

    def gamma(self, t: Time) -> Any:
        return self.scale * t * (1 - t)

    def gamma_rate(self, t: Time) -> Any:
        return self.gamma(t) * self.scale * (1 - 2 * t)


@dataclass(frozen=True)
class _SineSquared(Gamma):
    """scale sin^2(pi t)."""

    def gamma(self, t: Time) -> Any:
        return self.scale * elementary(t).sin(math.pi * _to_end(t)) ** 2

    def gamma_rate(self, t: Time) -> Any:
        return self.gamma(t) * self.scale * math.pi * elementary(t).sin(2 * math.pi * t)


@dataclass(frozen=True)
class _Sigmoid(Gamma):
    """scale (S(10 (t - 1/2) + 1) - S(10 (t - 1/2) - 1) - S(-4) + S(-6)), S logistic.

    S(y + 1) - S(y - 1) = sinh(1) / (cosh(y) + cosh(1)), so the difference from the ends is a product.
    """

    def gamma(self, t: Time) -> Any:
        place, m = 10 * _to_end(t), elementary(t)
        numerator = 2 * math.sinh(1) * m.sinh(place / 2) * m.sinh((10 - place) / 2)
        return self.scale * numerator / (self._height(m.cosh(5 - place)) * self._height(math.cosh(5)))

    def gamma_rate(self, t: Time) -> Any:
        y = 10 * (t - 0.5)
        m = elementary(t)
        return -10 * self.scale * math.sinh(1) * self.gamma(t) * m.sinh(y) / self._height(m.cosh(y)) ** 2

    def _height(self, cosh: Any) -> Any:
        return cosh + math.cosh(1)


PATHS = {"linear": Path, "trigonometric": _Trigonometric, "encoding_decoding": _EncodingDecoding}
GAMMAS = {
    "zero": Gamma,
    "brownian": _Brownian,
    "squared": _Squared,
    "sine_squared": _SineSquared,
    "sigmoid": _Sigmoid,
}


def _positive(t: Any) -> Any:
    m = elementary(t)
    return max(t, 0.0) if m is math else m.maximum(t, m.zeros_like(t))


def _to_end(t: Any) -> Any:
    """The distance to the nearer end, with which sines and differences are exact at both."""
    m = elementary(t)
    return min(t, 1 - t) if m is math else m.minimum(t, 1 - t)
