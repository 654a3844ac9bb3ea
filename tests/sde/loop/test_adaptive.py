"""Adaptive steps: a path that rejection does not move, rows that do not see each other, right limits."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffmath as dm
from diffmath import ode, random, sde
from diffmath._core.solution import SolveError

KEY = random.key(11)
ADDITIVE = {"additive": (1.0, 1.0)}


def geometric(mu=0.5, sigma=1.0):
    return sde.SDE(
        lambda t, x: mu * x, lambda t, x: sigma * x, diffusion_derivative=lambda t, x: 0.0 * x + sigma
    )


brownian = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")


def pure_step(model, t, x, dt, dW):
    return x + dW


def rejects_large(model, state, t, x, dt, dW, *, estimate=True):
    """Reject an increment beyond one standard deviation, down to 2**-6."""
    return sde.Trial(x + dW, np.where((np.abs(dW) > np.sqrt(abs(dt))) & (abs(dt) > 2.0**-6), 2.0, 0.0))


picky = sde.Method("picky", SimpleNamespace(has_estimate=True, attempt=rejects_large), ADDITIVE)
WHOLE = {"rtol": 0.0, "atol": 1.0, "first_step": 1.0}


def test_rejection_does_not_move_the_path():
    """The end of every path is W(1) of its key, and its variance 1: 5 standard errors, 6e-7 false alarms."""
    rows = 20_000
    x0 = np.zeros((rows, 1))
    solution = sde.solve_adaptive(brownian, x0, [0, 1], method=picky, key=KEY, **WHOLE)
    assert solution.stats["rejected"].mean() > 0.5
    end, bound = solution.x[-1], 5 * np.sqrt(2 / rows)
    assert abs(np.mean(end**2) - 1) < bound
    path = sde.BrownianPath(KEY, (rows, 1), 0.0, 1.0, like=x0)
    on_path = sde.solve_adaptive(brownian, x0, [0, 1], method=picky, path=path, **WHOLE)
    np.testing.assert_allclose(on_path.x[-1], path(0.0, 1.0), rtol=0, atol=1e-14)
    # The same rule with two fresh halves after a rejection: what this test must catch.
    first = random.normal(random.fold_in(KEY, 1), (rows,), like=x0)
    again = np.sqrt(0.5) * random.normal(random.fold_in(KEY, 2), (rows, 2), like=x0).sum(axis=1)
    naive = np.where(np.abs(first) > 1, again, first)
    assert abs(np.mean(naive**2) - 0.516) < bound
    assert abs(np.mean(naive**2) - 1) > 5 * bound


def test_selected_steps_move_the_quadratic_variation():
    """Why Euler-Maruyama is refused: rejecting small increments makes the sum of their squares exceed 1."""
    floors, sums = (2.0**-4, 2.0**-6, 2.0**-8), []
    for floor in floors:

        def selects(model, state, t, x, dt, dW, *, estimate=True, floor=floor):
            return sde.Trial(x + dW * dW, np.where((dW * dW < abs(dt)) & (abs(dt) > floor), 2.0, 0.0))

        method = sde.Method("selects", SimpleNamespace(has_estimate=True, attempt=selects), ADDITIVE)
        x = sde.solve_adaptive(brownian, np.zeros((2000, 1)), [0, 1], method=method, key=KEY, **WHOLE).x
        sums.append(x[-1].mean())
    assert min(sums) > 1.3  # and no smaller for smaller steps: it is no error of discretisation
    assert sums[2] > 0.95 * sums[0]


@given(
    tolerance=st.floats(1e-4, 1e2),
    times=st.lists(st.floats(-3, 3), min_size=2, max_size=5, unique_by=lambda t: round(t, 2)),
    backwards=st.booleans(),
)
@settings(max_examples=25)
def test_the_path_does_not_depend_on_the_tolerance(tolerance, times, backwards):
    """On dX = dW every saved state equals that of fixed steps on the key, for any rejected steps."""

    def erratic(model, state, t, x, dt, dW, *, estimate=True):
        return sde.Trial(x + dW, dW * np.sin(7 * t))

    times = sorted((round(t, 2) for t in times), reverse=backwards)
    method = sde.Method("erratic", SimpleNamespace(has_estimate=True, attempt=erratic), ADDITIVE)
    x0 = np.zeros((3, 2))
    adaptive = sde.solve_adaptive(
        brownian,
        x0,
        times,
        method=method,
        key=KEY,
        rtol=0,
        atol=tolerance,
        min_step=1e-3,
        on_failure="return",
    )
    fixed = sde.solve(brownian, x0, times, method=sde.euler_maruyama, key=KEY, substeps=8)
    good = np.array([status == "ok" for status in adaptive.row_status])
    np.testing.assert_allclose(adaptive.x[:, good], fixed.x[: len(adaptive.t), good], rtol=0, atol=1e-13)


@pytest.mark.parametrize("terms", ["H", "HK"])
def test_what_a_row_gets_is_what_the_path_has_there(terms):
    """Every noise that any row was given, at any node, against BrownianPath and fixed steps."""
    seen = []

    def spy(model, state, t, x, dt, noise, *, estimate=True):
        W = noise.W
        seen.append((t, t + dt, noise, x[:, 0]))
        large = (x[:, :1] > 1) & (abs(dt) > 2.0 ** -(2 + (x[:, :1] % 4)))
        return sde.Trial(x, np.where(large, 2.0, 0.0) + 0.0 * W)

    draw = sde.levy_increments(terms)
    method = sde.Method("spy", SimpleNamespace(has_estimate=True, attempt=spy), ADDITIVE, increments=draw)
    x0 = np.arange(200.0)[:, None]
    sde.solve_adaptive(brownian, x0, [0, 1, 2, 3], method=method, key=KEY, **WHOLE)
    path = sde.BrownianPath(KEY, (200, 1), 0.0, 3.0, like=x0, terms=terms, steps=3)
    assert len({len(rows) for *_, rows in seen}) > 2
    for a, b, noise, rows in seen:
        whole, index = path.increment(a, b), rows.astype(int)
        for name in "W" + terms:
            got = getattr(noise, name)
            np.testing.assert_allclose(got, getattr(whole, name)[index], rtol=0, atol=1e-14)


def test_strong_convergence_on_an_exact_solution():
    """Root mean square error against exp((mu - 1/2) t + W), over three decades of the tolerance."""
    x0, tolerances = np.ones((200, 1)), 10.0 ** -np.arange(1, 5)
    path = sde.BrownianPath(KEY, (200, 1), 0.0, 1.0, like=x0)
    W = path(0.0, 1.0)
    errors = []
    for tolerance in tolerances:
        solution = sde.solve_adaptive(
            geometric(), x0, [0, 1], method=sde.milstein, path=path, rtol=tolerance, atol=tolerance
        )
        errors.append(np.sqrt(np.mean((solution.x[-1] - np.exp(W)) ** 2)))
    assert all(np.diff(errors) < 0)
    # Steps of order 3/2 whose errors add up as squares: tolerance^(2/3); rows differ, so loosely.
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    assert 0.45 < slope < 0.8


def test_moments_are_unbiased():
    """Mean of geometric Brownian motion, variance of an OU process: 5 standard errors (6e-7 each)."""
    rows = 4000
    x = sde.solve_adaptive(
        geometric(0.3, 0.5), np.ones((rows, 1)), [0, 1], method=sde.milstein, key=KEY, rtol=1e-2
    ).x[-1]
    assert abs(x.mean() - np.exp(0.3)) < 5 * np.exp(0.3) * np.sqrt(np.expm1(0.25) / rows)
    ou = sde.SDE(lambda t, x: -2.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    x = sde.solve_adaptive(
        ou, np.zeros((rows, 1)), [0, 2], method=sde.euler_maruyama, key=KEY, rtol=0, atol=2e-2
    ).x[-1]
    # Euler-Maruyama has the variance 1 / (4 - 4 h), h at most 2^-3 at this tolerance: 0.25 / (1 - h).
    variance = 0.25 * (1 - np.exp(-8.0))
    assert abs(np.mean(x**2) - variance) < 5 * variance * np.sqrt(2 / rows) + 0.02


def test_a_row_depends_on_nothing_but_itself():
    """Alone, in a batch, in a chunk, and with a row that explodes: the same bits."""

    def drift(t, x):
        return x * x * x - x

    model = sde.SDE(drift, lambda t, x: 0.0 * x + 0.3, noise="additive")
    x0 = np.array([[0.1], [-0.2], [30.0], [0.4], [0.0]])
    options = {"method": sde.euler_maruyama, "key": KEY, "rtol": 1e-2, "atol": 1e-2}
    times = [0.0, 0.25, 1.0]
    with pytest.raises(SolveError, match="row 2") as caught:
        sde.solve_adaptive(model, x0, times, **options)
    whole = caught.value.solution
    assert whole.row_status == ("ok", "ok", whole.status, "ok", "ok")
    assert whole.status in ("nonfinite", "step_too_small")
    assert np.isnan(whole.x[1:, 2]).all()
    assert np.isfinite(whole.x[:, [0, 1, 3, 4]]).all()
    for row in (0, 1, 3, 4):
        alone = sde.solve_adaptive(model, x0[row : row + 1], times, first_row=row, **options)
        np.testing.assert_array_equal(alone.x[:, 0], whole.x[:, row])
        assert alone.stats["steps"][0] == whole.stats["steps"][row]
    chunk = sde.solve_adaptive(model, x0[3:], times, first_row=3, **options)
    np.testing.assert_array_equal(chunk.x, whole.x[:, 3:])


def test_a_path_of_its_own_and_methods_with_areas():
    x0, ou = np.ones((20, 2)), sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    options = {"method": sde.euler_maruyama, "rtol": 1e-2}
    path = sde.BrownianPath(KEY, (20, 2), 0.0, 1.0, like=x0)
    binary = sde.BrownianPath(KEY, (20, 2), 0.0, 1.0, like=x0, steps=1)
    by_key = sde.solve_adaptive(ou, x0, [0, 1], key=KEY, method=sde.sra1, rtol=1e-2)
    by_path = sde.solve_adaptive(ou, x0, [0, 1], path=binary, method=sde.sra1, rtol=1e-2)
    np.testing.assert_allclose(by_key.x, by_path.x, rtol=0, atol=1e-13)
    # Save times that are no nodes of the path, and those of another run: one path for both.
    some = sde.solve_adaptive(brownian, x0, [0, 0.3, 0.77], path=path, **options)
    np.testing.assert_allclose(some.x[-1] - 1.0, path(0.0, 0.77), rtol=0, atol=1e-13)
    with_areas = sde.Method(
        "areas", lambda model, t, x, dt, noise: x + noise.W + 0.0 * noise.A[:, 0, :], ADDITIVE,
        increments=sde.levy_increments("A"),
    )  # fmt: skip
    with pytest.raises(ValueError, match="path must be given for the Levy areas A"):
        sde.solve_adaptive(brownian, x0, [0, 1], method=with_areas, key=KEY)
    areas = sde.BrownianPath(KEY, (20, 2), 0.0, 1.0, like=x0, terms="A", levels=4)
    solution = sde.solve_adaptive(brownian, x0, [0, 0.75, 1], method=with_areas, path=areas)
    np.testing.assert_allclose(solution.x[-1] - 1.0, areas(0.0, 1.0), rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="has no half between ends of leaves"):
        sde.solve_adaptive(brownian, x0, [0, 0.0625, 1], method=with_areas, path=areas)


def test_the_estimate_of_a_method_saves_its_doubling():
    ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")

    def with_error(model, state, t, x, dt, dW, *, estimate=True):
        slope, euler = model.drift(t, x), sde.euler_maruyama_step(model, t, x, dt, dW)
        return sde.Trial(euler, 0.5 * dt * (model.drift(t + dt, euler) - slope))

    method = sde.Method(
        "heun_error", SimpleNamespace(has_estimate=True, attempt=with_error), ADDITIVE, evaluations=2
    )
    options = {"key": KEY, "rtol": 1e-2, "atol": 1e-2}
    own = sde.solve_adaptive(ou, np.ones((9, 1)), [0, 1], method=method, **options)
    trials = own.stats["steps"] + own.stats["rejected"]
    np.testing.assert_array_equal(own.stats["evaluations"], 2 * trials)
    doubled = sde.solve_adaptive(ou, np.ones((9, 1)), [0, 1], method=sde.euler_maruyama, **options)
    np.testing.assert_allclose(own.x, doubled.x, atol=0.1)


def test_every_array_library(xp):
    model = geometric(0.1, 0.4)
    rows = np.linspace(0.5, 1.5, 3, dtype="float32")[:, None]
    x0 = xp.asarray(rows, "float32")
    solution = sde.solve_adaptive(model, x0, [1.0, 0.5, 0.0], method=sde.milstein, key=KEY, rtol=2e-2)
    assert solution.x.dtype == x0.dtype
    host = sde.solve_adaptive(
        model, rows, [1.0, 0.5, 0.0], method=sde.milstein, key=KEY, rtol=2e-2,
    )  # fmt: skip
    # The normals of the libraries differ by a few ulp of float32; so may a decision, but not here.
    np.testing.assert_allclose(xp.numpy(solution.x), host.x, rtol=2e-5)


def test_every_call_ends():
    x0 = np.zeros((2, 1))

    def never(model, state, t, x, dt, dW, *, estimate=True):
        return sde.Trial(x + dW, 0.0 * x + 2.0)

    method = sde.Method("never", SimpleNamespace(has_estimate=True, attempt=never), ADDITIVE)
    options = {"method": method, "key": KEY, "on_failure": "return"}
    stuck = sde.solve_adaptive(brownian, x0, [0, 1], **options)
    assert stuck.row_status == ("step_too_small",) * 2
    assert "fell to its floor" in stuck.message
    floor = sde.solve_adaptive(brownian, x0, [0, 1], min_step=0.1, **options)
    assert floor.status == "step_too_small"
    spent = sde.solve_adaptive(brownian, x0, [0, 1], max_steps=3, **options)
    assert spent.status == "max_steps"
    assert "max_steps=3 trial steps are spent" in spent.message
    np.testing.assert_array_equal(spent.t, [0.0])
    cliff = sde.SDE(
        lambda t, x: x / (0.5 - t) ** 2 * np.inf if t > 0.5 else -x, brownian.diffusion, "additive"
    )
    broken = sde.solve_adaptive(
        cliff, x0 + 1, [0, 0.25, 1], method=sde.euler_maruyama, key=KEY, on_failure="return"
    )
    assert broken.status == "nonfinite"
    assert "not finite just after t=" in broken.message
    np.testing.assert_array_equal(broken.t, [0.0, 0.25])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = sde.solve_adaptive(brownian, np.zeros((0, 2)), [0, 1], method=sde.euler_maruyama, key=KEY)
    assert empty.x.shape == (2, 0, 2)
    frozen = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x, noise="additive")
    still = sde.solve_adaptive(frozen, x0 + 3, [0, 1e-200], method=sde.euler_maruyama, key=KEY)
    np.testing.assert_array_equal(still.x[-1], x0 + 3)
    longest = sde.solve_adaptive(
        frozen, x0, [0, 1], method=sde.euler_maruyama, key=KEY, max_step=0.1, first_step=0.1
    )
    np.testing.assert_array_equal(longest.stats["steps"], 16)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"method": sde.euler_maruyama},
            ValueError,
            "strong order 1 for adaptive steps with diagonal Ito noise",
        ),
        ({"method": 3}, TypeError, "method must be a method object"),
        ({"key": None}, TypeError, "key must be a Key"),
        ({"rtol": -1.0}, ValueError, "rtol must be finite and not negative"),
        ({"rtol": float("nan")}, ValueError, "rtol must be finite"),
        ({"rtol": 0.0, "atol": 0.0}, ValueError, "must not both be 0"),
        ({"min_step": -1.0}, ValueError, "min_step must be finite"),
        ({"max_step": 0.0}, ValueError, "max_step must be positive"),
        ({"first_step": -1.0}, ValueError, "first_step must be positive"),
        ({"max_steps": 0}, ValueError, "max_steps"),
        ({"controller": 3}, TypeError, "controller must be an ode.PIController"),
        ({"first_row": -1}, ValueError, "first_row"),
        ({"on_failure": "ignore"}, ValueError, "on_failure"),
        ({"times": [0.0, 0.0]}, ValueError, "strictly monotone"),
        ({"times": [1e16, 1e16 + 2]}, ValueError, "shift the origin of time"),
        ({"x0": np.full((2, 1), np.nan)}, ValueError, "x0 must be finite"),
    ],
)
def test_refusals(change, error, message):
    arguments = {"x0": np.ones((2, 1)), "times": [0.0, 1.0], "method": sde.milstein, "key": KEY} | change
    with pytest.raises(error, match=message):
        sde.solve_adaptive(geometric(), arguments.pop("x0"), arguments.pop("times"), **arguments)


def test_a_method_without_strong_order_is_refused():
    weak = sde.Method("weak", pure_step, {"additive": (None, 2.0)})
    with pytest.raises(ValueError, match="must have a strong order for additive noise; weak has none"):
        sde.solve_adaptive(brownian, np.zeros((1, 1)), [0, 1], method=weak, key=KEY)


def test_parameters_of_single_rows_are_refused_and_controllers_choose():
    rates = np.array([[1.0], [2.0], [30.0]])
    model = sde.SDE(lambda t, x: -rates * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    with pytest.raises(ValueError, match=r"shape|broadcast"):
        sde.solve_adaptive(model, np.ones((3, 1)), [0, 1], method=sde.euler_maruyama, key=KEY, rtol=1e-3)
    ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    steps = [
        sde.solve_adaptive(
            ou, np.ones((4, 1)), [0, 1], method=sde.euler_maruyama, key=KEY, rtol=1e-2, controller=controller
        ).stats["steps"].sum()
        for controller in (None, ode.PIController(), ode.IController(safety=0.5))
    ]  # fmt: skip
    assert steps[2] > steps[0]
    assert dm.sde.solve_adaptive is sde.solve_adaptive


def test_messages_name_the_rows_of_the_whole_batch():
    """A chunk that begins at row 40, by key or by path, compared with fixed steps."""

    def drift(t, x):
        return x * x * x - x

    model = sde.SDE(drift, lambda t, x: 0.0 * x, noise="additive")  # equal rows stop together
    x0 = np.array([[0.1], [30.0], [0.2], [30.0]])
    path = sde.BrownianPath(KEY, (4, 1), 0.0, 1.0, like=x0, first_row=40)
    for noise in ({"key": KEY, "first_row": 40}, {"path": path}):
        options = {"method": sde.euler_maruyama, **noise}
        with pytest.raises(SolveError, match=r" in rows 41, 43:.*\(2 of 4 rows failed: see row_status\)"):
            sde.solve_adaptive(model, x0, [0, 1], **options)
        with pytest.raises(SolveError, match=r" in row 41:"):
            sde.solve_adaptive(model, x0[:2], [0, 1], method=sde.euler_maruyama, key=KEY, first_row=40)
        with pytest.raises(SolveError, match=r" in rows 41, 43"):
            sde.solve(model, x0, [0, 1], substeps=8, **options)
    with pytest.raises(SolveError, match=r" in rows 40, 41:"):
        sde.solve_adaptive(model, x0[1::2], [0, 1], method=sde.euler_maruyama, key=KEY, first_row=40)
    with pytest.raises(SolveError, match=" in all rows:"):
        sde.solve_adaptive(model, x0[1::2], [0, 1], method=sde.euler_maruyama, key=KEY)


def test_a_progress_bar_counts_save_times(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = {"method": sde.milstein, "key": KEY, "progress": True}
    shown = sde.solve_adaptive(geometric(), np.ones((2, 1)), [0, 0.5, 1], **options)
    assert "milstein" in capsys.readouterr().err
    options["progress"] = False
    silent = sde.solve_adaptive(geometric(), np.ones((2, 1)), [0, 0.5, 1], **options)
    assert not capsys.readouterr().err
    np.testing.assert_array_equal(shown.x, silent.x)


@pytest.mark.parametrize("times", [(0.0, 1.0), (0.03, 0.53), (0.3, 0.9)])
def test_steps_go_down_to_the_shortest_interval_of_the_path(times):
    """Wherever the save times lie; with doubling, the halves of a step do."""

    def never(model, state, t, x, dt, dW, *, estimate=True):
        return sde.Trial(x + dW, 0.0 * x + 2.0)

    method = sde.Method("never", SimpleNamespace(has_estimate=True, attempt=never), ADDITIVE)
    x0 = np.zeros((2, 1))
    path = sde.BrownianPath(KEY, (2, 1), 0.0, 1.0, like=x0)
    stuck = sde.solve_adaptive(brownian, x0, times, method=method, path=path, on_failure="return")
    floor = abs(times[1] - times[0])
    while floor >= 2 * path.shortest * (1 + 1 / 32):  # times are rounded
        floor /= 2
    assert f"fell to its floor {floor:.3g} at" in stuck.message


def test_the_origin_of_time_does_not_matter():
    """Drift and diffusion do not depend on t: the states on (0, 1) and (8, 9) are equal."""
    model = sde.SDE(lambda t, x: np.sin(x), lambda t, x: 0.5 + 0.1 * np.cos(x), noise="diagonal")
    for method in (sde.sriw1, sde.derivative_free_milstein):
        first, later = (
            sde.solve_adaptive(
                model, np.ones((3, 1)), [t0, t0 + 1.0], method=method, key=random.key(4), rtol=1e-3
            ).x[-1]
            for t0 in (0.0, 8.0)
        )
        assert np.array_equal(first, later)
