"""The shipped measures: every derivation equals its closed form, and what the literature says of it."""

from __future__ import annotations

from math import factorial
from typing import Any

import pytest
import sympy
from sympy import Rational, pi, sqrt

from diffmath import symbolic

z = sympy.Symbol("z")
HALF, THIRD = Rational(1, 2), Rational(1, 3)


def _same(found: Any, expected: Any) -> bool:
    return bool((found - expected).applyfunc(sympy.simplify).is_zero_matrix)


def _rotation(order: int) -> Any:
    """J: the pair of n waves turns by 2 pi n per window."""
    J = sympy.zeros(order, order)
    for n in range(1, (order + 1) // 2):
        J[2 * n - 1, 2 * n], J[2 * n, 2 * n - 1] = -2 * pi * n, 2 * pi * n
    return J


def _present(order: int) -> Any:
    return sympy.Matrix([sqrt(2) * (n % 2) if n else 1 for n in range(order)])


@pytest.mark.parametrize("order", [5, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("beta", [0, 1, HALF, -HALF])
def test_jacs_is_the_closed_form(beta: Any, order: int) -> None:
    A, B = symbolic.derive_hippo(symbolic.jacs(beta), order)
    r = [sqrt(2 * n + beta + 1) for n in range(order)]
    expected = sympy.Matrix(
        order, order, lambda n, k: -r[n] * r[k] if k < n else -(n + beta + 1) * int(k == n)
    )
    assert _same(A, expected)
    assert _same(B, sympy.Matrix(r))


def test_jacs_without_a_preference_is_legs() -> None:
    assert symbolic.derive_hippo(symbolic.jacs(0.0), 5) == symbolic.derive_hippo(symbolic.legs, 5)


@pytest.mark.parametrize("order", [5, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("alpha", "beta", "unit"), [(0, 1, 1), (0, 0, 3), (HALF, THIRD, 2), (-HALF, 1, 1)])
def test_lagt_is_the_closed_form(alpha: Any, beta: Any, unit: Any, order: int) -> None:
    found = symbolic.hippo_closure(symbolic.lagt(alpha, beta, timescale=unit), order)
    growth = [sympy.binomial(n + alpha, n).expand(func=True) for n in range(order)]
    mass = sympy.gamma(1 - alpha) * Rational(beta) ** (alpha - 1) if beta else 1
    A = sympy.Matrix(
        order, order, lambda n, k: -sqrt(growth[k] / growth[n]) if k < n else -int(k == n) * (1 + beta) * HALF
    )
    B = sympy.Matrix([sqrt(ratio / (mass * sympy.gamma(alpha + 1))) for ratio in growth])
    assert found.closure == "exact"
    assert _same(found.A, A / unit)
    assert _same(found.B, B / unit)


def test_lagt_is_a_cascade_of_all_pass_sections() -> None:
    """With beta = 0: X_n(z) = (z - 1/2)^n / (z + 1/2)^(n+1), the Laguerre filters."""
    A, B = symbolic.derive_hippo(symbolic.lagt(0, 0), 5)
    transfer = sympy.Matrix([(z - HALF) ** n / (z + HALF) ** (n + 1) for n in range(5)])
    assert _same((z * sympy.eye(5) - A) * transfer, B)


def test_lagt_keeps_a_symbolic_parameter() -> None:
    beta = sympy.Symbol("beta", positive=True)
    A, B = symbolic.derive_hippo(symbolic.lagt(0, beta), 3)
    assert (A[0, 0], A[1, 0]) == (-beta / 2 - HALF, -1)
    assert list(B) == [sqrt(beta)] * 3


@pytest.mark.parametrize("order", [1, 3, 5, 7])
def test_the_fourier_windows_are_the_closed_forms(order: int) -> None:
    J, b = _rotation(order), _present(order)
    for measure, kappa in (
        (symbolic.fout(), 2), (symbolic.fout(as_published=True), 1), (symbolic.foud(0.6), HALF),
    ):  # fmt: skip
        found = symbolic.hippo_closure(measure, order)
        assert found.closure == "end"
        assert J - kappa * b * b.T == found.A
        assert (b if kappa == 1 else kappa * b) == found.B


def test_the_published_window_keeps_a_third_of_what_should_leave_it() -> None:
    found, published = (
        symbolic.derive_hippo(m, 5) for m in (symbolic.foud(THIRD), symbolic.fout(as_published=True))
    )
    assert found == published
    assert symbolic.derive_hippo(symbolic.foud(0), 5) == symbolic.derive_hippo(symbolic.fout(), 5)


def test_fous_is_the_closed_form() -> None:
    order, b = 5, _present(5)
    found = symbolic.hippo_closure(symbolic.fous, order)

    def entry(n: int, k: int) -> Any:
        """Waves n, k >= 1: the projection of -(s g)' onto cos (odd index) and sin (even index)."""
        p, q = (n + 1) // 2, (k + 1) // 2
        if p == 0 or q == 0:
            return -1 if n == k else (-sqrt(2) if q == 0 and n % 2 else 0)
        if p == q:
            return ((-1) ** (n + 1)) * pi * p if n != k else -Rational(3, 2) if n % 2 else -HALF
        return 0 if n % 2 != k % 2 else Rational(2 * p * (p if n % 2 else q), q * q - p * p)

    assert sympy.Matrix(order, order, entry) == found.A
    assert b == found.B
    # Each derivative holds s cos or s sin, which no finite series is.
    assert (found.closure, found.residual) == ("truncated", sqrt(10 * pi**2 / 3 - Rational(145, 9)))


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_the_oldest_value_of_legt_is_the_pade_delay(order: int) -> None:
    """The series at the end of the window has the transfer function Pade[N-1/N] of e^{-z} (T2).

    It is rational of that degree and has the first 2N Taylor coefficients of e^{-z}: only one function does.
    """
    found = symbolic.hippo_closure(symbolic.legt, order)
    A, x = ((found.gauge.inv() * M).applyfunc(sympy.simplify) for M in (found.A * found.gauge, found.B))
    oldest = sympy.Matrix([[(-1) ** n * (2 * n + 1) for n in range(order)]])
    for j in range(2 * order):
        x = A.LUsolve(x)
        assert -(oldest * x)[0] == Rational((-1) ** j, factorial(j))


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: symbolic.jacs(-1), ValueError, "beta must be greater than -1"),
    (lambda: symbolic.jacs("1"), TypeError, "beta must be a SymPy expression or a real number; got str"),
    (lambda: symbolic.lagt(1), ValueError, "alpha must lie between -1 and 1"),
    (lambda: symbolic.lagt(0, -1), ValueError, "beta must be at least 0 and timescale positive; got -1"),
    (lambda: symbolic.lagt(timescale=0), ValueError, "timescale positive; got 1 and 0"),
    (lambda: symbolic.foud(1), ValueError, "retention must be at least 0 and less than 1; got 1"),
    (lambda: symbolic.fout(as_published=1), TypeError, "as_published must be True or False; got int"),  # type: ignore[arg-type]
    (lambda: symbolic.Measure("m", symbolic.legs.basis, symbolic.legs.weight, retention=THIRD), ValueError,
     "retention needs a finite translated window"),
])  # fmt: skip
def test_parameters_out_of_range_are_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_lagt_keeps_both_parameters_symbolic() -> None:
    alpha, beta = sympy.symbols("alpha beta", positive=True)
    found = symbolic.hippo_closure(symbolic.lagt(alpha, beta), 3)
    growth = [sympy.Integer(1), alpha + 1, (alpha + 1) * (alpha + 2) / 2]
    A = sympy.Matrix(
        3, 3, lambda n, k: -sqrt(growth[k] / growth[n]) if k < n else -int(k == n) * (1 + beta) / 2
    )
    mass = sympy.gamma(1 - alpha) * beta ** (alpha - 1)
    assert found.closure == "exact"
    assert _same(found.A.applyfunc(lambda entry: entry**2), A.applyfunc(lambda entry: entry**2))
    assert all(
        sympy.simplify(b**2 - g / (mass * sympy.gamma(alpha + 1))) == 0
        for b, g in zip(found.B, growth, strict=True)
    )


def test_foud_keeps_its_retention_symbolic() -> None:
    r = sympy.Symbol("r", positive=True)
    A, B = symbolic.derive_hippo(symbolic.foud(r), 5)
    kappa, b = 2 * (1 - r) / (1 + r), _present(5)
    assert _same(A, _rotation(5) - kappa * b * b.T)
    assert _same(B, kappa * b)


def test_a_symbol_without_a_range_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha must lie between -1 and 1"):
        symbolic.lagt(sympy.Symbol("a"))
    for symbol in (sympy.Symbol("r"), 1 + sympy.Symbol("r", positive=True)):
        with pytest.raises(ValueError, match="retention must be at least 0 and less than 1"):
            symbolic.foud(symbol)


def test_integrals_of_powers_of_s_and_of_one_minus_s() -> None:
    """The weight of Chebyshev's second kind, whose orthonormal polynomials are U_n, on the whole past."""
    measure = symbolic.Measure(
        "second kind", lambda n, s: sympy.chebyshevu(n, 2 * s - 1), lambda s: 8 / pi * sqrt(s * (1 - s))
    )
    with pytest.raises(ValueError, match="not square integrable under its weight"):
        symbolic.hippo_closure(measure, 2)
