"""Public flags and counts: a value that is not a bool, or not a count, is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, ode, random, sde
from diffmath import statespace as ss
from diffmath import testing as dt
from diffmath._core.flags import check_flag

KEY = random.key(0)
X0 = np.ones((2, 1))
POLES = np.array([-0.5 + 0j])
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
    "sample": lambda **flag: diffusion.sample(
        diffusion.vp(), lambda x, t: -x, X0, [1.0, 0.5], method="ddim", **flag
    ),
    "modal": lambda **flag: ss.modal(POLES, POLES, POLES, **flag),
    "diagonal_kernel": lambda **flag: ss.diagonal_kernel(POLES, POLES, 3, dt=1.0, **flag),
    "stability_function": lambda **flag: ode.trapezoid.tableau.stability_function(**flag),
    "assert_order": lambda **flag: dt.assert_order(
        lambda f, t, x, h: x + h * f(t, x), dt.linear_ode(dim=1, seed=0), order=1, **flag
    ),
    "assert_strong_order": lambda **flag: dt.assert_strong_order(
        sde.euler_maruyama, dt.curved_sde(), paths=200, **flag
    ),
}


@pytest.mark.parametrize(
    ("call", "flag"),
    [
        *[(name, "check") for name in ("solve", "solve_adaptive", "ensemble", "coupled")],
        *[(name, "progress") for name in ("solve", "solve_adaptive", "ensemble", "ode", "sample")],
        ("ode", "dense"),
        ("sample", "with_gradient"),
        ("modal", "pairs"),
        ("diagonal_kernel", "pairs"),
        ("stability_function", "embedded"),
        ("assert_order", "two_sided"),
        ("assert_strong_order", "two_sided"),
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
