"""The adaptive probability-flow ODE against the exact flow, on all processes and array libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, ode

MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
X = np.array([[-2.0], [-0.3], [0.1], [1.7]])
PROCESSES = [diffusion.vp(), diffusion.flow(), diffusion.edm(), diffusion.ve(), diffusion.vp_cosine()]


def denoiser(process: diffusion.Process) -> diffusion.Model:
    return diffusion.from_denoiser(MIXTURE.denoiser(process), process)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_it_is_the_exact_flow_there_and_back(process: diffusion.Process) -> None:
    """From the last time, alpha = 0 included, to the data, and from there to the noise."""
    exact, ends = MIXTURE.flow_map(process), [process.t_max, process.t_min]
    x = X * process.sigma(process.t_max)
    found = diffusion.probability_flow(process, denoiser(process), x, ends, rtol=1e-8, atol=1e-8)
    # Tolerance 1e-8 of a step, times about 20 steps and the stretch of the flow.
    np.testing.assert_allclose(found.x[-1], exact(x, *ends), atol=1e-7)
    back = diffusion.probability_flow(
        process, denoiser(process), found.x[-1], ends[::-1], rtol=1e-8, atol=1e-8
    )
    np.testing.assert_allclose(back.x[-1], x, rtol=1e-5, atol=1e-5 * process.sigma(process.t_max))
    assert found.t.tolist() == ends
    assert found.t_end.tolist() == [process.t_min] * 4


def test_noise_and_data_themselves_are_regular_ends() -> None:
    """A Gaussian under flow, from alpha = 0 to sigma = 0 and back, for a model of the velocity."""
    process, target = diffusion.flow(), diffusion.Gaussian([1.0], [[0.25]])
    model = diffusion.from_velocity(
        lambda x, t: (
            process.marginal(t)[0] * noise(x, t) - process.marginal(t)[1] * target.denoiser(process)(x, t)
        ),
        process,
    )

    def noise(x: Any, t: Any) -> Any:
        alpha, sigma = process.marginal(t)
        return sigma * (x - alpha) / (0.25 * alpha**2 + sigma**2)

    for ends in ([1.0, 0.0], [0.0, 1.0]):
        found = diffusion.probability_flow(process, model, X, ends, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.x[-1], target.flow_map(process)(X, *ends), atol=1e-7)


def test_the_error_follows_the_tolerance_and_the_method_its_order() -> None:
    process = diffusion.vp()
    exact, errors, steps = MIXTURE.flow_map(process)(X, 1.0, 0.001), [], []
    for method, tolerance in ((ode.dopri5, 1e-4), ("dopri5", 1e-8), (ode.bosh3, 1e-6), (ode.kvaerno5, 1e-6)):
        found = diffusion.probability_flow(
            process, denoiser(process), X, [1.0, 0.001], method=method, rtol=tolerance, atol=tolerance
        )
        errors.append(abs(found.x[-1] - exact).max() / tolerance)
        steps.append(max(found.stats["steps"]))
    assert max(errors) < 20, errors
    assert steps[0] < steps[1] < steps[2]


def test_rows_do_not_change_each_other() -> None:
    process = diffusion.flow()
    alone = diffusion.probability_flow(process, denoiser(process), X[1:2], [1.0, 0.3, 0.01]).x
    together = diffusion.probability_flow(process, denoiser(process), X, [1.0, 0.3, 0.01]).x
    np.testing.assert_array_equal(together[:, 1:2], alone)
    shared = diffusion.probability_flow(process, denoiser(process), X, [1.0, 0.3, 0.01], batch="shared")
    np.testing.assert_allclose(shared.x, together, atol=1e-3)  # both within the default tolerance of 1e-5


def test_every_library_keeps_its_precision(xp: Any) -> None:
    process, target = diffusion.vp(), diffusion.Gaussian([1.0, -0.5], [[0.3, 0.1], [0.1, 0.2]])
    x = np.array([[0.5, 1.0], [-1.0, 0.2]])
    for dtype, tolerance in (("float64", 1e-6), ("float32", 1e-4)):
        found = diffusion.probability_flow(
            process, target.score(process), xp.asarray(x, dtype), [1.0, 0.01], rtol=tolerance, atol=tolerance
        )
        assert found.x.dtype == getattr(xp.xp, dtype)
        np.testing.assert_allclose(
            xp.numpy(found.x)[-1], target.flow_map(process)(x, 1.0, 0.01), atol=20 * tolerance
        )


def test_what_is_refused() -> None:
    process = diffusion.flow()
    with pytest.raises(ValueError, match="velocity cannot be computed from the denoiser at t=0"):
        diffusion.probability_flow(process, denoiser(process), X, [1.0, 0.0])
    with pytest.raises(ValueError, match=r"method must estimate its error, such as ode.dopri5; got"):
        diffusion.probability_flow(process, denoiser(process), X, [1.0, 0.1], method=ode.rk4)
    with pytest.raises(ValueError, match=r"times must lie in \[0, t_max=1\]; got 2 \.\.\. 0.1"):
        diffusion.probability_flow(process, denoiser(process), X, [2.0, 0.1])


def test_a_model_that_takes_a_float_is_told_what_to_pass() -> None:
    process = diffusion.vp()

    def score(x: Any, t: Any) -> Any:
        return -x if t > 0.5 else -2 * x

    with pytest.raises(ValueError, match="truth value") as caught:
        diffusion.probability_flow(process, score, X, [1.0, 0.1])
    assert any("batch='shared'" in note for note in caught.value.__notes__)
    assert diffusion.probability_flow(process, score, X, [1.0, 0.1], batch="shared").success


def test_work_is_bounded_and_the_ending_says_so() -> None:
    process = diffusion.vp()
    with pytest.raises(
        SolveError, match=r"max_steps=3 trial steps are spent at t=0\.\d+ in all rows"
    ) as caught:
        diffusion.probability_flow(process, denoiser(process), X, [1.0, 0.01], max_steps=3, rtol=1e-9)
    assert caught.value.solution.status == "max_steps"
    assert all(0.01 < t < 1.0 for t in caught.value.solution.t_end)

    def jumps(x: Any, t: Any) -> Any:
        return np.where(t < 0.3, np.nan, 1.0) * x

    found = diffusion.probability_flow(process, jumps, X, [1.0, 0.5, 0.1], on_failure="return")
    assert found.status == "nonfinite"
    assert found.t.tolist() == [1.0, 0.5]
    assert np.all(np.abs(found.t_end - 0.3) < 1e-3)
