"""Fourier windows, true, as published and fading, and the Fourier series of the whole past."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss
from diffmath import symbolic


def _floats(matrix):
    return np.array([[float(entry.evalf(40)) for entry in matrix.row(i)] for i in range(matrix.rows)])


@pytest.mark.parametrize("order", [1, 3, 7])
@pytest.mark.parametrize(
    ("make", "measure"),
    [
        (ss.fout, symbolic.fout()),
        (lambda n: ss.fout(n, as_published=True), symbolic.fout(as_published=True)),
        (lambda n: ss.foud(n, 0.6), symbolic.foud(0.6)),
    ],
)
def test_windows_equal_the_symbolic_derivation(make, measure, order):
    A, B = symbolic.derive_hippo(measure, order)
    # 2 sqrt(2) rounds once or twice.
    np.testing.assert_allclose(make(order).A, _floats(A), rtol=4e-16)
    np.testing.assert_allclose(make(order).B, _floats(B)[:, 0], rtol=4e-16)


@pytest.mark.parametrize("order", [1, 3, 7])
def test_fous_equals_the_symbolic_projection(order):
    found = symbolic.hippo_closure(symbolic.fous, order)
    np.testing.assert_allclose(ss.fous(order).A, _floats(found.A), rtol=4e-16)
    np.testing.assert_array_equal(ss.fous(order).B, _floats(found.B)[:, 0])


def test_fous_is_the_published_matrix_of_complex_exponentials():
    """A_nk = -n/(n-k), A_nn = i pi n - 1, B = 1 (Su 2024), at order 255."""
    waves = 127
    n = np.arange(-waves, waves + 1)
    gap = n[:, None] - n
    A = -n[:, None] / np.where(gap == 0, 1, gap) + 0j
    A[gap == 0] = 1j * np.pi * n - 1.0
    # The projection onto e^{-2 pi i n s}, from those onto cos and sin: c_n = (cos -+ i sin) / sqrt(2).
    Q = np.zeros((n.size, n.size), dtype=complex)
    Q[waves, 0] = 1.0
    for m in range(1, waves + 1):
        Q[waves + m, [2 * m - 1, 2 * m]] = np.array([1, -1j]) / np.sqrt(2)
        Q[waves - m, [2 * m - 1, 2 * m]] = np.array([1, 1j]) / np.sqrt(2)
    fous = ss.fous(n.size)
    scale = np.abs(fous.A).max()
    found = Q @ fous.A @ Q.conj().T
    # Entries are sums of four; either sign of i is a convention of the transform.
    error = min(np.abs(found - A).max(), np.abs(found - A.conj()).max())
    assert error < 8 * np.finfo(float).eps * scale
    np.testing.assert_allclose(Q @ fous.B, 1.0, rtol=1e-15)


@pytest.mark.parametrize("order", [9, 33, 129])
def test_fous_has_real_parts_of_minus_one_and_tame_eigenvectors(order):
    eigenvalues, vectors = np.linalg.eig(ss.fous(order).A)
    # Eigenvalues are good to cond(V) eps |A|, |A| being pi order / 2.
    np.testing.assert_allclose(eigenvalues.real, -1.0, atol=8.3 * np.finfo(float).eps * 4 * order)
    assert np.linalg.cond(vectors) < 1.0 + 0.8 * np.sqrt(order)


def _memory_of_windows(system, windows):
    """How much of a constant each of the last windows contributes to the mean, c_0: its impulse response."""
    # The integral of [e^{sA} B]_0 over one window after another, as c_0 with a constant input of that window.
    augmented = np.zeros((system.order + 1, system.order + 1))
    augmented[:-1, :-1], augmented[:-1, -1] = system.A, system.B
    step = scipy.linalg.expm(augmented)
    x, answers = np.eye(system.order + 1)[-1], [0.0]
    for _ in range(windows):
        x = step @ x
        answers.append(x[0])
    return np.diff(answers)


def test_the_window_forgets_and_the_published_one_echoes():
    """T6: of a unit window the mean is remembered fully once; as published 2/3, 2/9, 2/27, ..."""
    # At order 257 the missing waves still blur the ends of the window.
    np.testing.assert_allclose(_memory_of_windows(ss.fout(257), 4), [1, 0, 0, 0], atol=1e-3)
    published = _memory_of_windows(ss.fout(257, as_published=True), 4)
    np.testing.assert_allclose(published, 2 / 3.0 ** np.arange(1, 5), atol=1e-3)
    fading = _memory_of_windows(ss.foud(257, 0.6), 4)
    np.testing.assert_allclose(fading, 0.4 * 0.6 ** np.arange(4), atol=1e-3)


@pytest.mark.parametrize("retention", [0.0, 0.6])
def test_the_echoes_converge_with_the_order(retention):
    """The distance to (1-r) r^j falls at the first order in 1/order, as a jump's Fourier series does."""
    exact = (1 - retention) * retention ** np.arange(4)
    orders = 2 ** np.arange(4, 9) + 1
    errors = [np.abs(_memory_of_windows(ss.foud(n, retention), 4) - exact).max() for n in orders]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.15)


@given(
    waves=st.integers(0, 100),
    retention=st.floats(0.0, 0.99),
    theta=st.floats(0.01, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_energy_identity(waves, retention, theta, seed):
    """theta d|c|^2/dt = kappa/2 (u^2 - (2 b.c - u)^2): lossless except for the forgotten part (T7)."""
    order, rng = 2 * waves + 1, np.random.default_rng(seed)
    c, u = rng.standard_normal(order), rng.standard_normal()
    system, kappa = ss.foud(order, retention, theta), 2 * (1 - retention) / (1 + retention)
    b = ss.fous(order).B
    change = 2.0 * theta * c @ (system.A @ c + system.B * u)
    expected = 0.5 * kappa * (u**2 - (2 * b @ c - u) ** 2)
    scale = theta * (np.abs(c) @ np.abs(system.A) @ np.abs(c) + np.abs(system.B) @ np.abs(c) * abs(u)) + u**2
    assert abs(change - expected) <= 4 * np.finfo(float).eps * order * scale


@pytest.mark.parametrize("make", [ss.fout, lambda n, **kw: ss.foud(n, 0.5, **kw), ss.fous])
def test_backends_and_precision(make, xp):
    A = xp.numpy(make(5, like=xp.empty("float32")).A)
    assert A.dtype == np.float32
    np.testing.assert_array_equal(A, make(5).A.astype(np.float32))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ss.fout(4), ValueError, "order must be odd, .*; got 4: take 5"),
        (lambda: ss.fous(2), ValueError, "order must be odd, .*; got 2: take 3"),
        (lambda: ss.fout(0), ValueError, "order must be at least 1; got 0"),
        (lambda: ss.fout(3, as_published=1), TypeError, "as_published must be True or False; got int"),
        (lambda: ss.fout(3, -1.0), ValueError, "theta must be greater than 0; got -1.0"),
        (lambda: ss.foud(3, 1.0), ValueError, "retention must be at least 0 and less than 1; got 1.0"),
        (lambda: ss.fous(3, dtype=np.int64), TypeError, "dtype must be float32 or float64"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_exact_scaled_memories_do_not_diagonalise_so():
    assert np.linalg.cond(np.linalg.eig(ss.legs(17).A)[1]) > 1e9
    assert np.linalg.cond(np.linalg.eig(ss.fous(17).A)[1]) < 5
