"""Adaptive steps for SDEs, separate for every row, on a path that they do not change."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.progress import progress_bar
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array
from diffmath._stepping.control import IController, PIDController
from diffmath._stepping.options import check_options
from diffmath.sde._brownian import BrownianPath, KeyNodes, PathNodes, motion_of
from diffmath.sde._loop.descent import Descent, Steps
from diffmath.sde._loop.run_noise import along, first_row_of, source_of
from diffmath.sde._loop.traced import refuse_traced_run
from diffmath.sde._methods import Method, as_method
from diffmath.sde._model import check_declared, prepare, probe

__all__ = ["solve_adaptive"]

_FIRST = 64.0  # the first trial is this fraction of the time span: a long step may be accepted by chance


@on_its_device
def solve_adaptive(
    model: SDE | Any,
    x0: Array,
    times: npt.ArrayLike,
    *,
    method: Method | str,
    key: random.Key | None = None,
    path: BrownianPath | None = None,
    parameters: Any = None,
    args: tuple[Any, ...] = (),
    rtol: float = 1e-3,
    atol: float = 1e-6,
    controller: PIDController | None = None,
    max_steps: int = 10_000,
    first_step: float | None = None,
    max_step: float = math.inf,
    min_step: float = 0.0,
    first_row: int = 0,
    check: bool = True,
    progress: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve an SDE with step sizes that every row chooses by an error estimate.

    A step over :math:`[a, b]` is accepted if the root mean square, over the components of a row, of

    .. math:: \frac{\text{error}_i}{\mathrm{atol} + \mathrm{rtol}\,|x_i|} \le 1, \qquad
              \text{error} = \Phi_{m \to b}(\Phi_{a \to m}(x)) - \Phi_{a \to b}(x), \quad m = \tfrac{a + b}2

    (or the estimate of ``method.attempt``), and otherwise halved, on the same path.

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation. Its callables are called with *some of the rows* at a time: pass arrays with one entry
        per row as `parameters`.
    x0 : array, shape (batch, dim) or (batch, \*state)
        States at ``times[0]``.
    times : array_like, shape (times,)
        Host times to save at, strictly increasing or decreasing; steps end at each of them.
    method : Method or str
        Strong order at least 1 for the noise of `model`, or additive noise, or Stratonovich; see the notes.
    key : Key, optional
        Determines the Brownian paths; required unless `path` is given.
    path : BrownianPath, optional
        The path to solve on, of shape (batch, noise_dim): one for all methods, times and tolerances.
    parameters : array or mapping of arrays, optional
        One row per row of `x0`, the third argument of the model's callables: ``drift(t, x, parameters)``.
        They are split with the batch.
    args : tuple
        Constants, passed last: ``drift(t, x, *args)``, or ``drift(t, x, parameters, *args)``.
    rtol, atol : float
        Tolerances of a step.
    controller : ode.PIDController, optional
        Proposes step sizes, which are rounded down to the next node. By default
        ``ode.IController(max_factor=2)``: an error may be small by chance, and with a factor of 2 this must
        happen many times before a step is much too long.
    max_steps : int
        Maximum number of trial steps per row.
    first_step : float, optional
        Size of the first trial; by default a 64th of the time span.
    max_step, min_step : float
        No step is longer than `max_step`. A step that is rejected and cannot be halved without being shorter
        than `min_step` ends its row. Steps are never shorter than a few units in the last place of the
        largest time, nor than a leaf of `path`.
    first_row : int
        Number of the first row in a larger batch whose paths are continued here. Messages count from it.
    check : bool
        Whether to check once at the start that the noise class and `diffusion_derivative` are as declared: up
        to four more calls of the diffusion, on up to 8 rows.
    progress : bool
        Whether to show a progress bar over the save times.
    on_failure : {"raise", "return"}
        Raise `SolveError`, or return the solution with its status.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, \*state), in the precision and on the device of `x0`. Rows that failed
        are nan from then on; see `row_status`. `stats`: steps, rejected and evaluations of the drift (per
        row), calls (the steps computed for groups of rows), and motion, as in `solve`.

    Raises
    ------
    TypeError, ValueError
        As in `solve`; a method that may converge to a wrong limit with adaptive steps.
    SolveError
        Some rows failed (`nonfinite`, `step_too_small`, `max_steps`); the solution so far is attached.

    Notes
    -----
    *No bias.* The intervals between `times` are halved repeatedly, and the path on a part is a function of
    (key, row, part) only. After a rejection the row continues on the halves of the same increment: nothing is
    drawn again, and the path does not depend on the tolerance. It is the path of ``solve(..., times,
    substeps=2**k, key=key)`` for every k. (Drawing two new halves after rejecting increments beyond one
    standard deviation gives a Brownian motion of variance 0.516 instead of 1.)

    *Which methods converge.* Steps that depend on the path select increments. Euler-Maruyama omits
    :math:`\tfrac12 g g' (\Delta W^2 - h)`. The sum of these terms vanishes for steps that do not depend on
    the path, but need not vanish otherwise: with state-dependent Ito noise it may converge to a wrong limit,
    so it is refused. Methods of strong order 1 have errors o(h) on every path and converge for any choice of
    nodes. Stratonovich methods of strong order 1/2 with general noise contain
    :math:`\tfrac12 g' g\, \Delta W \Delta W^\top`; the term they omit, the Levy area, has mean zero given all
    increments that were used, since every end of a trial step is kept [1]_. A user-defined Stratonovich
    method that adds the drift :math:`\tfrac12 g g' h` instead would converge to a wrong limit, which is not
    detected. With areas A, pass `path=`: drawing new areas for the halves of a rejected step would cause a
    bias.

    *Order.* The tolerance bounds the error of steps, not that of the solution, which tends to zero with it.
    Every row is independent of other rows, of the batch size and of chunks. Cost: 3 steps per trial if the
    method has no error estimate. Rows that need the same step share a call; other rows are called separately.
    Prefer `solve` if one step size suits all rows all the time, as for most linear problems.

    References
    ----------
    .. [1] Foster & Jelincic (2023), On the convergence of adaptive approximations for stochastic differential
       equations, arXiv:2311.14201.
    .. [2] Gaines & Lyons (1997), Variable step size control in the numerical solution of stochastic
       differential equations, SIAM J. Appl. Math. 57, 1455-1484.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> well = sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.0 * x + 0.7, noise="additive")
    >>> x0, key = np.zeros((100, 1)), dm.random.key(0)
    >>> solution = sde.solve_adaptive(well, x0, [0, 1, 2], method=sde.euler_maruyama, key=key, rtol=1e-2)
    >>> solution.status, solution.x.shape
    ('ok', (3, 100, 1))
    """
    check_on_failure(on_failure)
    check_flag("check", check)
    saved, first_row = host_times(times), check_count("first_row", first_row, 0)
    method = as_method(method)
    prepared = prepare(model, x0, parameters, args)
    model, x = prepared.model, prepared.x
    refuse_traced_run(model, x, float(saved[0]), "adaptive steps depend on numbers")
    _check_converges(model, method)
    span = abs(float(saved[-1] - saved[0]))
    options = _options(
        method, model, controller, (first_step, rtol, atol, max_steps, min_step, max_step), span
    )
    source = source_of(key, path, first_row)
    nodes = _nodes(model, x, saved, method, source, first_row, check)
    descent = Descent(model, method, nodes, options, x.shape[0], first_row_of(source, first_row))
    states, group = [x], descent.begin(float(saved[0]), x)
    for node in progress_bar(nodes, enabled=progress, description=method.name, total=len(saved) - 1):
        if x.shape[0]:
            group = descent.cross(node, group)
            if not descent.alive.any():
                break
        states.append(group.x)
    found = saved[: len(states)], prepared.shaped(array_namespace(x).stack(states))
    stats = {**descent.stats(), "motion": motion_of(source, method.increments, saved, first_row)}
    return finish(descent.failures.solution(found, stats, per_row=True), on_failure)


def _check_converges(model: SDE, method: Method) -> None:
    """Refuse a method whose limit may depend on how the steps are chosen."""
    method.check(model)
    if method.equal_steps:
        raise ValueError(
            f"method must converge for steps of any size; {method.name} needs steps of equal size: use "
            "sde.heun, or sde.solve with fixed steps"
        )
    strong, _ = method.orders[model.noise]
    if strong is None:
        raise ValueError(
            f"method must have a strong order for {model.noise} noise; {method.name} has none, and "
            "adaptive steps follow paths: use sde.solve with fixed steps"
        )
    if model.noise != "additive" and model.calculus == "ito" and strong < 1:
        raise ValueError(
            f"method must have strong order 1 for adaptive steps with {model.noise} Ito noise; "
            f"{method.name} has {strong:g}, and steps that depend on the path may lead it to a wrong limit: "
            "use sde.milstein, another method of order 1 (see method.orders), or sde.solve with fixed steps"
        )


def _options(method: Method, model: SDE, controller: Any, rest: tuple[Any, ...], span: float) -> Steps:
    first_step, rtol, atol, max_steps, min_step, max_step = rest
    chosen = IController(max_factor=2.0) if controller is None else controller
    checked = check_options(
        rtol, atol, "rows", chosen, max_steps, min_step, max_step=max_step, first_step=first_step
    )
    if first_step is not None and first_step > span:
        raise ValueError(f"first_step must be at most the time span, {span:g}; got {first_step}")
    strong, _ = method.orders[model.noise]
    assert strong is not None, "_check_converges has refused this method"
    return Steps(
        checked.tolerance, checked.controller, strong + 0.5, checked.max_steps,
        span / _FIRST if first_step is None else float(first_step), checked.max_step, checked.min_step,
    )  # fmt: skip


def _nodes(
    model: SDE,
    x: Array,
    times: npt.NDArray[np.float64],
    method: Method,
    source: Any,
    first_row: int,
    check: bool,
) -> Any:
    terms, probed = method.terms, probe(model, float(times[0]), x)
    if check:
        check_declared(model, float(times[0]), x, method, probed)
    shape = probed.shape
    if isinstance(source, BrownianPath):
        along(source, times, method, shape, x)
        nodes = PathNodes(source, times, terms)
        nodes.check(halvings=0 if method.has_estimate else 1)
        return nodes
    if "A" in terms:
        raise ValueError(
            f"path must be given for the Levy areas A of {method.name}: BrownianPath(key, {shape}, t0, t1, "
            f"like=x0, terms={terms!r}, levels=...), whose areas do not change when steps are halved"
        )
    return KeyNodes(source, times, shape, x, terms, first_row)
