"""Measures: validation, orthonormality proven, coefficients."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from diffmath import symbolic
from diffmath.symbolic._hippo.orthogonal import _beta_integral, coefficients, inner_products, variable


def _measure(**changes: Any) -> symbolic.Measure:
    arguments: dict[str, Any] = {"name": "m", "basis": symbolic.legs.basis, "weight": symbolic.legs.weight}
    return symbolic.Measure(**{**arguments, **changes})


@pytest.mark.parametrize("measure", [symbolic.legs, symbolic.legt], ids=repr)
def test_shipped_bases_are_orthonormal(measure: symbolic.Measure) -> None:
    functions = [sympy.expand(measure.basis(n, variable)) for n in range(6)]
    assert inner_products(measure, functions) == sympy.eye(6)


@pytest.mark.parametrize("basis", [
    lambda n, s: sympy.legendre(n, 2 * s - 1),  # right angles, wrong lengths
    lambda n, s: sympy.sqrt(2 * n + 1) * s**n,  # right lengths, wrong angles
    lambda n, s: sympy.S.One,  # linearly dependent
])  # fmt: skip
def test_a_basis_that_is_not_orthonormal_is_refused(basis: Any) -> None:
    with pytest.raises(
        ValueError, match=r"must be orthonormal under its weight; the integral of g_1 g_\d w is"
    ):
        symbolic.derive_hippo(_measure(basis=basis), 3)


@pytest.mark.parametrize(("changes", "kind", "message"), [
    ({"name": None}, TypeError, "name must be a string; got NoneType"),
    ({"basis": "legendre"}, TypeError, "basis must be callable; got str"),
    ({"weight": 1}, TypeError, "weight must be callable; got int"),
    ({"memory": "window"}, ValueError, "memory must be one of .*; got 'window'"),
    ({"end": "zero"}, ValueError, "end must be one of .*; got 'zero'"),
    ({"length": "1"}, TypeError, "length must be a SymPy expression or a real number; got str"),
    ({"length": 2}, ValueError, "length must be 1 for a scaled memory; got 2"),
    ({"length": -1, "memory": "translated"}, ValueError, "length must be positive .*; got -1"),
])  # fmt: skip
def test_bad_measures_are_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        _measure(**changes)


def test_formulas_may_be_numbers_but_not_text() -> None:
    A, _ = symbolic.derive_hippo(_measure(weight=lambda s: 1), 2)
    assert symbolic.derive_hippo(symbolic.legs, 2)[0] == A
    with pytest.raises(TypeError, match=r"basis\(0, s\) must be a SymPy expression .*; got str"):
        symbolic.derive_hippo(_measure(basis=lambda n, s: "1"), 2)
    with pytest.raises(TypeError, match=r"weight\(s\) must be a SymPy expression .*; got NoneType"):
        symbolic.derive_hippo(_measure(weight=lambda s: None), 2)


def test_coefficients_split_functions_from_numbers() -> None:
    s = variable
    found = coefficients(sympy.pi * sympy.cos(2 * s) - s * (s + sympy.sqrt(2)) + s**2)
    assert found == {s: -sympy.sqrt(2), sympy.cos(2 * s): sympy.pi}


def test_a_measure_tells_itself_and_its_present() -> None:
    assert repr(symbolic.legs) == "Measure('legs', scaled, s in [0, 1])"
    assert (symbolic.legs.now, symbolic.legt.now) == (1, 0)


def test_products_of_waves_have_their_exact_integrals() -> None:
    """Against integration by SymPy alone, with a weight, and where the parts of an integral diverge."""
    s = variable
    functions = [s * sympy.cos(2 * sympy.pi * s), sympy.sin(4 * sympy.pi * s)]
    measure = _measure(weight=lambda s: s)
    upper = {
        (i, j): sympy.integrate(functions[i] * functions[j] * s, (s, 0, 1))
        for i, j in ((0, 0), (0, 1), (1, 1))
    }
    exact = sympy.Matrix(2, 2, lambda i, j: upper[min(i, j), max(i, j)])
    assert (inner_products(measure, functions) - exact).applyfunc(sympy.simplify).is_zero_matrix
    singular = inner_products(_measure(weight=lambda s: s**-2), [sympy.sin(s)])[0]
    assert abs(float(singular) - 0.897) < 1e-3  # the integral of (sin(s)/s)^2, by quadrature


def test_integrals_of_powers_are_known_where_they_exist() -> None:
    s = variable
    assert _beta_integral(s**2 * sympy.sqrt(1 - s) + 3 * s) == sympy.Rational(16, 105) + sympy.Rational(3, 2)
    for formula in (s**s, 1 / s, 1 / (1 - s) ** 2, sympy.exp(s)):
        assert _beta_integral(formula) is None
