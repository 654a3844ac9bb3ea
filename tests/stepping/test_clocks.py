"""The clocks: kernel and body agree on every branch, clocks do not see each other, branches are right."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode
from diffmath._stepping.clocks import advance_clocks, plan_steps
from diffmath._stepping.one_clock import BROKEN, SPENT, STUCK, advance_one, plan_one

LAWS = [c.law(4) for c in (ode.IController(), ode.PIController(), ode.PIDController())]
ERRORS = st.sampled_from([0.0, 1e-300, 1e-9, 1e-3, 0.5, 1.0, 1.0 + 1e-12, 2.0, 1e9, np.inf, np.nan])
SIZES = st.sampled_from([1e-17, 4e-16, 1e-12, 1e-3, 0.1, 1.0, 30.0])


@st.composite
def clocks(draw: Any) -> dict[str, Any]:
    """Clocks in any state that a solve can reach, and some that it cannot."""
    n, sign = draw(st.integers(0, 5)), draw(st.sampled_from([1.0, -1.0]))

    def each(strategy: Any, dtype: Any = float) -> Any:
        return np.array(draw(st.lists(strategy, min_size=n, max_size=n)), dtype=dtype)

    trials = each(st.integers(0, 9), np.int64)
    return {
        "t": sign * each(st.sampled_from([0.0, 0.25, 0.999, 1.0 - 1e-16, 1.0 - 1e-12])),
        "h": each(SIZES),
        "goal": sign * each(st.sampled_from([1.0, 1.5, 4.0])),
        "running": each(st.booleans(), bool),
        "error": each(ERRORS),
        "past": np.stack([each(ERRORS.filter(np.isfinite)), each(ERRORS.filter(np.isfinite))]),
        "recovering": each(st.booleans(), bool),
        "counts": np.stack([trials, trials // 2]),
        "law": draw(st.sampled_from(LAWS)),
        "limits": (
            draw(st.sampled_from([0.0, 1e-3])), draw(st.sampled_from([np.inf, 0.5])), sign * 4.0, 10
        ),
        "direction": sign,
    }  # fmt: skip


def _step(state: dict[str, Any], reference: bool, pair: Any = None) -> dict[str, Any]:
    """Plan and advance once, on a copy; return everything that is written."""
    s = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in state.items()}
    n = len(s["t"])
    s["dt"], s["lands"] = np.full(n, np.nan), np.zeros(n, dtype=bool)
    s["accepted"], s["ended"] = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int8)
    bodies, kernels = (plan_steps.reference, advance_clocks.reference), (plan_steps, advance_clocks)
    plan, advance = pair or (bodies if reference else kernels)
    plan(s["t"], s["h"], s["goal"], s["running"], s["direction"], s["limits"][1], s["dt"], s["lands"])
    s["moved"] = advance(
        s["t"], s["h"], s["goal"], s["running"], s["error"], s["past"], s["recovering"], s["counts"], s["dt"],
        s["lands"], s["law"], s["limits"], s["accepted"], s["ended"],
    )  # fmt: skip
    return s


@given(clocks())
def test_the_kernels_are_their_bodies(state: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    found, wanted = _step(state, False), _step(state, True)
    for name, value in wanted.items():
        # Powers of numba and of NumPy differ in the last place.
        np.testing.assert_allclose(found[name], value, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("reference", [False, True], ids=["kernel", "body"])
@given(state=clocks())
def test_clocks_do_not_see_each_other(reference: bool, state: dict[str, Any]) -> None:
    whole = _step(state, reference)
    for k in range(len(state["t"])):
        alone = {
            name: value[..., k : k + 1] if isinstance(value, np.ndarray) else value
            for name, value in state.items()
        }
        for name, value in _step(alone, reference).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(whole[name][..., k : k + 1], value, err_msg=name)


@given(clocks())
def test_one_clock_steps_by_the_numbers_of_the_kernels(state: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    wanted = _step(state, False)
    for k in np.flatnonzero(state["running"]):
        t, h, goal, error = (float(state[name][k]) for name in ("t", "h", "goal", "error"))
        past, before = map(float, state["past"][:, k])
        dt, lands = plan_one(t, h, goal, state["direction"], state["limits"][1])
        assert (dt, lands) == (wanted["dt"][k], wanted["lands"][k])
        with np.errstate(all="ignore"):
            *found, accepted, ended, arrived = advance_one(
                t, h, goal, dt, lands, error, past, before, bool(state["recovering"][k]),
                int(state["counts"][0, k]) + 1, state["law"], state["limits"],
            )  # fmt: skip
        assert found == [wanted["t"][k], wanted["h"][k], *wanted["past"][:, k]]
        assert (accepted, ended) == (wanted["accepted"][k], wanted["ended"][k])
        assert wanted["running"][k] == (not arrived and not ended)


def _one(error: float, **changes: Any) -> dict[str, Any]:
    state = {
        "t": np.zeros(1), "h": np.full(1, 0.1), "goal": np.ones(1), "running": np.ones(1, dtype=bool),
        "error": np.full(1, error), "past": np.ones((2, 1)), "recovering": np.zeros(1, dtype=bool),
        "counts": np.zeros((2, 1), dtype=np.int64), "law": ode.IController().law(4),
        "limits": (0.0, np.inf, 1.0, 10), "direction": 1.0,
    }  # fmt: skip
    return _step(state | changes, reference=True)


def test_acceptance_moves_the_clock_and_chooses_the_next_step() -> None:
    found = _one(0.5)
    assert (found["t"][0], found["accepted"][0], found["counts"].ravel().tolist()) == (0.1, True, [1, 1])
    np.testing.assert_allclose(found["h"][0], 0.1 * 0.9 * 0.5 ** (-1 / 5))


def test_rejection_shrinks_the_step_and_forbids_growth_once() -> None:
    found = _one(32.0)
    assert (found["t"][0], found["accepted"][0], found["recovering"][0]) == (0.0, False, True)
    np.testing.assert_allclose(found["h"][0], 0.1 * 0.9 / 2)
    after = _one(1e-6, recovering=np.ones(1, dtype=bool))
    assert after["h"][0] == pytest.approx(0.1)
    assert not after["recovering"][0]


def test_an_error_that_is_not_finite_halves_the_step() -> None:
    for error in (np.nan, np.inf):
        assert _one(error)["h"][0] == 0.05


def test_a_step_is_stretched_to_its_goal_or_cut_at_it_exactly() -> None:
    near = _one(0.5, t=np.full(1, 0.9 - 5e-4))
    assert near["lands"][0]
    assert near["t"][0] == 1.0
    assert not near["running"][0]
    far = _one(0.5, t=np.full(1, 0.8))
    assert not far["lands"][0]


def test_no_step_is_longer_than_the_longest() -> None:
    """A step of 0.5 may be stretched to 0.504, but not if 0.5 is the longest allowed."""
    start = {"t": np.full(1, 0.496), "h": np.full(1, 0.5)}
    assert _one(0.5, **start)["lands"][0]
    found = _one(0.5, **start, limits=(0.0, 0.5, 1.0, 10))
    assert (found["lands"][0], found["dt"][0]) == (False, 0.5)
    rounded = _one(0.5, t=np.full(1, 0.5 - 1e-13), h=np.full(1, 0.5), limits=(0.0, 0.5, 1.0, 10))
    assert rounded["lands"][0]  # no sliver of 1e-13 after it


def plan_by_arrays(
    t: float, h: float, goal: float, direction: float, max_step: float, *, plan: Any = plan_steps
) -> tuple[float, bool]:
    dt, lands = np.empty(1), np.empty(1, dtype=bool)
    plan(np.array([t]), np.array([h]), np.array([goal]), np.ones(1, bool), direction, max_step, dt, lands)
    return dt[0], lands[0]


@pytest.mark.parametrize(
    "plan", [plan_one, plan_by_arrays, partial(plan_by_arrays, plan=plan_steps.reference)],
    ids=["one", "kernel", "body"],
)  # fmt: skip
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_goal_just_within_reach_is_reached(plan: Any, sign: float) -> None:
    """A step may be stretched by one in a hundred, the longest step by one in 1e9, and no further."""
    assert plan(0.0, 100.0, sign * 101.0, sign, np.inf) == (sign * 101.0, True)
    assert plan(0.0, 100.0, sign * 101.1, sign, np.inf) == (sign * 100.0, False)
    assert plan(0.0, 1.0, sign * (1 + 0.9e-9), sign, 1.0) == (sign * (1 + 0.9e-9), True)
    assert plan(0.0, 1.0, sign * (1 + 1.1e-9), sign, 1.0) == (sign * 1.0, False)
    assert plan(0.0, 0.25, sign * (1 + 1e-9), sign, 1.0) == (sign * 0.25, False)


def test_a_cut_step_does_not_change_the_plan() -> None:
    """The step was shortened to 1e-3 for a save time; the step before it was 0.1, and stays so."""
    found = _one(1e-12, t=np.full(1, 0.999), limits=(0.0, np.inf, 2.0, 10))
    assert found["h"][0] == 0.1
    assert found["past"].ravel().tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("error", "changes", "code"),
    [
        (2.0, {"h": np.full(1, 1e-16), "t": np.full(1, 0.5)}, STUCK),
        (np.nan, {"h": np.full(1, 1e-16), "t": np.full(1, 0.5)}, BROKEN),
        (2.0, {"limits": (0.2, np.inf, 1.0, 10)}, STUCK),
        (0.5, {"counts": np.array([[9], [3]])}, SPENT),
        (0.5, {"counts": np.array([[20], [3]])}, SPENT),  # more than there may be: a limit that was lowered
        (2.0, {"counts": np.array([[9], [3]])}, SPENT),
        (0.5, {"counts": np.array([[9], [3]]), "h": np.ones(1)}, 0),  # the last trial reaches the end
        (0.5, {}, 0),
    ],
)
def test_what_ends_a_clock(error: float, changes: dict[str, Any], code: int) -> None:
    found = _one(error, **changes)
    assert found["ended"][0] == code
    assert found["running"][0] == (code == 0 and found["t"][0] != 1.0)
