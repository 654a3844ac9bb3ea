"""States between saved ones: on the path of the solve, and conditional on the states alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffmath import Solution, random, sde
from diffmath.sde import (
    SDE,
    BrownianPath,
    Method,
    euler_maruyama,
    interpolate,
    levy_increments,
    milstein,
    solve,
    solve_adaptive,
)

KEY = random.key(2)
MOTION = SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
GBM = SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x, diffusion_derivative=lambda t, x: 0.0 * x + 0.5)


def path_of(x0, key=KEY, t0=0.0, t1=1.0, **options):
    return BrownianPath(key, tuple(x0.shape), t0, t1, like=x0, **options)


def test_on_the_path_of_the_solve_a_brownian_motion_is_that_path():
    x0 = np.zeros((50, 1))
    path = path_of(x0)
    solution = solve(MOTION, x0, np.linspace(0, 1, 9), method=euler_maruyama, path=path)
    times = [0.0, 0.1, 0.25, 0.3, 0.99, 1.0]
    dense = interpolate(MOTION, solution, times, method=euler_maruyama, path=path)
    np.testing.assert_allclose(dense, np.stack([path(0.0, t) for t in times]), atol=1e-14)
    np.testing.assert_array_equal(dense[2], solution.x[2])


ROWS = 20_000
BAND = 7 * math.sqrt(2 / ROWS)  # 7 sigma of a mean of squares of normals: false-positive rate below 3e-12


@pytest.mark.parametrize("own", [True, False], ids=["path of the solve", "another path"])
def test_the_middle_of_a_step_has_the_variance_of_its_time(own):
    """t + h/2, where linear interpolation has t + h/4; and the bridge is independent of the saved states."""
    x0, h = np.zeros((ROWS, 1)), 0.25
    path = path_of(x0)
    solution = solve(MOTION, x0, np.linspace(0, 1, 5), method=euler_maruyama, path=path)
    path = path if own else path_of(x0, random.key(77))
    (middle,) = interpolate(MOTION, solution, [0.25 + h / 2], method=euler_maruyama, path=path)
    assert abs(middle.var() / (0.25 + h / 2) - 1) < BAND
    linear = (solution.x[1] + solution.x[2]) / 2
    assert abs(linear.var() / (0.25 + h / 4) - 1) < BAND
    assert abs(linear.var() / (0.25 + h / 2) - 1) > BAND  # what everybody has would be seen
    bridge = middle - linear
    assert abs(bridge.var() / (h / 4) - 1) < BAND
    for state in solution.x[1:3]:
        assert abs((bridge * state).mean()) < 7 * math.sqrt(h / 4 * state.var() / ROWS)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.8])
def test_the_conditional_law_of_an_ornstein_uhlenbeck_process(place):
    """On another path: variance given both ends within (kh)^2 / 12 of the exact sinh sinh / sinh."""
    k, g, h = 1.0, 0.5, 0.5
    model = SDE(lambda t, x: -k * x, lambda t, x: 0.0 * x + g, noise="additive")
    x0 = np.ones((ROWS, 1))
    solution = solve(model, x0, [0.0, h, 2 * h], method=euler_maruyama, key=KEY)
    t = h + place * h
    path = path_of(x0, random.key(4), 0.0, 2 * h)
    (x,) = interpolate(model, solution, [t], method=euler_maruyama, path=path)
    bridge = x - (1 - place) * solution.x[1] - place * solution.x[2]
    exact = g * g / k * math.sinh(k * place * h) * math.sinh(k * (1 - place) * h) / math.sinh(k * h)
    assert abs(bridge.mean()) < 7 * math.sqrt(exact / ROWS)
    assert abs(bridge.var() / exact - 1) < (k * h) ** 2 / 12 * 1.01 + BAND
    brownian = g * g * h * place * (1 - place)
    assert 0 < brownian / exact - 1 <= (k * h) ** 2 / 12 * 1.01 + (k * h) ** 2 / 6 * abs(place - 0.5)


@pytest.mark.parametrize(
    ("method", "order"), [(euler_maruyama, 0.5), (milstein, 1.0)], ids=["euler", "milstein"]
)
def test_between_the_steps_the_strong_order_is_that_of_the_method(method, order):
    """On the path of the solve, at a time in no grid, against the exact solution on the same path."""
    x0, t, errors = np.ones((2000, 1)), 0.6180339887, []
    path = path_of(x0)
    exact = np.exp((0.1 - 0.125) * t + 0.5 * path(0.0, t))
    for steps in (8, 16, 32, 64, 128):
        solution = solve(GBM, x0, np.linspace(0, 1, steps + 1), method=method, path=path)
        (x,) = interpolate(GBM, solution, [t], method=method, path=path)
        errors.append(np.sqrt(((x - exact) ** 2).mean()))
    slope = -np.polyfit(range(5), np.log2(errors), 1)[0]
    assert abs(slope - order) < 0.15


def test_lines_between_the_states_have_order_one_half_at_best():
    """Linear interpolation would lower Milstein's order between the steps."""
    x0, errors = np.ones((2000, 1)), []
    path = path_of(x0)
    for steps in (8, 16, 32, 64, 128):
        t = 0.5 + 0.5 / steps
        solution = solve(GBM, x0, np.linspace(0, 1, steps + 1), method=milstein, path=path)
        line = (solution.x[steps // 2] + solution.x[steps // 2 + 1]) / 2
        errors.append(np.sqrt(((line - np.exp((0.1 - 0.125) * t + 0.5 * path(0.0, t))) ** 2).mean()))
    assert abs(-np.polyfit(range(5), np.log2(errors), 1)[0] - 0.5) < 0.15


def test_backwards_with_areas_and_after_substeps():
    x0 = np.zeros((4, 2))

    def step(model, t, x, dt, noise):
        return x + noise.W + 0.0 * noise.H

    method = Method("w_and_h", step, {"additive": (1.0, 1.0)}, increments=levy_increments("H"))
    solution = solve(MOTION, x0, np.linspace(1, 0, 5), method=method, key=KEY, substeps=2)
    path = path_of(x0, t0=1.0, t1=0.0, terms="HK", steps=8)
    dense = interpolate(MOTION, solution, [0.9, 0.5, 0.1], method=method, path=path)
    np.testing.assert_allclose(dense, np.stack([path(1.0, t) for t in (0.9, 0.5, 0.1)]), atol=1e-14)


def test_every_backend(xp):
    x0 = np.ones((3, 1))
    expected, got = (
        interpolate(
            GBM, solve(GBM, start, [0.0, 0.5, 1.0], method=milstein, key=KEY), [0.2, 0.7], method=milstein,
            path=path_of(start, steps=2),
        )
        for start in (x0, xp.asarray(x0))
    )  # fmt: skip
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"times": [0.5, 1.5]}, ValueError, "times must lie between the saved ones, .*; got .*1.5"),
        ({"times": []}, ValueError, "at least 1"),
        ({"method": 3}, TypeError, "method must be a method object"),
        ({"path": KEY}, TypeError, "path must be a BrownianPath; got Key"),
        (
            {"path": BrownianPath(KEY, (3, 2), 0, 1, like=np.empty(0))},
            ValueError,
            r"path must have shape \(2, 1\)",
        ),
        ({"solution": Solution(np.zeros(1), np.zeros((1, 2, 1)))}, ValueError, "at least 2 times"),
    ],
)
def test_refusals(change, error, match):
    x0 = np.zeros((2, 1))
    options = {
        "solution": solve(MOTION, x0, [0.0, 1.0], method=euler_maruyama, key=KEY), "times": [0.5],
        "method": euler_maruyama, "path": path_of(x0),
    } | change  # fmt: skip
    with pytest.raises(error, match=match):
        interpolate(MOTION, options.pop("solution"), options.pop("times"), **options)


def test_between_the_save_times_of_adaptive_steps_lies_the_same_path():
    """The states of adaptive steps are those of a Brownian path: its bridge goes through them."""
    x0, times = np.zeros((50, 1)), [0.0, 0.1, 0.25, 0.3, 0.99, 1.0]
    path = path_of(x0)
    solution = solve_adaptive(MOTION, x0, np.linspace(0, 1, 9), method=euler_maruyama, path=path)
    dense = interpolate(MOTION, solution, times, method=euler_maruyama, path=path)
    np.testing.assert_allclose(dense, np.stack([path(0.0, t) for t in times]), atol=1e-14)
    np.testing.assert_array_equal(dense[2], solution.x[2])
    # From another path: the right variance given the states, for which the ends' mean has h / 4 too little.
    x0 = np.zeros((ROWS, 1))
    solution = solve_adaptive(MOTION, x0, np.linspace(0, 1, 5), method=euler_maruyama, key=KEY)
    other = path_of(x0, random.key(77))
    (middle,) = interpolate(MOTION, solution, [0.375], method=euler_maruyama, path=other)
    assert abs(middle.var() / 0.375 - 1) < BAND


@pytest.mark.parametrize("name", ["heun", "spark"])
def test_the_dense_output_of_adaptive_steps_has_the_order_of_the_method(name):
    """At least strong order 1 between save times, where a line between the states has 1/2."""
    method, rows, counts = getattr(sde, name), 50, (1, 2, 4, 8, 16)
    model = SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x, calculus="stratonovich")
    x0, at = np.ones((rows, 1)), np.linspace(0, 1, 34)[1:-1]
    path = path_of(x0, terms="" if name == "heun" else "H")
    exact = np.stack([np.exp(0.1 * t + 0.5 * path(0.0, t)) for t in at])
    errors = []
    for count in counts:
        times = np.linspace(0, 1, count + 1)
        solution = solve_adaptive(model, x0, times, method=method, path=path, rtol=3e-5, atol=3e-5)
        dense = interpolate(model, solution, at, method=method, path=path)
        line = np.stack([np.interp(at, times, solution.x[:, row, 0]) for row in range(rows)], axis=1)
        errors.append([np.sqrt(np.mean((found - exact[..., 0]) ** 2)) for found in (dense[..., 0], line)])
    slopes = np.polyfit(np.log2(counts), np.log2(errors), 1)[0]
    assert slopes[0] < -1.0
    assert slopes[1] > -0.6


def test_rows_that_failed_stay_nan_and_others_are_themselves():
    def drift(t, x):
        return x * x * x - x

    model = SDE(drift, lambda t, x: 0.0 * x + 0.3, noise="additive")
    x0 = np.array([[0.1], [30.0], [0.2]])
    options = {"method": euler_maruyama, "key": KEY, "on_failure": "return"}
    solution = solve_adaptive(model, x0, [0, 0.5, 1], **options)
    dense = interpolate(model, solution, [0.2, 0.7], method=euler_maruyama, path=path_of(x0, steps=2))
    np.testing.assert_array_equal(np.isnan(dense[:, :, 0]), [[False, True, False]] * 2)
