"""Online memory: the coefficients of the signal so far, updated at every sample."""

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
    r"""Update the coefficients of a signal's past at every sample.

    .. math:: c_k = \bar A(h_k)\,c_{k-1} + \bar B(h_k)\,u_k, \qquad
        h_k = \ln\frac{k+1}{k} \ \text{(scaled measures)} \quad\text{or}\quad h_k = dt

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states with a measure (`legs`, `legt`, `lagt`, ...), in any gauge.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Samples; u_k is the signal on the cell from k to k + 1. The number of axes decides which form is
        meant. One run of one channel with all three axes is ``u[None, :, None]``.
    method : callable or str
        Discretization ``method(system, h)`` or its name: `bilinear`, `zoh`, ...
    every : int
        Keep the coefficients after every `every` samples of `u`. 1 keeps all rows. The number of samples
        keeps the last row only, which is the `state` for the next chunk.
    dt : float, optional
        Length of a sample, in the unit of `theta` or `timescale`. The default is 1, so
        ``legt(64, theta=1000)`` remembers 1000 samples. The scaled measures (`legs`, `jacs`, `fous`) have no
        unit of time and refuse `dt`.
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        Coefficients to continue from: a row of an earlier call. Shape (n,) is used for every channel.
    heard : int
        Number of samples before `u`, which `state` already contains. Only scaled measures need it.

    Returns
    -------
    array, shape (rows, n), (rows, channels, n) or (batch, rows, channels, n)
        Row i of ``rows = samples // every`` holds the coefficients after ``(i + 1) * every`` samples of `u`,
        in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace, not an array, not a discretization `method`, an `every` or `heard` that is not an
        integer, or a system or `state` on another device than `u`.
    ValueError
        A discrete system, a system without a measure, no samples, a value that is not finite, `every` below 1
        or above the number of samples, a `dt` that is not positive, a `dt` for a scaled measure, a `state` of
        the wrong shape, `heard` without `state`, or `state` without `heard` for a scaled measure.
    SolveError
        The coefficients overflow. The rows before the overflow are attached, with a batch as extra channels.

    Notes
    -----
    *Scaled measures* obey :math:`t\,c' = A c + B u`. In the time :math:`\ln t` this equation has constant
    coefficients, and sample k lasts from :math:`\ln k` to :math:`\ln(k+1)`. The published steps are 1/k [1]_.
    The steps h_k cost the same and reduce the error by a factor of ten or more. The first sample is exact,
    because a constant history is a multiple of the first basis function. *Windows and endless measures* step
    by `dt` and start from zero.

    *Accuracy.* Let one signal be sampled L times, and let the measure close exactly (`legs`, `jacs`, `lagt`).
    The result of `bilinear` is within O(L^-2) of the exact coefficients, which `project` returns. For scaled
    measures this holds if the signal starts with zero slope. Otherwise the error is O(L^-2 log L), because
    the early steps, which are long in :math:`\ln t`, contribute equally. A wave of W periods in a window of S
    samples has an error of about :math:`(2 \pi W)^3 / (12 S^2)`, mostly in its phase. `zoh` is exact for the
    step signal; use it for windows of few samples. The closure of a window adds an error that does not depend
    on the step, see `project`. For what n coefficients resolve, see `reconstruct`.

    *Stability.* `bilinear` and `zoh` are always stable. `forward_euler` is unstable in a `legt` window of
    fewer than 1.3 n, 2.2 n, 3.7 n and 6.2 n samples for n = 4, 8, 16 and 32.

    *Chunks.* Pass ``memorize(s, u[:k], every=k)[-1]`` as `state`, with ``heard=k``, to continue a run. The
    result equals the single run to rounding. `every` counts from the start of each chunk.

    *Cost.* With numba, a `bilinear` step is O(n) per channel, vectorised over samples or channels, and it
    uses the threads of numba. There are two exceptions. `fous` uses its n modes, found once in O(n^3): O(n)
    per sample and O(n^2) per kept row. `lagt` with a nonzero alpha uses the matrix of a step, as below.
    Without numba, scaled measures also take O(n) per sample, as a wavefront over the coefficients. The other
    measures, and all other methods, form the matrix of a step once, in O(n^3), and process blocks of samples
    as matrix products: O(n) per sample, and O(n^2) per kept row or per 128 samples. Methods other than
    `bilinear` take a dense step at every sample of a scaled measure, typically O(n^3). A gauge costs O(n) per
    kept row, or O(n^2) if it is a full matrix.

    *Memory.* Beyond `u` and the kept rows, the call needs one copy of `u` and one number per sample. Under a
    JAX transformation the run is a `jax.lax.scan`, so its compile time does not depend on the number of
    samples; scaled measures then store all states before they select the kept rows. For a scaled measure,
    methods other than `bilinear` refuse JAX tracers.

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

    A window of the last 50 samples, in two chunks:

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
    # Other methods may be user-defined and expect the system in the library of u.
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
    # Bilinear steps use the measure and need no matrix.
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
    """Return the saved states of a scaled measure; the first sample, if it is here, is a constant history."""
    ahead = 0 if heard else 1
    if not heard:
        c = measure.constant_history(u[0, :], c)
        c, u, heard = c if method is bilinear else measure.to_gauge(c), u[1:, :], 1
    if method is not bilinear:
        return log_time_dense(system, u, c, method, heard, every, ahead)
    return measure.bilinear_states(u, c, heard, every, ahead)


def _check_resumption(measure: Measure, state: Any, heard: int) -> None:
    if heard and state is None:
        raise ValueError(f"heard={heard} needs the state after those samples: give state=c, or heard=0")
    if state is not None and not heard and measure.clock == "scaled":
        raise ValueError(
            f"state needs heard, the number of samples in it: the steps of {measure} depend on this number"
        )


def _check_every(every: int, samples: int) -> int:
    every = check_count("every", every)
    if every > samples:
        raise ValueError(f"every must be at most the number of samples, {samples}; got {every}")
    return every
