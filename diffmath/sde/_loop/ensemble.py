"""Final states of many paths: no states are stored over time, and chunks of rows run on any executor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.bound import check_args, check_parameters, cut
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.progress import progress_bar
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array
from diffmath.sde._loop.run_noise import Setup
from diffmath.sde._loop.steps import nonfinite, run_steps
from diffmath.sde._methods import Method, as_method
from diffmath.sde._model import as_sde, prepare

__all__ = ["ensemble"]

Clock = npt.NDArray[np.float64]


@on_its_device
def ensemble(
    model: SDE | Any,
    x0: Array,
    *,
    t_span: tuple[float, float],
    steps: int,
    method: Method | str,
    key: random.Key,
    parameters: Any = None,
    args: tuple[Any, ...] = (),
    executor: Executor | None = None,
    chunk: int = 2**14,
    check: bool = True,
    progress: bool = False,
) -> Array:
    r"""Return the final states of many paths, without storing the paths.

    Bit-identical to ``solve(model, x0, np.linspace(*t_span, steps + 1), ...).x[-1]`` with the same method and
    key, if the result of drift and diffusion for a row does not depend on the batch (true for elementwise
    functions).

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation; a symbolic one is lowered.
    x0 : array, shape (batch, dim) or (batch, \*state)
        States at ``t_span[0]``; integers become the library's default float.
    t_span : (float, float)
        First and last time; decreasing times run backwards, as in `solve`.
    steps : int
        Number of equal steps.
    method : Method or str
        A method object, or the name of one of this package: "euler_maruyama", "milstein", "sra1", ...
    key : Key
        Determines the Brownian paths.
    parameters : array or mapping of arrays, optional
        One row per row of `x0`, the third argument of the model's callables: ``drift(t, x, parameters)``.
        They are split with the batch.
    args : tuple
        Constants, passed last: ``drift(t, x, *args)``, or ``drift(t, x, parameters, *args)``.
    executor : concurrent.futures.Executor, optional
        Runs the chunks: threads, processes (the model must be picklable), Dask's ``client.get_executor()``,
        an MPI pool. Serial by default.
    chunk : int
        Rows per task. Results do not depend on it or on the number of workers.
    check : bool
        Whether to check once at the start that the noise class and `diffusion_derivative` are as declared: up
        to four more calls of the diffusion, on up to 8 rows.
    progress : bool
        Whether to show a progress bar over the chunks.

    Returns
    -------
    array, of the shape of `x0`
        States at ``t_span[1]``, in the precision and on the device of `x0`.

    Raises
    ------
    TypeError, ValueError
        As for `solve`.
    SolveError
        A state became infinite or nan; the message names the time and the rows, and the initial states are
        attached (no others are stored).

    Notes
    -----
    The memory is that of a few states and ``log2(steps)`` increments per running chunk, independent of
    `steps`.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    >>> x0, key = np.ones((1000, 1)), dm.random.key(0)
    >>> final = sde.ensemble(ou, x0, t_span=(0.0, 1.0), steps=10, method="milstein", key=key)
    >>> path = sde.solve(ou, x0, np.linspace(0, 1, 11), method=sde.milstein, key=key)
    >>> bool(np.all(final == path.x[-1]))
    True
    """
    check_flag("check", check)
    model, x, method = as_sde(model, plain=False), check_array("x0", x0, min_ndim=2), as_method(method)
    parameters = None if parameters is None else check_parameters(parameters, x.shape[0])
    args = check_args(args)
    chunk, clock = check_count("chunk", chunk, 1), _clock(t_span, check_count("steps", steps, 1))
    lows = range(0, max(x.shape[0], 1), chunk)
    cuts = [slice(low, min(low + chunk, x.shape[0])) for low in lows]
    tasks = [
        (
            model,
            x[rows, ...],
            cut(parameters, rows),
            args,
            clock,
            method,
            key,
            rows.start,
            len(cuts) > 1,
            check,
        )
        for rows in cuts
    ]
    if executor is not None and not callable(getattr(executor, "map", None)):
        raise TypeError(f"executor must be a concurrent.futures.Executor; got {type(executor).__name__}")
    run_all: Any = map if executor is None else executor.map
    runs = run_all(_run_chunk, *zip(*tasks, strict=True))
    finals = list(progress_bar(runs, enabled=progress, description="ensemble", total=len(tasks)))
    return array_namespace(x).concat(finals, axis=0)


@on_its_device
def _run_chunk(
    model: SDE,
    initial: Array,
    parameters: Any,
    args: tuple[Any, ...],
    clock: Clock,
    method: Method,
    key: random.Key,
    first_row: int,
    cut_up: bool,
    check: bool,
) -> Array:
    """Step a chunk of rows to the last time: a pure function, for any worker."""
    with _explained(cut_up):
        prepared = prepare(model, initial, parameters, args)
        x, steps = prepared.x, len(clock) - 1
        run = run_steps(
            Setup(prepared.model, x, clock, method, key, first_row), check=check and first_row == 0
        )
        for n, x in run:
            message = nonfinite(x, float(clock[n]), first_row, method.trouble)
            if message:
                message += f"; use more steps (now {steps}), or {method.remedy}"
                stats = {"steps": n - 1, "evaluations": method.nfe(n - 1)}
                start = Solution(clock[:1], initial[None, ...], method.failure, message, stats)
                raise SolveError(message, start)
    return prepared.shaped(x)


@contextmanager
def _explained(cut_up: bool) -> Iterator[None]:
    """Add a note to an error that the callables are called with a chunk of the rows."""
    try:
        yield
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        if cut_up and not isinstance(error, SolveError):
            error.add_note(
                "ensemble calls drift and diffusion on chunks of the rows: arrays of one row for each row of "
                "x0 must be given in parameters=, split with the rows, as in drift(t, x, parameters)"
            )
        raise


def _clock(t_span: tuple[float, float], steps: int) -> Clock:
    span = host_times(t_span, "t_span")
    if len(span) != 2:
        raise ValueError(f"t_span must be (first, last); got {len(span)} times")
    return host_times(np.linspace(span[0], span[1], steps + 1), f"t_span cut into steps={steps}")
