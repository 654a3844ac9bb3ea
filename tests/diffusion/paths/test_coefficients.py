"""Named coefficients against SymPy, exact at the ends, where gamma times its derivative is finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

from diffmath import diffusion

T = sympy.Symbol("t", positive=True)


def _logistic(y: Any) -> Any:
    return 1 / (1 + sympy.exp(-y))


_HALF, _PI = sympy.Rational(1, 2), sympy.pi
PATHS = {
    "linear": (1 - T, T),
    "trigonometric": (sympy.cos(_PI * T / 2), sympy.sin(_PI * T / 2)),
    "encoding_decoding": (
        sympy.Piecewise((sympy.cos(_PI * T) ** 2, T < _HALF), (0, True)),
        sympy.Piecewise((sympy.cos(_PI * T) ** 2, T > _HALF), (0, True)),
    ),
}
GAMMAS = {
    "brownian": sympy.sqrt(T * (1 - T)),
    "squared": T * (1 - T),
    "sine_squared": sympy.sin(_PI * T) ** 2,
    "sigmoid": _logistic(10 * (T - _HALF) + 1)
    - _logistic(10 * (T - _HALF) - 1)
    - _logistic(sympy.Integer(-4))
    + _logistic(sympy.Integer(-6)),
}
TIMES = (1e-4, 0.2, 0.49, 0.7, 0.999)


def value(expression: Any, t: float) -> float:
    return float(expression.subs(T, sympy.Rational(t)).evalf(30))


@pytest.mark.parametrize("kind", list(PATHS))
def test_paths(kind: Any) -> None:
    found, (a, b) = diffusion.interpolant(kind), PATHS[kind]
    for t in TIMES:
        for function, expression in (
            (found.a, a),
            (found.b, b),
            (found.d_a, sympy.diff(a, T)),
            (found.d_b, sympy.diff(b, T)),
        ):
            assert math.isclose(function(t), value(expression, t), rel_tol=1e-12, abs_tol=1e-15)
    assert (found.a(0.0), found.b(0.0), found.a(1.0), found.b(1.0)) == (1.0, 0.0, 0.0, 1.0)
    assert found.gamma(0.0) == found.gamma(1.0) == 0.0


@pytest.mark.parametrize("gamma", list(GAMMAS))
def test_gammas(gamma: Any) -> None:
    scale = 1.0 if gamma == "sigmoid" else 2.0
    found = diffusion.interpolant(gamma=gamma, scale=scale)
    exact = GAMMAS[gamma] * (math.sqrt(scale) if gamma == "brownian" else scale)
    for t in TIMES:
        assert math.isclose(found.gamma(t), value(exact, t), rel_tol=1e-11)  # 1 - t of the last time
        assert math.isclose(found.gamma_rate(t), value(exact * sympy.diff(exact, T), t), rel_tol=1e-10)
    assert found.gamma(0.0) == found.gamma(1.0) == 0.0
    # gamma gamma' at the ends: 1/2 of the slope of gamma^2.
    slope = 1.0 if gamma == "brownian" else 0.0
    assert (found.gamma_rate(0.0), found.gamma_rate(1.0)) == pytest.approx((slope, -slope), abs=1e-15)


@pytest.mark.parametrize("kind", list(PATHS))
@pytest.mark.parametrize("gamma", list(GAMMAS))
def test_arrays_of_times(xp: Any, kind: Any, gamma: Any) -> None:
    found, t = diffusion.interpolant(kind, gamma), np.array([0.0, 0.3, 0.5, 0.8, 1.0])
    for role in ("a", "b", "d_a", "d_b", "gamma", "gamma_rate"):
        got = xp.numpy(getattr(found, role)(xp.asarray(t)))
        np.testing.assert_allclose(got, [getattr(found, role)(float(s)) for s in t], rtol=1e-13, atol=1e-15)
