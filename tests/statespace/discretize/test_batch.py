"""Many steps at once: equal to the single calls, for every method."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm as scipy_expm

from diffmath import statespace as ss
from diffmath._arrays.expm import expm

METHODS = {
    "forward_euler": ss.forward_euler,
    "bilinear": ss.bilinear,
    "backward_euler": ss.backward_euler,
    "gbt": partial(ss.gbt, alpha=0.7),
    "zoh": ss.zoh,
    "impulse": ss.impulse,
    "foh": ss.foh,
    "scipy": partial(ss.bilinear, policy="scipy"),
    "own": lambda system, h: ss.gbt(system, h, alpha=0.2),
}


def _single(system, dt, method):
    systems = [method(system, float(h)) for h in np.ravel(dt)]
    A, B = np.stack([s.A for s in systems]), np.stack([s.B for s in systems])
    return A.reshape(*np.shape(dt), *A.shape[1:]), B.reshape(*np.shape(dt), *B.shape[1:])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("system", [ss.legs(6), ss.legt(9, 3.0), ss.fout(5)], ids=["legs", "legt", "fout"])
def test_it_is_the_single_calls(method, system):
    dt = np.random.default_rng(0).uniform(1e-3, 3.0, (2, 3, 1))
    for got, expected in zip(
        ss.discretize_batch(system, dt, method), _single(system, dt, method), strict=True
    ):
        assert got.shape == expected.shape
        # The same operations: n eps of entries of up to 1 + dt |A|.
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())


@given(shape=st.lists(st.integers(0, 3), max_size=3), n=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_shapes(shape, n, seed):
    rng = np.random.default_rng(seed)
    system = ss.StateSpace(rng.standard_normal((n, n)) - 3 * np.eye(n), rng.standard_normal(n))
    dt = rng.uniform(0.01, 2, shape)
    for method in (ss.zoh, ss.bilinear, ss.impulse):
        A, B = ss.discretize_batch(system, dt, method)
        assert A.shape == (*shape, n, n)
        assert B.shape == (*shape, n)
        for index in np.ndindex(*shape):
            step = method(system, float(dt[index]))
            np.testing.assert_allclose(A[index], step.A, atol=1e-13)
            np.testing.assert_allclose(B[index], step.B, atol=1e-13)


def test_more_steps_than_one_block_holds():
    dt = np.geomspace(1e-4, 10, 300)
    A, B = ss.discretize_batch(ss.legt(31), dt, ss.zoh)  # 128 matrices a block
    expected = _single(ss.legt(31), dt[[0, 127, 128, 299]], ss.zoh)
    np.testing.assert_allclose(A[[0, 127, 128, 299]], expected[0], atol=1e-12)
    np.testing.assert_allclose(B[[0, 127, 128, 299]], expected[1], atol=1e-12)


def test_every_matrix_of_a_stack_has_its_own_scale():
    """Squaring the small ones with the large would lose their digits."""
    sizes = np.array([0.0, 1e-8, 1e-3, 1.0, 30.0, 300.0])
    A = np.random.default_rng(0).standard_normal((5, 5)) * sizes[:, None, None]
    stacked = expm(A)
    for matrix, result, size in zip(A, stacked, sizes, strict=True):
        np.testing.assert_array_equal(result, expm(matrix))
        exact = scipy_expm(matrix)
        assert np.abs(result - exact).max() <= 1e-14 * (1 + size) * np.abs(exact).max()
    assert expm(np.zeros((0, 3, 3))).shape == (0, 3, 3)


def test_backends(xp):
    for dtype in ("float64", "float32"):
        legs = ss.legs(4, like=xp.empty(dtype))
        for method in METHODS.values():
            expected = _single(ss.legs(4), [[0.1, 0.5]], method)
            for dt in ([[0.1, 0.5]], np.array([[0.1, 0.5]]), xp.asarray([[0.1, 0.5]], dtype)):
                got = ss.discretize_batch(legs, dt, method)
                for array, exact in zip(got, expected, strict=True):
                    assert xp.numpy(array).dtype == dtype
                    np.testing.assert_allclose(xp.numpy(array), exact, atol=100 * np.finfo(dtype).eps)


def test_refusals(xp):
    legs = ss.legs(3, like=xp.empty())
    with pytest.raises(TypeError, match=r"method must be a discretization, .*; got int"):
        ss.discretize_batch(legs, [0.1], 3)
    for name in ("bilinear", "zoh", "foh", "impulse"):
        by_name, by_itself = (ss.discretize_batch(legs, [0.1], m) for m in (name, getattr(ss, name)))
        np.testing.assert_array_equal(xp.numpy(by_name[0]), xp.numpy(by_itself[0]))
    with pytest.raises(ValueError, match="takes a continuous system"):
        ss.discretize_batch(ss.bilinear(legs, 0.1), [0.1])
    with pytest.raises(ValueError, match="dt must be positive; the least is 0"):
        ss.discretize_batch(legs, [0.1, 0.0])
    with pytest.raises(ValueError, match="dt must be finite"):
        ss.discretize_batch(legs, [0.1, float("inf")])
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]; got 2"):
        ss.discretize_batch(legs, [0.1], partial(ss.gbt, alpha=2))
    with pytest.raises(TypeError, match="dt must hold numbers"):
        ss.discretize_batch(legs, ["a"])
    with pytest.raises(ValueError, match="at least one step"):
        ss.discretize_batch(legs, np.ones(0), ss.foh)
    grows = ss.StateSpace(xp.asarray(np.eye(2)), xp.asarray(np.ones(2)))
    with pytest.raises(ValueError, match=r"1/\(alpha dt\)=1 is an eigenvalue of A"):
        ss.discretize_batch(grows, [0.5, 2.0], ss.bilinear)
    with pytest.raises(ValueError, match="the exponential of dt=1000 times A overflows"):
        ss.discretize_batch(grows, [0.5, 1000.0], ss.zoh)
