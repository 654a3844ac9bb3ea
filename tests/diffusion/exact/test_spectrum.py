"""Eigenbases: their product is the matrix, and what is no covariance is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath.diffusion._exact import spectrum


def test_matrices_are_rebuilt_and_diagonals_kept():
    matrix = np.array([[[2.0, 0.5], [0.5, 1.0]]])
    values, axes = spectrum("covariances", matrix, (1, 2))
    np.testing.assert_allclose(axes[0] * values[0] @ axes[0].T, matrix[0], rtol=1e-14)
    values, axes = spectrum("covariances", np.array([[1.0, 3.0]]), (1, 2))
    assert axes is None
    np.testing.assert_array_equal(values, [[1.0, 3.0]])
    np.testing.assert_array_equal(spectrum("c", np.array([2.0]), (1, 3))[0], [[2.0, 2.0, 2.0]])


def test_a_singular_matrix_has_a_zero():
    values, _ = spectrum("covariance", np.ones((1, 3, 3)), (1, 3))
    np.testing.assert_allclose(values, [[0.0, 0.0, 3.0]], rtol=1e-15)
    assert values[0, 0] == 0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[[1.0, 2.0], [0.0, 5.0]]], "covariance must be symmetric"),
        ([[[1.0, 2.0], [2.0, 1.0]]], "covariance must be positive semi-definite; the least eigenvalue is -1"),
        ([-1.0], "covariance must be positive semi-definite; the least eigenvalue is -1"),
    ],
)
def test_other_matrices_are_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        spectrum("covariance", np.array(matrix), (1, 2))
