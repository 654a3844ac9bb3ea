"""Different methods on one BrownianPath see one motion: W between terms, strong convergence, areas, cost."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.testing import heisenberg_sde

KEY = random.key(21)
ADDITIVE = {"additive": (1.0, 1.0)}
MOTION = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")


def driven_by(terms):
    draw = sde.levy_increments(terms) if terms else sde.brownian_increments
    return sde.Method(
        "sum", lambda model, t, x, dt, noise: x + (noise.W if terms else noise), ADDITIVE, increments=draw
    )


@pytest.mark.parametrize("steps", [None, 20])
def test_methods_of_all_terms_see_the_same_w(steps):
    """W-only methods and H methods used to get independent motions from one path."""
    x0 = np.zeros((6, 2))
    path = sde.BrownianPath(KEY, x0.shape, 0.0, 1.0, like=x0, steps=steps)
    times = np.linspace(0, 1, 11)
    runs = [
        sde.solve(MOTION, x0, times, method=driven_by(terms), path=path, substeps=substeps).x
        for terms in ("", "H", "HK", "A")
        for substeps in (1, 2, 4)
    ]
    for run in runs:
        # The sum of at most 40 increments against the path itself: some roundings of numbers near 1.
        np.testing.assert_allclose(run[-1], path(0.0, 1.0), rtol=0, atol=1e-14)
        np.testing.assert_allclose(run, runs[0], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(runs[0], runs[3])  # W without H, and with it


def test_euler_and_a_method_with_h_converge_to_each_other_on_one_path():
    """At the strong order of Euler-Maruyama; on the key alone they stay 1 apart."""
    model = sde.SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x)
    x0 = np.ones((2000, 1))
    path = sde.BrownianPath(KEY, x0.shape, 0.0, 1.0, like=x0)
    fine = sde.solve(model, x0, np.linspace(0, 1, 401), method=sde.sriw1, path=path).x[-1]
    exact = np.exp((0.1 - 0.125) + 0.5 * path(0.0, 1.0))
    assert np.sqrt(((fine - exact) ** 2).mean()) < 1e-4
    errors = []
    for steps in (20, 40, 80, 160, 320):
        x = sde.solve(model, x0, np.linspace(0, 1, steps + 1), method=sde.euler_maruyama, path=path).x[-1]
        errors.append(np.sqrt(((x - fine) ** 2).mean()))
    slope = -np.polyfit(range(5), np.log2(errors), 1)[0]
    assert abs(slope - 0.5) < 0.15
    apart = [
        sde.solve(model, x0, np.linspace(0, 1, 21), method=method, key=KEY).x[-1]
        for method in (sde.euler_maruyama, sde.sriw1)
    ]
    assert np.sqrt(((apart[0] - apart[1]) ** 2).mean()) > 5 * errors[0]


@pytest.mark.parametrize("steps", [None, 5])
def test_milstein_levy_refines_its_areas_on_a_path(steps):
    """Coupled coarse and fine runs differ at order 1; with redrawn areas they would differ by sqrt(h)."""
    problem = heisenberg_sde()
    x0 = np.tile(problem.x0, (1000, 1))
    path = sde.BrownianPath(KEY, (1000, 2), 0.0, 1.0, like=x0, steps=steps, levels=8)
    clock = np.linspace(0, 1, 6)

    def gaps(**noise):
        runs = [
            sde.solve(problem.model, x0, clock, method=sde.milstein_levy, substeps=n, **noise).x[-1]
            for n in (1, 2, 4, 8)
        ]
        return [float(np.sqrt(((fine - coarse) ** 2).mean())) for coarse, fine in pairwise(runs)]

    on_path, by_key = gaps(path=path), gaps(key=KEY)
    slope = -np.polyfit(range(3), np.log2(on_path), 1)[0]
    assert slope > 0.85
    assert by_key[-1] > 2 * on_path[-1]


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.0, 0.5), (0.1, 0.3)])
def test_areas_of_a_path_have_the_variance_of_levy(span):
    """h^2 / 4, and fourth moment 5 h^4 / 16: 5 standard errors each, 6e-7 false alarms a figure."""
    rows, h = 8000, span[1] - span[0]
    path = sde.BrownianPath(KEY, (rows, 2), 0.0, 1.0, like=np.empty(0), terms="A", levels=5)
    with pytest.raises(ValueError, match="must be an end of a leaf"):
        path.increment(0.0, 0.01)
    A = path.increment(*span).A[:, 0, 1] / (h / 2)
    # Var A^2 = 5 - 1 in these units; A^8 has the moment 1385 (its law is sech), so Var A^4 = 1360.
    assert abs((A**2).mean() - 1) < 5 * np.sqrt(4 / rows)
    assert abs((A**4).mean() - 5) < 5 * np.sqrt(1360 / rows)
    assert abs((A * path(*span)[:, 0]).mean()) < 5 / np.sqrt(rows) * np.sqrt(h)


@pytest.mark.parametrize("method", ["euler_maruyama", "sra1"])
@pytest.mark.parametrize("shape", [(100, 2), (10_000, 1)])
def test_a_path_costs_at_most_three_times_a_key(method, shape):
    """CPU time of the best of rounds, interleaved; it was 2 to 10 times (measured now: 0.5 to 2)."""
    pytest.importorskip("numba")
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    x0, times = np.ones(shape), np.linspace(0, 1, 201)

    def seconds(**noise):
        start = time.process_time()
        sde.solve(model, x0, times, method=getattr(sde, method), **noise)
        return time.process_time() - start

    best = {"key": np.inf, "path": np.inf}
    for _ in range(3 if shape[0] > 1000 else 5):
        best["key"] = min(best["key"], seconds(key=KEY))
        best["path"] = min(best["path"], seconds(path=sde.BrownianPath(KEY, shape, 0.0, 1.0, like=x0)))
    assert best["path"] < 3 * best["key"]
