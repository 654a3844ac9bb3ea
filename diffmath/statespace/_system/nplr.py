"""Normal plus low rank: the form in which a HiPPO matrix can be diagonalised safely."""

from __future__ import annotations

from dataclasses import dataclass

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, to_numpy
from diffmath._core.typing import Array
from diffmath.statespace._structure import widest_dtypes
from diffmath.statespace._system.statespace import StateSpace, require_continuous

__all__ = ["DPLR", "NPLR", "dplr", "nplr"]


_LARGEST = 1e150


@dataclass(frozen=True, eq=False)
class NPLR:
    r"""A normal matrix minus one of low rank, with a constant times the identity as the symmetric part.

    .. math:: A = N - P Q^T, \qquad \tfrac12 (N + N^T) = \sigma I

    Parameters
    ----------
    N : array, shape (n, n)
        Normal part, float64.
    P, Q : array, shape (n, r)
        Factors of the low-rank part; Q is P up to the signs of its columns.
    sigma : float
        Real part of every eigenvalue of N.
    residual : float
        Symmetric part of N beyond sigma, relative to A, in the Frobenius norm.

    Attributes
    ----------
    rank : int
        r.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> parts = ss.nplr(ss.legs(8))
    >>> parts.rank, round(parts.sigma, 12), parts.residual < 1e-14
    (1, -0.5, True)
    """

    N: Array
    P: Array
    Q: Array
    sigma: float
    residual: float

    @property
    def rank(self) -> int:
        """Rank of the part that is not normal."""
        return int(self.P.shape[1])

    def __repr__(self) -> str:
        order = self.N.shape[0]
        return f"NPLR(order={order}, rank={self.rank}, sigma={self.sigma:g}, residual={self.residual:.1e})"


@dataclass(frozen=True, eq=False)
class DPLR:
    r"""A diagonal matrix minus one of low rank, in the unitary basis V of the normal part.

    .. math:: V^* A V = \operatorname{diag}(\lambda) - P Q^*

    Parameters
    ----------
    eigenvalues : array, shape (n,)
        Complex, ordered by imaginary part; a real A gives them in conjugate pairs.
    V : array, shape (n, n)
        Unitary.
    P, Q : array, shape (n, r)
        Factors of the low-rank part, complex.
    B : array, shape (n,)
        Input vector, :math:`V^* B`.
    residual : float
        ``V (diag - P Q*) V* - A``, relative to A, in the Frobenius norm.

    Attributes
    ----------
    rank : int
        r.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.dplr(ss.legs(4)).eigenvalues.round(3)
    array([-0.5-4.603j, -0.5-0.557j, -0.5+0.557j, -0.5+4.603j])
    """

    eigenvalues: Array
    V: Array
    P: Array
    Q: Array
    B: Array
    residual: float

    @property
    def rank(self) -> int:
        """Rank of the part that is not diagonal."""
        return int(self.P.shape[1])

    def __repr__(self) -> str:
        order = self.V.shape[0]
        return f"DPLR(order={order}, rank={self.rank}, residual={self.residual:.1e})"


@on_its_device
def nplr(system: StateSpace) -> NPLR:
    r"""Split A into a normal matrix and a correction of the lowest rank.

    .. math:: A = N - P Q^T, \qquad \tfrac12 (A + A^T) = \sigma I + \sum_{i=1}^r (\mu_i - \sigma) v_i v_i^T,
        \qquad P_i = \sqrt{|\mu_i - \sigma|}\, v_i, \quad Q_i = \operatorname{sign}(\sigma - \mu_i) P_i

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n).

    Returns
    -------
    NPLR
        float64, on the device of the system, whatever its precision (float32 in JAX without x64).

    Raises
    ------
    TypeError
        `system` is not a StateSpace.
    ValueError
        The system is discrete, or has entries whose squares overflow.

    Notes
    -----
    The parts are read off the symmetric part of A: sigma is its median eigenvalue, and the rank counts the
    eigenvalues that differ from sigma by more than rounding. LegS has rank 1 with
    :math:`P_n = \sqrt{n + 1/2}`, :math:`\sigma = -1/2`; LegT has rank 2 and the corrected Fourier window
    rank 1, both with sigma = 0. An A without the structure comes back with a rank near n. Nothing is
    clipped: B and A stay what they are.

    One symmetric eigenproblem, O(n^3), with orthogonal eigenvectors: no step is ill-conditioned.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, theorem 1.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.nplr(ss.legs(64))
    NPLR(order=64, rank=1, sigma=-0.5, residual=...)
    """
    require_continuous(system, "nplr")
    A, _ = _double(system)
    xp, n = array_namespace(A), system.order
    if not float(xp.max(xp.abs(A))) < _LARGEST / n:
        raise ValueError(
            f"the entries of A must be below {_LARGEST / n:.0e}, so that their squares are finite"
        )
    values, vectors = xp.linalg.eigh(0.5 * (A + xp.matrix_transpose(A)))
    mu = to_numpy(values)
    # Entries that came in float32 are known to its eps only; closed forms are known to that of float64.
    eps = float(xp.finfo(A.dtype if system.measure is not None else system.A.dtype).eps)
    noise = 32.0 * n * eps * float(np.max(np.abs(mu)))
    middle = np.abs(mu - mu[n // 2]) <= noise
    sigma = float(np.mean(mu[middle]))
    below = int(np.argmax(middle))
    above = n - below - int(np.sum(middle))
    outliers = np.concatenate([mu[:below], mu[n - above :]]) - sigma
    v = xp.concat([vectors[:, :below], vectors[:, n - above :]], axis=1)
    P = v * asarray_like(np.sqrt(np.abs(outliers)), A)
    Q = P * asarray_like(-np.sign(outliers), A)
    N = A + P @ xp.matrix_transpose(Q)
    identity = xp.eye(n, dtype=A.dtype, device=compat.device(A))
    return NPLR(N, P, Q, sigma, _relative(0.5 * (N + xp.matrix_transpose(N)) - sigma * identity, A))


@on_its_device
def dplr(system: StateSpace) -> DPLR:
    r"""Diagonalise the normal part of A by a unitary matrix: diagonal plus low rank.

    .. math:: V^* A V = \operatorname{diag}(\sigma + i\omega) - (V^* P)(V^* Q)^*, \qquad
        -\tfrac{i}{2} (N - N^T)\, V = V \operatorname{diag}(\omega)

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n).

    Returns
    -------
    DPLR
        complex128, on the device of the system, whatever its precision (complex64 in JAX without x64).

    Raises
    ------
    TypeError
        `system` is not a StateSpace.
    ValueError
        The system is discrete.

    Notes
    -----
    A Hermitian eigenproblem after `nplr`, O(n^3). The eigenvectors of A itself are of no use: their condition
    is 8e4 for LegS of 8 states and 8e10 of 16, while V is unitary. Odd orders keep their eigenvalue without
    a partner; nothing is halved.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces,
       theorem 1 and appendix C.1.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.dplr(ss.legs(64))
    DPLR(order=64, rank=1, residual=...)
    """
    parts = nplr(system)
    A, B = _double(system)
    xp = array_namespace(A)
    kind = widest_dtypes(A)[1]
    N, P, Q, B = (xp.astype(part, kind) for part in (parts.N, parts.P, parts.Q, B))
    omega, V = xp.linalg.eigh(-0.5j * (N - xp.matrix_transpose(N)))
    back = xp.matrix_transpose(xp.conj(V))
    eigenvalues = xp.astype(omega, kind) * 1j + parts.sigma
    P, Q = back @ P, back @ Q
    rebuilt = (V * eigenvalues) @ back - V @ P @ xp.matrix_transpose(xp.conj(V @ Q))
    return DPLR(eigenvalues, V, P, Q, back @ B, _relative(rebuilt - A, A))


def _double(system: StateSpace) -> tuple[Array, Array]:
    """Return A and B in the widest precision; of a measure from its closed form, not from rounded entries."""
    xp, real = array_namespace(system.A), widest_dtypes(system.A)[0]
    if system.measure is not None:
        A, B = system.measure.matrices(system.order)
        return asarray_like(A, system.A, real), asarray_like(B, system.A, real)
    return xp.astype(system.A, real, copy=False), xp.astype(system.B, real, copy=False)


def _relative(error: Array, A: Array) -> float:
    xp = array_namespace(A)
    size = float(xp.linalg.matrix_norm(A))
    return float(xp.linalg.matrix_norm(error)) / size if size else 0.0
