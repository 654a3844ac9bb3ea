"""Hostile measures: kernels that jump, that are infinite at an end, or complex; tilted periods."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import I, Rational, oo, pi, sqrt

from diffmath import symbolic

HALF = Rational(1, 2)


def _measure(basis: Any, weight: Any, **changes: Any) -> symbolic.Measure:
    return symbolic.Measure("hostile", basis, weight, **changes)


def _translated(basis: Any, weight: Any, length: Any = 1) -> symbolic.Measure:
    return _measure(basis, weight, memory="translated", length=length)


def _waves(n: int, s: Any) -> Any:
    """e^{2 pi i k s} for k = 0, 1, -1, 2, -2, ..."""
    return sympy.exp(2 * pi * I * ((n + 1) // 2) * (-1) ** (n + 1) * s)


@pytest.mark.parametrize("weight", [
    lambda s: sympy.Piecewise((Rational(3, 2), s < HALF), (HALF, True)),
    lambda s: sympy.Heaviside(s - HALF) + HALF,
    lambda s: sympy.floor(2 * s) + HALF,
    lambda s: 4 * sympy.Abs(s - HALF),
])  # fmt: skip
@pytest.mark.parametrize("memory", ["scaled", "translated"])
def test_a_weight_with_steps_is_refused(weight: Any, memory: Any) -> None:
    """All have mass 1, so that g_0 = 1 is orthonormal; the derivative by rules forgets the jump."""
    with pytest.raises(ValueError, match=r"weight\(s\) must be smooth inside the measure; got \w+ in"):
        symbolic.hippo_closure(_measure(lambda n, s: 1, weight, memory=memory), 1)


def test_a_basis_with_steps_is_refused() -> None:
    def haar(n: int, s: Any) -> Any:
        return sympy.sign(HALF - s) if n else 1

    with pytest.raises(ValueError, match=r"basis\(1, s\) must be smooth .*; got sign"):
        symbolic.derive_hippo(_measure(haar, lambda s: 1), 2)


def test_a_step_outside_the_variable_is_a_number() -> None:
    A, _ = symbolic.derive_hippo(
        _measure(lambda n, s: sympy.Abs(sympy.Symbol("a", real=True)) ** 0, lambda s: 1), 1
    )
    assert sympy.Matrix([[-1]]) == A


def test_a_basis_function_that_vanishes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must not vanish; basis\(1, s\) is 0"):
        symbolic.derive_hippo(_measure(lambda n, s: 1 - n, lambda s: 1), 2)


def test_a_pole_at_the_start_of_the_past_is_refused() -> None:
    """g = sqrt(2) s^2 has norm 1 under s^-3, but its kernel 1/s has no integral with a constant input."""
    with pytest.raises(
        ValueError, match=r"s times kernel 0 .* at the start of the past, s = 0; its limit is sqrt"
    ):
        symbolic.derive_hippo(_measure(lambda n, s: sqrt(2) * s**2, lambda s: s**-3), 1)


@pytest.mark.parametrize(("measure", "message"), [
    (_measure(lambda n, s: 1, lambda s: 1 / (2 * sqrt(1 - s))), "at the present; it is zoo"),
    (_translated(lambda n, s: 1, lambda s: sympy.exp(-s) / sqrt(pi * s), oo), "at the present; it is zoo"),
    (_translated(lambda n, s: 1, lambda s: 1 / (2 * sqrt(1 - s))), "at the end of the window; it is zoo"),
    (_translated(lambda n, s: (sqrt(2) if n else 1) * sympy.chebyshevt(n, 1 - 2 * s),
                 lambda s: 1 / (pi * sqrt(s * (1 - s)))), "at the present; it is zoo"),
])  # fmt: skip
def test_a_kernel_that_is_infinite_at_an_end_is_refused(measure: symbolic.Measure, message: str) -> None:
    """Chebyshev's weight among them, whose integrals take minutes: the ends are looked at before."""
    with pytest.raises(ValueError, match=f"kernel 0 of hostile must be finite {message}"):
        symbolic.hippo_closure(measure, 2)


def test_a_limit_that_is_not_known_is_refused() -> None:
    tilted = symbolic.tilt(symbolic.lagt(), sympy.Symbol("gamma"))
    with pytest.raises(ValueError, match="its limit cannot be found, perhaps for symbols not declared"):
        symbolic.derive_hippo(tilted, 1)


def test_a_pole_of_the_basis_that_the_weight_cancels_is_none() -> None:
    assert symbolic.hippo_closure(symbolic.lagt(-HALF), 2).closure == "exact"


@pytest.mark.parametrize(("end", "kappa"), [("midpoint", 2), ("series", 1)])
def test_complex_waves_are_the_window_of_su(end: Any, kappa: int) -> None:
    """A = 2 pi i k delta - kappa, B = kappa, for u's coefficients on e^{2 pi i k s}, s the age."""
    measure = symbolic.Measure("waves", _waves, lambda s: 1, memory="translated", end=end)
    found = symbolic.hippo_closure(measure, 5)
    k = (0, 1, -1, 2, -2)
    expected = sympy.Matrix(5, 5, lambda n, m: -kappa - (2 * pi * I * k[n] if n == m else 0))
    assert (found.A, found.B, found.closure) == (expected, kappa * sympy.ones(5, 1), "end")


def test_complex_waves_are_the_real_ones_in_a_unitary_gauge() -> None:
    """e^{i x} = (sqrt 2 cos x + i sqrt 2 sin x) / sqrt 2: coefficients of the conjugates add up."""
    waves = symbolic.derive_hippo(
        symbolic.Measure("waves", _waves, lambda s: 1, memory="translated", end="midpoint"), 3
    )
    U = sympy.Matrix([[sqrt(2), 0, 0], [0, 1, -I], [0, 1, I]]) / sqrt(2)
    A, B = symbolic.derive_hippo(symbolic.fout(), 3)
    assert (U * A * U.H - waves[0]).expand().is_zero_matrix
    assert (U * B - waves[1]).expand().is_zero_matrix


def test_the_whole_past_in_complex_waves_is_that_of_su() -> None:
    """With g = e^{2 pi i k s}: A_kj = -k/(k-j) off the diagonal, -1 - i pi k on it in this direction of s."""
    found = symbolic.hippo_closure(symbolic.Measure("waves", _waves, lambda s: 1), 5)
    k = (0, 1, -1, 2, -2)

    def entry(n: int, m: int) -> Any:
        return -1 + I * pi * k[n] if n == m else -Rational(k[n], k[n] - k[m])

    assert (found.A - sympy.Matrix(5, 5, entry)).applyfunc(sympy.simplify).is_zero_matrix
    assert (found.closure, found.B) == ("truncated", sympy.ones(5, 1))


@pytest.mark.parametrize("measure", [symbolic.legs, symbolic.legt, symbolic.fous], ids=repr)
def test_a_complex_mixture_of_a_basis_is_its_gauge(measure: symbolic.Measure) -> None:
    """g -> U g with a unitary U: A -> conj(U) A U^T, and the same residual (`fous` does not close)."""
    U = sympy.Matrix([[1, I], [I, 1]]) / sqrt(2)
    mixed = symbolic.Measure(
        "mixed", lambda n, s: U[n, 0] * measure.basis(0, s) + U[n, 1] * measure.basis(1, s), measure.weight,
        memory=measure.memory,
    )  # fmt: skip
    plain, found = (symbolic.hippo_closure(m, 2) for m in (measure, mixed))
    assert (found.A - U.conjugate() * plain.A * U.T).applyfunc(sympy.simplify).is_zero_matrix
    assert (found.B - U.conjugate() * plain.B).applyfunc(sympy.simplify).is_zero_matrix
    assert (found.closure, sympy.simplify(found.residual - plain.residual)) == (plain.closure, 0)


@pytest.mark.parametrize("theta", [Rational(5, 2), sympy.Symbol("theta", positive=True)])
def test_a_window_of_another_length_is_another_unit_of_time(theta: Any) -> None:
    measure = _translated(lambda n, s: symbolic.legt.basis(n, s / theta), lambda s: 1 / theta, theta)
    A, B = symbolic.derive_hippo(symbolic.legt, 3)
    found = symbolic.hippo_closure(measure, 3)
    assert (A / theta, B / theta) == (found.A, found.B)
    assert found.unit == f"that of the age s, from 0 to {theta}"


def test_an_indefinite_weight_does_not_pass_as_complex() -> None:
    with pytest.raises(ValueError, match=r"must be orthonormal .* is -1, not 1"):
        symbolic.hippo_closure(_translated(lambda n, s: I, lambda s: -1), 1)
    with pytest.raises(ValueError, match=r"weight\(s\) must be real; got I"):
        symbolic.hippo_closure(_translated(lambda n, s: 1, lambda s: I), 1)


@pytest.mark.parametrize("r", [0, Rational(1, 4)])
def test_a_tilted_period_closes_at_the_midpoint_of_its_own_jump(r: Any) -> None:
    """The kernels e^{-s} K: the forgotten input is e^{theta} (2 b.c - (1-r) u) / (1 + r e^theta)."""
    rate = sympy.Integer(1)
    fout = symbolic.fout()
    measure = symbolic.Measure(
        "tilted", lambda n, s: sympy.exp(rate * s) * fout.basis(n, s), lambda s: sympy.exp(-2 * rate * s),
        memory="translated", end="midpoint", retention=r,
    )  # fmt: skip
    A, B = symbolic.derive_hippo(measure, 3)
    b, e = sympy.Matrix([1, sqrt(2), 0]), sympy.exp(1)
    J = sympy.Matrix([[0, 0, 0], [0, 0, -2 * pi], [0, 2 * pi, 0]])
    # c' = (J - 1) c + b f(0) - b f(1)/e with f(0) = (1-r) u + r f(1)
    series, u = 2 * e / (1 + r * e), -(1 - r) * e / (1 + r * e)
    jump = r - 1 / e
    assert (J - sympy.eye(3) + jump * series * b * b.T - A).applyfunc(sympy.simplify).is_zero_matrix
    assert (b * (1 - r + jump * u) - B).applyfunc(sympy.simplify).is_zero_matrix


def test_orders_may_be_numpy_integers() -> None:
    import numpy as np

    assert symbolic.derive_hippo(symbolic.legs, np.int64(2)) == symbolic.derive_hippo(symbolic.legs, 2)  # type: ignore[arg-type]


def test_the_unit_of_time_is_told() -> None:
    assert symbolic.hippo_closure(symbolic.legs, 1).unit == "any"
    assert symbolic.hippo_closure(symbolic.legt, 1).unit == "that of the age s, from 0 to 1"
    assert symbolic.hippo_closure(symbolic.lagt(timescale=2), 1).unit == "that of the age s, from 0 to oo"
