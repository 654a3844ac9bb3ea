"""The modal form: diagonal kernels, stepped and run as a real system."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss


def _modes(rng, n):
    poles = -rng.uniform(0.1, 2.0, n) + 1j * rng.uniform(0, 40, n)
    return poles, *(rng.standard_normal(n) + 1j * rng.standard_normal(n) for _ in range(2))


@given(
    n=st.integers(1, 6),
    length=st.integers(1, 80),
    pairs=st.booleans(),
    method=st.sampled_from(["zoh", "bilinear", "impulse"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_the_diagonal_kernel(n, length, pairs, method, seed):
    poles, B, C = _modes(np.random.default_rng(seed), n)
    system = getattr(ss, method)(ss.modal(poles, B, C, pairs=pairs), 0.02)
    expected = ss.diagonal_kernel(poles, B * C, length, dt=0.02, method=method, pairs=pairs)
    # Some eps for each of 80 steps, of n terms of a few units.
    np.testing.assert_allclose(ss.kernel(system, length), expected, atol=1e-13)


@pytest.mark.parametrize("rule", ["zoh", "bilinear", "forward_euler", "backward_euler"])
def test_a_run_is_a_scan_of_the_modes(rule):
    """Every discretization, recurrence and carried state, against complex arithmetic."""
    rng = np.random.default_rng(3)
    poles, B, C = _modes(rng, 4)
    u, dt = rng.standard_normal(150), 0.003
    a, b = ss.discretize_diagonal(poles, dt, rule)
    x = ss.scan(np.broadcast_to(a, (150, 4)), u[:, None] * (b * B))
    system = getattr(ss, rule)(ss.modal(poles, B, C, D=0.25), dt)
    np.testing.assert_allclose(ss.simulate(system, u), 2 * (x @ C).real + 0.25 * u, atol=1e-13)
    state = ss.advance(system, u[:70])
    np.testing.assert_allclose(state.reshape(4, 2) @ [1, 1j], x[69], atol=1e-13)
    np.testing.assert_allclose(
        ss.simulate(system, u[70:], state=state), ss.simulate(system, u)[70:], atol=1e-13
    )


def test_frequency_response_is_the_sum_of_both_halves():
    poles, B, C = _modes(np.random.default_rng(0), 5)
    omega = np.linspace(-50, 50, 21)
    weights = B * C
    both = sum(
        (w / (1j * omega[:, None] - p)).sum(axis=1)
        for w, p in ((weights, poles), (weights.conj(), poles.conj()))
    )
    response = ss.frequency_response(ss.modal(poles, B, C), omega)
    np.testing.assert_allclose(response, both, rtol=1e-12)


def test_shapes_and_real_modes():
    one = ss.modal(
        np.array([-1.0, -2.0]), np.array([1.0, 3.0]), np.array([[1.0, 0.0], [0.0, 1j], [1.0, 2.0]])
    )
    np.testing.assert_array_equal(one.A, np.diag([-1.0, -2.0]))
    np.testing.assert_array_equal(one.C, [[2.0, 0.0], [0.0, 0.0], [2.0, 4.0]])
    assert ss.modal(np.array([-1.0]), np.array([1j]), np.ones(1)).order == 2
    assert ss.modal(np.array([-1.0 + 1j]), np.ones(1), np.ones((3, 1))).C.shape == (3, 2)
    assert ss.modal(np.array([-1]), np.array([1]), np.array([1]), pairs=False).C[0] == 1.0
    several = ss.modal(np.array([-1.0 + 1j]), np.ones(1), np.ones((2, 1)), D=np.array([0.5, 0.0]))
    np.testing.assert_array_equal(several.D, [0.5, 0.0])


def test_and_back():
    poles, B, C = _modes(np.random.default_rng(5), 3)
    found, weights = ss.diagonalize(ss.modal(poles, B, C))
    upper = found.imag > 0
    order, wanted = np.argsort(found[upper].imag), np.argsort(poles.imag)
    np.testing.assert_allclose(found[upper][order], poles[wanted], rtol=1e-12)
    np.testing.assert_allclose(weights[upper][order], (B * C)[wanted], rtol=1e-12)


def test_backends(xp):
    poles, B, C = _modes(np.random.default_rng(1), 4)
    expected = ss.modal(poles, B, C)
    for dtype, real in (("complex128", "float64"), ("complex64", "float32")):
        system = ss.modal(*(xp.asarray(part, dtype) for part in (poles, B, C)))
        for name in "ABC":
            assert xp.numpy(getattr(system, name)).dtype == real
            np.testing.assert_allclose(
                xp.numpy(getattr(system, name)), getattr(expected, name), rtol=np.finfo(real).eps
            )
        y = ss.simulate(ss.zoh(system, 0.1), xp.asarray(np.ones(3), real))
        assert xp.numpy(y).dtype == real
    mixed = ss.modal(
        xp.asarray(poles, "complex128"), xp.asarray([1.0, 2, 3, 4]), xp.asarray([1, 1, 1, 1], "int64")
    )
    assert xp.numpy(mixed.B).dtype == "float64"


def test_refusals():
    ones = np.ones(2)
    with pytest.raises(TypeError, match="poles must be an array"):
        ss.modal([1.0], ones, ones)
    with pytest.raises(ValueError, match=r"poles must be a vector .*; got \(1, 2\)"):
        ss.modal(ones[None], ones, ones)
    with pytest.raises(ValueError, match=r"poles must be a vector of at least one pole"):
        ss.modal(ones[:0], ones[:0], ones[:0])
    with pytest.raises(ValueError, match=r"B must have shape \(2,\) to fit poles; got \(1,\)"):
        ss.modal(ones, ones[:1], ones)
    with pytest.raises(ValueError, match=r"C must have shape \(2,\) or \(p, 2\) to fit poles; got \(3,\)"):
        ss.modal(ones, ones, np.ones(3))
    with pytest.raises(ValueError, match="2 C overflows, which a conjugate pair needs: scale C down"):
        ss.modal(-ones + 1j, ones, 1e308 * ones)
    with pytest.raises(ValueError, match="poles must be finite"):
        ss.modal(np.array([np.nan, 1.0]), ones, ones)


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize("length", [7, 256])
def test_blocks_answer_in_place_of_the_matrix(pairs, length):
    """The structure is that of A; the product of its resolvent is the diagonal kernel."""
    rng = np.random.default_rng(length)
    poles = -rng.uniform(0.1, 1, 9) + (1j * rng.uniform(-20, 20, 9) if pairs else 0.0)
    B, C = rng.standard_normal(9), rng.standard_normal(9)
    system = ss.modal(poles, B, C, pairs=pairs)
    assert isinstance(system.structure, ss.BlockDiagonal)
    np.testing.assert_array_equal(system.structure.entries(), system.A)
    dense = ss.StateSpace(system.A, system.B, C=system.C)
    omega = np.linspace(-30, 30, 41)
    wanted = ss.frequency_response(dense, omega)
    # A few eps over the distance to the nearest pole, 0.1 of up to 30.
    np.testing.assert_allclose(ss.frequency_response(system, omega), wanted, atol=1e-12)
    exact = ss.diagonal_kernel(poles, B * C, length, dt=0.05, method="bilinear", pairs=pairs)
    K = ss.kernel(ss.bilinear(system, 0.05), length, method="product")
    # Some n eps of the largest lag, a digit more on the smaller circle.
    np.testing.assert_allclose(K, exact, atol=1e-13 * 18 * np.abs(exact).max())
