"""Convolution: causal, linear, by channel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


def test_convolution_is_causal_and_linear_not_circular():
    u, K = np.arange(1.0, 8.0), np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(ss.convolve(u, K), np.convolve(u, K)[:7], atol=1e-13)
    np.testing.assert_allclose(ss.convolve(K, u), np.convolve(u, K)[:3], atol=1e-13)
    np.testing.assert_array_equal(ss.convolve(np.array([2.0]), np.array([3.0])), [6.0])


@given(
    samples=st.integers(1, 60),
    lags=st.integers(1, 60),
    channels=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_against_numpy(samples, lags, channels, seed):
    rng = np.random.default_rng(seed)
    u, K = rng.standard_normal((samples, channels)), rng.standard_normal((channels, lags))
    exact = np.stack([np.convolve(u[:, i], K[i])[:samples] for i in range(channels)], axis=1)
    # A few eps of |u| |K|, at most 60 here.
    np.testing.assert_allclose(ss.convolve(u, K), exact, atol=1e-13)


@pytest.mark.parametrize("lags", [1, 2, 30, 100])
def test_blocks_overlap_and_add(lags, xp):
    """Signals around whole numbers of blocks, against the direct sum."""
    rng = np.random.default_rng(lags)
    block = max(512, 8 * lags) - lags + 1
    for samples in (8 * lags, 512, 513, 2 * block, 2 * block + 1, 3 * block - 1):
        u, K = rng.standard_normal((2, samples, 3)), rng.standard_normal((3, lags))
        y = xp.numpy(ss.convolve(xp.asarray(u), xp.asarray(K)))
        exact = [[np.convolve(u[b, :, i], K[i])[:samples] for i in range(3)] for b in range(2)]
        # A few eps of |u| |K| within a block.
        np.testing.assert_allclose(y, np.moveaxis(exact, 1, 2), atol=1e-13)


@given(
    first=st.integers(0, 50),
    samples=st.integers(1, 60),
    lags=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_signal_in_parts_is_the_signal(first, samples, lags, seed):
    rng = np.random.default_rng(seed)
    u, K = rng.standard_normal((first + samples, 2)), rng.standard_normal(lags)
    whole = ss.convolve(u, K)
    for before in (u[:first], u[max(0, first - lags + 1) : first]):  # all of it, and what counts
        part = ss.convolve(u[first:], K, before=before)
        np.testing.assert_allclose(part, whole[first:], atol=1e-13)  # a few eps of |u| |K|
    batch = ss.convolve(np.stack([u, -u])[:, first:], K, before=np.stack([u, -u])[:, :first])
    np.testing.assert_allclose(batch[1], -whole[first:], atol=1e-13)
    one = ss.convolve(u[first:, 0], K, before=u[:first, 0])
    np.testing.assert_allclose(one, whole[first:, 0], atol=1e-13)


def test_backends_and_precision(xp):
    u, K = np.arange(12.0).reshape(6, 2), np.array([1.0, -2.0, 0.5])
    for dtype, tolerance in (("float64", 1e-13), ("float32", 1e-4)):  # a hundred eps of |u| |K|, about 50
        y = xp.numpy(ss.convolve(xp.asarray(u, dtype), xp.asarray(K)))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, ss.convolve(u, K), atol=tolerance)
    assert ss.convolve(xp.asarray([1, 2], "int32"), xp.asarray([1, 1, 1], "int32")).shape == (2,)


def test_overflow_is_reported():
    with pytest.raises(
        dm.SolveError, match="the convolution is not finite from sample 0 on: scale u or K down"
    ):
        ss.convolve(np.full(3, 1e300), np.full(3, 1e300))


def test_refusals():
    u = np.ones(4)
    with pytest.raises(ValueError, match=r"u must be finite; u\[1\] is nan"):
        ss.convolve(np.array([0.0, np.nan]), u)
    with pytest.raises(ValueError, match=r"K must have shape \(lags,\)"):
        ss.convolve(u, np.ones((2, 0)))
    with pytest.raises(ValueError, match="K has 3 channels, but u has 2"):
        ss.convolve(np.ones((4, 2)), np.ones((3, 4)))
    with pytest.raises(
        ValueError, match=r"before must have the shape of u .* axis 0; got \(3, 2\) and \(4,\)"
    ):
        ss.convolve(u, u, before=np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"before must be finite; before\[0\] is nan"):
        ss.convolve(u, u, before=np.array([np.nan]))
    with pytest.raises(TypeError, match="before must be an array"):
        ss.convolve(u, u, before=[1.0])
    with pytest.raises(TypeError, match="K must be an array"):
        ss.convolve(u, [1.0])
