"""The weights of a step are the integrals they stand for, in every form and node coordinate."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion
from diffmath.diffusion._multistep.forms import Level, constant_weight, scale, unit
from diffmath.diffusion._multistep.nodes import NODES
from diffmath.diffusion._multistep.weights import exponential_weights, step_weights

FLOW = diffusion.flow()
FORMS = ("data", "noise", "flow", "velocity")
SLOPES: dict[str, Any] = {  # of the own time by theta
    "data": lambda a: -1 / mpmath.sin(a) ** 2,
    "noise": lambda a: 1 / mpmath.cos(a) ** 2,
    "flow": lambda a: 1 / (mpmath.sin(a) + mpmath.cos(a)) ** 2,
    "velocity": lambda a: mpmath.mpf(1),
}
COORDINATES: dict[str, Any] = {
    "log_snr": lambda a: -mpmath.log(mpmath.tan(a)),
    "sigma": mpmath.tan,
    "flow": lambda a: mpmath.sin(a) / (mpmath.sin(a) + mpmath.cos(a)),
    "theta": lambda a: a,
    "log_norm": lambda a: -2 * mpmath.log(mpmath.cos(a)),
    "time": lambda a: mpmath.sin(a) / (mpmath.sin(a) + mpmath.cos(a)),  # of the rectified flow
}


def at(angle: Any, size: float = 1.0) -> Level:
    """Return the noise level at an angle, exactly 0 or pi/2 too."""
    sigma, alpha = (float(size * f(angle)) for f in (mpmath.sin, mpmath.cos))
    if angle == 0 or angle == mpmath.pi / 2:
        return Level(*((size, 0.0, math.inf) if angle == 0 else (0.0, size, -math.inf)))
    return Level(alpha, sigma, float(-mpmath.log(mpmath.tan(angle))))


def exact(form: str, nodes: str, s: Any, t: Any, known: list[Any], tau: float = 0.0) -> list[float]:
    """Return the integrals of the Lagrange polynomials from angle s to angle t by tanh-sinh quadrature."""
    c = COORDINATES[nodes]
    places = [c(a) for a in known]

    def basis(j: int, a: Any) -> Any:
        others = [(c(a) - p) / (places[j] - p) for k, p in enumerate(places) if k != j]
        return mpmath.fprod(others)

    def density(a: Any) -> Any:
        if not tau:
            return SLOPES[form](a)
        power = 1 + tau**2  # the derivative of cot^power, against the scale sin(t) cot(t)^(1 - power)
        return power * mpmath.cot(a) ** (power - 1) * mpmath.cot(t) ** (1 - power) * SLOPES["data"](a)

    size = scale(form, at(t))  # type: ignore[arg-type]
    return [
        float(size * mpmath.quad(lambda a, j=j: basis(j, a) * density(a), [s, t])) for j in range(len(known))
    ]


ANGLES = [mpmath.mpf(v) for v in ("0.7", "0.6", "0.85", "0.9", "1.1")]  # t is 0.6, s is 0.7


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("form", FORMS)
def test_weights_are_integrals_of_the_lagrange_polynomials(form: Any, nodes: Any) -> None:
    s, t = ANGLES[:2]
    for known in ([s, ANGLES[2], ANGLES[3]], [t, s, ANGLES[2], ANGLES[3], ANGLES[4]]):
        found = step_weights(FLOW, form, nodes, at(s), at(t), [at(a) for a in known])
        # Lagrange polynomials of five nodes lose a digit or two to cancellation.
        np.testing.assert_allclose(found, exact(form, nodes, s, t, known), rtol=3e-13, atol=1e-14)


@pytest.mark.parametrize("nodes", ["log_snr", "theta", "log_norm"])
def test_weights_of_the_reverse_sde_are_integrals_too(nodes: Any) -> None:
    s, t = ANGLES[:2]
    known = [t, s, ANGLES[2], ANGLES[3]]
    found = step_weights(FLOW, "data", nodes, at(s), at(t), [at(a) for a in known], tau=0.8)
    np.testing.assert_allclose(found, exact("data", nodes, s, t, known, tau=0.8), rtol=3e-13, atol=1e-14)


LONG = [("1.5", "0.01"), ("1.5607", "0.3"), ("0.8", "1e-5")]  # steps of 4 to 11 in log-SNR


@pytest.mark.parametrize(("s", "t"), LONG)
@pytest.mark.parametrize("nodes", ["sigma", "theta"])
@pytest.mark.parametrize("form", FORMS)
def test_long_steps_are_as_exact(form: Any, nodes: Any, s: str, t: str) -> None:
    start, end = mpmath.mpf(s), mpmath.mpf(t)
    known = [start, mpmath.mpf("1.565")]
    with mpmath.workdps(30):
        wanted = exact(form, nodes, start, end, known)
    found = step_weights(FLOW, form, nodes, at(start), at(end), [at(a) for a in known])
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", ["flow", "velocity"])
@pytest.mark.parametrize("nodes", ["flow", "theta"])
def test_a_step_between_the_ends_of_time_is_exact(form: Any, nodes: Any) -> None:
    """From alpha = 0 to sigma = 0 in one step, and from either end to the inside."""
    half = mpmath.pi / 2
    for s, t, past in ((half, 0, 1.9), (half, 0.5, 1.9), (0.5, 0, half), (0, 0.4, 0.6)):
        known = [mpmath.mpf(s), mpmath.mpf(t) if t else mpmath.mpf("0.2"), mpmath.mpf(past)]
        known = [a for a in known if a <= half]
        levels = [at(half if a == half else a) for a in known]
        start, end = mpmath.mpf(s), mpmath.mpf(t)
        found = step_weights(FLOW, form, nodes, levels[0], at(end), levels)
        np.testing.assert_allclose(found, exact(form, nodes, start, end, known), rtol=1e-12, atol=1e-14)


def test_data_at_sigma_zero_are_extrapolated_and_the_limit_is_continuous() -> None:
    s, past = mpmath.mpf("0.2"), mpmath.mpf("0.5")
    levels = [at(s), at(past)]
    found = step_weights(FLOW, "data", "theta", at(s), at(0), levels)
    np.testing.assert_allclose(found, [0.5 / 0.3, -0.2 / 0.3], rtol=1e-14)  # a line through 0.2 and 0.5, at 0
    for end in (1e-6, 1e-9, 1e-12):
        near = step_weights(FLOW, "data", "theta", at(s), at(mpmath.mpf(end)), levels)
        np.testing.assert_allclose(near, found, atol=100 * end)  # theta ln(theta)


@given(
    form=st.sampled_from(FORMS),
    nodes=st.sampled_from(NODES),
    h=st.floats(1e-7, 0.4),
    start=st.floats(0.25, 1.3),
)
def test_weights_sum_to_that_of_a_constant(form: Any, nodes: Any, h: float, start: float) -> None:
    angles = [start + k * h / 2 for k in (-1, 0, 1, 2)]
    known = [Level(math.cos(a), math.sin(a), -math.log(math.tan(a))) for a in angles if a < 1.57]
    t, s = known[:2]
    found = step_weights(FLOW, form, nodes, s, t, known)
    total = sum(weight * unit(form, level) for weight, level in zip(found, known))
    # A few roundings of the weights, and those of the log-SNR, of which h is a difference.
    tolerance = 2e-14 * max(map(abs, found)) + 4e-15
    assert abs(total - unit(form, s) * constant_weight(form, s, t)) <= tolerance


def test_levels_at_infinity_get_no_weight() -> None:
    half = mpmath.pi / 2
    levels = [at(mpmath.mpf("0.4")), at(mpmath.mpf("0.8")), at(half)]
    for nodes in ("log_snr", "sigma", "log_norm"):
        assert len(step_weights(FLOW, "data", nodes, levels[0], at(mpmath.mpf("0.3")), levels)) == 2  # type: ignore[arg-type]
    assert len(step_weights(FLOW, "data", "theta", levels[0], at(mpmath.mpf("0.3")), levels)) == 3
    first = step_weights(FLOW, "data", "log_snr", at(half), at(mpmath.mpf("0.3")), [at(half)])
    assert first == (at(mpmath.mpf("0.3")).alpha,)


@given(
    H=st.floats(1e-8, 50), node=st.floats(-20, -0.05), moments=st.sampled_from(["exact", "midpoint", "half"])
)
def test_exponential_weights_sum_to_the_decay_so_that_constants_are_exact(
    H: float, node: float, moments: Any
) -> None:
    weights = exponential_weights(H, [node], moments)
    # Two roundings of numbers as large as the weights.
    assert abs(math.fsum(weights) + math.expm1(-H)) <= 2.3e-16 * max(map(abs, weights))


def test_published_moments_are_those_of_their_papers() -> None:
    h, r0, r1 = 0.3, 0.8, 0.7
    b0, b1 = exponential_weights(h, [-r0], "midpoint")  # DPM-Solver++(2M)
    assert math.isclose(b0, -math.expm1(-h) * (1 + 1 / (2 * r0)))
    assert math.isclose(b1, math.expm1(-h) / (2 * r0))
    assert math.isclose(exponential_weights(h, [-r0], "half")[1], -h / (2 * r0))  # UniP-2 with bh1
    # DPM-Solver++(3M) as published: D1 and D2 of Lu et al., code of the authors, with weights P2 and -P3.
    P1 = math.expm1(-h)
    P2 = P1 / h + 1
    P3 = P2 / h - 0.5
    d10, d11 = np.array([1, -1, 0]) / r0, np.array([0, 1, -1]) / r1
    d1, d2 = d10 + r0 / (r0 + r1) * (d10 - d11), (d10 - d11) / (r0 + r1)
    for moments, factor in (("single", 1), ("exact", 2)):
        wanted = -P1 * np.array([1, 0, 0]) + P2 * d1 - factor * P3 * d2
        found = exponential_weights(h, [-r0, -r0 - r1], moments)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    # RES-3M: the b of RES-3S with c2, c3 < 0 (Hochbruck & Ostermann 2005, section 5.3).
    c2, c3 = -r0, -r0 - r1
    gamma = (3 * c3**2 - 2 * c3) / (c2 * (2 - 3 * c2))
    b3 = P2 / (gamma * c2 + c3)
    wanted = [-P1 - (1 + gamma) * b3, gamma * b3, b3]
    np.testing.assert_allclose(exponential_weights(h, [c2, c3], "two_thirds"), wanted, rtol=1e-12)
