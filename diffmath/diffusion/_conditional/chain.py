r"""The Markov chain of a stochastic sampler of one evaluation a step, as particle methods use it.

.. math:: x_t = \mathrm{decay}\,x_s + \mathrm{weight}\,D(x_s) + \mathrm{noise}\,z
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.namespace import all_finite, check_array
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array
from diffmath._stepping.failures import nonfinite_rows
from diffmath.diffusion._loop import check_times, checked_plan
from diffmath.diffusion._methods import Step, as_method, factors
from diffmath.diffusion._process import Process, remembering
from diffmath.random import Key, fold_in, normal

__all__ = ["Chain"]


class Chain:
    """The steps of a chain, checked."""

    def __init__(self, process: Process, x_T: Any, times: Any, method: Any) -> None:
        self.x_T = check_array("x_T", x_T, min_ndim=2)
        self.method, process = as_method(method), remembering(process)
        self.grid = check_times(process, times, self.method)
        self.plan = checked_plan(process, self.grid, self.method)
        if not self.method.needs_key or self.method.form != "data" or not all(map(_is_plain, self.plan)):
            raise ValueError(
                "particles need a stochastic sampler of one evaluation a step, such as ddpm or "
                f"ddim(eta=0.5); got {self.method.name}"
            )

    def __len__(self) -> int:
        return len(self.plan)

    def moved(self, n: int, x: Array, denoised: Array) -> Array:
        """Return the mean of the next state."""
        step = self.plan[n]
        return step.decay * x + step.weights[0] * denoised

    def noise_scale(self, n: int) -> float:
        """Return the standard deviation of the next state."""
        return factors(self.plan[n].noise)[0]

    def normals(self, n: int, key: Key) -> Array:
        """Return the unit normals of a step, one row per particle."""
        return normal(fold_in(fold_in(key, "noise"), n), tuple(self.x_T.shape), like=self.x_T)

    def check(self, n: int, x: Array, value: Array, what: str) -> Array:
        """Return a value at a step; raise, with the last states, if it is not finite."""
        if not all_finite(value):
            t = self.grid[n]
            message = f"{what} is not finite at t={t:g} (step {n} of {len(self)}) in {nonfinite_rows(value)}"
            raise SolveError(
                message, Solution(t=np.array([t]), x=x[None, ...], status="nonfinite", message=message)
            )
        return value


def _is_plain(step: Step) -> bool:
    return step.evaluates and not step.stages and len(step.weights) == 1 and len(factors(step.noise)) == 1
