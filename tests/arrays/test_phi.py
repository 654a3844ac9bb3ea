"""phi-functions against 50 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath._arrays.phi import matrix_phis, phi, phi1, phis


def _exact(k: int, z: float) -> float:
    with mpmath.workdps(60):
        if abs(z) < 1:
            return float(mpmath.hyp1f1(1, k + 1, z) / mpmath.factorial(k))
        value = mpmath.exp(z)
        for j in range(k):
            value = (value - 1 / mpmath.factorial(j)) / mpmath.mpf(z)
        return float(value)


@pytest.mark.parametrize("k", range(7))
@pytest.mark.parametrize(
    "z", [0.0, 1e-300, -1e-16, 1e-8, -1e-3, 0.3, -1.0, 1.0, -2.001, 2.0, -3.5, 4.1, -6.0, -30.0, -800.0, 40.0]
)
def test_phi_is_good_to_a_few_ulp(k: int, z: float) -> None:
    # 8 ulp: the recurrence divides an error of one ulp of 1/(k-1)! by abs(z) > k.
    assert abs(phi(k, z) - _exact(k, z)) <= 8 * math.ulp(_exact(k, z))


@given(k=st.integers(1, 6), z=st.floats(-700, 50))
def test_phi_everywhere(k: int, z: float) -> None:
    assert abs(phi(k, z) - _exact(k, z)) <= 8 * math.ulp(_exact(k, z))


def test_phi_at_minus_infinity_is_zero() -> None:
    assert [phi(k, -math.inf) for k in range(4)] == [0.0] * 4


def _exact_phi1(z: complex) -> complex:
    with mpmath.workdps(60):
        w = mpmath.mpmathify(z)
        return complex(mpmath.expm1(w) / w) if z else 1.0 + 0j


@given(x=st.floats(-800, 700), y=st.floats(-1e4, 1e4), scale=st.sampled_from([1.0, 1e-4, 1e-9, 1e-17, 0.0]))
def test_phi1_of_complex_arrays(x: float, y: float, scale: float) -> None:
    # 8 eps in modulus, of the exact value at the rounded argument; what underflows is near the least number.
    z = complex(x, y) * scale
    exact = _exact_phi1(z)
    assert abs(complex(phi1(np.array([z]))[0]) - exact) <= 8 * 2.3e-16 * abs(exact) + 1e-300


def test_phi1_where_the_real_part_cancels() -> None:
    """expm1(x) cos(y) = 2 sin(y/2)^2: the real part of exp(z) - 1 is zero, the imaginary part is not."""
    y = np.linspace(0.01, 1.5, 50)
    z = -np.log(np.cos(y)) + 1j * y
    exact = np.array([_exact_phi1(v) for v in z])
    assert (np.abs(phi1(z) - exact) <= 8 * 2.3e-16 * np.abs(exact)).all()


def test_phi1_on_every_backend(xp) -> None:
    z = np.array([[0.0, 1e-20, -3.0], [2.5, -700.0, 1e-3]])
    for dtype, values in (("float64", z), ("float32", z), ("complex128", z * 1j), ("complex64", z * 1j)):
        result = xp.numpy(phi1(xp.asarray(values, dtype)))
        assert result.dtype == dtype
        exact = np.array([[_exact_phi1(complex(v)) for v in row] for row in values.astype(dtype)])
        np.testing.assert_allclose(result, exact, rtol=8 * np.finfo(dtype).eps)


def _exact_phis(z: complex, count: int) -> list[mpmath.mpc]:
    """phi_0, ..., phi_count at the working precision of mpmath."""
    w = mpmath.mpmathify(z)
    if abs(w) < 1:
        return [mpmath.hyp1f1(1, k + 1, w) / mpmath.factorial(k) for k in range(count + 1)]
    values = [mpmath.exp(w)]
    for k in range(1, count + 1):
        values.append((values[-1] - 1 / mpmath.factorial(k - 1)) / w)
    return values


@given(z=st.floats(-1e9, 600), scale=st.sampled_from([1.0, 1e-7, 1e-9, 1e-17, 0.0]))
def test_phis_of_real_arrays(z: float, scale: float) -> None:
    # 16 eps: what phi1 brings, and one division and one subtraction without cancellation an order.
    z = z * scale
    with mpmath.workdps(70):
        exact = [float(v) for v in _exact_phis(z, 4)]
    for k, value in enumerate(phis(np.array([z]), 4)[1:], start=1):
        assert abs(float(value[0]) - exact[k]) <= 16 * 2.3e-16 * abs(exact[k]), k


@given(x=st.floats(-1e4, 0), y=st.floats(-1e4, 1e4), scale=st.sampled_from([1.0, 1e-3, 1e-4, 1e-9, 0.0]))
def test_phis_of_complex_arrays(x: float, y: float, scale: float) -> None:
    z = complex(x, y) * scale
    with mpmath.workdps(70):
        exact = [complex(v) for v in _exact_phis(z, 4)]
    for k, value in enumerate(phis(np.array([z]), 4)[1:], start=1):
        assert abs(complex(value[0]) - exact[k]) <= 16 * 2.3e-16 * abs(exact[k]), k


def test_phis_on_every_backend(xp) -> None:
    z = np.array([[0.0, 1e-20, -3.0], [2.5, -700.0, 1e-3]])
    for dtype, values in (("float64", z), ("float32", z), ("complex128", z * 1j), ("complex64", z * 1j)):
        given_ = values.astype(dtype)
        with mpmath.workdps(50):
            exact = np.array([[_exact_phis(complex(v), 3) for v in row] for row in given_]).astype(complex)
        for k, value in enumerate(phis(xp.asarray(values, dtype), 3)):
            result = xp.numpy(value)
            assert result.dtype == dtype
            # phi_0 is as good as the library's exp; what underflows is zero.
            info = np.finfo(dtype)
            np.testing.assert_allclose(result, exact[..., k], rtol=16 * info.eps, atol=info.tiny)


def _spectral(eigenvalues: list[complex], seed: int, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A matrix with these eigenvalues, rounded to float64, and its phi-functions."""
    n, rng = len(eigenvalues), np.random.default_rng(seed)
    V, _ = np.linalg.qr(rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n))))
    A = V @ np.diag(eigenvalues) @ V.conj().T
    return A, _exact_matrix_phis(A, count)


def _exact_matrix_phis(A: np.ndarray, count: int) -> list[np.ndarray]:
    """By eigenvectors in 60 digits, of the rounded matrix itself; independent of any augmented matrix."""
    n = len(A)
    with mpmath.workdps(60):
        values, V = mpmath.eig(mpmath.matrix(A.tolist()))
        rows = [_exact_phis(v, count) for v in values]
        inverse = V**-1
        found = [V * mpmath.diag([row[k] for row in rows]) * inverse for k in range(count + 1)]
        return [np.array([[complex(M[i, j]) for j in range(n)] for i in range(n)]) for M in found]


@pytest.mark.parametrize(
    "eigenvalues",
    [
        [-1.0, -0.5, 0.25, 2.0],
        [0.0, 0.0, -1.0, -3.0],  # singular
        [0.3j, -0.3j, 40j, -7.0],
        [-1e8, -1e4, -1.0, 0.0],  # stiff
        [-1e8 + 1e8j, -2.0, 5.0, 1j],
    ],
)
def test_matrix_phis_of_normal_matrices(eigenvalues: list[complex]) -> None:
    A, exact = _spectral(eigenvalues, 3, 3)
    for k, value in enumerate(matrix_phis(A, 3)):
        # Backward error: the exponential of a matrix that differs by some eps of its norm. An eigenvalue
        # near 0 of a matrix of norm 1e8 is then uncertain by 1e-8.
        slack = 2e-15 * max(1.0, np.max(np.abs(A)))
        scale = np.max(np.abs(exact[k]))
        assert np.max(np.abs(value - exact[k])) <= slack * scale, k


def test_matrix_phis_of_a_jordan_block_and_of_nilpotent_matrices() -> None:
    """Above the diagonal stands the derivative of phi_k; the series of a nilpotent matrix ends."""
    N = np.diag([1.0, 1.0, 1.0], 1)
    for k, value in enumerate(matrix_phis(N, 4)):
        exact = sum(np.linalg.matrix_power(N, j) / math.factorial(j + k) for j in range(4))
        np.testing.assert_allclose(value, exact, rtol=4e-16, atol=1e-16)
    J = np.array([[-30.0, 1.0], [0.0, -30.0]])
    with mpmath.workdps(50):
        for k, value in enumerate(matrix_phis(J, 3)):
            slope = mpmath.diff(lambda z, k=k: _exact_phis(z, 3)[k], -30)
            np.testing.assert_allclose(value[0, 1], float(slope), rtol=1e-13)


def test_matrix_phis_of_a_stack_scale_every_matrix_alone(xp) -> None:
    rng = np.random.default_rng(5)
    stack = rng.standard_normal((2, 3, 4, 4)) * np.array([1e-9, 1.0, 60.0])[:, None, None]
    together = [xp.numpy(v) for v in matrix_phis(xp.asarray(stack), 2)]
    for i in range(2):
        for j in range(3):
            alone = matrix_phis(stack[i, j], 2)
            for k in range(3):
                np.testing.assert_allclose(
                    together[k][i, j], alone[k], rtol=1e-11, atol=1e-13 * np.abs(alone[k]).max()
                )
    for dtype in ("float32", "complex64"):
        single = matrix_phis(xp.asarray(stack[0], dtype), 2)
        for k in range(3):
            assert xp.numpy(single[k]).dtype == dtype
            exact = together[k][0]
            norms = np.abs(exact).max(axis=(-2, -1))
            assert (np.abs(xp.numpy(single[k]) - exact).max(axis=(-2, -1)) <= 2e-4 * norms).all()


def test_phis_of_numbers_elements_and_matrices_agree() -> None:
    z = np.array([-7.0, -0.2, 0.0, 1.5])
    for k, (elements, matrix) in enumerate(zip(phis(z, 3), matrix_phis(np.diag(z), 3), strict=True)):
        np.testing.assert_allclose(elements, [phi(k, v) for v in z], rtol=4e-15)
        np.testing.assert_allclose(np.diag(matrix), elements, rtol=2e-14)  # a few squarings


@pytest.mark.parametrize("count", range(5))
def test_phis_are_all_from_zero_to_the_count(count: int) -> None:
    found = phis(np.array([-0.5, 3.0]), count)
    assert [float(value[0]) for value in found] == pytest.approx([phi(k, -0.5) for k in range(count + 1)])
