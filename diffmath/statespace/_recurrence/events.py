"""The recurrence over samples at irregular times, with exact dynamics in between."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.expm import integrals
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._recurrence.simulate import initial_state
from diffmath.statespace._structure import (
    as_channels,
    check_parameter,
    from_channels,
    ignore_overflow,
    refuse_overflow,
)
from diffmath.statespace._system import StateSpace, require_continuous, system_like

__all__ = ["Hold", "simulate_events"]

Hold: TypeAlias = Literal["gap", "impulse"] | float

# Numbers per stack of matrices: 1 MiB, to stay in cache.
_BLOCK = 1 << 17


@on_its_device
def simulate_events(
    system: StateSpace, u: Array, times: Any, *, start: float, hold: Hold = "gap", state: Array | None = None
) -> Array:
    r"""Run a continuous system over samples at irregular times.

    .. math:: x(t_k) = e^{A g_k} x(t_{k-1}) + b_k u_k, \qquad y_k = C x(t_k) + D u_k,
        \qquad g_k = t_k - t_{k-1}

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states with an output.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Input; the channels are independent runs of the same system, at the same times.
    times : numbers, shape (samples,)
        Times of the samples, on the host. They do not decrease, and none is before `start`.
    start : float
        Time of `state`; the first gap begins here.
    hold : {"gap", "impulse"} or float
        How long the input of an event lasts. ``gap``: since the previous event,
        :math:`b_k = g_k \varphi_1(A g_k) B`, the zero-order hold. ``impulse``: an impulse of area
        :math:`u_k`, :math:`b_k = B`. A number h: a pulse of length h for every gap,
        :math:`b_k = h \varphi_1(A h) B` (asynchronous, event time).
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        State at `start`, zero by default; shape (n,) is used for every channel.

    Returns
    -------
    array, shape of `u` (or that of `u` followed by (p,) if C is (p, n))
        Output, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, times that are not host numbers, or a system on another device
        than `u`.
    ValueError
        A discrete system, a system without output, no samples, a number of times other than the number of
        samples, times that decrease, an unknown `hold`, a D with impulses, a `state` of the wrong shape, or a
        value that is not finite.
    SolveError
        The output overflows: the system is unstable. The samples before the overflow are attached.

    Notes
    -----
    The result is exact for such inputs, up to the rounding of one exponential per gap. On the grid
    ``start + dt * (1, 2, ...)`` it equals ``simulate(zoh(system, dt), u)``. For an input that lasts until the
    *next* event, such as a sampled signal that is held, use ``gap`` and shift `u` by one sample. A pulse ends
    at its event. If it is longer than the gap, its whole effect is added at its own event.

    The cost is O(n^3) per sample, in stacks, and O(n^2) per channel. Diagonal systems need O(n):
    ``a, b = discretize_diagonal(poles, dt, gap=gaps)``, then ``scan(a, b * B * u)``. Call this function once
    for each set of times.

    "async" in the literature means that A uses the gap and B uses a fixed step [1]_. In lrnnx B uses the gap
    as well, so that the weight of an event is proportional to the time since the previous one. That is
    ``gap`` here.

    With the identity as C the outputs are the states. The last one can be passed as `state` to the next call.

    References
    ----------
    .. [1] Schoene, Sushma, Zhuge, Mayr, Subramoney & Kappel (2024), Scalable Event-by-event Processing of
       Neuromorphic Sensory Signals With Deep State-Space Models, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> decay = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    >>> ss.simulate_events(decay, np.ones(3), [0.0, 0.1, 5.0], start=0.0, hold="impulse").round(4)
    array([1.    , 1.9048, 1.0142])
    >>> ss.simulate_events(decay, np.ones(3), [0.0, 0.1, 5.0], start=0.0).round(4)
    array([0.    , 0.0952, 0.9933])
    """
    require_continuous(system, "simulate_events")
    if system.C is None:
        raise ValueError("simulate_events needs an output; this system has no C: use system.with_output(C)")
    channels = as_channels(u)
    gaps = _gaps(times, start, channels.shape[0])
    system = system_like(system, channels, "u")
    _check_hold(hold, system)
    x = initial_state(system, u, channels, state)
    with ignore_overflow():
        y = _run(system, channels, gaps, hold, x) + channels[:, :, None] * system.D
    y = refuse_overflow("the output", y, "the system is unstable; use fewer samples or a stable A")
    y = from_channels(y, u)
    return y if system.C is not None and system.C.ndim == 2 else y[..., 0]


def _run(system: StateSpace, u: Array, gaps: npt.NDArray[np.float64], hold: Hold, x: Array) -> Array:
    """Return the outputs C x (samples, channels, p)."""
    xp = array_namespace(u)
    read = xp.matrix_transpose(xp.reshape(system.C, (-1, system.order)))
    at_once = max(1, _BLOCK // (system.order + 1) ** 2)
    outputs = []
    for first in range(0, gaps.size, at_once):
        steps = asarray_like(gaps[first : first + at_once], u)
        A, held = integrals(system.A, system.B, steps, 1)
        B = held if hold == "gap" else xp.broadcast_to(_pulse(system, hold), held.shape)
        for k in range(steps.shape[0]):
            x = x @ xp.matrix_transpose(A[k, ...]) + u[first + k, :][:, None] * B[k, :]
            outputs.append(x @ read)
    return xp.stack(outputs)


def _pulse(system: StateSpace, hold: Hold) -> Array:
    """Return the state after an input of 1: an impulse, or a pulse of a fixed length."""
    if hold == "impulse":
        return system.B
    _, pulse = integrals(system.A, system.B, asarray_like(hold, system.A), 1)
    return pulse


def _check_hold(hold: Any, system: StateSpace) -> None:
    if isinstance(hold, str) and hold not in ("gap", "impulse"):
        raise ValueError(f"hold must be 'gap', 'impulse' or the length of a pulse; got {hold!r}")
    if not isinstance(hold, str):
        check_parameter("hold", hold, above=0.0)
    if hold == "impulse" and bool(array_namespace(system.D).any(system.D != 0.0)):
        raise ValueError("hold='impulse' needs D = 0: an impulse in the output has no value")


def _gaps(times: Any, start: Any, samples: int) -> npt.NDArray[np.float64]:
    """Return the times between events, from `start` on."""
    if compat.is_array_api_obj(times) and not compat.is_numpy_array(times):
        raise TypeError("times must be a list or a NumPy array of host numbers: copy them there explicitly")
    start, values = check_parameter("start", start), np.asarray(times)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"times must be real numbers; got dtype {values.dtype}")
    if values.shape != (samples,):
        raise ValueError(f"times must have shape ({samples},), one for each sample of u; got {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("times must be finite")
    gaps: npt.NDArray[np.float64] = np.diff(values.astype(np.float64), prepend=start)
    if gaps.min() < 0.0:
        i = int(np.argmin(gaps >= 0.0))
        before = f"times[{i - 1}]={values[i - 1]}" if i else f"start={start}"
        raise ValueError(f"times must not decrease; times[{i}]={values[i]} comes after {before}")
    return gaps
