"""Final states of many paths: nothing is stored over time, and chunks of rows run anywhere."""

from __future__ import annotations

import importlib
from concurrent.futures import Executor
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays import array_namespace, host_times
from diffmath._counts import check_count
from diffmath._errors import SolveError
from diffmath._models import SDE
from diffmath._progress import progress_bar
from diffmath._solution import Solution
from diffmath._typing import Array
from diffmath.sde._edge import as_sde
from diffmath.sde._method import Method
from diffmath.sde._solve import check_state, march, nonfinite
from diffmath.sde._watched import watched

__all__ = ["ensemble"]

Clock = npt.NDArray[np.float64]


def ensemble(
    model: SDE | Any,
    x0: Array,
    *,
    t_span: tuple[float, float],
    steps: int,
    method: Method | str,
    key: random.Key,
    executor: Executor | None = None,
    chunk: int = 2**14,
    progress: bool = False,
) -> Array:
    r"""Return the final states of many paths, without storing the paths.

    Equal, bit for bit, to ``solve(model, x0, np.linspace(*t_span, steps + 1), ...).x[-1]`` with the same
    method and key, for drifts and diffusions that treat rows alike whatever the batch (elementwise ones do).

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation; a symbolic one is lowered.
    x0 : array, shape (batch, dim)
        States at ``t_span[0]``; integers become the library's default float.
    t_span : (float, float)
        First and last time; decreasing runs backwards, as in `solve`.
    steps : int
        Number of equal steps.
    method : Method or str
        A method object, or the name of one of this package: "euler_maruyama", "milstein", "sra1", ...
    key : Key
        Names the Brownian paths.
    executor : concurrent.futures.Executor, optional
        Where the chunks run: threads, processes (the model must then pickle), Dask's
        ``client.get_executor()``, MPI's pool. Serially by default.
    chunk : int
        Rows per task. Results do not depend on it, nor on the number of workers.
    progress : bool
        Whether to show a progress bar over the chunks.

    Returns
    -------
    array, shape (batch, dim)
        States at ``t_span[1]``, in the precision and on the device of `x0`.

    Raises
    ------
    TypeError, ValueError
        As `solve`.
    SolveError
        A state became infinite or nan; the message names the time and the rows, and the initial states are
        attached (no others are stored).

    Notes
    -----
    Memory is that of a few states and ``log2(steps)`` increments per chunk in work, independent of `steps`.

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
    model, x, method = watched(as_sde(model)), check_state(x0), _named(method)
    chunk, clock = check_count("chunk", chunk, 1), _clock(t_span, check_count("steps", steps, 1))
    lows = range(0, max(x.shape[0], 1), chunk)
    tasks = [(model, x[low : min(low + chunk, x.shape[0]), :], clock, method, key, low) for low in lows]
    if executor is not None and not callable(getattr(executor, "map", None)):
        raise TypeError(f"executor must be a concurrent.futures.Executor; got {type(executor).__name__}")
    run_all: Any = map if executor is None else executor.map
    runs = run_all(_run_chunk, *zip(*tasks, strict=True))
    finals = list(progress_bar(runs, enabled=progress, description="ensemble", total=len(tasks)))
    return array_namespace(x).concat(finals, axis=0)


def _run_chunk(
    model: SDE,
    initial: Array,
    clock: Clock,
    method: Method,
    key: random.Key,
    first_row: int,
) -> Array:
    """March a chunk of rows to the last time: a pure function, for any worker."""
    x, steps = initial, len(clock) - 1
    for n, x in march(model, initial, clock, method, key, first_row):
        message = nonfinite(x, float(clock[n]), first_row, method.trouble)
        if message:
            message += f"; use more steps (now {steps}), or {method.remedy}"
            start = array_namespace(x).stack([initial])
            stats = {"steps": n - 1, "evaluations": method.nfe(n - 1)}
            raise SolveError(message, Solution(clock[:1], start, method.failure, message, stats))
    return x


def _named(method: Method | str) -> Method:
    if not isinstance(method, str):
        return method
    package = importlib.import_module(__package__)
    found = getattr(package, method) if method in package.__all__ else None
    if not isinstance(found, Method):
        names = [name for name in package.__all__ if isinstance(getattr(package, name), Method)]
        raise ValueError(f"method must be a method object or one of {names}; got {method!r}")
    return found


def _clock(t_span: tuple[float, float], steps: int) -> Clock:
    span = host_times(t_span, "t_span")
    if len(span) != 2:
        raise ValueError(f"t_span must be (first, last); got {len(span)} times")
    return host_times(np.linspace(span[0], span[1], steps + 1), f"t_span cut into steps={steps}")
