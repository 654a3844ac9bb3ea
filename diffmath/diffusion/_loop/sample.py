r"""Run a sampler: from noise to data, or (deterministic methods) from data to noise.

.. math:: x_{n+1} = \mathrm{decay}_n\,x_n + \sum_j \mathrm{weight}_{nj}\,F(x_{n-j}, t_{n-j})
   + \mathrm{noise}_n\,z_n

F is the model in the form of the method: data, noise, velocity or flow. The coefficients are those of the
method, computed on the host before the first evaluation. Each step is one model evaluation and one fused
expression on the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace
from diffmath._core.flags import check_flag
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop.collect import collected, save_places
from diffmath.diffusion._loop.run import Callback, SamplerState, StateDtype, begin
from diffmath.diffusion._loop.traced import refuse_callback, traced_solution
from diffmath.diffusion._methods import Method
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.random import Key

__all__ = ["sample", "trajectory"]

OnFailure = Literal["raise", "return"]


@on_its_device
def sample(
    process: Process,
    model: Model | Score,
    x_T: Array | SamplerState,
    times: Any,
    *,
    method: Method | str,
    key: Key | None = None,
    progress: bool = False,
    callback: Callback | None = None,
    dtype: StateDtype = "model",
    with_gradient: bool = False,
    on_failure: OnFailure = "raise",
) -> Array:
    r"""Transform samples of the prior at ``times[0]`` to samples at ``times[-1]``.

    Parameters
    ----------
    process : Process
        The noising process.
    model : Model or callable
        The result of `from_score`, `from_denoiser`, `from_noise`, ...; a plain callable is a score,
        ``score(x, t)``, shape (batch, \*state) -> (batch, \*state).
    x_T : array, shape (batch, \*state)
        The state at ``times[0]``, for instance from `Process.sample_prior`; or a `SamplerState` of `steps`,
        from which the run continues.
    times : sequence of float, shape (steps + 1,)
        Host times in [0, t_max], decreasing; for a deterministic method also increasing (encoding).
        The model is never evaluated at the last time, which may be 0.
    method : Method or str
        A sampler such as `auto`, `dpmpp_2m`, `sde_dpmpp_2m`, the name of one, or your own method. "auto"
        chooses by the number of steps.
    key : Key, optional
        Required by a stochastic method (domain "diffusion.sample"). Equal keys give the same Brownian path
        for any batch size, and for grids that refine one another: N steps, 2 N, 4 N, ... to a time with
        sigma > 0, also with a time 0 appended, or an even number of steps to sigma = 0.
    progress : bool
        Show a progress bar.
    callback : callable, optional
        ``callback(n, t, x, denoised)`` after each evaluation, with the step, time, state and denoised data.
    dtype : {"model", "float64"}
        The dtype of the state and of its updates: that of `x_T`, or float64. The model gets and returns
        the dtype of `x_T` in both cases, and so does the caller; `callback` sees the state. `network_dtype`
        adapts a network in half precision.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, to differentiate the result with respect to `x_T` or to
        parameters of the model. By default no graph is kept. Other libraries keep no graph.
    on_failure : {"raise", "return"}
        What to do if a state is not finite; "return" gives an array of NaN (`trajectory` returns the valid
        states).

    Returns
    -------
    array, shape (batch, \*state)
        The state at ``times[-1]``, in the dtype and on the device of `x_T`.

    Raises
    ------
    TypeError
        A callable with swapped arguments, a missing key, an invalid method, arrays of two libraries or
        devices; a network that cannot use the state (a PyTorch network with a NumPy state) or a float for t,
        with the remedy.
    ValueError
        Invalid shapes, values or times; a model made for another process.
    SolveError
        The model returned a value that is not finite: the message names the time and the rows, and `solution`
        ends with the last finite state.

    Notes
    -----
    JAX (`jit`, `vmap`, `grad`) traces a run: the steps are one ``lax.scan``, the model gets `t` as a traced
    number, and no value is checked. Coefficients and noise are computed on the host, with the same numbers as
    in an eager run, and enter as constants. So all lanes of a `vmap` over `x_T` have the same noise; for
    independent noise pass all rows as one batch.

    Order and cost are those of the method: ``method.order``, ``method.nfe(steps)``. Exceptions of the model
    propagate with the time attached as a note. The model gets `t` as a Python float; `batch_time` adapts a
    network that needs one time per row.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456.
    .. [2] Lu et al. (2022), arXiv:2211.01095.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> point = diffusion.EmpiricalData([[2.0, 1.0]], bandwidth=0.0)
    >>> times = np.append(diffusion.log_snr_times(process, 5), 0.0)
    >>> diffusion.sample(process, point.score(process), np.zeros((1, 2)), times, method=diffusion.dpmpp_2m)
    array([[2., 1.]])
    """
    check_on_failure(on_failure)
    with keeping_gradients(getattr(x_T, "x", x_T), with_gradient):
        solution = _run(process, model, x_T, times, method, key, dtype, progress, callback, _last)
    finish(solution, on_failure)
    last = solution.x[-1, ...]
    return last if solution.success else array_namespace(last).full_like(last, math.nan)


@on_its_device
def trajectory(
    process: Process,
    model: Model | Score,
    x_T: Array | SamplerState,
    times: Any,
    *,
    method: Method | str,
    key: Key | None = None,
    progress: bool = False,
    callback: Callback | None = None,
    dtype: StateDtype = "model",
    with_gradient: bool = False,
    on_failure: OnFailure = "raise",
    save_at: Any = None,
    statistics: bool = False,
) -> Solution:
    r"""Sample like `sample`, and keep the state at every time, or at some.

    Parameters
    ----------
    process, model, x_T, times, method, key, progress, callback, dtype, with_gradient, on_failure
        As for `sample`.
    save_at : sequence of float, optional
        The times of `times` whose states are kept, in their order; by default all. Memory is needed for no
        other state. The run ends at ``times[-1]`` in any case.
    statistics : bool
        Add to `stats`: ``step_evaluations``, the evaluations of every step, shape (steps,); ``rms_x``, the
        root mean square of the state over all rows and components, at all times, shape (steps + 1,); and
        ``rms_denoised``, that of the denoised data at the start of every step, shape (steps,), with NaN for
        a step that makes no evaluation there. They are read from the device once, after the last step.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, \*state), one state for each of `times` (or `save_at`); that at
        ``times[0]`` is `x_T`. With ``on_failure="return"`` a run with a non-finite value ends with its last
        finite state, whether it is in `save_at` or not, and status "nonfinite".

    Raises
    ------
    TypeError
        As for `sample`; also for `statistics` of arrays that JAX traces.
    ValueError, SolveError
        As for `sample`; also for times in `save_at` that are not in `times`: the nearest is named.

    Notes
    -----
    For samples of the exact law, with data of root mean square r, ``rms_x`` is
    :math:`\sqrt{\alpha_t^2 r^2 + \sigma_t^2}` up to the error of Monte Carlo.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> times = diffusion.log_snr_times(process, 5)
    >>> diffusion.trajectory(process, lambda x, t: -x, np.zeros((3, 2)), times, method=diffusion.ddim)
    Solution(ok, t: 1 -> 0.001 (6 times), x: (6, 3, 2) float64, evaluations=5, steps=5)

    Two states of a long run:

    >>> times = diffusion.log_snr_times(process, 1000)
    >>> diffusion.trajectory(process, lambda x, t: -x, np.zeros((3, 2)), times, method=diffusion.ddim,
    ...                      save_at=times[[500, -1]])
    Solution(ok, t: 0.304631 -> 0.001 (2 times), x: (2, 3, 2) float64, evaluations=1000, steps=1000)
    """
    check_on_failure(on_failure)
    with keeping_gradients(getattr(x_T, "x", x_T), with_gradient):
        places = partial(save_places, save_at)
        solution = _run(
            process, model, x_T, times, method, key, dtype, progress, callback, places, statistics
        )
    return finish(solution, on_failure)


def _run(
    process: Process,
    model: Model | Score,
    x: Array | SamplerState,
    times: Any,
    method: Method | str,
    key: Key | None,
    dtype: StateDtype,
    progress: bool,
    callback: Callback | None,
    save: Callable[[list[float]], Sequence[int]],
    statistics: bool = False,
) -> Solution:
    """Begin a run, and take its steps; `save` gives the places of the times to save."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable; got {type(callback).__name__}")
    check_flag("statistics", statistics)
    run = begin(process, model, x, times, method, key, dtype)
    start, grid = run.start, run.grid[run.start.n :]
    places = save(grid)
    if not run.traced:
        return collected(run, callback, progress, places, statistics)
    refuse_callback("callback", callback)
    refuse_callback("statistics", statistics or None)
    if start.n:
        raise TypeError("a SamplerState cannot be continued while JAX traces: continue it outside")
    solution = traced_solution(run.model, run.method.prediction, start.x, grid, run.plan, run.noises, places)
    return replace(solution, x=run.result(solution.x))


def _last(grid: list[float]) -> range:
    return range(len(grid) - 1, len(grid))
