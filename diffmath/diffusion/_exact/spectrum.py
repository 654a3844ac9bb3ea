r"""Eigenbases of covariances: every :math:`\alpha^2 C + \sigma^2 I` is diagonal in that of C."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["spectrum"]

Host = npt.NDArray[np.float64]


def spectrum(name: str, covariances: Host, shape: tuple[int, int]) -> tuple[Host, Host | None]:
    """Return the eigenvalues (k, d) and, for full matrices, the eigenvectors (k, d, d), as columns.

    `covariances` are multiples of the identity (k,), diagonals (k, d), or matrices (k, d, d).
    """
    axes = None
    values = covariances if covariances.ndim == 2 else covariances[:, None]
    if covariances.ndim == 3:
        scale = np.abs(covariances).max(axis=(1, 2), keepdims=True)
        if np.any(np.abs(covariances - covariances.transpose(0, 2, 1)) > 1e-12 * scale):
            raise ValueError(f"{name} must be symmetric; a matrix differs from its transpose")
        values, axes = np.linalg.eigh(covariances)
        # eigh of a singular matrix gives zeros as +-eps times its norm.
        values = np.where(np.abs(values) <= 1e-14 * shape[1] * scale[:, 0], 0.0, values)
    if values.min() < 0:
        raise ValueError(f"{name} must be positive semi-definite; the least eigenvalue is {values.min():.3g}")
    return np.broadcast_to(values, shape), axes
