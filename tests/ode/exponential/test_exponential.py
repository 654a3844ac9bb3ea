"""Exponential Runge-Kutta methods: proven and measured orders, classical and stiff; exact linear parts."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, ode, symbolic
from diffmath._arrays.phi import phis
from diffmath.ode._exponential import operators as _exponential_operators
from diffmath.symbolic import phi

METHODS = [ode.etd1, ode.etdrk2, ode.etdrk3, ode.etdrk4, ode.krogstad, ode.hochbruck_ostermann]
BY_NAME = {"ids": lambda method: method.name}


def _rng():
    """Fresh for every test: what it draws does not depend on the order of the tests."""
    return np.random.default_rng(8)


DENSE = np.array([[-1.0, 2.0, 0.3], [-1.5, -0.5, 0.7], [0.2, -0.4, 0.1]])


def _manufactured(L):
    """N is nonlinear, couples everything and depends on t; the solution is known."""
    k = np.arange(1.0, len(L) + 1)

    def exact(t):
        return np.cos(k * t + 0.3)

    def pull(x):
        return np.sin(x) + np.sum(x, axis=-1, keepdims=True) ** 2 / 4

    def nonlinear(t, x):
        linear = exact(t) * L if L.ndim == 1 else exact(t) @ L.T
        return pull(x) - pull(exact(t)) - k * np.sin(k * t + 0.3) - linear

    return ode.Semilinear(L, nonlinear), lambda t: exact(t)[None]


def _errors(method, f, exact, counts):
    errors = []
    for n in counts:
        x = ode.solve(f, exact(0.0), [0.0, 1.0], method=method, substeps=n).x[-1]
        errors.append(np.max(np.abs(x - exact(1.0))))
    return np.array(errors)


def _slopes(errors):
    return np.log2(errors[:-1] / errors[1:])


@pytest.mark.parametrize("method", METHODS, **BY_NAME)
def test_measured_classical_order(method):
    f, exact = _manufactured(DENSE)
    slopes = _slopes(_errors(method, f, exact, [8, 16, 32, 64, 128]))
    assert abs(np.mean(slopes[-2:]) - method.order) < 0.15, slopes


def _bounded(rates):
    """A coupling of all with all, and a solution that is in the domain of L uniformly in the rates.

    This is what stiff order is about: L x is bounded, and so is N.
    """
    w, size = np.full(len(rates), 3 / len(rates)), 1 / (1 - rates)

    def exact(t):
        return size * np.cos(2 * t)

    def nonlinear(t, x):
        coupling = np.sin(x @ w)[:, None] - np.sin(exact(t) @ w)[..., None]
        return coupling - 2 * size * np.sin(2 * t) - rates * exact(t)

    return ode.Semilinear(rates, nonlinear), lambda t: exact(t)[None]


@pytest.mark.parametrize("method", METHODS[:-1], **BY_NAME)
def test_measured_stiff_order(method):
    """As proven: etdrk3 and etdrk4 fall to 2, krogstad to 3. A condition that holds weakly costs a log h.

    Rates from 0.1 to 1e6, so that every step meets some with h L near 1.
    """
    f, exact = _bounded(-np.logspace(-1, 6, 57))
    slopes = _slopes(_errors(method, f, exact, [16, 32, 64, 128, 256]))
    assert abs(np.mean(slopes[-2:]) - method.stiff_order) < 0.15, slopes


def _parabolic(n=60):
    """Hochbruck & Ostermann (2005), example 6.2: u_t = u_xx + int u + Phi, u = x (1 - x) e^t.

    Second differences are exact for this u, and N does not vanish on the boundary.
    """
    s = np.arange(1, n + 1) / (n + 1)
    L = (np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1) - 2 * np.eye(n)) * (n + 1) ** 2
    w = s * (1 - s)

    def nonlinear(t, x):
        u = w * np.exp(t)
        return (np.sum(x, axis=-1, keepdims=True) - np.sum(u)) / (n + 1) + u + 2 * np.exp(t)

    return ode.Semilinear(L, nonlinear), lambda t: w[None] * np.exp(t)


def test_the_parabolic_problem_shows_order_four_and_the_order_reduction_of_others():
    f, exact = _parabolic()
    counts = [8, 16, 32, 64, 128]
    slopes = _slopes(_errors(ode.hochbruck_ostermann, f, exact, counts))
    assert abs(np.mean(slopes[-2:]) - 4) < 0.15, slopes
    # The others lose, though less than in the worst case: smoothing wins back a fraction of an order.
    reduced = _slopes(_errors(ode.etdrk4, f, exact, counts[:4]))
    assert 1.85 < np.mean(reduced[-2:]) < 2.6, reduced


@pytest.mark.parametrize("method", METHODS, **BY_NAME)
def test_stiff_and_classical_orders_are_the_largest_that_hold(method):
    tableau = method.tableau
    more = symbolic.stiff_order_conditions(tableau.a, tableau.b, tableau.c, method.stiff_order + 1, weak=True)
    assert not all(holds for _, holds in more)
    more = symbolic.exponential_conditions(tableau.a, tableau.b, tableau.c, method.order + 1)
    assert any(residual for _, residual in more)


@pytest.mark.parametrize("method", METHODS, **BY_NAME)
@pytest.mark.parametrize("L", [np.array([-1e8, -3.0, 0.0, 2.0]), "matrix"], ids=["diagonal", "matrix"])
def test_linear_problems_are_exact(method, L):
    """In one long step, for x' = L x + constant; forwards and backwards."""
    rates = np.array([-5.0, -1.0, 0.0, 2.0])
    V = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]
    if isinstance(L, str):
        L, turn = V @ np.diag(rates) @ V.T, V
    else:
        rates, turn = L, np.eye(4)
    x0, push = _rng().standard_normal((3, 4)), _rng().standard_normal(4)
    f = ode.Semilinear(L, lambda t, x: np.broadcast_to(push, x.shape))
    for stop in (1.5,) if rates.min() < -1e6 else (1.5, -1.5):
        e, p = phis(stop * rates, 1)
        wanted = ((x0 @ turn) * e + stop * p * (push @ turn)) @ turn.T
        found = ode.solve(f, x0, [0.0, stop], method=method).x[-1]
        # The sum of the weights is phi_1 to the rounding of phi_2 and phi_3 with factors of at most 8.
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("method", [m for m in METHODS if m.embedded_order], **BY_NAME)
def test_the_error_estimate_has_the_order_it_says(method):
    f, exact = _manufactured(DENSE)
    sizes = []
    for n in (8, 16, 32, 64, 128):
        _, error, slope = method.step_with_error(f, 0.2, exact(0.2), 1 / n)
        assert slope is None
        sizes.append(np.max(np.abs(error)))
    slopes = _slopes(np.array(sizes))
    assert abs(np.mean(slopes[-2:]) - (method.embedded_order + 1)) < 0.15, slopes


@pytest.mark.parametrize("L", [np.array([-1e5, -30.0, -0.5]), DENSE], ids=["diagonal", "matrix"])
@pytest.mark.parametrize("method", [ode.etdrk3, ode.hochbruck_ostermann], **BY_NAME)
def test_adaptive_steps_follow_the_tolerance_and_rows_are_alone(method, L):
    f, exact = _bounded(L) if L.ndim == 1 else _manufactured(L)
    x0 = np.concatenate([exact(0.0), exact(0.0) + 1e-3])
    errors = []
    for tolerance in (1e-4, 1e-7):
        solution = ode.solve(f, x0, [0.0, 0.4, 1.0], method=method, rtol=tolerance, atol=tolerance)
        errors.append(np.max(np.abs(solution.x[-1, 0] - exact(1.0)[0])))
        np.testing.assert_allclose(solution.x[1, 0], exact(0.4)[0], atol=20 * tolerance)
    assert errors[0] < 1e-3
    assert errors[1] < 1e-6
    alone = ode.solve(f, x0[:1], [0.0, 0.4, 1.0], method=method, rtol=1e-7, atol=1e-7)
    # A stack of exponentials or one: the same to rounding, and so are the steps.
    np.testing.assert_allclose(alone.x[:, 0], solution.x[:, 0], rtol=1e-11, atol=1e-13)
    assert alone.stats["steps"][0] == solution.stats["steps"][0]
    shared = ode.solve(f, x0, [0.0, 1.0], method=method, rtol=1e-7, atol=1e-7, batch="shared")
    np.testing.assert_allclose(shared.x[-1, 0], exact(1.0)[0], atol=1e-6)


def test_a_stiff_linear_part_does_not_limit_the_steps():
    f = ode.Semilinear(np.array([-1e8, -1.0]), lambda t, x: np.cos(x + t))
    x0 = np.ones((1, 2))
    solution = ode.solve(f, x0, [0.0, 5.0], method=ode.hochbruck_ostermann, rtol=1e-6)
    assert solution.stats["steps"][0] < 100
    slow = ode.solve(lambda t, x: -x + np.cos(x + t), x0[:, 1:], [0.0, 5.0], rtol=1e-10)
    np.testing.assert_allclose(solution.x[-1, :, 1:], slow.x[-1], rtol=1e-4)


def test_a_complex_spectral_equation():
    """Burgers' equation on the circle in Fourier space against the method of lines in physical space."""
    n, viscosity = 32, 0.1
    k = np.fft.fftfreq(n, 1 / n) * (np.abs(np.fft.fftfreq(n, 1 / n)) < n // 2)
    u0 = np.exp(np.sin(2 * np.pi * np.arange(n) / n))[None]

    def nonlinear(t, v):
        u = np.fft.ifft(v, axis=-1).real
        return -0.5j * k * np.fft.fft(u * u, axis=-1)

    f = ode.Semilinear(-viscosity * k**2, nonlinear)
    v = ode.solve(f, np.fft.fft(u0, axis=-1), [0.0, 1.0], method=ode.krogstad, substeps=200).x[-1]

    def physical(t, u):
        v = np.fft.fft(u, axis=-1)
        return np.fft.ifft(-viscosity * k**2 * v + nonlinear(t, v), axis=-1).real

    wanted = ode.solve(physical, u0, [0.0, 1.0], rtol=1e-9, atol=1e-11).x[-1]
    np.testing.assert_allclose(np.fft.ifft(v, axis=-1).real, wanted, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, **BY_NAME)
@pytest.mark.parametrize("L", [np.array([-40.0, -1.0, 0.5]), DENSE], ids=["diagonal", "matrix"])
def test_backends_precisions_and_steps_per_row(xp, method, L):
    x = _rng().standard_normal((4, 3)) / 2
    t, dt = _rng().random((4, 1)), _rng().uniform(-0.1, 0.2, (4, 1))

    def rest(t, x):
        return x**3 - 2.0 * x + t

    for linear in (L, xp.asarray(L)):
        f = ode.Semilinear(linear, rest)
        wanted = method.step(ode.Semilinear(L, rest), 0.5, x, 0.1)
        found = xp.numpy(method.step(f, 0.5, xp.asarray(x), 0.1))
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)  # libraries' exp and products
        rows = xp.numpy(method.step(f, xp.asarray(t), xp.asarray(x), xp.asarray(dt)))
        alone = [
            method.step(ode.Semilinear(L, rest), float(t[i, 0]), x[i : i + 1], float(dt[i, 0]))
            for i in range(4)
        ]
        np.testing.assert_allclose(rows, np.concatenate(alone), rtol=1e-11, atol=1e-12)
    single = method.step(ode.Semilinear(L, rest), 0.5, xp.asarray(x, "float32"), 0.1)
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), wanted, atol=2e-6)
    twisted = method.step(ode.Semilinear(1j * L, rest), 0.5, xp.asarray(x, "complex128"), 0.1)
    assert twisted.dtype == xp.xp.complex128


def test_states_of_any_shape_and_empty_batches():
    x = _rng().standard_normal((4, 5, 3)) / 2
    dt = _rng().standard_normal((4, 1, 1)) / 5
    for L in (DENSE, np.diag(DENSE)):
        f = ode.Semilinear(L, lambda t, x: np.sin(x))
        rows = ode.etdrk4.step(f, 0.0, x, dt)
        for i in range(4):
            flat = ode.etdrk4.step(f, 0.0, x[i], float(dt[i, 0, 0]))
            np.testing.assert_allclose(rows[i], flat, rtol=1e-12, atol=1e-13)
        assert ode.solve(f, np.zeros((0, 3)), [0, 1], method=ode.krogstad).x.shape == (2, 0, 3)


def test_phi_functions_are_computed_once_for_equal_steps(monkeypatch):
    calls = []
    counted = _exponential_operators.matrix_phis
    monkeypatch.setattr(_exponential_operators, "matrix_phis", lambda A, n: calls.append(n) or counted(A, n))
    f = ode.Semilinear(DENSE, lambda t, x: np.sin(x))
    solution = ode.solve(f, np.ones((2, 3)), [0.0, 1.0, 2.0], method=ode.etdrk4, substeps=50)
    assert calls == [3, 1] or calls == [1, 3]  # one matrix for z, one for z / 2
    assert solution.stats["evaluations"] == 1 + 400  # that at the start checks f
    ode.solve(f, np.ones((2, 3)), [0.0, 1.0], method=ode.etdrk4, substeps=50)
    assert len(calls) == 2  # the right-hand side is the same object, and so is the step


def test_a_blow_up_ends_its_row_alone():
    f = ode.Semilinear(np.array([-1.0]), lambda t, x: x**2)
    with pytest.raises(SolveError, match="nan or inf between t=0 and t=2 in row 0") as caught:
        ode.solve(f, np.array([[40.0], [0.5]]), [0.0, 2.0], method=ode.etdrk4, substeps=200)
    assert caught.value.solution.row_status == ("nonfinite", "ok")


@given(s=st.fractions(Fraction(1, 4), 1, max_denominator=8))
def test_any_method_of_order_two_proves_itself(s):
    """c2 = s, b2 = phi2 / s: the family (5.8) of Hochbruck & Ostermann (2005)."""
    b2 = phi(2) / s
    tableau = ode.ExponentialTableau(
        name="family", a=[[], [s * phi(1, s)]], b=[phi(1) - b2, b2], c=[0, s], order=2, stiff_order=2
    )
    f, exact = _manufactured(DENSE)
    errors = _errors(ode.ExponentialRungeKutta(tableau), f, exact, [32, 64])
    assert abs(_slopes(errors)[0] - 2) < 0.3


def test_no_embedded_weights_of_order_three_exist_for_the_four_stages_of_krogstad():
    """The conditions on b and c leave b2 - b3 free; N(N(N)) fixes it at z = 0: the method itself."""
    tableau = ode.krogstad.tableau
    for share in (Fraction(0), Fraction(1, 4), Fraction(1)):
        middle = 4 * phi(2) - 8 * phi(3)
        b = [tableau.b[0], (1 - share) * middle, share * middle, tableau.b[3]]
        residuals = dict(symbolic.exponential_conditions(tableau.a, b, tableau.c, 3))
        assert {tree for tree, residual in residuals.items() if residual} == {"N(N(N))", "N(N(Lu))"}


def test_wrong_tableaux_are_rejected():
    right = ode.hochbruck_ostermann.tableau

    def build(**changes):
        return ode.ExponentialTableau(
            **{
                "name": "wrong",
                "a": right.a,
                "b": right.b,
                "c": right.c,
                "order": 4,
                "stiff_order": 4,
                **changes,
            }
        )

    build()
    with pytest.raises(ValueError, match="wrong claims order 4, but the condition of the tree N fails"):
        build(b=[*right.b[:-1], -right.b[-1]])
    with pytest.raises(ValueError, match=r"wrong: a\[4\] must sum to 1/2\*phi1\(z/2\); got"):
        build(a=[*right.a[:4], [*right.a[4][:3], -right.a[4][3], 0]])
    with pytest.raises(ValueError, match="wrong claims order 5, but the condition of the tree"):
        build(order=5)
    with pytest.raises(ValueError, match=r"wrong claims stiff order 5, but the condition .* fails"):
        build(stiff_order=5)
    t = ode.etdrk4.tableau
    with pytest.raises(ValueError, match=r"claims stiff order 3, but the condition b\.psi2 = 0 fails"):
        ode.ExponentialTableau(name="cm", a=t.a, b=t.b, c=t.c, order=4, stiff_order=3)
    with pytest.raises(ValueError, match="the embedded wrong claims order 4, but"):
        build(b_error=right.b_error, embedded_order=4)
    with pytest.raises(ValueError, match="b_error is zero"):
        build(b_error=[0] * 5, embedded_order=3)
    with pytest.raises(ValueError, match="b_error must have 5 entries; got 1"):
        build(b_error=[phi(1)], embedded_order=3)
    with pytest.raises(ValueError, match="give b_error and embedded_order together"):
        build(embedded_order=3)


def test_refusals():
    tableau = {"name": "t", "order": 1, "stiff_order": 1}
    with pytest.raises(TypeError, match=r"b must hold sums of phi-functions or 0; got 1\.0"):
        ode.ExponentialTableau(a=[[]], b=[1.0], c=[0], **tableau)
    with pytest.raises(ValueError, match="b and c must have one length; got 1 and 2"):
        ode.ExponentialTableau(a=[[]], b=[phi(1)], c=[0, 1], **tableau)
    with pytest.raises(ValueError, match=r"a must have 1 rows like b.* lengths \[0, 0\]"):
        ode.ExponentialTableau(a=[[], []], b=[phi(1)], c=[0], **tableau)
    with pytest.raises(ValueError, match=r"strictly lower triangular; a\[0\] is not"):
        ode.ExponentialTableau(a=[[phi(1)]], b=[phi(1)], c=[0], **tableau)
    with pytest.raises(TypeError, match=r"tableau must be an ode\.ExponentialTableau; got Tableau"):
        ode.ExponentialRungeKutta(ode.rk4.tableau)
    with pytest.raises(TypeError, match=r"etdrk4 needs f as an ode\.Semilinear, .* got function"):
        ode.solve(lambda t, x: -x, np.ones((1, 2)), [0, 1], method=ode.etdrk4)
    f = ode.Semilinear(np.array([-1.0, 1j]), lambda t, x: 0 * x)
    with pytest.raises(TypeError, match="linear is complex"):
        ode.etdrk4.step(f, 0.0, np.ones((1, 2)), 0.1)
    with pytest.raises(
        ValueError, match=r"linear must fit the last axis of the state; got \(2,\) and \(1, 3\)"
    ):
        ode.etdrk4.step(f, 0.0, np.ones((1, 3)), 0.1)
    with pytest.raises(ValueError, match=r"linear must be finite; linear\[0\] is nan"):
        ode.Semilinear(np.array([np.nan]), lambda t, x: 0 * x)
    f = ode.Semilinear(np.array([-1]), lambda t, x: 0 * x)
    with pytest.raises(TypeError, match="etdrk4 has no error estimate"):
        ode.etdrk4.step_with_error(f, 0.0, np.ones((1, 1)), 0.1)


def test_facts():
    assert [(m.order, m.stiff_order, m.embedded_order, m.nfe(10)) for m in METHODS] == [
        (1, 1, None, 10), (2, 2, 1, 20), (3, 2, 2, 30), (4, 2, None, 40), (4, 3, None, 40), (4, 4, 3, 50),
    ]  # fmt: skip
    assert all(m.reference and isinstance(m, ode.Method) for m in METHODS)
    text = repr(ode.hochbruck_ostermann)
    assert text == "ExponentialRungeKutta(hochbruck_ostermann, order 4(3), stiff order 4, 5 stages)"
    report = ode.hochbruck_ostermann.tableau.report()
    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert "b.psi2 = 0 holds" in lines
    assert "b.psi3 = 0 holds weakly" in lines
