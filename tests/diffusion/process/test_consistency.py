"""How far the functions of a process may be apart, and how close the marginals of two must be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from diffmath import diffusion
from diffmath.diffusion._process.consistency import _derivative, matches

PROCESS = diffusion.vp()


def scaled(role: str, factor: float) -> diffusion.Process:
    function = getattr(PROCESS, role)
    changes: dict[str, Any] = {role: lambda t: factor * function(t)}
    if role == "log_snr":  # with its inverse, so that only log(alpha/sigma) contradicts it
        changes["time_of_log_snr"] = lambda lam: PROCESS.time_of_log_snr(lam / factor)
    return dataclasses.replace(PROCESS, **changes)


# What 1e-5 is relative to: the sum of the value wanted and its scale, at the time where the two are closest.
def allowed(role: str) -> float:
    """Return the least relative error of a function that is refused, from the tolerance 1e-5."""
    bounds = []
    for q in (0.1, 0.3, 0.5, 0.7, 0.9):
        t = PROCESS.t_min + q * (PROCESS.t_max - PROCESS.t_min)
        (_, sigma), (f, _) = PROCESS.marginal(t), PROCESS.coefficients(t)
        value = abs(getattr(PROCESS, role)(t))
        scale = {"f": 1 / PROCESS.t_max, "g2": abs(f) * sigma**2, "log_snr": 1.0}[role]
        bounds.append(1e-5 * (value + scale) / value)
    return min(bounds)


def test_alpha_and_sigma_are_not_swapped() -> None:
    with pytest.raises(ValueError, match=r"but it grows at t=0.1009.*are alpha and sigma swapped"):
        diffusion.Process(lambda t: t, lambda t: 1 - t)


@pytest.mark.parametrize("role", ["f", "g2", "log_snr"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_function_may_be_off_by_the_tolerance_and_no_more(role: str, sign: int) -> None:
    """1e-4 of it more is refused, 1e-4 less is not: the difference quotients are good to 1e-10."""
    assert scaled(role, 1 + sign * 0.9999 * allowed(role))
    with pytest.raises(ValueError, match=f"{role} must equal"):
        scaled(role, 1 + sign * 1.0001 * allowed(role))


def test_the_inverse_of_the_log_snr_may_be_off_by_a_relative_1e_minus_5() -> None:
    assert scaled("time_of_log_snr", 1 + 0.9e-5)
    with pytest.raises(ValueError, match=r"time_of_log_snr\(log_snr\(t\)\) must equal t"):
        scaled("time_of_log_snr", 1 + 1.1e-5)


@pytest.mark.parametrize("q", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_all_five_times_are_looked_at(q: float) -> None:
    place = PROCESS.t_min + q * (PROCESS.t_max - PROCESS.t_min)

    def wrong_there(t: float) -> float:
        return PROCESS.g2(t) * (1.01 if abs(t - place) < 0.05 else 1.0)

    with pytest.raises(ValueError, match=f"g2 must equal .* at t={place:g}"):
        dataclasses.replace(PROCESS, g2=wrong_there)


@pytest.mark.parametrize("power", range(5))
def test_the_difference_quotient_is_exact_for_polynomials_of_degree_four(power: int) -> None:
    slope = _derivative(lambda t: t**power, 0.7, 1e-2)
    assert slope == pytest.approx(power * 0.7 ** (power - 1), abs=1e-13)  # rounding, eps / h
    # The first power that it errs on tells its step: the error of t^5 is 4 h^4 d^5/dt^5 / 5!, that is -4 h^4.
    assert _derivative(lambda t: t**5, 0.7, 0.1) - 5 * 0.7**4 == pytest.approx(-4e-4, rel=1e-9)


def test_the_step_resolves_a_schedule_that_changes_within_a_hundredth() -> None:
    """The log of alpha is 1e-3 sin(600 t): a step of 1e-3 of the span would be wrong by 3e-3."""

    def alpha(t: float) -> float:
        return math.exp(1e-3 * math.sin(600 * t))

    def log_snr(t: float) -> float:
        return math.log(alpha(t) / t)

    def time_of_log_snr(lam: float) -> float:
        low, high = 1e-6, 2.0
        for _ in range(80):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if log_snr(middle) > lam else (low, middle)
        return low

    process = diffusion.Process(
        alpha=alpha, sigma=lambda t: t, f=lambda t: 0.6 * math.cos(600 * t),
        g2=lambda t: 2 * t - 1.2 * math.cos(600 * t) * t**2,
        log_snr=log_snr, time_of_log_snr=time_of_log_snr, t_min=1e-3, t_max=1.0,
    )  # fmt: skip
    assert process.f(0.0) == 0.6


def near(changes: dict[str, Callable[[float], float]]) -> Any:
    """Return a substitute for a process, with other marginals; `matches` uses nothing else."""

    class Near:
        t_min, t_max = PROCESS.t_min, PROCESS.t_max

        def marginal(self, t: float) -> tuple[float, float]:
            alpha, sigma = PROCESS.marginal(t)
            return changes.get("alpha", float)(alpha), changes.get("sigma", float)(sigma)

    return Near()


@pytest.mark.parametrize("name", ["alpha", "sigma"])
def test_marginals_match_to_a_relative_1e_minus_9(name: str) -> None:
    assert matches(PROCESS, near({name: lambda value: value * (1 + 0.9e-9)}))
    assert not matches(PROCESS, near({name: lambda value: value * (1 + 1.2e-9)}))


def test_marginals_near_zero_match_to_1e_minus_12() -> None:
    """With beta up to 2000 alpha falls below 1e-12 well before T; only its size counts there."""
    tiny = diffusion.vp(0.1, 2000.0)
    assert tiny.alpha(0.5) < 1e-12
    for error, same in ((0.9e-12, True), (1.2e-12, False)):
        other = dataclasses.replace(PROCESS, name="other")
        object.__setattr__(other, "alpha", lambda t, e=error: tiny.alpha(t) + e)
        object.__setattr__(other, "sigma", tiny.sigma)
        # Where alpha is not small the relative tolerance covers 1e-12 and more.
        assert matches(tiny, other) is same
