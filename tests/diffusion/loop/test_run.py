"""A run stops and goes on, bit for bit, with every method; states of other runs are refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random

VP, KEY = diffusion.vp(), random.key(5)
MODEL = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2]).denoiser(VP)
X, TIMES = np.array([[0.7], [-1.1], [2.0]]), np.linspace(0.9, 0.1, 8)
METHODS = [name for name in diffusion.__all__ if isinstance(getattr(diffusion, name), diffusion.Method)]


def run(function: Any, x: Any, method: Any, times: Any = TIMES) -> Any:
    key = KEY if getattr(diffusion, method).needs_key else None
    return function(VP, MODEL, x, times, method=method, key=key)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_stops_goes_on_bit_for_bit(method: str) -> None:
    whole = run(diffusion.trajectory, X, method)
    for n, state in enumerate(run(diffusion.steps, X, method), start=1):
        assert (state.n, state.t) == (n, TIMES[n])
        np.testing.assert_array_equal(state.x, whole.x[n])
        if n in (1, 2, 4):
            again = pickle.loads(pickle.dumps(state))
            np.testing.assert_array_equal(run(diffusion.sample, again, method), whole.x[-1])
        if n == 3:
            rest = run(diffusion.trajectory, state, method)
            np.testing.assert_array_equal(rest.x, whole.x[3:])
            np.testing.assert_array_equal(rest.t, TIMES[3:])
            assert rest.stats["steps"] == len(TIMES) - 4
            later = list(run(diffusion.steps, state, method))
            np.testing.assert_array_equal(later[-1].x, whole.x[-1])
    assert n == len(TIMES) - 1


def test_evaluations_are_made_when_a_step_is_requested() -> None:
    calls: list[float] = []

    def denoiser(x: Any, t: float) -> Any:
        calls.append(t)
        return MODEL(x, t)

    taken = diffusion.steps(VP, diffusion.from_denoiser(denoiser, VP), X, TIMES, method="dpmpp_2m")
    assert not calls
    first = next(taken)
    assert calls == [TIMES[0]]
    assert repr(first) == "SamplerState(dpmpp_2m, n=1, t=0.786, x: (3, 1), known=1)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "ddim"}, "the state is one of ddim; continue it with that method: got dpmpp_2m"),
        ({"n": 3}, "has taken 3 steps, to t=.*, which is not a time before the last of these 8 times"),
        ({"n": 7, "t": TIMES[-1]}, "which is not a time before the last"),
        ({"known": ()}, "step 2 of dpmpp_2m uses 2 evaluations, but the state has only 0"),
        ({"known": (np.zeros((2, 1)),)}, r"must have the shape of its x, \(3, 1\); got \(2, 1\)"),
        ({"x": np.array([[np.nan]] * 3)}, "x of the state must be finite"),
    ],
)
def test_a_state_of_another_run_is_refused(change: Any, message: str) -> None:
    taken = diffusion.steps(VP, MODEL, X, TIMES, method="dpmpp_2m")
    next(taken)
    with pytest.raises(ValueError, match=message):
        diffusion.sample(VP, MODEL, replace(next(taken), **change), TIMES, method="dpmpp_2m")


def test_other_times_are_refused() -> None:
    state = next(diffusion.steps(VP, MODEL, X, TIMES, method="dpmpp_2m"))
    with pytest.raises(ValueError, match="pass the times of its run"):
        diffusion.sample(VP, MODEL, state, TIMES[1:], method="dpmpp_2m")


def test_a_value_that_is_not_finite_ends_the_iteration_with_the_last_state() -> None:
    def denoiser(x: Any, t: float) -> Any:
        return x * (np.nan if t < 0.5 else 0.5)

    taken = diffusion.steps(VP, diffusion.from_denoiser(denoiser, VP), X, TIMES, method="ddim")
    states = [next(taken) for _ in range(4)]
    with pytest.raises(SolveError, match=r"returned a value that is not finite at t=0\.44") as caught:
        next(taken)
    np.testing.assert_array_equal(caught.value.solution.x[-1], states[-1].x)
    state = states[2]
    failed = diffusion.trajectory(
        VP, diffusion.from_denoiser(denoiser, VP), state, TIMES, method="ddim", on_failure="return"
    )
    np.testing.assert_array_equal(failed.t, TIMES[3:5])
    assert failed.status == "nonfinite"


def test_backends_agree(xp: Any) -> None:
    state = list(diffusion.steps(VP, MODEL, xp.asarray(X), TIMES, method="auto"))[3]
    found = diffusion.sample(VP, MODEL, state, TIMES, method="auto")
    wanted = diffusion.sample(VP, MODEL, X, TIMES, method="auto")
    np.testing.assert_allclose(xp.numpy(found), wanted, rtol=1e-12)
