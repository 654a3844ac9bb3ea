"""Thresholding: NumPy's quantile per row, no change within the range, and what it does to other forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion

PROCESS = diffusion.vp()
X = 2.0 * np.random.default_rng(1).standard_normal((4, 3, 5))
IDENTITY = diffusion.from_denoiser(lambda x, t: x, PROCESS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("quantile", [None, 0.0, 0.3, 0.995, 1.0])
def test_it_is_the_published_rule(dtype: str, quantile: float | None, xp: Any) -> None:
    found = diffusion.threshold(IDENTITY, 1.5, quantile=quantile)(xp.asarray(X, dtype), 0.5)
    bound = np.full((4, 1, 1), 1.5)
    if quantile is not None:
        rows = np.quantile(np.abs(X).reshape(4, -1), quantile, axis=1)
        bound = np.maximum(bound, rows[:, None, None])
    assert found.dtype == getattr(xp.xp, dtype)
    wanted = 1.5 * np.clip(X, -bound, bound) / bound
    np.testing.assert_allclose(xp.numpy(found), wanted, rtol=1e-14 if dtype == "float64" else 1e-6)


@given(quantile=st.none() | st.floats(0.0, 1.0), limit=st.floats(0.1, 3.0))
def test_data_within_the_range_stay_and_others_are_bounded(quantile: float | None, limit: float) -> None:
    model = diffusion.threshold(IDENTITY, limit, quantile=quantile)
    inside = limit * np.tanh(X)
    np.testing.assert_allclose(model(inside, 0.5), inside, rtol=1e-14)
    assert np.abs(model(X, 0.5)).max() <= limit


def test_an_exact_model_of_bounded_data_is_left_as_it_is() -> None:
    target = diffusion.EmpiricalData([[-1.0], [0.2], [1.0]], bandwidth=0.0)
    model = target.denoiser(PROCESS)
    x = np.linspace(-3, 3, 7)[:, None]
    np.testing.assert_array_equal(diffusion.threshold(model, 1.0)(x, 0.4), model(x, 0.4))


def test_all_forms_follow_the_data() -> None:
    model = diffusion.threshold(diffusion.from_noise(lambda x, t: -x, PROCESS))
    alpha, sigma = PROCESS.marginal(0.5)
    denoised = model.denoiser(X, 0.5)
    np.testing.assert_allclose(denoised, np.clip((X + sigma * X) / alpha, -1, 1), rtol=1e-14)
    np.testing.assert_allclose(model.noise(X, 0.5), (X - alpha * denoised) / sigma, rtol=1e-13)


def test_parameters_are_checked() -> None:
    with pytest.raises(TypeError, match=r"threshold needs a diffusion.Model, .*; got function"):
        diffusion.threshold(lambda x, t: x)  # type: ignore[arg-type]
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="limit must be positive and finite"):
            diffusion.threshold(IDENTITY, wrong)
    with pytest.raises(ValueError, match=r"quantile must be in \[0, 1\]; got 99.5"):
        diffusion.threshold(IDENTITY, quantile=99.5)
