r"""Samplers of consistency models: `consistency` and `lcm`.

The model carries a state at any time to the data in one evaluation; a step noises the result by the forward
process. With the exact map every step keeps the marginals of the process exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffmath._arrays.callables import check_model
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import check_array
from diffmath._core.typing import Array
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import (
    check_steps,
    decreasing_times,
    evaluated,
    noises,
    renoised,
)
from diffmath.random import Key

__all__ = ["consistency", "lcm"]

ToData = Callable[[Array, float], Array]


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
    noise = noises("consistency", key, x, len(grid) - 2)
    for n, t in enumerate(grid[:-1]):
        before, x = x, evaluated(function, "consistency function(x, t)", x, t)
        if n < len(grid) - 2:
            x = renoised(process, x, grid[-1], grid[n + 1], next(noise))
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
    noise = noises("lcm", key, x, noisy)
    for n, t in enumerate(grid[:-1]):
        before, x = x, evaluated(function, "consistency function(x, t)", x, t)
        alpha, sigma = process.marginal(grid[n + 1])
        x = alpha * x + sigma * next(noise) if sigma else alpha * x
        check_steps("lcm", (x,), before, grid, n)
    return x
