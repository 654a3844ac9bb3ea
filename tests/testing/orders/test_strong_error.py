"""Distances by path: correct on one motion, refused on two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmath import Solution, random, sde
from diffmath.testing import heisenberg_sde, strong_error

KEY = random.key(3)
GBM = sde.SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x, diffusion_derivative=lambda t, x: 0.0 * x + 0.5)
X0 = np.ones((50, 2))


def run(method, steps=20, model=GBM, x0=X0, **noise):
    return sde.solve(model, x0, np.linspace(0, 1, steps + 1), method=method, **(noise or {"key": KEY}))


def test_it_is_the_root_mean_square_of_the_distances():
    path = sde.BrownianPath(KEY, X0.shape, 0.0, 1.0, like=X0)
    one, two = run(sde.euler_maruyama, path=path), run(sde.sriw1, 100, path=path)
    expected = np.sqrt(((one.x[-1] - two.x[-1]) ** 2).sum(axis=1).mean())
    assert strong_error(one, two) == pytest.approx(expected, rel=1e-14)
    assert strong_error(one, one) == 0.0
    adaptive = sde.solve_adaptive(GBM, X0, [0, 1], method=sde.milstein, path=path, rtol=1e-2)
    assert strong_error(adaptive, two) < 0.1  # another motion would give 1


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        # "one key = one path" holds for one kind of noise and steps N 2^k only: each of these was compared.
        ((sde.euler_maruyama, 20), (sde.sriw1, 20), ("'W of Key", r"'\(W, H, K\) of Key")),
        ((sde.euler_maruyama, 20), (sde.euler_maruyama, 30), (r"5 \* 2\*\*k steps", r"15 \* 2\*\*k steps")),
    ],
)
def test_two_motions_of_one_key_are_refused(one, two, names):
    with pytest.raises(
        ValueError, match=f"on one Brownian motion; got .*{names[0]}.*{names[1]}.*pass one path"
    ):
        strong_error(run(*one), run(*two))


def test_the_names_of_motions():
    steps = {n: run(sde.euler_maruyama, n).stats["motion"] for n in (5, 20, 40, 30)}
    assert steps[5] == steps[20] == steps[40] != steps[30]
    assert run(sde.milstein).stats["motion"] == steps[20]
    assert run(sde.sriw1).stats["motion"].startswith("(W, H, K) of Key(0x00000003")
    heisenberg = heisenberg_sde().model
    states = np.zeros((2, 3))
    apart = run(sde.milstein_levy, model=heisenberg, x0=states).stats["motion"]
    assert apart.endswith("A drawn separately for each step")
    weak = run(sde.dri1, model=heisenberg, x0=states)
    assert weak.stats["motion"] == f"weak noise of {KEY}, no path"
    assert run(sde.milstein, key=KEY, first_row=3).stats["motion"].endswith("rows from 3")
    uneven = sde.solve(GBM, X0, np.linspace(0, 1, 21) ** 2, method=sde.milstein, key=KEY).stats["motion"]
    assert "20 steps of the clock" in uneven
    for options in ({}, {"steps": 20}, {"first_row": 4}):
        path = sde.BrownianPath(KEY, X0.shape, 0.0, 1.0, like=X0, **options)
        assert run(sde.milstein, path=path).stats["motion"] == path.motion


def test_refusals():
    good = run(sde.milstein)
    with pytest.raises(TypeError, match="reference must be a Solution of sde"):
        strong_error(good, Solution(np.zeros(1), np.zeros((1, 2, 1))))
    weak = run(sde.dri1, model=heisenberg_sde().model, x0=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"solution must follow a Brownian path; .* compare moments"):
        strong_error(weak, weak)
    with pytest.raises(ValueError, match="equal batches and last times"):
        strong_error(good, run(sde.milstein, x0=X0[:9]))
    with pytest.raises(ValueError, match="must be complete; got 'ok' and 'nonfinite'"):
        strong_error(good, replace(good, status="nonfinite", message="it broke"))
