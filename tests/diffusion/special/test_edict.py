"""EDICT: the published step, order, exact return, and the steps that it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion

VE = diffusion.edm(t_min=0.1, t_max=10.0)
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
MODEL = MIXTURE.score(VE)
X = np.array([[-8.0], [-1.0], [2.0], [9.0]])


def test_a_step_is_the_published_one() -> None:
    """With noise E(x) = x / 2 and sigma from 2 to 1: x' = x - y/2, y' = y - x'/2, and the mixing."""
    model = diffusion.from_noise(lambda x, t: 0.5 * x, VE)
    x, y = np.array([[1.0]]), np.array([[2.0]])
    found = diffusion.edict(VE, model, (x, y), [2.0, 1.0], p=0.75)
    first, second = 1.0 - 1.0, 2.0 - 0.0
    mixed = 0.75 * first + 0.25 * second
    np.testing.assert_allclose([found[0][0, 0], found[1][0, 0]], [mixed, 0.75 * second + 0.25 * mixed])


def test_order_one_on_the_exact_map_of_quantiles() -> None:
    exact = MIXTURE.flow_map(VE)(X, 10.0, 0.1)
    grids = [diffusion.log_snr_times(VE, steps) for steps in (96, 192, 384)]
    errors = [abs(diffusion.edict(VE, MODEL, X, times)[0] - exact).max() for times in grids]
    assert abs(np.log2(errors[-2] / errors[-1]) - 1) < 0.15, errors


def test_data_come_back_to_rounding(xp: Any) -> None:
    """The pair included, and from noise within the growth of rounding errors, 18 for 20 steps."""
    process = diffusion.vp()
    model, times = MIXTURE.score(process), diffusion.log_snr_times(process, 20)
    data = xp.asarray(np.array([[0.4], [-1.3]]))
    noise = diffusion.edict(process, model, data, times[::-1])
    for state in diffusion.edict(process, model, noise, times):
        np.testing.assert_allclose(xp.numpy(state), xp.numpy(data), atol=1e-12)
    out = diffusion.edict(process, model, xp.asarray(X[1:3]), times)
    for state in diffusion.edict(process, model, out, times[::-1]):
        np.testing.assert_allclose(xp.numpy(state), X[1:3], atol=1e-10)


def test_the_model_is_never_evaluated_at_the_lower_time() -> None:
    seen = []

    def score(x: Any, t: float) -> Any:
        seen.append(t)
        return -x

    process = diffusion.vp()
    out = diffusion.edict(process, score, X, [0.5, 0.2, 0.0])
    diffusion.edict(process, score, out, [0.0, 0.2, 0.5])
    assert seen == [0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.5, 0.5]


def test_rows_do_not_change_each_other() -> None:
    times = diffusion.log_snr_times(VE, 20)
    alone, together = (diffusion.edict(VE, MODEL, x, times) for x in (X[2:3], X))
    np.testing.assert_array_equal(together[0][2:3], alone[0])


def test_what_is_refused() -> None:
    times = diffusion.log_snr_times(VE, 125)[::-1]
    with pytest.raises(ValueError, match=r"cannot undo 125 steps with p=0.93: .* take at most 124 steps"):
        diffusion.edict(VE, MODEL, X, times)
    assert diffusion.edict(VE, MODEL, X, times[1:])[0].shape == X.shape
    with pytest.raises(ValueError, match="at most 54 steps"):
        diffusion.edict(VE, MODEL, X.astype("float32"), times)
    with pytest.raises(ValueError, match=r"p must lie in \(0, 1\]; got 0"):
        diffusion.edict(VE, MODEL, X, times, p=0.0)
    with pytest.raises(ValueError, match="edict needs alpha > 0 at all times; alpha is 0 at t=1"):
        diffusion.edict(diffusion.flow(), lambda x, t: x, X, [1.0, 0.5])
    with pytest.raises(ValueError, match="x must be one state or a pair of states; got 3"):
        diffusion.edict(VE, MODEL, (X, X, X), [2.0, 1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must have one shape and dtype"):
        diffusion.edict(VE, MODEL, (X, X[:2]), [2.0, 1.0])


def test_a_value_that_is_not_finite_ends_the_run() -> None:
    def score(x: Any, t: float) -> Any:
        return np.where((t < 3.0) & (x > 1.0), np.nan, -x / (1 + t**2))

    with pytest.raises(
        SolveError, match=r"edict: .* after step 1 of 2, from t=2 to t=1, in rows 2, 3"
    ) as caught:
        diffusion.edict(VE, score, X, [4.0, 2.0, 1.0])
    assert caught.value.solution.t.tolist() == [2.0]
    assert np.isfinite(caught.value.solution.x).all()
