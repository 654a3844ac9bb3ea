"""The systems of a measurement against NumPy, and rows that do not influence each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion
from diffmath.diffusion._conditional.solve import conjugate_gradients, solve_direct, solve_isotropic

RNG = np.random.default_rng(0)
ROOTS = RNG.standard_normal((4, 3, 3))
MATRICES = ROOTS @ ROOTS.transpose(0, 2, 1)
R = RNG.standard_normal((4, 3))
FULL = MATRICES + 0.25 * np.eye(3)


def test_direct_solves_and_determinants(xp: Any) -> None:
    u, log_det = solve_direct(xp.asarray(MATRICES), 0.25, xp.asarray(R))
    np.testing.assert_allclose(xp.numpy(u), np.linalg.solve(FULL, R[..., None])[..., 0], rtol=1e-11)
    np.testing.assert_allclose(xp.numpy(log_det), np.linalg.slogdet(FULL)[1], rtol=1e-12)


def test_negative_eigenvalues_of_a_covariance_count_as_zero() -> None:
    u, log_det = solve_direct(np.array([[[-3.0, 0.0], [0.0, 1.0]]]), 0.5, np.array([[1.0, 3.0]]))
    np.testing.assert_allclose(u, [[2.0, 2.0]])
    np.testing.assert_allclose(log_det, [np.log(0.5 * 1.5)])


def test_isotropic_covariances(xp: Any) -> None:
    values, vectors = np.linalg.eigh(MATRICES[0])
    for r2 in (0.7, xp.asarray(np.full((4, 1), 0.7))):
        u, log_det = solve_isotropic((values, vectors), r2, 0.1, xp.asarray(R))
        whole = 0.7 * MATRICES[0] + 0.1 * np.eye(3)
        np.testing.assert_allclose(xp.numpy(u), np.linalg.solve(whole, R.T).T, rtol=1e-11)
        np.testing.assert_allclose(xp.numpy(log_det), np.full(4, np.linalg.slogdet(whole)[1]), rtol=1e-12)


def test_conjugate_gradients_end_after_m_iterations_and_keep_rows_apart(xp: Any) -> None:
    matrices = xp.asarray(FULL)

    def apply(v: Any) -> Any:
        return xp.xp.sum(matrices * v[:, None, :], axis=2)

    u = xp.numpy(conjugate_gradients(apply, xp.asarray(R), 3))
    # In exact arithmetic three iterations are exact; the condition number of these is below 200.
    np.testing.assert_allclose(u, np.linalg.solve(FULL, R[..., None])[..., 0], rtol=1e-9)
    other = R.copy()
    other[1:] = 0.0
    alone = xp.numpy(conjugate_gradients(apply, xp.asarray(other), 3))
    np.testing.assert_array_equal(alone[0], u[0])
    np.testing.assert_array_equal(alone[1:], 0.0)  # a row without residual is solved by 0


def test_a_row_of_negative_curvature_stops() -> None:
    signs = np.array([[1.0], [-1.0]])
    u = conjugate_gradients(lambda v: signs * v, np.ones((2, 2)), 5)
    np.testing.assert_array_equal(u, [[1.0, 1.0], [0.0, 0.0]])


def test_a_matrix_without_inverse_gives_no_warning_but_an_error_of_the_sampler() -> None:
    """Warnings are errors in this suite. The sampler names the time and the rows."""
    process = diffusion.vp()
    measured = diffusion.LinearMeasurement(np.array([[1.0, 0.0]]), [0.3], 0.0)
    flat = diffusion.from_denoiser(lambda x, t: 0 * x + 1.0, process)
    with pytest.raises(SolveError, match="not finite at t=1"):
        diffusion.sample(process, diffusion.mmps(flat, measured), np.ones((2, 2)), [1.0, 0.5], method="ddim")
