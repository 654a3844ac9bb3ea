"""Moment equations: closed forms, processes that are not linear but close, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from diffmath import sde, symbolic
from diffmath._arrays.expm import expm

x, y, t, a, b, s = sympy.symbols("x y t a b s")


def test_linear_equations_in_both_calculi():
    ito = symbolic.SDE([x], t, [a * x], [[s * x]])
    exponents, matrix = symbolic.moment_equations(ito, 4)
    assert exponents == ((0,), (1,), (2,), (3,), (4,))
    diagonal = [p * a + sympy.Rational(p * (p - 1), 2) * s**2 for p in range(5)]
    assert (matrix - sympy.diag(*diagonal)).expand().is_zero_matrix
    other = symbolic.moment_equations(ito.to_stratonovich(), 4)[1]
    assert (matrix - other).expand().is_zero_matrix


def test_a_square_root_process_closes_though_it_is_not_linear():
    """Cox-Ingersoll-Ross: the stationary mean b and variance s^2 b / (2 a)."""
    process = symbolic.SDE([x], t, [a * (b - x)], [[s * sympy.sqrt(x)]])
    _, matrix = symbolic.moment_equations(process)
    stationary = sympy.Matrix([1, b, b**2 + s**2 * b / (2 * a)])
    assert (matrix * stationary).expand().is_zero_matrix
    with pytest.raises(ValueError, match="diffusion must be linear"):
        sde.LinearSDE.from_symbolic(process.subs({a: 1, b: 1, s: 1}))


def test_they_agree_with_the_numbers_of_sde():
    equation = symbolic.SDE([x, y], t, [y - x / 2, 1 - x], [[x / 3, 1], [y / 4 - 1, x / 5]], "stratonovich")
    exponents, matrix = symbolic.moment_equations(equation, 3)
    start = np.array([0.5**i * 2.0**j for i, j in exponents])
    found = expm(0.7 * np.array(matrix.tolist(), dtype=float)) @ start
    raw = sde.raw_moments(equation, [0.5, 2.0], [0.0, 0.7], 3)[1]
    expected = [raw[tuple([1] * i + [2] * j + [0] * (3 - i - j))] for i, j in exponents]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_what_does_not_close_is_refused():
    well = symbolic.SDE([x], t, [x - x**3], [[1]])
    with pytest.raises(ValueError, match=r"up to order 2 must close; that of x needs x\*\*3"):
        symbolic.moment_equations(well)
    with pytest.raises(ValueError, match="no polynomial in the state"):
        symbolic.moment_equations(symbolic.SDE([x], t, [sympy.sin(x)], [[1]]))
    with pytest.raises(ValueError, match="order"):
        symbolic.moment_equations(well, 0)
    with pytest.raises(TypeError, match=r"sde must be a symbolic\.SDE; got LinearSDE"):
        symbolic.moment_equations(sde.LinearSDE([[1.0]], b=[[1.0]]))
