"""The kernel as a sampler: what is exact, what is equal, what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

VP, VE, FLOW = diffusion.vp(), diffusion.edm(), diffusion.flow()
TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])
X = np.array([[0.7], [-1.1], [2.0], [0.1]])
FORMS = ("data", "noise", "flow", "velocity")


def settings(**options: Any) -> list[Any]:
    """Return one setting of every form, with starters, predictor and corrector."""
    found = [diffusion.adams(form=form, predictor=3, corrector=4, **options) for form in FORMS]  # type: ignore[arg-type]
    return [pytest.param(method, id=method.form) for method in found]


@pytest.mark.parametrize("form", ["data", "noise", "flow"])
@pytest.mark.parametrize("nodes", ["log_snr", "sigma", "flow", "theta", "log_norm", "time"])
def test_data_at_a_point_are_exact_at_any_number_of_steps(form: Any, nodes: Any) -> None:
    point = diffusion.EmpiricalData([[2.0]], bandwidth=0.0)
    method = diffusion.adams(form=form, nodes=nodes, predictor=4, corrector=5)
    for process, ends in ((VP, (1.0, 0.01)), (FLOW, (0.99, 0.01)), (VE, (40.0, 0.01))):
        (a0, b0), (a1, b1) = (process.marginal(t) for t in ends)
        for n in (1, 2, 5, 9):
            times = np.linspace(*ends, n + 1)
            found = diffusion.sample(process, point.denoiser(process), X, times, method=method)
            # 9 steps of roundings, of sizes up to that of the noise.
            np.testing.assert_allclose(found, 2.0 * a1 + b1 * (X - 2.0 * a0) / b0, atol=2e-13)


@pytest.mark.parametrize("method", settings())
def test_the_kind_of_model_does_not_matter(method: diffusion.Method) -> None:
    base, times = TARGET.denoiser(VP), diffusion.log_snr_times(VP, 12)
    wanted = diffusion.sample(VP, base, X, times, method=method)
    for kind in ("score", "noise", "velocity", "flow"):
        model = getattr(diffusion, f"from_{kind}")(getattr(base, kind), VP)
        found = diffusion.sample(VP, model, X, times, method=method)
        # A conversion divides by alpha = 7e-3 at the start.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", settings())
def test_the_process_does_not_matter(method: diffusion.Method) -> None:
    """At equal log-SNR the samples of vp, edm and flow differ by the factor alpha alone."""
    lam = np.linspace(-3.0, 4.0, 13)
    found = []
    for process in (VP, VE, FLOW):
        times = np.array([float(process.time_of_log_snr(float(value))) for value in lam])
        alpha, end = (process.marginal(float(t))[0] for t in times[[0, -1]])
        model = TARGET.denoiser(process)
        found.append(diffusion.sample(process, model, alpha * 10 * X, times, method=method) / end)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-11)  # roundings of the time of a log-SNR


@pytest.mark.parametrize("method", settings())
def test_encoding_inverts_sampling_to_the_order(method: diffusion.Method) -> None:
    model, gaps = TARGET.score(VP), []
    for n in (40, 80):
        times = diffusion.log_snr_times(VP, n, t_start=0.8, t_end=0.05)
        there = diffusion.sample(VP, model, X, times, method=method)
        back = diffusion.sample(VP, model, there, times[::-1], method=method)
        gaps.append(np.abs(back - X).max())
    assert gaps[1] < gaps[0] / 10 < 1e-4  # 16 in the limit


@pytest.mark.parametrize("method", [*settings(), pytest.param(diffusion.auto, id="auto")])
def test_a_row_does_not_depend_on_the_others(method: diffusion.Method) -> None:
    model, times = TARGET.denoiser(VP), diffusion.log_snr_times(VP, 9)
    together = diffusion.sample(VP, model, X, times, method=method)
    for i in range(len(X)):
        alone = diffusion.sample(VP, model, X[i : i + 1], times, method=method)
        np.testing.assert_array_equal(alone, together[i : i + 1])


@pytest.mark.parametrize("method", settings())
def test_single_precision_is_as_exact_as_it_can_be(method: diffusion.Method) -> None:
    model, times = TARGET.denoiser(VP), diffusion.log_snr_times(VP, 20)
    double = diffusion.sample(VP, model, X, times, method=method)
    single = diffusion.sample(VP, model, X.astype(np.float32), times, method=method)
    assert single.dtype == np.float32
    # The flow stretches by up to 10 here; each step adds a few roundings of numbers of size 3.
    np.testing.assert_allclose(single, double, rtol=0, atol=300 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("nodes", ["flow", "theta"])
@pytest.mark.parametrize("form", ["data", "flow", "velocity"])
def test_the_sample_at_sigma_zero_is_the_limit(form: Any, nodes: Any) -> None:
    method, model = diffusion.adams(form=form, nodes=nodes), TARGET.denoiser(FLOW)
    inner = np.linspace(1.0, 0.1, 8)
    limit = diffusion.sample(FLOW, model, X, [*inner, 0.0], method=method)
    for end in (1e-4, 1e-7, 1e-10):
        near = diffusion.sample(FLOW, model, X, [*inner, end], method=method)
        np.testing.assert_allclose(near, limit, rtol=0, atol=100 * end)  # end ln(end) times the slopes


def test_noise_of_level_zero_is_the_flow() -> None:
    times = diffusion.log_snr_times(VP, 9)
    noisy = diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=4, tau=0.0)
    assert not noisy.needs_key
    assert noisy == diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=4)
    run = lambda method, **key: diffusion.sample(VP, TARGET.denoiser(VP), X, times, method=method, **key)  # noqa: E731
    faint = diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=4, tau=1e-5, starter="ramp")
    ramp = diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=4, starter="ramp")
    # The noise has the size tau sqrt(2 h) sigma.
    np.testing.assert_allclose(run(faint, key=random.key(0)), run(ramp), atol=1e-4)


@pytest.mark.parametrize("method", settings())
def test_backends_agree(method: diffusion.Method, xp: Any) -> None:
    times = np.linspace(0.8, 0.2, 7)
    run = lambda x: diffusion.sample(VP, TARGET.score(VP), x, times, method=method)  # noqa: E731
    np.testing.assert_allclose(xp.numpy(run(xp.asarray(X))), run(X), rtol=1e-12, atol=1e-13)


def test_orders_follow_from_the_setting() -> None:
    make = diffusion.adams
    facts = {
        make(): (3, 3, None, 9),
        make(predictor=2, corrector=0): (2, 2, None, 9),
        make(predictor=3, corrector=0): (3, 3, None, 11),
        make(predictor=3, corrector=0, starter="ramp"): (2, 2, None, 9),
        make(predictor=3, corrector=4): (4, 4, None, 13),
        make(predictor=3, corrector=4, starter="ramp"): (3, 3, None, 9),
        make(predictor=3, corrector=4, last=2): (3, 3, None, 13),
        make(predictor=4, corrector=5): (5, 5, None, 18),
        make(form="data", nodes="log_snr", predictor=3, corrector=4): (4, 4, 2, 13),
        make(form="data", predictor=3, corrector=4): (4, 4, 3, 13),
        make(form="data", predictor=3, corrector=4, last=4): (4, 4, None, 13),
        make(form="data", nodes="sigma"): (3, 3, 2, 9),
        make(form="noise", nodes="sigma"): (3, 3, None, 9),
        make(form="data", nodes="log_norm", tau=1.0): (1, 2, None, 9),
        make(form="data", predictor=1, corrector=0, tau=1.0): (1, 1, None, 9),
    }
    for method, wanted in facts.items():
        assert (method.order, method.weak_order, method.end_order, method.nfe(9)) == wanted, method
    assert len({method.name for method in facts}) == len(facts)
    assert [make(predictor=4, corrector=5).nfe(n) for n in (0, 1, 2, 3, 4)] == [0, 1, 5, 9, 13]


def test_settings_are_methods_like_others() -> None:
    method = diffusion.adams(form="noise", nodes="sigma")
    assert pickle.loads(pickle.dumps(method)) == method != diffusion.adams
    assert method(form="flow", nodes="theta") == diffusion.adams
    assert diffusion.adams.step == diffusion.adams().step


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "score"}, "form must be one of data, noise, velocity, flow; got 'score'"),
        ({"nodes": "t"}, "nodes must be one of log_snr, sigma, flow, theta, log_norm, time; got 't'"),
        ({"starter": "euler"}, "starter must be one of runge_kutta, ramp; got 'euler'"),
        ({"predictor": 6}, "predictor must be at most 5; got 6"),
        ({"predictor": 0}, "predictor must be at least 1; got 0"),
        ({"corrector": 1}, "corrector must be 0, or at least 2 and at most .* got 1 with predictor=2"),
        ({"corrector": 4}, "corrector must be 0, or at least 2 and at most .* got 4 with predictor=2"),
        ({"tau": 1.0}, "tau > 0 needs the form data; got 'flow'"),
        ({"tau": -1.0}, "tau must be finite and not negative; got -1.0"),
        ({"last": 4}, "last must be at most 3, the order of the other steps; got 4"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.adams(**options)
    with pytest.raises(TypeError, match="predictor must be an int; got float"):
        diffusion.adams(predictor=2.0)  # type: ignore[arg-type]
