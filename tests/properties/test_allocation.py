"""Memory in addition to the result: the promises of the documentation, as NumPy allocates it."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest

from diffmath import statespace as ss


def beside_the_result(call):
    """Bytes allocated at the worst moment of the second call, without the result itself."""
    call()  # what is compiled and loaded once
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1] - result.nbytes, result.nbytes
    finally:
        tracemalloc.stop()


def test_the_measure_sees_an_array_that_is_dropped():
    beside, result = beside_the_result(lambda: np.ones(500_000)[:1].copy())
    assert beside >= 4_000_000
    assert result == 8


@pytest.mark.parametrize("method", ["zoh", "bilinear", "impulse"])
@pytest.mark.parametrize(("channels", "length"), [(64, 16_384), (1, 1 << 20), (512, 1000)])
def test_a_diagonal_kernel_takes_twice_its_result_at_most(method, channels, length):
    """No array of modes times lags: 32 of them would be 32 times the result."""
    rng = np.random.default_rng(0)
    poles = -0.5 + 1j * np.pi * np.arange(32)
    weights = rng.standard_normal((channels, 32)) + 0j
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    case = partial(ss.diagonal_kernel, poles, weights, length, dt=dt, method=method)
    beside, result = beside_the_result(case)
    assert result == 8 * channels * length
    assert beside <= 2 * result


@pytest.mark.parametrize("channels", [1, 40])
def test_a_last_memory_takes_no_more_for_a_longer_signal(channels):
    """A copy of the signal and three numbers for each sample (its step, and what finds it), but no state."""

    def peak(samples):
        u = np.ones((samples, channels))
        return beside_the_result(lambda: ss.memorize(ss.legs(32), u, every=samples))[0]

    assert peak(8000) - peak(2000) <= 6000 * 8 * (channels + 3)


def test_a_last_state_takes_a_copy_or_two_of_the_signal():
    """`advance` holds blocks of the signal, never the states between."""
    system = ss.bilinear(ss.legs(64), 1e-3)
    u = np.random.default_rng(0).standard_normal(200_000)
    assert beside_the_result(lambda: ss.advance(system, u))[0] <= 3 * u.nbytes


def test_a_projection_takes_a_few_copies_of_the_signal():
    u = np.random.default_rng(0).standard_normal(200_000)
    assert beside_the_result(lambda: ss.project(ss.legs(128), u))[0] <= 5 * u.nbytes
