"""The exact fields between mixtures: continuity equation, score, quantiles carried over, regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from diffmath import diffusion, ode, random

START = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.3, 0.1])
END = diffusion.GaussianMixture([0.5, 0.3, 0.2], [[-2.0], [0.0], [2.0]], [0.2, 0.1, 0.05])
CASES = [
    (kind, gamma)
    for kind in ("linear", "trigonometric", "encoding_decoding")
    for gamma in ("zero", "brownian", "squared", "sine_squared", "sigmoid")
    if (kind, gamma) != ("encoding_decoding", "zero")
]


def exact(kind: Any, gamma: Any) -> diffusion.MixtureInterpolant:
    return diffusion.MixtureInterpolant(diffusion.interpolant(kind, gamma), START, END)


def cdf(law: diffusion.GaussianMixture, x: Any) -> Any:
    pieces = norm.cdf((x - law.means[:, 0]) / np.sqrt(law.covariances))
    return pieces @ law.weights


@pytest.mark.parametrize(("kind", "gamma"), CASES)
def test_continuity_and_score_by_differences(kind: Any, gamma: Any) -> None:
    """d/dt ln p + u' + u (ln p)' = 0, and s = (ln p)'."""
    found, x, h = exact(kind, gamma), np.linspace(-2.5, 2.5, 41)[:, None], 1e-4
    for t in (0.23, 0.61):

        def slope(f: Any, t: float = t) -> Any:
            return (8 * (f(x + h, t) - f(x - h, t)) - f(x + 2 * h, t) + f(x - 2 * h, t)) / (12 * h)

        def at(k: int, t: float = t) -> Any:
            return found.log_density(x, t + k * h)

        d_log = slope(found.log_density)
        in_time = (8 * (at(1) - at(-1)) - at(2) + at(-2)) / (12 * h)
        u = found.flow(x, t)[:, 0]
        residual = in_time + slope(found.flow)[:, 0] + u * d_log
        # 1e-7: rounding / h, with logarithms of densities up to 100 in the tails.
        assert np.max(np.abs(residual)) < 1e-7 * max(1.0, np.max(np.abs(u * d_log)))
        np.testing.assert_allclose(found.score(x, t)[:, 0], d_log, rtol=1e-6, atol=1e-7)
        split = found.velocity(x, t) - found.interpolant.gamma_rate(t) * found.score(x, t)
        np.testing.assert_allclose(found.flow(x, t), split, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "gamma"),
    [("linear", "zero"), ("trigonometric", "brownian"), ("encoding_decoding", "sine_squared")],
)
def test_the_flow_carries_quantiles(kind: Any, gamma: Any) -> None:
    """In one dimension the flow map is monotone: it carries each quantile to that of the other end."""
    found, x = exact(kind, gamma), np.array([[-1.6], [-0.9], [0.2], [1.4], [1.9]])

    def f(t: float, x: Any) -> Any:
        return found.flow(x, t)

    solution = ode.solve(f, x, (0.0, 1.0), method=ode.dop853, rtol=1e-7, atol=1e-8, batch="shared")
    np.testing.assert_allclose(cdf(END, solution.x[-1]), cdf(START, x), atol=1e-6)


def test_regression_in_two_dimensions() -> None:
    """E[(target - v) h(x_t)] = 0 and E[(z + gamma s) h(x_t)] = 0 for any h: v and s are conditional means."""
    start = diffusion.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 1.0]], [[[0.3, 0.1], [0.1, 0.2]]] * 2)
    end = diffusion.GaussianMixture([1.0], [[0.0, 2.0]], [[0.1, 0.4]])
    path, n, t = diffusion.interpolant("trigonometric", "squared"), 20000, 0.4
    x0 = start.sample(random.key(0), n, like=np.empty(0))
    x1 = end.sample(random.key(1), n, like=np.empty(0))
    z = random.normal(random.key(2), (n, 2), like=np.empty(0))
    x = path.interpolate(x0, x1, t, noise=z)
    found = diffusion.MixtureInterpolant(path, start, end)
    gaps = (
        path.training_target(x0, x1, t) - found.velocity(x, t),
        z + path.gamma(t) * found.score(x, t),
    )
    for gap in gaps:
        for h in (np.ones_like(x), x, np.sin(3 * x), x[:, ::-1] ** 2):
            products = gap * h
            # Five standard errors: a rate below 1e-6 each.
            assert np.all(np.abs(products.mean(0)) < 5 * products.std(0) / np.sqrt(n))


def test_backends(xp: Any) -> None:
    found, x = exact("linear", "brownian"), np.array([[0.3], [-1.2]])
    for name in ("velocity", "score", "flow", "log_density"):
        got = xp.numpy(getattr(found, name)(xp.asarray(x), 0.4))
        np.testing.assert_allclose(got, getattr(found, name)(x, 0.4), rtol=1e-12)
        assert getattr(found, name)(xp.asarray(x, "float32"), 0.4).dtype == xp.xp.float32


def test_refusals() -> None:
    path = diffusion.interpolant(gamma="zero")
    with pytest.raises(TypeError, match=r"interpolant must be an Interpolant; got str"):
        diffusion.MixtureInterpolant("linear", START, END)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"end must be a GaussianMixture; got int"):
        diffusion.MixtureInterpolant(path, START, 1)  # type: ignore[arg-type]
    plane = diffusion.GaussianMixture([1.0], [[0.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match=r"start and end must have one dimension; got 1 and 2"):
        diffusion.MixtureInterpolant(path, START, plane)
    point = diffusion.GaussianMixture([1.0], [[0.0]], [0.0])
    with pytest.raises(
        ValueError, match=r"covariance of the interpolant is singular at t=0; use times inside"
    ):
        diffusion.MixtureInterpolant(path, point, END).score(np.ones((1, 1)), 0.0)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 1\); got \(1, 2\)"):
        exact("linear", "zero").flow(np.ones((1, 2)), 0.5)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]; got 2"):
        exact("linear", "zero").flow(np.ones((1, 1)), 2.0)
