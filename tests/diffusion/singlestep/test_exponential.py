"""Exponential Runge-Kutta samplers: orders on the exact map, exact data, moments of the noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from diffmath import diffusion, random
from diffmath.diffusion._singlestep.exponential import ExponentialStep, evaluated
from diffmath.symbolic import phi

VE = diffusion.edm(t_min=0.1, t_max=10.0)
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])


def cdf(t: float) -> Any:
    return MIXTURE.projected_cdf([1.0], VE, t)


def exact(x: np.ndarray, s: float, t: float) -> np.ndarray:
    """Return the flow map in one dimension: the monotone map of quantiles."""
    levels, at = cdf(s)(x), cdf(t)
    return np.array(
        [brentq(lambda y, q=q: float(at(y)) - q, -60, 60, xtol=1e-15, rtol=1e-15) for q in levels]
    )


START = np.array([-8.0, -1.0, 2.0, 9.0])
END = exact(START, 10.0, 0.1)
METHODS = [
    diffusion.dpmpp_2s, diffusion.dpmpp_2s(r=0.7), diffusion.dpmpp_3s, diffusion.dpmpp_3s(r2=0.5),
    diffusion.dpm_solver, diffusion.dpm_solver(order=1), diffusion.dpm_solver(order=3), diffusion.dpm_2,
    diffusion.etd(order=2), diffusion.etd(order=3), diffusion.etd, diffusion.exp_heun, diffusion.res_2s,
    diffusion.res_2s(c2=0.3), diffusion.res_3s, diffusion.res_3s(c2="1/3", c3="2/3"),
    diffusion.res_3s(c2=0.4, c3=0.9), diffusion.seeds_1(tau=0.0), diffusion.seeds_2(tau=0.0),
    diffusion.seeds_3(tau=0.0), diffusion.dpmpp_sde(tau=0.0),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_order_on_the_exact_map_of_quantiles(method: diffusion.Method) -> None:
    model, errors = MIXTURE.denoiser(VE), []
    for steps in (24, 48, 96, 192):
        times = diffusion.log_snr_times(VE, steps)
        found = diffusion.trajectory(
            VE, diffusion.from_denoiser(model, VE), START[:, None], times, method=method
        )
        assert found.stats["evaluations"] == method.nfe(steps)
        errors.append(np.abs(found.x[-1][:, 0] - END).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - method.order) < 0.15, (errors, orders)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.flow()], ids=["vp", "flow"])
def test_a_point_is_exact_from_noise_to_data(method: diffusion.Method, process: diffusion.Process) -> None:
    """With few steps, from alpha = 0 where the form allows it, and to sigma = 0."""
    point = diffusion.from_denoiser(lambda x, t: 0 * x + 0.7, process)
    start = 0.9 if method.form == "noise" else process.t_max
    found = diffusion.sample(process, point, START[:, None], [start, 0.4, 0.1, 0.0], method=method)
    np.testing.assert_allclose(found, 0.7, rtol=1e-13)  # a few roundings


def moments(method: diffusion.Method, times: Any, mean: float, variance: float) -> tuple[float, float]:
    """Return mean and variance after a run on Gaussian data: a step is affine in x and the noise."""
    target = diffusion.GaussianMixture([1.0], [[0.7]], [0.3])
    model = target.denoiser(VE)
    for n in range(len(times) - 1):
        step = method.step(VE, times, n)
        rows = np.zeros((2 + step.noises, 1))
        rows[1] = 1.0

        def run(x: np.ndarray, units: np.ndarray, step: Any = step, t: float = times[n]) -> np.ndarray:
            known, y = [model(x, t)], None
            for k, update in enumerate(step.updates):
                if k:
                    known = [model(y, update.t), *known]
                y = update.decay * x + sum(w * d for w, d in zip(update.weights, known))
                noise = update.noise if isinstance(update.noise, tuple) else (update.noise,)
                for i, factor in enumerate(noise[: step.noises]):
                    y = y + factor * units[:, i : i + 1]
            assert y is not None
            return y

        units = np.vstack([np.zeros((2, step.noises)), np.eye(step.noises)])
        out = run(rows, units)[:, 0]
        mean, variance = (
            out[0] + (out[1] - out[0]) * mean,
            (out[1] - out[0]) ** 2 * variance + sum((out[2:] - out[0]) ** 2),
        )
    return mean, variance


STOCHASTIC = [
    diffusion.seeds_1, diffusion.seeds_2, diffusion.seeds_2(variant="phi_1"), diffusion.seeds_3,
    diffusion.dpmpp_sde, diffusion.dpmpp_sde(tau=0.5), diffusion.exp_heun(tau=1.0),
    diffusion.res_2s(tau=1.0), diffusion.res_3s(tau=0.7),
]  # fmt: skip


@pytest.mark.parametrize("method", STOCHASTIC, ids=lambda m: m.name)
def test_weak_order_by_exact_moments(method: diffusion.Method) -> None:
    """The reverse SDE keeps the marginals: from the exact law at 10 to the exact law at 0.1.

    With tau = 1 (Bayes' rule) some moments are exact at any step; so the start has another variance.
    """
    tau = dict(method.parameters)["tau"]  # type: ignore[attr-defined]
    mean, variance = 2.0, 50.0
    gain = ((0.3 + 0.01) / (0.3 + 100.0)) ** ((1 + tau**2) / 2)
    v = 0.31 * (1 - (0.31 / 100.3) ** (tau**2))
    exact_mean, exact_variance = 0.7 + gain * (mean - 0.7), gain**2 * variance + v
    errors = []
    for steps in (20, 40, 80, 160):
        found = moments(method, [float(t) for t in diffusion.log_snr_times(VE, steps)], mean, variance)
        errors.append(max(abs(found[0] - exact_mean), abs(found[1] - exact_variance)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - method.weak_order) < 0.15, (errors, orders)


@pytest.mark.parametrize("method", [diffusion.seeds_2, diffusion.seeds_3], ids=lambda m: m.name)
def test_strong_order_on_one_key(method: diffusion.Method) -> None:
    model, key = MIXTURE.denoiser(VE), random.key(5)
    x = random.normal(key, (400, 1), like=np.empty(0)) * 10

    def run(steps: int, method: diffusion.Method) -> np.ndarray:
        return diffusion.sample(VE, model, x, diffusion.log_snr_times(VE, steps), method=method, key=key)

    reference = run(1024, method)  # its own: one motion needs clocks that refine one another
    errors = [float(np.sqrt(np.mean((run(steps, method) - reference) ** 2))) for steps in (32, 64, 128)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    # 400 paths: the measured order has a standard error of about 0.04; the reference is 8 times finer.
    assert np.all(np.abs(orders - 1.0) < 0.3), (errors, orders)


def test_the_noise_of_a_step_is_that_of_its_pieces() -> None:
    """The variance over a step is sigma^2 (1 - e^(-2 tau^2 h)) for any number of pieces."""
    for tau in (0.5, 1.0):
        step = diffusion.seeds_3(tau=tau).step(VE, [4.0, 1.0], 0)
        total = sum(factor**2 for factor in step.stages[-1].noise)
        assert math.isclose(total, 1.0 - math.exp(-2 * tau**2 * math.log(4.0)), rel_tol=1e-14)
        assert len(step.stages[-1].noise) == 3


def test_from_pure_noise_the_sde_forgets_the_state() -> None:
    process, key = diffusion.flow(), random.key(1)
    point = diffusion.from_denoiser(lambda x, t: 0 * x + 2.0, process)
    times = [1.0, 0.5, 0.2]
    first = diffusion.sample(process, point, START[:, None], times, method=diffusion.seeds_3, key=key)
    second = diffusion.sample(process, point, 5 + START[:, None], times, method=diffusion.seeds_3, key=key)
    np.testing.assert_array_equal(first, second)


def test_entries_of_a_tableau() -> None:
    entry = phi(1) * 2 - phi(2, "1/2")
    assert evaluated(entry, -0.3) == pytest.approx(
        2 * (math.exp(-0.3) - 1) / -0.3 - (math.exp(-0.15) - 1 + 0.15) / 0.15**2, rel=1e-13
    )
    assert evaluated(0, 1.0) == 0.0
    assert ExponentialStep(diffusion.res_3s.step.tableau).pieces == [0.5, 1.0]  # type: ignore[attr-defined]


def test_noise_and_tau_are_refused_where_they_make_no_sense() -> None:
    with pytest.raises(ValueError, match="tau must be finite and not negative; got -1"):
        diffusion.seeds_2(tau=-1.0)
    with pytest.raises(ValueError, match=r"made of the noise, so times must start where alpha > 0"):
        diffusion.sample(diffusion.flow(), lambda x, t: x, START[:, None], [1.0, 0.5], method=diffusion.dpm_2)
