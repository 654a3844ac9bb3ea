"""`jit`, `vmap` and `grad` of JAX through memories, recurrences, holds and frequency responses."""

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

N = 5
C = np.random.default_rng(2).standard_normal(N)
SIGNAL = np.random.default_rng(3).standard_normal((100, 1))
OMEGA = np.linspace(-3.0, 3.0, 7)


def signal(c, xp):
    """Two channels of 100 samples."""
    return xp.asarray(SIGNAL) * c[:2]


def dense(c, xp):
    """A system whose every matrix depends on c."""
    return ss.StateSpace(0.1 * xp.outer(c, c) - 2.0 * xp.eye(N), c, C=c)


def memory_of_legs(c, xp=jnp):
    return ss.memorize(ss.legs(N), signal(c, xp), every=7)


def memory_of_legs_carried_on(c, xp=jnp):
    return ss.memorize(ss.legs(N), signal(c, xp), state=c, heard=50)


def memory_of_fous(c, xp=jnp):
    return ss.memorize(ss.fous(N), signal(c, xp), every=7)


def memory_of_a_window(c, xp=jnp):
    return ss.memorize(ss.legt(N, theta=20.0), signal(c, xp))


def memory_of_a_window_by_zoh(c, xp=jnp):
    return ss.memorize(ss.legt(N, theta=20.0), signal(c, xp), ss.zoh, every=7)


def reconstruct(c, xp=jnp):
    return ss.reconstruct(ss.lagt(N), c, 1.0 - xp.exp(c))


def project_onto_legs(c, xp=jnp):
    return ss.project(ss.legs(N), signal(c, xp))


def project_onto_lagt(c, xp=jnp):
    return ss.project(ss.lagt(N, timescale=20.0), signal(c, xp))


def zoh(c, xp=jnp):
    turn = xp.outer(c, xp.asarray(OMEGA[:N]))
    return ss.zoh(ss.StateSpace(turn - turn.T, c), 5.0).A  # rotations, of a norm that takes squarings


def foh(c, xp=jnp):
    return ss.foh(dense(c, xp), 0.1).B


def impulse(c, xp=jnp):
    return ss.impulse(dense(c, xp), 0.1).A


def zoh_of_many_steps(c, xp=jnp):
    return ss.discretize_batch(ss.legs(N, like=c), xp.exp(3.0 * c), ss.zoh)[0]


def discretize_diagonal(c, xp=jnp):
    a, b = ss.discretize_diagonal(-xp.exp(c), 0.1 * xp.exp(c[:3])[:, None])
    return xp.stack([a, b])


def response(system, xp):
    found = ss.frequency_response(system, xp.asarray(OMEGA))
    return xp.stack([xp.real(found), xp.imag(found)])


def response_of_a_matrix(c, xp=jnp):
    return response(dense(c, xp), xp)


def response_of_legs(c, xp=jnp):
    return response(ss.legs(N).with_output(c), xp)


def response_of_legs_to_any_input(c, xp=jnp):
    legs = ss.legs(N, like=c)
    return response(ss.StateSpace(legs.A, c, C=c, structure=legs.structure), xp)


def response_of_a_stepped_window(c, xp=jnp):
    return response(ss.bilinear(ss.fout(N, theta=20.0).with_output(c), 0.1), xp)


def response_of_a_window_to_any_input(c, xp=jnp):
    fout = ss.fout(N, theta=20.0, like=c)
    return response(ss.StateSpace(fout.A, c, C=c, structure=fout.structure), xp)


def kernel_bank(c, xp=jnp):
    return ss.kernel_bank(ss.legs(N), 40, dt=0.1 * xp.exp(c[:2]), C=xp.stack([c, c**2]))


def simulate(c, xp=jnp):
    return ss.simulate(ss.bilinear(ss.legs(N).with_output(c), 0.05), signal(c, xp), state=c)


def advance(c, xp=jnp):
    return ss.advance(ss.bilinear(ss.legs(N), 0.05), signal(c, xp), state=c)


FUNCTIONS = [
    memory_of_legs, memory_of_legs_carried_on, memory_of_fous, memory_of_a_window, memory_of_a_window_by_zoh,
    reconstruct, project_onto_legs, project_onto_lagt, zoh, foh, impulse, zoh_of_many_steps,
    discretize_diagonal, response_of_a_matrix, response_of_legs, response_of_legs_to_any_input,
    response_of_a_stepped_window, response_of_a_window_to_any_input, kernel_bank, simulate, advance,
]  # fmt: skip
each = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)


@each
def test_jax_jit_of_vmap_of_grad_is_what_numpy_computes(function):
    """In one program, which compiles once: the values of all lanes, and the gradient of one."""

    def loss(c):
        value = function(c)
        return jnp.sum(jnp.sin(value)), value

    lanes = np.stack([C, C[::-1], 0.5 * C])
    gradients, values = jax.jit(jax.vmap(jax.grad(loss, has_aux=True)))(jnp.asarray(lanes))
    # Other orders of the same sums, and other resolvents: some eps of numbers of order 1.
    np.testing.assert_allclose(values, [function(lane, np) for lane in lanes], rtol=1e-11, atol=1e-12)
    step = 1e-5
    for i in (0, 1):
        ahead, behind = (np.sum(np.sin(function(C + sign * step * np.eye(N)[i], np))) for sign in (1, -1))
        # Central differences: step^2 times third derivatives of size below 1e5, and eps / step.
        np.testing.assert_allclose(gradients[0, i], (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("function", [zoh, zoh_of_many_steps, memory_of_legs, simulate])
def test_jax_jit_alone_is_what_numpy_computes(function):
    """Where no lanes take turns, a branch is a branch."""
    np.testing.assert_allclose(jax.jit(function)(jnp.asarray(C)), function(C, np), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "run",
    [
        lambda u: ss.memorize(ss.legs(N), u),
        lambda u: ss.memorize(ss.fous(N), u),
        lambda u: ss.memorize(ss.legt(N, theta=20.0), u),
        lambda u: ss.simulate(ss.bilinear(ss.legs(N).with_output(C), 0.05), u),
        lambda u: ss.advance(ss.bilinear(ss.legs(N), 0.05), u),
    ],
    ids=["legs", "fous", "legt", "simulate", "advance"],
)
def test_jax_traces_one_sample_of_a_signal_of_any_length(run):
    def size(samples):
        return len(jax.make_jaxpr(run)(jnp.ones(samples)).eqns)

    assert size(300) == size(30_000) < 300


def test_jax_matrices_of_every_sample_refuse_a_trace_by_name():
    with pytest.raises(TypeError, match=r"u is traced by JAX .*use method=statespace.bilinear"):
        jax.jit(lambda u: ss.memorize(ss.legs(N), u, ss.zoh))(jnp.ones(20))
    with pytest.raises(TypeError, match=r"the system is traced by JAX .*use method='doubling'"):
        jax.jit(lambda c: ss.kernel_bank(ss.legs(N), 9, dt=[0.1], C=c[None], method="product"))(jnp.ones(N))


def test_jax_exponentials_beyond_the_squarings_of_a_program_are_not_finite():
    """An exponential is right, or it says that it is not: no number in between."""
    decay = jax.jit(lambda a: ss.zoh(ss.StateSpace(-a[:, None], a), 1.0).A)
    assert float(decay(jnp.asarray([1e9]))[0, 0]) == 0.0
    assert np.isnan(float(decay(jnp.asarray([1e12]))[0, 0]))
