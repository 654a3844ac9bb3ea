"""The impulse response of a discrete system; convolution with it equals the recurrence."""

from __future__ import annotations

from typing import Literal, get_args

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._discretize import in_widest_precision
from diffmath.statespace._kernel.spectral import cauchy_kernel, product_kernel
from diffmath.statespace._structure import ignore_overflow, refuse_overflow
from diffmath.statespace._system import StateSpace, require_discrete, require_output

__all__ = ["KernelMethod", "doubling", "kernel", "kernel_method"]

KernelMethod = Literal["auto", "powers", "doubling", "cauchy", "product"]

_SHORT = 16  # up to this many lags, one product per lag is fastest, even for small A


@on_its_device
def kernel(system: StateSpace, length: int, *, method: KernelMethod = "auto") -> Array:
    r"""Return the convolution kernel of a discrete system.

    .. math:: K_0 = C B + D, \qquad K_j = C A^j B

    Parameters
    ----------
    system : StateSpace
        Discrete system with n states and an output.
    length : int
        Number of lags, at least 1.
    method : {"auto", "powers", "doubling", "cauchy", "product"}
        ``powers`` multiplies by A once per lag. ``doubling`` squares A and doubles the block of known lags
        with every product. ``cauchy`` sums the spectrum in the unitary basis of `dplr`, with Woodbury's
        identity for the low rank. ``product`` computes the spectrum from the structure, O(n) per frequency.
        ``auto`` uses the method that `kernel_method` returns: powers for short kernels, doubling for others.

    Returns
    -------
    array, shape (length,) or (p, length)
        Kernel, in the dtype and on the device of the system; one row per output if C is (p, n).

    Raises
    ------
    TypeError
        Not a StateSpace, or `length` not an integer.
    ValueError
        A continuous system, a system without output, `length` below 1, or an unknown method. For ``cauchy``
        and ``product`` also an unstable system, or one that `gbt` did not step (for ``product``: from a
        system with a structure).
    SolveError
        The kernel overflows: the system is unstable. The lags before the overflow are attached.

    Notes
    -----
    D is part of the kernel, at lag 0: ``convolve(u, kernel(system, len(u)))`` equals `simulate` for every
    system. For many channels at once, see `kernel_bank`.

    *Cost.* Powers take O(n^2 length), in `length` small products. Doubling computes
    :math:`K_{im+l} = (C A^{im}) (A^l B)` with m near the square root of `length`: O(n^3 log length +
    n^2 sqrt(length) + n length), all in large products. It was the fastest and most accurate method in all
    measurements except for the shortest kernels. The spectral methods evaluate
    :math:`\hat K(w) = C (I - A^L) (I - wA)^{-1} B` at the L-th roots of unity and transform back: O(n^3 log
    length) for the power, then O(n length).

    *Accuracy.* The error of ``product`` and ``cauchy`` is about n eps of the largest lag. A float32 system is
    computed in float64, and every lag is rounded once. If `gbt` stepped it (`bilinear`, ...), it is stepped
    again in float64, and the error of a lag is half an eps of it plus 1e-9 of the largest lag. Other systems
    (`zoh`, your own) are used as given. The effect of the rounding of their matrices to float32 grows with
    the lags, to 1e-3 of the largest for 65,536 lags; discretise such a system in float64. JAX without x64 has
    no float64, and its error is like that for every system.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 5 and
       appendix C.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> halve = ss.StateSpace(np.array([[0.5]]), np.ones(1), C=np.ones(1), dt=1.0)
    >>> ss.kernel(halve, 4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    require_output(system, "kernel")
    length = check_count("length", length)
    if method not in get_args(KernelMethod):
        raise ValueError(f"method must be one of {get_args(KernelMethod)}; got {method!r}")
    if method == "auto":
        method = kernel_method(system, length)
    xp, precision = array_namespace(system.A), system.A.dtype
    system = in_widest_precision(system)
    C = xp.reshape(system.C, (-1, system.order))
    with ignore_overflow():
        if method == "cauchy":
            lags = cauchy_kernel(system, C, length)
        elif method == "product":
            lags = product_kernel(system, C, length)
        else:
            lags = (_powers if method == "powers" else doubling)(system.A, system.B[:, None], C, length)
        lags = xp.concat([lags[:, :1] + xp.reshape(system.D, (-1, 1)), lags[:, 1:]], axis=1)
        lags = xp.astype(lags, precision, copy=False)
    remedy = "the system is unstable; use a smaller length or a stable A"
    refuse_overflow("the kernel", xp.matrix_transpose(lags), remedy)
    return lags if system.C is not None and system.C.ndim == 2 else lags[0, :]


@on_its_device
def kernel_method(system: StateSpace, length: int) -> Literal["powers", "doubling"]:
    """Return the method that `kernel` uses for ``method="auto"``.

    Parameters
    ----------
    system : StateSpace
        Discrete system with n states.
    length : int
        Number of lags, at least 1.

    Returns
    -------
    {"powers", "doubling"}
        ``powers`` up to max(16, n) lags, ``doubling`` for more.

    Raises
    ------
    TypeError
        Not a StateSpace, or `length` not an integer.
    ValueError
        A continuous system, or `length` below 1.

    Notes
    -----
    The rule follows from times measured for 4 to 512 states and 16 to 65,536 lags, with and without a
    structure (see the benchmarks). Doubling spends its time on squarings of A, which run at the full speed of
    matrix products. Both spectral methods need as many squarings, to truncate the kernel.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> system = ss.bilinear(ss.legs(64), 0.01)
    >>> ss.kernel_method(system, 64), ss.kernel_method(system, 4096)
    ('powers', 'doubling')
    """
    require_discrete(system, "kernel_method")
    return "powers" if check_count("length", length) <= max(_SHORT, system.order) else "doubling"


def _powers(A: Array, x: Array, C: Array, length: int) -> Array:
    """Return C A^j x for j < length, shape (p, length): the definition."""
    columns = [C @ x]
    for _ in range(length - 1):
        x = A @ x
        columns.append(C @ x)
    return array_namespace(A).concat(columns, axis=1)


def doubling(A: Array, x: Array, C: Array, length: int) -> Array:
    """Return C A^j x for j < length, shape (..., p, length): lag i m + l is row i, column l of one product.

    A has shape (..., n, n), x (..., n, 1), C (..., p, n).
    """
    xp, outputs = array_namespace(A), C.shape[-2]
    levels = (length - 1).bit_length()
    right, A_m = _krylov(A, x, (levels + 1) // 2)
    left, _ = _krylov(xp.matrix_transpose(A_m), xp.matrix_transpose(C), levels // 2)
    rows, width, batch = 2 ** (levels // 2), right.shape[-1], tuple(A.shape[:-2])
    blocks = xp.reshape(xp.matrix_transpose(left) @ right, (*batch, rows, outputs, width))
    return xp.reshape(xp.moveaxis(blocks, -2, -3), (*batch, outputs, rows * width))[..., :length]


def _krylov(A: Array, x: Array, levels: int) -> tuple[Array, Array]:
    """Return [x, A x, ..., A^(m-1) x] side by side, and A^m, for m = 2^levels."""
    for _ in range(levels):
        x = array_namespace(A).concat([x, A @ x], axis=-1)
        A = A @ A
    return x, A
