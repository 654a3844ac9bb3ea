"""Every named process against its formula in SymPy to 50 digits, at its ends, on arrays, and pickled."""

from __future__ import annotations

import math
import pickle
import warnings
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from diffmath import diffusion
from diffmath.diffusion._process import DENOISER, FLOW, NOISE, SCORE, STRAIGHT, VELOCITY, conversion

T = sympy.Symbol("t", positive=True)


def _logistic(y: Any) -> Any:
    return 1 / (1 + sympy.exp(-y))


_INTEGRAL = sympy.Rational(1, 10) * T + sympy.Rational(199, 20) * T**2
_ANGLE = sympy.pi / 2 * (T + sympy.Rational(1, 125)) / (1 + sympy.Rational(1, 125))
_COSINE = sympy.cos(_ANGLE) / sympy.cos(_ANGLE.subs(T, 0))
_SQUARE = (_logistic(sympy.Integer(2)) - _logistic(6 * T - 4)) / (
    _logistic(sympy.Integer(2)) - _logistic(sympy.Integer(-4))
)
# Processes and their published alpha and sigma.
FORMULAS: dict[str, tuple[diffusion.Process, Any, Any]] = {
    "vp": (diffusion.vp(), sympy.exp(-_INTEGRAL / 2), sympy.sqrt(1 - sympy.exp(-_INTEGRAL))),
    "sub_vp": (diffusion.sub_vp(), sympy.exp(-_INTEGRAL / 2), 1 - sympy.exp(-_INTEGRAL)),
    "ve": (diffusion.ve(), sympy.Integer(1), sympy.sqrt(5000 ** (2 * T) - 1) / 100),
    "ve as published": (
        diffusion.ve(as_published=True),
        sympy.Integer(1),
        sympy.Integer(5000) ** T / 100,
    ),
    "vp_exponential": (
        diffusion.vp_exponential(3.0),
        sympy.exp(-3 * T**2),
        sympy.sqrt(1 - sympy.exp(-6 * T**2)),
    ),
    "vp_cosine": (diffusion.vp_cosine(), _COSINE, sympy.sqrt(1 - _COSINE**2)),
    "trigonometric": (diffusion.vp_cosine(0.0), sympy.cos(sympy.pi * T / 2), sympy.sin(sympy.pi * T / 2)),
    "vp_sigmoid": (
        diffusion.vp_sigmoid(-2.0, 1.0, 0.5),
        sympy.sqrt(_SQUARE),
        sympy.sqrt(1 - _SQUARE),
    ),
    "edm": (diffusion.edm(), sympy.Integer(1), T),
    "flow": (diffusion.flow(), 1 - T, T),
    "flow_polynomial": (diffusion.flow_polynomial(3.0), 1 - T**3, T**3),
}
NAMES = list(FORMULAS)


@cache
def _exact(name: str) -> dict[str, Any]:
    """The functions of a process by SymPy, for mpmath."""
    _, alpha, sigma = FORMULAS[name]
    d_alpha, d_sigma = sympy.diff(alpha, T), sympy.diff(sigma, T)
    formulas = {
        "alpha": alpha,
        "sigma": sigma,
        "d_alpha": d_alpha,
        "d_sigma": d_sigma,
        "f": d_alpha / alpha,
        "g2": 2 * sigma * (alpha * d_sigma - d_alpha * sigma) / alpha,
        "log_snr": sympy.log(alpha / sigma),
    }
    return {role: sympy.lambdify(T, formula, "mpmath") for role, formula in formulas.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_function_to_the_last_digits(name: str) -> None:
    process = FORMULAS[name][0]
    with mpmath.workdps(50):
        for t in (1e-9, 1e-4, 0.11, 0.5, 0.93, 1 - 1e-7):
            for role, exact in _exact(name).items():
                wanted, got = float(exact(mpmath.mpf(t))), getattr(process, role)(t)
                # 1e-14: 20 from the exponents (10 in vp, 17 in ve) times eps; 1 - t has lost 7 digits at
                # the last time, where the relative error of alpha is that of 1 - t; log_snr crosses 0.
                tolerance = 1e-14 if t < 0.99 else 1e-8
                assert abs(got - wanted) <= tolerance * max(abs(wanted), role == "log_snr"), (role, t)


@pytest.mark.parametrize("name", NAMES)
def test_the_time_of_a_log_snr(name: str) -> None:
    process = FORMULAS[name][0]
    # The published VE has a finite log-SNR at t = 0, so small times are not resolved by it.
    for t in (1e-3, 0.5, 1.0) if "published" in name else (1e-9, 1e-3, 0.5, 1.0):
        assert math.isclose(process.time_of_log_snr(process.log_snr(t)), t, rel_tol=1e-13)
    if "published" not in name:
        assert process.time_of_log_snr(math.inf) == 0.0
    if name != "edm":
        low = process.time_of_log_snr(-800.0)  # the exponential of 1600 would overflow
        assert low > 1 or math.isclose(low, 1.0, rel_tol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_times_pickles_and_warnings(xp: Any, name: str) -> None:
    process = pickle.loads(pickle.dumps(FORMULAS[name][0]))
    t = np.array([0.0, 1e-3, 0.4, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for role in ("alpha", "sigma", "d_alpha", "d_sigma", "f", "g2", "log_snr"):
            got = xp.numpy(getattr(process, role)(xp.asarray(t)))
            wanted = [getattr(process, role)(float(s)) for s in t]
            # 1e-13: exp, expm1 and sinh of two libraries, of arguments up to 20.
            np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14, err_msg=role)
        lam = np.array([-3.0, 0.0, 2.0])
        got = xp.numpy(process.time_of_log_snr(xp.asarray(lam)))
        np.testing.assert_allclose(got, [process.time_of_log_snr(float(v)) for v in lam], rtol=1e-14)


@pytest.mark.parametrize("name", ["vp_cosine", "trigonometric", "vp_sigmoid", "flow", "flow_polynomial"])
def test_alpha_is_zero_at_the_end(name: str) -> None:
    process = FORMULAS[name][0]
    assert process.marginal(1.0) == (0.0, 1.0)
    assert process.log_snr(1.0) == -math.inf
    assert process.coefficients(1.0) == (-math.inf, math.inf)


def test_the_published_ve_is_the_law_of_noisy_data() -> None:
    """The variance of the SDE that starts at the data is smaller by sigma_min^2, at every time."""
    true, published = diffusion.ve(0.1, 3.0), diffusion.ve(0.1, 3.0, as_published=True)
    for t in (0.0, 1e-3, 0.4, 1.0):
        difference = published.sigma(t) ** 2 - true.sigma(t) ** 2
        assert math.isclose(difference, 0.01, rel_tol=1e-12)  # 9 - 8.99 loses three digits
        assert math.isclose(published.g2(t), true.g2(t), rel_tol=1e-15)


# What each parametrisation can be converted to where alpha is 0: D and E are both known from v and from u;
# D alone gives E = x / sigma there; E alone says nothing of D, nor does the score.
_EVERYTHING = {"denoiser", "noise", "score", "velocity", "flow", "straight flow"}
AT_ALPHA_ZERO = {
    "denoiser": _EVERYTHING,
    "velocity": _EVERYTHING,
    "flow": _EVERYTHING,
    "straight flow": _EVERYTHING,
    "noise": {"noise", "score"},
    "score": {"score", "noise"},
}
KINDS = (DENOISER, NOISE, SCORE, VELOCITY, FLOW, STRAIGHT)


@pytest.mark.parametrize("name", ["vp_cosine", "trigonometric", "vp_sigmoid", "flow", "flow_polynomial"])
def test_conversions_at_alpha_zero(name: str) -> None:
    process, data, noise = FORMULAS[name][0], 0.3, -1.7
    (alpha, sigma), (d_alpha, d_sigma) = process.marginal(1.0), process.rates(1.0)
    x = alpha * data + sigma * noise
    values = {
        "denoiser": data,
        "noise": noise,
        "score": -noise / sigma,
        "velocity": alpha * noise - sigma * data,
        "flow": d_alpha * data + d_sigma * noise,
        "straight flow": noise - data,
    }
    without_flow = {"flow"} if math.isinf(d_alpha) else set()
    for given in KINDS:
        for wanted in KINDS:
            pair = conversion(given, wanted, process, 1.0)
            possible = (
                wanted.name in AT_ALPHA_ZERO[given.name] and not {given.name, wanted.name} & without_flow
            )
            possible = possible or given is wanted
            assert all(map(math.isfinite, pair)) is possible, (given.name, wanted.name)
            if possible and given is not wanted:
                got = pair[0] * x + pair[1] * values[given.name]
                assert math.isclose(got, values[wanted.name], rel_tol=1e-14), (given.name, wanted.name)


# Where sigma is 0: D is x / alpha, and says nothing of E; the score gives E = 0 but is not known from it. The
# flow has an infinite part there if sigma' is infinite; the score still gives it, and is given by it.
_ALL_BUT_SCORE = _EVERYTHING - {"score"}
AT_SIGMA_ZERO = {
    "denoiser": {"denoiser"},
    "velocity": _ALL_BUT_SCORE,
    "flow": _ALL_BUT_SCORE,
    "straight flow": _ALL_BUT_SCORE,
    "noise": _ALL_BUT_SCORE,
    "score": _EVERYTHING,
}


@pytest.mark.parametrize(
    "name", ["vp", "vp_cosine", "ve", "trigonometric", "vp_exponential", "sub_vp", "flow"]
)
def test_conversions_at_sigma_zero(name: str) -> None:
    process, data, score = FORMULAS[name][0], 0.3, -1.7
    d_alpha, d_sigma = process.rates(0.0)
    assert process.marginal(0.0) == (1.0, 0.0)
    flow = d_alpha * data + (0.0 if math.isfinite(d_sigma) else -process.g2(0.0) / 2 * score)
    values = {
        "denoiser": data,
        "noise": 0.0,
        "score": score,
        "velocity": 0.0,
        "flow": flow,
        "straight flow": -data,
    }
    for given in KINDS:
        for wanted in KINDS:
            pair = conversion(given, wanted, process, 0.0)
            possible = wanted.name in AT_SIGMA_ZERO[given.name] or given is wanted
            if math.isinf(d_sigma) and "flow" in (given.name, wanted.name) and given is not wanted:
                possible = given.name in ("flow", "score")
            assert all(map(math.isfinite, pair)) is possible, (given.name, wanted.name)
            if possible:
                got = pair[0] * data + pair[1] * values[given.name]
                assert math.isclose(got, values[wanted.name], abs_tol=1e-15), (given.name, wanted.name)


@pytest.mark.parametrize("name", ["vp_cosine", "vp_sigmoid", "flow"])
def test_conversions_at_alpha_zero_in_arrays(xp: Any, name: str) -> None:
    process = FORMULAS[name][0]
    t = xp.asarray([0.5, 1.0])
    for given in KINDS:
        for wanted in KINDS:
            if given is not wanted:
                rows = [conversion(given, wanted, process, s) for s in (0.5, 1.0)]
                for got, wants in zip(conversion(given, wanted, process, t), np.transpose(rows)):
                    got = xp.numpy(got + 0 * t)  # a constant stands for every row
                    finite = np.isfinite(wants)
                    np.testing.assert_array_equal(np.isfinite(got), finite)
                    np.testing.assert_allclose(got[finite], wants[finite], rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diffusion.ve(1.0, 0.1), r"need 0 < sigma_min < sigma_max, finite; got sigma_min=1.0"),
        (lambda: diffusion.ve(0.0, 0.1), r"need 0 < sigma_min < sigma_max"),
        (lambda: diffusion.vp_exponential(0.0), r"rate must be positive and finite; got 0.0"),
        (lambda: diffusion.vp_cosine(-0.1), r"offset must be finite and not negative; got -0.1"),
        (lambda: diffusion.vp_sigmoid(1.0, 0.0), r"need start < end and tau > 0, finite; got start=1.0"),
        (lambda: diffusion.vp_sigmoid(tau=0.0), r"need start < end and tau > 0"),
        (lambda: diffusion.flow_polynomial(0.5), r"power must be at least 1 and finite; got 0.5"),
        (lambda: diffusion.sub_vp(2.0, 1.0), r"need 0 < beta_min <= beta_max"),
        (lambda: diffusion.vp_cosine(t_min=1.0), r"need 0 < t_min < t_max"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
