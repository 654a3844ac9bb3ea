"""Every method, for every noise and calculus that it accepts, has the strong order that it claims."""

from __future__ import annotations

import pytest

from diffmath import sde
from diffmath.testing import assert_strong_order, curved_sde, heisenberg_sde, logistic_sde

# They take equations of position and velocity, which tests/sde/model/test_langevin.py measures.
LANGEVIN = {"align", "baoab", "quicsort", "should", "ubu"}
METHODS = [value for name in sde.__all__ if isinstance(value := getattr(sde, name), sde.Method)]


def problem_of(noise, calculus):
    if noise == "additive":
        return logistic_sde()
    if noise == "general":
        return heisenberg_sde(calculus=calculus)
    return curved_sde(noise=noise, calculus=calculus)


CLAIMS = [
    # Implicit steps take ten times as long: nightly. Their own tests measure them on every change.
    pytest.param(
        method, noise, calculus, marks=[pytest.mark.slow] if "implicit" in type(method).__module__ else []
    )
    for method in METHODS
    if method.name not in LANGEVIN
    for noise, order in method.orders.items()
    if order.strong is not None
    for calculus in (("ito",) if noise == "additive" else method.calculi)
]


def test_the_methods_are_all_here():
    assert len(METHODS) > 20
    assert {method.name for method in METHODS} >= LANGEVIN
    assert len(CLAIMS) > 50


@pytest.mark.parametrize(
    ("method", "noise", "calculus"), CLAIMS, ids=lambda value: getattr(value, "name", value)
)
def test_claimed_strong_orders_are_measured(method, noise, calculus):
    assert_strong_order(method, problem_of(noise, calculus), paths=100, steps=8, halvings=4)
