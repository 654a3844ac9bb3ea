"""A diagonal model as a real `StateSpace`: two real states for each pair of conjugate modes."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array, to_numpy
from diffmath._arrays.tracing import all_true
from diffmath._core.flags import check_flag
from diffmath._core.typing import Array
from diffmath.statespace._structure import BlockDiagonal, ignore_overflow
from diffmath.statespace._system.statespace import StateSpace

__all__ = ["modal"]


@on_its_device
def modal(poles: Array, B: Array, C: Array, *, D: Any = 0.0, pairs: bool = True) -> StateSpace:
    r"""Return a diagonal model as a real system.

    .. math:: x_n' = \lambda_n x_n + B_n u, \qquad y = 2\,\mathrm{Re} \sum_n C_n x_n + D u

    Parameters
    ----------
    poles : array, shape (n,), real or complex
        Continuous eigenvalues :math:`\lambda`.
    B : array, shape (n,), real or complex
        Input vector.
    C : array, shape (n,) or (p, n), real or complex
        Output vector, or one row per output.
    D : array, shape () or (p,), or float
        Direct term, real.
    pairs : bool
        Each pole represents itself and its conjugate. If False, the factor 2 is omitted.

    Returns
    -------
    StateSpace
        Continuous. Complex `poles` or `B` give 2n states, the real and the imaginary part of each mode, and
        :math:`A = \operatorname{diag}(\begin{smallmatrix} \mathrm{Re}\,\lambda_n &
        -\mathrm{Im}\,\lambda_n \\ \mathrm{Im}\,\lambda_n & \mathrm{Re}\,\lambda_n \end{smallmatrix})`.
        Real ones give n states and a diagonal A.

    Raises
    ------
    TypeError
        Not arrays, or arrays of two libraries or devices.
    ValueError
        Shapes that do not fit, or values that are not finite.

    Notes
    -----
    Every function of a `StateSpace` works: discretization, `simulate`, `frequency_response`, `kernel`. The
    kernel equals ``diagonal_kernel(poles, B * C, ...)``, which costs O(n length) instead of O(n^3) and more.
    The structure is block diagonal and evaluates a frequency in O(n). `diagonalize` is the inverse. For real
    modes only the real part of C matters.

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> wave = ss.modal(np.array([-0.1 + 2j]), np.ones(1), np.ones(1))
    >>> wave.A
    array([[-0.1, -2. ],
           [ 2. , -0.1]])
    >>> wave.B, wave.C
    (array([1., 0.]), array([ 2., -0.]))
    """
    check_flag("pairs", pairs)
    given = {"poles": poles, "B": B, "C": C}
    xp = array_namespace(*given.values(), names=list(given))
    poles, B, C = (check_array(name, array, allow_complex=True) for name, array in given.items())
    if poles.ndim != 1 or not poles.shape[0]:
        raise ValueError(f"poles must be a vector of at least one pole, shape (n,); got {tuple(poles.shape)}")
    n = poles.shape[0]
    if tuple(B.shape) != (n,):
        raise ValueError(f"B must have shape ({n},) to fit poles; got {tuple(B.shape)}")
    if C.ndim not in (1, 2) or C.shape[-1] != n:
        raise ValueError(f"C must have shape ({n},) or (p, {n}) to fit poles; got {tuple(C.shape)}")
    with ignore_overflow():
        read = 2.0 * C if pairs else C
    if not all_true(xp.isfinite(read)):
        raise ValueError("2 C overflows, which a conjugate pair needs: scale C down")
    real = not any(xp.isdtype(part.dtype, "complex floating") for part in (poles, B))
    parts = (_diagonal(poles), B, _real(read)) if real else _rotations(poles, B, read)
    return StateSpace(*parts, D=D, structure=_structure(poles, pairs=not real))


def _structure(poles: Array, *, pairs: bool) -> BlockDiagonal:
    """Return the blocks of A: one state for each real mode, or two for each mode."""
    decay = np.asarray(to_numpy(_real(poles)), dtype=np.float64)
    n = np.arange(decay.shape[0] * (2 if pairs else 1))
    if not pairs:
        return BlockDiagonal(decay, 0.0 * decay, n)
    turn = np.asarray(to_numpy(_imag(poles)), dtype=np.float64)
    off = np.stack([-turn, turn], axis=1).reshape(-1)
    return BlockDiagonal(np.repeat(decay, 2), off, n + 1 - 2 * (n % 2))


def _rotations(poles: Array, B: Array, read: Array) -> tuple[Array, Array, Array]:
    """Return A, B and C on the states Re x_0, Im x_0, Re x_1, ..."""
    xp, n = array_namespace(poles), poles.shape[0]
    real, imag = _diagonal(_real(poles)), _diagonal(_imag(poles))
    top, bottom = xp.stack([real, -imag], axis=2), xp.stack([imag, real], axis=2)
    A = xp.reshape(xp.stack([top, bottom], axis=1), (2 * n, 2 * n))
    B = xp.reshape(xp.stack([_real(B), _imag(B)], axis=1), (2 * n,))
    C = xp.stack([_real(read), -_imag(read)], axis=-1)
    return A, B, xp.reshape(C, (*read.shape[:-1], 2 * n))


def _diagonal(values: Array) -> Array:
    xp, n = array_namespace(values), values.shape[0]
    return values[:, None] * xp.eye(n, dtype=values.dtype, device=compat.device(values))


def _real(values: Array) -> Array:
    xp = array_namespace(values)
    return xp.real(values) if xp.isdtype(values.dtype, "complex floating") else values


def _imag(values: Array) -> Array:
    xp = array_namespace(values)
    return xp.imag(values) if xp.isdtype(values.dtype, "complex floating") else xp.zeros_like(values)
