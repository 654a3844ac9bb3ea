"""Starters are Runge-Kutta steps in the own time of each form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._multistep.forms import level, level_at, own_time
from diffmath.diffusion._multistep.starters import _TABLEAUX, StarterCost, starting_step

VP, FLOW = diffusion.vp(), diffusion.flow()
TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_tableaux_satisfy_the_order_conditions(order: int) -> None:
    *rows, b = _TABLEAUX[order]
    a = np.zeros((order, order))
    for i, row in enumerate(rows, start=1):
        a[i, : len(row)] = row
    c = a.sum(axis=1)
    weights = np.array(b)
    conditions = {
        1: [(weights, 1.0)],
        2: [(weights * c, 1 / 2)],
        3: [(weights * c**2, 1 / 3), (weights @ a * c, 1 / 6)],
        4: [
            (weights * c**3, 1 / 4),
            (weights * c * (a @ c), 1 / 8),
            (weights @ a * c**2, 1 / 12),
            (weights @ a @ a * c, 1 / 24),
        ],
    }
    for p in range(1, order + 1):
        for terms, value in conditions[p]:
            assert abs(terms.sum() - value) < 1e-15


@pytest.mark.parametrize("form", ["data", "noise", "flow", "velocity"])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_local_error_has_the_order_plus_one(form: Any, order: int) -> None:
    method = diffusion.Method(
        "starter", order, order, "none", lambda p, t, n: starting_step(p, form, t[0], t[1], order), form=form
    )
    x, start, found = np.array([[0.4], [-0.7]]), 0.5, []
    for h in (0.04, 0.02):
        end = diffusion.sample(VP, TARGET.denoiser(VP), x, [start, start - h], method=method)
        found.append(np.abs(end - TARGET.flow_map(VP)(x, start, start - h)).max())
    assert math.log2(found[0] / found[1]) > order + 0.5, found


@pytest.mark.parametrize("form", ["data", "flow", "velocity"])
def test_a_starter_begins_at_pure_noise(form: Any) -> None:
    step = starting_step(FLOW, form, 1.0, 0.8, 4)
    assert [stage.t for stage in step.stages][-1] == 0.8
    assert all(math.isfinite(v) for u in step.updates for v in (u.decay, *u.weights))


@pytest.mark.parametrize("form", ["data", "noise", "flow", "velocity"])
def test_own_time_and_log_snr_are_inverse(form: Any) -> None:
    for t in (0.1, 0.5, 0.9):
        at = level(FLOW, t)
        assert math.isclose(level_at(form, own_time(form, at)), at.log_snr, rel_tol=1e-13, abs_tol=1e-14)


def test_the_last_step_is_no_starter() -> None:
    cost = StarterCost(3, 3)
    assert [cost(n) for n in (0, 1, 2, 3, 4, 5)] == [0, 1, 5, 9, 13, 14]
