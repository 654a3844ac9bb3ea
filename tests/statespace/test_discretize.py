"""The bilinear rule: against SciPy, against the exponential, and against its own promises."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss


@given(order=st.integers(1, 32), dt=st.floats(1e-4, 2.0), seed=st.integers(0, 2**32 - 1))
def test_against_tustin_of_scipy(order, dt, seed):
    """Same A and B; C kept here, changed there: the transfer functions differ by (1 + w) / 2."""
    C = np.random.default_rng(seed).standard_normal(order)
    legs = ss.legs(order).with_output(C)
    ours = ss.bilinear(legs, dt)
    tustin = scipy.signal.cont2discrete((legs.A, legs.B[:, None], C[None], 0.0), dt, method="bilinear")
    # Two backward-stable solves with one well-conditioned triangle.
    np.testing.assert_allclose(ours.A, tustin[0], atol=1e-12)
    np.testing.assert_allclose(ours.B, tustin[1][:, 0], atol=1e-12)
    K = ss.kernel(ours, 20)
    averaged = (K + np.concatenate([[0.0], K[:-1]])) / 2
    impulse = scipy.signal.dimpulse((*tustin[:4], dt), n=20)[1][0][:, 0]
    np.testing.assert_allclose(averaged, impulse, atol=1e-12 * order)


def test_second_order_towards_the_exponential():
    legs = ss.legs(4)
    errors = []
    for steps in 2 ** np.arange(6, 12):
        A = ss.bilinear(legs, 1.0 / steps).A
        errors.append(np.linalg.norm(np.linalg.matrix_power(A, steps) - scipy.linalg.expm(legs.A)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.15)


@pytest.mark.parametrize("dt", [1e-3, 1.0, 1e3])
def test_a_stable_system_stays_stable(dt):
    """LegS loses energy in every direction, so its bilinear step shrinks every state, for every dt.

    Eigenvalues would not tell: those of so skewed a matrix are not computable. 1e-12 is 64^2 eps.
    """
    for order in (1, 8, 64):
        assert np.linalg.norm(ss.bilinear(ss.legs(order), dt).A, 2) <= 1.0 + 1e-12


def test_backends(xp):
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):  # a few eps of entries below 1
        legs = ss.legs(6, like=xp.empty(dtype)).with_output(xp.asarray(np.ones(6), dtype), D=2.0)
        system = ss.bilinear(legs, 0.1)
        assert xp.numpy(system.A).dtype == dtype
        np.testing.assert_allclose(xp.numpy(system.A), ss.bilinear(ss.legs(6), 0.1).A, atol=tolerance)
        assert (system.dt, system.structure, float(system.D)) == (0.1, "dense", 2.0)


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
    with pytest.raises(ValueError, match="2/dt=4 is an eigenvalue of A"):
        ss.bilinear(ss.StateSpace(xp.asarray([[4.0]]), xp.asarray([1.0])), 0.5)
