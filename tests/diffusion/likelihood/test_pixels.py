"""Dequantisation keeps the levels, and the bits of a uniform density are the logarithm of the levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

KEY = random.key(3)
LEVELS = np.arange(12.0).reshape(2, 1, 2, 3)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (0.0, 12.0)])
def test_every_value_stays_in_its_level(low: float, high: float, xp: Any) -> None:
    y = xp.numpy(diffusion.dequantize(xp.asarray(LEVELS), KEY, levels=12, low=low, high=high))
    assert np.array_equal(np.floor((y - low) / (high - low) * 12), LEVELS)
    assert low <= y.min() < y.max() < high


def test_the_noise_is_uniform_and_by_row() -> None:
    y = diffusion.dequantize(np.zeros((20_000, 1)), KEY, levels=2, low=0.0, high=2.0)
    # 6 standard errors each: false-positive rate 4e-9.
    assert abs(y.mean() - 0.5) < 6 * np.sqrt(1 / 12 / 20_000)
    assert abs(y.var() - 1 / 12) < 6 * np.sqrt(1 / 180 / 20_000)
    np.testing.assert_array_equal(
        diffusion.dequantize(np.zeros((3, 1)), KEY, levels=2, low=0.0, high=2.0), y[:3]
    )
    assert diffusion.dequantize(np.zeros((3, 1), "float32"), KEY).dtype == np.float32


def test_bits_of_a_uniform_density() -> None:
    dim = 5
    for low, high in ((-1.0, 1.0), (0.0, 1.0)):
        log_density = np.array([-dim * np.log(high - low)])
        np.testing.assert_allclose(
            diffusion.bits_per_dim(log_density, dim, low=low, high=high), 8.0, rtol=1e-15
        )
    np.testing.assert_allclose(diffusion.bits_per_dim(np.zeros(1), 3, levels=2, low=0.0), 1.0)


@pytest.mark.parametrize(
    "call",
    [lambda **o: diffusion.dequantize(LEVELS, KEY, **o), lambda **o: diffusion.bits_per_dim(LEVELS, 2, **o)],
)
def test_messages(call: Any) -> None:
    with pytest.raises(ValueError, match="levels must be at least 2; got 1"):
        call(levels=1)
    with pytest.raises(ValueError, match=r"need low < high, finite; got low=1.0, high=1.0"):
        call(low=1.0, levels=12)


def test_values_that_are_no_levels() -> None:
    for bad in (0.5, -1.0, 256.0, np.nan):
        with pytest.raises(ValueError, match=r"levels 0, 1, ..., 255 as whole numbers|finite"):
            diffusion.dequantize(np.full((1, 2), bad), KEY)
    with pytest.raises(ValueError, match="dim must be at least 1; got 0"):
        diffusion.bits_per_dim(np.zeros(1), 0)
