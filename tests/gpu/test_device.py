"""On a CUDA device only: the tests of the CuPy double, with CuPy. It has not run on a GPU yet."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import diffmath as dm
from diffmath import ode, sde

pytestmark = pytest.mark.gpu
KEY = dm.random.key(0)
OU = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")


@pytest.fixture
def cupy() -> Any:
    return pytest.importorskip("cupy")


def test_a_device_is_there():
    """The one test that stays where there is no device: it says why nothing else runs."""
    reason = os.environ.get("DIFFMATH_NO_DEVICE")
    if reason:
        pytest.skip(f"DIFFMATH_GPU=1, but {reason}: the tests of CuPy are left out")


def test_draws_equal_the_hosts(cupy):
    """The words are equal; the values may differ by the few ulp of the device's log, sin and cos."""
    found = dm.random.normal(KEY, (1000, 3), like=cupy.zeros(1)).get()
    with dm.reference_only():
        expected = dm.random.normal(KEY, (1000, 3), like=np.zeros(1))
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)  # 100 ulp, near a zero of sin more


def test_paths_equal_the_hosts(cupy):
    x0, times = np.ones((64, 2)), np.linspace(0, 1, 17)
    found = sde.solve(OU, cupy.asarray(x0), times, method=sde.euler_maruyama, key=KEY).x.get()
    expected = sde.solve(OU, x0, times, method=sde.euler_maruyama, key=KEY).x
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)  # 16 steps of the above


def test_singular_matrices_give_no_exception(cupy):
    found = cupy.linalg.inv(cupy.zeros((2, 2))).get()
    assert not np.isfinite(found).all()


def test_the_second_device(cupy):
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one device only")
    with cupy.cuda.Device(1):
        x0 = cupy.ones((4, 2))
    assert dm.random.normal(KEY, (3, 2), like=x0).device == x0.device
    assert ode.solve(lambda t, x: -x, x0, [0.0, 1.0]).x.device == x0.device
    assert sde.solve(OU, x0, [0.0, 1.0], method=sde.euler_maruyama, key=KEY).x.device == x0.device
