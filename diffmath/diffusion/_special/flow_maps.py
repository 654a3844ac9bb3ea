r"""Samplers of models that are flow maps: consistency models, LCM, TCD, MeanFlow.

A flow map :math:`\Psi_{s \to t}` carries a state of the probability-flow ODE from one time to another in one
evaluation. With the exact map, every step below keeps the marginals of the process exactly: it follows the
flow, or noises a state at a lower time by the forward process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from diffmath._arrays.callables import check_model, check_result, guarded
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.clock import checked_times
from diffmath.diffusion._special.unrolled import (
    check_steps,
    decreasing_times,
    needed_key,
    renoised,
    step_noise,
)
from diffmath.random import Key

__all__ = ["consistency", "lcm", "mean_flow", "tcd"]

ToData = Callable[[Array, float], Array]
Map = Callable[[Array, float, float], Array]


@on_its_device
def consistency(
    process: Process, function: ToData, x_T: Array, times: Any, *, key: Key | None = None
) -> Array:
    r"""Sample a consistency model in several steps: to the data, and noised to the next time.

    .. math:: \hat x = f(x_{t_n}, t_n), \qquad
       x_{t_{n+1}} = \frac{\alpha_{n+1}}{\alpha_e}\hat x
       + \sqrt{\sigma_{n+1}^2 - \frac{\alpha_{n+1}^2}{\alpha_e^2}\sigma_e^2}\;z

    with e the last time.

    Parameters
    ----------
    process : Process
    function : callable
        The consistency function ``f(x, t)``: the state at ``times[-1]`` of the flow through x at t.
    x_T : array, shape (batch, \*state)
        The state at ``times[0]``.
    times : sequence of float, shape (steps + 1,)
        Decreasing host times; the function is evaluated at all but the last, where it ends.
    key : Key, optional
        Required by more than one step (domain "diffusion.consistency").

    Returns
    -------
    array, shape (batch, \*state)
        The state at ``times[-1]``, in the dtype and on the device of `x_T`.

    Raises
    ------
    TypeError
        A function that takes time first, a missing key.
    ValueError
        Invalid states or times.
    SolveError
        A state that is not finite.

    Notes
    -----
    With the exact function the law of the result is exact for any times. One evaluation a step. The noise of
    a step depends on the key, the number of the step and the row alone. JAX can trace a run.

    References
    ----------
    .. [1] Song et al. (2023), Consistency models, arXiv:2303.01469, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.edm(), diffusion.Gaussian([1.0], [[0.25]])
    >>> flow = target.flow_map(process)
    >>> x = process.sample_prior(random.key(0), (4, 1), like=np.empty(0))
    >>> def f(x, t):
    ...     return flow(x, t, 0.002)
    >>> diffusion.consistency(process, f, x, [80.0, 2.0, 0.002], key=random.key(1)).shape
    (4, 1)
    """
    check_model(function, "consistency function")
    grid, x = decreasing_times("consistency", process, times), check_array("x_T", x_T, min_ndim=2)
    noises = _noises("consistency", key, x, len(grid) - 2)
    for n, t in enumerate(grid[:-1]):
        before, x = x, _evaluated(function, "consistency function(x, t)", x, t)
        if n < len(grid) - 2:
            x = renoised(process, x, grid[-1], grid[n + 1], next(noises))
        check_steps("consistency", (x,), before, grid, n)
    return x


@on_its_device
def lcm(process: Process, function: ToData, x_T: Array, times: Any, *, key: Key | None = None) -> Array:
    r"""Sample a latent consistency model: predict the data, and noise them to the next time.

    .. math:: x_{t_{n+1}} = \alpha_{n+1} f(x_{t_n}, t_n) + \sigma_{n+1} z

    Parameters
    ----------
    process, x_T
        As in `consistency`.
    function : callable
        ``f(x, t)``: the data, at sigma = 0, of the flow through x at t.
    times : sequence of float, shape (steps + 1,)
        Decreasing host times. A last time with sigma = 0 gets no noise.
    key : Key, optional
        Required unless the only step ends at sigma = 0 (domain "diffusion.lcm").

    Returns
    -------
    array, shape (batch, \*state)

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `consistency`.

    Notes
    -----
    On times that end at sigma = 0 it is `consistency`, with other noise. One evaluation a step.

    References
    ----------
    .. [1] Luo et al. (2023), Latent consistency models, arXiv:2310.04378, algorithm 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> flow = target.flow_map(process)
    >>> x = process.sample_prior(random.key(0), (4, 1), like=np.empty(0))
    >>> times, key = [1.0, 0.5, 0.0], random.key(1)
    >>> diffusion.lcm(process, lambda x, t: flow(x, t, 0.0), x, times, key=key).shape
    (4, 1)
    """
    check_model(function, "consistency function")
    grid, x = decreasing_times("lcm", process, times), check_array("x_T", x_T, min_ndim=2)
    noisy = sum(process.marginal(t)[1] > 0 for t in grid[1:])
    noises = _noises("lcm", key, x, noisy)
    for n, t in enumerate(grid[:-1]):
        before, x = x, _evaluated(function, "consistency function(x, t)", x, t)
        alpha, sigma = process.marginal(grid[n + 1])
        x = alpha * x + sigma * next(noises) if sigma else alpha * x
        check_steps("lcm", (x,), before, grid, n)
    return x


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
    noises = _noises("tcd", key, x, len(grid) - 2 if gamma else 0)
    for n, s in enumerate(grid[:-1]):
        last = n == len(grid) - 2 or gamma == 0
        t = grid[n + 1]
        r = t if last else (1 - gamma) * t
        before, x = x, _evaluated(function, "flow map(x, s, t)", x, s, r)
        if not last:
            x = renoised(process, x, r, t, next(noises))
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
        before, x = x, x + (t - s) * _evaluated(function, "average velocity(x, s, t)", x, s, t)
        check_steps("mean_flow", (x,), before, grid, n)
    return x


def _check_map(function: Any) -> None:
    if not callable(function):
        raise TypeError(f"function must be a callable function(x, s, t); got {type(function).__name__}")


def _evaluated(function: Callable[..., Array], role: str, x: Array, *times: float) -> Array:
    found = check_result(role, guarded(function, role, times[0], x, *times), x)
    return array_namespace(x).astype(found, x.dtype, copy=False)


def _noises(name: str, key: Key | None, x: Array, count: int) -> Iterator[Array]:
    """Return the noise of the steps that need it; a key is required if there are any."""
    if count <= 0:
        return iter(())
    known = needed_key(name, key)
    return (step_noise(known, f"diffusion.{name}", n, x) for n in range(count))
