"""phi-functions against 50 digits."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath._phi import phi


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
