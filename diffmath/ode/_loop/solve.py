"""`solve`: one call for fixed and adaptive steps, checked at the edge."""

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
        is nan or inf ends at once, with status "nonfinite"; if all are, x0 is refused. A vector (n,), a list
        or a number is one state: f, events and callback then get it without a batch axis and a float t, f may
        return a list, and nothing in the solution has a batch axis, as with scipy.integrate.solve_ivp. A
        tuple is refused, since it is solve_ivp's time span.
    times : array_like, shape (times,)
        Host times at which to save, strictly increasing or decreasing; the first is that of `x0`.
    method : Method, Tableau or str
        `dopri5` by default, or the name of a method of this package: "dopri5" is `ode.dopri5`. A method with
        an error estimate adapts its step unless `substeps` is given; one without takes fixed steps. Any
        object with ``step(f, t, x, dt)`` and `order` will do.
    substeps : int, optional
        Take this many equal steps between two save times (1 for methods without an error estimate).
    rtol, atol : float or array, optional
        A step is accepted if the root mean square of ``error / (atol + rtol * abs(x))`` over a row is at
        most 1; 1e-6 and 1e-9 by default. Arrays, of the host or of the library of x0, hold one for every
        component, shape (\*state), or what broadcasts against x0: (batch, 1) for one a row. For adaptive
        steps only: fixed steps refuse them, and `controller`, `first_step`, `max_step` and `min_step`.
    batch : {"rows", "shared"}
        "rows": every row has its own time, step, statistics and end; no row changes another. "shared": all
        rows take the same step, the error is that of the worst row, and `t` is a float.
    controller : PIDController, optional
        Chooses the step sizes: `PIController` by default, or `IController`, `PIDController`.
    max_steps : int, optional
        Most trial steps, accepted or rejected, of a row: no solve runs forever; 10,000 by default. More fixed
        steps than this are refused where it is given.
    first_step : float, optional
        Size of the first step, at most the time span; chosen from f by default, at the cost of one
        evaluation.
    max_step : float, optional
        No step is longer.
    min_step : float, optional
        A step rejected at this size ends its row; never below 4 units in the last place of t.
    save : {"auto", "land", "read", "steps"}
        "read": save times inside a step are read off the dense output, and cost no step. "land": steps are
        shortened to end on every save time. "auto": read, but land where the ends of steps are better than
        what is between them: if the dense output is of lower order than the error estimate, or the method is
        stiffly accurate (`kvaerno5` and all for stiff problems but `rosenbrock23`). The last time is always
        landed on; fixed steps land on all. "steps": the natural steps are saved, and of `times` only the
        first and the last count (fixed steps are still so many between two times). One state, rows that share
        a clock, and fixed steps have ``t`` of shape (n,); rows with clocks of their own have (n, batch), and
        rows with fewer steps repeat their last point.
    dense : bool
        Keep all steps, so that ``solution.dense(t)`` is the solution at any time.
    parameters : array or mapping of arrays, optional
        The third argument of f and of the events: one value per row of `x0`, rows first, as an array or a
        flat mapping of arrays. If x0 is one state, its parameters, as they are.
    args : tuple
        Constants: the last arguments of f and of the events, and of every part of a structured f.
    events : Event or callable, or a sequence of them, optional
        What to look for in every step; see `Event`.
    callback : callable, optional
        ``callback(t, x)`` after every accepted step, with the time (float, or one per row, shape (batch,))
        and the states, of rows that a terminal event has ended those of the event; if it returns true, the
        solve stops with status "user_stop".
    progress : bool
        Show a progress bar.
    on_failure : {"raise", "return"}
        Raise `SolveError`, or return the solution with its status.

    Returns
    -------
    Solution
        States of shape (times, batch, \*state), and `t_end`, how far every row came. If rows fail, their
        later entries are NaN and `row_status` tells; times that no row reached are left out. A row that a
        terminal event ended has status "event", which is a success; it keeps the state of the event,
        ``x[-1]``, at all later times, and the last time is that of the last event if no row went on.
        `stats`: steps, rejected, evaluations (per row, or one number) and calls of f. `t_events`, `x_events`
        and `dense` where asked for. With two times, `plot.solution` draws the natural steps (``curve()``; of
        up to a million numbers) or `dense`.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind or value, or what f returned at its first call; f that writes into its
        argument or into the array that it returned before.
    SolveError
        The solve failed (`max_steps`, `step_too_small`, `nonfinite`, `newton_failed`, `blow_up`); it carries
        the solution so far.

    Notes
    -----
    Order of accuracy of the method; the adaptive error is proportional to the tolerance, not bounded by it.
    A state that is read off inside a step errs by about as much as the steps do: the dense output of
    `dopri5` and `tsit5` has order 4, that of `vern7` order 6, of `dop853` order 7 (and they take 6 and 3
    more evaluations in a step that is asked for it); that of other methods is their `dense_order`, or 3 for
    a cubic through the ends and their slopes. Stiff methods are of such an order where the steps resolve the
    solution; where it is slaved to something slow, steps may be long, their ends to the tolerance, and what
    is read off between them a smooth curve through their stages, of order 2 or 3 (`max_step` shortens them).
    Times are host float64 whatever the dtype of the state; f gets them in the real dtype of `x`. A trial
    step that is not finite is halved. Rows that have ended are still evaluated, and ignored. Cost per trial
    step: 6 evaluations of f for `dopri5`, and two transfers to the host, of a number per row each.

    f is never asked outside [t0, t1]. Where a node of a method would lie there (`kvaerno5`, `yoshida4`,
    `yoshida6`, `mclachlan4`), another method of its order takes that step; a method of your own without a
    tableau is given the last time instead.

    JAX (`jit`, `vmap`, `grad`) traces fixed steps that need no iteration: they are one ``lax.scan``, f gets
    `t` as a traced number (use jax.numpy on it, not math), no value is checked, and what needs numbers
    (adaptive steps, Newton's iteration, events, `dense`, callbacks) is refused by name. PyTorch
    differentiates every solve, through the steps that it took.

    Floating-point warnings of f are silenced: what they would announce is reported by the status.

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

    Parameters of every row, and a constant; then one state, as for solve_ivp:

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
    run, save_times = begin(problem.f, problem.x0, times, method, substeps, options)
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
    """Whether adaptive steps are made to end on the save times; fixed steps do anyhow."""
    if save not in get_args(Save):
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
    """Order of what is read off inside a step: that of the method's extension, or of a cubic."""
    order: float | None = getattr(method, "dense_order", None)
    return 3 if order is None else order


def ends_are_better(method: Any) -> bool:
    """Whether the ends of the steps of a method are better than what is between them."""
    stiffly_accurate: bool = getattr(method, "is_stiffly_accurate", False)
    return stiffly_accurate or dense_order(method) < (getattr(method, "embedded_order", None) or 0)
