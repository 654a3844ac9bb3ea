"""The generalised bilinear rules: against SciPy, against the exponential, and against their own promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss

RULES = {ss.forward_euler: 0.0, ss.bilinear: 0.5, ss.backward_euler: 1.0}

EPS = float(np.finfo(np.float64).eps)


@given(
    order=st.integers(1, 24), dt=st.floats(1e-4, 2.0), alpha=st.floats(0, 1), seed=st.integers(0, 2**32 - 1)
)
def test_the_scipy_policy_is_scipy(order, dt, alpha, seed):
    """Matrix for matrix: cont2discrete stands in the corner of the system whose last state is the input."""
    C = np.random.default_rng(seed).standard_normal((2, order))
    legs = ss.legs(order).with_output(C, D=0.5)
    ours = ss.gbt(legs, dt, alpha=alpha, policy="scipy")
    A, B, C, D, _ = scipy.signal.cont2discrete(
        (legs.A, legs.B[:, None], C, np.full((2, 1), 0.5)), dt, "gbt", alpha=alpha
    )
    scale = 1 + np.abs(A).max()
    # Two backward-stable solves with one well-conditioned triangle.
    np.testing.assert_allclose(ours.A[:order, :order], A, atol=1e-12 * scale)
    np.testing.assert_allclose(ours.A[:order, order], B[:, 0], atol=1e-12 * scale)
    np.testing.assert_allclose(ours.C[:, :order], C, atol=1e-12 * scale)
    np.testing.assert_allclose(ours.D, D[:, 0], atol=1e-12 * scale)
    np.testing.assert_array_equal(ours.A[order], np.zeros(order + 1))
    np.testing.assert_array_equal(ours.B, np.eye(order + 1)[order])
    np.testing.assert_array_equal(ours.C[:, order], 0.0)


@given(order=st.integers(1, 24), dt=st.floats(1e-3, 1.0), alpha=st.floats(0.5, 1))
def test_the_policies_differ_by_the_average_of_two_inputs(order, dt, alpha):
    """H_scipy = (alpha + (1 - alpha) w) H_s4 for D = 0; Tustin halves K(w) (1 + w) (T12)."""
    legs = ss.legs(order).with_output(np.cos(np.arange(order)))
    K = ss.kernel(ss.gbt(legs, dt, alpha=alpha), 20)
    averaged = alpha * K + (1 - alpha) * np.concatenate([[0.0], K[:-1]])
    np.testing.assert_allclose(
        ss.kernel(ss.gbt(legs, dt, alpha=alpha, policy="scipy"), 20), averaged, atol=1e-12 * order
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_named_rules_are_gbt(rule):
    legs = ss.legs(5).with_output(np.ones(5), D=2.0)
    for policy in ("s4", "scipy"):
        ours, gbt = rule(legs, 0.1, policy=policy), ss.gbt(legs, 0.1, alpha=RULES[rule], policy=policy)
        for name in "ABCD":
            np.testing.assert_array_equal(getattr(ours, name), getattr(gbt, name))


def test_exact_values_on_a_scalar():
    decay = ss.StateSpace(np.array([[-2.0]]), np.array([3.0]))
    for alpha in (0.0, 0.25, 0.5, 1.0):
        system = ss.gbt(decay, 0.5, alpha=alpha)
        assert system.A[0, 0] == pytest.approx((1 - (1 - alpha)) / (1 + alpha), abs=1e-16)
        assert system.B[0] == pytest.approx(1.5 / (1 + alpha), rel=1e-15)


@pytest.mark.parametrize(("alpha", "order"), [(0.0, 1.0), (0.3, 1.0), (0.5, 2.0), (1.0, 1.0)])
def test_measured_order_towards_the_exponential(alpha, order):
    legs = ss.legs(4)
    errors = []
    for steps in 2 ** np.arange(8, 13):
        A = ss.gbt(legs, 1.0 / steps, alpha=alpha).A
        errors.append(np.linalg.norm(np.linalg.matrix_power(A, steps) - scipy.linalg.expm(legs.A)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, order, atol=0.15)


@pytest.mark.parametrize("rule", [ss.bilinear, ss.backward_euler, ss.zoh])
@pytest.mark.parametrize("dt", [1e-3, 1.0, 1e3])
def test_a_stable_system_stays_stable(rule, dt):
    """LegS loses energy in every direction, so its step shrinks every state, for every dt (T13).

    Eigenvalues would not tell: those of so skewed a matrix are not computable. 1e-12 is 64^2 eps.
    """
    for order in (1, 8, 64):
        assert np.linalg.norm(rule(ss.legs(order), dt).A, 2) <= 1.0 + 1e-12


@pytest.mark.parametrize("system", [ss.legt(64), ss.fout(65), ss.jacs(64, 1.0), ss.lagt(64)])
@pytest.mark.parametrize("rule", [ss.bilinear, ss.zoh])
def test_every_measure_stays_stable(system, rule):
    """Windows lose the energy of their end, and so does every step (T13); 1e-11 is 64^2 eps and a solve."""
    for dt in (1e-3, 1.0):
        assert np.linalg.norm(rule(system, dt).A, 2) <= 1.0 + 1e-11


@pytest.mark.parametrize("order", [8, 16, 32, 64])
def test_the_step_limit_of_forward_euler(order):
    """Powers of the LegS step stay below 10 at 5 / n^2; at 20 / n^2 they pass 1000."""

    def largest(dt):
        power, found = ss.forward_euler(ss.legs(order), dt).A, 0.0
        for _ in range(12):
            found = max(found, np.linalg.norm(power, 2))
            if found > 1000:
                break
            power = power @ power
        return found

    assert largest(5 / order**2) < 10
    assert largest(20 / order**2) > 1000


def test_a_large_stable_system_stays_stable():
    """At 512 states (T13); 1e-10 is 512^2 eps, the rounding of the solve and of the norm."""
    assert np.linalg.norm(ss.bilinear(ss.legs(512), 1e-3).A, 2) <= 1.0 + 1e-10


@pytest.mark.parametrize("rule", RULES)
def test_backends(xp, rule):
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):  # a few eps of entries below 1
        legs = ss.legs(6, like=xp.empty(dtype)).with_output(xp.asarray(np.ones(6), dtype), D=2.0)
        system = rule(legs, 0.1)
        assert xp.numpy(system.A).dtype == dtype
        np.testing.assert_allclose(xp.numpy(system.A), rule(ss.legs(6), 0.1).A, atol=10 * tolerance)
        assert (system.dt, system.structure.name, float(system.D)) == (0.1, "dense", 2.0)
        lagged = rule(legs, 0.1, policy="scipy")
        assert xp.numpy(lagged.C).shape == (7,)
        # A system without an output is stepped alike.
        states = rule(ss.legs(6, like=xp.empty(dtype)), 0.1, policy="scipy")
        np.testing.assert_array_equal(xp.numpy(states.A), xp.numpy(lagged.A))


def test_the_origin_is_checked(xp):
    """A step remembers where it comes from, follows its data, and does not survive another A."""
    system = ss.bilinear(ss.legs(6), 0.1)
    assert (system.origin.alpha, system.origin.system.structure.name) == (0.5, "lower-cumulative")
    moved = system.with_output(xp.asarray(np.ones(6), "float32"))
    assert xp.numpy(moved.origin.system.A).dtype == xp.numpy(moved.A).dtype
    with pytest.raises(ValueError, match="A and B are not the step of the origin"):
        replace(system, A=system.A * 1.001)
    with pytest.raises(ValueError, match="A and B are not the step of the origin"):
        replace(system, B=system.B * 1.001)
    with pytest.raises(ValueError, match="origin belongs to a discrete system of the same order"):
        replace(system, dt=None)
    assert replace(system, A=system.A * 1.001, origin=None).origin is None


@pytest.mark.parametrize("entry", ["A", "B"])
def test_an_origin_is_compared_to_some_eps(entry):
    """A change by forty eps passes; a change by a hundred times the tolerance does not (six states)."""
    system = ss.bilinear(ss.legs(6), 0.1)
    assert replace(system, **{entry: getattr(system, entry) * (1 + 40 * EPS)}).origin is not None
    with pytest.raises(ValueError, match="A and B are not the step of the origin"):
        replace(system, **{entry: getattr(system, entry) * (1 + 100 * 64 * 6 * EPS)})


@given(order=st.integers(1, 64), dt=st.floats(1e-12, 1e12), alpha=st.floats(0, 1))
def test_every_step_passes_its_own_check(order, dt, alpha):
    assert ss.gbt(ss.legs(order), dt, alpha=alpha).origin is not None


def test_refusals(xp):
    legs = ss.legs(2)
    with pytest.raises(TypeError, match="bilinear takes a StateSpace; got tuple"):
        ss.bilinear((legs.A, legs.B), 0.1)
    with pytest.raises(ValueError, match=r"continuous system; got one with dt=0\.1"):
        ss.bilinear(ss.bilinear(legs, 0.1), 0.1)
    for dt in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="dt must be positive and finite"):
            ss.bilinear(legs, dt)
    with pytest.raises(TypeError, match="dt must be a number; got list"):
        ss.bilinear(legs, [0.1])
    with pytest.raises(ValueError, match=r"overflows .*: choose a smaller dt"):
        ss.forward_euler(legs, 1e308)
    with pytest.raises(ValueError, match=r"1/\(alpha dt\)=4 is an eigenvalue of A"):
        ss.bilinear(ss.StateSpace(xp.asarray([[4.0]]), xp.asarray([1.0])), 0.5)
    for alpha in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]"):
            ss.gbt(legs, 0.1, alpha=alpha)
    with pytest.raises(TypeError, match="alpha must be a number; got str"):
        ss.gbt(legs, 0.1, alpha="half")
    with pytest.raises(ValueError, match=r"policy must be one of .*; got 'matlab'"):
        ss.gbt(legs, 0.1, alpha=1, policy="matlab")
