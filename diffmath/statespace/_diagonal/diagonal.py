"""Kernels of diagonal systems: a Vandermonde product in two levels of matrix multiplication."""

from __future__ import annotations

import warnings
from typing import Any, Literal, get_args

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.tracing import all_true
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.typing import Array
from diffmath.statespace._diagonal.diagonal_step import exponents
from diffmath.statespace._structure import ignore_overflow, refuse_overflow
from diffmath.statespace._system import StateSpace, check_step, require_continuous

__all__ = ["DiagonalRule", "diagonal_kernel", "diagonalize"]

DiagonalRule = Literal["zoh", "bilinear", "impulse"]

# Temporary numbers per block of channels: 1 MiB, to stay in cache.
_BLOCK = 1 << 17


@on_its_device
def diagonal_kernel(
    poles: Array, weights: Array, length: int, *, dt: Any, method: DiagonalRule = "zoh", pairs: bool = True
) -> Array:
    r"""Return the kernels of diagonal systems, one per channel.

    .. math:: K_j = 2\,\mathrm{Re} \sum_n w_n\, \beta_n\, e^{j z_n}, \qquad
        z_n = \lambda_n dt, \quad \beta_n = dt\,\varphi_1(z_n) = \frac{e^{z_n} - 1}{\lambda_n}

    Parameters
    ----------
    poles : array, shape (n,) or (channels, n)
        Continuous eigenvalues, real or complex.
    weights : array, shape (n,) or (channels, n)
        Output times input of each mode, :math:`w_n = C_n B_n`, real or complex.
    length : int
        Number of lags, at least 1.
    dt : float or array, shape (channels,)
        Step, positive: one for all channels, or one for each.
    method : {"zoh", "bilinear", "impulse"}
        Discretisation. ``bilinear`` has :math:`z_n = 2\,\mathrm{artanh}(\lambda_n dt / 2)` and
        :math:`\beta_n = dt / (1 - \lambda_n dt / 2)`. ``impulse`` has the z of ``zoh`` and
        :math:`\beta_n = dt`.
    pairs : bool
        Each pole represents itself and its conjugate. If False, the factor 2 is omitted.

    Returns
    -------
    array, shape (length,) or (channels, length)
        Real, in the precision and on the device of `poles`.

    Raises
    ------
    TypeError
        Not arrays, arrays of two libraries or devices, or a `length` that is not an integer.
    ValueError
        Shapes that do not fit, values that are not finite, a `dt` that is not positive, `length` below 1, an
        unknown method, or a pole at 2/dt with ``bilinear``.
    SolveError
        The kernel overflows: a mode is unstable. The lags before the overflow are attached.

    Notes
    -----
    Let the lags be :math:`j = aT + b` with T near the square root of `length`. The kernel is the product of
    two Vandermonde matrices, :math:`\sum_n (w_n \beta_n e^{aTz_n}) (e^{bz_n})`, whose entries are products of
    shorter tables. This takes about 4 n length^(1/4) exponentials and one matrix product per channel,
    O(n length), without an array of n times length numbers. The exponents are float64 for every precision.
    The error is eps times the phase :math:`|z_n| j` that a mode reaches before it decays. JAX without x64 has
    no float64: it warns, and eps is that of float32.

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.diagonal_kernel(np.array([-1.0]), np.array([0.5]), 3, dt=1.0, method="impulse").round(4)
    array([1.    , 0.3679, 0.1353])
    """
    xp = array_namespace(poles, weights, names=["poles", "weights"])
    length, pairs = check_count("length", length), check_flag("pairs", pairs)
    if method not in get_args(DiagonalRule):
        raise ValueError(f"method must be one of {get_args(DiagonalRule)}; got {method!r}")
    poles, weights = (
        check_array(name, part, allow_complex=True) for name, part in (("poles", poles), ("weights", weights))
    )
    single = poles.dtype in (xp.float32, xp.complex64)
    steps = _check_dt(dt, poles)
    rows, amplitudes, steps = _broadcast(poles, weights, steps)
    with ignore_overflow():
        z, beta = exponents(rows, steps, method)
        kernels = _vandermonde(z, (2.0 if pairs else 1.0) * amplitudes * beta, length)
        kernels = xp.astype(kernels, xp.float32 if single else xp.float64, copy=False)
    refuse_overflow("the kernel", xp.matrix_transpose(kernels), "a pole grows; use a smaller length")
    return kernels if kernels.shape[0] != 1 or 2 in (poles.ndim, weights.ndim) else kernels[0, :]


def _check_dt(dt: Any, poles: Array) -> Array:
    """Return the steps as a float64 array of shape () or (channels,)."""
    xp = array_namespace(poles)
    if not compat.is_array_api_obj(dt) or isinstance(dt, np.generic):
        return xp.asarray(check_step(dt), dtype=xp.float64, device=compat.device(poles))
    array_namespace(poles, dt, names=["poles", "dt"])
    steps = xp.astype(check_array("dt", dt), xp.float64, copy=False)
    if steps.ndim > 1 or not all_true(steps > 0.0):
        raise ValueError(f"dt must be positive, a number or of shape (channels,); got shape {steps.shape}")
    return steps


def _broadcast(poles: Array, weights: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Return poles and weights as complex128 (channels, n), and steps as (channels, 1) or (1, 1)."""
    xp = array_namespace(poles)
    steps = xp.reshape(steps, (-1, 1))
    if 0 in (poles.ndim, weights.ndim) or max(poles.ndim, weights.ndim) > 2:
        raise ValueError("poles and weights must have shape (n,) or (channels, n)")
    try:
        shape = np.broadcast_shapes(tuple(poles.shape), tuple(weights.shape), (steps.shape[0], 1))
        if poles.shape[-1] != weights.shape[-1]:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"poles {tuple(poles.shape)}, weights {tuple(weights.shape)} and dt of {steps.shape[0]} channels "
            "do not fit: each (n,) or (channels, n)"
        ) from None
    rows, amplitudes = (xp.broadcast_to(xp.astype(part, xp.complex128), shape) for part in (poles, weights))
    return rows, amplitudes, steps


def _vandermonde(z: Array, weights: Array, length: int) -> Array:
    """Return Re sum_n weights_n exp(j z_n) for j < length, shape (channels, length), in two levels."""
    xp, (channels, n) = array_namespace(z), z.shape
    width = 1 << ((length - 1).bit_length() + 1) // 2
    height = -(-length // width)
    at_once = max(1, _BLOCK // max(1, 4 * n * (width + height)))
    blocks = [xp.zeros((0, length), dtype=xp.float64, device=compat.device(z))]
    for start in range(0, channels, at_once):
        rows = slice(start, min(start + at_once, channels))
        outer = _geometric(width * z[rows, :], height) * weights[rows, :][:, None, :]
        inner = xp.matrix_transpose(_geometric(z[rows, :], width))
        # The real part of a complex product, as one real product of twice the inner length.
        left = xp.concat([xp.real(outer), -xp.imag(outer)], axis=2)
        right = xp.concat([xp.real(inner), xp.imag(inner)], axis=1)
        blocks.append(xp.reshape(left @ right, (outer.shape[0], -1))[:, :length])
    return xp.concat(blocks)


def _geometric(z: Array, count: int) -> Array:
    """Return exp(k z) for k < count, shape (channels, count, n): two short tables and their products."""
    xp, (channels, n) = array_namespace(z), z.shape
    width = 1 << ((count - 1).bit_length() + 1) // 2
    low = xp.arange(width, dtype=xp.float64, device=compat.device(z))
    high = width * xp.arange(-(-count // width), dtype=xp.float64, device=compat.device(z))
    coarse, fine = (xp.exp(z[:, None, :] * steps[:, None]) for steps in (high, low))
    table = coarse[:, :, None, :] * fine[:, None, :, :]
    return xp.reshape(table, (channels, high.shape[0] * width, n))[:, :count, :]


@on_its_device
def diagonalize(system: StateSpace) -> tuple[Array, Array]:
    r"""Return the poles of a system and their weights, for `diagonal_kernel` with ``pairs=False``.

    .. math:: A = V \operatorname{diag}(\lambda) V^{-1}, \qquad w_n = (C V)_n (V^{-1} B)_n

    Parameters
    ----------
    system : StateSpace
        Continuous system with n states and an output.

    Returns
    -------
    poles : array, shape (n,)
        Eigenvalues of A, complex128.
    weights : array, shape (n,) or (p, n)
        Weights of the modes in each output, complex128.

    Warns
    -----
    RuntimeWarning
        The condition of the eigenvectors is above 1e6: the weights lose that many digits.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, or its library has no eigenvalues of general matrices.
    ValueError
        A discrete system, a system without output, or eigenvectors that are linearly dependent.

    Notes
    -----
    The cost is O(n^3). Use this for matrices that are nearly normal. HiPPO matrices are not: the condition
    for LegS is 8e4 at 8 states and 8e10 at 16. For those, `dplr` diagonalises the normal part only, and
    `kernel` needs no diagonalisation.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, lemma 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> A = np.array([[-1.0, 2.0], [-2.0, -1.0]])
    >>> poles, weights = ss.diagonalize(ss.StateSpace(A, np.array([1.0, 0.0]), C=np.array([1.0, 0.0])))
    >>> bool(np.all(np.sort(poles.imag).round(6) == [-2, 2]))
    True
    >>> weights.real.round(6)
    array([0.5, 0.5])
    """
    require_continuous(system, "diagonalize")
    if system.C is None:
        raise ValueError("diagonalize needs an output; this system has no C: use system.with_output(C)")
    xp = array_namespace(system.A)
    if not hasattr(xp.linalg, "eig"):
        raise TypeError(f"{xp.__name__} has no linalg.eig: diagonalise a NumPy copy of the system")
    A, B, C = (xp.astype(part, xp.complex128) for part in (system.A, system.B, system.C))
    poles, V = xp.linalg.eig(A)
    singular = xp.linalg.svdvals(V)
    condition = float(singular[0]) / max(float(singular[-1]), 1e-300)
    if condition > 1e15:
        raise ValueError(
            "A has linearly dependent eigenvectors and cannot be diagonalised: use dplr or kernel"
        )
    if condition > 1e6:
        warnings.warn(
            f"the eigenvectors of A have condition number {condition:.1e}, a loss of accuracy by this "
            "factor; use dplr, which is unitary, or kernel, which needs no eigenvectors",
            RuntimeWarning,
            stacklevel=2,
        )
    return poles, (C @ V) * xp.linalg.solve(V, B[:, None])[:, 0]
