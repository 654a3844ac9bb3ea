"""`steps`: iterate over the steps of a solve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from diffmath._arrays.devices import each_on_its_device, on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array, Drift
from diffmath._stepping.control import PIDController
from diffmath._stepping.options import Batch, check_options
from diffmath._stepping.run import Run
from diffmath.ode._explicit import Method, dopri5
from diffmath.ode._loop.arguments import begin
from diffmath.ode._loop.single_step import SingleStep
from diffmath.ode._problem import Single, pose
from diffmath.ode._steps import Step
from diffmath.ode._tableaux import Tableau

__all__ = ["steps"]


@on_its_device
def steps(
    f: Drift,
    x0: Array,
    times: Any,
    *,
    method: Method | Tableau | str = dopri5,
    substeps: int | None = None,
    rtol: float | Array | None = None,
    atol: float | Array | None = None,
    batch: Batch = "rows",
    controller: PIDController | None = None,
    max_steps: int | None = None,
    first_step: float | None = None,
    max_step: float | None = None,
    min_step: float | None = None,
    parameters: Any = None,
    args: Sequence[Any] = (),
    on_failure: Literal["raise", "return"] = "raise",
) -> Iterator[Any]:
    r"""Iterate over the accepted steps of a solve; each step is computed when it is requested.

    Parameters
    ----------
    f, x0, method, substeps, rtol, atol, batch, controller, max_steps, first_step, max_step, min_step
        As for `solve`.
    parameters, args
        As for `solve`.
    times : array_like, shape (times,)
        First and last time; fixed steps (`substeps`) end at the times in between.
    on_failure : {"raise", "return"}
        What to do if rows fail: raise `SolveError` after the last step, or end without an error.

    Returns
    -------
    iterator of Step
        Each has ``t0`` and ``t`` (one time per row), ``x0`` and ``x``, `accepted` (which rows moved), and
        ``at(rows, theta)``, the state inside the step. If x0 is one state, ``t0`` and ``t`` are floats, and
        it is ``at(theta)``. The iteration can be stopped at any time.

    Raises
    ------
    TypeError, ValueError
        As for `solve`, before the first step.
    SolveError
        A row failed; the error contains the states at which the rows stopped.

    Notes
    -----
    The steps are identical to those of `solve`. The overhead is the same. Only one step is in memory, so a
    solve of any length can be monitored, saved sparsely, or ended by any condition.

    Examples
    --------
    Stop when the energy has fallen by half:

    >>> import numpy as np
    >>> from diffmath import ode
    >>> def damped(t, x):
    ...     return np.stack([x[:, 1], -x[:, 0] - 0.1 * x[:, 1]], axis=1)
    >>> for step in ode.steps(damped, np.array([[1.0, 0.0]]), [0.0, 100.0]):
    ...     if np.sum(step.x**2) < 0.5:
    ...         break
    >>> bool(6 < step.t[0] < 8), step.x.shape
    (True, (1, 2))
    """
    check_on_failure(on_failure)
    problem = pose(f, x0, parameters, args)
    single = problem.single
    options = check_options(
        rtol, atol, batch, controller, max_steps, min_step, max_step=max_step, first_step=first_step,
        single=single is not None,
    )  # fmt: skip
    run, _ = begin(problem.f, problem.x0, times, method, substeps, options, checked=single is not None)
    return each_on_its_device(_iterate(run, single, on_failure), problem.x0)


def _iterate(run: Run[Step], single: Single | None, on_failure: Literal["raise", "return"]) -> Iterator[Any]:
    last = None
    taken = iter(run)
    while True:
        # Not around the yield: the caller's code must keep its own floating-point settings.
        with np.errstate(all="ignore"):
            step = next(taken, None)
        if step is None:
            break
        last = step
        yield step if single is None else SingleStep(step, single)
    x = run.x if last is None else last.x
    reached = np.array([run.start if last is None else float(last.t.max())])
    solution: Solution = run.failures.solution(
        (reached, array_namespace(x).expand_dims(x, axis=0)), run.stats(), run.own_status, t_end=run.reached()
    )
    finish(solution if single is None else single.solution(solution), on_failure)
