"""What single precision costs: every bound that is documented or used holds, and is not idle.

The inputs are numbers of float32, so that the float64 run of the same inputs is exact beside it. Roundings
behave as if independent: n of them in a sum make the square root of n eps, not n eps (Higham & Mary 2019).
What a recurrence rounds at one step is carried by the powers of A that follow, which do not grow here; so the
roundings of all steps add, with their sign where A itself is rounded: eps times the number of samples.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import diffmath as dm
from diffmath import statespace as ss

EPS = float(np.finfo(np.float32).eps)

MEASURES = {
    "legs": ss.legs,
    "jacs": partial(ss.jacs, beta=1.0),
    "legt": ss.legt,
    "lagt": ss.lagt,
    "fout": ss.fout,
    "foud": partial(ss.foud, retention=0.5),
    "fous": ss.fous,
}


def single(values):
    return np.asarray(values, dtype=np.float32)


def exactly(values):
    """Numbers that float32 holds, in float64."""
    return single(values).astype(np.float64)


def signals(samples, seed=0):
    rng, t = np.random.default_rng(seed), (np.arange(samples) + 0.5) / samples
    return {
        "noise": exactly(rng.standard_normal(samples)),
        "positive noise": exactly(rng.uniform(0.0, 1.0, samples)),
        "wave": exactly(np.sin(20.0 * t) + 0.5),
        "alternation": exactly((-1.0) ** np.arange(samples) / 3.0),
        "walk": exactly(np.cumsum(rng.standard_normal(samples)) / np.sqrt(samples)),
    }


@pytest.mark.parametrize("samples", [100, 4000])
@pytest.mark.parametrize("order", [5, 33])
@pytest.mark.parametrize("rule", [ss.bilinear, ss.zoh])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_recurrence_loses_root_n_eps_for_each_sample(measure, rule, order, samples):
    """Rounded matrices, then rounded steps: root(n) eps |C| max|x| for each sample, over unit time."""
    C = np.random.default_rng(order).standard_normal(order)
    system = rule(MEASURES[measure](order).with_output(C), 1.0 / samples)
    growth = max(np.linalg.norm(np.linalg.matrix_power(system.A, 2**k), 2) for k in range(13))
    assert growth < 5
    rounded = ss.StateSpace(*map(single, (system.A, system.B)), C=single(C), dt=system.dt)
    states = ss.StateSpace(system.A, system.B, C=np.eye(order), dt=system.dt)
    rate = growth * np.sqrt(order) * EPS * samples * np.linalg.norm(C)
    for u in (*signals(samples).values(), np.eye(1, samples)[0]):
        bound = rate * np.linalg.norm(ss.simulate(states, u), axis=1).max()
        y = ss.simulate(system, u)
        assert np.abs(ss.simulate(rounded, single(u)) - y).max() <= bound
        assert np.abs(ss.simulate(system, single(u)) - y).max() <= bound  # the system follows the signal
    for method in ("powers", "doubling"):  # the bound of the impulse, last above
        error = np.abs(ss.kernel(rounded, samples, method=method) - y).max()
        assert 1e-4 * bound < error <= bound


@pytest.mark.parametrize("samples", [2, 100, 4000])
@pytest.mark.parametrize("order", [1, 4, 64, 256])
@pytest.mark.parametrize("twins", [True, False])
def test_a_memory_loses_half_an_eps_for_each_sample(samples, order, twins):
    """A rounding at sample j has faded by j / k at sample k, at least, and these sum to k / 2."""
    if not twins and samples * order > 100 * 256:
        samples = 500
    for u in signals(samples).values():
        exact = ss.memorize(ss.legs(order), u, every=samples)[-1]
        if twins:
            found = ss.memorize(ss.legs(order), single(u), every=samples)[-1]
        else:
            with dm.reference_only():
                found = ss.memorize(ss.legs(order), single(u), every=samples)[-1]
        # The first samples, for which order^2 / k is large, round as often as there are coefficients.
        bound = EPS * (0.5 * samples + np.sqrt(order) + 1.0) * np.abs(u).max()
        assert np.linalg.norm(found - exact) <= bound


def test_the_loss_of_a_memory_is_real():
    """A tenth of the bound and more is lost for a slow wave: each addition is rounded the same way."""
    u = signals(20_000)["wave"]
    lost = ss.memorize(ss.legs(4), single(u), every=20_000) - ss.memorize(ss.legs(4), u, every=20_000)
    assert np.linalg.norm(lost) > 0.01 * EPS * 20_000


@pytest.mark.parametrize("samples", [100, 5000])
@pytest.mark.parametrize("factor", [0.0, 0.5, 0.99, 0.9999, 1.0, -1.0])
@pytest.mark.parametrize("twins", [True, False])
def test_a_scan_loses_an_eps_for_each_sample_remembered(samples, factor, twins):
    """Two roundings a step, carried by the factors; the sum of their products is the memory in samples."""
    rng = np.random.default_rng(samples)
    spread = 0.1 if 0.0 < factor < 1.0 else 0.0
    a = exactly(factor * (1.0 - spread * rng.uniform(0.0, 1.0, (samples, 3))))
    b = exactly(rng.standard_normal((samples, 3)) + 1.0)
    x = ss.scan(a, b)
    memory = ss.scan(np.abs(a), np.ones_like(a)).max()
    if twins:
        found = ss.scan(single(a), single(b))
    else:
        with dm.reference_only():
            found = ss.scan(single(a), single(b))
    error = np.abs(found - x).max()
    assert error <= EPS * (memory + 1.0) * np.abs(x).max()


@pytest.mark.parametrize("lags", [1, 16, 1000, 20_000])
@pytest.mark.parametrize("samples", [100, 20_000])
def test_a_convolution_loses_few_eps_of_the_norms(samples, lags):
    """A fast transform rounds log2 of its length times, and no rounding grows."""
    worst = 0.0
    for K in signals(lags, 1).values():
        for u in signals(samples).values():
            error = np.abs(ss.convolve(single(u), single(K)) - ss.convolve(u, K)).max()
            worst = max(worst, error / (EPS * np.linalg.norm(u) * np.linalg.norm(K)))
    assert 1e-3 < worst <= np.log2(samples + lags)


@pytest.mark.parametrize("method", ["zoh", "bilinear", "impulse"])
@pytest.mark.parametrize("length", [100, 16384])
def test_a_diagonal_kernel_is_rounded_once(method, length):
    """Everything is float64 but the result: half an ulp, and what float64 loses to the phase."""
    rng = np.random.default_rng(length)
    poles = (-0.5 + 1j * np.pi * np.arange(64)).astype(np.complex64)
    weights = (rng.standard_normal(64) + 1j * rng.standard_normal(64)).astype(np.complex64)
    exact = ss.diagonal_kernel(poles.astype(complex), weights.astype(complex), length, dt=1e-3, method=method)
    K = ss.diagonal_kernel(poles, weights, length, dt=1e-3, method=method)
    assert K.dtype == np.float32
    assert (np.abs(K - exact) <= 0.5 * EPS * np.abs(exact) + 1e-12 * np.abs(exact).max()).all()
