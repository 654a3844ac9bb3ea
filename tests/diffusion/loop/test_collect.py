"""States at chosen times, statistics of steps, and a state in float64 for a model in float32."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, diffusion, random

VP, KEY = diffusion.vp(), random.key(5)
TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])
MODEL = TARGET.denoiser(VP)
X, TIMES = np.array([[0.7], [-1.1], [2.0]]), np.linspace(0.9, 0.1, 8)
SINGLE = X.astype(np.float32)


def run(function: Any = diffusion.trajectory, x: Any = X, model: Any = MODEL, **options: Any) -> Any:
    return function(VP, model, x, **{"times": TIMES, "method": "dpmpp_2m", "key": KEY, **options})


def in_single(x: Any, t: float) -> Any:
    """The exact denoiser, rounded once: a float32 network without an error of its own."""
    assert x.dtype == np.float32
    return MODEL(x.astype(np.float64), t).astype(np.float32)


NETWORK = diffusion.from_denoiser(in_single, VP)


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m", "heun", "pndm"])
@pytest.mark.parametrize("places", [[0], [7], [0, 7], [2, 3, 6], list(range(8))])
def test_states_at_some_times_are_those_of_the_whole_run(places: list[int], method: str) -> None:
    whole, some = run(method=method), run(method=method, save_at=TIMES[places])
    np.testing.assert_array_equal(some.t, TIMES[places])
    np.testing.assert_array_equal(some.x, whole.x[places])
    assert some.stats == whole.stats


@given(chosen=st.sets(st.integers(0, 7), min_size=1), first=st.integers(0, 6))
def test_states_of_a_run_that_goes_on(chosen: set[int], first: int) -> None:
    state: Any = X
    for state in run(diffusion.steps):
        if state.n >= first:
            break
    first = state.n
    later = sorted(n for n in chosen if n >= first) or [7]
    if first < 7:
        np.testing.assert_array_equal(run(x=state, save_at=TIMES[later]).x, run().x[later])


def test_encoding_saves_in_the_order_of_its_times() -> None:
    path = run(times=TIMES[::-1], save_at=[TIMES[5], TIMES[2]])
    assert path.t.tolist() == [TIMES[5], TIMES[2]]


def test_no_other_state_is_kept() -> None:
    x, times = np.ones((2**14, 1)), np.linspace(0.9, 0.1, 41)
    peaks = []
    for save_at in (None, times[[20, -1]]):
        tracemalloc.start()
        run(x=x, model=lambda x, t: -x, times=times, method="ddim", save_at=save_at)
        peaks.append(tracemalloc.get_traced_memory()[1] / x.nbytes)
        tracemalloc.stop()
    # 41 states, and once more to stack them; two states, and some of a step.
    assert peaks[0] > 80
    assert peaks[1] < 12


@pytest.mark.parametrize(
    ("save_at", "error", "message"),
    [
        ([0.5], ValueError, r"save_at must be in times, here 0\.9 \.\.\. 0\.1; got 0\.5, and .* is 0\.557"),
        ([np.nextafter(0.9, 0)], ValueError, r"the nearest is 0\.9: add it to times, or choose from them"),
        ([0.1, 0.9], ValueError, r"save_at must be in the order of times, .*pass save_at\[::-1\]"),
        ([], ValueError, "save_at must be a vector of at least 1"),
        ([0.9, 0.9], ValueError, "save_at must be strictly monotone"),
        ("last", TypeError, "save_at must be real numbers"),
    ],
)  # fmt: skip
def test_times_that_the_run_does_not_have_are_refused(save_at: Any, error: Any, message: str) -> None:
    calls: list[float] = []
    with pytest.raises(error, match=message):
        run(model=lambda x, t: calls.append(t), save_at=save_at)
    assert not calls


@pytest.mark.parametrize(("places", "kept"), [([0, 7], [0, 4]), ([4, 7], [4]), ([1, 2, 6], [1, 2, 4])])
def test_a_failure_adds_the_last_finite_state(places: list[int], kept: list[int]) -> None:
    def score(x: Any, t: float) -> Any:
        return x * (np.nan if t < 0.5 else -1.0)

    path = run(model=score, save_at=TIMES[places], on_failure="return", statistics=True)
    assert (path.status, path.stats["steps"]) == ("nonfinite", 4)
    np.testing.assert_array_equal(path.t, TIMES[kept])
    np.testing.assert_array_equal(path.x, run(model=lambda x, t: -x).x[kept])
    assert len(path.stats["step_evaluations"]) == len(path.stats["rms_denoised"]) == 4
    assert len(path.stats["rms_x"]) == 5
    assert np.isfinite(path.stats["rms_denoised"]).all()


@pytest.mark.parametrize("method", ["dpmpp_2m", "heun", "pndm", "unipc", "sde_dpmpp_2m"])
def test_statistics_are_those_of_the_states(method: str, xp: Any) -> None:
    seen: list[Any] = []
    path = run(
        x=xp.asarray(X), method=method, statistics=True, save_at=TIMES[[-1]],
        callback=lambda n, t, x, denoised: seen.append(xp.numpy(denoised)),
    )  # fmt: skip
    whole, stats = run(method=method), path.stats
    assert stats["step_evaluations"].sum() == stats["evaluations"] == whole.stats["evaluations"]
    wanted = np.sqrt(np.mean(whole.x**2, axis=(1, 2)))
    np.testing.assert_allclose(stats["rms_x"], wanted, rtol=1e-12)  # as the states of two libraries
    np.testing.assert_allclose(stats["rms_denoised"], [np.sqrt(np.mean(d**2)) for d in seen], rtol=1e-14)
    np.testing.assert_allclose(xp.numpy(path.x), whole.x[-1:], rtol=1e-12)
    assert "rms_x=" in repr(path)


def test_a_step_without_a_first_evaluation_has_no_denoised_data() -> None:
    path = run(method="dpmpp_2m", statistics=True)
    assert not np.isnan(path.stats["rms_denoised"]).any()
    late = diffusion.Stage(0.5, 0.5, (0.5,))
    method = diffusion.Method(
        "late", 1, 1, "none", lambda p, t, n: diffusion.Step(1.0, (), stages=(late,), evaluates=False)
    )
    path = run(method=method, statistics=True)
    assert repr(path).endswith("rms_denoised=none)")
    stats = path.stats
    assert np.isnan(stats["rms_denoised"]).all()
    np.testing.assert_array_equal(stats["step_evaluations"], 1)


def test_the_mean_square_of_gaussian_data_is_known() -> None:
    """N(0, s^2): the ODE scales every row, so the ratio of rms_x is that of the deviations at each time."""
    model = diffusion.Gaussian([0.0], [[0.25]]).denoiser(VP)
    times = diffusion.log_snr_times(VP, 200)
    path = run(model=model, times=times, statistics=True)
    alpha, sigma = np.transpose([VP.marginal(float(t)) for t in times])
    wanted = np.sqrt(0.25 * alpha**2 + sigma**2)
    got = path.stats["rms_x"] / path.stats["rms_x"][0]
    np.testing.assert_allclose(got, wanted / wanted[0], rtol=1e-3)  # order 2, 200 steps


def test_statistics_do_not_overflow_and_know_an_empty_batch() -> None:
    huge = np.full((2, 1), 1e30, dtype=np.float32)  # its square is no float32
    model = diffusion.from_denoiser(lambda x, t: x, VP)
    stats = run(x=huge, model=model, times=[0.5, 0.4], method="ddim", statistics=True).stats
    assert stats["rms_x"][0] == stats["rms_denoised"][0] == np.float32(1e30)
    zero = run(x=0 * X, model=model, statistics=True).stats
    np.testing.assert_array_equal(zero["rms_x"], 0.0)
    assert "rms_x=1e+30..1.114e+30, " in repr(run(x=huge, model=model, times=[0.5, 0.4], statistics=True))
    empty = run(x=X[:0], statistics=True)
    assert empty.x.shape == (8, 0, 1)
    np.testing.assert_array_equal(empty.stats["rms_x"], 0.0)
    with pytest.raises(TypeError, match="statistics must be True or False; got str"):
        run(statistics="all")


def test_a_float64_state_removes_the_rounding_errors_of_a_thousand_steps() -> None:
    times = diffusion.log_snr_times(VP, 1000)
    x = VP.sample_prior(KEY, (64, 1), like=np.empty(0, dtype=np.float32))

    def denoiser(x: Any, t: float) -> Any:
        """That of N(1, 1/4), in float64, rounded once to the dtype of x."""
        alpha, sigma = VP.marginal(t)
        gain = 0.25 * alpha / (0.25 * alpha**2 + sigma**2)
        return (1.0 + gain * (x.astype(np.float64) - alpha)).astype(x.dtype)

    network = diffusion.from_denoiser(denoiser, VP)
    exact = run(diffusion.sample, x.astype(np.float64), network, times=times, method="ddim")
    errors = []
    for dtype in ("model", "float64"):
        found = run(diffusion.sample, x, network, times=times, method="ddim", dtype=dtype)
        assert found.dtype == np.float32
        errors.append(float(np.sqrt(np.mean((found - exact) ** 2))) * 2**24)
    # In units of rounding of 1: sqrt(1000) errors of a step remain, or those of the result and the network.
    assert errors[0] > 8
    assert errors[1] < 1


def test_only_the_state_is_in_float64(xp: Any) -> None:
    dtypes: set[Any] = set()

    def denoiser(x: Any, t: float) -> Any:
        dtypes.add(str(x.dtype))
        return 0.5 * x

    model, seen, x = diffusion.from_denoiser(denoiser, VP), [], xp.asarray(X, "float32")
    path = run(
        x=x, model=model, method="sde_dpmpp_2m", dtype="float64",
        callback=lambda n, t, x, denoised: seen.extend([x.dtype, denoised.dtype]),
    )  # fmt: skip
    assert {name.rpartition(".")[2] for name in dtypes} == {"float32"}
    assert all(dtype == xp.xp.float64 for dtype in seen)
    assert path.x.dtype == xp.xp.float32
    # 1e-7 of the model's results, seven times; the noise has the same key, and is drawn in float64.
    wanted = run(x=SINGLE.astype(np.float64), model=model, method="sde_dpmpp_2m")
    np.testing.assert_allclose(xp.numpy(path.x), wanted.x, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(xp.numpy(path.x[0, ...]), SINGLE)


def test_a_float64_x_T_needs_no_choice() -> None:
    np.testing.assert_array_equal(run(dtype="float64").x, run().x)


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m", "pndm"])
def test_a_float64_run_goes_on_bit_for_bit(method: str) -> None:
    options: Any = {"model": NETWORK, "method": method, "dtype": "float64"}
    whole = run(x=SINGLE, **options)
    for state in run(diffusion.steps, SINGLE, **options):
        assert (state.x.dtype, state.model_dtype) == (np.float64, "float32")
        np.testing.assert_array_equal(state.x.astype(np.float32), whole.x[state.n])
        if state.n < 7:
            again = pickle.loads(pickle.dumps(state))
            np.testing.assert_array_equal(run(x=again, **options).x, whole.x[state.n :])
    assert repr(state).endswith("model_dtype=float32)")


def test_another_dtype_is_refused() -> None:
    single = next(run(diffusion.steps, SINGLE))
    double = next(run(diffusion.steps, SINGLE, dtype="float64"))
    with pytest.raises(
        ValueError, match="one of a run with dtype='float64'; continue it with that: got dtype='m"
    ):
        run(x=double)
    with pytest.raises(
        ValueError, match="one of a run with dtype='model'; continue it with that: got dtype='f"
    ):
        run(x=single, dtype="float64")
    for broken in (replace(single, model_dtype="float32"), replace(double, model_dtype="float16")):
        with pytest.raises(
            ValueError, match="model_dtype of a state is 'float32' for an x in float64, or None"
        ):
            run(x=broken, dtype="float64")
    with pytest.raises(
        ValueError, match=r"dtype must be 'model', that of x_T, or 'float64', .* got 'float32'"
    ):
        run(dtype="float32")
    with pytest.raises(ValueError, match="dtype must be"):
        run(diffusion.sample, dtype=np.float64)  # fmt: skip


def test_a_state_that_the_model_cannot_get_ends_the_run() -> None:
    """1e39 is a float64, but no float32: neither the model nor the caller gets infinity."""
    grows = diffusion.Method("grows", 1, 1, "none", lambda p, t, n: diffusion.Step(1e13, (0.0,)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = run(x=SINGLE, model=NETWORK, method=grows, dtype="float64", on_failure="return")
    assert path.message.startswith("the step of grows overflowed at t=0.671")
    assert path.x.shape[0] == 3
    assert np.isfinite(path.x).all()
    taken = run(diffusion.steps, SINGLE, NETWORK, method=grows, dtype="float64")
    with pytest.raises(SolveError, match="take smaller steps or a float64 x_T") as caught:
        list(taken)
    assert caught.value.solution.x.dtype == np.float32
    np.testing.assert_array_equal(caught.value.solution.x[-1], path.x[-1])
