"""The recurrence: the outputs of a run, and the state after it."""

from __future__ import annotations

import array_api_compat as compat

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import all_finite, array_namespace, check_array
from diffmath._arrays.tracing import is_tracing, scan_loop
from diffmath._core.typing import Array
from diffmath.statespace._structure import as_channels, from_channels, ignore_overflow, refuse_overflow
from diffmath.statespace._system import (
    StateSpace,
    blockwise_outputs,
    blockwise_state,
    require_discrete,
    require_output,
    system_like,
)

__all__ = ["advance", "initial_state", "next_state", "simulate"]

_SHORT = 64  # below this many samples, blocks are not faster


@on_its_device
def simulate(system: StateSpace, u: Array, *, state: Array | None = None) -> Array:
    r"""Run a discrete system over a signal.

    .. math:: x_k = A x_{k-1} + B u_k, \qquad y_k = C x_k + D u_k

    Parameters
    ----------
    system : StateSpace
        Discrete system with n states and an output.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Input; the channels are independent runs of the same system.
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        State before the first sample, zero by default; shape (n,) is used for every channel.

    Returns
    -------
    array, shape of `u` (or that of `u` followed by (p,) if C is (p, n))
        Output, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or a system on another device than `u`.
    ValueError
        A continuous system, a system without output, no samples, a `state` of the wrong shape, or a value
        that is not finite.
    SolveError
        The output overflows: the system is unstable. The samples before the overflow are attached.

    Notes
    -----
    The run is computed in blocks of T samples, where T is a power of two near the square root of the number
    of samples and at most 128. Each channel costs O(n + T) per sample and output, in matrix products, and
    O(n^2) per block; the powers of A cost O(n^3) once. Runs of fewer than 64 samples, runs whose blocks
    overflow, and runs that JAX traces (`jax.lax.scan`) step sample by sample, O(n^2) each. To continue a run,
    use the state that `advance` returns, or `step` for single samples.

    From a zero state the result equals ``convolve(u, kernel(system, samples))`` to rounding. SciPy's
    ``dlsim`` returns the same numbers for the output matrices ``(C A, C B + D)``, because its state lags by
    one sample.

    Rounding errors, that of A included, are propagated by the powers of A. If these do not grow, the error is
    below sqrt(n) eps of ``|C| max |x_k|`` per sample of the run. In float32, where eps is 1.2e-7, this bound
    is 1e-3 after 1,000 samples of 64 states; errors are usually a hundredth of it.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> halve = ss.StateSpace(np.array([[0.5]]), np.ones(1), C=np.ones(1), dt=1.0)
    >>> ss.simulate(halve, np.array([1.0, 0.0, 0.0]))
    array([1.  , 0.5 , 0.25])
    """
    require_output(system, "simulate")
    channels = as_channels(u)
    system = system_like(system, channels, "u")
    x = initial_state(system, u, channels, state)
    with ignore_overflow():
        blocks = _pays(system, channels, x)
        y = blockwise_outputs(system, channels, x) if blocks else _recur(system, channels, x)
        if blocks and not all_finite(y):
            # The powers of A may overflow although the states do not; then the recurrence is used.
            y = _recur(system, channels, x)
        y = y + channels[:, :, None] * system.D
    remedy = "the system is unstable; use fewer samples or a stable A"
    y = from_channels(refuse_overflow("the output", y, remedy), u)
    return y if system.C is not None and system.C.ndim == 2 else y[..., 0]


@on_its_device
def advance(system: StateSpace, u: Array, *, state: Array | None = None) -> Array:
    r"""Return the state of a discrete system after a signal.

    .. math:: x_k = A x_{k-1} + B u_k

    Parameters
    ----------
    system : StateSpace
        Discrete system with n states; its output is not used.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Input; the channels are independent runs of the same system.
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        State before the first sample, zero by default; shape (n,) is used for every channel.

    Returns
    -------
    array, shape (n,), (channels, n) or (batch, channels, n)
        State after the last sample, in the dtype and on the device of `u`. Pass it as `state` to `simulate`
        or `advance` with the next samples.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or a system on another device than `u`.
    ValueError
        A continuous system, no samples, a `state` of the wrong shape, or a value that is not finite.
    SolveError
        The state overflows: the system is unstable.

    Notes
    -----
    The cost is O(n) per sample and channel, in matrix products, and O(n^2) for each block of `simulate`. The
    memory is that of a copy of `u`. A long signal can be processed in parallel: compute the state after each
    part from zero, and combine the states with powers of A.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> halve = ss.StateSpace(np.array([[0.5]]), np.ones(1), C=np.ones(1), dt=1.0)
    >>> state = ss.advance(halve, np.array([1.0, 0.0]))
    >>> state
    array([0.5])
    >>> ss.simulate(halve, np.array([0.0, 2.0]), state=state)
    array([0.25 , 2.125])
    """
    require_discrete(system, "advance")
    channels = as_channels(u)
    system = system_like(system, channels, "u")
    x = start = initial_state(system, u, channels, state)
    with ignore_overflow():
        blocks = _pays(system, channels, start)
        if blocks:
            x = blockwise_state(system, channels, start)
        if not blocks or not all_finite(x):
            x = _last_state(system, channels, start)
    remedy = "the system is unstable; use fewer samples or a stable A"
    x = refuse_overflow("the state", x[None, ...], remedy, every=channels.shape[0])
    return from_channels(x[0, ...], u, axis=0)


def _pays(system: StateSpace, channels: Array, x: Array) -> bool:
    long = bool(channels.shape[0] >= _SHORT and channels.shape[1])
    # Under a trace, overflows of powers of A cannot be detected, and a scan compiles equally fast for any
    # signal.
    return long and not is_tracing(system.A, channels, x)


def next_state(system: StateSpace, x: Array, sample: Array) -> Array:
    """Return the states (channels, n) after one more sample (channels,)."""
    return x @ array_namespace(x).matrix_transpose(system.A) + sample[:, None] * system.B


def _recur(system: StateSpace, u: Array, x: Array) -> Array:
    """Return the outputs (samples, channels, p) from state `x` (channels, n)."""
    xp = array_namespace(u)
    read, outputs = xp.matrix_transpose(xp.reshape(system.C, (-1, system.order))), []

    def step(state: Array, sample: Array) -> tuple[Array, Array]:
        state = next_state(system, state, sample)
        return state, state @ read

    if is_tracing(system.A, u, x):
        return scan_loop(step, x, u)[1]
    for k in range(u.shape[0]):
        x, y = step(x, u[k, :])
        outputs.append(y)
    return xp.stack(outputs)


def _last_state(system: StateSpace, u: Array, x: Array) -> Array:
    """Return the state (channels, n) after all samples."""
    if is_tracing(system.A, u, x):
        return scan_loop(lambda state, sample: (next_state(system, state, sample), None), x, u)[0]
    for k in range(u.shape[0]):
        x = next_state(system, x, u[k, :])
    return x


def initial_state(system: StateSpace, u: Array, channels: Array, state: Array | None) -> Array:
    """Return the state (channels, n) to start from, a batch as further channels."""
    xp, flat = array_namespace(channels), (channels.shape[1], system.order)
    if state is None:
        return xp.zeros(flat, dtype=channels.dtype, device=compat.device(channels))
    array_namespace(channels, state, names=["u", "state"])
    state = check_array("state", state)
    shape = (u.shape[0], u.shape[2], system.order) if u.ndim == 3 else flat
    if tuple(state.shape) not in ((system.order,), shape):
        raise ValueError(f"state must have shape ({system.order},) or {shape}; got {tuple(state.shape)}")
    with ignore_overflow():
        state = xp.astype(state, channels.dtype, copy=False)
        return xp.broadcast_to(state if state.ndim == 1 else xp.reshape(state, flat), flat)
