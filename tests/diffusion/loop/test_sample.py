"""The sampling loop: exact cases, equalities between models, paths, grids and backends, and every ending."""

from __future__ import annotations

import dataclasses
import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import SolveError, diffusion, random

PROCESS = diffusion.vp()
TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [0.1, 0.2])
KEY = dm.random.key(0)
TIMES = diffusion.log_snr_times(PROCESS, 12)
X = PROCESS.sample_prior(KEY, (6, 2), like=np.empty(0))
METHODS = [
    diffusion.ddim,
    diffusion.dpmpp_2m,
    diffusion.dpmpp_2m(variant="taylor"),
    diffusion.ddim(eta=0.6),
    diffusion.sde_dpmpp_2m,
    diffusion.sde_dpmpp_2m(tau=0.5, variant="taylor"),
    diffusion.euler_maruyama,
]
DATA_FORM = METHODS[:-1]


def run(model: Any, x: Any = X, times: Any = TIMES, method: Any = METHODS[1], **options: Any) -> Any:
    return diffusion.sample(PROCESS, model, x, times, method=method, **{"key": KEY, **options})


@pytest.mark.parametrize("method", DATA_FORM, ids=repr)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_one_data_point_is_reached_exactly_from_anywhere(method: diffusion.Method, steps: int) -> None:
    point = np.array([1 / 3, -2.7])
    model = diffusion.EmpiricalData([point], 0.0).denoiser(PROCESS)
    times = np.append(diffusion.log_snr_times(PROCESS, steps), 0.0)
    np.testing.assert_array_equal(run(model, times=times, method=method), np.broadcast_to(point, X.shape))
    # Deterministic and stopped early: alpha y + sigma eps, with the noise of the start, to rounding.
    if not method.needs_key:
        (alpha_T, sigma_T), (alpha, sigma) = PROCESS.marginal(1.0), PROCESS.marginal(1e-3)
        wanted = alpha * point + sigma * (X - alpha_T * point) / sigma_T
        np.testing.assert_allclose(
            run(model, times=times[:-1], method=method), wanted, rtol=1e-14, atol=1e-15
        )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_all_parametrisations_give_one_trajectory(method: diffusion.Method) -> None:
    exact = TARGET.denoiser(PROCESS)
    wanted = run(exact, method=method)
    for kind in ("score", "noise", "velocity", "flow"):
        model = getattr(diffusion, f"from_{kind}")(getattr(exact, kind), PROCESS)
        # At T the data enter a score with the factor alpha/sigma^2 = 0.007: 150 eps, amplified by the flow.
        np.testing.assert_allclose(run(model, method=method), wanted, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        run(lambda x, t: exact.score(x, t), method=method), wanted, rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("variant", ["midpoint", "taylor"])
def test_without_noise_the_sde_method_is_the_ode_method_bit_for_bit(variant: Any) -> None:
    ode, sde = diffusion.dpmpp_2m(variant=variant), diffusion.sde_dpmpp_2m(tau=0.0, variant=variant)
    assert not sde.needs_key
    np.testing.assert_array_equal(
        run(TARGET.score(PROCESS), method=sde), run(TARGET.score(PROCESS), method=ode)
    )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_backends_agree(method: diffusion.Method, xp: Any) -> None:
    model = TARGET.score(PROCESS)
    x = xp.asarray(X)
    before = xp.numpy(x).copy()
    value = xp.numpy(run(model, x=x, method=method))
    # 12 steps of libraries whose exp and log differ in the last place, amplified by the flow.
    np.testing.assert_allclose(value, run(model, method=method), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(xp.numpy(x), before)
    low = run(model, x=xp.asarray(X, "float32"), method=method)
    assert low.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(low), value, rtol=5e-4, atol=5e-4)  # 1e-7 amplified likewise
    assert run(model, x=xp.asarray(np.empty((0, 2))), method=method).shape == (0, 2)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_row_does_not_know_its_batch(method: diffusion.Method) -> None:
    model = TARGET.score(PROCESS)
    np.testing.assert_array_equal(run(model, x=X[:3], method=method), run(model, method=method)[:3])


@pytest.mark.parametrize("steps", [1, 5, 12])
def test_trajectory_ends_in_the_sample_and_counts_its_work(steps: int) -> None:
    calls = []

    def score(x: Any, t: float) -> Any:
        assert type(t) is float
        calls.append(t)
        return -x

    times = diffusion.log_snr_times(PROCESS, steps)
    for method in METHODS:
        calls.clear()
        path = diffusion.trajectory(PROCESS, score, X, times, method=method, key=KEY)
        assert calls == [float(t) for t in times[:-1]]  # never at the last time
        assert path.stats == {"evaluations": method.nfe(steps), "steps": steps}
        assert path.x.shape == (steps + 1, 6, 2)
        np.testing.assert_array_equal(path.t, times)
        np.testing.assert_array_equal(path.x[0], X)
        np.testing.assert_array_equal(path.x[-1], run(score, times=times, method=method))


def test_decoding_inverts_encoding_at_second_order() -> None:
    model, data = TARGET.score(PROCESS), TARGET.sample(KEY, 5, like=np.empty(0), process=PROCESS, t=1e-3)
    errors = []
    for n in (100, 200):
        grid = diffusion.log_snr_times(PROCESS, n)
        noise = run(model, x=data, times=grid[::-1])
        errors.append(np.abs(run(model, x=noise, times=grid) - data).max())
    assert errors[0] < 0.05
    assert errors[0] / errors[1] > 3.5  # second order or better


def test_images_and_integers_are_states() -> None:
    x = np.ones((2, 1, 3, 3), dtype=np.int64)
    out = run(lambda x, t: -x, x=x)
    assert out.shape == x.shape
    assert out.dtype == np.float64


def test_a_float64_model_leaves_a_float32_state_float32() -> None:
    out = run(lambda x, t: np.asarray(-x, dtype=np.float64), x=X.astype(np.float32))
    assert out.dtype == np.float32


def test_callback_sees_state_and_denoised_data() -> None:
    seen: list[Any] = []
    model = TARGET.denoiser(PROCESS)
    run(model, callback=lambda n, t, x, denoised: seen.append((n, t, x, denoised)))
    assert [entry[:2] for entry in seen] == list(enumerate(TIMES[:-1].tolist()))
    np.testing.assert_array_equal(seen[3][3], model(seen[3][2], seen[3][1]))


def test_progress_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    np.testing.assert_array_equal(run(TARGET.score(PROCESS), progress=True), run(TARGET.score(PROCESS)))


def test_equal_keys_give_equal_samples_and_others_do_not() -> None:
    method, model = diffusion.sde_dpmpp_2m, TARGET.score(PROCESS)
    first = run(model, method=method)
    np.testing.assert_array_equal(first, run(model, method=method))
    assert np.all(first != run(model, method=method, key=dm.random.key(1)))


def test_samples_of_program_c_follow_the_target() -> None:
    from scipy.stats import kstest

    x = PROCESS.sample_prior(KEY, (4096, 2), like=np.empty(0))
    for method in (diffusion.dpmpp_2m, diffusion.sde_dpmpp_2m):
        out = run(TARGET.score(PROCESS), x=x, times=diffusion.log_snr_times(PROCESS, 160), method=method)
        for direction in ([1.0, 0.0], [0.3, -1.0]):
            cdf = TARGET.projected_cdf(direction, PROCESS, 1e-3)
            # False-positive rate 1e-6 each; the bias at 160 steps is far below 1/sqrt(4096).
            assert kstest(out @ np.array(direction), cdf).pvalue > 1e-6


def nan_after(limit: float) -> Any:
    def score(x: Any, t: float) -> Any:
        values = -x
        if t < limit:
            values[[1, 4]] = math.nan
        return values

    return score


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_nan_in_the_middle_names_time_and_rows_and_keeps_the_last_state(method: diffusion.Method) -> None:
    bad = int(np.argmax(TIMES < 0.5))
    where = rf"at t={TIMES[bad]:g} \(step {bad} of 12\) in rows 1, 4"
    message = f"the model returned a value that is not finite {where}"
    with pytest.raises(SolveError, match=message) as caught:
        run(nan_after(0.5), method=method)
    partial = caught.value.solution
    assert (partial.status, partial.t.tolist()) == ("nonfinite", [TIMES[bad]])
    assert partial.x.shape == (1, 6, 2)
    good = diffusion.trajectory(PROCESS, lambda x, t: -x, X, TIMES, method=method, key=KEY)
    np.testing.assert_array_equal(partial.x[-1], good.x[bad])
    prefix = diffusion.trajectory(
        PROCESS, nan_after(0.5), X, TIMES, method=method, key=KEY, on_failure="return"
    )
    assert prefix.status == "nonfinite"
    np.testing.assert_array_equal(prefix.t, TIMES[: bad + 1])
    np.testing.assert_array_equal(prefix.x, good.x[: bad + 1])
    assert np.all(np.isnan(run(nan_after(0.5), method=method, on_failure="return")))


@pytest.mark.parametrize("name", ["ddim", "dpmpp_2m", "sde_dpmpp_2m", "euler_maruyama"])
def test_a_name_means_the_method(name: str) -> None:
    model, method = TARGET.score(PROCESS), getattr(diffusion, name)
    np.testing.assert_array_equal(run(model, method=name), run(model, method=method))
    path = diffusion.trajectory(PROCESS, model, X, TIMES, method=name, key=random.key(0))
    np.testing.assert_array_equal(path.x[-1], run(model, method=method, key=random.key(0)))


def test_overflow_is_reported_as_such() -> None:
    model = diffusion.from_denoiser(lambda x, t: np.full_like(x, 3e38), PROCESS)
    with pytest.raises(SolveError, match=r"the step of dpmpp_2m overflowed at t=.* take smaller steps"):
        run(model, x=X.astype(np.float32), times=np.append(TIMES, 0.0), method=Overshoot)


def _twice(process: Any, times: Any, n: int) -> diffusion.Step:
    return diffusion.Step(1.0, (10.0,))


Overshoot = diffusion.Method("dpmpp_2m", 1, 1, "none", _twice)


def test_a_method_of_ones_own_is_first_class() -> None:
    def keep(process: Any, times: Any, n: int) -> diffusion.Step:
        return diffusion.Step(0.5, (0.0,))

    mine = diffusion.Method("mine", 1, 1, "my notebook", keep)
    np.testing.assert_array_equal(run(lambda x, t: -x, method=mine), X * 0.5**12)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"key": None, "method": METHODS[4]},
            TypeError,
            r"sde_dpmpp_2m is stochastic; pass key=dm.random.key\(0\)",
        ),
        ({"method": dict}, TypeError, r"method must be a diffusion Method .* or its name; got type"),
        ({"method": "dpmpp2m"}, ValueError, r"got 'dpmpp2m': did you mean 'dpmpp_2m'"),
        ({"method": "vp"}, ValueError, r"an object of diffmath.diffusion or its name; got 'vp'"),
        (
            {"times": TIMES[::-1], "method": METHODS[6]},
            ValueError,
            "euler_maruyama runs from noise to data: times must",
        ),
        ({"times": [1.0, 0.5, 0.6]}, ValueError, r"strictly monotone; times\[1\]=0.5 and times\[2\]=0.6"),
        ({"times": [1.0, 0.5, 0.5]}, ValueError, r"strictly monotone; times\[1\]=0.5 and times\[2\]=0.5"),
        ({"times": [2.0, 0.5]}, ValueError, r"times must lie in \[0, t_max=1\]; got 2 ... 0.5"),
        ({"times": [1.0, -0.5]}, ValueError, r"times must lie in \[0, t_max=1\]; got 1 ... -0.5"),
        ({"times": [0.0, 0.5]}, ValueError, r"sigma is 0 at times\[0\]=0: start at t_min=0.001"),
        ({"times": [1.0]}, ValueError, "times must be a vector of at least 2 times"),
        ({"times": [1.0, np.nan]}, ValueError, r"times must be finite; times\[1\] is nan"),
        ({"x": X[0]}, ValueError, r"for one row use x_T\[None, ...\]"),
        ({"x": X * np.nan}, ValueError, r"x_T must be finite; x_T\[0, 0\] is nan"),
        ({"x": X.tolist()}, TypeError, "x_T must be an array .*; got list"),
        ({"x": X.astype(np.float16)}, TypeError, "x_T must be float32 or float64; got dtype float16"),
        (
            {"model": lambda t, x: x},
            TypeError,
            r"a score is called as score\(x, t\), but its parameters are \(t, x\)",
        ),
        (
            {"model": lambda x, t: x[:, 0]},
            ValueError,
            r"score\(x, t\) must return shape \(6, 2\); got \(6,\)",
        ),
        ({"model": lambda x, t: x.tolist()}, TypeError, r"the result of score\(x, t\) must be an array"),
        ({"model": lambda x, t: x * 1j}, TypeError, "must return real numbers"),
        ({"on_failure": "ignore"}, ValueError, "on_failure must be 'raise' or 'return'; got 'ignore'"),
        ({"model": TARGET.score(diffusion.vp(0.2, 20.0))}, ValueError, "the model was made for"),
    ],
)
def test_refusals(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(**{"model": TARGET.score(PROCESS), **changes})


def test_mixed_libraries_and_devices_are_refused() -> None:
    import array_api_strict as strict

    x = strict.asarray(X, device=strict.Device("device1"))
    with pytest.raises(TypeError, match="must come from one array library; got array_api_strict and numpy"):
        run(lambda x, t: X, x=x)
    with pytest.raises(TypeError, match="must live on one device"):
        run(lambda x, t: strict.asarray(X), x=x)
    with pytest.raises(TypeError, match="times must be a list or a NumPy array of host numbers"):
        run(lambda x, t: -x, x=x, times=strict.asarray(TIMES))


def test_bad_on_failure_is_refused_before_any_evaluation() -> None:
    def never(x: Any, t: float) -> Any:
        raise AssertionError("called")

    with pytest.raises(ValueError, match="on_failure must be"):
        run(never, on_failure="ignore")


def test_the_models_own_exception_carries_the_time() -> None:
    def broken(x: Any, t: float) -> Any:
        raise KeyError("weights")

    with pytest.raises(KeyError) as caught:
        run(broken)
    assert caught.value.__notes__ == ["raised by score(x, t) at t=1.0"]


def test_sample_and_trajectory_take_the_same_arguments() -> None:
    first, second = (inspect.signature(f).parameters for f in (diffusion.sample, diffusion.trajectory))
    # A sample keeps one state, so a choice of times is that of the trajectory.
    assert [*first.values()] == [v for v in second.values() if v.name not in ("save_at", "statistics")]


@given(steps=st.integers(1, 30), shift=st.floats(-5, 5), which=st.integers(0, len(DATA_FORM) - 1))
def test_shifted_data_give_shifted_samples(steps: int, shift: float, which: int) -> None:
    """Moving the data by b moves x_t by alpha_t b: the methods in data form commute with it."""
    moved = diffusion.GaussianMixture([0.3, 0.7], [[-2.0 + shift, 0.0], [2.0 + shift, 1.0]], [0.1, 0.2])
    times, move = diffusion.log_snr_times(PROCESS, steps), np.array([shift, 0.0])
    start = X + PROCESS.alpha(1.0) * move
    there = run(moved.denoiser(PROCESS), x=start, times=times, method=DATA_FORM[which])
    here = run(TARGET.denoiser(PROCESS), times=times, method=DATA_FORM[which])
    np.testing.assert_allclose(there, here + PROCESS.alpha(1e-3) * move, rtol=1e-9, atol=1e-9)


def _custom(step, clock=None):
    return diffusion.Method("mine", order=1, weak_order=1, reference="none", step=step, clock=clock)


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (_custom(lambda p, t, n: (1.0, (0.0,))), TypeError, "must return a diffusion.Step; got tuple"),
        (_custom(lambda p, t, n: diffusion.Step(1.0, (0.0, 5.0))), ValueError, "step 0 uses 2 evaluations"),
        (_custom(lambda p, t, n: diffusion.Step(1.0, (0.0,), 1.0)), ValueError, "noise, so .* needs a clock"),
        (_custom(lambda p, t, n: diffusion.Step(math.nan, (0.0,))), ValueError, "step 0 must be finite"),
        (
            _custom(lambda p, t, n: diffusion.Step(1.0, (0.0,), 1.0), lambda p, t: [0.0, 1.0]),
            ValueError,
            "clock must have 4 values",
        ),
        (diffusion.sde_dpmpp_2m(tau=50.0), ValueError, r"the clock of sde_dpmpp_2m\(tau=50\) must be"),
    ],
)
def test_a_method_that_contradicts_itself_is_refused(method, error, message):
    process = diffusion.vp()
    times = diffusion.log_snr_times(process, 3)
    with pytest.raises(error, match=message):
        diffusion.sample(process, lambda x, t: -x, np.ones((2, 1)), times, method=method, key=random.key(0))


def test_a_model_that_works_in_place_is_refused(xp):
    def doubling(x, t):
        x *= 2
        return -x

    process, state = diffusion.vp(), xp.asarray(np.ones((2, 1)))
    times = diffusion.log_snr_times(process, 3)
    # Read-only NumPy and JAX refuse (or copy) by themselves.
    if isinstance(state, np.ndarray) and state.flags.writeable:
        with pytest.raises(TypeError, match=r"score\(x, t\) modified its argument x"):
            diffusion.sample(process, doubling, state, times, method=diffusion.ddim)


def test_a_model_that_returns_one_buffer_is_refused():
    """Its earlier predictions, which a multistep method keeps, would all be the last."""
    buffer = np.empty((2, 1))

    def denoiser(x, t):
        buffer[...] = 0.5 * x
        return buffer

    process = diffusion.vp()
    times = diffusion.log_snr_times(process, 5)
    with pytest.raises(TypeError, match=r"denoiser\(x, t\) overwrote the array it returned before"):
        diffusion.sample(process, diffusion.from_denoiser(denoiser, process), np.ones((2, 1)), times,
                         method=diffusion.dpmpp_2m)  # fmt: skip


def test_a_model_that_changes_its_shape_is_refused():
    def score(x, t):
        return -x if t > 0.5 else -x[:, :1]

    process = diffusion.vp()
    times = diffusion.uniform_times(process, 20)
    with pytest.raises(ValueError, match=r"score\(x, t\) must return shape \(2, 3\); got \(2, 1\)"):
        diffusion.sample(process, score, np.ones((2, 3)), times, method=diffusion.ddim)


def test_functions_of_a_process_are_called_once_a_time():
    """A run remembers them; the process itself does not."""
    calls = []
    vp = diffusion.vp()

    def alpha(t):
        calls.append(t)
        return vp.alpha(t)

    process = dataclasses.replace(vp, alpha=alpha)
    times = diffusion.log_snr_times(process, 10)
    calls.clear()
    diffusion.sample(process, lambda x, t: -x, np.ones((2, 1)), times, method=diffusion.dpmpp_2m)
    assert sorted(calls) == sorted(times)
    process.marginal(0.5)
    process.marginal(0.5)
    assert len(calls) == 11 + 2


def test_a_callback_must_be_callable():
    process = diffusion.vp()
    with pytest.raises(TypeError, match="callback must be a callable; got int"):
        diffusion.sample(
            process, lambda x, t: -x, np.ones((2, 1)), [1.0, 0.5], method=diffusion.ddim, callback=5
        )


def _rectified(log):
    """Flow matching, alpha = 1 - t and sigma = t: no signal at all at t = 1, no noise at t = 0."""
    return diffusion.Process(
        alpha=lambda t: 1 - t, sigma=lambda t: t, f=lambda t: -1 / (1 - t), g2=lambda t: 2 * t / (1 - t),
        log_snr=lambda t: log((1 - t) / t), time_of_log_snr=lambda lam: 1 / (1 + math.exp(lam)),
        t_min=1e-3, t_max=1.0, name="rectified",
    )  # fmt: skip


@pytest.mark.parametrize("log", [math.log, np.log])
@pytest.mark.parametrize(
    "method",
    [diffusion.ddim, diffusion.ddim(eta=1.0), diffusion.dpmpp_2m, diffusion.sde_dpmpp_2m],
    ids=str,
)
def test_a_process_without_signal_at_the_start_is_sampled(log, method):
    process = _rectified(log)
    point = diffusion.EmpiricalData([[2.0, 1.0]], bandwidth=0.0)
    times = diffusion.uniform_times(process, 8, t_end=0.0)
    x = diffusion.sample(
        process, point.denoiser(process), np.ones((3, 2)), times, method=method, key=random.key(0)
    )
    np.testing.assert_allclose(x, [[2.0, 1.0]] * 3, rtol=1e-14)  # the last step is the data


@pytest.mark.parametrize("log", [math.log, np.log])
def test_encoding_ends_on_pure_noise(log):
    process = _rectified(log)
    point = diffusion.EmpiricalData([[2.0, 1.0]], bandwidth=0.0)
    noise = np.array([[0.3, -0.7]])
    x = process.perturb(np.array([[2.0, 1.0]]), 0.25, noise=noise)
    times = diffusion.uniform_times(process, 6, t_start=0.25, t_end=1.0)
    for method in (diffusion.ddim, diffusion.dpmpp_2m):
        end = diffusion.sample(process, point.denoiser(process), x, times, method=method)
        np.testing.assert_allclose(end, noise, rtol=1e-12)  # one data point: every step is exact


def test_infinite_coefficients_are_refused():
    process, x = _rectified(math.log), np.ones((1, 2))
    model = diffusion.EmpiricalData([[2.0, 1.0]], bandwidth=0.0)
    with pytest.raises(ValueError, match="log-SNR is infinite at t=1"):
        diffusion.log_snr_times(process, 4)
    with pytest.raises(ValueError, match="euler_maruyama needs finite f and g2"):
        diffusion.sample(process, model.denoiser(process), x, [1.0, 0.5], method=diffusion.euler_maruyama,
                         key=random.key(0))  # fmt: skip
    with pytest.raises(ValueError, match="denoiser cannot be computed from the score at t=1"):
        diffusion.sample(process, model.score(process), x, [1.0, 0.5], method=diffusion.ddim)
