"""Budgets of launches, synchronisations and copies, as the double counts them."""

from __future__ import annotations

from pathlib import Path

import cupy_double
import launches
import pytest
from cupy_double import counting

import diffmath as dm

cupy_double.install()

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "launches.md"


def _budgets() -> dict[str, tuple[float, ...]]:
    rows = [line.strip("| \n").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {row[0]: tuple(map(float, row[1:])) for row in rows if len(row) == 4 and row[1][0].isdigit()}


BUDGETS, CASES = _budgets(), launches.cases()

# At most this many synchronisations a step, where it is not one: an attempt whose iterations were not enough
# is repeated, and a step of an SDE does not share its copy with the loop.
MORE = {"ode.solve, kvaerno5, fixed": 1.2, "sde.solve, implicit_euler_maruyama, additive noise": 2.2}


def test_the_page_has_a_row_for_every_case():
    assert list(BUDGETS) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_no_budget_is_exceeded(name):
    cost, allowed = CASES[name](), BUDGETS[name]
    assert cost.launches <= allowed[0]
    assert cost.synchronizations <= allowed[1]
    assert cost.copies_in <= allowed[2]


@pytest.mark.parametrize("name", [name for name in CASES if "trial" not in name])
def test_a_fixed_step_waits_once_and_sends_nothing(name):
    _, synchronizations, copies_in = BUDGETS[name]
    assert copies_in == 0
    assert synchronizations <= MORE.get(name, 1)


@pytest.mark.parametrize("name", ["dopri5", "tsit5", "dop853", "rodas5p"])
def test_a_trial_of_rows_is_one_copy_each_way(name):
    counts, trials = launches.adaptive(name)
    once = 12  # checks of f and x, the first step, the derivatives, what is saved at the start
    assert trials > 2 * once
    assert counts.copies_out <= trials + once
    assert counts.copies_in <= trials + launches.ROWS + once  # rows that arrive alone are sent an index


@pytest.mark.parametrize("name", ["dopri5", "rodas5p"])
def test_a_shared_clock_sends_nothing(name):
    counts, trials = launches.adaptive(name, "shared")
    assert counts.copies_out <= trials + 12
    assert counts.copies_in <= 3


@pytest.mark.parametrize(("name", "again"), [("kvaerno5", 0.2), ("radau5", 0.02)])
def test_newton_waits_once_a_trial(name, again):
    """What is needed to know whether all rows have converged is in the copy of the errors.

    `again` is the share of trials that are repeated with more iterations. The last steps of a row, which
    kvaerno5 must not end beyond the solve, are tried by two methods: eight copies in for such a trial.
    """
    counts, trials = launches.adaptive(name)
    once = 12
    closing = 8 * launches.ROWS if name == "kvaerno5" else 0
    assert counts.copies_out == counts.synchronizations <= (1 + again) * trials + once
    assert counts.copies_in <= trials + launches.ROWS + once + closing


def test_a_shared_clock_and_fixed_steps_of_newton_wait_as_often():
    counts, trials = launches.adaptive("radau5", "shared")
    assert counts.copies_out <= 1.05 * trials + 12
    assert counts.copies_in <= 3


def test_a_draw_of_normals_copies_nothing():
    like = launches.state()
    with counting() as counts:
        dm.random.normal(dm.random.key(0), (8, 3), like=like)
    assert (counts.copies_in, counts.synchronizations) == (0, 0)


def test_a_constant_of_a_target_is_sent_once():
    from diffmath import diffusion

    process, x = diffusion.vp(), launches.state()
    for target in (
        diffusion.GaussianMixture(weights=[1.0], means=[[0.0, 1.0]], covariances=[[[1.0, 0.5], [0.5, 1.0]]]),
        diffusion.EmpiricalData([[0.0, 0.0], [1.0, 1.0]], bandwidth=0.1),
        diffusion.Gaussian([0.0, 1.0], [[1.0, 0.5], [0.5, 1.0]]),
        diffusion.Uniform([0.0, 0.0], [1.0, 1.0]),
        diffusion.Ring(1.0),
        diffusion.Rotated(diffusion.Product([diffusion.Gaussian([0.0], 1.0)] * 2), [[0.0, 1.0], [1.0, 0.0]]),
    ):
        score = target.score(process)
        score(x, 0.5)
        with counting() as counts:
            score(x, 0.4)
        assert (counts.copies_in, counts.synchronizations) == (0, 0)
