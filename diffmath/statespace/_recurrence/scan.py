"""The scan of a time-varying diagonal system: selective state spaces, gates, decays."""

from __future__ import annotations

import math

import array_api_compat as compat

from diffmath._arrays.accelerate import accelerated, run_on_views
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import all_finite, array_namespace, check_array
from diffmath._arrays.tracing import is_tracing, scan_loop
from diffmath._core.typing import Array
from diffmath.statespace._structure import ignore_overflow, refuse_overflow

__all__ = ["recurrence", "scan"]


@on_its_device
def scan(a: Array, b: Array, *, state: Array | None = None) -> Array:
    r"""Run a linear recurrence with time-varying coefficients.

    .. math:: x_k = a_k x_{k-1} + b_k

    Parameters
    ----------
    a : array, shape (samples, ...), real or complex
        Factors; time is the first axis. The other axes broadcast against those of `b`.
    b : array, shape (samples, ...), real or complex
        Inputs, with as many axes as `a`.
    state : array, shape (...), optional
        State before the first sample, zero by default. To continue a run, pass its last state.

    Returns
    -------
    array, shape (samples, ...)
        All states.

    Raises
    ------
    TypeError
        Not arrays, or arrays of two libraries or devices.
    ValueError
        No samples, shapes that do not fit, or a value that is not finite.
    SolveError
        The states overflow. The samples before the overflow are attached.

    Notes
    -----
    A selective model has ``a = exp(delta * A)`` and ``b = delta * B * u`` [2]_. The algorithm does not divide
    by products of `a`, which underflow. Factors of zero (a gate that forgets) and runs of any length are
    safe. The error is that of the recurrence: eps of the largest state for each remembered sample. Their
    number is ``scan(abs(a), ones)``, which is 1 / (1 - a) for a constant factor below 1, and all samples
    for 1.

    With numba the scan is one compiled loop. Without it, it is an associative scan [1]_ in two levels of
    about the square root of the number of samples: O(samples) work, and memory for a few copies. Under a JAX
    transformation it is ``jax.lax.scan``, whose compile time does not depend on the number of samples.

    References
    ----------
    .. [1] Blelloch (1990), Prefix sums and their applications, CMU-CS-90-190, section 1.4.
    .. [2] Gu & Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, eq. 2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.scan(np.array([1.0, 0.5, 0.0]), np.array([4.0, 1.0, 7.0]), state=np.array(2.0))
    array([6., 4., 7.])
    """
    return run_on_views(linear_recurrence, _scan, a, b, *(() if state is None else (state,)))


def _scan(*given_arrays: Array) -> Array:
    given = dict(zip(("a", "b", "state"), given_arrays, strict=False))
    xp = array_namespace(*given.values(), names=list(given))
    arrays = [check_array(name, array, allow_complex=True) for name, array in given.items()]
    dtype = xp.result_type(*arrays)
    a, b, *rest = (xp.astype(array, dtype, copy=False) for array in arrays)
    if not a.ndim or a.ndim != b.ndim or a.shape[0] != b.shape[0]:
        raise ValueError(
            "a and b must have shape (samples, ...), as many axes and samples; got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    if not b.shape[0]:
        raise ValueError("b must hold at least one sample; got none")
    if any(p != q and 1 not in (p, q) for p, q in zip(a.shape, b.shape, strict=True)):
        raise ValueError(f"a {tuple(a.shape)} and b {tuple(b.shape)} must broadcast")
    a, b = xp.broadcast_arrays(a, b)
    shape = tuple(b.shape)
    if rest and tuple(rest[0].shape) != shape[1:]:
        raise ValueError(f"state must have shape {shape[1:]}; got {tuple(rest[0].shape)}")
    if 0 in shape:
        return xp.zeros(shape, dtype=dtype, device=compat.device(b))
    flat = (shape[0], math.prod(shape[1:]))
    x = rest[0] if rest else xp.zeros(shape[1:], dtype=dtype, device=compat.device(b))
    with ignore_overflow():
        states = recurrence(xp.reshape(a, flat), xp.reshape(b, flat), xp.reshape(x, flat[1:]))
        if not all_finite(states):
            # Products of factors may overflow although the states do not; then the recurrence is used.
            states = _one_by_one(xp.reshape(a, flat), xp.reshape(b, flat), xp.reshape(x, flat[1:]))
    states = refuse_overflow("the scan", states, "scale b down, or use factors below 1 in size")
    return xp.reshape(states, shape)


def recurrence(a: Array, b: Array, x: Array) -> Array:
    """Return all states (samples, channels); under a JAX trace by its own scan."""
    if not is_tracing(a, b, x):
        return linear_recurrence(a, b, x)

    def step(state: Array, factors: tuple[Array, Array]) -> tuple[Array, Array]:
        new = factors[0] * state + factors[1]
        return new, new

    return scan_loop(step, x, (a, b))[1]


@accelerated
def linear_recurrence(a: Array, b: Array, x: Array) -> Array:
    """Return all states (samples, channels) of x_k = a_k x_{k-1} + b_k, by blocks.

    Steps compose: x -> p x + r followed by x -> a x + b is x -> (a p) x + (a r + b). All blocks compose their
    steps at once, each from zero. Then the state is passed from block to block.
    """
    xp, (samples, channels) = array_namespace(b), b.shape
    T = math.isqrt(samples - 1) + 1
    blocks = -(-samples // T)
    rest = xp.zeros((blocks * T - samples, channels), dtype=b.dtype, device=compat.device(b))
    a, b = (xp.reshape(xp.concat([values, rest]), (blocks, T, channels)) for values in (a, b))
    p, r = [a[:, 0, :]], [b[:, 0, :]]
    for j in range(1, T):
        p.append(a[:, j, :] * p[-1])
        r.append(a[:, j, :] * r[-1] + b[:, j, :])
    starts = []
    for block in range(blocks):
        starts.append(x)
        x = p[-1][block, :] * x + r[-1][block, :]
    states = xp.stack(p, axis=1) * xp.stack(starts)[:, None, :] + xp.stack(r, axis=1)
    return xp.reshape(states, (blocks * T, channels))[:samples, :]


def _one_by_one(a: Array, b: Array, x: Array) -> Array:
    states = []
    for k in range(b.shape[0]):
        x = a[k, :] * x + b[k, :]
        states.append(x)
    return array_namespace(b).stack(states)
