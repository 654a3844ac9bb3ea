r"""EDICT: two coupled states, so that a run from noise to data can be undone exactly.

Source: Wallace, Gokul & Naik (2022), arXiv:2211.12446, section 4.
"""

from __future__ import annotations

import math
from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Score
from diffmath.diffusion._likelihood import checked_times
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import Pair, as_pair, check_steps, finite_levels, in_kind_of

__all__ = ["edict"]


@on_its_device
def edict(
    process: Process,
    model: Model | Score,
    x: Array | Pair,
    times: Any,
    *,
    p: float = 0.93,
    with_gradient: bool = False,
) -> Pair:
    r"""Sample or encode with two coupled states, exactly invertible.

    .. math:: x' = x + \delta E(y, s), \quad y' = y + \delta E(x', s), \quad
       x_t = p x' + (1 - p) y', \quad y_t = p y' + (1 - p) x_t

    in the coordinates :math:`x/\alpha`, with the step :math:`\delta` of :math:`\sigma/\alpha` from s to t.

    Parameters
    ----------
    process, model
        As in `sample`.
    x : array, shape (batch, \*state), or a pair of them
        The states at ``times[0]``; one state stands for both.
    times : sequence of float
        Host times with alpha > 0: decreasing to sample, increasing to encode, which undoes the sampling.
    p : float
        Mixing weight in (0, 1]; 0.93 is the published value.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, as in `sample`.

    Returns
    -------
    pair of arrays, shape (batch, \*state)
        Both states at ``times[-1]``, the first the sample. Both are needed to return.

    Raises
    ------
    TypeError
        As for `sample`.
    ValueError
        As for `sample`; times with alpha = 0, a `p` outside (0, 1]; encoding with so many steps that less
        than half of the digits would remain.
    SolveError
        A state that is not finite.

    Notes
    -----
    Sampling has order 1, with two evaluations a step, none at its lower time. Encoding multiplies a
    difference of the two states by :math:`p^{-2}` in a step, rounding errors included: with p = 0.93 up to
    124 steps are accepted in float64, 54 in float32. For the same reason the noise that a run from one state
    encodes does not tend to that of the flow (on a mixture its error is 0.15 with 24 steps, 9 with 96),
    though it leads back exactly. `belm` encodes with order 2 and has no such limit. JAX can trace a run.

    References
    ----------
    .. [1] Wallace, Gokul & Naik (2022), EDICT: Exact diffusion inversion via coupled transformations,
       arXiv:2211.12446, eq. 14-15.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> times, image = diffusion.log_snr_times(process, 40), np.array([[0.7]])
    >>> noise = diffusion.edict(process, target.score(process), image, times[::-1])
    >>> x, _ = diffusion.edict(process, target.score(process), noise, times)
    >>> bool(abs(x - image).max() < 1e-11)
    True
    """
    model = as_model(model, process)
    first, second = as_pair("x", x)
    second = first if second is None else second
    grid = checked_times(process, times)
    p = check_number("p", p)
    if not 0 < p <= 1:
        raise ValueError(f"p must lie in (0, 1]; got {p}")
    is_encoding = grid[-1] > grid[0]
    if is_encoding:
        _check_rounding(p, len(grid) - 1, float(array_namespace(first).finfo(first.dtype).eps))
    alphas, levels = finite_levels("edict", process, grid)
    step = _undone if is_encoding else _taken
    with keeping_gradients(first, with_gradient):
        u, v = first / alphas[0], second / alphas[0]
        for n in range(len(grid) - 1):
            k = n + 1 if is_encoding else n  # of the upper time
            delta = levels[2 * n + 1 - k] - levels[k]

            def slope(w: Array, k: int = k, delta: float = delta) -> Array:
                return delta * in_kind_of(model.noise, alphas[k] * w, grid[k])

            before = alphas[n] * u
            u, v = step(slope, u, v, p)
            check_steps("edict", (u, v), before, grid, n)
        return alphas[-1] * u, alphas[-1] * v


def _taken(slope: Any, u: Array, v: Array, p: float) -> Pair:
    u = u + slope(v)
    v = v + slope(u)
    u = p * u + (1 - p) * v
    return u, p * v + (1 - p) * u


def _undone(slope: Any, u: Array, v: Array, p: float) -> Pair:
    v = (v - (1 - p) * u) / p
    u = (u - (1 - p) * v) / p
    v = v - slope(u)
    return u - slope(v), v


def _check_rounding(p: float, steps: int, eps: float) -> None:
    """Refuse to encode if rounding errors grow beyond half of the digits."""
    growth = -2 * steps * math.log(p)
    if growth > -0.5 * math.log(eps):
        most = int(0.25 * math.log(eps) / math.log(p))
        raise ValueError(
            f"edict cannot undo {steps} steps with p={p:g}: rounding errors of {eps:.1g} grow by "
            f"p^(-2 steps) = {math.exp(min(growth, 700.0)):.1g}; take at most {most} steps, a p nearer "
            "to 1, or diffusion.belm"
        )
