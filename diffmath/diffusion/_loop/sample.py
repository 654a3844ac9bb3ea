r"""Run a sampler: from noise to data, or (deterministic methods) from data to noise.

.. math:: x_{n+1} = \mathrm{decay}_n\,x_n + \sum_j \mathrm{weight}_{nj}\,F(x_{n-j}, t_{n-j})
   + \mathrm{noise}_n\,z_n

F is the model in the form of the method: data, noise, velocity or flow. The coefficients are those of the
method, computed on the host before the first evaluation. Each step is one model evaluation and one fused
expression on the device.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop.run import Callback, SamplerState, begin
from diffmath.diffusion._loop.traced import refuse_callback, traced_solution
from diffmath.diffusion._methods import Method
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.random import Key

__all__ = ["sample", "solution_of", "trajectory"]

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
        for any batch size, and for grids that refine one another: N steps, 2 N, 4 N, ...
    progress : bool
        Show a progress bar.
    callback : callable, optional
        ``callback(n, t, x, denoised)`` after each evaluation, with the step, time, state and denoised data.
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
        solution = _run(process, model, x_T, times, method, key, progress, callback, keep=False)
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
    with_gradient: bool = False,
    on_failure: OnFailure = "raise",
) -> Solution:
    r"""Sample like `sample`, and keep the state at every time.

    Parameters are those of `sample`.

    Returns
    -------
    Solution
        ``x`` has shape (steps + 1, batch, \*state), and ``x[0]`` is `x_T`. With ``on_failure="return"`` a run
        with a non-finite value ends at its last finite state, with status "nonfinite".

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `sample`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> times = diffusion.log_snr_times(process, 5)
    >>> diffusion.trajectory(process, lambda x, t: -x, np.zeros((3, 2)), times, method=diffusion.ddim)
    Solution(ok, t: 1 -> 0.001 (6 times), x: (6, 3, 2) float64, evaluations=5, steps=5)
    """
    check_on_failure(on_failure)
    with keeping_gradients(getattr(x_T, "x", x_T), with_gradient):
        solution = _run(process, model, x_T, times, method, key, progress, callback, keep=True)
    return finish(solution, on_failure)


def _run(
    process: Process,
    model: Model | Score,
    x: Array | SamplerState,
    times: Any,
    method: Method | str,
    key: Key | None,
    progress: bool,
    callback: Callback | None,
    *,
    keep: bool,
) -> Solution:
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable; got {type(callback).__name__}")
    run = begin(process, model, x, times, method, key)
    start, grid = run.start, run.grid[run.start.n :]
    xp = array_namespace(start.x)
    if run.traced:
        refuse_callback(callback)
        if start.n:
            raise TypeError("a SamplerState cannot be continued while JAX traces: continue it outside")
        prediction = run.method.prediction
        return traced_solution(run.model, prediction, start.x, grid, run.plan, run.noises, keep=keep)
    kept: list[Array] = [start.x]
    for taken, (new, _, message) in enumerate(run.states(callback, progress), start=1):
        if message:
            return solution_of(xp, grid[:taken], kept, keep, run.watched.calls, "nonfinite", message)
        if not keep:
            kept.clear()
        kept.append(new)
    return solution_of(xp, grid, kept, keep, run.watched.calls)


def solution_of(
    xp: Any,
    grid: list[float],
    kept: list[Array],
    keep: bool,
    evaluations: int,
    status: Any = "ok",
    message: str = "",
) -> Solution:
    """Return the states at all times of the grid, or at the last one."""
    t = np.asarray(grid if keep else grid[-1:])
    stats = {"evaluations": evaluations, "steps": len(grid) - 1}
    return Solution(t=t, x=xp.stack(kept), status=status, message=message, stats=stats)
