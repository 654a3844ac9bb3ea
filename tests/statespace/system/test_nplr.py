"""Normal plus low rank: ranks and factors known in closed form, unitary bases, honest residuals (T9)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss


@pytest.mark.parametrize("order", [2, 3, 8, 17, 64, 256])
def test_legs_in_closed_form(order):
    parts = ss.nplr(ss.legs(order))
    assert parts.rank == 1
    assert parts.sigma == pytest.approx(-0.5, abs=1e-12 * order)  # n eps of a norm of n^2 / 2, averaged
    expected = np.sqrt(np.arange(order) + 0.5)
    np.testing.assert_allclose(np.abs(parts.P[:, 0]), expected, rtol=1e-10)
    np.testing.assert_allclose(parts.P @ parts.Q.T, np.outer(expected, expected), atol=1e-13 * order**2)
    assert parts.residual < 1e-14


@pytest.mark.parametrize(
    ("system", "rank", "sigma"),
    [
        (ss.legt(16), 2, 0.0),
        (ss.legt(33, theta=4.0), 2, 0.0),
        (ss.jacs(16, 2.0), 1, -1.5),
        (ss.fout(33), 1, 0.0),
        (ss.lagt(16, beta=0.5), 1, -0.25),
        (ss.StateSpace(np.diag([2.0, 2.0, 2.0]), np.ones(3)), 0, 2.0),
        # Growth in one direction: the correction has the other sign.
        (ss.StateSpace(np.diag([3.0, -1.0, -1.0, -1.0]), np.ones(4)), 1, -1.0),
        (ss.StateSpace(np.zeros((2, 2)), np.ones(2)), 0, 0.0),
    ],
)
def test_ranks_are_found(system, rank, sigma):
    parts = ss.nplr(system)
    assert parts.rank == rank
    assert parts.sigma == pytest.approx(sigma, abs=1e-12)
    np.testing.assert_allclose(parts.N - parts.P @ parts.Q.T, system.A, atol=1e-11)  # eps of entries of 1e3
    np.testing.assert_allclose(parts.N + parts.N.T, 2 * sigma * np.eye(system.order), atol=1e-11)


@pytest.mark.parametrize("system", [ss.legs(8), ss.legs(64), ss.legs(256), ss.legt(64), ss.fout(65)])
def test_a_unitary_basis_rebuilds_a(system):
    modes = ss.dplr(system)
    n = system.order
    np.testing.assert_allclose(modes.V.conj().T @ modes.V, np.eye(n), atol=1e-12)
    assert modes.residual < 1e-12
    np.testing.assert_allclose(modes.V @ modes.B, system.B, atol=1e-12 * n)
    # Conjugate pairs, in the order of their imaginary parts.
    np.testing.assert_allclose(modes.eigenvalues, modes.eigenvalues[::-1].conj(), atol=1e-13 * n**2)
    assert (np.diff(modes.eigenvalues.imag) >= 0).all()


@given(n=st.integers(1, 12), rank=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_any_matrix_is_rebuilt(n, rank, seed):
    """The sum is A for every A; the rank is found if the normal part is larger."""
    rng = np.random.default_rng(seed)
    J, P = rng.standard_normal((n, n)), rng.standard_normal((n, rank))
    system = ss.StateSpace(J - J.T - np.eye(n) - P @ P.T, np.ones(n))
    parts = ss.nplr(system)
    assert parts.rank == rank if n > 2 * rank else parts.rank <= n
    np.testing.assert_allclose(parts.N - parts.P @ parts.Q.T, system.A, atol=1e-12)
    assert ss.dplr(system).residual < 1e-12


def test_a_matrix_without_the_structure_says_so():
    A = np.random.default_rng(0).standard_normal((20, 20))
    assert ss.nplr(ss.StateSpace(A, np.ones(20))).rank >= 18


def test_backends(xp):
    for dtype in ("float64", "float32"):
        legs = ss.legs(6, like=xp.empty(dtype))
        parts, modes = ss.nplr(legs), ss.dplr(legs)
        assert xp.numpy(parts.N).dtype == np.float64
        assert xp.numpy(modes.V).dtype == np.complex128
        assert (parts.rank, modes.rank) == (1, 1)
        assert max(parts.residual, modes.residual) < 1e-14  # closed forms, not float32 entries
        plain = ss.StateSpace(legs.A, legs.B)
        assert ss.nplr(plain).rank == 1
        assert ss.dplr(plain).residual < (1e-14 if dtype == "float64" else 1e-6)


def test_refusals():
    for split in (ss.nplr, ss.dplr):
        with pytest.raises(TypeError, match="takes a StateSpace; got int"):
            split(3)
        with pytest.raises(ValueError, match="takes a continuous system"):
            split(ss.bilinear(ss.legs(2), 0.1))


def test_reprs_name_rank_and_residual():
    assert repr(ss.nplr(ss.legt(8))).startswith("NPLR(order=8, rank=2, sigma=")
    assert repr(ss.dplr(ss.legs(8))).startswith("DPLR(order=8, rank=1, residual=")


def test_entries_whose_squares_overflow_are_refused():
    with pytest.raises(ValueError, match="so that their squares are finite"):
        ss.nplr(ss.StateSpace(np.full((2, 2), 1e308), np.ones(2)))
