r"""Grids chosen from a fine one by dynamic programming on the curves of a teacher (GITS).

.. math:: C_{ij} = \frac1B \sum_b \frac{\|\hat x_j(x_i) - x_j\|_b}{\alpha_j}, \qquad
   V_n(j) = \min_{i < j} \bigl(V_{n-1}(i) + C_{ij}\bigr)

Source: Chen, Zhou, Wang, Shen & Lyu (2024), arXiv:2405.11326, whose process has alpha = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array, to_numpy
from diffmath._core.counts import check_count
from diffmath._core.typing import Array, Score
from diffmath.diffusion._grids.variables import Times, decreasing
from diffmath.diffusion._process import Process

__all__ = ["gits_times"]

OneStep = Callable[[Array, float, float], Array]


@on_its_device
def gits_times(
    process: Process,
    steps: int,
    denoiser: Score | None,
    states: Array,
    times: Sequence[float] | Times,
    *,
    step: OneStep | None = None,
) -> Times:
    r"""Return those times of a fine grid along which the single steps of a method err least in sum.

    .. math:: C_{ij} = \mathrm{mean}\,\frac{\|\hat x_j(x_i) - x_j\|}{\alpha_j}, \qquad
       \hat x_j = \frac{\sigma_j}{\sigma_i} x_i + \Bigl(\alpha_j - \alpha_i \frac{\sigma_j}{\sigma_i}\Bigr)
       D(x_i, t_i)

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, from 1 to M.
    denoiser : callable
        ``D(x, t)``, such as ``model.denoiser`` or ``target.denoiser(process)``; None with `step`.
    states : array, shape (M + 1, batch, \*state)
        Curves of a teacher at `times`: ``trajectory(...).x`` of a good method, or of an exact flow map.
    times : sequence of float, shape (M + 1,)
        Fine decreasing grid; its ends are those of the result. 0 may be the last.
    step : callable, optional
        ``step(x, s, t)``, one step of the method at hand from time s to t; by default Euler's (DDIM).

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    TypeError
        Neither or both of `denoiser` and `step`.
    ValueError
        Times that are not decreasing, states of another number, more steps than fine steps, or errors that
        are not finite.

    Notes
    -----
    Optimal for the sum of the errors of single steps, which is not the error of the run: on the mixture of
    the example, five Euler steps have half the error of those of `karras_times`, ten have more. M evaluations
    of the denoiser, or M (M + 1)/2 calls of `step`, and O(M^2 steps) on the host. The norm is that of x /
    alpha, so the result does not depend on the process.

    References
    ----------
    .. [1] Chen et al. (2024), On the trajectory regularity of ODE-based diffusion sampling, arXiv:2405.11326.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> process = diffusion.edm()
    >>> target = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.01, 0.01])
    >>> fine = diffusion.karras_times(process, 30)
    >>> x = 80.0 * np.linspace(-2.0, 2.0, 8)[:, None]
    >>> curves = diffusion.trajectory(process, target.denoiser(process), x, fine, method=diffusion.dpmpp_2m)
    >>> times = gits_times(process, 5, target.denoiser(process), curves.x, fine)
    >>> times.shape, float(times[0]), float(times[-1])
    ((6,), 80.0, 0.002)
    """
    grid = decreasing(np.asarray(times, dtype=np.float64))
    states = check_array("states", states, min_ndim=3)
    if states.shape[0] != len(grid):
        raise ValueError(
            f"states must have one entry for each of the {len(grid)} times, shape (times, batch, ...); got "
            f"{tuple(states.shape)}"
        )
    if not 1 <= check_count("steps", steps, 0) < len(grid):
        raise ValueError(f"steps must lie in 1 to {len(grid) - 1}, the number of fine steps; got {steps}")
    if (denoiser is None) == (step is None):
        raise TypeError("gits_times needs exactly one of a denoiser, for Euler steps, and step=")
    costs = _costs(process, denoiser, step, states, grid.tolist())
    if np.isnan(costs).any():
        raise ValueError("an error of a step is not finite; check the states, the denoiser and the step")
    return grid[_shortest_path(costs, steps)]


def _costs(
    process: Process, denoiser: Score | None, step: OneStep | None, states: Array, times: list[float]
) -> npt.NDArray[np.float64]:
    """Return the mean error of a step from each time to each later one, infinite for others."""
    count = len(times)
    costs = np.full((count, count), math.inf)
    for i in range(count - 1):
        x = states[i, ...]
        data = None if denoiser is None else denoiser(x, times[i])
        for j in range(i + 1, count):
            if step is None:
                found = _euler(process, x, data, times[i], times[j])
            else:
                found = step(x, times[i], times[j])
            costs[i, j] = _mean_norm(found - states[j, ...]) / process.marginal(times[j])[0]
    return costs


def _euler(process: Process, x: Array, data: Any, s: float, t: float) -> Array:
    (alpha_s, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
    ratio = sigma_t / sigma_s
    return ratio * x + (alpha_t - alpha_s * ratio) * data


def _mean_norm(error: Array) -> float:
    xp = array_namespace(error)
    rows = xp.reshape(error, (error.shape[0], -1))
    found = float(to_numpy(xp.mean(xp.sqrt(xp.sum(rows**2, axis=1)))))
    return found if math.isfinite(found) else math.nan


def _shortest_path(costs: npt.NDArray[np.float64], steps: int) -> list[int]:
    """Return the indices of the cheapest path from the first to the last node with so many edges."""
    value = np.full(len(costs), math.inf)
    value[0] = 0.0
    before = []
    for _ in range(steps):
        through = value[:, None] + costs
        before.append(np.argmin(through, axis=0))
        value = np.min(through, axis=0)
    path = [len(costs) - 1]
    for choice in reversed(before):
        path.append(int(choice[path[-1]]))
    return path[::-1]
