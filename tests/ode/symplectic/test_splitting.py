"""Symplectic splitting methods: order, symplecticity, reversibility, and energy over 10^4 periods."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, ode, symbolic

METHODS = [
    ode.leapfrog, ode.position_verlet, ode.mclachlan2, ode.yoshida4, ode.mclachlan4, ode.yoshida6
]  # fmt: skip
PENDULUM = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -np.sin(q))
COUPLED = ode.Separable(  # neither energy quadratic, every component coupled to all others
    velocity=lambda t, p: p + p**3 / 3 + np.sin(p @ np.ones((3, 3))),
    force=lambda t, q: -(q**3) - np.cos(q @ np.ones((3, 3))),
)
# McLachlan & Atela (1992), four stages: made for a quadratic kinetic energy, shipped elsewhere as general.
MCATE_DRIFTS = (
    "0.5153528374311229364",
    "-0.085782019412973646",
    "0.4415830236164665242",
    "0.1288461583653841854",
)
MCATE_KICKS = (
    "0.1344961992774310892",
    "-0.2248198030794208058",
    "0.7563200005156682911",
    "0.3340036032863214255",
)
ULPS = {"rtol": 1e-13, "atol": 1e-14}  # the libraries' powers differ by an ulp


def _rng():
    """Fresh for every test: what it draws does not depend on the order of the tests."""
    return np.random.default_rng(4)


def manufactured():
    """Velocity and force that depend on time and are not linear, with q = sin t, p = cos 2t exactly."""

    def velocity(t, p):
        return np.sin(3 * p) - np.sin(3 * np.cos(2 * t)) + np.cos(t)

    def force(t, q):
        return -(q**3) + np.sin(t) ** 3 - 2 * np.sin(2 * t)

    return ode.Separable(velocity, force), lambda t: np.array([[[np.sin(t)], [np.cos(2 * t)]]])


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_measured_order(method):
    f, exact = manufactured()
    first = {2: 16, 4: 16, 6: 12}[method.order]
    errors = []
    for halving in range(5):
        n = first * 2**halving
        x, dt = exact(0.0), 2.0 / n
        worst = 0.0
        for j in range(n):
            x = method.step(f, j * dt, x, dt)
            worst = max(worst, np.max(np.abs(x - exact((j + 1) * dt))))
        errors.append(worst)
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert abs(np.mean(slopes[-2:]) - method.order) < 0.15, slopes


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_step_is_symplectic(method):
    """J^T Omega J = Omega, the Jacobian by complex steps, which are exact to rounding."""
    assert _symplectic_defect(method) < 1e-13  # some 20 products of entries of size one


def test_the_check_of_symplecticity_sees_a_method_that_is_not():
    assert _symplectic_defect(ode.rk4) > 1e-6


def _symplectic_defect(method):
    n, tiny = 3, 1e-100
    base = _rng().standard_normal(2 * n)
    probes = base + 1j * tiny * np.eye(2 * n)
    stepped = method.step(COUPLED, 0.0, probes.reshape(2 * n, 2, n), 0.1).reshape(2 * n, 2 * n)
    J = stepped.imag.T / tiny
    omega = np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])
    return np.max(np.abs(J.T @ omega @ J - omega))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_step_back_undoes_a_step(method):
    f, _ = manufactured()
    x = _rng().standard_normal((5, 2, 1))
    back = method.step(f, 0.8, method.step(f, 0.3, x, 0.5), 0.3 - 0.8)
    np.testing.assert_allclose(back, x, rtol=0, atol=2e-14)  # rounding of at most 22 sub-steps


def test_a_general_method_does_not_undo_itself():
    f, _ = manufactured()
    x = _rng().standard_normal((5, 2, 1))
    back = ode.rk4.step(f, 0.8, ode.rk4.step(f, 0.3, x, 0.5), -0.5)
    assert np.max(np.abs(back - x)) > 1e-6


def _energy_errors(method, periods, per_period):
    """Largest energy error of a pendulum within each tenth of the given number of periods."""
    x, period = np.array([[[1.0], [0.0]]]), 6.69  # amplitude 1: T = 6.6998
    dt, energy = period / per_period, -np.cos(1.0)
    worst = np.zeros(10)
    for tenth in range(10):
        for _ in range(periods * per_period // 10):
            x = method.step(PENDULUM, 0.0, x, dt)
            q, p = float(x[0, 0, 0]), float(x[0, 1, 0])
            worst[tenth] = max(worst[tenth], abs(p * p / 2 - np.cos(q) - energy))
    return worst


def test_the_energy_does_not_drift_in_ten_thousand_periods():
    errors = _energy_errors(ode.position_verlet, 10_000, 12)
    assert errors.max() < 0.04  # 12 steps a period are coarse: the error is large, and stays so
    assert errors.max() / errors.min() < 1.02


def test_the_energy_drifts_with_a_method_that_is_not_symplectic():
    errors = _energy_errors(ode.rk4, 500, 12)
    assert errors[-1] > 5 * errors[0]


def test_higher_order_keeps_the_energy_better_at_equal_cost():
    """At 60 force evaluations a period; mclachlan4 has a smaller error constant than yoshida4."""
    worst = {m.name: _energy_errors(m, 20, 60 // m.nfe(1)).max() for m in METHODS}
    assert worst["yoshida4"] < worst["position_verlet"] / 3
    assert worst["mclachlan4"] < worst["yoshida4"] / 3
    assert worst["mclachlan2"] < worst["position_verlet"]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_backends_and_precisions(xp, method):
    f = ode.Separable(velocity=lambda t, p: p**3 + t, force=lambda t, q: -q - t * q**3)
    x = _rng().standard_normal((4, 2, 3)) / 2
    wanted = method.step(f, 0.5, x, 0.1)
    np.testing.assert_allclose(xp.numpy(method.step(f, 0.5, xp.asarray(x), 0.1)), wanted, **ULPS)
    single = method.step(f, 0.5, xp.asarray(x, "float32"), 0.1)
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), wanted, rtol=0, atol=1e-6)
    t, dt = _rng().random((4, 1, 1)), _rng().standard_normal((4, 1, 1)) / 5
    rows = method.step(f, xp.asarray(t), xp.asarray(x), xp.asarray(dt))
    alone = [method.step(f, float(t[i, 0, 0]), x[i : i + 1], float(dt[i, 0, 0])) for i in range(4)]
    np.testing.assert_allclose(xp.numpy(rows), np.concatenate(alone), **ULPS)
    solution = ode.solve(f, xp.asarray(np.zeros((0, 2, 3))), [0, 1], method=method)
    assert solution.x.shape == (2, 0, 2, 3)


def test_solve_counts_the_parts_and_reports_a_blow_up():
    solution = ode.solve(
        PENDULUM, np.array([[[1.0], [0.0]]]), [0.0, 1.0, 2.0], method=ode.leapfrog, substeps=50
    )
    assert (
        solution.stats["evaluations"] == 1 + 100 * 3
    )  # the check at the start, two kicks and a drift a step
    steep = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: q**3)
    x0 = np.array([[[5.0], [50.0]], [[0.1], [0.0]]])
    with pytest.raises(SolveError, match="nan or inf between t=0 and t=2 in row 0") as caught:
        ode.solve(steep, x0, [0.0, 2.0], method=ode.yoshida4, substeps=100)
    assert caught.value.solution.row_status == ("nonfinite", "ok")


@given(
    drifts=st.lists(st.fractions(-1, 1, max_denominator=5), min_size=1, max_size=4),
    kicks=st.lists(st.fractions(-1, 1, max_denominator=5), min_size=1, max_size=4),
)
def test_any_consistent_shares_make_a_symplectic_method(drifts, kicks):
    m = max(len(drifts), len(kicks)) + 1
    drifts = [*drifts, *[0] * (m - 1 - len(drifts)), 1 - sum(drifts)]
    kicks = [*kicks, *[0] * (m - 1 - len(kicks)), 1 - sum(kicks)]
    tableau = ode.SplittingTableau(name="drawn", drifts=drifts, kicks=kicks, order=1)
    assert _symplectic_defect(ode.Splitting(tableau)) < 1e-10  # entries grow with the shares


def test_wrong_coefficients_are_rejected():
    with pytest.raises(ValueError, match="mcate4 claims order 4, but the condition of the word"):
        ode.SplittingTableau(name="mcate4", drifts=[0, *MCATE_DRIFTS], kicks=[*MCATE_KICKS, 0], order=4)
    right = ode.yoshida4.tableau
    wrong = [-right.kicks[0], *right.kicks[1:]]
    with pytest.raises(ValueError, match="wrong claims order 4, but the condition of the word B fails"):
        ode.SplittingTableau(name="wrong", drifts=right.drifts, kicks=wrong, order=4)
    with pytest.raises(ValueError, match=r"the word A+B+ fails"):
        ode.SplittingTableau(name="over", drifts=right.drifts, kicks=right.kicks, order=5)
    rounded = [str(float(a)) for a in ode.yoshida6.tableau.drifts]
    with pytest.raises(ValueError, match="rounded claims order 6"):
        ode.SplittingTableau(name="rounded", drifts=rounded, kicks=right.kicks + (0,) * 4, order=6, digits=60)


def test_mcate4_is_of_order_four_for_a_quadratic_kinetic_energy_only():
    """The rejected condition: with kicks first, all conditions except that of ABBB hold."""
    steps = [
        step for a, b in zip(MCATE_DRIFTS, MCATE_KICKS) for step in (("B", Fraction(b)), ("A", Fraction(a)))
    ]
    failing = [word for word, residual in symbolic.splitting_conditions(steps, 4) if abs(residual) > 1e-15]
    assert failing == ["ABBB"]


def test_refusals():
    with pytest.raises(TypeError, match=r"leapfrog needs f as an ode\.Separable, .* got function"):
        ode.solve(lambda t, x: -x, np.ones((1, 2, 1)), [0, 1], method=ode.leapfrog)
    with pytest.raises(ValueError, match=r"state of a Separable has shape \(batch, 2, n\); got \(1, 3, 1\)"):
        ode.leapfrog.step(PENDULUM, 0.0, np.ones((1, 3, 1)), 0.1)
    with pytest.raises(ValueError, match=r"drifts and kicks must have one length m >= 1; got 2 and 1"):
        ode.SplittingTableau(name="short", drifts=[0, 1], kicks=[1], order=1)
    with pytest.raises(TypeError, match=r"drifts must hold exact numbers; got 0\.5"):
        ode.SplittingTableau(name="float", drifts=[0.5, 0.5], kicks=[1, 0], order=2)
    with pytest.raises(ValueError, match="digits must be at least 20, beyond float64; got 5"):
        ode.SplittingTableau(name="few", drifts=[1], kicks=[1], order=1, digits=5)
    with pytest.raises(TypeError, match=r"tableau must be an ode\.SplittingTableau; got Tableau"):
        ode.Splitting(ode.rk4.tableau)


def test_facts():
    assert [m.nfe(10) for m in METHODS] == [20, 10, 20, 30, 50, 70]
    assert all(m.tableau.is_symmetric and m.reference for m in METHODS)
    assert repr(ode.yoshida4) == "Splitting(yoshida4, order 4, 3 kicks, symmetric)"
    assert isinstance(ode.leapfrog, ode.Method)
    assert "AABB  residual 0" in ode.mclachlan4.tableau.report()
