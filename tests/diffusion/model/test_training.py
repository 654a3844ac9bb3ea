"""Targets agree with conversions of exact models; weights are one loss, written for each parametrisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

KINDS = ["denoiser", "noise", "score", "velocity", "flow"]
PROCESSES = [diffusion.vp(), diffusion.edm(), diffusion.flow(), diffusion.sub_vp(), diffusion.vp_cosine()]
KEY = random.key(3)


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_targets_are_the_conversions_of_one_another(xp: Any, process: diffusion.Process) -> None:
    """For a point mass the model's prediction is the target itself."""
    x0, noise = xp.asarray([[1.0, -2.0]] * 3), xp.asarray(np.arange(6.0).reshape(3, 2) / 3 - 1)
    t = xp.asarray(np.array([0.1, 0.5, 0.9]) * process.t_max)
    x = process.perturb(x0, t, noise=noise)
    point = diffusion.from_denoiser(lambda x, t: x0 + 0.0 * x, process)
    for kind in KINDS:
        target = diffusion.training_target(process, kind, x0, noise, t)  # type: ignore[arg-type]
        predicted = xp.numpy(getattr(point, kind)(x, t))
        np.testing.assert_allclose(xp.numpy(target), predicted, rtol=1e-9, atol=1e-12)
        assert target.dtype == x0.dtype


def test_the_target_of_a_flow_is_the_velocity_of_a_line() -> None:
    x0, noise = np.full((1, 1), 3.0), np.full((1, 1), -1.0)
    assert diffusion.training_target(diffusion.flow(), "flow", x0, noise, 1.0)[0, 0] == -4.0
    assert diffusion.training_target(diffusion.flow(), "flow", x0, noise, 0.0)[0, 0] == -4.0


WEIGHTINGS: list[Any] = [
    "snr",
    "truncated_snr",
    "min_snr",
    "p2",
    "sigmoid",
    "edm",
    "elbo",
    lambda lam: 2 + lam**2,
]


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=lambda w: w if isinstance(w, str) else "callable")
@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_the_weighted_error_does_not_depend_on_the_parametrisation(
    process: diffusion.Process, weighting: Any
) -> None:
    x0, guess = np.full((1, 1), 0.7), np.full((1, 1), -0.4)
    noise = np.full((1, 1), 0.3)
    model = diffusion.from_denoiser(lambda x, t: guess + 0.0 * x, process)
    for t in (0.2 * process.t_max, 0.8 * process.t_max):
        x = process.perturb(x0, t, noise=noise)
        losses = []
        for kind in KINDS:
            error = diffusion.training_target(process, kind, x0, noise, t) - getattr(model, kind)(x, t)  # type: ignore[arg-type]
            weight = diffusion.loss_weight(process, kind, t, weighting)  # type: ignore[arg-type]
            losses.append(float(weight * error[0, 0] ** 2))
        np.testing.assert_allclose(losses, losses[0], rtol=1e-10)
        snr = math.exp(2 * process.log_snr(t))
        sigma = snr**-0.5
        h = 1e-5 * t
        wanted = {
            "snr": snr,
            "truncated_snr": max(snr, 1.0),
            "min_snr": min(snr, 5.0),
            "p2": snr / (1 + snr),
            "sigmoid": snr / (1 + math.exp(math.log(snr) - 2)),
            "edm": (sigma**2 + 0.25) / (0.5 * sigma) ** 2,
            "elbo": -0.5
            * (math.exp(2 * process.log_snr(t + h)) - math.exp(2 * process.log_snr(t - h)))
            / (2 * h),
        }.get(str(weighting), 2 + process.log_snr(t) ** 2)
        # 1e-7: the difference quotient of the last but one.
        assert math.isclose(losses[0], wanted * 1.1**2, rel_tol=1e-7)


def test_known_weights() -> None:
    vp, edm = diffusion.vp(), diffusion.edm()
    for t in (0.1, 0.7):
        assert math.isclose(diffusion.loss_weight(vp, "noise", t, "snr"), 1.0, rel_tol=1e-14)
        assert math.isclose(
            diffusion.loss_weight(vp, "denoiser", t, "min_snr", gamma=1e9), math.exp(2 * vp.log_snr(t))
        )
        # Song et al.: sigma^2 for a score is the loss of the noise; Salimans & Ho: SNR + 1 for v.
        assert math.isclose(diffusion.loss_weight(vp, "score", t, "snr"), vp.sigma(t) ** 2, rel_tol=1e-13)
        assert diffusion.loss_weight(vp, "flow", t) == 1.0
    # Karras et al.: F has the weight 1, since c_out^2 is the inverse of the weight of D.
    sigma, sd = 3.0, 0.7
    c_out = sigma * sd / math.hypot(sigma, sd)
    weight = diffusion.loss_weight(edm, "denoiser", sigma, "edm", sigma_data=sd)
    assert math.isclose(weight * c_out**2, 1.0, rel_tol=1e-14)


@pytest.mark.parametrize("process", [diffusion.flow(), diffusion.vp_cosine()], ids=repr)
def test_weights_at_pure_noise(process: diffusion.Process) -> None:
    """At alpha = 0 the velocity has a finite weight in all but none, the denoiser too."""
    for weighting in ("truncated_snr", "sigmoid", "min_snr", "p2", "edm", "snr", "elbo"):
        for kind in ("denoiser", "velocity", "flow"):
            weight = diffusion.loss_weight(process, kind, 1.0, weighting)  # type: ignore[arg-type]
            at = diffusion.loss_weight(process, kind, 1.0 - 1e-9, weighting)  # type: ignore[arg-type]
            assert math.isclose(weight, at, rel_tol=1e-6, abs_tol=1e-6)


def test_arrays_of_times(xp: Any) -> None:
    vp, t = diffusion.vp(), np.array([0.2, 0.9])
    for weighting in ("uniform", *WEIGHTINGS[:-1]):
        weights = diffusion.loss_weight(vp, "velocity", xp.asarray(t), weighting)
        wanted = [diffusion.loss_weight(vp, "velocity", float(s), weighting) for s in t]
        np.testing.assert_allclose(xp.numpy(weights), wanted, rtol=1e-12)


def test_the_evidence_bound_of_a_gaussian() -> None:
    """For data N(0, c) the exact denoiser has the error c s^2/(a^2 c + s^2), with a known integral.

    I = mutual information of data and x_t: d/dSNR is half the error (Guo, Shamai & Verdu 2005), so the
    integral over time is (ln(1 + c SNR(t_min)) - ln(1 + c SNR(t_max)))/2.
    """
    process, c = diffusion.vp(), 0.6
    t = np.linspace(process.t_min, process.t_max, 20001)
    alpha, sigma = process.marginal(t)
    error = c * sigma**2 / (alpha**2 * c + sigma**2)
    weight = diffusion.loss_weight(process, "denoiser", t, "elbo")
    value = np.trapezoid(weight * error, t)
    ends = [math.log1p(c * math.exp(2 * process.log_snr(s))) / 2 for s in (process.t_min, process.t_max)]
    assert math.isclose(value, ends[0] - ends[1], rel_tol=1e-4)  # the trapezoidal rule where SNR ~ 1/t


@pytest.mark.parametrize(
    ("process", "kind", "t", "message"),
    [
        (diffusion.vp(), "x0", 0.5, r"kind must be one of 'denoiser', .*; got 'x0'"),
        (diffusion.vp(), "score", 0.0, r"the score to be learnt is infinite at t=0"),
        (diffusion.vp(), "flow", 0.0, r"the flow to be learnt is infinite at t=0"),
        (diffusion.vp_sigmoid(), "flow", 1.0, r"the flow to be learnt is infinite at t=1"),
        (diffusion.vp(), "score", np.array([0.1, 0.0]), r"the score to be learnt is infinite at some t"),
    ],
)
def test_refused_targets(process: diffusion.Process, kind: Any, t: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.training_target(process, kind, np.ones((2, 2)), np.ones((2, 2)), t)


def test_refused_noise() -> None:
    with pytest.raises(ValueError, match=r"noise must have the shape of x0, \(2, 2\); got \(2, 1\)"):
        diffusion.training_target(diffusion.vp(), "noise", np.ones((2, 2)), np.ones((2, 1)), 0.5)


@pytest.mark.parametrize(
    ("t", "weighting", "message"),
    [
        (0.5, "cosine", r"weighting must be w\(log_snr\) or one of 'uniform', .*; got 'cosine'"),
        (0.0, "elbo", r"the weight 'elbo' of the noise is not finite at t=0"),
        (np.array([0.0, 0.1]), "elbo", r"not finite at some t"),
    ],
)
def test_refused_weights(t: Any, weighting: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.loss_weight(diffusion.vp(), "noise", t, weighting)
