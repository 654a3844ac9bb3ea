"""`steps`: iterate over the steps of a sampler, stop, and go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diffmath._arrays.devices import each_on_its_device, on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._core.solution import finish
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop.collect import solution_of
from diffmath.diffusion._loop.run import Run, SamplerState, StateDtype, begin
from diffmath.diffusion._methods import Method
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.random import Key

__all__ = ["steps"]


@on_its_device
def steps(
    process: Process,
    model: Model | Score,
    x_T: Array | SamplerState,
    times: Any,
    *,
    method: Method | str,
    key: Key | None = None,
    dtype: StateDtype = "model",
    with_gradient: bool = False,
) -> Iterator[SamplerState]:
    r"""Iterate over the steps of a sampler; each is computed when it is requested.

    Parameters
    ----------
    process, model, times, method, key, dtype, with_gradient
        As for `sample`.
    x_T : array, shape (batch, \*state), or SamplerState
        The state at ``times[0]``, or a state of an earlier run, which continues.

    Returns
    -------
    iterator of SamplerState
        One state after each step, in the dtype of the state of the run. The iteration can be stopped at any
        time, and a state continued by `steps`, `sample` or `trajectory`: the results are those of one run,
        bit for bit.

    Raises
    ------
    TypeError
        As for `sample`; also for arrays that JAX traces.
    ValueError
        As for `sample`; also for a state of another run.
    SolveError
        A state that is not finite.

    Examples
    --------
    Stop after two of five steps, and go on later:

    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> times = diffusion.log_snr_times(process, 5)
    >>> score, x_T = (lambda x, t: -x), np.ones((3, 2))
    >>> for state in diffusion.steps(process, score, x_T, times, method="auto"):
    ...     if state.n == 2:
    ...         break
    >>> x = diffusion.sample(process, score, state, times, method="auto")
    >>> bool(np.all(x == diffusion.sample(process, score, x_T, times, method="auto")))
    True
    """
    run = begin(process, model, x_T, times, method, key, dtype)
    if run.traced:
        raise TypeError("steps needs numbers, which JAX does not have while it traces: use sample")
    return each_on_its_device(_states(run, with_gradient), run.start)


def _states(run: Run, with_gradient: bool) -> Iterator[SamplerState]:
    taken, n, x = run.states(), run.start.n, run.start.x
    while True:
        # Not around the yield: the caller's code must keep its own graph.
        with keeping_gradients(run.start.x, with_gradient):
            found = next(taken, None)
        if found is None:
            return
        new, known, message = found
        if message:
            stats = {"evaluations": run.watched.calls, "steps": n}
            finish(solution_of(run, [n - run.start.n], [run.result(x)], stats, "nonfinite", message), "raise")
        n, x = n + 1, new
        yield SamplerState(n, run.grid[n], x, known, run.method.name, run.start.model_dtype)
