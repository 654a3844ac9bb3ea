"""Adaptive steps for Stratonovich noise, also where it does not commute: orders, limits, rows, refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.testing import curved_sde, heisenberg_sde

KEY = random.key(3)
# The relatives of Heun's method differ from it in no decision: nightly.
KIN = [pytest.param(method, marks=pytest.mark.slow) for method in (sde.euler_heun, sde.midpoint)]
METHODS = [sde.heun, sde.spark, sde.general_shark, *KIN]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda method: getattr(method, "name", None))
FLAT = heisenberg_sde(curvature=0.0, calculus="stratonovich")


def start(problem, rows):
    return np.broadcast_to(problem.x0, (rows, len(problem.x0))).copy()


@cache
def shared_path(noise):
    """Return a problem, a path of 80 rows, and the solution on it."""
    if noise == "general":
        problem, terms, clock = heisenberg_sde(calculus="stratonovich"), "HA", (0.0, 1.0)
    else:
        problem, terms, clock = curved_sde(noise=noise, calculus="stratonovich"), "HK", np.linspace(0, 1, 257)
    path = sde.BrownianPath(KEY, (80, 2), 0.0, 1.0, like=np.empty(0), terms=terms, levels=12)
    return problem, path, problem.exact(list(path.increments(clock)))


def tolerance_order(method, noise, tolerances):
    """Return the slope of the root mean square error in the tolerance, on one path for all of them."""
    problem, path, exact = shared_path(noise)
    errors = []
    for tolerance in tolerances:
        options = {"method": method, "path": path, "rtol": tolerance, "atol": tolerance}
        end = sde.solve_adaptive(problem.model, start(problem, 80), [0, 1], **options).x[-1]
        errors.append(np.sqrt(np.mean((end - exact) ** 2)))
    assert all(np.diff(errors) < 0)
    return np.polyfit(np.log(tolerances), np.log(errors), 1)[0]


@by_name
def test_general_noise_converges_to_the_solution_on_its_path(method):
    """Without areas: local errors of order h, the tolerance, and a global one of order sqrt(h)."""
    slope = tolerance_order(method, "general", 0.03 / 4.0 ** np.arange(3))  # steps fall by 16
    assert slope == pytest.approx(0.5, abs=0.15)


@by_name
def test_commuting_noise_converges_with_order_one(method):
    """Local errors of order h^(3/2), the tolerance, and a global one of order h."""
    slope = tolerance_order(method, "commutative", 0.02 / 8.0 ** np.arange(3))  # steps fall by 16
    assert slope == pytest.approx(2 / 3, abs=0.15)


def test_an_ito_step_converges_elsewhere():
    """What the test of convergence must see: the same steps without half of g' g W W."""

    def euler(model, t, x, dt, dW):
        return x + dt * model.drift(t, x) + np.einsum("bij,bj->bi", model.diffusion(t, x), dW)

    wrong = replace(sde.heun, step=euler)
    assert tolerance_order(wrong, "commutative", 0.08 / 4.0 ** np.arange(3)) < 0.3


def refined(method, chosen):
    """The method with an estimate that halves steps of `chosen` noise, down to 2**-5."""

    def attempt(model, state, t, x, dt, noise, *, estimate=True):
        large = chosen(noise) & (abs(dt) > 2.0**-5)
        error = np.where(large[:, None], 2.0, 0.0) + 0.0 * x
        return sde.Trial(method.step(model, t, x, dt, noise), error)

    return replace(method, step=SimpleNamespace(has_estimate=True, attempt=attempt))


EAGER = {"rtol": 0.0, "atol": 1.0, "first_step": 1.0}  # tries the longest steps first: most are rejected


def far(noise):
    W = noise if isinstance(noise, np.ndarray) else noise.W
    return (W * W).sum(axis=1) > 0.3


def errors_of_the_area(method, levels, rows=4000):
    """Return what an adaptive solution on the flat Heisenberg group has and lacks in the third component."""
    x0 = start(FLAT, rows)
    path = sde.BrownianPath(KEY, (rows, 2), 0.0, 1.0, like=x0, terms="HA", levels=levels)
    solution = sde.solve_adaptive(FLAT.model, x0, [0, 1], method=method, path=path, **EAGER)
    exact, end = FLAT.exact([path.increment(0.0, 1.0)]), solution.x[-1]
    # The first two components are Brownian motion with drift: exact, whatever was rejected.
    np.testing.assert_allclose(end[:, :2], exact[:, :2], rtol=0, atol=1e-13)
    assert solution.stats["rejected"].mean() > 1
    return end, exact - end


def standard_scores(values):
    return abs(values.mean()) * np.sqrt(len(values)) / values.std()


@by_name
def test_rejection_leaves_no_bias(method):
    """What steps without areas lack has mean zero given all that they saw: 5 standard errors each (6e-7)."""
    end, lack = errors_of_the_area(refined(method, far), levels=6)
    assert lack[:, 2].std() > 0.05
    moved = end - FLAT.x0
    for seen in (1.0, moved[:, 2], moved[:, 0] * moved[:, 1], moved[:, 0] ** 2 - moved[:, 1] ** 2):
        assert standard_scores(lack[:, 2] * seen) < 5


def test_steps_chosen_by_areas_that_are_then_left_out_are_biased():
    """What the last test must see: the limit is another one, at every step size."""
    heun = replace(
        sde.heun, step=lambda model, t, x, dt, noise: sde.heun.step(model, t, x, dt, noise.W),
        increments=sde.levy_increments("A"),
    )  # fmt: skip
    _, lack = errors_of_the_area(refined(heun, lambda noise: noise.A[:, 0, 1] > 0), levels=6)
    assert standard_scores(lack[:, 2]) > 10


def test_areas_keep_their_law():
    """E W^2 = h, E A^2 = h^2/4, E A^4 = 5 h^4/16 after rejections: 5 standard errors (6e-7 each).

    Var A^4 = E A^8 - (E A^4)^2 = (1385 - 25)/256, from the characteristic function 1/cosh(h u/2) of A.
    """
    rows = 20_000
    method = refined(sde.milstein_levy, lambda noise: (noise.A[:, 0, 1] ** 2 > noise.dt**2 / 4) | far(noise))
    x0, model = np.zeros((rows, 3)), replace(FLAT.model, drift=lambda t, x: 0.0 * x)
    path = sde.BrownianPath(KEY, (rows, 2), 0.0, 1.0, like=x0, terms="HA", levels=6)
    solution = sde.solve_adaptive(model, x0, [0, 1], method=method, path=path, **EAGER)
    assert solution.stats["rejected"].mean() > 1
    (W, V, A), whole = solution.x[-1].T, path.increment(0.0, 1.0)
    np.testing.assert_allclose(A, whole.A[:, 0, 1], rtol=0, atol=1e-12)
    for value, exact, variance in (
        (W**2, 1.0, 2.0), (V**2, 1.0, 2.0), (W * V, 0.0, 1.0),
        (A**2, 1 / 4, 1 / 4), (A**4, 5 / 16, 1360 / 256), (A * W * V, 0.0, 1 / 4 + 1 / 3),
    ):  # fmt: skip
        assert abs(value.mean() - exact) < 5 * np.sqrt(variance / rows)


@by_name
@pytest.mark.parametrize("problem", [heisenberg_sde, curved_sde], ids=["general", "commutative"])
def test_a_row_alone_is_that_row_of_the_batch(method, problem):
    kind = {} if problem is heisenberg_sde else {"noise": "commutative"}
    problem = problem(calculus="stratonovich", **kind)
    x0, options = start(problem, 7), {"method": method, "rtol": 0.01, "atol": 0.01}
    whole = sde.solve_adaptive(problem.model, x0, [0, 0.4, 1], key=KEY, **options)
    assert len(set(whole.stats["steps"])) > 1
    # The commutative problem multiplies by a matrix, whose last bits depend on the number of rows.
    rounding = 0.0 if problem.model.noise == "general" else 1e-12
    terms = "" if method.increments is sde.brownian_increments else "H"
    for row in (0, 3, 6):
        alone = sde.solve_adaptive(
            problem.model, x0[row : row + 1], [0, 0.4, 1], key=KEY, first_row=row, **options
        )
        np.testing.assert_allclose(alone.x[:, 0], whole.x[:, row], rtol=0, atol=rounding)
        assert alone.stats["rejected"][0] == whole.stats["rejected"][row]
        path = sde.BrownianPath(KEY, (1, 2), 0.0, 1.0, like=x0, terms=terms, first_row=row)
        all_rows = sde.BrownianPath(KEY, (7, 2), 0.0, 1.0, like=x0, terms=terms)
        ends = [
            sde.solve_adaptive(problem.model, states, [0, 0.4, 1], path=given, **options).x[-1]
            for states, given in ((x0[row : row + 1], path), (x0, all_rows))
        ]
        np.testing.assert_allclose(ends[0][0], ends[1][row], rtol=0, atol=rounding)


def test_areas_of_a_path_are_drawn_only_for_methods_that_use_them(monkeypatch):
    """A path with areas serves a method without them as one that has none, at its cost."""
    x0, drawn = start(FLAT, 3), []
    area = sde._brownian.cached_trees.leaf_area
    monkeypatch.setattr(sde._brownian.cached_trees, "leaf_area", lambda *rest: drawn.append(1) or area(*rest))
    options = {"method": sde.spark, "rtol": 0.05, "atol": 0.05}
    runs = []
    for terms in ("HKA", "H"):
        path = sde.BrownianPath(KEY, (3, 2), 0.0, 1.0, like=x0, terms=terms, levels=12)
        runs.append(sde.solve_adaptive(FLAT.model, x0, [0, 1], path=path, **options).x)
        runs.append(sde.solve(FLAT.model, x0, [0, 0.25, 1], path=path, method=sde.spark).x)
    assert not drawn
    np.testing.assert_array_equal(runs[0], runs[2])
    np.testing.assert_array_equal(runs[1], runs[3])
    path = sde.BrownianPath(KEY, (3, 2), 0.0, 1.0, like=x0, terms="A", levels=3)
    sde.solve(FLAT.model, x0, [0, 0.5, 1], path=path, method=sde.milstein_levy)
    assert drawn


@pytest.mark.parametrize(
    ("method", "calculus", "message"),
    [
        (sde.heun, "ito", "heun solves SDEs in the calculus .'stratonovich',.; got 'ito'"),
        (sde.spark, "ito", "spark solves SDEs in the calculus .'stratonovich',.; got 'ito'"),
        (sde.milstein, "stratonovich", "milstein needs noise in .*; got 'general': use sde.milstein_levy"),
        (sde.shark, "stratonovich", "shark needs noise in .*; got 'general'"),
        (sde.dri1, "ito", "must have a strong order for general noise; dri1 has none"),
        (sde.euler_maruyama, "ito", "strong order 1 for adaptive steps with general Ito noise"),
        (sde.reversible_heun, "stratonovich", "reversible_heun needs steps of equal size"),
        (sde.milstein_levy, "stratonovich", "path must be given for the Levy areas A of milstein_levy"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_refusals(method, calculus, message):
    problem = heisenberg_sde(calculus=calculus)
    with pytest.raises(ValueError, match=message):
        sde.solve_adaptive(problem.model, start(problem, 2), [0, 1], method=method, key=KEY)
