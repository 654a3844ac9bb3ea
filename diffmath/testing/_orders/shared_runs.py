"""Runs of an SDE method with increasing numbers of steps, all on the same Brownian paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._core.typing import Array
from diffmath.sde import Increment, Method, chen, levy_increments, noise_shape
from diffmath.testing._problems import SDEProblem

__all__ = ["squared_errors"]

Matrix = npt.NDArray[np.float64]

# The finest grid of the exact solution has steps this many times smaller than the finest run.
_RESOLUTION = 2


def squared_errors(
    method: Method, problem: SDEProblem, counts: Sequence[int], paths: int, key: random.Key
) -> Matrix:
    """Return the squared distances of every run (rows) on every path (columns)."""
    x0 = np.broadcast_to(
        np.asarray(problem.x0, dtype=np.float64), (paths, len(np.asarray(problem.x0)))
    ).copy()
    needed = method.terms
    finest = counts[-1] * _RESOLUTION
    clock = np.linspace(*problem.t_span, finest + 1)
    terms = "".join(sorted({"H", *needed, *problem.terms}))
    shape = noise_shape(problem.model, float(clock[0]), x0)
    draw = levy_increments(terms)(random.fold_in(key, "testing.strong"), clock, shape, like=x0)
    grids = [list(draw)]
    while len(grids[-1]) > counts[0]:
        fine = grids[-1]
        grids.append([chen(first, second) for first, second in zip(fine[::2], fine[1::2], strict=True)])
    grids.reverse()  # from the coarsest to the finest, one more than runs
    with np.errstate(all="ignore"):  # an unstable step overflows: this is a result, not a warning
        if problem.exact is None:
            runs = [_run(method, problem, x0, grid, bool(needed)) for grid in grids]
            pairs: Iterable[tuple[Matrix, Matrix]] = pairwise(runs)
        else:
            exact = np.asarray(problem.exact(grids[-1]))
            if exact.shape != x0.shape:
                raise ValueError(f"exact(increments) must return shape {x0.shape}; got {exact.shape}")
            pairs = ((_run(method, problem, x0, grid, bool(needed)), exact) for grid in grids[:-1])
        return np.stack([((run - other) ** 2).sum(axis=1) for run, other in pairs])


def _run(method: Method, problem: SDEProblem, x0: Matrix, grid: Sequence[Increment], areas: bool) -> Matrix:
    """Take one step for every increment and return the last state."""
    clock = np.linspace(*problem.t_span, len(grid) + 1)
    x: Array = x0
    state = method.init(problem.model, float(clock[0]), x)
    for n, increment in enumerate(grid):
        noise: Any = increment if areas else increment.W
        dt = float(clock[n + 1] - clock[n])
        trial = method.attempt(problem.model, state, float(clock[n]), x, dt, noise, estimate=False)
        x, state = trial.x, trial.state
    if not isinstance(x, np.ndarray) or x.shape != x0.shape:
        found = getattr(x, "shape", type(x).__name__)
        raise AssertionError(
            f"a step of {method.name} must return a NumPy array like x, {x0.shape}; got {found}"
        )
    return x
