"""`jit`, `vmap` and `grad` of JAX through the array paths of state-space models."""

from __future__ import annotations

import os

import numpy as np
import pytest

from diffmath import statespace as ss

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
jax = pytest.importorskip("jax")
jnp = jax.numpy

C = np.random.default_rng(0).standard_normal(8)
U = np.random.default_rng(1).standard_normal(60)


def kernel(c, xp=jnp):
    return ss.kernel(ss.bilinear(ss.legs(8).with_output(c), 0.05), 40)


def short_kernel(c, xp=jnp):
    return ss.kernel(ss.bilinear(ss.legs(8).with_output(c), 0.05), 10)


def kernel_of_a_matrix(c, xp=jnp):
    A = 0.1 * xp.outer(c, c) - xp.eye(8)
    return ss.kernel(ss.bilinear(ss.StateSpace(A, c, C=c), 0.05), 40)


def convolve(c, xp=jnp):
    return ss.convolve(xp.asarray(U), c)


def convolve_blocks(c, xp=jnp):
    return ss.convolve(xp.tile(c, 80), c)


def scan(c, xp=jnp):
    return ss.scan(xp.broadcast_to(xp.tanh(c), (60, 8)), xp.asarray(U)[:, None] * c)


def diagonal_kernel(c, xp=jnp):
    poles = -xp.exp(c[:4]) + 1j * xp.arange(4)
    return ss.diagonal_kernel(poles, c[4:], 40, dt=0.1 * xp.exp(c[0]), method="bilinear")


FUNCTIONS = [kernel, short_kernel, kernel_of_a_matrix, convolve, convolve_blocks, scan, diagonal_kernel]


def each(functions=FUNCTIONS):
    return pytest.mark.parametrize("function", functions, ids=lambda function: function.__name__)


def loss(function):
    return lambda c: jnp.sum(jnp.sin(function(c)))


@each()
def test_jax_jit_is_what_numpy_computes(function):
    # XLA may fuse multiplications and additions: some eps of the sums, of order 100.
    np.testing.assert_allclose(jax.jit(function)(jnp.asarray(C)), function(C, np), rtol=1e-12, atol=1e-12)


@each()
def test_jax_jit_of_a_constant_is_what_numpy_computes(function):
    """A function that closes over a concrete array is traced as well."""
    c = jnp.asarray(C)
    np.testing.assert_allclose(jax.jit(lambda: function(c))(), function(C, np), rtol=1e-12, atol=1e-12)


@each()
def test_jax_vmap_is_a_loop_of_numpy(function):
    lanes = np.stack([C, C[::-1], 0.5 * C])
    expected = np.stack([function(lane, np) for lane in lanes])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(function))(jnp.asarray(lanes)), expected, rtol=1e-12, atol=1e-12
    )


@each()
def test_jax_grad_is_a_difference(function):
    gradient, value = jax.jit(jax.grad(loss(function)))(jnp.asarray(C)), jax.jit(loss(function))
    step = 1e-5
    for i in (0, 5):
        ahead, behind = (float(value(jnp.asarray(C + sign * step * np.eye(8)[i]))) for sign in (1, -1))
        # Central differences: step^2 times third derivatives of size below 1e3, and eps / step.
        np.testing.assert_allclose(gradient[i], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)


def test_jax_traces_one_step_of_a_scan_of_any_length():
    """The number of equations of the program does not depend on the number of samples."""

    def size(samples):
        factors = jnp.full((samples, 2), 0.5)
        return str(jax.make_jaxpr(lambda a: ss.scan(a, factors))(factors)).count("\n")

    assert size(100) == size(10_000) < 60


def test_jax_scan_keeps_what_products_of_factors_would_overflow():
    """Factors of 1e200 and 0 in turn: their products overflow in blocks, the states do not."""
    a = jnp.asarray(np.tile([1e200, 1e200, 0.0], 30)[:, None])
    b = jnp.asarray(np.tile([1e-200, 0.0, 1.0], 30)[:, None])
    states = np.asarray(jax.jit(ss.scan)(a, b * 1e-150))
    np.testing.assert_array_equal(states, ss.scan(np.asarray(a), np.asarray(b * 1e-150)))


@pytest.mark.parametrize("method", ["cauchy", "product"])
def test_jax_spectral_kernels_refuse_a_trace_by_name(method):
    def spectral(c):
        return ss.kernel(ss.bilinear(ss.legs(8).with_output(c), 0.05), 40, method=method)

    with pytest.raises(TypeError, match=r"the system is traced by JAX .*use method='doubling'"):
        jax.jit(spectral)(jnp.asarray(C))


def test_jax_shapes_are_checked_under_a_trace():
    with pytest.raises(ValueError, match="K must have shape"):
        jax.jit(lambda c: ss.convolve(c, c[None, None, :]))(jnp.asarray(C))
    with pytest.raises(ValueError, match="C must have shape"):
        jax.jit(lambda c: ss.legs(4).with_output(c))(jnp.asarray(C))
