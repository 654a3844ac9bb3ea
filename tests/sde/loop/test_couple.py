"""Coarse and fine runs on one path: the fine run is a solve, the difference falls with the strong order."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import SolveError, random
from diffmath.sde import SDE, Method, coupled, euler_maruyama, levy_increments, milstein, solve

KEY = random.key(5)
RATE, VOLATILITY = 0.5, 0.8


def one(t, x):
    return 0.0 * x + VOLATILITY


GBM = SDE(lambda t, x: RATE * x, lambda t, x: VOLATILITY * x, diffusion_derivative=one)
OU = SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")


def run(model, method, steps, rows=4000, **options):
    return coupled(
        model, np.ones((rows, 1)), t_span=(0.0, 1.0), steps=steps, method=method, key=KEY, **options
    )


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_the_fine_run_is_the_solve_of_the_key(ratio):
    pair = run(GBM, milstein, 6, rows=5, ratio=ratio)
    whole = solve(GBM, np.ones((5, 1)), np.linspace(0, 1, 6 * ratio + 1), method=milstein, key=KEY)
    np.testing.assert_array_equal(pair.fine, whole.x[-1])


def test_the_coarse_run_is_that_solve_too_where_the_paths_refine():
    pair = run(GBM, milstein, 12, rows=5, ratio=4)
    whole = solve(GBM, np.ones((5, 1)), np.linspace(0, 1, 13), method=milstein, key=KEY)
    np.testing.assert_allclose(pair.coarse, whole.x[-1], rtol=1e-13)  # a few roundings per step


def mean_square_gap(steps, milstein_term):
    """E (fine - coarse)^2 exactly: the pair's second moments are mapped linearly by each coarse step."""
    h, z = 1 / steps, np.polynomial.hermite_e.hermegauss(8)
    points, weights = z[0], z[1] / z[1].sum()

    def factor(dt, dW):
        correction = VOLATILITY**2 * (dW**2 - dt) / 2 if milstein_term else 0.0
        return 1 + RATE * dt + VOLATILITY * dW + correction

    a, b = np.meshgrid(points, points)
    weight = np.outer(weights, weights)
    first, second = (np.sqrt(h / 2) * v for v in (a, b))
    fine, coarse = factor(h / 2, first) * factor(h / 2, second), factor(h, first + second)
    moments = [(weight * p).sum() ** steps for p in (fine * fine, fine * coarse, coarse * coarse)]
    return moments[0] - 2 * moments[1] + moments[2]


@pytest.mark.parametrize(
    ("method", "rate"), [(euler_maruyama, 1.0), (milstein, 2.0)], ids=["euler", "milstein"]
)
def test_the_variance_of_a_level_falls_with_twice_the_strong_order(method, rate):
    """Measured at 4 halvings against the exact mean squares, whose slope is asymptotic."""
    exact = [mean_square_gap(steps, method is milstein) for steps in (128, 256, 512, 1024, 2048)]
    assert abs(np.diff(np.log2(exact)) + rate).max() < 0.03
    measured = []
    for steps in (4, 8, 16, 32):
        pair = run(GBM, method, steps, rows=20_000)
        measured.append(float(((pair.fine - pair.coarse) ** 2).mean()))
    expected = [mean_square_gap(steps, method is milstein) for steps in (4, 8, 16, 32)]
    # Squares of log-normal tails: relative spread of a mean about 5 %, of a fixed seed; a rate off by 1/2
    # would be off by a factor of 1.4 per halving.
    np.testing.assert_allclose(measured, expected, rtol=0.3)


def test_independent_runs_would_have_no_rate():
    pair = run(GBM, euler_maruyama, 64)
    other = coupled(
        GBM, np.ones((4000, 1)), t_span=(0.0, 1.0), steps=64, method=euler_maruyama, key=random.key(6)
    )
    assert ((pair.fine - other.coarse) ** 2).mean() > 50 * ((pair.fine - pair.coarse) ** 2).mean()


def test_areas_reach_the_coarse_run_by_chens_relation():
    """A method that only sums its increments: both runs end at W, H and A of the whole interval."""
    seen = {"coarse": [], "fine": []}

    def step(model, t, x, dt, noise):
        seen["coarse" if dt > 0.2 else "fine"].append(noise)
        return x + noise.W

    method = Method("record", step, {"additive": (1.0, 1.0)}, increments=levy_increments("KA"))
    pair = coupled(
        SDE(OU.drift, lambda t, x: 0.0 * x + 1.0, noise="additive"), np.ones((3, 2)), t_span=(0.0, 1.0),
        steps=4, method=method, key=KEY,
    )  # fmt: skip
    np.testing.assert_allclose(pair.coarse, pair.fine, atol=1e-14)
    direct = levy_increments("KA")(
        random.fold_in(KEY, "sde.path"), np.linspace(0, 1, 5), (3, 2), like=np.empty(0)
    )
    for got, expected in zip(seen["coarse"], direct, strict=True):
        for name in "WHK":
            np.testing.assert_allclose(getattr(got, name), getattr(expected, name), atol=1e-14)
        assert got.A is not None


def test_backwards_chunks_and_backends(xp):
    x0 = np.linspace(1, 2, 6)[:, None]
    whole = coupled(OU, x0, t_span=(1.0, 0.0), steps=5, method=euler_maruyama, key=KEY)
    part = coupled(
        OU, xp.asarray(x0[2:5]), t_span=(1.0, 0.0), steps=5, method=euler_maruyama, key=KEY, first_row=2
    )
    for got, expected in zip(part, whole, strict=True):
        np.testing.assert_allclose(xp.numpy(got), expected[2:5], rtol=1e-13)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"ratio": 1}, ValueError, "ratio must be at least 2"),
        ({"t_span": (0.0, 1.0, 2.0)}, ValueError, r"t_span must be \(first, last\); got 3 times"),
        ({"key": 3}, TypeError, "key must be a Key"),
        ({"method": 3}, TypeError, "method must be a method object"),
        ({"x0": np.ones(3)}, ValueError, "x0 must have shape"),
    ],
)
def test_refusals(change, error, match):
    options = {
        "t_span": (0.0, 1.0),
        "steps": 2,
        "method": milstein,
        "key": KEY,
        "x0": np.ones((2, 1)),
    } | change
    with pytest.raises(error, match=match):
        coupled(OU, options.pop("x0"), **options)


def test_noise_of_another_kind_is_refused_before_the_model_is_called():
    """Sums of three-valued variables are not three-valued: weak methods have no coarse step of it."""
    calls = []
    model = SDE(lambda t, x: calls.append(t) or -x, lambda t, x: 0.0 * x, noise="additive")
    weak = Method(
        "three_point", lambda *a: a[2], {"additive": (None, 2.0)}, increments=lambda *a, **k: iter(())
    )
    with pytest.raises(ValueError, match="three_point draws its own kind of noise"):
        run(model, weak, 2)
    assert not calls


def test_a_state_that_explodes_is_reported():
    wild = SDE(lambda t, x: 1e200 * x**3, lambda t, x: 0.0 * x, noise="additive")
    with pytest.raises(SolveError, match=r"fine run: the state is not finite at t=0\.125") as error:
        run(wild, euler_maruyama, 8, rows=2)
    assert error.value.solution.status == "nonfinite"
