"""Normal plus low rank: the form in which a HiPPO matrix is diagonalised without ill-conditioning."""

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
    r"""A normal matrix minus a matrix of low rank; the symmetric part of the first is sigma times I.

    .. math:: A = N - P Q^T, \qquad \tfrac12 (N + N^T) = \sigma I

    Parameters
    ----------
    N : array, shape (n, n)
        Normal part, float64.
    P, Q : array, shape (n, r)
        Factors of the low-rank part. Q equals P up to the signs of its columns.
    sigma : float
        Real part of every eigenvalue of N.
    residual : float
        Symmetric part of N minus sigma I, relative to A, in the Frobenius norm.

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
    r"""A diagonal matrix minus a matrix of low rank, in the unitary basis V of the normal part.

    .. math:: V^* A V = \operatorname{diag}(\lambda) - P Q^*

    Parameters
    ----------
    eigenvalues : array, shape (n,)
        Complex, ordered by imaginary part. For a real A they come in conjugate pairs.
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
    r"""Split A into a normal matrix and a correction of the lowest possible rank.

    .. math:: A = N - P Q^T, \qquad \tfrac12 (A + A^T) = \sigma I + \sum_{i=1}^r (\mu_i - \sigma) v_i v_i^T,
        \qquad P_i = \sqrt{|\mu_i - \sigma|}\, v_i, \quad Q_i = \operatorname{sign}(\sigma - \mu_i) P_i

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n).

    Returns
    -------
    NPLR
        float64 for every precision, on the device of the system (float32 in JAX without x64).

    Raises
    ------
    TypeError
        `system` is not a StateSpace.
    ValueError
        The system is discrete, or has entries whose squares overflow.

    Notes
    -----
    The parts follow from the symmetric part of A. sigma is its median eigenvalue, and the rank is the number
    of eigenvalues that differ from sigma by more than rounding. LegS has rank 1 with :math:`P_n = \sqrt{n +
    1/2}` and :math:`\sigma = -1/2`. LegT has rank 2 and the true Fourier window rank 1, both with sigma = 0.
    For an A without this structure the rank is near n. A and B are not changed.

    The cost is one symmetric eigenproblem, O(n^3). Its eigenvectors are orthogonal, so no step is
    ill-conditioned.

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
    # float32 entries are known only to the eps of float32, closed forms to that of float64.
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
    r"""Diagonalise the normal part of A by a unitary matrix.

    .. math:: V^* A V = \operatorname{diag}(\sigma + i\omega) - (V^* P)(V^* Q)^*, \qquad
        -\tfrac{i}{2} (N - N^T)\, V = V \operatorname{diag}(\omega)

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n).

    Returns
    -------
    DPLR
        complex128 for every precision, on the device of the system (complex64 in JAX without x64).

    Raises
    ------
    TypeError
        `system` is not a StateSpace.
    ValueError
        The system is discrete.

    Notes
    -----
    The cost is a Hermitian eigenproblem after `nplr`, O(n^3). V is unitary. The eigenvectors of A itself are
    ill-conditioned: their condition is 8e4 for LegS of 8 states and 8e10 of 16. For odd orders one eigenvalue
    has no conjugate partner; all eigenvalues are returned.

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
    """Return A and B in the widest precision, from the closed form of a measure if there is one."""
    xp, real = array_namespace(system.A), widest_dtypes(system.A)[0]
    if system.measure is not None:
        A, B = system.measure.matrices(system.order)
        return asarray_like(A, system.A, real), asarray_like(B, system.A, real)
    return xp.astype(system.A, real, copy=False), xp.astype(system.B, real, copy=False)


def _relative(error: Array, A: Array) -> float:
    xp = array_namespace(A)
    size = float(xp.linalg.matrix_norm(A))
    return float(xp.linalg.matrix_norm(error)) / size if size else 0.0
