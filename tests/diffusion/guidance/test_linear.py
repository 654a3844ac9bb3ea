"""Linear guidance: its exact flow between two Gaussians, its law, and the same in every parametrisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

KINDS = ("score", "denoiser", "noise", "velocity", "flow")
X = np.array([[-1.3, 0.4], [2.0, 0.7], [0.1, -3.0]])
V_C, V_U, M_C = 0.25, 1.0, 0.8


def gaussian(process: diffusion.Process, mean: float, variance: float, dim: int = 1) -> diffusion.Model:
    return diffusion.GaussianMixture([1.0], [[mean] * dim], [variance]).denoiser(process)


def guided(process: diffusion.Process, scale: Any = 3.0, dim: int = 1) -> diffusion.Model:
    c, u = gaussian(process, M_C, V_C, dim), gaussian(process, 0.0, V_U, dim)
    return diffusion.cfg(c, u, scale)


def exact_map(y: np.ndarray, start: float, end: float) -> np.ndarray:
    r"""The guided flow of y = x/alpha at w = 3, from noise level `start` to `end`.

    With q the squared level, dy/dq = (w (y - m)/(V_C + q) + (1 - w) y/(V_U + q))/2, so y/P(q) with
    P = (V_C + q)^(3/2)/(V_U + q) changes by the integral of -(3 m/2) (V_U + q) (V_C + q)^(-5/2).
    """

    def P(q: float) -> float:
        return float((V_C + q) ** 1.5 / (V_U + q))

    def integral(q: float) -> float:
        return float(1.5 * M_C * (2 * (V_C + q) ** -0.5 + (V_U - V_C) * (V_C + q) ** -1.5 / 1.5))

    s, t = start**2, end**2
    return P(t) * (y / P(s) + integral(t) - integral(s))


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=lambda p: p.name)
def test_samples_converge_to_the_exact_guided_flow_at_the_order_of_the_method(
    process: diffusion.Process,
) -> None:
    t_start, t_end = (process.time_of_log_snr(-np.log(level)) for level in (8.0, 0.1))
    levels = [sigma / alpha for alpha, sigma in map(process.marginal, (t_start, t_end))]
    y = np.array([[-5.0], [1.0], [9.0]])
    exact, model, errors = exact_map(y, *levels), guided(process), []
    for steps in (20, 40, 80, 160, 320):
        times = diffusion.log_snr_times(process, steps, t_start=t_start, t_end=t_end)
        x = diffusion.sample(process, model, process.alpha(t_start) * y, times, method="dpmpp_2m")
        errors.append(np.abs(x / process.alpha(t_end) - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - 2) < 0.15, (orders, errors)


def test_the_law_is_not_the_product_of_powers() -> None:
    """N(1.5 m, 1/64), and not N(1.2 m, 1/10); the numbers of the docstring."""
    process = diffusion.edm()
    times = np.append(diffusion.log_snr_times(process, 400, t_start=80.0, t_end=1e-3), 0.0)
    x_T = 80.0 * np.array([[0.0], [1.0]])  # the map is affine: two points determine it
    shift, image = diffusion.sample(process, guided(process), x_T, times, method="dpmpp_2m")[:, 0]
    mean, variance = shift, (image - shift) ** 2
    # A start at the level 80 instead of infinity shifts the mean by 3 m/160; 400 steps do less.
    assert abs(mean - 1.5 * M_C) < 1e-2
    assert abs(variance - 1 / 64) < 1e-4
    precision = 3 / V_C - 2 / V_U
    assert np.isclose(1 / precision, 1 / 10)
    assert np.isclose(3 * M_C / V_C / precision, 1.2 * M_C)


def test_equal_variances_do_give_the_product() -> None:
    process = diffusion.flow()
    c, u, product = (gaussian(process, m, 0.3) for m in (1.0, -0.5, 4.0))  # w m_c + (1 - w) m_u, w = 3
    x, t = X[:, :1], 0.6
    np.testing.assert_allclose(diffusion.cfg(c, u, 3.0)(x, t), product(x, t), rtol=1e-13)


@pytest.mark.parametrize("kind_c", KINDS)
@pytest.mark.parametrize("kind_u", KINDS)
def test_every_parametrisation_gives_the_same_guidance(kind_c: str, kind_u: str) -> None:
    process = diffusion.vp()
    c, u = gaussian(process, M_C, V_C, 2), gaussian(process, 0.0, V_U, 2)
    converted = [
        getattr(diffusion, f"from_{kind}")(getattr(m, kind), process)
        for kind, m in ((kind_c, c), (kind_u, u))
    ]
    model = diffusion.cfg(*converted, 2.5)
    assert model.kind.name == kind_c
    for t in (0.05, 0.9):
        wanted = u.denoiser(X, t) + 2.5 * (c.denoiser(X, t) - u.denoiser(X, t))
        np.testing.assert_allclose(model.denoiser(X, t), wanted, rtol=1e-10, atol=1e-12)  # 1/alpha at 0.9


class Counted:
    def __init__(self, slope: float) -> None:
        self.slope, self.calls = slope, 0

    def __call__(self, x: Any, t: Any) -> Any:
        self.calls += 1
        return self.slope * x


@pytest.mark.parametrize("make", [diffusion.cfg, diffusion.autoguidance])
def test_0_and_1_are_the_models_themselves_at_the_cost_of_one(make: Any) -> None:
    process, one, zero = diffusion.vp(), Counted(0.7), Counted(0.3)
    models = [diffusion.from_noise(f, process) for f in (one, zero)]
    np.testing.assert_array_equal(make(*models, 1)(X, 0.5), 0.7 * X)
    assert (one.calls, zero.calls) == (1, 0)
    np.testing.assert_array_equal(make(*models, 0)(X, 0.5), 0.3 * X)
    assert (one.calls, zero.calls) == (1, 1)
    np.testing.assert_allclose(make(*models, 2)(X, 0.5), 1.1 * X, rtol=1e-15)
    assert (one.calls, zero.calls) == (2, 2)


def test_a_scale_may_depend_on_time() -> None:
    process = diffusion.flow()
    model = guided(process, lambda t: 1.0 + 4.0 * t, dim=2)
    np.testing.assert_array_equal(model(X, 0.5), guided(process, 3.0, dim=2)(X, 0.5))
    rows = np.array([0.5, 0.25, 0.75])
    np.testing.assert_allclose(model(X, rows)[1], guided(process, 2.0, dim=2)(X, 0.25)[1], rtol=1e-14)


@pytest.mark.parametrize("scale", [3.0, 1.0, 0.0, lambda t: 2.0 + 2.0 * t])
def test_the_divergence_is_exact_where_both_have_one(scale: Any) -> None:
    process = diffusion.vp()
    model, step = guided(process, scale, dim=2), np.array([[1e-2, 0.0], [0.0, 1e-2]])
    # The denoiser is affine, so the difference quotient is exact.
    ahead = [(model.flow(X + e, 0.5) - model.flow(X, 0.5)) @ e / 1e-4 for e in step]
    np.testing.assert_allclose(model.flow_divergence(X, 0.5), sum(ahead), rtol=1e-10, atol=1e-11)
    times = np.array([0.5, 0.25, 0.75])
    rows = model.flow_divergence(X, times)
    np.testing.assert_allclose(rows[1], model.flow_divergence(X, 0.25)[1], rtol=1e-12)
    mixed = diffusion.cfg(diffusion.from_noise(model.noise, process), model, scale)
    assert not mixed.has_divergence


def test_a_guided_likelihood_is_that_of_its_gaussian() -> None:
    """The guided flow is affine, so the density at the end is N(mean, variance) of the map."""
    process = diffusion.edm()
    model = guided(process)
    shift, image = exact_map(np.array([0.0, 80.0]), 80.0, 0.002)
    x = np.array([[0.5], [1.2], [1.5]])
    wanted = -0.5 * ((x[:, 0] - shift) / (image - shift)) ** 2 - np.log((image - shift) * np.sqrt(2 * np.pi))
    found = diffusion.log_likelihood(process, model, x, divergence="exact", rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exact_classifier_gives_the_exact_posterior(kind: str) -> None:
    process, prior_variance, noise, c = diffusion.vp(), 0.5, 0.2, np.array([1.0, -2.0])
    prior = gaussian(process, 0.0, prior_variance, 2)
    gain = prior_variance / (prior_variance + noise)
    posterior = diffusion.GaussianMixture([1.0], [gain * c], [gain * noise]).denoiser(process)

    def gradient(x: Any, t: float) -> Any:
        alpha, sigma = process.marginal(t)
        pull = prior_variance * alpha / (prior_variance * alpha**2 + sigma**2)  # D = pull x
        spread = noise + prior_variance * sigma**2 / (prior_variance * alpha**2 + sigma**2)
        return pull * (c - pull * x) / spread

    model = getattr(diffusion, f"from_{kind}")(getattr(prior, kind), process)
    found = diffusion.classifier_guidance(model, gradient)
    assert found.kind.name == (kind if kind in ("score", "denoiser") else "noise")
    np.testing.assert_allclose(found.score(X, 0.4), posterior.score(X, 0.4), rtol=1e-11)
    twice = diffusion.classifier_guidance(model, gradient, 2.0)
    np.testing.assert_allclose(
        twice.score(X, 0.4), 2 * posterior.score(X, 0.4) - prior.score(X, 0.4), rtol=1e-10
    )
    if kind == "denoiser":  # at sigma = 0 the data are the state, gradient or not
        np.testing.assert_allclose(found.denoiser(X, 0.0), X, rtol=1e-15)


def test_a_denoiser_is_not_guided_by_a_gradient_at_alpha_0() -> None:
    model = diffusion.from_denoiser(lambda x, t: 0.5 * x, diffusion.flow())
    guided = diffusion.classifier_guidance(model, lambda x, t: x)
    for t in (1.0, np.array([0.5, 1.0, 0.2])):
        with pytest.raises(ValueError, match="cannot be guided by a gradient where alpha is 0"):
            guided(X, t)


def test_what_is_no_gradient_is_refused() -> None:
    model = diffusion.from_score(lambda x, t: -x, diffusion.vp())
    with pytest.raises(TypeError, match=r"a gradient is called as gradient\(x, t\)"):
        diffusion.classifier_guidance(model, lambda t, x: x)
    with pytest.raises(TypeError, match="gradient must be a callable; got float"):
        diffusion.classifier_guidance(model, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"gradient\(x, t\) must return shape \(3, 2\); got \(3,\)"):
        diffusion.classifier_guidance(model, lambda x, t: x[:, 0])(X, 0.5)
