"""Conversions between the five parametrisations, against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion
from diffmath.diffusion._model.model import as_model

PROCESS = diffusion.vp()
KINDS = ("score", "denoiser", "noise", "velocity", "flow")
X = np.array([[-1.3, 0.4], [2.0, 0.7], [0.1, -3.0]])


def definitions(x: np.ndarray, t: float) -> dict[str, np.ndarray]:
    """The five predictions for Gaussian data N(m, c), each from its own definition."""
    mean, c = np.array([0.5, -1.0]), 0.3
    alpha, sigma = PROCESS.marginal(t)
    f, g2 = PROCESS.coefficients(t)
    pull = (x - alpha * mean) / (alpha**2 * c + sigma**2)
    data, noise = mean + alpha * c * pull, sigma * pull
    d_alpha = f * alpha
    d_sigma = (g2 + 2 * f * sigma**2) / (2 * sigma)
    flow = d_alpha * data + d_sigma * noise
    return dict(zip(KINDS, (-pull, data, noise, alpha * noise - sigma * data, flow)))


def wrapped(kind: str) -> diffusion.Model:
    make = getattr(diffusion, f"from_{kind}")
    model: diffusion.Model = make(lambda x, t: definitions(x, t)[kind], PROCESS)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", KINDS)
@pytest.mark.parametrize("t", [1e-3, 0.2, 1.0])
def test_every_conversion(kind: str, wanted: str, t: float) -> None:
    value = getattr(wrapped(kind), wanted)(X, t)
    alpha, sigma = PROCESS.marginal(t)
    # Passing from the data to the score amplifies rounding by 1/sigma^2, from a score at T by 1/alpha.
    np.testing.assert_allclose(value, definitions(X, t)[wanted], rtol=1e-13, atol=1e-14 / (sigma**2 * alpha))


@given(t=st.floats(1e-3, 1.0), kind=st.sampled_from(KINDS), wanted=st.sampled_from(KINDS))
def test_there_and_back(t: float, kind: str, wanted: str) -> None:
    middle = getattr(diffusion, f"from_{wanted}")(getattr(wrapped(kind), wanted), PROCESS)
    alpha, sigma = PROCESS.marginal(t)
    np.testing.assert_allclose(
        getattr(middle, kind)(X, t), definitions(X, t)[kind], rtol=1e-12, atol=1e-13 / (sigma**2 * alpha)
    )


def test_backends_dtypes_and_times_per_row(xp: Any) -> None:
    model = diffusion.from_noise(lambda x, t: 0.5 * x, PROCESS)
    for dtype in ("float32", "float64"):
        x = xp.asarray(X, dtype)
        score = model.score(x, 0.3)
        assert score.dtype == x.dtype
        rtol = 1e-6 if dtype == "float32" else 1e-14
        np.testing.assert_allclose(xp.numpy(score), -0.5 * X / PROCESS.sigma(0.3), rtol=rtol)
    times = np.array([0.1, 0.3, 0.9])
    for shape in ((3,), (3, 1)):
        rows = xp.numpy(model.score(xp.asarray(X), xp.asarray(times.reshape(shape))))
        for i, t in enumerate(times):
            np.testing.assert_allclose(rows[i], xp.numpy(model.score(xp.asarray(X), float(t)))[i], rtol=1e-12)


def test_at_sigma_zero_a_score_gives_all_but_itself_is_given_by_none() -> None:
    model = diffusion.from_score(lambda x, t: -x, PROCESS)
    np.testing.assert_array_equal(model.denoiser(X, 0.0), X)
    np.testing.assert_array_equal(model.noise(X, 0.0), 0.0 * X)  # -sigma times a score that is finite
    np.testing.assert_array_equal(model.velocity(X, 0.0), 0.0 * X)
    with pytest.raises(
        ValueError, match=r"score cannot be computed from the denoiser at t=0, .* use t >= t_min=0.001"
    ):
        diffusion.from_denoiser(lambda x, t: x, PROCESS).score(X, 0.0)


# What is determined where x is pure noise (x = E) or pure data (x = D), for the rectified flow.
AT_NOISE = [
    (k, w) for k in ("denoiser", "velocity", "flow") for w in ("denoiser", "noise", "velocity", "flow")
]
AT_DATA = [(k, w) for k in ("noise", "velocity", "flow") for w in ("denoiser", "noise", "velocity", "flow")]


@pytest.mark.parametrize(
    ("t", "kind", "wanted"), [(1.0, *p) for p in AT_NOISE] + [(0.0, *p) for p in AT_DATA]
)
def test_conversions_at_both_ends_of_a_flow(t: float, kind: str, wanted: str) -> None:
    process, target = (
        diffusion.flow(),
        diffusion.GaussianMixture([0.4, 0.6], [[0.0, 1.0], [1.0, -1.0]], [0.2, 0.5]),
    )
    denoised = target.denoiser(process)(X, t) if t else X
    noise = X if t else 0.0 * X  # -sigma score is 0 for a smooth density
    values = {
        "denoiser": denoised,
        "noise": noise,
        "velocity": (1 - t) * noise - t * denoised,
        "flow": noise - denoised,
    }
    model = getattr(diffusion, f"from_{kind}")(lambda x, t: values[kind], process)
    np.testing.assert_allclose(getattr(model, wanted)(X, t), values[wanted], rtol=1e-15, atol=1e-15)
    rows = getattr(model, wanted)(X, np.full(len(X), t))
    np.testing.assert_allclose(rows, values[wanted], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("kind", ["score", "noise"])
def test_pure_noise_has_no_denoiser_by_a_model_of_the_noise(kind: str) -> None:
    model = getattr(diffusion, f"from_{kind}")(lambda x, t: x, diffusion.flow())
    with pytest.raises(ValueError, match=f"denoiser cannot be computed from the {kind} at t=1"):
        model.denoiser(X, 1.0)


def test_divergences_convert_too() -> None:
    target = diffusion.GaussianMixture([0.4, 0.6], [[0.0, 1.0], [1.0, -1.0]], [0.2, 0.5])
    by_score = target.score(PROCESS).flow_divergence(X, 0.3)
    by_denoiser = target.denoiser(PROCESS).flow_divergence(X, 0.3)
    np.testing.assert_allclose(by_score, by_denoiser, rtol=1e-12)
    with pytest.raises(TypeError, match=r"the score has no attribute divergence\(x, t\)"):
        diffusion.from_score(lambda x, t: -x, PROCESS).divergence(X, 0.3)


def test_swapped_misshapen_and_foreign_functions_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"a noise is called as noise\(x, t\), but its parameters are \(t, x\)"
    ):
        diffusion.from_noise(lambda t, x: x, PROCESS)
    with pytest.raises(TypeError, match=r"score must be a callable; got float"):
        diffusion.from_score(1.0, PROCESS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"process must be a diffmath.diffusion.Process; got str"):
        diffusion.from_score(lambda x, t: x, "vp")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"score\(x, t\) must return shape \(3, 2\); got \(3,\)"):
        diffusion.from_score(lambda x, t: x[:, 0], PROCESS).score(X, 0.5)
    with pytest.raises(TypeError, match=r"the result of score\(x, t\) must be an array"):
        diffusion.from_score(lambda x, t: 1.0, PROCESS).score(X, 0.5)
    with pytest.raises(TypeError, match=r"from_noise was given Model\(score, .*, which predicts the score"):
        diffusion.from_noise(wrapped("score"), PROCESS)


def test_a_model_belongs_to_its_process() -> None:
    model = wrapped("score")
    assert as_model(model, diffusion.vp()) is model
    with pytest.raises(
        ValueError, match=r"the model was made for Process\('vp\(0.1, 20\)'.* cannot be used with"
    ):
        as_model(model, diffusion.vp(0.1, 10.0))


def test_an_exception_of_the_function_is_annotated_with_the_time() -> None:
    def broken(x: Any, t: float) -> Any:
        raise KeyError("weights")

    with pytest.raises(KeyError) as caught:
        diffusion.from_velocity(broken, PROCESS).score(X, 0.25)
    assert caught.value.__notes__ == ["raised by velocity(x, t) at t=0.25"]


def test_images_keep_their_shape() -> None:
    x = np.ones((2, 3, 4, 4))
    model = diffusion.from_denoiser(lambda x, t: 0.0 * x, PROCESS)
    assert model.score(x, np.array([0.3, 0.6])).shape == x.shape
    assert math.isclose(model.score(x, 0.3)[0, 0, 0, 0], -1 / PROCESS.sigma(0.3) ** 2)


def test_a_score_gives_the_flow_of_vp_at_the_data_where_d_sigma_is_infinite() -> None:
    """u = f x - g2/2 s, and back: the only way there."""
    f, g2 = PROCESS.coefficients(0.0)
    by_score = diffusion.from_score(lambda x, t: np.sin(x), PROCESS)
    wanted = f * X - g2 / 2 * np.sin(X)
    np.testing.assert_allclose(by_score.flow(X, 0.0), wanted, rtol=1e-15)
    np.testing.assert_allclose(by_score.flow(X, np.zeros(len(X))), wanted, rtol=1e-15)
    by_flow = diffusion.from_flow(lambda x, t: wanted, PROCESS)
    np.testing.assert_allclose(by_flow.score(X, 0.0), np.sin(X), rtol=1e-13)
