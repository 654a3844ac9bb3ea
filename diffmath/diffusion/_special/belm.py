r"""O-BELM: a two-step method of order 2 that is its own inverse on the reversed grid.

With :math:`w = x/\alpha`, :math:`h_i = \kappa_i - \kappa_{i+1}`, :math:`\kappa = \sigma/\alpha` and
:math:`r = h_i/h_{i-1}`,

.. math:: w_{i+1} = r^2 w_{i-1} + (1 - r^2) w_i - h_i (1 + r) E(x_i, t_i) .

Solved for :math:`w_{i-1}` it is the same rule with the times reversed. Source: Wang et al. (2024),
arXiv:2410.07273, section 3.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Score
from diffmath.diffusion._likelihood import checked_times
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import Pair, as_pair, check_steps, finite_levels, in_kind_of

__all__ = ["belm"]


@on_its_device
def belm(
    process: Process,
    model: Model | Score,
    x: Array | Pair,
    times: Any,
    *,
    with_gradient: bool = False,
) -> Pair:
    r"""Sample or encode by a two-step method that can be undone exactly.

    .. math:: \tilde x_{i+1} = r^2\,\tilde x_{i-1} + (1 - r^2)\,\tilde x_i - h_i (1 + r)\,E_i, \qquad
       \tilde x = x/\alpha, \quad r = h_i/h_{i-1}

    Parameters
    ----------
    process, model
        As in `sample`.
    x : array, shape (batch, \*state), or a pair of them
        The state at ``times[0]``, or the states at ``times[0]`` and ``times[1]``: the pair that a run returns
        starts the run back.
    times : sequence of float, shape (steps + 1,)
        At least two host times with alpha > 0: decreasing to sample, increasing to encode.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, as in `sample`.

    Returns
    -------
    pair of arrays, shape (batch, \*state)
        The states at ``times[-1]``, the result, and at ``times[-2]``.

    Raises
    ------
    TypeError
        As for `sample`.
    ValueError
        As for `sample`; times with alpha = 0; steps that grow so much that less than half of the digits would
        remain.
    SolveError
        A state that is not finite.

    Notes
    -----
    Order 2. One evaluation a step; a run that starts with one state begins with a step of the explicit
    midpoint rule, two evaluations. From a pair the model is evaluated at the inner times only.

    A difference of the states of a pair is multiplied by :math:`-r^2` in a step, in all by
    :math:`(h_n/h_0)^2`. So sampling on the usual grids, whose steps in sigma/alpha shrink, damps rounding
    errors, and encoding
    amplifies them, relative to the state, by :math:`(h_n/h_0)^2 \sqrt{(1 + \kappa_0^2)/(1 + \kappa_n^2)}`.
    Round trips keep 12 digits for sigma from 10 to 0.1. JAX can trace a run.

    References
    ----------
    .. [1] Wang et al. (2024), BELM: Bidirectional explicit linear multi-step sampler for exact inversion in
       diffusion models, arXiv:2410.07273, eq. 18.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> times, image = diffusion.log_snr_times(process, 40), np.array([[0.7]])
    >>> noise = diffusion.belm(process, target.score(process), image, times[::-1])
    >>> x = diffusion.belm(process, target.score(process), noise, times)
    >>> bool(abs(x[0] - image).max() < 1e-9)
    True
    """
    model = as_model(model, process)
    now, ahead = as_pair("x", x)
    grid = checked_times(process, times)
    alphas, levels = finite_levels("belm", process, grid)
    steps = [a - b for a, b in pairwise(levels)]
    _check_growth(levels, float(array_namespace(now).finfo(now.dtype).eps))
    with keeping_gradients(now, with_gradient):
        if ahead is None:
            ahead = _midpoint(process, model, now, grid, alphas, levels)
            check_steps("belm", (ahead,), now, grid, 0)
        before, u = now / alphas[0], ahead / alphas[1]
        for n in range(1, len(steps)):
            noise = in_kind_of(model.noise, alphas[n] * u, grid[n])
            r = steps[n] / steps[n - 1]
            new = r**2 * before + (1 - r**2) * u - steps[n] * (1 + r) * noise
            check_steps("belm", (new,), alphas[n] * u, grid, n)
            before, u = u, new
        return alphas[-1] * u, alphas[-2] * before


def _midpoint(
    process: Process, model: Model, x: Array, grid: list[float], alphas: list[float], levels: list[float]
) -> Array:
    """Return the state at the second time, by the explicit midpoint rule in sigma/alpha."""
    level = 0.5 * (levels[0] + levels[1])
    t = float(process.time_of_log_snr(-math.log(level)))
    u = x / alphas[0]
    inner = u + (level - levels[0]) * in_kind_of(model.noise, x, grid[0])
    noise = in_kind_of(model.noise, process.marginal(t)[0] * inner, t)
    return alphas[1] * (u + (levels[1] - levels[0]) * noise)


def _check_growth(levels: list[float], eps: float) -> None:
    """Refuse steps on which rounding errors grow, relative to the state, beyond half of the digits."""
    growth, least = 1.0, math.inf
    for start, end in pairwise(levels):
        size = (end - start) ** 2 / math.hypot(1.0, end)
        least = min(least, size)
        growth = max(growth, size / least)
    if growth > eps**-0.5:
        raise ValueError(
            "belm multiplies rounding errors by the square of the growth of the steps in sigma/alpha, here, "
            f"relative to the state, by {growth:.1g}, which leaves less than half of the digits of "
            f"{eps:.1g}: take a narrower range of times, steps that grow less, or a float64 state"
        )
