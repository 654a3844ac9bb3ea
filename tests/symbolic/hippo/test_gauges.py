"""Gauges of the literature and Jacobi windows, derived; the exponential tilt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Rational, pi, sqrt

from diffmath import statespace as ss
from diffmath import symbolic

HALF = Rational(1, 2)


def _zero(matrix: Any) -> bool:
    return bool(matrix.applyfunc(sympy.simplify).is_zero_matrix)


@pytest.mark.parametrize("order", [1, 4, 8])
def test_lmu_is_the_memory_unit_as_published(order: int) -> None:
    found = symbolic.change_gauge(symbolic.hippo_closure(symbolic.legt, order), "lmu")
    expected = sympy.Matrix(order, order, lambda i, j: (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1)))
    assert (expected, sympy.Matrix([[(2 * i + 1) * (-1) ** i for i in range(order)]])) == (found.A, found.B.T)


def test_plain_and_su_are_the_forms_of_su() -> None:
    """On the whole past, with the gauge sqrt(2n+1): A_nk = -(2n+1) below the diagonal, B_n = 2n+1."""
    found = symbolic.hippo_closure(symbolic.legs, 5)
    plain, su = (symbolic.change_gauge(found, name) for name in ("plain", "su"))
    assert sympy.Matrix(5, 5, lambda n, k: -(2 * n + 1) if k < n else -(n + 1) * int(k == n)) == plain.A
    assert list(plain.B) == [1, 3, 5, 7, 9]
    assert (found.A, (sqrt(2) * found.B).expand()) == (su.A, su.B)


def test_a_gauge_keeps_its_way_back() -> None:
    found = symbolic.hippo_closure(symbolic.legt, 3)
    turned = symbolic.change_gauge(found, symbolic.jacobi_gauge(3, HALF, HALF))
    plain = [m.gauge.inv() * m.A * m.gauge for m in (found, turned)]
    assert _zero(plain[0] - plain[1])
    back = symbolic.change_gauge(turned, symbolic.jacobi_gauge(3, HALF, HALF).inv())
    assert (back.A, back.B, back.gauge) == (found.A, found.B, found.gauge)


@pytest.mark.parametrize(("a", "b"), [(-HALF, -HALF), (HALF, HALF), (1, 0), (Rational(1, 3), 2), (0, 0)])
def test_the_derived_jacobi_gauge_is_the_numerical_one(a: Any, b: Any) -> None:
    exact = np.asarray(symbolic.jacobi_gauge(8, a, b).evalf(), dtype=np.float64)
    # 8 nodes of quadrature in float64: a few eps of entries up to 3.
    np.testing.assert_allclose(ss.jacobi_gauge(8, float(a), float(b)), exact, rtol=0, atol=1e-14)
    assert (a, b) != (0, 0) or symbolic.jacobi_gauge(8, a, b) == sympy.eye(8)


@pytest.mark.parametrize("order", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_a_chebyshev_window_is_derived_from_its_own_kernels(order: int) -> None:
    """The same A by another way: the moments of u with T_n, by their own derivatives and end values.

    m' = D m + T(1) u(t) - T(-1) u(t - 1), where u(t - 1) = T(-1).c and c = G^-1 m, G the Gram matrix of
    the T_n on the window: no Legendre polynomial is involved.
    """
    s = sympy.Symbol("s")
    T = [(sqrt(2) if n else 1) * sympy.expand(sympy.chebyshevt(n, 1 - 2 * s)) for n in range(order)]
    G = sympy.Matrix(order, order, lambda n, k: sympy.integrate(sympy.expand(T[n] * T[k]), (s, 0, 1)))
    slopes = sympy.Matrix(
        order, order, lambda n, k: sympy.integrate(sympy.expand(T[n].diff(s) * T[k]), (s, 0, 1))
    )
    now, end = (sympy.Matrix([p.subs(s, point) for p in T]) for point in (0, 1))
    A, B = G.inv() * (slopes - end * end.T), G.inv() * now
    legt = symbolic.hippo_closure(symbolic.legt, order)
    found = symbolic.change_gauge(legt, symbolic.jacobi_gauge(order, -HALF, -HALF))
    assert _zero(found.A - A)
    assert _zero(found.B - B)


@pytest.mark.parametrize("measure", [symbolic.legt, symbolic.fout(), symbolic.fout(as_published=True),
                                     symbolic.lagt()], ids=repr)  # fmt: skip
def test_a_tilt_moves_the_spectrum_alone(measure: symbolic.Measure) -> None:
    rate = sympy.Symbol("gamma", positive=True)
    plain, tilted = (symbolic.hippo_closure(m, 5) for m in (measure, symbolic.tilt(measure, rate)))
    assert _zero(tilted.A - plain.A + rate * sympy.eye(5))
    assert (tilted.B, tilted.closure) == (plain.B, plain.closure)


def test_a_tilt_that_outgrows_the_decay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kernel 0 of .* must vanish at infinite age"):
        symbolic.derive_hippo(symbolic.tilt(symbolic.lagt(), -1), 1)


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda f: symbolic.change_gauge(f.A, "lmu"), TypeError, "change_gauge takes a HippoClosure; got"),
    (lambda f: symbolic.change_gauge(f, "legt"), ValueError, "gauge must be one of .*; got 'legt'"),
    (lambda f: symbolic.change_gauge(f, [1, 2]), TypeError, "gauge must be a name or a SymPy Matrix"),
    (lambda f: symbolic.change_gauge(f, sympy.eye(3)), ValueError, r"shape \(2, 2\) .*; got \(3, 3\)"),
    (lambda f: symbolic.change_gauge(f, sympy.ones(2, 2)), ValueError, "gauge must be invertible"),
    (lambda f: symbolic.jacobi_gauge(2, -1, 0), ValueError, "a must be greater than -1; got -1"),
    (lambda f: symbolic.jacobi_gauge(2, 0, pi - 5), ValueError, "b must be greater than -1; got"),
    (lambda f: symbolic.jacobi_gauge(0, 0, 0), ValueError, "order must be at least 1; got 0"),
    (lambda f: symbolic.tilt("legt", 1), TypeError, "tilt takes a symbolic.Measure; got str"),  # type: ignore[arg-type]
    (lambda f: symbolic.tilt(symbolic.legt, "1"), TypeError, "rate must be a SymPy expression"),
    (lambda f: symbolic.tilt(symbolic.legs, 1), ValueError, "scaled one fades by a power: use jacs"),
    (lambda f: symbolic.tilt(symbolic.foud(HALF), 1), ValueError, "tilt takes a measure that is not folded"),
])  # fmt: skip
def test_refusals(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make(symbolic.hippo_closure(symbolic.legt, 2))
