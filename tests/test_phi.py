"""phi-functions against 50 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath._phi import phi, phi1


def _exact(k: int, z: float) -> float:
    with mpmath.workdps(60):
        if abs(z) < 1:
            return float(mpmath.hyp1f1(1, k + 1, z) / mpmath.factorial(k))
        value = mpmath.exp(z)
        for j in range(k):
            value = (value - 1 / mpmath.factorial(j)) / mpmath.mpf(z)
        return float(value)


@pytest.mark.parametrize("k", range(7))
@pytest.mark.parametrize(
    "z", [0.0, 1e-300, -1e-16, 1e-8, -1e-3, 0.3, -1.0, 1.0, -2.001, 2.0, -3.5, 4.1, -6.0, -30.0, -800.0, 40.0]
)
def test_phi_is_good_to_a_few_ulp(k: int, z: float) -> None:
    # 8 ulp: the recurrence divides an error of one ulp of 1/(k-1)! by abs(z) > k.
    assert abs(phi(k, z) - _exact(k, z)) <= 8 * math.ulp(_exact(k, z))


@given(k=st.integers(1, 6), z=st.floats(-700, 50))
def test_phi_everywhere(k: int, z: float) -> None:
    assert abs(phi(k, z) - _exact(k, z)) <= 8 * math.ulp(_exact(k, z))


def test_phi_at_minus_infinity_is_zero() -> None:
    assert [phi(k, -math.inf) for k in range(4)] == [0.0] * 4


def _exact_phi1(z: complex) -> complex:
    with mpmath.workdps(60):
        w = mpmath.mpmathify(z)
        return complex(mpmath.expm1(w) / w) if z else 1.0 + 0j


@given(x=st.floats(-800, 700), y=st.floats(-1e4, 1e4), scale=st.sampled_from([1.0, 1e-4, 1e-9, 1e-17, 0.0]))
def test_phi1_of_complex_arrays(x: float, y: float, scale: float) -> None:
    # 8 eps in modulus, of the exact value at the rounded argument; what underflows is near the least number.
    z = complex(x, y) * scale
    exact = _exact_phi1(z)
    assert abs(complex(phi1(np.array([z]))[0]) - exact) <= 8 * 2.3e-16 * abs(exact) + 1e-300


def test_phi1_where_the_real_part_cancels() -> None:
    """expm1(x) cos(y) = 2 sin(y/2)^2: the real part of exp(z) - 1 is zero, the imaginary part is not."""
    y = np.linspace(0.01, 1.5, 50)
    z = -np.log(np.cos(y)) + 1j * y
    exact = np.array([_exact_phi1(v) for v in z])
    assert (np.abs(phi1(z) - exact) <= 8 * 2.3e-16 * np.abs(exact)).all()


def test_phi1_on_every_backend(xp) -> None:
    z = np.array([[0.0, 1e-20, -3.0], [2.5, -700.0, 1e-3]])
    for dtype, values in (("float64", z), ("float32", z), ("complex128", z * 1j), ("complex64", z * 1j)):
        result = xp.numpy(phi1(xp.asarray(values, dtype)))
        assert result.dtype == dtype
        exact = np.array([[_exact_phi1(complex(v)) for v in row] for row in values.astype(dtype)])
        np.testing.assert_allclose(result, exact, rtol=8 * np.finfo(dtype).eps)
