"""Coarse and fine runs on one path: the coupled differences of multilevel Monte Carlo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from diffmath import random
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.models import SDE
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array
from diffmath.sde._loop.run_noise import Setup, noise_of
from diffmath.sde._loop.steps import first_state, nonfinite, take_step
from diffmath.sde._methods import Method, as_method
from diffmath.sde._model import prepare
from diffmath.sde._noise import Increment, chen

__all__ = ["Coupled", "coupled"]


class Coupled(NamedTuple):
    """Final states of a coarse and of a fine run on the same Brownian paths.

    Parameters
    ----------
    coarse, fine : array, shape (batch, dim)
        Row i of both is on the same path.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.Coupled(coarse=np.zeros((1, 1)), fine=np.ones((1, 1))).fine
    array([[1.]])
    """

    coarse: Array
    fine: Array


def coupled(
    model: SDE | Any,
    x0: Array,
    *,
    t_span: tuple[float, float],
    steps: int,
    method: Method | str,
    key: random.Key,
    parameters: Any = None,
    args: tuple[Any, ...] = (),
    ratio: int = 2,
    first_row: int = 0,
    check: bool = True,
) -> Coupled:
    r"""Run a coarse and a fine solution of an SDE on the same Brownian paths.

    .. math:: \mathrm E[\phi(X^{(L)})] = \mathrm E[\phi(X^{(0)})]
              + \sum_{\ell=1}^{L} \mathrm E[\phi(X^{(\ell)}) - \phi(X^{(\ell-1)})]

    Multilevel Monte Carlo [1]_ estimates each difference from coupled runs, whose variance decreases with the
    step. This function computes the runs of one level.

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation; a symbolic one is lowered.
    x0 : array, shape (batch, dim) or (batch, \*state)
        States at ``t_span[0]``.
    t_span : (float, float)
        First and last time; decreasing times run backwards.
    steps : int
        Number of equal steps of the coarse run.
    method : Method or str
        Driven by Brownian increments or by `levy_increments`.
    key : Key
        Determines the paths: use a different key for every level.
    parameters : array or mapping of arrays, optional
        One row per row of `x0`, the third argument of the model's callables: ``drift(t, x, parameters)``.
        They are split with the batch.
    args : tuple
        Constants, passed last: ``drift(t, x, *args)``, or ``drift(t, x, parameters, *args)``.
    ratio : int
        Number of fine steps per coarse step.
    first_row : int
        Number of the first row in a larger batch.
    check : bool
        Whether to check once at the start that the noise class and `diffusion_derivative` are as declared: up
        to four more calls of the diffusion, on up to 8 rows.

    Returns
    -------
    Coupled
        ``(coarse, fine)``, two arrays of the shape of `x0`. The fine run is that of
        ``solve(model, x0, np.linspace(*t_span, ratio * steps + 1), method=method, key=key)``.

    Raises
    ------
    TypeError, ValueError
        As for `solve`; a method with its own kind of noise (weak methods), which a finer run cannot share.
    SolveError
        A state became infinite or nan.

    Notes
    -----
    The noise of a coarse step is Chen's combination of the fine increments, so it has the law of a single
    draw, with all areas. The mean square of ``fine - coarse`` is :math:`O(h^{2\gamma})` for strong order
    :math:`\gamma`. The memory is that of a few states.

    References
    ----------
    .. [1] Giles (2008), Multilevel Monte Carlo path simulation, Oper. Res. 56, 607-617.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    >>> x0, key = np.ones((1000, 1)), dm.random.key(0)
    >>> pair = sde.coupled(ou, x0, t_span=(0.0, 1.0), steps=16, method=sde.euler_maruyama, key=key)
    >>> bool(np.mean((pair.fine - pair.coarse) ** 2) < 1e-3 < np.var(pair.fine))
    True
    """
    check_flag("check", check)
    method = as_method(method)
    prepared = prepare(model, x0, parameters, args)
    model, x = prepared.model, prepared.x
    steps, ratio = check_count("steps", steps, 1), check_count("ratio", ratio, 2)
    span = host_times(t_span, "t_span")
    if len(span) != 2:
        raise ValueError(f"t_span must be (first, last); got {len(span)} times")
    fine_clock = host_times(
        np.linspace(span[0], span[1], steps * ratio + 1), f"t_span cut into {steps * ratio} steps"
    )
    _ = method.terms  # refuses noise that cannot be joined
    setup = Setup(model, x, fine_clock, method, key, check_count("first_row", first_row, 0))
    noise = noise_of(setup, check=check)
    fine = coarse = x
    state = coarse_state = first_state(model, x, float(fine_clock[0]), method)
    for n, group in enumerate(_groups(noise, ratio), start=1):
        clock = [float(t) for t in fine_clock[(n - 1) * ratio : n * ratio + 1]]
        for t, after, dW in zip(clock, clock[1:], group, strict=False):
            trial = take_step(model, state, fine, t, after - t, method, dW)
            fine, state = trial.x, trial.state
        dt, joined = clock[-1] - clock[0], reduce(_join, group)
        trial = take_step(model, coarse_state, coarse, clock[0], dt, method, joined)
        coarse, coarse_state = trial.x, trial.state
        for name, found in (("coarse", coarse), ("fine", fine)):
            message = nonfinite(found, clock[-1], first_row, method.trouble)
            if message:
                message = f"{name} run: {message}; use more steps (now {steps}), or {method.remedy}"
                start = prepared.shaped(x[None, ...])
                stats = {"steps": n - 1, "evaluations": method.nfe(n - 1)}
                raise SolveError(message, Solution(span[:1], start, method.failure, message, stats))
    return Coupled(prepared.shaped(coarse), prepared.shaped(fine))


def _groups(noise: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while group := list(islice(noise, size)):
        yield group


def _join(first: Any, second: Any) -> Any:
    return chen(first, second) if isinstance(first, Increment) else first + second
