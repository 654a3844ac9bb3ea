"""LegS: the closed form is the derived one, and its known identities hold."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.legendre import Legendre

from diffmath import statespace as ss
from diffmath import symbolic


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_equals_the_symbolic_derivation(order):
    """Two derivations, one truth; every entry is the correctly rounded exact number."""
    A, B = symbolic.derive_hippo(symbolic.legs, order)
    system = ss.legs(order)
    exact = np.array([[float(A[i, j].evalf(40)) for j in range(order)] for i in range(order)])
    np.testing.assert_array_equal(system.A, exact)
    np.testing.assert_array_equal(system.B, [float(B[i].evalf(40)) for i in range(order)])


def test_backends_and_precision(xp):
    system = ss.legs(5, like=xp.empty("float32"))
    A = xp.numpy(system.A)
    assert A.dtype == np.float32
    np.testing.assert_array_equal(A, ss.legs(5).A.astype(np.float32))
    assert xp.numpy(ss.legs(2, like=xp.empty("float32"), dtype=xp.xp.float64).B).dtype == np.float64


@given(order=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_energy_identity(order, seed):
    """t d|c|^2/dt = -|c|^2 + u^2 - (u - B.c)^2: the newest residual and age are forgotten."""
    rng = np.random.default_rng(seed)
    c, u = rng.standard_normal(order), rng.standard_normal()
    legs = ss.legs(order)
    change = 2.0 * c @ (legs.A @ c + legs.B * u)
    expected = -(c @ c) + u**2 - (u - legs.B @ c) ** 2
    # The terms of the sums are bounded by |c||A||c|; n of them round once or twice each.
    scale = np.abs(c) @ np.abs(legs.A) @ np.abs(c) + np.abs(legs.B) @ np.abs(c) * abs(u) + u**2
    assert abs(change - expected) <= 4 * np.finfo(float).eps * order * scale


@pytest.mark.parametrize("t", [0.01, 0.3, 2.0])
def test_impulse_response_is_a_warped_legendre_polynomial(t):
    """e^{tA} B = e^{-t} sqrt(2n+1) P_n(2 e^{-t} - 1)."""
    legs = ss.legs(12)
    exact = [np.exp(-t) * np.sqrt(2 * n + 1) * Legendre.basis(n)(2 * np.exp(-t) - 1) for n in range(12)]
    # The exponential's scaling and squaring loses eps |tA|, about 300 eps here.
    np.testing.assert_allclose(scipy.linalg.expm(t * legs.A) @ legs.B, exact, atol=1e-12)


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        (0, ValueError, "order must be at least 1; got 0"),
        (2.0, TypeError, "float"),
        (True, TypeError, "bool"),
    ],
)
def test_refuses_a_bad_order(order, error, message):
    with pytest.raises(error, match=message):
        ss.legs(order)


def test_refuses_a_bad_dtype():
    with pytest.raises(TypeError, match="dtype must be float32 or float64"):
        ss.legs(2, dtype=np.int64)
    with pytest.raises(TypeError, match="like must be an array"):
        ss.legs(2, like=[1.0])
