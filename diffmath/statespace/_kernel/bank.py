"""The kernels of many channels: one continuous system with a step and an output for each, as in S4."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._discretize import check_alpha, discretize_batch, gbt, in_widest_precision
from diffmath.statespace._kernel.kernel import doubling
from diffmath.statespace._kernel.spectral import product_kernels
from diffmath.statespace._structure import ignore_overflow, refuse_overflow
from diffmath.statespace._system import StateSpace, require_continuous

__all__ = ["BankMethod", "kernel_bank"]

BankMethod = Literal["auto", "doubling", "product"]

# Numbers per block of channels, for matrices and for lags or frequencies: 1 MiB, to stay in cache.
_BLOCK = 1 << 17


@on_its_device
def kernel_bank(
    system: StateSpace,
    length: int,
    *,
    dt: Any,
    C: Array | None = None,
    alpha: float = 0.5,
    method: BankMethod = "auto",
) -> Array:
    r"""Return the convolution kernels of many channels that share A and B, as in a layer of S4.

    .. math:: K_{ij} = C_i \bar A(dt_i)^j \bar B(dt_i) + D_i\,[j = 0]

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states. Its D is used if its C is used.
    length : int
        Number of lags, at least 1.
    dt : array or numbers, shape (channels,)
        Steps, positive: host numbers, or an array of the library and on the device of the system.
    C : array, shape (channels, n), optional
        Output of each channel. The default is the C of the system, of shape (channels, n), or (n,) for all
        channels. A system built on NumPy is sent to the library and device of `C`.
    alpha : float
        Rule of the step, as in `gbt`: 1/2 is `bilinear`.
    method : {"auto", "doubling", "product"}
        As in `kernel`. ``auto`` is doubling, which was faster in all measurements.

    Returns
    -------
    array, shape (channels, length)
        Kernels, in the dtype and on the device of `C`, or of the system if `C` is left out.

    Raises
    ------
    TypeError
        Not a StateSpace, arrays of two libraries or devices, or `length` not an integer.
    ValueError
        A discrete system, no output, shapes that do not fit, a step that is not positive, `alpha` outside
        [0, 1], or an unknown method. For ``product`` also an unstable system, or one without a structure.
    SolveError
        A kernel overflows: the system is unstable. The lags before the overflow are attached.

    Notes
    -----
    Row i equals ``kernel(gbt(system.with_output(C[i]), dt[i], alpha=alpha), length)`` to rounding. A channel
    costs O(n^3 log length + n^2 sqrt(length) + n length), in stacked matrix products. Channels are processed
    in groups, so the memory beyond the result does not grow with their number. ``product`` costs O(n length)
    plus O(n^3 log length) for the powers that truncate the kernel. Float32 is computed in float64 and rounded
    once: the error of a lag is half an eps of it plus 1e-9 of the largest lag (JAX without x64 has no
    float64).

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces,
       section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> dt, C = np.array([0.01, 0.1]), np.eye(2, 4)
    >>> K = ss.kernel_bank(ss.legs(4), 100, dt=dt, C=C)
    >>> K.shape
    (2, 100)
    >>> alone = ss.kernel(ss.bilinear(ss.legs(4).with_output(C[1]), 0.1), 100)
    >>> bool(np.allclose(K[1], alone, atol=1e-15))
    True
    """
    require_continuous(system, "kernel_bank")
    length, alpha = check_count("length", length), check_alpha(alpha)
    if method not in get_args(BankMethod):
        raise ValueError(f"method must be one of {get_args(BankMethod)}; got {method!r}")
    if C is not None:
        system = system.with_output(C)
    elif system.C is None:
        raise ValueError("kernel_bank needs an output for each channel: give C, shape (channels, n)")
    precision, system = system.A.dtype, in_widest_precision(system)
    steps, C, D = _channels(system, dt)
    xp, found = array_namespace(C), []
    with ignore_overflow():
        for rows in _row_blocks(steps.shape[0], system.order**2 + length):
            h, outputs = steps[rows], C[rows, :]
            A, B = discretize_batch(system, h, partial(gbt, alpha=alpha))
            if method == "product":
                found.append(product_kernels(system, A, outputs, h, alpha, length))
            else:
                found.append(doubling(A, B[..., None], outputs[:, None, :], length)[:, 0, :])
        lags = xp.concat(found)
        lags = xp.concat([lags[:, :1] + D[:, None], lags[:, 1:]], axis=1)
        lags = xp.astype(lags, precision, copy=False)
    remedy = "the system is unstable; use a smaller length or a stable A"
    refuse_overflow("the kernel", xp.matrix_transpose(lags), remedy)
    return lags


def _channels(system: StateSpace, dt: Any) -> tuple[Array, Array, Array]:
    """Return the steps (channels,), one row of C and one number of D for each."""
    if compat.is_array_api_obj(dt) and not compat.is_numpy_array(dt):
        array_namespace(system.A, dt, names=["system.A", "dt"])
        steps = array_namespace(dt).astype(check_array("dt", dt), system.A.dtype, copy=False)
    else:
        steps = asarray_like(check_array("dt", np.asarray(dt)), system.A)
    if steps.ndim != 1 or not steps.shape[0]:
        raise ValueError(f"dt must hold a step for each channel, shape (channels,); got {tuple(steps.shape)}")
    xp, channels, C = array_namespace(steps), steps.shape[0], system.C
    if C is not None and C.ndim == 2 and C.shape[0] != channels:
        shape = tuple(C.shape)
        raise ValueError(f"C must have shape ({channels}, {system.order}), a row for each step; got {shape}")
    return (
        steps,
        xp.broadcast_to(C, (channels, system.order)),
        xp.broadcast_to(system.D, (channels,)),
    )


def _row_blocks(channels: int, width: int) -> list[slice]:
    at_once = max(1, _BLOCK // width)
    return [slice(k, min(k + at_once, channels)) for k in range(0, channels, at_once)]
