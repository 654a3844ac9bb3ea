"""Holds: against SciPy, against integrals in closed form, and against the continuous system."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmath import statespace as ss
from diffmath._arrays.expm import expm


@given(n=st.integers(1, 12), scale=st.floats(0, 50), seed=st.integers(0, 2**32 - 1))
def test_exponential_against_scipy(n, scale, seed):
    A = scale / n * np.random.default_rng(seed).standard_normal((n, n))
    expected = scipy.linalg.expm(A)
    # Squaring loses about a digit per three squarings; the condition of exp is at least |A|.
    atol = 1e-14 * (1 + scale) ** 2 * np.abs(expected).max()
    np.testing.assert_allclose(expm(A), expected, atol=atol)


def _impulse_response(system, count):
    """The impulse response of SciPy's tuple (A, B, C, D, dt), whose state lags one sample."""
    A, B, C, D, _ = (np.asarray(part) for part in system)
    powers = [C @ np.linalg.matrix_power(A, k) @ B for k in range(count - 1)]
    return np.concatenate([D.ravel(), np.ravel(powers)])


@settings(max_examples=20)
@given(order=st.integers(1, 20), dt=st.floats(1e-4, 1.0), seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("method", ["zoh", "foh", "impulse"])
def test_transfer_functions_are_those_of_scipy(method, order, dt, seed):
    C = np.random.default_rng(seed).standard_normal(order)
    D = 0.0 if method == "impulse" else 0.7
    legs = ss.legs(order).with_output(C, D)
    ours = ss.zoh(legs, dt, policy="scipy") if method == "zoh" else getattr(ss, method)(legs, dt)
    theirs = scipy.signal.cont2discrete((legs.A, legs.B[:, None], C[None], D), dt, method)
    np.testing.assert_allclose(ss.kernel(ours, 16), _impulse_response(theirs, 16), atol=1e-12 * order)
    # e^{A dt} is the same matrix in all three.
    np.testing.assert_allclose(ours.A[:order, :order], theirs[0], atol=1e-12)


def test_zoh_policies_are_one_sample_apart():
    legs = ss.legs(6).with_output(np.ones(6))
    now, later = ss.kernel(ss.zoh(legs, 0.1), 10), ss.kernel(ss.zoh(legs, 0.1, policy="scipy"), 10)
    np.testing.assert_allclose(later, np.concatenate([[0.0], now[:-1]]), atol=1e-14)  # a few eps of 1


@given(rate=st.floats(-5, 2), dt=st.floats(1e-6, 2.0))
def test_a_scalar_in_closed_form(rate, dt):
    """The phi-functions of the ground floor are the integrals of the holds."""
    from diffmath._arrays.phi import phi

    system = ss.StateSpace(np.array([[rate]]), np.ones(1), C=np.ones(1))
    zoh, foh = ss.zoh(system, dt), ss.foh(system, dt)
    z = rate * dt
    np.testing.assert_allclose([zoh.A[0, 0], zoh.B[0]], [np.exp(z), dt * phi(1, z)], rtol=1e-13)
    np.testing.assert_allclose(foh.B, [dt * phi(2, z), 1.0], rtol=1e-13)
    np.testing.assert_allclose(foh.A[0, 1], dt * (phi(1, z) - phi(2, z)), rtol=1e-12)


def test_a_first_order_hold_is_exact_on_a_broken_line():
    """A ramp through the samples: x' = -x + t has the solution t - 1 + e^{-t}, at any step."""
    system = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    for dt in (0.1, 1.0, 3.0):
        t = dt * np.arange(8)
        # 1e-14: a few eps of values up to 20.
        np.testing.assert_allclose(
            ss.simulate(ss.foh(system, dt), t), t - 1 + np.exp(-t), atol=1e-14 * (1 + t[-1])
        )


def test_zoh_of_legs_is_the_analytic_kernel():
    """K(t) = e^{-t} sqrt(2n+1) P_n(2 e^{-t} - 1): the state that an impulse leaves behind (T3)."""
    order, dt = 16, 0.05
    t = dt * np.arange(40)
    analytic = np.exp(-t) * np.polynomial.legendre.legvander(2 * np.exp(-t) - 1, order - 1).T
    analytic *= np.sqrt(2 * np.arange(order) + 1)[:, None]
    K = ss.kernel(ss.impulse(ss.legs(order).with_output(np.eye(order)), dt), 40)
    np.testing.assert_allclose(K / dt, analytic, atol=1e-12)  # kernels of size 6, 40 products


@pytest.mark.parametrize("rule", [ss.zoh, ss.foh, ss.impulse])
def test_backends(xp, rule):
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-5)):  # some eps of entries of size 1
        legs = ss.legs(6, like=xp.empty(dtype)).with_output(xp.asarray(np.ones(6), dtype))
        system, host = rule(legs, 0.1), rule(ss.legs(6).with_output(np.ones(6)), 0.1)
        assert xp.numpy(system.A).dtype == dtype
        for name in "ABC":
            np.testing.assert_allclose(
                xp.numpy(getattr(system, name)), getattr(host, name), atol=10 * tolerance
            )
        assert (system.dt, system.structure.name, system.origin) == (0.1, "dense", None)
        assert rule(ss.legs(6, like=xp.empty(dtype)), 0.1).C is None


@pytest.mark.parametrize("rule", [ss.zoh, ss.foh, ss.impulse])
def test_refusals(rule):
    legs = ss.legs(2)
    with pytest.raises(TypeError, match=f"{rule.__name__} takes a StateSpace; got int"):
        rule(3, 0.1)
    with pytest.raises(ValueError, match="takes a continuous system"):
        rule(ss.bilinear(legs, 0.1), 0.1)
    with pytest.raises(ValueError, match="dt must be positive"):
        rule(legs, 0.0)
    growth = ss.StateSpace(np.array([[1e3]]), np.ones(1))
    with pytest.raises(ValueError, match="the exponential of dt=1 times A overflows"):
        rule(growth, 1.0)
    with pytest.raises(ValueError, match=r"the exponential of dt=1e.306 times A overflows"):
        rule(growth, 1e306)


def test_refusals_of_one_rule():
    with pytest.raises(ValueError, match="policy must be one of"):
        ss.zoh(ss.legs(2), 0.1, policy="tustin")
    with pytest.raises(ValueError, match="impulse needs D = 0"):
        ss.impulse(ss.legs(2).with_output(np.ones(2), D=1.0), 0.1)
