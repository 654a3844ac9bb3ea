"""Paths of a stochastic differential equation on a fixed time grid, saved at given times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import all_finite, array_namespace
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.progress import progress_bar
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array
from diffmath._stepping.events import Events
from diffmath.sde._brownian import BrownianPath, motion_of
from diffmath.sde._loop.endings import Endings, bound_events, checked_callback, saved_states
from diffmath.sde._loop.run_noise import Setup, first_row_of, host_noise, source_of
from diffmath.sde._loop.steps import nonfinite, run_steps
from diffmath.sde._loop.traced import is_traced_run, traced_solution
from diffmath.sde._methods import Method, as_method
from diffmath.sde._model import Prepared, prepare

__all__ = ["solve"]


@on_its_device
def solve(
    model: SDE | Any,
    x0: Array,
    times: npt.ArrayLike,
    *,
    method: Method | str,
    key: random.Key | None = None,
    path: BrownianPath | None = None,
    parameters: Any = None,
    args: tuple[Any, ...] = (),
    substeps: int = 1,
    first_row: int = 0,
    check: bool = True,
    events: Events | None = None,
    callback: Callable[[float, Array], Any] | None = None,
    progress: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve an SDE with fixed steps and save the states at `times`.

    .. math:: x_{n+1} = \Phi(t_n, x_n, t_{n+1} - t_n, \Delta W_n), \qquad
              \Delta W_n \sim \mathcal N(0, |t_{n+1} - t_n|)

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation; a symbolic one is lowered.
    x0 : array, shape (batch, dim) or (batch, \*state)
        States at ``times[0]``; integers become the library's default float. States with several axes, such as
        images, are solved as flat rows: noise per component, the same numbers. A row that is nan or inf ends
        at once with status "nonfinite"; if all rows are, x0 is refused.
    times : array_like, shape (times,)
        Host times, strictly increasing or strictly decreasing (the SDE then runs backwards, see the notes).
    method : Method or str
        `euler_maruyama`, `milstein`, or your own method; or the name of a method of this package, "milstein".
    key : Key, optional
        Determines the Brownian paths; required unless `path` is given.
    path : BrownianPath, optional
        The Brownian motion to solve on, of shape (batch, noise_dim), with its own `key` and `first_row`. It
        is the same for all methods and all times: use a path to compare methods or step counts.
    parameters : array or mapping of arrays, optional
        One row per row of `x0`, the third argument of the model's callables: ``drift(t, x, parameters)``.
        They are split with the batch.
    args : tuple
        Constants, passed last: ``drift(t, x, *args)``, or ``drift(t, x, parameters, *args)``.
    substeps : int
        Number of equal steps between neighbouring times. Doubling it refines the same path.
    first_row : int
        Number of the first row in a larger batch whose paths are continued here.
    check : bool
        Whether to check once at the start that the noise class and `diffusion_derivative` are as declared: up
        to four more calls of the diffusion, on up to 8 rows.
    events : ode.Event or callable, or a sequence of them, optional
        Events to detect at the end of every step: where ``event(t, x)``, one number per row, reached zero or
        changed its sign, or where a condition, one truth value per row, changed. A terminal event ends its
        row, which keeps that state. Called as ``event(t, x, parameters, *args)`` if these are given. See the
        notes.
    callback : callable, optional
        ``callback(t, x)`` is called after every step, with the states of all rows; if it returns true, the
        solve stops with status "user_stop".
    progress : bool
        Whether to show a progress bar.
    on_failure : {"raise", "return"}
        What to do if a state is not finite: raise `SolveError`, or return the valid prefix.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, \*state), in the precision and on the device of `x0`. `t_end` is the
        last time that was reached, per row if rows end at different times; `t_events`, `x_events` if events
        were given. Rows ended by an event report the event state at all later times. If no row continues, the
        last time is that of the last event (status "event", a success). Rows that were nan or inf at the
        start are nan; see `row_status`. `stats`: steps, evaluations of the drift, and motion, the name of the
        Brownian motion: the states of two solutions may be compared path by path if and only if their motions
        agree.

    Raises
    ------
    TypeError
        An argument of the wrong kind; a callable that takes the state first, changes the precision or
        modifies its state; a missing derivative.
    ValueError
        Times that are not strictly monotone, a state that is not finite, a noise class or calculus that the
        method does not accept, a result of the wrong shape; a noise class or derivative that `check` finds to
        be wrong; a path for other rows or times.
    SolveError
        The state became infinite or nan; the valid prefix is attached.

    Notes
    -----
    *Which path.* With `key`, the motion is determined by the key, the row, the odd part of the number of
    steps, and whether the method needs W alone or also areas H, K, A (a method that needs only W draws no
    more). N, 2N, 4N, ... steps of one method use the same path if the time grids are nested (20 and 40 steps
    do, 20 and 30 do not); `euler_maruyama` and `sriw1` use different ones. The areas A of `milstein_levy` are
    drawn separately for each step, given (W, H, K). With ``path=BrownianPath(...)`` there is one motion for
    all methods and steps, and areas can be refined. The weak methods (`dri1`, ...) draw variables that are
    not a path. No path depends on the batch size, the library or the device.

    With decreasing times, ``dt`` is negative and the noise is adapted to decreasing time: this solves
    reverse-time equations [1]_ and does not retrace a forward path. Stratonovich noise is then that of the
    elapsed time, so its Ito drift is f *minus* the correction g g'/2 (`symbolic.SDE.to_ito` adds it).

    JAX (`jit`, `vmap`, `grad`) traces explicit methods: the steps are one ``lax.scan``, drift and diffusion
    get `t` as a traced number, and no value is checked. The noise is drawn outside the trace, with the same
    numbers as in an eager run, and enters as constants. So all lanes of a `vmap` over `x0` have the same
    noise; for independent noise pass all rows as one batch. Implicit methods refuse a tracer by name. PyTorch
    differentiates every solve along its path.

    *Events* are detected only at the ends of steps, since the path inside a step is not known. Crossings that
    are undone within a step are missed, and a crossing is detected up to one step late. First-passage times
    of a level are too late by :math:`O(\sqrt{h})` in the mean: a Brownian motion is stopped as by a level
    that is :math:`0.5826\,\sqrt{h}` further away [2]_. Take small steps if that matters.

    Every step is checked for finite values, which costs one reduction (and, on a GPU, one synchronisation).
    ``method.orders`` states the orders of a method for every class of noise.

    References
    ----------
    .. [1] Anderson (1982), Reverse-time diffusion equation models, Stoch. Proc. Appl. 12, 313-326.
    .. [2] Broadie, Glasserman & Kou (1997), A continuity correction for discrete barrier options, Math.
       Finance 7, 325-349.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    >>> x0 = np.ones((1000, 1))
    >>> times, key = np.linspace(0, 1, 11), dm.random.key(0)
    >>> solution = sde.solve(ou, x0, times, method=sde.euler_maruyama, key=key)
    >>> solution.x.shape, solution.status
    ((11, 1000, 1), 'ok')
    >>> solution.stats["motion"]
    'W of Key(0x00000000, 0x00000000) on [0, 1], 5 * 2**k steps'
    >>> path = sde.BrownianPath(key, (1000, 1), 0.0, 1.0, like=x0)  # for every method and any times
    >>> sde.solve(ou, x0, times, method=sde.sra1, path=path).stats["motion"]
    'path of Key(0x00000000, 0x00000000) on [0, 1]'
    """
    check_on_failure(on_failure)
    check_flag("check", check)
    method, saved = as_method(method), host_times(times)
    substeps, first_row = check_count("substeps", substeps, 1), check_count("first_row", first_row, 0)
    prepared = prepare(model, x0, parameters, args, some_rows=True)
    watched, callback = bound_events(events, parameters, args), checked_callback(callback)
    x = prepared.x
    clock = _refine(saved, substeps)
    source = source_of(key, path, first_row)
    motion = motion_of(source, method.increments, clock, first_row)
    if is_traced_run(prepared.model, x, float(clock[0])):
        if watched or callback is not None:
            raise TypeError("events and callback read numbers on the host, which JAX traces: leave them out")
        noises = host_noise(Setup(prepared.model, x, clock, method, source, first_row))
        traced = traced_solution(prepared, saved, clock, method, noises, substeps)
        return replace(traced, stats={**traced.stats, "motion": motion})
    named, endings = first_row_of(source, first_row), None
    if watched or callback is not None or not all_finite(x):
        endings = Endings(x, float(clock[0]), watched, callback, prepared.shaped, named)
        x = endings.begin
    settle = None if endings is None else endings.freeze
    run = run_steps(Setup(prepared.model, x, clock, method, source, first_row), check=check, settle=settle)
    bar = progress_bar(run, enabled=progress, description=method.name, total=len(clock) - 1)
    states, steps, message = saved_states(
        bar, x, clock, substeps, endings, lambda x, t: nonfinite(x, t, named, method.trouble)
    )
    message = message and f"{message}; use more substeps (now {substeps}), or {method.remedy}"
    solution = _solution(prepared, clock, substeps, states, steps, method, message, endings)
    return finish(replace(solution, stats={**solution.stats, "motion": motion}), on_failure)


def _solution(
    prepared: Prepared,
    clock: npt.NDArray[np.float64],
    substeps: int,
    states: list[Array],
    steps: int,
    method: Method,
    message: str,
    endings: Endings | None,
) -> Solution:
    # The last state may be an event state between two save times.
    times = clock[np.minimum(np.arange(len(states)) * substeps, steps)]
    kept, stats = array_namespace(states[0]).stack(states), {"steps": steps, "evaluations": method.nfe(steps)}
    if endings is None:
        status = method.failure if message else "ok"
        return Solution(times, prepared.shaped(kept), status, message, stats, t_end=float(clock[steps]))
    if message:
        endings.fail(method.failure, message)
    return endings.solution(times, prepared.shaped(endings.shown(kept)), stats)


def _refine(saved: npt.NDArray[np.float64], substeps: int) -> npt.NDArray[np.float64]:
    """Divide every interval into equal steps; each time is computed from its interval, never accumulated."""
    if substeps == 1:
        return saved
    fractions = np.arange(substeps) / substeps
    inner = saved[:-1, None] + np.diff(saved)[:, None] * fractions
    return host_times(np.append(inner.ravel(), saved[-1]), f"times cut into substeps={substeps}")
