"""Methods as data: names, orders, costs, coefficients; and their orders, measured exactly.

Deterministic: against the quantile map of a one-dimensional mixture (the exact probability-flow map).
Stochastic: on Gaussian data a sampler is affine in its start and its noises, so that feeding it unit vectors
gives the mean and the variance of its output without Monte Carlo.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from diffmath import diffusion, random
from diffmath.diffusion._loop import noise as _noise

PROCESS = diffusion.vp()
MIXTURE = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])
GAUSSIAN = diffusion.GaussianMixture([1.0], [[1.5]], [0.3])


def slope(errors: list[float]) -> float:
    """Least-squares order of errors at successive halvings."""
    return -float(np.polyfit(np.arange(len(errors)), np.log2(errors), 1)[0])


def quantile_map(target: diffusion.Target, x: np.ndarray, start: float, end: float) -> np.ndarray:
    """The exact flow of a one-dimensional target: F_end^{-1}(F_start(x))."""
    cdf = target.projected_cdf([1.0], PROCESS, end)
    levels = target.projected_cdf([1.0], PROCESS, start)(x[:, 0])
    return np.array([[brentq(lambda z, p=p: cdf(z) - p, -20, 20, xtol=1e-15)] for p in levels])


@pytest.mark.parametrize(
    ("method", "order", "steps"),
    [
        (diffusion.ddim, 1, [80, 160, 320, 640, 1280]),
        (diffusion.dpmpp_2m, 2, [40, 80, 160, 320, 640]),
        (diffusion.adams, 3, [40, 80, 160, 320, 640]),
    ],
    ids=repr,
)
def test_order_of_encoding(method: diffusion.Method, order: int, steps: list[int]) -> None:
    """The orders of sampling are measured in tests/diffusion/test_orders.py."""
    ends = (0.05, 0.8)
    # Away from the separatrix of the two modes, where the map stretches without bound.
    x = np.linspace(-1.4, 1.4, 8)[:, None] + 0.05
    exact = quantile_map(MIXTURE, x, *ends)
    score, errors = MIXTURE.score(PROCESS), []
    for n in steps:
        times = diffusion.log_snr_times(PROCESS, n, t_start=ends[0], t_end=ends[1])
        errors.append(np.abs(diffusion.sample(PROCESS, score, x, times, method=method) - exact).max())
    assert method.order == method.weak_order == order
    assert abs(slope(errors) - order) < 0.15, errors


def affine_moments(
    monkeypatch: pytest.MonkeyPatch, method: diffusion.Method, times: np.ndarray
) -> tuple[float, float, float]:
    """Gain, mean and variance of the sampler's output on `GAUSSIAN`, exactly, from the unmodified sampler.

    Row 0 has start 0 and no noise, row 1 a unit start, row n + 2 a unit normal number in step n.
    """
    steps = len(times) - 1

    def unit_noises(key: Any, clock: np.ndarray, shape: Any, **options: Any) -> Iterator[np.ndarray]:
        for n, gap in enumerate(np.diff(clock)):
            unit = np.zeros(shape)
            unit[n + 2] = math.sqrt(gap)
            yield unit

    monkeypatch.setattr(_noise, "brownian_increments", unit_noises)
    start = np.zeros((steps + 2, 1))
    start[1] = 1.0
    model = GAUSSIAN.score(PROCESS)
    out = diffusion.sample(PROCESS, model, start, times, method=method, key=random.key(0))[:, 0]
    (alpha, sigma), gains = PROCESS.marginal(float(times[0])), out[1:] - out[0]
    mean = out[0] + gains[0] * alpha * 1.5
    variance = gains[0] ** 2 * (alpha**2 * 0.3 + sigma**2) + np.sum(gains[1:] ** 2)
    return float(gains[0]), float(mean), float(variance)


# Method, weak order, noise level tau of the reverse SDE that it solves.
STOCHASTIC = [
    (diffusion.ddim(eta=0.5), 1, 0.5),
    (diffusion.ddim(eta=1.0), 1, 1.0),
    (diffusion.sde_dpmpp_2m, 2, 1.0),
    (diffusion.sde_dpmpp_2m(tau=0.5), 2, 0.5),
    (diffusion.sde_dpmpp_2m(variant="taylor"), 2, 1.0),
    (diffusion.euler_maruyama, 1, 1.0),
]


@pytest.mark.parametrize(("method", "order", "tau"), STOCHASTIC, ids=repr)
def test_weak_order_of_stochastic_methods(
    monkeypatch: pytest.MonkeyPatch, method: diffusion.Method, order: int, tau: float
) -> None:
    """Against the marginal and the exact transition law of the reverse SDE with noise level tau."""
    start, end = PROCESS.marginal(0.9), PROCESS.marginal(0.02)
    scaled_start, scaled_end = (0.3 + (sigma / alpha) ** 2 for alpha, sigma in (start, end))
    gain = end[0] / start[0] * (scaled_end / scaled_start) ** ((1 + tau**2) / 2)
    gains, means, deviations = [], [], []
    for n in (100, 200, 400, 800, 1600):
        times = diffusion.log_snr_times(PROCESS, n, t_start=0.9, t_end=0.02)
        moments = affine_moments(monkeypatch, method, times)
        gains.append(abs(moments[0] - gain))
        means.append(abs(moments[1] - end[0] * 1.5))
        deviations.append(abs(math.sqrt(moments[2]) - end[0] * math.sqrt(scaled_end)))
    assert method.weak_order == order
    assert abs(slope(deviations) - order) < 0.15, deviations
    # The data form carries the mean of Gaussian data exactly, and with tau = 1 (Bayes' rule) the gain: what
    # is left is the rounding of 1600 steps.
    assert max(gains) < 1e-13 or abs(slope(gains) - order) < 0.15, gains
    assert max(means) < 1e-13 or abs(slope(means) - order) < 0.15, means


def test_ddim_is_the_first_order_kernel_and_eta_one_the_ancestral_sampler() -> None:
    times = [0.9, 0.6, 0.3]
    for n in range(2):
        first = diffusion.adams(form="data", nodes="log_snr", predictor=1, corrector=0)
        assert diffusion.ddim.step(PROCESS, times, n) == first.step(PROCESS, times, n)
        ours = diffusion.ddim(eta=1.0).step(PROCESS, times, n)
        ancestral = first(tau=1.0).step(PROCESS, times, n)
        assert math.isclose(ours.decay, ancestral.decay, rel_tol=1e-14)
        assert math.isclose(ours.weights[0], ancestral.weights[0], rel_tol=1e-14)
        assert math.isclose(ours.noise, ancestral.noise, rel_tol=1e-14)


def test_ddim_eta_is_the_published_formula() -> None:
    s, t, eta = 0.6, 0.3, 0.7
    (alpha_s, sigma_s), (alpha, sigma) = PROCESS.marginal(s), PROCESS.marginal(t)
    fresh = eta * math.sqrt((1 - alpha**2) / (1 - alpha_s**2)) * math.sqrt(1 - alpha_s**2 / alpha**2)
    step = diffusion.ddim(eta=eta).step(PROCESS, [s, t], 0)
    kept = math.sqrt(sigma**2 - fresh**2) / sigma_s
    assert math.isclose(step.noise, fresh, rel_tol=1e-13)
    assert math.isclose(step.decay, kept, rel_tol=1e-13)
    assert math.isclose(step.weights[0], alpha - kept * alpha_s, rel_tol=1e-12)


def test_reverse_euler_maruyama_is_its_formula() -> None:
    s, t, x = 0.6, 0.55, np.array([[0.3], [-2.0]])
    model = MIXTURE.score(PROCESS)
    f, g2 = PROCESS.coefficients(s)
    step = diffusion.euler_maruyama.step(PROCESS, [s, t], 0)
    ours = step.decay * x + step.weights[0] * model.denoiser(x, s)
    np.testing.assert_allclose(ours, x + (f * x - g2 * model(x, s)) * (t - s), rtol=1e-13)
    assert math.isclose(step.noise, math.sqrt(g2 * 0.05), rel_tol=1e-12)


def test_clocks_are_increasing_finite_and_scaled() -> None:
    times = [float(t) for t in diffusion.log_snr_times(PROCESS, 8)]
    for method, _, _ in STOCHASTIC:
        assert method.clock is not None
        clock = method.clock(PROCESS, times)
        assert np.all(np.diff(clock) > 0)
        assert max(clock) <= 1.0
    clock = diffusion.sde_dpmpp_2m.clock
    assert clock is not None
    assert clock(PROCESS, [*times, 0.0]) == clock(PROCESS, times)


def test_names_costs_and_keys() -> None:
    methods = [
        diffusion.ddim,
        diffusion.dpmpp_2m(variant="taylor"),
        *(method for method, _, _ in STOCHASTIC),
    ]
    assert [m.nfe(20) for m in methods] == [20] * len(methods)
    assert [m.needs_key for m in methods] == [False, False] + [True] * 6
    assert len({m.name for m in methods}) == len(methods)
    assert all("arXiv" in m.reference for m in methods)
    assert repr(diffusion.ddim(eta=0.5)) == "Method(ddim(eta=0.5), order=1, weak_order=1)"


NAMED = [diffusion.ddim, diffusion.dpmpp_2m, diffusion.sde_dpmpp_2m, diffusion.euler_maruyama]


@pytest.mark.parametrize("method", NAMED, ids=repr)
def test_a_name_is_a_method_and_a_call_without_parameters_an_equal_one(method: Any) -> None:
    assert isinstance(method, diffusion.Method)
    assert method() == method
    assert hash(method()) == hash(method)
    assert pickle.loads(pickle.dumps(method)) == method


def test_a_call_changes_the_parameters_given_and_keeps_the_others() -> None:
    method = diffusion.sde_dpmpp_2m(tau=0.5)
    assert method != diffusion.sde_dpmpp_2m
    assert method(variant="taylor") == diffusion.sde_dpmpp_2m(tau=0.5, variant="taylor")
    assert method(tau=1.0) == diffusion.sde_dpmpp_2m
    assert diffusion.ddim(eta=1)() == diffusion.ddim(eta=1.0) != diffusion.ddim
    assert diffusion.dpmpp_2m(variant="taylor")(variant="midpoint") == diffusion.dpmpp_2m
    with pytest.raises(TypeError, match="unexpected keyword argument 'tau'"):
        diffusion.euler_maruyama(tau=1.0)  # type: ignore[call-arg]


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"eta must be in \[0, 1\]; got 1.5"):
        diffusion.ddim(eta=1.5)
    with pytest.raises(ValueError, match="tau must be finite and not negative; got -1"):
        diffusion.sde_dpmpp_2m(tau=-1.0)
    with pytest.raises(ValueError, match="variant must be 'midpoint' or 'taylor'; got 'heun'"):
        diffusion.dpmpp_2m(variant="heun")  # type: ignore[arg-type]
