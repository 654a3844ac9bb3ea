r"""Samplers of models that are flow maps between any two times: TCD and MeanFlow.

A flow map :math:`\Psi_{s \to t}` carries a state of the probability-flow ODE from one time to another in one
evaluation. With the exact map, every step below keeps the marginals of the process exactly: it follows the
flow, or noises a state at a lower time by the forward process.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import check_array
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._likelihood import checked_times
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import (
    check_steps,
    decreasing_times,
    evaluated,
    noises,
    renoised,
)
from diffmath.random import Key

__all__ = ["mean_flow", "tcd"]

Map = Callable[[Array, float, float], Array]


@on_its_device
def tcd(
    process: Process,
    function: Map,
    x_T: Array,
    times: Any,
    *,
    gamma: float = 0.3,
    key: Key | None = None,
) -> Array:
    r"""Sample a flow map with stochasticity `gamma`: below the next time by the flow, back to it by noise.

    .. math:: r = (1 - \gamma)\,t_{n+1}, \quad x_r = \Psi_{t_n \to r}(x), \quad
       x_{t_{n+1}} = \frac{\alpha_{n+1}}{\alpha_r} x_r
       + \sqrt{\sigma_{n+1}^2 - \frac{\alpha_{n+1}^2}{\alpha_r^2}\sigma_r^2}\;z

    Parameters
    ----------
    process, x_T
        As in `consistency`.
    function : callable
        The flow map ``function(x, s, t)``: the state at t of the flow through x at s, for t <= s. The
        `flow_map` of a target is one.
    times : sequence of float, shape (steps + 1,)
        Decreasing host times.
    gamma : float
        In [0, 1]: 0 follows the flow, 1 is the multistep sampler of a consistency model to t = 0.
    key : Key, optional
        Required by more than one step with gamma > 0 (domain "diffusion.tcd").

    Returns
    -------
    array, shape (batch, \*state)

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `consistency`; `gamma` outside [0, 1].

    Notes
    -----
    The last step ends at ``times[-1]`` without noise. With the exact map the law of the result is exact for
    any times. One evaluation a step. Published code rounds r to an index of a discrete grid; here r is a
    time.

    References
    ----------
    .. [1] Zheng et al. (2024), Trajectory consistency distillation, arXiv:2402.19159, algorithm 4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> x = process.sample_prior(random.key(0), (4, 1), like=np.empty(0))
    >>> times, key = [1.0, 0.6, 0.3, 0.0], random.key(1)
    >>> diffusion.tcd(process, target.flow_map(process), x, times, gamma=0.5, key=key).shape
    (4, 1)
    """
    gamma = check_number("gamma", gamma)
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma must lie in [0, 1]; got {gamma}")
    _check_map(function)
    grid, x = decreasing_times("tcd", process, times), check_array("x_T", x_T, min_ndim=2)
    noise = noises("tcd", key, x, len(grid) - 2 if gamma else 0)
    for n, s in enumerate(grid[:-1]):
        last = n == len(grid) - 2 or gamma == 0
        t = grid[n + 1]
        r = t if last else (1 - gamma) * t
        before, x = x, evaluated(function, "flow map(x, s, t)", x, s, r)
        if not last:
            x = renoised(process, x, r, t, next(noise))
        check_steps("tcd", (x,), before, grid, n)
    return x


@on_its_device
def mean_flow(process: Process, function: Map, x_T: Array, times: Any) -> Array:
    r"""Sample a MeanFlow model, which predicts the average velocity between two times.

    .. math:: x_t = x_s + (t - s)\,\bar u(x_s, s, t), \qquad
       \bar u = \frac{1}{t - s}\int_s^t u(x_\tau, \tau)\,d\tau

    Parameters
    ----------
    process, x_T
        As in `consistency`.
    function : callable
        The average velocity ``function(x, s, t)`` over the flow from x at s to t. The paper writes
        :math:`u(z_t, r, t)` for a flow from t down to r, which is ``function(z, t, r)`` here.
    times : sequence of float, shape (steps + 1,)
        Host times, decreasing, or increasing if the model is valid there.

    Returns
    -------
    array, shape (batch, \*state)

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `consistency`.

    Notes
    -----
    Deterministic. With the exact average velocity it is the exact flow at any number of steps. One evaluation
    a step. JAX can trace a run.

    References
    ----------
    .. [1] Geng et al. (2025), Mean flows for one-step generative modeling, arXiv:2505.13447, eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, target = diffusion.flow(), diffusion.Gaussian([1.0], [[0.25]])
    >>> flow = target.flow_map(process)
    >>> def average(x, s, t):
    ...     return (flow(x, s, t) - x) / (t - s)
    >>> x = diffusion.mean_flow(process, average, np.ones((1, 1)), [1.0, 0.4, 0.0])
    >>> bool(abs(x - flow(np.ones((1, 1)), 1.0, 0.0)).max() < 1e-14)
    True
    """
    _check_map(function)
    grid, x = checked_times(process, times), check_array("x_T", x_T, min_ndim=2)
    for n, (s, t) in enumerate(pairwise(grid)):
        before, x = x, x + (t - s) * evaluated(function, "average velocity(x, s, t)", x, s, t)
        check_steps("mean_flow", (x,), before, grid, n)
    return x


def _check_map(function: Any) -> None:
    if not callable(function):
        raise TypeError(f"function must be a callable function(x, s, t); got {type(function).__name__}")
