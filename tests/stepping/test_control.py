"""Step laws: the first step, the next step, the bounds of both, and the norm that they follow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._stepping.clocks import advance_clocks
from diffmath._stepping.control import Tolerance, finite_rows, initial_step, sound_rows
from diffmath._stepping.one_clock import BROKEN, SPENT, STUCK

BOTH = pytest.mark.parametrize("step", [advance_clocks, advance_clocks.reference], ids=["kernel", "body"])
CONTROLLER = ode.PIDController(
    safety=0.8, min_factor=0.25, max_factor=4.0, integral=0.5, proportional=0.2, derivative=0.1
)


def test_the_law_holds_the_gains_over_the_order() -> None:
    """For q = 5: -(0.5 + 0.2 + 0.1)/5, (0.2 + 2 * 0.1)/5, -0.1/5, and -1/5 after a rejection."""
    assert CONTROLLER.law(4) == pytest.approx((0.8, 0.25, 4.0, -0.16, 0.08, -0.02, -0.2), rel=1e-15)
    assert ode.PIController().law(4) == pytest.approx((0.9, 0.2, 10.0, -0.17, 0.04, 0.0, -0.2), rel=1e-15)
    assert ode.IController().law(1) == pytest.approx((0.9, 0.2, 10.0, -0.5, 0.0, 0.0, -0.5), rel=1e-15)
    assert ode.PIDController().law(2) == pytest.approx(
        (0.9, 0.2, 10.0, -0.49 / 3, 0.34 / 3, -0.1 / 3, -1 / 3), rel=1e-14
    )


def test_the_factor_is_that_of_two_errors() -> None:
    errors, before = np.array([0.5, 1e-9, 1e9, 0.5]), np.array([0.25, 1.0, 1.0, 1e-9])
    wanted = [0.8 * 0.5**-0.16 * 0.25**0.08, 4.0, 0.25, 0.8 * 0.5**-0.16 * 1e-4**0.08]
    np.testing.assert_allclose(CONTROLLER.factor(errors, before, 4), wanted, rtol=1e-14)


def one(step: Any, error: float, **changes: Any) -> dict[str, Any]:
    """One clock, advanced: at t = 1 with a step of 0.5 towards 10, past errors 0.25 and 0.0625."""
    state: dict[str, Any] = {
        "t": 1.0, "h": 0.5, "goal": 10.0, "running": True, "past": [[0.25], [0.0625]], "recovering": False,
        "counts": [[3], [2]], "dt": 0.5, "lands": False, "limits": (0.0, math.inf, 10.0, 1000),
    }  # fmt: skip
    state.update(changes)
    arrays = {
        name: np.atleast_1d(np.array(state[name])) for name in ("t", "h", "goal", "running", "dt", "lands")
    }
    past, recovering = np.array(state["past"]), np.array([state["recovering"]])
    counts = np.array(state["counts"], dtype=np.int64)
    accepted, ended = np.empty(1, dtype=bool), np.empty(1, dtype=np.int8)
    moved = step(
        arrays["t"], arrays["h"], arrays["goal"], arrays["running"], np.array([error]), past, recovering,
        counts, arrays["dt"], arrays["lands"], CONTROLLER.law(4), state["limits"], accepted, ended,
    )  # fmt: skip
    return {
        "moved": moved, "t": arrays["t"][0], "h": arrays["h"][0], "running": arrays["running"][0],
        "past": past[:, 0].tolist(), "recovering": recovering[0], "counts": counts[:, 0].tolist(),
        "accepted": accepted[0], "ended": ended[0],
    }  # fmt: skip


@BOTH
def test_an_accepted_step_follows_three_errors(step: Any) -> None:
    found = one(step, 0.5)
    growth = 0.8 * 0.5**-0.16 * 0.25**0.08 * 0.0625**-0.02
    assert found["h"] == pytest.approx(0.5 * growth, rel=1e-14)
    assert (found["moved"], found["t"], found["accepted"], found["ended"]) == (1, 1.5, True, 0)
    assert found["past"] == [0.5, 0.25]
    assert found["counts"] == [4, 3]
    assert one(step, 1e-12)["h"] == 0.5 * 4.0
    slow = one(step, 1.0, past=[[1e-9], [1.0]])  # an error below 1e-4 counts as 1e-4
    assert slow["h"] == pytest.approx(0.5 * 0.8 * 1e-4**0.08, rel=1e-14)
    assert one(step, 1.0, past=[[1.0], [1e-9]])["h"] == pytest.approx(0.5 * 0.8 * 1e-4**-0.02, rel=1e-14)


@BOTH
def test_a_rejected_step_has_no_memory(step: Any) -> None:
    found = one(step, 2.0)
    assert found["h"] == pytest.approx(0.5 * 0.8 * 2.0**-0.2, rel=1e-14)
    assert (found["moved"], found["t"], found["accepted"], found["recovering"]) == (0, 1.0, False, True)
    assert found["past"] == [0.25, 0.0625]
    assert found["counts"] == [4, 2]
    assert one(step, 1e9)["h"] == 0.5 * 0.25
    for error in (math.nan, math.inf):
        assert one(step, error)["h"] == 0.25
    after = one(step, 1e-12, recovering=True)
    assert (after["h"], after["recovering"]) == (0.5, False)  # does not grow


@BOTH
def test_a_step_cut_short_keeps_the_plan(step: Any) -> None:
    """A small error of a step that its goal cut says nothing of the planned one, and is not remembered."""
    found = one(step, 1e-12, dt=0.01, goal=1.01, lands=True)
    assert (found["t"], found["h"], found["past"]) == (1.01, 0.5, [0.25, 0.0625])
    told = one(step, 0.9, dt=0.4, goal=1.4, lands=True)
    assert told["past"] == [0.9, 0.25]
    assert told["h"] < 0.4


@BOTH
def test_floors_and_ends(step: Any) -> None:
    grain = np.spacing(1.0)
    stuck = one(step, 2.0, h=4 * grain, dt=4 * grain)
    assert (stuck["ended"], stuck["running"]) == (STUCK, False)
    assert one(step, math.nan, h=4 * grain, dt=5 * grain)["ended"] == BROKEN
    free = one(step, 2.0, h=6 * grain, dt=6 * grain)
    assert (free["ended"], free["h"]) == (0, pytest.approx(6 * grain * 0.8 * 2.0**-0.2, rel=1e-14, abs=0.0))
    assert one(step, 1e9, h=8 * grain, dt=8 * grain)["h"] == 4 * grain  # not 2: the floor
    assert one(step, 1e9, limits=(0.3, math.inf, 10.0, 1000))["h"] == 0.3
    assert one(step, 2.0, limits=(0.5, math.inf, 10.0, 1000))["ended"] == STUCK
    assert one(step, 1e-12, limits=(0.0, 0.7, 10.0, 1000))["h"] == 0.7
    assert one(step, 0.5, limits=(0.0, math.inf, 10.0, 4))["ended"] == SPENT
    assert one(step, 0.5, limits=(0.0, math.inf, 10.0, 5))["ended"] == 0
    last = one(step, 0.5, goal=1.5, lands=True, limits=(0.0, math.inf, 1.5, 4))
    assert (last["ended"], last["running"]) == (0, False)


class Prescribed:
    """A method of order 2(1) whose error is c(t) h^2, and which notes its steps."""

    order, embedded_order = 2, 1

    def __init__(self, size: Any = lambda t: 0.0) -> None:
        self.size, self.steps = size, list[tuple[float, float]]()

    def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
        return x + dt * f(t, x)

    def step_with_error(self, f: Any, t: Any, x: Any, dt: Any, slope: Any = None) -> Any:
        self.steps.append((t, dt))
        return x, np.full_like(x, self.size(t) * dt * dt), None


@pytest.mark.parametrize(
    "controller", [ode.IController(), ode.PIController(), ode.PIDController(), CONTROLLER], ids=repr
)
def test_a_solve_steps_by_the_law(controller: Any) -> None:
    """The steps are those of the formula in the docstring, with the errors of the last three of them."""

    def size(t: float) -> float:
        return 30.0 * (1.1 + math.sin(3.0 * t))

    method = Prescribed(size)
    ode.solve(
        lambda t, x: 0.0 * x, np.ones((1, 1)), [0.0, 6.0], method=method, rtol=0.0, atol=1.0, first_step=0.1,
        batch="shared", controller=controller,
    )  # fmt: skip
    q, k = 2.0, (controller.integral, controller.proportional, controller.derivative)
    t, h, errors, recovering, checked = 0.0, 0.1, [1.0, 1.0], False, 0
    for time, step in method.steps[:-2]:  # the last ones are cut to the end
        assert (time, step) == (pytest.approx(t, rel=1e-12), pytest.approx(h, rel=1e-12))
        error = size(time) * step * step
        if error > 1:
            h, recovering = step * max(controller.safety * error ** (-1 / q), controller.min_factor), True
            continue
        growth = controller.safety * error ** (-sum(k) / q)
        growth *= max(errors[-1], 1e-4) ** ((k[1] + 2 * k[2]) / q) * max(errors[-2], 1e-4) ** (-k[2] / q)
        growth = min(max(growth, controller.min_factor), controller.max_factor)
        h, t = step * (min(growth, 1.0) if recovering else growth), time + step
        errors, recovering, checked = [errors[-1], error], False, checked + 1
    assert checked > 20


def first_trial(times: Any, **options: Any) -> float:
    """The first step of a solve whose solution changes in 1e-30: as short as steps may be."""
    method = Prescribed()
    steps = ode.steps(
        lambda t, x: -1e30 * x, np.ones((1, 1)), times, method=method, batch="shared", **options
    )
    next(steps)
    return float(method.steps[0][1])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_first_step_has_a_floor(sign: float) -> None:
    """min_step, or four units in the last place of the initial time."""
    for t0 in (1.0, 1e8, -3e5):
        floor = 4 * np.spacing(abs(t0))
        assert first_trial([t0, t0 + sign * 50.0]) == sign * floor
        assert first_trial([t0, t0 + sign * 50.0], first_step=floor / 4) == sign * floor
        assert first_trial([t0, t0 + sign * 50.0], first_step=8 * floor) == sign * 8 * floor
    assert first_trial([0.0, sign * 1.0], min_step=0.25) == sign * 0.25
    assert first_trial([0.0, sign * 1.0], min_step=0.25, first_step=0.125) == sign * 0.25
    assert abs(first_trial([0.0, sign * 1.0])) < 1e-25  # no floor at t = 0


def guess(
    f: Any, x: float, t: float = 0.0, longest: float = 100.0, order: int = 5, rtol: float = 1e-3
) -> float:
    states = np.array([[x]])
    found = initial_step(
        f, (np.array([t]), 1.0, longest), states, f(t, states), order, Tolerance(rtol, 0.0), lambda v: v,
        lambda v: float(v[0]),
    )  # fmt: skip
    return float(found[0])


def test_the_first_step_is_that_of_the_formula() -> None:
    """x' = -x, x = 1, tolerance 1e-3: d0 = d1 = d2 = 1000, and h = (0.01 / 1000)^(1/5) = 0.1."""
    assert guess(lambda t, x: -x, 1.0) == pytest.approx(0.1, rel=1e-9)
    assert guess(lambda t, x: -x, 1.0, order=3) == pytest.approx(1e-5 ** (1 / 3), rel=1e-9)
    assert guess(lambda t, x: -x, 1.0, rtol=1e-8) == pytest.approx(1e-10**0.2, rel=1e-6)
    assert guess(lambda t, x: -50.0 * x, 1.0) == pytest.approx(0.1 / 50, rel=1e-9)  # the unit of time
    assert guess(lambda t, x: -x, 1.0, longest=0.03) == pytest.approx(0.03 * (0.01 / 30) ** 0.2, rel=1e-9)
    # A slope that is 1/7 of the state and changes 49 times as fast: the unit is its own time, 7/49.
    assert guess(lambda t, x: -x / 7 - 7.0 * (x - 1), 1.0) == pytest.approx(
        1 / (7 + 1 / 7) * (0.01 / (1000 / 7 / (7 + 1 / 7))) ** 0.2, rel=1e-6
    )
    # A state that does not move for now: a hundred times the probe of 1e-6 of the longest.
    assert guess(lambda t, x: 0.0 * x, 1.0) == pytest.approx(1e-6 * 100 * 100, rel=1e-9)
    # f that is not finite at the probe: a thousandth of it.
    assert guess(lambda t, x: np.where(t > 0, np.nan, -x), 1.0) == pytest.approx(1e-3 * 0.01, rel=1e-9)


def test_the_norm_is_the_root_mean_square_in_units_of_the_tolerance() -> None:
    """sqrt(((3/(1+0.1*20))^2 + (4/(1+0.1*10))^2) / 2) with the larger of two states."""
    norm = Tolerance(0.1, 1.0).norm(
        np.array([[3.0, -4.0], [0.0, 0.0]]),
        np.array([[5.0, -10.0], [1.0, 1.0]]),
        np.array([[-20.0, 2.0], [1.0, 1.0]]),
    )
    np.testing.assert_allclose(norm, [math.sqrt((1.0 + 4.0) / 2), 0.0], rtol=1e-15)
    assert Tolerance(0.1, 0.0).norm(np.zeros((1, 1)), np.zeros((1, 1))) == 0.0  # 0/0 is no error


@pytest.mark.parametrize("safety", [0.0, 1.0, 1.5])
def test_a_safety_that_is_no_fraction_is_refused(safety):
    with pytest.raises(ValueError, match="safety"):
        ode.PIDController(safety=safety)


@pytest.mark.parametrize("factor", [0.0, -0.1, 1.0, np.nan])
def test_a_least_factor_that_is_no_fraction_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="min_factor"):
        ode.PIController(min_factor=factor)


def test_a_slope_that_says_nothing_is_not_trusted() -> None:
    """Far below the tolerance in the longest step (1e-5), a slope is no measure of time; just above, it is.

    x' = s with x = 1, rtol = 1e-3: d0 = 1e3, d1 = 1e3 s. Trusted, the unit is min(1 / s, 100) = 100 as well,
    so that the probe of 0.01 or 1e-6 units tells the two apart.
    """
    probes: list[float] = []

    def f(s: float) -> Any:
        def slope(t: Any, x: Any) -> Any:
            probes.append(float(t))
            return np.full_like(x, s)

        return slope

    for s, share in ((0.9e-10, 1e-6), (1.1e-10, 0.01), (9e-4, 0.01)):
        probes.clear()
        guess(f(s), 1.0)
        assert probes[-1] == pytest.approx(share * 100)


@pytest.mark.parametrize("factor", [0.5, 1.0, math.inf, math.nan])
def test_a_largest_factor_that_is_no_finite_growth_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="max_factor"):
        ode.PIController(max_factor=factor)


def _slopes(t: Any, x: Any) -> Any:
    """Rows of every kind: decay, slow and fast; at rest, and for now; not finite at the probe; growth."""
    time = np.broadcast_to(np.reshape(t, (-1, 1)), x.shape)
    kinds = [
        -x, -50.0 * x, 0.0 * x, -x / 7 - 7.0 * (x - 1), np.where(time > 3.0, np.nan, -x), 0.0 * x + 1e-12,
        0.0 * x + 3.0, 0.0 * x + 1e200, np.where(time > 3.0, 1.0, 0.0 * x), np.cos(1e3 * time), x * x, x**3,
    ]  # fmt: skip
    return np.stack([kind[row % len(kind)] for row, kind in enumerate(kinds)], axis=0)


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("longest", [100.0, 0.03, 1e300])
def test_the_first_steps_of_a_batch_are_those_of_its_rows(direction: float, longest: float) -> None:
    """By arrays and by plain numbers, at t = 3; also where a ratio of norms or a product overflows."""
    x = np.ones((12, 2)) * np.linspace(1.0, 1.5, 2)
    x[10], x[11] = 1e-9, 1e200
    t, tolerance = np.full(12, 3.0), Tolerance(1e-3, 1e-9)

    def start(rows: Any) -> Any:
        def f(time: Any, states: Any) -> Any:
            everything, times = x.copy(), t[:, None].copy()
            everything[rows], times[rows] = states, time
            return _slopes(times, everything)[rows]

        return initial_step(
            f, (t[rows], direction, longest), x[rows], f(t[rows, None], x[rows]), 5, tolerance, lambda v: v,
            lambda v: v[:, None],
        )  # fmt: skip

    with np.errstate(all="ignore"):  # as around every call of the solver
        whole = start(np.arange(12))
        alone = [start(np.array([row]))[0] for row in range(12)]
    np.testing.assert_array_equal(whole, alone)
    assert (whole > 0).all()
    assert (whole <= longest).all()


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 3), (1, 3), (0, 2), (4, 0)])
def test_rows_are_sound_whose_components_are_finite(xp: Any, shape: Any) -> None:
    """Also where a square would overflow; a row of nothing is sound."""
    values = np.full(shape, 1e200)
    for row, bad in ((1, np.nan), (2, -np.inf)):
        if values.size and shape[0] > row:
            values[(row, *(-1,) * (len(shape) - 1))] = bad
    wanted = [row not in (1, 2) or not values.size for row in range(shape[0])]
    x = xp.asarray(values)
    assert finite_rows(x).tolist() == wanted
    assert type(finite_rows(x)) is np.ndarray
    np.testing.assert_array_equal(xp.numpy(sound_rows(x)), wanted)
