"""Processes refuse contradictions; noising, prior and marginals are exact."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion, random
from diffmath.diffusion._process.consistency import matches

KEY = random.key(7)


def edm(**changes: Any) -> diffusion.Process:
    """A variance-exploding process written by a user (with NumPy, whose scalars must not leak)."""
    parts: dict[str, Any] = {
        "alpha": lambda t: 1.0 + 0.0 * t,
        "sigma": lambda t: np.float64(t) if isinstance(t, float) else t,
        "f": lambda t: 0.0 * t,
        "g2": lambda t: 2.0 * t,
        "log_snr": lambda t: -np.log(t),
        "time_of_log_snr": lambda lam: np.exp(-lam),
        "t_min": 0.002,
        "t_max": 80.0,
        "name": "edm",
    }
    return diffusion.Process(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f": lambda t: 0.1 + 0 * t}, r"f must equal alpha'/alpha; at t=8.0018 it is 0.1 instead of"),
        ({"g2": lambda t: t}, r"g2 must equal \(sigma\^2\)' - 2 f sigma\^2; at t=8"),
        ({"log_snr": lambda t: -2 * np.log(t)}, r"log_snr must equal log\(alpha/sigma\); at t=8"),
        ({"time_of_log_snr": lambda lam: np.exp(lam)}, r"time_of_log_snr\(log_snr\(t\)\) must equal t"),
        ({"sigma": lambda t: -t}, "alpha and sigma must be positive inside"),
        ({"t_min": 0.0}, "need 0 < t_min < t_max, finite; got t_min=0.0"),
        ({"t_max": math.inf}, "need 0 < t_min < t_max, finite"),
    ],
)
def test_a_process_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        edm(**changes)


def test_a_function_that_is_not_callable_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"alpha must be a callable alpha\(t\) or a SymPy expression; got float"
    ):
        edm(alpha=1.0)


def test_numbers_in_give_python_floats_out() -> None:
    assert {type(v) for v in (*edm().marginal(0.5), *edm().coefficients(0.5))} == {float}


def test_marginals_of_arrays(xp: Any) -> None:
    process, t = diffusion.vp(), np.array([0.0, 1e-3, 0.5, 1.0])
    for value, wanted in zip(process.marginal(xp.asarray(t)), np.transpose([process.marginal(s) for s in t])):
        np.testing.assert_allclose(xp.numpy(value), wanted, rtol=1e-14)  # exp and expm1 of two libraries
    lam = xp.numpy(process.log_snr(xp.asarray(t)))
    np.testing.assert_allclose(lam, [process.log_snr(s) for s in t], rtol=1e-13)
    back = xp.numpy(process.time_of_log_snr(xp.asarray(lam[1:])))
    np.testing.assert_allclose(back, t[1:], rtol=1e-12)


def test_prior(xp: Any) -> None:
    z = diffusion.vp().sample_prior(KEY, (6, 3), like=xp.empty())
    assert xp.numpy(z).shape == (6, 3)
    reference = diffusion.vp().sample_prior(KEY, (6, 3), like=np.empty(0))
    np.testing.assert_allclose(xp.numpy(z), reference, rtol=1e-12)  # Box-Muller in two libraries
    part = diffusion.vp().sample_prior(KEY, (9, 3), like=xp.empty())
    np.testing.assert_array_equal(xp.numpy(part)[:6], xp.numpy(z))
    assert diffusion.vp().sample_prior(KEY, (0, 3), like=xp.empty("float32")).dtype == xp.xp.float32


def test_log_prior_is_the_normal_density(xp: Any) -> None:
    from scipy.stats import norm

    x = np.linspace(-100, 100, 8).reshape(2, 2, 2)
    wanted = norm(scale=80.0).logpdf(x).sum(axis=(1, 2))
    np.testing.assert_allclose(xp.numpy(edm().log_prior(xp.asarray(x))), wanted, rtol=1e-14)


def test_perturb(xp: Any) -> None:
    process, x0, z = diffusion.vp(), np.ones((3, 2)), np.full((3, 2), 2.0)
    alpha, sigma = process.marginal(0.4)
    noised = process.perturb(xp.asarray(x0), 0.4, noise=xp.asarray(z))
    np.testing.assert_allclose(xp.numpy(noised), alpha * x0 + sigma * z, rtol=1e-15)
    rows = process.perturb(xp.asarray(x0), xp.asarray([0.0, 0.4, 1.0]), noise=xp.asarray(z))
    np.testing.assert_allclose(xp.numpy(rows)[:2], [[1.0, 1.0], xp.numpy(noised)[1]], rtol=1e-14)
    low = process.perturb(xp.asarray(x0, "float32"), 0.4, key=KEY)
    assert low.dtype == xp.xp.float32


def test_perturb_has_the_right_moments() -> None:
    process, n = diffusion.vp(), 200_000
    x = process.perturb(np.full((n, 1), 3.0), 0.3, key=KEY)
    alpha, sigma = process.marginal(0.3)
    # 5.5 standard errors each: false-positive rate below 4e-8.
    assert abs(x.mean() - 3 * alpha) < 5.5 * sigma / math.sqrt(n)
    assert abs(x.var() - sigma**2) < 5.5 * sigma**2 * math.sqrt(2 / n)


def test_perturb_refuses() -> None:
    process, x0 = diffusion.vp(), np.ones((3, 2))
    with pytest.raises(TypeError, match=r"exactly one of key=dm.random.key\(0\) and noise=array"):
        process.perturb(x0, 0.5)
    with pytest.raises(ValueError, match=r"noise must have the shape of x0, \(3, 2\); got \(2, 2\)"):
        process.perturb(x0, 0.5, noise=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"t must be a number or one time per row, shape \(3,\); got \(2,\)"):
        process.perturb(x0, np.ones(2), noise=x0)
    with pytest.raises(ValueError, match=r"use x0\[None, ...\]"):
        process.perturb(np.ones(3), 0.5, key=KEY)


@pytest.mark.parametrize("process", [diffusion.flow(), edm(), diffusion.from_betas([0.1, 0.2])], ids=repr)
def test_times_beyond_the_process_are_refused(process: diffusion.Process, xp: Any) -> None:
    x, last = xp.asarray(np.ones((2, 1))), process.t_max
    advice = r"not indices \(index i of N is the time \(i \+ 1\)/N\), or make the process with a larger t_max"
    for call in (
        lambda t: process.perturb(x, t, noise=x),
        lambda t: diffusion.training_target(process, "velocity", x, x, t),
    ):
        call(last)
        call(xp.asarray([0.5 * last, np.nextafter(np.float32(last), np.float32(1e3))], "float32"))
        with pytest.raises(ValueError, match=f"t must lie in .0, t_max={last:g}.; got 500: .*{advice}"):
            call(500)
        with pytest.raises(ValueError, match=f"t_max={last:g}.; got 500 in some row: .*{advice}"):
            call(xp.asarray([0.5, 500.0]))


@pytest.mark.parametrize("t", [[0.1, 0.2], (0.1,), "0.1", None])
def test_times_that_are_no_array_are_refused(t: Any) -> None:
    for function in (edm().marginal, edm().rates, edm().coefficients):
        with pytest.raises(
            TypeError, match=f"t must be a number or an array of times; got {type(t).__name__}"
        ):
            function(t)


def test_equal_processes_match_and_others_do_not() -> None:
    assert matches(diffusion.vp(), diffusion.vp())
    assert not matches(diffusion.vp(), diffusion.vp(0.1, 19.0))


def test_a_process_survives_pickling() -> None:
    assert matches(pickle.loads(pickle.dumps(diffusion.vp())), diffusion.vp())


def test_frozen_and_named() -> None:
    assert repr(edm()) == "Process('edm', t: 0.002 -> 80)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        edm().t_max = 1.0  # type: ignore[misc]


@given(t=st.floats(0.0, 1.0), beta_min=st.floats(1e-3, 5.0), extra=st.floats(0.0, 40.0))
def test_vp_preserves_variance_and_inverts(t: float, beta_min: float, extra: float) -> None:
    process = diffusion.vp(beta_min, beta_min + extra)
    alpha, sigma = process.marginal(t)
    assert abs(alpha**2 + sigma**2 - 1) < 4e-16 * 4
    if t > 1e-9:
        lam = process.log_snr(t)
        # d t / t = -2 sigma^2 B / (t B') d lambda: a log-SNR rounded at 40 moves t by 40 eps.
        assert math.isclose(process.time_of_log_snr(lam), t, rel_tol=1e-13)


@pytest.mark.parametrize("t", [-0.1, math.nan, math.inf])
def test_times_that_are_none_are_refused(t):
    process, x = diffusion.vp(), np.ones((2, 1))
    model = diffusion.GaussianMixture([1.0], [[0.0]], [1.0]).score(process)
    for call in (process.marginal, process.coefficients, lambda t: model(x, t)):
        with pytest.raises(ValueError, match="t must be finite and not negative"):
            call(t)
    with pytest.raises(ValueError, match="not negative in every row"):
        process.perturb(x, np.array([0.1, t]), noise=x)


def test_a_row_at_time_zero_is_refused_where_the_limit_is_infinite():
    process, x, t = diffusion.vp(), np.ones((2, 1)), np.array([0.0, 0.5])
    point = diffusion.EmpiricalData([[0.0]], bandwidth=0.0)
    with pytest.raises(ValueError, match="no density or score at sigma=0"):
        point.score(process)(x, t)
    with pytest.raises(ValueError, match="noise cannot be computed from the denoiser at some t"):
        diffusion.from_denoiser(lambda x, t: x, process).noise(x, t)
