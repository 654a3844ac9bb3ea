"""A bank of channels equals the separate kernels of its channels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss

BUILDERS = {
    "legs": ss.legs,
    "jacs": lambda n: ss.jacs(n, 0.7),
    "legt": ss.legt,
    "legt-tilted": lambda n: ss.tilt(ss.legt(n), 0.8),
    "lagt": lambda n: ss.lagt(n, timescale=0.3),
    "fout": lambda n: ss.fout(2 * (n // 2) + 1),
    "dense": lambda n: ss.StateSpace(ss.legs(n).A, np.ones(n)),
}


def one_by_one(system, length, dt, C, alpha=0.5):
    steps = [ss.gbt(system.with_output(row), float(h), alpha=alpha) for h, row in zip(dt, C, strict=True)]
    return np.stack([ss.kernel(step, length, method="powers") for step in steps])


@pytest.mark.parametrize("build", BUILDERS.values(), ids=list(BUILDERS))
@pytest.mark.parametrize("method", ["auto", "doubling", "product"])
@pytest.mark.parametrize("length", [1, 2, 101, 512])
def test_a_bank_is_its_channels(build, method, length):
    system, rng = build(17), np.random.default_rng(length)
    if method == "product" and isinstance(system.structure, ss.Dense):
        with pytest.raises(ValueError, match="needs a system stepped from one with a structure"):
            ss.kernel_bank(system, 4, dt=np.ones(1), C=np.ones((1, 17)), method=method)
        return
    dt, C = np.geomspace(1e-3, 0.1, 7), rng.standard_normal((7, system.order))
    for alpha in (0.5, 1.0):
        K = ss.kernel_bank(system, length, dt=dt, C=C, alpha=alpha, method=method)
        expected = one_by_one(system, length, dt, C, alpha)
        # Some n eps of the largest lag of the channel; a digit more on the smaller circle of `product`.
        assert np.all(np.abs(K - expected) <= 3e-13 * np.abs(expected).max(axis=1, keepdims=True))


@given(
    order=st.integers(1, 20), channels=st.integers(1, 9), length=st.integers(1, 70), seed=st.integers(0, 99)
)
def test_own_outputs_and_direct_terms(order, channels, length, seed):
    rng = np.random.default_rng(seed)
    C, D, dt = (
        rng.standard_normal((channels, order)),
        rng.standard_normal(channels),
        rng.uniform(0.01, 1, channels),
    )
    system = ss.legs(order)
    direct = np.zeros((channels, length))
    direct[:, 0] = D
    expected = one_by_one(system, length, dt, C) + direct
    # A hundred eps of lags below 10 sqrt(order).
    np.testing.assert_allclose(ss.kernel_bank(system.with_output(C, D), length, dt=dt), expected, atol=1e-12)
    shared = ss.kernel_bank(system.with_output(C[0]), length, dt=dt)
    np.testing.assert_allclose(shared, one_by_one(system, length, dt, [C[0]] * channels), atol=1e-12)


def test_backends(xp):
    rng = np.random.default_rng(0)
    C, dt = rng.standard_normal((5, 16)), np.geomspace(1e-3, 0.1, 5)
    exact = one_by_one(ss.legs(16), 200, dt, C)
    for dtype, tolerance in (("float64", 1e-13), ("float32", 2e-5)):
        for method in ("doubling", "product"):
            for steps in (dt, xp.asarray(dt, dtype)):
                system = ss.legs(16, like=xp.empty(dtype))
                K = ss.kernel_bank(system, 200, dt=steps, C=xp.asarray(C, dtype), method=method)
                K = xp.numpy(K)
                assert K.dtype == dtype
                assert np.abs(K - exact).max() <= tolerance * np.abs(exact).max()


def test_memory_does_not_grow_with_the_channels():
    """The memory beyond the result is one block of channels and, at the end, the blocks to join."""
    held = []
    for channels in (64, 256):
        C, dt = np.ones((channels, 64)), np.full(channels, 0.01)
        ss.kernel_bank(ss.legs(64), 1024, dt=dt[:1], C=C[:1])
        tracemalloc.start()
        K = ss.kernel_bank(ss.legs(64), 1024, dt=dt, C=C)
        held.append(tracemalloc.get_traced_memory()[1] - 3 * K.nbytes)
        tracemalloc.stop()
    # All matrices together would be 256 * 64^2 numbers, 8 MiB, some times over.
    assert max(held) <= 2**23


def test_an_unstable_bank_is_reported():
    grows = ss.StateSpace(np.ones((1, 1)), np.ones(1), C=np.ones(1))
    with pytest.raises(dm.SolveError, match="the kernel is not finite from sample"):
        ss.kernel_bank(grows, 3000, dt=np.array([0.1, 1.0]))


def test_refusals():
    legs, one = ss.legs(3).with_output(np.ones(3)), np.ones(1)
    with pytest.raises(ValueError, match="takes a continuous system"):
        ss.kernel_bank(ss.bilinear(legs, 0.1), 4, dt=one)
    with pytest.raises(TypeError, match="takes a StateSpace"):
        ss.kernel_bank(3, 4, dt=one)
    with pytest.raises(ValueError, match="needs an output for each channel"):
        ss.kernel_bank(ss.legs(3), 4, dt=one)
    with pytest.raises(ValueError, match=r"C must have shape \(1, 3\), a row for each step; got \(2, 3\)"):
        ss.kernel_bank(legs, 4, dt=one, C=np.ones((2, 3)))
    for dt in (0.1, np.ones((2, 2)), np.empty(0)):
        with pytest.raises(ValueError, match="dt must hold a step for each channel"):
            ss.kernel_bank(legs, 4, dt=dt)
    with pytest.raises(ValueError, match="dt must be positive"):
        ss.kernel_bank(legs, 4, dt=-one)
    with pytest.raises(ValueError, match="method must be one of"):
        ss.kernel_bank(legs, 4, dt=one, method="cauchy")
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]; got 2"):
        ss.kernel_bank(legs, 4, dt=one, alpha=2)
    with pytest.raises(ValueError, match="length must be at least 1"):
        ss.kernel_bank(legs, 0, dt=one)
