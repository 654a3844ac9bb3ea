"""Switches and numbers of steps at the public edge: what is no bool, or no count, is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, ode, random, sde
from diffmath._flags import check_flag

KEY = random.key(0)
X0 = np.ones((2, 1))
MODEL = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
EULER = {"method": "euler_maruyama", "key": KEY}
METHODS = [
    value
    for package in (ode, sde, diffusion)
    for name in package.__all__
    if not isinstance(value := getattr(package, name), type) and hasattr(value, "nfe")
]

CALLS: dict[str, Any] = {
    "solve": lambda **flag: sde.solve(MODEL, X0, [0, 1], **EULER, **flag),
    "solve_adaptive": lambda **flag: sde.solve_adaptive(MODEL, X0, [0, 1], rtol=0.1, **EULER, **flag),
    "ensemble": lambda **flag: sde.ensemble(MODEL, X0, t_span=(0, 1), steps=2, **EULER, **flag),
    "coupled": lambda **flag: sde.coupled(MODEL, X0, t_span=(0, 1), steps=2, **EULER, **flag),
    "ode": lambda **flag: ode.solve(lambda t, x: -x, X0, [0, 1], **flag),
}


@pytest.mark.parametrize(
    ("call", "flag"),
    [
        *[(name, "check") for name in ("solve", "solve_adaptive", "ensemble", "coupled")],
        *[(name, "progress") for name in ("solve", "solve_adaptive", "ensemble", "ode")],
        ("ode", "dense"),
    ],
)
def test_a_switch_is_a_bool(call, flag):
    for wrong, kind in (("no", "str"), (0, "int"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"{flag} must be True or False; got {kind}"):
            CALLS[call](**{flag: wrong})
    CALLS[call](**{flag: np.False_})


def test_a_checked_switch_is_a_python_bool():
    assert check_flag("check", np.True_) is True
    assert check_flag("check", False) is False


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_evaluations_are_counted_for_a_count_of_steps(method):
    assert method.nfe(0) == 0
    assert type(method.nfe(np.int64(3))) is int
    with pytest.raises(ValueError, match="steps must be at least 0; got -1"):
        method.nfe(-1)
    with pytest.raises(TypeError, match="steps must be an int; got float"):
        method.nfe(1.5)
