"""Guidance by a measurement: what all of it shares, its refusals, and its use by samplers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion

H, Y, NOISE = np.array([[1.0, 0.5]]), np.array([0.3]), 0.2
PRIOR = diffusion.Gaussian([1.0, -0.5], [[1.0, 0.6], [0.6, 0.8]])
POSTERIOR = PRIOR.posterior(H, Y, NOISE**2)
MEASUREMENT = diffusion.LinearMeasurement(H, Y, NOISE)
X = np.array([[0.3, -0.2], [1.5, 2.0], [-4.0, 1.0]])


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=lambda p: p.name)
@pytest.mark.parametrize("form", ["score", "denoiser", "noise", "velocity", "flow"])
def test_the_guidance_is_the_gradient_of_its_twist(process: diffusion.Process, form: str) -> None:
    """For a Gaussian R does not depend on x, so nothing is left out; in every parametrisation."""
    exact = PRIOR.denoiser(process)
    prior = getattr(diffusion, f"from_{form}")(getattr(exact, form), process)
    guided, t, h = diffusion.mmps(prior, MEASUREMENT), 0.5, 1e-4
    for model in (guided, diffusion.mmps(exact, MEASUREMENT)):
        twist: Any = model.function.twist  # type: ignore[attr-defined]
        change = [
            (twist(X + h * e, t).log_density - twist(X - h * e, t).log_density) / (2 * h) for e in np.eye(2)
        ]
        gradient = model.score(X, t) - exact.score(X, t)
        # Rounding of log-densities of size 100 over h; without a product of its own, differences twice.
        np.testing.assert_allclose(gradient, np.stack(change, axis=1), rtol=1e-5, atol=1e-5)


def test_the_twist_of_a_gaussian_is_the_density_of_the_measurement() -> None:
    process, t = diffusion.vp(), 0.4
    twist: Any = diffusion.mmps(PRIOR.denoiser(process), MEASUREMENT).function.twist  # type: ignore[attr-defined]
    # Bayes: p(y | x_t) = p(y) p(x_t | y) / p(x_t).
    expected = PRIOR.log_evidence(H, Y, NOISE**2) + POSTERIOR.log_density(X, process, t)
    np.testing.assert_allclose(
        twist(X, t).log_density, expected - PRIOR.log_density(X, process, t), rtol=1e-11
    )


@pytest.mark.parametrize("method", ["dpmpp_2m", "ddim(eta=1)", "heun", "ddim"])
def test_samplers_take_a_guided_model(xp: Any, method: str) -> None:
    """The same samples as with the exact model of the posterior, with the same noise."""
    from diffmath import random

    process = diffusion.vp()
    times = diffusion.log_snr_times(process, 6)
    found = [
        diffusion.sample(process, model, xp.asarray(X), times, method=method, key=random.key(1))
        for model in (
            diffusion.mmps(PRIOR.denoiser(process), MEASUREMENT),
            POSTERIOR.denoiser(process),
        )
    ]
    np.testing.assert_allclose(xp.numpy(found[0]), xp.numpy(found[1]), rtol=1e-10, atol=1e-11)


def test_one_measurement_per_row_and_rows_apart() -> None:
    process = diffusion.edm()
    prior = PRIOR.denoiser(process)
    ys = np.array([[0.3], [-2.0], [5.0]])
    guided = diffusion.mmps(prior, diffusion.LinearMeasurement(H, ys, NOISE))
    rows = [
        diffusion.mmps(prior, diffusion.LinearMeasurement(H, y, NOISE))(X[i : i + 1], 0.5)
        for i, y in enumerate(ys)
    ]
    np.testing.assert_array_equal(guided(X, 0.5), np.concatenate(rows))
    times = np.array([0.1, 0.5, 2.0])
    per_row = diffusion.mmps(prior, MEASUREMENT)(X, times)
    alone = [diffusion.mmps(prior, MEASUREMENT)(X[i : i + 1], t) for i, t in enumerate(times)]
    np.testing.assert_allclose(per_row, np.concatenate(alone), rtol=1e-13)


@pytest.mark.parametrize("make", [diffusion.dps, diffusion.pigdm, diffusion.mmps])
def test_scales(make: Any) -> None:
    process = diffusion.edm()
    prior = PRIOR.denoiser(process)
    none, one, double = (make(prior, MEASUREMENT, scale=s)(X, 0.5) for s in (0.0, 1.0, 2.0))
    np.testing.assert_array_equal(none, prior(X, 0.5))
    np.testing.assert_allclose(double - one, one - none, rtol=1e-12)
    late = make(prior, MEASUREMENT, scale=lambda t: 2.0 if t < 1.0 else 0.0)
    np.testing.assert_array_equal(late(X, 0.5), double)
    np.testing.assert_array_equal(late(X, 1.5), prior(X, 1.5))


def test_states_of_any_shape() -> None:
    process = diffusion.edm()
    flat = diffusion.Gaussian(np.zeros(6), np.linspace(0.5, 2.0, 6)).denoiser(process)
    image = diffusion.from_denoiser(lambda x, t: flat(x.reshape(-1, 6), t).reshape(x.shape), process)
    mask = np.array([[True, False, False], [False, True, True]])
    x, y = np.random.default_rng(0).standard_normal((2, 4, 2, 3))
    found = diffusion.mmps(image, diffusion.LinearMeasurement(mask, y[0], 0.1))(x, 0.5)
    wanted = diffusion.mmps(flat, diffusion.LinearMeasurement(mask.ravel(), y[0].ravel(), 0.1))
    # Differences against the exact Jacobian.
    np.testing.assert_allclose(found.reshape(4, 6), wanted(x.reshape(4, 6), 0.5), rtol=1e-7, atol=1e-9)


def test_a_guided_model_can_be_sent_to_workers() -> None:
    guided = diffusion.mmps(PRIOR.denoiser(diffusion.edm()), MEASUREMENT)
    again = pickle.loads(pickle.dumps(guided))
    np.testing.assert_array_equal(again(X, 0.5), guided(X, 0.5))


@pytest.mark.parametrize("make", [diffusion.dps, diffusion.pigdm, diffusion.mmps])
def test_refusals(make: Any) -> None:
    prior = PRIOR.denoiser(diffusion.flow())
    with pytest.raises(TypeError, match=r"model must be a diffusion\.Model"):
        make(lambda x, t: x, MEASUREMENT)
    with pytest.raises(TypeError, match=r"measurement must be a diffusion\.LinearMeasurement"):
        make(prior, (H, Y, NOISE))
    with pytest.raises(ValueError, match="scale must be finite"):
        make(prior, MEASUREMENT, scale=np.inf)
    with pytest.raises(ValueError, match="alpha is 0"):
        make(prior, MEASUREMENT)(X, 1.0)
    with pytest.raises(ValueError, match="states with 2 entries"):
        make(diffusion.Gaussian([0.0], 1.0).denoiser(diffusion.flow()), MEASUREMENT)(X[:, :1], 0.5)


def test_a_measurement_that_the_prior_excludes_ends_the_run() -> None:
    """A point mass, measured elsewhere without noise: the system is singular."""
    process = diffusion.edm()
    point = diffusion.from_denoiser(lambda x, t: 0.0 * x, process)
    guided = diffusion.mmps(point, diffusion.LinearMeasurement([[1.0]], [1.0], 0.0))
    with np.errstate(all="ignore"), pytest.raises(SolveError, match="not finite"):
        diffusion.sample(process, guided, np.ones((2, 1)), [1.0, 0.5], method="ddim")
