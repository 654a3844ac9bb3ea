"""HiPPO derivations against closed forms, kernel identities, and bases of our own."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, sqrt

from diffmath import symbolic

s, tau = sympy.symbols("s tau", positive=True)


def _root(n: int, k: int, shift: Any = 1) -> Any:
    return sqrt((2 * n + shift) * (2 * k + shift))


def jacobi_scaled(beta: Any) -> symbolic.Measure:
    """Weight s^beta on the whole past, with Jacobi polynomials: recency-weighted."""
    return symbolic.Measure(
        name="jacs",
        basis=lambda n, s: sqrt(2 * n + beta + 1) * sympy.jacobi(n, 0, beta, 2 * s - 1),
        weight=lambda s: s**beta,
    )


laguerre = symbolic.Measure(
    name="lagt",
    basis=lambda n, s: sympy.laguerre(n, s),
    weight=lambda s: sympy.exp(-s),
    memory="translated",
    length=sympy.oo,
)


def fourier(end: Any = "midpoint") -> symbolic.Measure:
    def basis(n: int, s: Any) -> Any:
        angle = 2 * sympy.pi * ((n + 1) // 2) * s
        return sympy.S.One if n == 0 else sqrt(2) * (sympy.cos(angle) if n % 2 else sympy.sin(angle))

    return symbolic.Measure("fout", basis, lambda s: sympy.S.One, memory="translated", end=end)


@pytest.mark.parametrize("order", range(1, 9))
def test_legs_is_the_closed_form(order: int) -> None:
    A, B = symbolic.derive_hippo(symbolic.legs, order)
    assert sympy.Matrix(order, order, lambda n, k: -_root(n, k) if k < n else -(n + 1) * int(k == n)) == A
    assert sympy.Matrix([sqrt(2 * n + 1) for n in range(order)]) == B


@pytest.mark.parametrize("order", range(1, 9))
def test_legt_is_the_closed_form(order: int) -> None:
    A, B = symbolic.derive_hippo(symbolic.legt, order)
    expected = sympy.Matrix(order, order, lambda n, k: -_root(n, k) * (1 if k <= n else (-1) ** (n - k)))
    assert expected == A
    assert sympy.Matrix([sqrt(2 * n + 1) for n in range(order)]) == B
    assert symbolic.hippo_closure(symbolic.legt, order).closure == "end"


@pytest.mark.parametrize("order", [1, 3, 6])
def test_the_legs_kernel_is_the_warped_legendre_polynomial(order: int) -> None:
    """e^{tau A} B = sqrt(2n+1) e^{-tau} P_n(2e^{-tau}-1): the same initial value and the same linear ODE."""
    A, B = symbolic.derive_hippo(symbolic.legs, order)
    decay = sympy.exp(-tau)
    kernel = sympy.Matrix([sqrt(2 * n + 1) * decay * sympy.legendre(n, 2 * decay - 1) for n in range(order)])
    assert kernel.subs(tau, 0) == B
    assert (kernel.diff(tau) - A * kernel).applyfunc(sympy.expand) == sympy.zeros(order, 1)


def test_legs_projects_a_polynomial_input_exactly() -> None:
    """The ODE is right because it holds for actual coefficients: u = t^3 + 2t, c from its definition."""
    order, t, x = 5, sympy.Symbol("t", positive=True), sympy.Symbol("x")
    A, B = symbolic.derive_hippo(symbolic.legs, order)
    u = x**3 + 2 * x
    c = sympy.Matrix(
        [
            sympy.integrate(sympy.expand(u.subs(x, t * s) * symbolic.legs.basis(n, s)), (s, 0, 1))
            for n in range(order)
        ]
    )
    residual = t * c.diff(t) - A * c - B * u.subs(x, t)
    assert residual.applyfunc(sympy.expand) == sympy.zeros(order, 1)


@pytest.mark.parametrize("beta", [1, 2, Rational(1, 2)])
def test_a_users_scaled_family_closes(beta: Any) -> None:
    found = symbolic.hippo_closure(jacobi_scaled(beta), 4)
    expected = sympy.Matrix(
        4, 4, lambda n, k: -_root(n, k, beta + 1) if k < n else -(n + beta + 1) * int(k == n)
    )
    assert (found.A - expected).applyfunc(sympy.simplify) == sympy.zeros(4, 4)
    assert found.closure == "exact"
    assert found.residual == 0


def test_a_family_with_a_symbolic_parameter_closes() -> None:
    beta = sympy.Symbol("beta", positive=True)
    A, B = symbolic.derive_hippo(jacobi_scaled(beta), 3)
    assert sympy.simplify(A[2, 0] ** 2 - (beta + 5) * (beta + 1)) == 0
    assert [sympy.simplify(A[n, n] + n + beta + 1) for n in range(3)] == [0, 0, 0]
    assert list(B) == [sqrt(beta + 1), sqrt(beta + 3), sqrt(beta + 5)]


def test_laguerre_decay_closes_exactly() -> None:
    found = symbolic.hippo_closure(laguerre, 5)
    assert sympy.Matrix(5, 5, lambda n, k: -1 if k <= n else 0) == found.A
    assert sympy.ones(5, 1) == found.B
    assert (found.closure, found.equation) == ("exact", "c' = A c + B u")


def test_fourier_window_closes_at_the_midpoint_of_its_jump() -> None:
    """A = J - 2 b b^T, B = 2 b (Gu et al. 2022, How to train your HiPPO)."""
    A, B = symbolic.derive_hippo(fourier(), 5)
    b = sympy.Matrix([1, sqrt(2), 0, sqrt(2), 0])
    J = sympy.zeros(5, 5)
    for n in (1, 2):
        J[2 * n - 1, 2 * n], J[2 * n, 2 * n - 1] = -2 * sympy.pi * n, 2 * sympy.pi * n
    assert J - 2 * b * b.T == A
    assert 2 * b == B


def test_the_end_of_a_window_is_a_choice() -> None:
    b = sympy.Matrix([1, sqrt(2), 0])
    series, dropped = (symbolic.hippo_closure(fourier(end), 3) for end in ("series", "drop"))
    assert b * b.T == dropped.A - series.A
    assert series.B == dropped.B == b


def test_the_gauge_gives_the_matrices_of_the_plain_polynomials() -> None:
    """Legendre polynomials that are 1 at the present: -(2k+1) below the diagonal, B = 1."""
    found = symbolic.hippo_closure(symbolic.legs, 5)
    plain = found.gauge.inv() * found.A * found.gauge
    expected = sympy.Matrix(5, 5, lambda n, k: -(2 * k + 1) if k < n else -(n + 1) * int(k == n))
    assert plain.applyfunc(sympy.simplify) == expected
    assert (found.gauge.inv() * found.B).applyfunc(sympy.simplify) == sympy.ones(5, 1)


def test_a_basis_that_does_not_close_is_refused_with_its_residual() -> None:
    """Four Fourier functions hold a cosine without its sine: its derivative, 4 pi sin, is cut off."""
    with pytest.raises(ValueError, match=r"does not close at order 4: .* norm 4\*pi = 12.6; choose an order"):
        symbolic.derive_hippo(fourier(), 4)
    found = symbolic.hippo_closure(fourier(), 4)
    assert (found.closure, found.residual) == ("truncated", 4 * sympy.pi)
    # The projection: the whole system without the sine that is missing.
    assert symbolic.derive_hippo(fourier(), 5)[0][:4, :4] == found.A


def test_a_weight_whose_derivative_has_a_pole_is_refused() -> None:
    measure = symbolic.Measure(
        name="jacobi at the present",
        basis=lambda n, s: sqrt(2 * n + 2) * sympy.jacobi(n, 1, 0, 2 * s - 1),
        weight=lambda s: 1 - s,
    )
    with pytest.raises(ValueError, match="not square integrable under its weight"):
        symbolic.hippo_closure(measure, 2)


def test_a_kernel_that_does_not_fade_is_refused() -> None:
    """e^{-s} has norm 1 under the weight e^s, but the kernel, their product, is 1 for ever."""
    measure = symbolic.Measure(
        name="constant",
        basis=lambda n, s: sympy.exp(-s),
        weight=lambda s: sympy.exp(s),
        memory="translated",
        length=sympy.oo,
    )
    with pytest.raises(ValueError, match="kernel 0 of constant must vanish at infinite age; its limit is 1"):
        symbolic.hippo_closure(measure, 1)


@pytest.mark.parametrize(("order", "kind", "message"), [
    (2.0, TypeError, "order must be an int; got float"), (True, TypeError, "order must be an int; got bool"),
    (0, ValueError, "order must be at least 1; got 0"), (-3, ValueError, "order must be at least 1; got -3"),
])  # fmt: skip
def test_bad_orders_are_refused(order: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        symbolic.derive_hippo(symbolic.legs, order)


def test_a_measure_by_name_is_refused() -> None:
    with pytest.raises(TypeError, match=r"measure must be a symbolic.Measure; got str"):
        symbolic.derive_hippo("legs", 4)  # type: ignore[arg-type]


@settings(max_examples=10)
@given(order=st.integers(1, 6), beta=st.fractions(-Rational(1, 2), 3, max_denominator=3))
def test_energy_identity_of_scaled_memories(order: int, beta: Any) -> None:
    """A + A^T = -B B^T - (beta + 1) I: the present input is all that enters, the rest decays."""
    beta = Rational(beta.numerator, beta.denominator)
    A, B = symbolic.derive_hippo(jacobi_scaled(beta), order)
    residual = A + A.T + B * B.T + (beta + 1) * sympy.eye(order)
    assert residual.applyfunc(sympy.simplify) == sympy.zeros(order, order)


def chebyshev(end: Any) -> symbolic.Measure:
    """T_n(1 - 2s) as the kernels themselves, over a weight that makes them orthonormal."""
    return symbolic.Measure(
        name="ChebT",
        basis=lambda n, s: (
            sqrt((2 if n else 1) / sympy.pi) * sympy.chebyshevt(n, 1 - 2 * s) / sqrt(s * (1 - s))
        ),
        weight=lambda s: sqrt(s * (1 - s)),
        memory="translated",
        end=end,
    )


def test_a_chebyshev_window_that_drops_its_end_is_derived() -> None:
    """d/ds T_n(1-2s) = -4n (T_{n-1} + T_{n-3} + ...), the term T_0 halved: a nilpotent matrix."""
    A, B = symbolic.derive_hippo(chebyshev("drop"), 4)
    ratio = [sqrt(2) if n else sympy.S.One for n in range(4)]
    plain = sympy.Matrix(4, 4, lambda n, k: -4 * n / sympy.S(1 if k else 2) if (n - k) % 2 and k < n else 0)
    assert sympy.simplify(
        A - sympy.Matrix(4, 4, lambda n, k: ratio[n] / ratio[k] * plain[n, k])
    ) == sympy.zeros(4)
    assert sympy.simplify(B - sympy.Matrix(ratio) / sqrt(sympy.pi)) == sympy.zeros(4, 1)
    assert (A**4).is_zero_matrix


@pytest.mark.parametrize("end", ["series", "midpoint"])
def test_a_series_that_is_infinite_at_the_end_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match=r"basis of ChebT must be finite where .* use end='drop'"):
        symbolic.hippo_closure(chebyshev(end), 2)
