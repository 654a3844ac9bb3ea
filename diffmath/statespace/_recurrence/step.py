"""One sample of the recurrence, for signals that arrive in real time."""

from __future__ import annotations

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.typing import Array
from diffmath.statespace._recurrence.simulate import initial_state, next_state
from diffmath.statespace._structure import (
    BlockDiagonal,
    as_channels,
    from_channels,
    ignore_overflow,
    refuse_overflow,
)
from diffmath.statespace._system import StateSpace, require_output, system_like

__all__ = ["step"]

# States from which the elementwise step of blocks beats a matrix product, measured.
_MANY = 768


@on_its_device
def step(system: StateSpace, u: Array, state: Array | None = None) -> tuple[Array, Array]:
    r"""Run a discrete system over one sample.

    .. math:: x' = A x + B u, \qquad y = C x' + D u

    Parameters
    ----------
    system : StateSpace
        Discrete system with n states and an output.
    u : array, shape (), (channels,) or (batch, channels)
        Input at this sample; the channels are independent runs of the same system.
    state : array, shape (n,), (channels, n) or (batch, channels, n), optional
        State before the sample, from `step` or `advance`; zero by default. Shape (n,) is used for every
        channel.

    Returns
    -------
    y : array, shape of `u` (or that of `u` followed by (p,) where C is (p, n))
        Output.
    state : array, shape (n,), (channels, n) or (batch, channels, n)
        State after the sample. Both results are in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or a system on another device than `u`.
    ValueError
        A continuous system, a system without output, a `state` of the wrong shape, or a value that is not
        finite.
    SolveError
        The state overflows: the system is unstable.

    Notes
    -----
    The outputs equal those of `simulate`, and of `convolve` with the `kernel`, to rounding. A step is one
    matrix product, O(n^2) per channel. Fourier memories of 768 states and more that `gbt` stepped take O(n)
    by their blocks, :math:`x' = (I - \alpha\,dt\,A_c)^{-1} (x + (1 - \alpha)\,dt\,A_c x + dt\,B_c u)`. For
    smaller ones and for other structures the matrix product is faster. For a complete signal, `simulate` is
    faster.

    Build the system in the library and precision of the signal (``like=`` of its builder). Otherwise it is
    converted at every call.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> halve = ss.StateSpace(np.array([[0.5]]), np.ones(1), C=np.ones(1), dt=1.0)
    >>> state = None
    >>> for sample in np.array([1.0, 0.0, 2.0]):
    ...     y, state = ss.step(halve, sample, state)
    ...     print(y)
    1.0
    0.5
    2.25
    """
    require_output(system, "step")
    u = check_array("u", u)
    if u.ndim > 2:
        raise ValueError(f"u must have shape (), (channels,) or (batch, channels); got {tuple(u.shape)}")
    xp = array_namespace(u)
    signal = xp.expand_dims(u, axis=max(0, u.ndim - 1))
    channels = as_channels(signal)
    system = system_like(system, channels, "u")
    x, sample = initial_state(system, signal, channels, state), channels[0, :]
    with ignore_overflow():
        x = _by_blocks(system, x, sample) if _has_blocks(system) else next_state(system, x, sample)
        C = xp.reshape(system.C, (-1, system.order))
        y = x @ xp.matrix_transpose(C) + sample[:, None] * system.D
    remedy = "the system is unstable; use a stable A"
    x = refuse_overflow("the state", x[None, ...], remedy)[0, ...]
    y = from_channels(y, signal, axis=0)
    return y if system.C is not None and system.C.ndim == 2 else y[..., 0], from_channels(x, signal, axis=0)


def _has_blocks(system: StateSpace) -> bool:
    origin = system.origin
    return origin is not None and system.order >= _MANY and isinstance(origin.system.structure, BlockDiagonal)


def _by_blocks(system: StateSpace, x: Array, sample: Array) -> Array:
    """Return the states (channels, n) after one step of the continuous system itself."""
    assert system.origin is not None  # as `_has_blocks` found
    source, alpha, dt = system.origin.system, system.origin.alpha, float(system.dt or 0.0)
    explicit = x + ((1.0 - alpha) * dt) * source.structure.multiply(x) + dt * sample[:, None] * source.B
    return source.structure.solve(1.0, alpha * dt, explicit)
