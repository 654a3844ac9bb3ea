"""`solve`: fixed and adaptive steps, with all arguments checked at the public entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._core.flags import check_flag
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array, Drift
from diffmath._stepping.control import PIDController
from diffmath._stepping.events import Events
from diffmath._stepping.options import Batch, check_options
from diffmath.ode._explicit import Method, dopri5
from diffmath.ode._loop.arguments import begin
from diffmath.ode._loop.drive import drive
from diffmath.ode._problem import pose
from diffmath.ode._steps import AdaptiveSteps, FixedSteps, is_traced_solve, refuse_options, traced_solution
from diffmath.ode._tableaux import Tableau

__all__ = ["solve"]

Save = Literal["auto", "land", "read", "steps"]
_SAVES = get_args(Save)


@on_its_device
def solve(
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
    save: Save = "auto",
    dense: bool = False,
    parameters: Any = None,
    args: Sequence[Any] = (),
    events: Events | None = None,
    callback: Callable[[Any, Array], Any] | None = None,
    progress: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve an initial value problem for a batch of states.

    .. math:: \frac{dx}{dt} = f(t, x), \qquad x(t_0) = x_0

    Parameters
    ----------
    f : callable
        ``f(t, x)`` -> array of the shape, dtype and device of `x`; it must not modify `x`. `t` is a float,
        but an array of shape (batch, 1, ..., 1), one time per row, in adaptive solves with ``batch="rows"``.
        With `parameters` and `args` it is called as ``f(t, x, parameters, *args)``.
    x0 : array, shape (batch, \*state)
        Initial states, real or complex; integers become the library's default float. Not modified. A row that
        is nan or inf ends at once, with status "nonfinite"; if all rows are, x0 is refused. A vector (n,), a
        list or a number is one state: f, events and callback then get it without a batch axis and with a
        float t, f may return a list, and the solution has no batch axis, as in scipy.integrate.solve_ivp. A
        tuple is refused, since solve_ivp has its time span in this place.
    times : array_like, shape (times,)
        Host times at which to save, strictly increasing or decreasing; the first is the time of `x0`.
    method : Method, Tableau or str
        `dopri5` by default, or the name of a method of this package: "dopri5" is `ode.dopri5`. A method with
        an error estimate adapts its step unless `substeps` is given; a method without one takes fixed steps.
        Any object with ``step(f, t, x, dt)`` and `order` can be a method.
    substeps : int, optional
        Take this many equal steps between two save times (1 for methods without an error estimate).
    rtol, atol : float or array, optional
        A step is accepted if the root mean square of ``error / (atol + rtol * abs(x))`` over a row is at most
        1; 1e-6 and 1e-9 by default. Arrays, on the host or in the library of x0, have one entry per
        component, shape (\*state), or broadcast against x0: (batch, 1) for one per row. Only for adaptive
        steps: fixed steps refuse them, and also `controller`, `first_step`, `max_step` and `min_step`.
    batch : {"rows", "shared"}
        "rows": every row has its own time, step, statistics and end; rows do not affect each other. "shared":
        all rows take the same step, the error is that of the worst row, and `t` is a float.
    controller : PIDController, optional
        Chooses the step sizes: `PIController` by default, or `IController`, `PIDController`.
    max_steps : int, optional
        Maximum number of trial steps of a row, accepted or rejected, so that every solve ends; 10,000 by
        default. If it is given, a larger number of fixed steps is refused.
    first_step : float, optional
        Size of the first step, at most the time span; by default it is computed from f, at the cost of one
        evaluation.
    max_step : float, optional
        No step is longer.
    min_step : float, optional
        A step rejected at this size ends its row; never below 4 units in the last place of t.
    save : {"auto", "land", "read", "steps"}
        "read": states at save times inside a step are taken from the dense output, and cost no step. "land":
        steps are shortened to end at every save time. "auto": like "read", but land when step ends are more
        accurate than dense output: if the dense output has a lower order than the error estimate, or if the
        method is stiffly accurate (`kvaerno5` and all methods for stiff problems except `rosenbrock23`).
        Steps always land on the last time; fixed steps land on all times. "steps": the natural steps are
        saved, and only the first and the last of `times` are used (the number of fixed steps still counts
        between two times). For one state, for rows that share a clock, and for fixed steps ``t`` has shape
        (n,). For rows with separate clocks it has shape (n, batch), and rows with fewer steps repeat their
        last point.
    dense : bool
        Keep all steps, so that ``solution.dense(t)`` returns the solution at any time.
    parameters : array or mapping of arrays, optional
        The third argument of f and of the events: one entry per row of `x0`, as an array with the rows first
        or a flat mapping of such arrays. If x0 is one state, its parameters without the row axis.
    args : tuple
        Constants: the last arguments of f and of the events, and of every part of a structured f.
    events : Event or callable, or a sequence of them, optional
        Events to detect in every step; see `Event`.
    callback : callable, optional
        ``callback(t, x)`` after every accepted step, with the time (float, or one per row, shape (batch,))
        and the states; rows ended by an event report the event state. If it returns true, the solve stops
        with status "user_stop".
    progress : bool
        Show a progress bar.
    on_failure : {"raise", "return"}
        Raise `SolveError`, or return the solution with its status.

    Returns
    -------
    Solution
        States of shape (times, batch, \*state), and `t_end`, the time that every row reached. If rows fail,
        their later entries are NaN, see `row_status`; times that no row reached are omitted. A row ended by a
        terminal event has status "event", which is a success; it repeats the event state, ``x[-1]``, at all
        later times, and the last time is that of the last event if no row continued. `stats`: steps,
        rejected, evaluations (per row, or one number) and calls of f. `t_events`, `x_events` and `dense` if
        requested. With two times, `plot.solution` draws the natural steps (``curve()``; up to a million
        numbers) or `dense`.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind or value, or an invalid result of f at its first call; an f that writes
        into its argument or into the array that it returned before.
    SolveError
        The solve failed (`max_steps`, `step_too_small`, `nonfinite`, `newton_failed`, `blow_up`); the error
        contains the solution so far.

    Notes
    -----
    Order of accuracy of the method; the adaptive error is proportional to the tolerance, not bounded by it.
    The error of a state inside a step is about as large as that of the steps: the dense output of `dopri5`
    and `tsit5` has order 4, that of `vern7` order 6, of `dop853` order 7 (these take 6 and 3 more evaluations
    in a step where it is used). For other methods it is their `dense_order`, or 3 for a cubic through the
    ends and their slopes. Stiff methods have this order if the steps resolve the solution. If a stiff
    solution follows a slow one, steps may be long: their ends meet the tolerance, and the states between them
    are a smooth curve through the stages, of order 2 or 3 (`max_step` shortens the steps). Times are host
    float64 for any dtype of the state; f gets them in the real dtype of `x`. A trial step that is not finite
    is halved. Rows that have ended are still evaluated, and the result is ignored. Cost per trial step: 6
    evaluations of f for `dopri5`, and two transfers to the host, each of one number per row.

    f is never evaluated outside [t0, t1]. If a node of a method would lie there (`kvaerno5`, `yoshida4`,
    `yoshida6`, `mclachlan4`), another method of its order takes that step; for a user-defined method without
    a tableau, the node is replaced by the last time.

    JAX (`jit`, `vmap`, `grad`) traces fixed steps without an iteration: they are one ``lax.scan``, f gets `t`
    as a traced number (use jax.numpy with it, not math), no value is checked, and options that need numbers
    (adaptive steps, Newton's iteration, events, `dense`, callbacks) are refused by name. PyTorch
    differentiates every solve through the accepted steps.

    Floating-point warnings of f are silenced: the status reports the failures that they announce.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> rates = np.array([[1.0], [2.0]])
    >>> solution = ode.solve(lambda t, x: -rates * x, np.ones((2, 1)), [0.0, 1.0], rtol=1e-8)
    >>> np.round(solution.x[-1], 6)
    array([[0.367879], [0.135335]])
    >>> ode.solve(lambda t, x: -rates * x, np.ones((2, 1)), [0.0, 1.0], method=ode.rk4, substeps=10)
    Solution(ok, t: 0 -> 1 (2 times), x: (2, 2, 1) float64, steps=10, evaluations=40, calls=40)

    Parameters per row, and a constant; then one state, as for solve_ivp:

    >>> def cooling(t, x, rates, outside):
    ...     return rates * (outside - x)
    >>> ode.solve(cooling, np.ones((2, 1)), [0.0, 1.0], parameters=rates, args=(0.5,)).x[-1].round(4)
    array([[0.6839],
           [0.5677]])
    >>> ode.solve(cooling, 1.0, [0.0, 1.0], args=(2.0, 0.5), method="dop853").x.round(4)
    array([1.    , 0.5677])
    """
    check_on_failure(on_failure)
    check_flag("dense", dense)
    problem = pose(f, x0, parameters, args, events=events, callback=callback)
    single = problem.single
    options = check_options(
        rtol, atol, batch, controller, max_steps, min_step, max_step=max_step, first_step=first_step,
        single=single is not None,
    )  # fmt: skip
    run, save_times = begin(
        problem.f, problem.x0, times, method, substeps, options, checked=single is not None
    )
    landing = _is_landing(save, run, len(save_times), options.max_steps)
    if isinstance(run, FixedSteps) and is_traced_solve(run.f, run.x, run.start):
        refuse_options(dense=dense, events=problem.events, callback=callback, save=save == "steps")
        solution = traced_solution(run.f, run.x, save_times, run.method, run.substeps)
        return solution if single is None else single.solution(solution)
    with np.errstate(all="ignore"):
        solution = drive(
            run, run.x, save_times, landing=landing, natural=save == "steps",
            dense_order=dense_order(run.method) if dense else None, events=problem.events,
            callback=problem.callback, progress=progress,
        )  # fmt: skip
    return finish(solution if single is None else single.solution(solution), on_failure)


def _is_landing(save: Save, run: AdaptiveSteps | FixedSteps, times: int, max_steps: int) -> bool:
    """Whether adaptive steps end at the save times; fixed steps always do."""
    if save not in _SAVES:
        raise ValueError(f"save must be 'auto', 'land', 'read' or 'steps'; got {save!r}")
    if save == "read" and isinstance(run, FixedSteps) and run.batch:
        raise ValueError("save='read' is for adaptive steps: fixed steps end on every save time")
    if not isinstance(run, AdaptiveSteps) or save in ("read", "steps"):
        return False
    landing = save == "land" or ends_are_better(run.method)
    if landing and times > max_steps:
        raise ValueError(
            f"steps land on each of the {times - 1} save times, but max_steps is {max_steps}: "
            "raise it, or give save='read'"
        )
    return landing


def dense_order(method: Any) -> float:
    """Order of the state inside a step: that of the method's extension, or of a cubic."""
    order: float | None = getattr(method, "dense_order", None)
    return 3 if order is None else order


def ends_are_better(method: Any) -> bool:
    """Whether the ends of the steps of a method are more accurate than its dense output."""
    stiffly_accurate: bool = getattr(method, "is_stiffly_accurate", False)
    return stiffly_accurate or dense_order(method) < (getattr(method, "embedded_order", None) or 0)
