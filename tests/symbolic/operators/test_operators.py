"""The generator and the Fokker-Planck operator: closed forms, stationary laws, adjointness."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, exp

from diffmath import symbolic

x, y, t = sympy.symbols("x y t")
theta, sigma, D, mu = sympy.symbols("theta sigma D mu", positive=True)
ou = symbolic.SDE(state=[x], time=t, drift=[-theta * x], diffusion=[[sigma]])


def test_ornstein_uhlenbeck_operator() -> None:
    p = sympy.Function("p")(x, t)
    expected = theta * p + theta * x * p.diff(x) + sigma**2 * p.diff(x, 2) / 2
    assert sympy.expand(symbolic.fokker_planck_operator(ou) - expected) == 0


def test_ornstein_uhlenbeck_transition_density_solves_it() -> None:
    """The Gaussian of mean x0 e^{-theta t} and variance sigma^2 (1 - e^{-2 theta t}) / (2 theta)."""
    variance = sigma**2 * (1 - exp(-2 * theta * t)) / (2 * theta)
    p = exp(-((x - 3 * exp(-theta * t)) ** 2) / (2 * variance)) / sympy.sqrt(2 * sympy.pi * variance)
    residual = (p.diff(t) - symbolic.fokker_planck_operator(ou, p)) / p
    assert sympy.simplify(residual) == 0


def test_double_well_annihilates_its_stationary_density() -> None:
    V = (x**2 - 1) ** 2 / 4
    well = symbolic.SDE(state=[x], time=t, drift=[-V.diff(x)], diffusion=[[sympy.sqrt(2 * D)]])
    assert sympy.simplify(symbolic.fokker_planck_operator(well, exp(-V / D))) == 0
    # The check can fail: another temperature is not stationary.
    assert sympy.simplify(symbolic.fokker_planck_operator(well, exp(-V / (2 * D)))) != 0


def test_geometric_brownian_motion_generator_gives_its_moments() -> None:
    stock = symbolic.SDE(state=[x], time=t, drift=[mu * x], diffusion=[[sigma * x]])
    for k in range(1, 4):
        rate = k * mu + Rational(k * (k - 1), 2) * sigma**2
        assert sympy.simplify(symbolic.generator(stock, x**k) - rate * x**k) == 0


def test_student_law_of_multiplicative_noise() -> None:
    """dX = -X dt + sigma sqrt(1 + X^2) dW has the density (1 + x^2)^(-1 - 1/sigma^2) (Pearson)."""
    sde = symbolic.SDE(state=[x], time=t, drift=[-x], diffusion=[[sigma * sympy.sqrt(1 + x**2)]])
    assert sympy.simplify(symbolic.fokker_planck_operator(sde, (1 + x**2) ** (-1 - 1 / sigma**2))) == 0


def test_correlated_noise_keeps_its_gaussian() -> None:
    """dX = -X dt + g dW in the plane, g with off-diagonal noise: the covariance is g g^T / 2."""
    g = sympy.Matrix([[1, 2], [0, 3]])
    sde = symbolic.SDE(state=[x, y], time=t, drift=[-x, -y], diffusion=g)
    z = sympy.Matrix([x, y])
    p = exp(-(z.T * (g * g.T / 2).inv() * z)[0] / 2)
    assert sympy.simplify(symbolic.fokker_planck_operator(sde, p)) == 0


def test_time_enters_the_generator() -> None:
    assert symbolic.generator(ou, t * x) == -t * theta * x + x


def test_stratonovich_is_converted_first() -> None:
    """Heat on the half line: dX = X o dW has the generator (x d/dx)^2 / 2."""
    sde = symbolic.SDE(state=[x], time=t, drift=[0], diffusion=[[x]], calculus="stratonovich")
    phi = sympy.Function("phi")(x)
    euler = x * (x * phi.diff(x)).diff(x) / 2
    assert sympy.expand(symbolic.generator(sde, phi) - euler) == 0
    p = sympy.Function("p")(x, t)
    adjoint = (x * (x * p).diff(x)).diff(x) / 2
    assert sympy.expand(symbolic.fokker_planck_operator(sde) - adjoint) == 0


def test_absolute_values_differentiate_for_plain_symbols() -> None:
    """The Laplace law of dX = -sign(X) dt + sqrt(2) dW, away from its kink, with undeclared symbols."""
    sde = symbolic.SDE(state=[x], time=t, drift=[-sympy.sign(x)], diffusion=[[sympy.sqrt(2)]])
    residual = symbolic.fokker_planck_operator(sde, exp(-sympy.Abs(x)))
    assert [sympy.simplify(residual.subs(x, v)) for v in (-2, Rational(1, 3))] == [0, 0]


def test_phi_must_be_a_formula() -> None:
    with pytest.raises(TypeError, match="phi must be a SymPy expression or a real number; got str"):
        symbolic.generator(ou, "x**2")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="density must be a SymPy expression or a real number; got list"):
        symbolic.fokker_planck_operator(ou, [x])  # type: ignore[arg-type]


_coefficients = st.lists(st.integers(-2, 2), min_size=3, max_size=3)


def _polynomial(coefficients: list[int], *monomials: Any) -> Any:
    return sympy.Add(*(c * m for c, m in zip(coefficients, monomials)))


def _gaussian_integral(formula: Any) -> Any:
    """The integral of a polynomial times exp(-(x^2 + y^2)/2) / (2 pi), by moments."""
    moment = [1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395]
    return sum(c * moment[i] * moment[j] for (i, j), c in sympy.Poly(formula, x, y).terms())


@settings(max_examples=settings.default.max_examples // 5)
@given(*[_coefficients] * 6, st.sampled_from(["ito", "stratonovich"]))
def test_the_operators_are_adjoint(f: Any, h: Any, g: Any, k: Any, phi: Any, q: Any, calculus: Any) -> None:
    """Integrals of phi L*p and p L phi agree, exactly, for polynomials phi and Gaussian p."""
    sde = symbolic.SDE(
        state=[x, y],
        time=t,
        drift=[_polynomial(f, x, y, x * y), _polynomial(h, 1, x**2, y)],
        diffusion=[[_polynomial(g, 1, x, y), 1], [x, _polynomial(k, 1, y, x)]],
        calculus=calculus,
    )
    test, gaussian = _polynomial(phi, x, x * y, y**2), exp(-(x**2 + y**2) / 2)
    p = _polynomial(q, 1, x, y) * gaussian
    left = sympy.expand(test * symbolic.fokker_planck_operator(sde, p) / gaussian)
    right = sympy.expand(symbolic.generator(sde, test) * p / gaussian)
    assert _gaussian_integral(left) == _gaussian_integral(right)


@pytest.mark.parametrize("operator", [symbolic.generator, symbolic.fokker_planck_operator])
def test_an_equation_without_formulas_is_refused(operator: Any) -> None:
    with pytest.raises(TypeError, match=r"sde must be a symbolic\.SDE; got int: formulas are needed here"):
        operator(3, sympy.Symbol("x"))
