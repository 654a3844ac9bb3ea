"""Linear measurements: a matrix, a mask and callables say the same; every refusal has its message."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
import pytest
from scipy.stats import norm

from diffmath import diffusion

X = np.array([[1.0, 2.0, -0.5], [0.3, 0.0, 4.0]])
MASK = [True, False, True]
SELECT = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def pair(matrix: Any) -> tuple[Any, Any]:
    def forward(x: Any) -> Any:
        xp = array_api_compat.array_namespace(x)
        H = xp.asarray(matrix, dtype=x.dtype, device=array_api_compat.device(x))
        return x @ xp.matrix_transpose(H)

    def adjoint(u: Any) -> Any:
        xp = array_api_compat.array_namespace(u)
        return u @ xp.asarray(matrix, dtype=u.dtype, device=array_api_compat.device(u))

    return forward, adjoint


def test_a_mask_a_matrix_and_callables_are_one_measurement(xp: Any) -> None:
    y, x = np.array([0.5, -1.0]), xp.asarray(X)
    found = [
        diffusion.LinearMeasurement(SELECT, xp.asarray(y), 0.1),
        diffusion.LinearMeasurement(SELECT, y, 0.1),
        diffusion.LinearMeasurement(MASK, xp.asarray([0.5, np.nan, -1.0]), 0.1),
        diffusion.LinearMeasurement(pair(SELECT), xp.asarray(y[None]), 0.1, state_shape=(3,)),
    ]
    for measurement in found:
        assert measurement.size == 2
        np.testing.assert_array_equal(xp.numpy(measurement.residual(x)), y - X[:, [0, 2]])
        u = xp.asarray([[1.0, 2.0], [3.0, 4.0]])
        adjoint = xp.numpy(measurement.operator.adjoint(u, x))
        np.testing.assert_array_equal(adjoint, [[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]])
        expected = norm.logpdf(y - X[:, [0, 2]], scale=0.1).sum(axis=1)
        np.testing.assert_allclose(xp.numpy(measurement.log_likelihood(x)), expected, rtol=1e-13)


def test_the_precision_is_that_of_the_states(xp: Any) -> None:
    x = xp.asarray(X, "float32")
    residual = diffusion.LinearMeasurement(SELECT, [0.5, -1.0], 0.1).residual(x)
    assert residual.dtype == x.dtype


def test_states_keep_their_shape() -> None:
    x = np.arange(12.0).reshape(2, 2, 3)
    mask = np.array([[True, False, False], [False, True, True]])
    measurement = diffusion.LinearMeasurement(mask, np.zeros((2, 3)), 0.0)
    np.testing.assert_array_equal(-measurement.residual(x), x.reshape(2, 6)[:, [0, 4, 5]])
    np.testing.assert_array_equal(measurement.operator.adjoint(-measurement.residual(x), x), x * mask)
    rows = diffusion.LinearMeasurement(mask, x, 0.0)
    np.testing.assert_array_equal(rows.residual(x), np.zeros((2, 3)))
    assert not rows.is_single


def test_spectra_are_those_of_h_times_its_adjoint() -> None:
    H = np.array([[1.0, 2.0, 0.0], [0.5, 0.0, -1.0]])
    y = np.zeros(2)
    gram, like = H @ H.T, np.zeros((1, 3))
    for measurement in (
        diffusion.LinearMeasurement(H, y, 0.1),
        diffusion.LinearMeasurement(pair(H), y[None], 0.1, state_shape=(3,)),
    ):
        values, vectors = measurement.operator.spectrum(like)  # type: ignore[misc]
        np.testing.assert_allclose(vectors * values @ vectors.T, gram, rtol=1e-13)
    many = diffusion.LinearMeasurement(pair(np.eye(65)), np.zeros((1, 65)), 0.1, state_shape=(65,))
    assert many.operator.spectrum(np.zeros((1, 65))) is None


def forward(x: Any) -> Any:
    return x[:, :1]


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "one callable": ({"H": forward}, TypeError, "a pair \\(forward, adjoint\\); got one callable"),
    "no state_shape": ({"H": (forward, forward)}, TypeError, "state_shape="),
    "flat y": ({"H": (forward, forward), "state_shape": (3,)}, ValueError, "y must have shape \\(batch"),
    "empty mask": ({"H": [False, False]}, ValueError, "true somewhere"),
    "texts": ({"H": [["a"]]}, TypeError, "numbers or booleans"),
    "ragged": ({"H": [[1.0], [1.0, 2.0]]}, ValueError, "a matrix \\(m, d\\) or a boolean mask"),
    "vector": ({"H": [1.0, 2.0]}, ValueError, "finite matrix of shape \\(m, d\\); got shape \\(2,\\)"),
    "nan": ({"H": [[np.nan]]}, ValueError, "finite matrix"),
    "y": ({"H": SELECT, "y": [1.0]}, ValueError, "y must have shape \\(2,\\) or \\(batch, 2\\)"),
    "y of mask": ({"H": MASK, "y": [1.0, 2.0]}, ValueError, "the shape of the mask"),
    "y nan": ({"H": MASK, "y": [np.nan, 0.0, 0.0]}, ValueError, "y must be finite"),
    "noise": ({"noise": -1.0}, ValueError, "noise must be finite and not negative; got -1.0"),
    "noise kind": ({"noise": "1"}, TypeError, "noise must be a number"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case: str) -> None:
    given, error, message = REFUSALS[case]
    with pytest.raises(error, match=message):
        diffusion.LinearMeasurement(**{"H": [[1.0]], "y": [1.0], "noise": 0.1, **given})


def test_refusals_with_states() -> None:
    measurement = diffusion.LinearMeasurement(SELECT, np.zeros((3, 2)), 0.0)
    with pytest.raises(ValueError, match="one per row; got 3 for 2 rows"):
        measurement.residual(X)
    with pytest.raises(ValueError, match="states with 3 entries; got a state of shape \\(2,\\)"):
        measurement.residual(X[:, :2])
    with pytest.raises(ValueError, match="needs noise > 0"):
        measurement.log_likelihood(X)


def test_a_pair_that_is_not_adjoint_or_not_linear_is_refused() -> None:
    H = np.array([[1.0, 2.0, 0.0]])
    make, adjoint = diffusion.LinearMeasurement, pair(2.0 * H)[1]
    with pytest.raises(ValueError, match="forward must be linear and adjoint its adjoint"):
        make((pair(H)[0], adjoint), np.zeros((1, 1)), 0.1, state_shape=(3,))
    with pytest.raises(ValueError, match="must return shape \\(2, 1\\)"):
        make((lambda x: x, adjoint), np.zeros((1, 1)), 0.1, state_shape=(3,))

    with pytest.raises(ValueError, match="forward must be linear"):
        make((lambda x: x @ H.T + 1.0, pair(H)[1]), np.zeros((1, 1)), 0.1, state_shape=(3,))
