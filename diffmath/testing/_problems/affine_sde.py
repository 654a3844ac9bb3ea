"""Affine SDEs, whose moments of any degree are known, for measuring weak orders without sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

from diffmath._arrays.models import SDE, Calculus, Noise
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array

__all__ = ["AffineSDE", "affine_sde"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AffineSDE:
    r"""An autonomous SDE that is affine in its state.

    .. math:: dX = (A_0 X + a_0)\,dt + \sum_{l=1}^m (A_l X + a_l)\,dW_l

    Parameters
    ----------
    matrices : numpy.ndarray, shape (1 + m, dim, dim)
        A.
    vectors : numpy.ndarray, shape (1 + m, dim)
        a.
    x0 : numpy.ndarray, shape (dim,)
        Initial state.
    noise : {"additive", "diagonal", "scalar", "commutative", "general"}
        Class of the noise, which must match the matrices; it determines the shape of the diffusion.
    calculus : {"ito", "stratonovich"}
        Calculus of the integrals.

    Examples
    --------
    >>> from diffmath.testing import affine_sde
    >>> affine_sde("general")
    AffineSDE(general noise, ito, dim 2, 2 Brownian motions)
    """

    matrices: Matrix
    vectors: Matrix
    x0: Matrix
    noise: Noise
    calculus: Calculus = "ito"

    def __repr__(self) -> str:
        m, dim = len(self.matrices) - 1, len(self.x0)
        plural = "" if m == 1 else "s"
        return f"AffineSDE({self.noise} noise, {self.calculus}, dim {dim}, {m} Brownian motion{plural})"

    @property
    def augmented(self) -> Matrix:
        """The generators of z = (1, x), which is linear: shape (1 + m, 1 + dim, 1 + dim), Ito drift first."""
        size = 1 + len(self.x0)
        result = np.zeros((len(self.matrices), size, size))
        result[:, 1:, 0], result[:, 1:, 1:] = self.vectors, self.matrices
        if self.calculus == "stratonovich":
            result[0] += 0.5 * sum(part @ part for part in result[1:])
        return result

    def moments(self, t: float, degree: int) -> Matrix:
        r"""Return :math:`\mathrm E[z_t^{\otimes q}]` for z = (1, x): all moments up to this degree.

        The tensor power of a linear equation is linear: its drift is the sum of the drift in every factor,
        and of every product of two noises in two factors ([1]_, section 8.4).

        References
        ----------
        .. [1] Arnold (1974), Stochastic Differential Equations: Theory and Applications.
        """
        drift, *noises = self.augmented
        size = len(drift)
        total: Matrix = np.zeros((size**degree,) * 2)

        def in_factors(parts: dict[int, Matrix]) -> Matrix:
            product: Any = np.ones((1, 1))
            for k in range(degree):
                product = np.kron(product, parts.get(k, np.eye(size)))
            return np.asarray(product)

        for i in range(degree):
            total += in_factors({i: drift})
            for j in range(i + 1, degree):
                total += sum(in_factors({i: part, j: part}) for part in noises)
        z0 = np.concatenate([[1.0], self.x0])
        start: Any = np.ones(1)
        for _ in range(degree):
            start = np.kron(start, z0)
        return np.asarray(expm(total * t) @ start)

    def model(self) -> SDE:
        """Return the equation as callables, with its derivatives."""
        A, a = self.matrices, self.vectors
        elementwise = self.noise in ("diagonal", "scalar")

        def drift(t: float, x: Array) -> Array:
            return x @ asarray_like(A[0].T, x) + asarray_like(a[0], x)

        def diffusion(t: float, x: Array) -> Array:
            if self.noise == "diagonal":
                return x * asarray_like(np.diag(A[1:].sum(axis=0)), x) + asarray_like(a[1:].sum(axis=0), x)
            columns = [x @ asarray_like(A[l].T, x) + asarray_like(a[l], x) for l in range(1, len(A))]
            return columns[0] if elementwise else array_namespace(x).stack(columns, axis=2)

        def derivative(t: float, x: Array) -> Array:
            xp = array_namespace(x)
            if self.noise == "diagonal":
                return 0.0 * x + asarray_like(np.diag(A[1:].sum(axis=0)), x)
            full = A[1] if elementwise else np.transpose(A[1:], (1, 0, 2))  # dg_dl/dx_k
            return xp.broadcast_to(asarray_like(full, x), (x.shape[0], *full.shape))

        def jacobian(t: float, x: Array) -> Array:
            return array_namespace(x).broadcast_to(asarray_like(A[0], x), (x.shape[0], *A[0].shape))

        return SDE(
            drift,
            diffusion,
            self.noise,
            self.calculus,
            noise_dim=None if elementwise else len(A) - 1,
            drift_jacobian=jacobian,
            diffusion_derivative=derivative,
        )


def affine_sde(
    noise: Literal["additive", "diagonal", "scalar", "commutative", "general"], *, calculus: Calculus = "ito"
) -> AffineSDE:
    """Return an affine SDE of two components, coupled by its drift, with noise of this class.

    Parameters
    ----------
    noise : {"additive", "diagonal", "scalar", "commutative", "general"}
        With "general", the noise matrices do not commute, so terms in Levy areas matter.
    calculus : {"ito", "stratonovich"}
        Calculus of the integrals.

    Returns
    -------
    AffineSDE

    Raises
    ------
    ValueError
        An unknown class.

    Examples
    --------
    >>> from diffmath.testing import affine_sde
    >>> affine_sde("diagonal").moments(1.0, 1).round(3)  # 1, E X_1, E X_2
    array([ 1.   ,  0.36 , -0.694])
    """
    families: dict[str, tuple[Any, Any]] = {
        "additive": ([[[0.0] * 2] * 2] * 2, [[0.5, 0.2], [-0.3, 0.4]]),
        "diagonal": ([[[0.6, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, -0.5]]], [[0.1, 0.0], [0.0, 0.3]]),
        "scalar": ([[[0.4, -0.3], [0.2, 0.1]]], [[0.2, -0.4]]),
        # Rotations and dilations of the plane commute.
        "commutative": ([[[0.4, 0.3], [-0.3, 0.4]], [[0.2, -0.5], [0.5, 0.2]]], [[0.0] * 2] * 2),
        "general": ([[[0.1, 0.7], [0.0, -0.2]], [[0.2, 0.0], [-0.6, 0.1]]], [[0.2, -0.1], [0.1, 0.3]]),
    }
    if noise not in families:
        raise ValueError(f"noise must be one of {tuple(families)}; got {noise!r}")
    matrices, vectors = families[noise]
    A, b = np.array([[[-0.7, 0.4], [-0.5, -0.3]], *matrices]), np.array([[0.2, -0.1], *vectors])
    return AffineSDE(A, b, np.array([0.8, -0.5]), noise, calculus)
