"""The likely bandwidth: the width of theory, the scaling of a subset, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion


def test_the_likely_bandwidth_is_that_of_theory() -> None:
    """For normal data the best width is near Scott's, n^(-1/5) (4/3)^(1/5) in one dimension."""
    z = np.random.default_rng(0).standard_normal((1500, 1))
    # Leave-one-out likelihood scatters by about 20 % and is known to prefer slightly wide kernels.
    assert diffusion.likely_bandwidth(z) == pytest.approx(1.06 * 1500**-0.2, rel=0.4)
    # Two far clusters: the width follows the clusters, where Scott's rule follows their distance.
    far = np.concatenate([0.1 * z[:750] - 1, 0.1 * z[750:] + 1])
    assert diffusion.likely_bandwidth(far) < 0.3 * 1500**-0.2


def test_the_likely_bandwidth_of_many_points_is_that_of_some_scaled() -> None:
    z = np.random.default_rng(1).standard_normal((8000, 2))
    assert diffusion.likely_bandwidth(z) == pytest.approx(
        diffusion.likely_bandwidth(z[:2000]) * 4 ** (-1 / 6), rel=0.15
    )
    assert diffusion.likely_bandwidth(np.zeros((10, 1))) > 0


def _log_likelihood(points: np.ndarray, h: float) -> float:
    """The leave-one-out likelihood by its definition."""
    dim = points.shape[1]
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    kernel = np.exp(-squares / (2 * h * h)) / h**dim
    np.fill_diagonal(kernel, 0.0)
    return float(np.log(kernel.sum(axis=1)).sum())


@given(seed=st.integers(0, 1000), n=st.integers(5, 60), dim=st.integers(1, 3))
def test_no_width_of_a_fine_grid_is_likelier(seed: int, n: int, dim: int) -> None:
    points = np.random.default_rng(seed).standard_normal((n, dim))
    h = diffusion.likely_bandwidth(points)
    scott = n ** (-1 / (dim + 4))
    assert scott / 50 <= h <= 1.5 * scott * (1 + 1e-12)
    best = max(_log_likelihood(points, w) for w in scott * np.geomspace(0.1, 1.5, 100))
    # Accurate to 2 % of the width: the likelihood is flat at its maximum.
    assert _log_likelihood(points, h) >= best - 0.02 * n


def test_points_are_host_numbers_in_rows_and_at_least_two() -> None:
    with pytest.raises(ValueError, match=r"points must have shape \(n, dim\); got \(3,\)"):
        diffusion.likely_bandwidth([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"points must be at least two, shape \(n, dim\); got \(1, 2\)"):
        diffusion.likely_bandwidth([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"points must be finite; points\[1, 0\] is not"):
        diffusion.likely_bandwidth([[1.0], [np.nan]])
    with pytest.raises(TypeError, match="points must be host numbers"):
        diffusion.likely_bandwidth([["one"], ["two"]])
