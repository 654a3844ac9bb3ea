r"""Restart sampling: an ODE sampler that goes back up to a higher noise level, several times.

Source: Xu et al. (2023), arXiv:2306.14878, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import check_array
from diffmath._core.counts import check_count
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop import sample
from diffmath.diffusion._methods import Method, as_method
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import decreasing_times, needed_key, renoised, step_noise
from diffmath.random import Key

__all__ = ["restart"]

Interval = tuple[float, float, int]


@on_its_device
def restart(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    *,
    method: Method | str,
    intervals: Sequence[Interval],
    key: Key | None = None,
    with_gradient: bool = False,
) -> Array:
    r"""Sample by an ODE method that repeats parts of the times, with fresh noise before each repetition.

    .. math:: x_{high} = \frac{\alpha_{high}}{\alpha_{low}} x_{low}
       + \sqrt{\sigma_{high}^2 - \frac{\alpha_{high}^2}{\alpha_{low}^2}\sigma_{low}^2}\;z

    Parameters
    ----------
    process, model, x_T, with_gradient
        As in `sample`.
    times : sequence of float
        Decreasing host times.
    method : Method or str
        A deterministic method, for all parts: `heun` in the paper, or any other. A multistep method starts
        anew in every part.
    intervals : sequence of (low, high, repeats)
        Where the run has come to the time `low`, it goes back up to `high` and down again, `repeats` times.
        Both must be in `times`, and the intervals in the order in which the run meets them.
    key : Key
        Required (domain "diffusion.restart").

    Returns
    -------
    array, shape (batch, \*state)
        The state at ``times[-1]``.

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `sample`; a stochastic method, intervals that are not in `times` or not in order.

    Notes
    -----
    The noise is the exact transition of the process, so that an exact ODE solver gives the exact law. A
    repetition contracts errors made before it, and adds those of its own steps. Evaluations: those of
    `method` on all parts. JAX can trace a run.

    References
    ----------
    .. [1] Xu et al. (2023), Restart sampling for improving generative processes, arXiv:2306.14878.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.edm(), diffusion.Gaussian([1.0], [[0.25]])
    >>> x = process.sample_prior(random.key(0), (4, 1), like=np.empty(0))
    >>> times, back = [80.0, 10.0, 2.0, 1.0, 0.5, 0.1, 0.002], [(0.1, 2.0, 3)]
    >>> score, key = target.score(process), random.key(1)
    >>> x = diffusion.restart(process, score, x, times, method="heun", intervals=back, key=key)
    >>> x.shape
    (4, 1)
    """
    model, method = as_model(model, process), as_method(method)
    if method.needs_key:
        raise ValueError(f"method must be deterministic, such as diffusion.heun; got {method.name}")
    key = needed_key("restart", key)
    grid, x = decreasing_times("restart", process, times), check_array("x_T", x_T, min_ndim=2)
    parts, position, drawn = _parts(grid, intervals), 0, 0
    for first, last in parts:
        if first < position:  # back up from the time where the run has come to
            noise = step_noise(key, "diffusion.restart", drawn, x)
            x = renoised(process, x, grid[position], grid[first], noise)
            drawn += 1
        part = grid[first : last + 1]
        x, position = sample(process, model, x, part, method=method, with_gradient=with_gradient), last
    return x


def _parts(grid: list[float], intervals: Sequence[Interval]) -> list[tuple[int, int]]:
    """Return the ranges of the grid that the run takes, in order."""
    parts: list[tuple[int, int]] = []
    position = 0
    for interval in intervals:
        if not isinstance(interval, tuple | list) or len(interval) != 3:
            raise TypeError(f"intervals must be (low, high, repeats); got {interval!r}")
        low, high = (_index(grid, float(t)) for t in interval[:2])
        repeats = check_count("repeats", interval[2])
        if not high < low:
            raise ValueError(f"low must be below high in an interval; got {interval!r}")
        if low < position:
            raise ValueError(f"intervals must be in the order of the run; {interval!r} comes too late")
        parts += [(position, low)] * (position < low) + [(high, low)] * repeats
        position = low
    return parts + [(position, len(grid) - 1)] * (position < len(grid) - 1)


def _index(grid: list[float], t: float) -> int:
    if t not in grid:
        near = min(grid, key=lambda known: abs(known - t))
        raise ValueError(f"the ends of intervals must be in times; got {t!r}, and times have {near!r}")
    return grid.index(t)
