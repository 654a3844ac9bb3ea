"""Stochastic Runge-Kutta methods inside the solvers: coupled runs, any path, and inputs that are hostile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmath import SolveError, random, sde
from diffmath.testing import curved_sde, logistic_sde

KEY = random.key(0)
CASES = [
    *((method, logistic_sde()) for method in (sde.sra1, sde.sra2, sde.sra3, sde.sosra, sde.sea, sde.shark)),
    *((method, curved_sde()) for method in (sde.sriw1, sde.sriw2, sde.sosri)),
    *(
        (method, curved_sde(calculus="stratonovich"))
        for method in (sde.general_shark, sde.spark, sde.slow_rk)
    ),
]
every_case = pytest.mark.parametrize(("method", "problem"), CASES, ids=lambda value: value.name)


@pytest.mark.parametrize(
    ("method", "problem"), [CASES[0], CASES[5], CASES[6], CASES[11]], ids=lambda value: value.name
)
def test_the_variance_of_a_level_falls_with_rate_three(method, problem):
    """Twice the strong order 3/2, over five levels of coupled runs on 1000 paths: three halvings make 2^9."""
    x0 = np.tile(problem.x0, (1000, 1))
    variances = []
    for steps in (8, 16, 32, 64, 128):
        pair = sde.coupled(problem.model, x0, t_span=(0.0, 1.0), steps=steps, method=method, key=KEY)
        variances.append(((pair.fine - pair.coarse) ** 2).mean())
    rate = -np.polyfit(range(5), np.log2(variances), 1)[0]
    assert rate > 2.7  # mean squares of 1000 rows: 0.1 of spread, fixed key; order 1 has rate 2


@every_case
def test_runs_whose_times_do_not_nest_share_a_path(method, problem):
    x0 = np.tile(problem.x0, (100, 1))
    path = sde.BrownianPath(KEY, x0.shape, 0.0, 1.0, like=x0, terms="H", levels=10)
    rough, finer, fine = (
        sde.solve(problem.model, x0, np.linspace(0, 1, n + 1), method=method, path=path).x[-1]
        for n in (20, 30, 120)
    )
    gaps = [np.sqrt(((x - fine) ** 2).mean()) for x in (rough, finer)]
    assert gaps[1] < gaps[0] < 0.05  # independent paths would differ by about 1


@every_case
def test_an_empty_batch_one_step_and_rows_on_their_own(method, problem):
    options = {"method": method, "key": KEY}
    assert sde.solve(problem.model, np.zeros((0, 2)), [0.0, 1.0], **options).x.shape == (2, 0, 2)
    x0 = np.tile(problem.x0, (5, 1))
    whole = sde.solve(problem.model, x0, [0.0, 0.5], **options).x[-1]
    part = sde.solve(problem.model, x0[3:], [0.0, 0.5], first_row=3, **options).x[-1]
    np.testing.assert_array_equal(whole[3:], part)


@every_case
def test_without_noise_no_random_number_enters(method, problem):
    model = sde.SDE(problem.model.drift, lambda t, x: 0.0 * x, problem.model.noise, problem.model.calculus)
    one, other = (
        sde.solve(model, problem.x0[None], np.linspace(0, 1, 9), method=method, key=random.key(k)).x
        for k in (1, 2)
    )
    np.testing.assert_array_equal(one, other)


@every_case
def test_what_explodes_is_reported_with_the_valid_prefix(method, problem):
    def wild(t, x):
        return 1e120 * x**3

    model = replace(problem.model, drift=wild)
    with pytest.raises(SolveError, match="the state is not finite at t=") as caught:
        sde.solve(model, problem.x0[None], np.linspace(0, 1, 9), method=method, key=KEY)
    assert caught.value.solution.status == "nonfinite"
    assert np.isfinite(caught.value.solution.x).all()
    broken = sde.SDE(
        lambda t, x: np.nan * x, problem.model.diffusion, problem.model.noise, problem.model.calculus
    )
    with pytest.raises(SolveError, match=r"not finite at t=0\.125"):
        sde.solve(broken, problem.x0[None], np.linspace(0, 1, 9), method=method, key=KEY)
