"""O-BELM: order 2, exact return, growth of rounding errors; and the inverse of ordinary samplers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

VE = diffusion.edm(t_min=0.1, t_max=10.0)
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
MODEL = MIXTURE.score(VE)
X = np.array([[-8.0], [-1.0], [2.0], [9.0]])


@pytest.mark.parametrize("direction", [1, -1], ids=["sampling", "encoding"])
def test_order_two_on_the_exact_map_of_quantiles(direction: int) -> None:
    ends = [10.0, 0.1][::direction]
    x = X if direction == 1 else MIXTURE.flow_map(VE)(X, 10.0, 0.1)
    exact, errors = MIXTURE.flow_map(VE)(x, *ends), []
    for steps in (48, 96, 192):
        times = diffusion.log_snr_times(VE, steps)[::direction]
        errors.append(abs(diffusion.belm(VE, MODEL, x, times)[0] - exact).max())
    assert abs(np.log2(errors[-2] / errors[-1]) - 2) < 0.15, errors


@pytest.mark.parametrize("grid", ["log_snr_times", "karras_times", "uniform_times"])
def test_a_run_is_undone_to_rounding(grid: str, xp: Any) -> None:
    times = getattr(diffusion, grid)(VE, 30)
    pair = diffusion.belm(VE, MODEL, xp.asarray(X), times)
    back = diffusion.belm(VE, MODEL, pair, times[::-1])
    again = diffusion.belm(VE, MODEL, back, times)
    np.testing.assert_allclose(xp.numpy(back[0]), X, atol=1e-11)  # rounding, times (h_n / h_0)^2 = 1e4
    np.testing.assert_allclose(xp.numpy(again[0]), xp.numpy(pair[0]), atol=1e-11)


def test_the_ends_of_a_pair_are_not_evaluated() -> None:
    """From sigma = 0, a denoiser is sufficient once the run has a pair."""
    process, seen = diffusion.vp(), []

    def denoiser(x: Any, t: float) -> Any:
        seen.append(t)
        return 0.5 * x

    model = diffusion.from_denoiser(denoiser, process)
    pair = diffusion.belm(process, model, X, [0.5, 0.3, 0.1, 0.0])
    assert (seen[0], seen[2:]) == (0.5, [0.3, 0.1])
    assert 0.3 < seen[1] < 0.5
    seen.clear()
    back = diffusion.belm(process, model, pair, [0.0, 0.1, 0.3, 0.5])
    np.testing.assert_allclose(back[0], X, rtol=1e-12)
    assert seen == [0.1, 0.3]


def test_rows_do_not_change_each_other() -> None:
    times = diffusion.log_snr_times(VE, 20)
    alone, together = (diffusion.belm(VE, MODEL, x, times) for x in (X[2:3], X))
    np.testing.assert_array_equal(together[0][2:3], alone[0])


def test_what_is_refused() -> None:
    process = diffusion.edm()
    times = diffusion.log_snr_times(process, 60)[::-1]
    with pytest.raises(ValueError, match=r"by 1e\+07, which leaves less than half of the digits of 1e-07"):
        diffusion.belm(process, MIXTURE.score(process), X.astype("float32"), times)
    assert diffusion.belm(process, MIXTURE.score(process), X, times)[0].shape == X.shape
    with pytest.raises(ValueError, match="belm needs alpha > 0 at all times"):
        diffusion.belm(diffusion.flow(), lambda x, t: x, X, [1.0, 0.5])


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpmpp_2m", 2), ("heun", 2)])
def test_ordinary_samplers_return_at_their_order(name: str, order: int) -> None:
    """To sample on the reversed times encodes; the round trip converges to the identity."""
    data, errors = MIXTURE.flow_map(VE)(X, 10.0, 0.1), []
    for steps in (96, 192, 384):
        times = diffusion.log_snr_times(VE, steps)
        noise = diffusion.sample(VE, MODEL, data, times[::-1], method=name)
        errors.append(abs(diffusion.sample(VE, MODEL, noise, times, method=name) - data).max())
    assert np.log2(errors[-2] / errors[-1]) > order - 0.15, errors
