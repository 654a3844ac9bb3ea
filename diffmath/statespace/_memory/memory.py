"""Online memory: the coefficients of what has been heard so far, updated at every sample."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat as compat

from diffmath._arrays.accelerate import run_on_views
from diffmath._arrays.devices import on_its_device
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._discretize import Discretization, bilinear, rule_of
from diffmath.statespace._measures import (
    ScaledMeasure,
    TranslatedMeasure,
    check_discrete,
    log_time_bilinear,
    log_time_dense,
    sampled_states,
)
from diffmath.statespace._recurrence import initial_state
from diffmath.statespace._structure import (
    Measure,
    as_channels,
    from_channels,
    ignore_overflow,
    refuse_overflow,
)
from diffmath.statespace._system import (
    StateSpace,
    check_can_move,
    require_measure,
    sample_length,
    system_like,
)

__all__ = ["memorize"]


@on_its_device
def memorize(
    system: StateSpace,
    u: Array,
    method: Discretization | str = bilinear,
    *,
    every: int = 1,
    dt: float | None = None,
    state: Array | None = None,
    heard: int = 0,
) -> Array:
    r"""Remember a signal while it arrives: the coefficients of its past after every sample.

    .. math:: c_k = \bar A(h_k)\,c_{k-1} + \bar B(h_k)\,u_k, \qquad
        h_k = \ln\frac{k+1}{k} \ \text{(scaled measures)} \quad\text{or}\quad h_k = dt

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states with a measure (`legs`, `legt`, `lagt`, ...), in any gauge.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Samples; u_k is the signal on the cell from k to k + 1. The number of axes tells the forms apart: one
        run of one channel, ``u[None, :, None]`` if it must have all three.
    method : callable or str
        Discretization ``method(system, h)`` or its name: `bilinear`, `zoh`, ...
    every : int
        Keep the coefficients after every so many samples of `u`: 1 keeps all, the number of samples the last
        only, which is what the next call carries on from.
    dt : float, optional
        Length of a sample, in the unit of `theta` or `timescale`; 1 by default: ``legt(64, theta=1000)``
        remembers 1000 samples. The scaled measures, `legs`, `jacs` and `fous`, have no unit of time and
        refuse it.
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        Coefficients to carry on from, as a row that was kept; (n,) serves every channel.
    heard : int
        Number of samples that `state` has heard. Scaled measures need it, the others do not.

    Returns
    -------
    array, shape (rows, n), (rows, channels, n) or (batch, rows, channels, n)
        Row i of ``rows = samples // every`` holds the coefficients after ``(i + 1) * every`` samples of `u`,
        in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, a `method` that is none, an `every` or `heard` that is no integer,
        or a system or a `state` on another device than `u`.
    ValueError
        A discrete system or one without a measure, no sample, a value not finite, `every` below 1 or beyond
        the samples, `dt` not positive, or given to a scaled measure, a `state` of another shape, or `heard`
        without `state` (for a scaled measure also `state` without `heard`).
    SolveError
        The coefficients overflow. The rows before are attached, a batch as further channels.

    Notes
    -----
    *Scaled measures* obey :math:`t\,c' = A c + B u`, which does not depend on time once the clock is
    :math:`\ln t`; sample k lasts from :math:`\ln k` to :math:`\ln(k+1)`. Stepping by this h_k, rather than by
    1/k as published [1]_, costs the same and cuts the error by an order of magnitude and more. The start is
    exact: a constant history is a multiple of the first basis function. *Windows and endless measures* step
    by `dt` from nothing, zero, before the first sample.

    Sampling one signal L times, `bilinear` ends within O(L^-2) of the exact coefficients, `project`, of a
    measure that closes exactly (`legs`, `jacs`, `lagt`); for the scaled ones if the signal starts level, and
    within O(L^-2 log L) if it starts with a slope: the early steps, long in :math:`\ln t`, all add alike.
    A wave of W periods in a window of S samples is off by about :math:`(2 \pi W)^3 / (12 S^2)`, its phase
    mostly. `zoh` is exact for the step signal: take it for windows of few samples. What the closure of a
    window adds does not depend on the step, see `project`; what n coefficients resolve, `reconstruct`. Steps
    of `forward_euler` explode in a `legt` window of fewer than 1.3 n, 2.2 n, 3.7 n and 6.2 n samples for
    n = 4, 8, 16 and 32; those of `bilinear` and `zoh` never do.

    Chunks carry on: ``memorize(s, u[:k], every=k)[-1]`` as `state`, with ``heard=k``, gives the rest of the
    run to rounding. `every` counts anew in each.

    A `bilinear` step is O(n) per channel with numba, compiled in lanes over samples or channels, on as many
    threads as it is set to, for every measure but two: `fous` takes its n modes, found once in O(n^3), at
    O(n) a sample and O(n^2) a row kept, and `lagt` with an alpha the matrix below. Without numba, scaled
    measures step O(n) in turns over all rows at once, of which a block of B samples takes B + n; the others,
    and any other `method` with them, form the matrix of a step once, O(n^3), and take blocks of samples in
    matrix products: O(n) a sample, and O(n^2) a row kept, or for every 128 samples. Any other `method` for a
    scaled measure takes a dense step at every sample, typically O(n^3). Gauges are applied to the rows kept,
    O(n) each, or O(n^2) if they are full matrices.

    Beside `u` and the rows kept, memory does not grow with the number of samples, but for a copy of `u` and
    one number each. Under a JAX transformation a run is `jax.lax.scan`: its time to compile does not depend
    on the number of samples, and scaled measures hold all states before they choose the rows to keep. A
    scaled measure by any other `method` than `bilinear` refuses a tracer by name.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 2 and appendix B.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> c = ss.memorize(ss.legs(4), np.ones(100), ss.bilinear)
    >>> c.shape
    (100, 4)
    >>> bool(abs(c[-1] - [1, 0, 0, 0]).max() < 1e-14)
    True
    >>> ss.memorize(ss.legs(4), np.ones((100, 2)), every=25).shape  # after 25, 50, 75 and 100 samples
    (4, 2, 4)

    A window over the last 50 samples, in two chunks:

    >>> u, window = np.sin(0.1 * np.arange(200.0)), ss.legt(6, theta=50)
    >>> half = ss.memorize(window, u[:100], every=100)[-1]
    >>> whole = ss.memorize(window, u[100:], every=100, state=half, heard=100)[-1]
    >>> bool(np.allclose(whole, ss.memorize(window, u)[-1]))
    True
    """
    measure = require_measure(system, "memorize")
    method = rule_of(method)
    run = partial(
        _memorize, system, measure, method, sample_length(measure, dt), every, check_count("heard", heard, 0)
    )
    arrays = (u,) if state is None else (u, state)
    # Other methods may be a user's, who expects the system in the library of u.
    on_host = method is bilinear and compat.is_numpy_array(system.A)
    return run_on_views(log_time_bilinear, run, *arrays) if on_host else run(*arrays)


def _memorize(
    system: StateSpace,
    measure: Measure,
    method: Discretization,
    dt: float,
    every: int,
    heard: int,
    u: Array,
    state: Array | None = None,
) -> Array:
    channels = as_channels(u)
    every = _check_every(every, channels.shape[0])
    _check_resumption(measure, state, heard)
    check_can_move(system, channels, "u")
    # Bilinear steps know the measure, and need no matrix.
    system = system if method is bilinear else system_like(system, channels, "u")
    c = initial_state(system, u, channels, state)
    with ignore_overflow():
        c = measure.from_gauge(c) if method is bilinear else c
        if isinstance(measure, ScaledMeasure):
            states = _scaled(system, measure, channels, c, method, heard, every)
        elif method is bilinear and isinstance(measure, TranslatedMeasure):
            states = measure.bilinear_states(channels, c, dt / measure.length, every)
        else:
            step = check_discrete(method(system, dt), system.order)
            states = sampled_states(step.A, step.B, channels, c, every)
        states = measure.to_gauge(states) if method is bilinear else states
    remedy = "scale u down" if method is bilinear else "scale u down, or choose a stable method"
    return from_channels(refuse_overflow("the memory", states, remedy, every=every), u)


def _scaled(
    system: StateSpace,
    measure: ScaledMeasure,
    u: Array,
    c: Array,
    method: Discretization,
    heard: int,
    every: int,
) -> Array:
    """Return the states kept of a scaled measure; the first sample, if it is here, is a constant history."""
    ahead = 0 if heard else 1
    if not heard:
        c = measure.constant_history(u[0, :], system.order)
        c, u, heard = c if method is bilinear else measure.to_gauge(c), u[1:, :], 1
    if method is not bilinear:
        return log_time_dense(system, u, c, method, heard, every, ahead)
    return measure.bilinear_states(u, c, heard, every, ahead)


def _check_resumption(measure: Measure, state: Any, heard: int) -> None:
    if heard and state is None:
        raise ValueError(f"heard={heard} needs the state after those samples: give state=c, or heard=0")
    if state is not None and not heard and measure.clock == "scaled":
        raise ValueError(
            f"state needs heard, the number of samples it has heard: the steps of {measure} shorten with it"
        )


def _check_every(every: int, samples: int) -> int:
    every = check_count("every", every)
    if every > samples:
        raise ValueError(f"every must be at most the number of samples, {samples}; got {every}")
    return every
