r"""The linear systems of a measurement, one per row: :math:`(H R H^\mathsf T + \sigma_y^2 I)\,u = r`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import is_traced
from diffmath._core.typing import Array
from diffmath.diffusion._conditional.operators import Spectrum
from diffmath.diffusion._targets import row_product

__all__ = ["conjugate_gradients", "solve_direct", "solve_isotropic"]

# Conjugate gradients leave a row when its residual has fallen by this factor.
TOLERANCE = 1e-6


def solve_isotropic(spectrum: Spectrum, r2: Any, noise2: float, r: Array) -> tuple[Array, Array]:
    """Solve for R = r2 I with the spectrum of H H^T; return u and the log-determinant of the matrix."""
    xp, (values, vectors) = array_namespace(r), spectrum
    scales = r2 * asarray_like(values, r) + noise2 + xp.zeros_like(r)
    log_det = xp.sum(xp.log(scales), axis=1)
    if vectors is None:
        return r / scales, log_det
    basis = asarray_like(vectors, r)
    return row_product(row_product(r, basis) / scales, xp.matrix_transpose(basis)), log_det


def solve_direct(matrix: Array, noise2: float, r: Array) -> tuple[Array, Array]:
    """Solve with H R H^T as matrices (batch, m, m); return u and the log-determinants.

    R is a covariance, so its negative eigenvalues, which only a network that is no exact denoiser has, are 0.
    """
    xp = array_namespace(matrix)
    values, vectors = xp.linalg.eigh(0.5 * (matrix + xp.matrix_transpose(matrix)))
    scales = xp.where(values > 0, values, xp.zeros_like(values)) + noise2
    inside = xp.sum(vectors * r[:, :, None], axis=1) / scales
    return xp.sum(vectors * inside[:, None, :], axis=2), xp.sum(xp.log(scales), axis=1)


def conjugate_gradients(apply: Callable[[Array], Array], r: Array, iterations: int) -> Array:
    """Solve by at most so many iterations, each row on its own; a row of negative curvature stops."""
    xp = array_namespace(r)
    u, left, along = xp.zeros_like(r), r, r
    square = xp.sum(left**2, axis=1)
    done = square * max(TOLERANCE, 10 * float(xp.finfo(r.dtype).eps)) ** 2
    for _ in range(iterations):
        image = apply(along)
        curvature = xp.sum(along * image, axis=1)
        active = (square > done) & (curvature > 0)
        if not is_traced(active) and not bool(xp.any(active)):
            break
        step = xp.where(active, square / xp.where(active, curvature, xp.ones_like(curvature)), 0.0 * square)
        u, left = u + step[:, None] * along, left - step[:, None] * image
        new = xp.sum(left**2, axis=1)
        share = xp.where(active, new / xp.where(active, square, xp.ones_like(square)), 0.0 * square)
        along, square = left + share[:, None] * along, new
    return u
