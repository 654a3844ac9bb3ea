"""The step laws of adaptive steps: what a row wants next after an error, and where a node is too long."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from diffmath import random, sde
from diffmath._stepping.control import Tolerance
from diffmath.ode import IController
from diffmath.sde._brownian.nodes import KeyNodes
from diffmath.sde._loop.adaptive import _options
from diffmath.sde._loop.descent import Descent, Steps

KEY = random.key(4)
MOTION = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")


def crossing(error, *, wanted=1.0, min_step=1.0, exponent=1.5, seen=None):
    """Cross the node [0, 1], undivided for min_step=1, with one trial of a given error, in units of atol."""

    def attempt(model, state, t, x, dt, dW, *, estimate=True):
        if seen is not None:
            seen.append((t, dt))
        return sde.Trial(x + dW, 0.0 * x + (error(t, dt) if callable(error) else error))

    method = sde.Method(
        "known", SimpleNamespace(has_estimate=True, attempt=attempt), {"additive": (1.0, 1.0)}
    )
    x0 = np.zeros((1, 1))
    options = Steps(Tolerance(0.0, 1.0), IController(max_factor=2.0), exponent, 99, wanted, np.inf, min_step)
    nodes = KeyNodes(KEY, np.array([0.0, 1.0]), (1, 1), x0, "", 0)
    descent = Descent(MOTION, method, nodes, options, 1)
    for node in nodes:
        descent.cross(node, descent.begin(0.0, x0))
    return descent


SAFETY = IController().safety


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("error", [0.3, 0.5, 0.9])
def test_an_accepted_step_grows_by_the_order_of_its_error(error, exponent):
    """h safety error^(-1 / exponent), between the limits of the controller."""
    expected = min(2.0, SAFETY * error ** (-1 / exponent))
    assert crossing(error, exponent=exponent)._wanted[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("wanted", "expected"), [(1.0, 2.0), (1.9, 2.0), (5.0, 5.0)])
def test_a_tiny_error_confirms_a_longer_plan_and_grows_by_no_more_than_the_limit(wanted, expected):
    assert crossing(1e-9, wanted=wanted)._wanted[0] == expected


def test_a_moderate_error_takes_a_longer_plan_back():
    assert crossing(0.9, wanted=5.0)._wanted[0] < 1.1


@pytest.mark.parametrize(
    ("error", "expected"),
    [(1.0001, 0.5), (2.0, 0.5), (8.0, SAFETY / 4), (1e9, IController().min_factor)]
    + [(np.inf, 0.5), (np.nan, 0.5)],
)  # fmt: skip
def test_a_rejected_step_is_halved_at_least(error, expected):
    """By half if the law gives less or has no estimate, by the law in between, by its limit at most."""
    descent = crossing(error)
    assert descent._wanted[0] == pytest.approx(expected, rel=1e-14)
    assert not descent.alive[0]  # the floor is reached
    assert descent.stats()["rejected"][0] == 1


@pytest.mark.parametrize(
    ("wanted", "first"), [(1.0, 1.0), (1.0 - 5e-10, 1.0), (1.0 - 5e-9, 0.5), (0.3, 0.25)]
)
def test_the_largest_node_that_fits_is_tried_but_for_a_rounding(wanted, first):
    seen = []
    crossing(0.5, wanted=wanted, min_step=0.0, seen=seen)
    assert seen[0] == (0.0, first)


def test_a_node_is_divided_down_to_the_least_step():
    seen = []
    descent = crossing(3.0, min_step=0.25, seen=seen)
    assert [dt for _, dt in seen] == [1.0, 0.25]  # 0.5 is longer than what the law wants after 1
    assert not descent.alive[0]


@pytest.mark.parametrize(
    ("method", "model", "exponent"),
    [
        (sde.milstein, sde.SDE(lambda t, x: x, lambda t, x: x, diffusion_derivative=lambda t, x: 1.0), 1.5),
        (sde.euler_maruyama, MOTION, 1.5),
        (sde.sra1, MOTION, 2.0),
        (sde.general_shark, sde.SDE(MOTION.drift, MOTION.diffusion, "general", "stratonovich"), 1.0),
    ],
    ids=["milstein", "euler", "sra1", "general_shark"],
)
def test_the_error_of_a_step_is_half_an_order_above_the_strong_order(method, model, exponent):
    """Local errors of mean zero add up as squares: strong order p needs h^(p + 1/2) a step."""
    options = _options(method, model, None, (None, 1e-3, 1e-6, 100, 0.0, np.inf), 2.0)
    assert options.exponent == exponent
    assert options.first_step == 2.0 / 64
    assert options.controller.max_factor == 2.0


def test_the_work_is_counted():
    """Trials of 1 and 1/2 are rejected, two of 1/4 and one of 1/2 accepted: two of five in vain."""
    seen = []

    def error(t, dt):
        return 2.0 if dt > (0.25 if t < 0.5 else 0.5) else 0.0

    descent = crossing(error, min_step=0.0, seen=seen)
    assert seen == [(0.0, 1.0), (0.0, 0.5), (0.0, 0.25), (0.25, 0.25), (0.5, 0.5)]
    counted = {name: np.asarray(value).tolist() for name, value in descent.stats().items()}
    assert counted == {"steps": [3], "rejected": [2], "evaluations": [5], "calls": 5}


@pytest.mark.parametrize("start", [1.0, -3.0])
def test_half_steps_are_counted_too(start):
    """Without an estimate a trial takes the step and its halves: x + t dt differs from them by dt^2 / 4."""
    seen = []

    def step(model, t, x, dt, noise):
        seen.append((t - start, dt))
        np.testing.assert_allclose(noise.H, path.increment(t, t + dt).H, rtol=0, atol=1e-14)
        return x + t * dt

    draw = sde.levy_increments("H")
    method = sde.Method("known", step, {"additive": (1.0, 1.0)}, increments=draw)
    path = sde.BrownianPath(KEY, (1, 1), start, start + 3.0, like=np.zeros((1, 1)), terms="H", steps=1)
    options = {"rtol": 0.0, "atol": 2.0, "first_step": 3.0, "method": method, "key": KEY}
    solution = sde.solve_adaptive(MOTION, np.zeros((1, 1)), [start, start + 3.0], check=False, **options)
    # An error of 9 / 4, then of 9 / 16.
    assert seen == [(0.0, 3.0), (0.0, 1.5), (1.5, 1.5)] + [
        (0.0, 1.5), (0.0, 0.75), (0.75, 0.75), (1.5, 1.5), (1.5, 0.75), (2.25, 0.75)
    ]  # fmt: skip
    assert solution.stats["calls"] == 9
    assert solution.stats["rejected"].tolist() == [1]
    assert solution.x[-1, 0, 0] == pytest.approx(0.75 * (4 * start + 4.5), rel=1e-15)


@pytest.mark.parametrize("missing", [True, False])
def test_an_error_says_that_rows_were_missing(missing):
    """Where one of three rows goes on alone, an array of an entry per row does not fit: the note says so."""

    def drift(t, x):
        if t > 0.0 and (len(x) < 3) == missing:
            raise ValueError("mine")
        return 0.0 * x

    def attempt(model, state, t, x, dt, dW, *, estimate=True):
        rows = x[:, :1] + 0.0 * dW
        return sde.Trial(x + model.drift(t, x), np.where((rows > 0.5) & missing & (dt > 0.25), 2.0, 0.0))

    model = sde.SDE(drift, MOTION.diffusion, noise="additive")
    method = sde.Method(
        "known", SimpleNamespace(has_estimate=True, attempt=attempt), {"additive": (1.0, 1.0)}
    )
    options = {"rtol": 0.0, "atol": 1.0, "first_step": 0.5, "method": method, "key": KEY, "check": False}
    with pytest.raises(ValueError, match="mine") as caught:
        sde.solve_adaptive(model, np.arange(3.0)[:, None], [0.0, 1.0], **options)
    assert any("on some of the rows" in note for note in getattr(caught.value, "__notes__", [])) == missing
