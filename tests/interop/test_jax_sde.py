"""`jit`, `vmap` and `grad` of JAX through solves of stochastic equations, with the noise of an eager run."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

import diffmath as dm
from diffmath import sde

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
jax = pytest.importorskip("jax")
jnp = jax.numpy

KEY = dm.random.key(3)
X0 = np.linspace(-1, 1, 6).reshape(3, 2)
UNIFORM, UNEQUAL = np.linspace(0, 1, 5), np.array([0.0, 0.1, 0.3, 0.6, 1.0])


def diagonal(xp, rate=1.0, calculus="ito"):
    return sde.SDE(
        lambda t, x: xp.sin(x) - rate * t * x,
        lambda t, x: 0.3 * xp.cos(x),
        calculus=calculus,
        diffusion_derivative=lambda t, x: -0.3 * xp.sin(x),
    )


def general(xp, calculus="ito"):
    def g(t, x):
        rows = [[xp.cos(x[:, 0]), x[:, 1]], [0.5 * x[:, 0], xp.sin(x[:, 1])]]
        return 0.3 * xp.stack([xp.stack(row, axis=-1) for row in rows], axis=1)

    return sde.SDE(lambda t, x: xp.sin(x) - t * x, g, noise="general", calculus=calculus)


def ends(x0, xp=jnp, rate=1.0, method=sde.milstein, times=UNIFORM, substeps=2):
    return sde.solve(diagonal(xp, rate), x0, times, method=method, key=KEY, substeps=substeps).x


MODELS = [
    (diagonal, "ito", sde.milstein),
    (diagonal, "ito", sde.derivative_free_milstein),
    (diagonal, "ito", sde.sriw1),
    (general, "ito", sde.euler_maruyama),
    (general, "ito", sde.derivative_free_milstein_levy),  # Levy areas
    (general, "ito", sde.dri1),  # weak noise, with its signs
    (general, "stratonovich", sde.reversible_heun),  # with a state of its own
]


@pytest.mark.parametrize("times", [UNIFORM, UNEQUAL], ids=["uniform", "unequal"])
@pytest.mark.parametrize(("model", "calculus", "method"), MODELS, ids=[case[2].name for case in MODELS])
def test_jax_jit_is_what_numpy_computes(model, calculus, method, times):
    """The noise is drawn by NumPy in both: the same numbers."""

    def solve(x, xp):
        return sde.solve(model(xp, calculus=calculus), x, times, method=method, key=KEY, substeps=2).x

    got = jax.jit(lambda x: solve(x, jnp))(jnp.asarray(X0))
    # XLA may fuse multiplications and additions: some eps in each of 8 steps.
    np.testing.assert_allclose(got, solve(X0, np), rtol=0, atol=1e-13)


def test_jax_jit_of_langevin_dynamics_is_what_numpy_computes():
    def solve(x, xp):
        model = sde.Langevin(lambda t, q: -xp.sin(q), friction=0.5)
        return sde.solve(model, x, UNIFORM, method=sde.ubu, key=KEY, substeps=2).x

    np.testing.assert_allclose(
        jax.jit(lambda x: solve(x, jnp))(jnp.asarray(X0)), solve(X0, np), rtol=0, atol=1e-13
    )


def test_jax_runs_on_a_given_path():
    def solve(x, xp):
        path = sde.BrownianPath(KEY, X0.shape, 0.0, 1.0, like=xp.zeros(0), levels=8)
        return sde.solve(diagonal(xp), x, UNIFORM, method=sde.milstein, path=path).x

    got = jax.jit(lambda x: solve(x, jnp))(jnp.asarray(X0))
    np.testing.assert_allclose(got, solve(X0, np), rtol=0, atol=1e-13)


def test_jax_float32_stays_float32():
    got = jax.jit(ends)(jnp.asarray(X0, dtype=jnp.float32))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, ends(X0, np), rtol=0, atol=5e-6)  # 8 steps, each rounded to 6e-8


def test_jax_vmap_over_states_shares_the_noise_of_its_lanes():
    """One key is one path per row: every lane is the solve of its states with that key."""
    lanes = np.stack([X0, X0 + 0.5, X0[::-1]])
    expected = np.stack([ends(lane, np) for lane in lanes])
    np.testing.assert_allclose(jax.jit(jax.vmap(ends))(jnp.asarray(lanes)), expected, rtol=0, atol=1e-13)
    equal = jax.vmap(ends)(jnp.asarray(np.stack([X0, X0])))
    np.testing.assert_array_equal(equal[0], equal[1])


def test_jax_lanes_with_noise_of_their_own_are_one_batch():
    """What the page says to do instead of vmap: rows of one batch have paths of their own."""
    lanes = np.stack([X0, X0])
    rows = jax.jit(ends)(jnp.asarray(lanes.reshape(6, 2)))
    assert float(jnp.min(jnp.abs(rows[-1, :3] - rows[-1, 3:]))) > 0
    np.testing.assert_allclose(rows[:, :3], ends(X0, np), rtol=0, atol=1e-13)


def test_jax_grad_of_the_state_and_of_what_the_model_closes_over_is_a_difference():
    def loss(x0, rate, xp=jnp):
        return xp.sum(xp.sin(ends(x0, xp, rate)[-1]))

    by_state = np.asarray(jax.jit(jax.grad(lambda x: loss(x, 1.0)))(jnp.asarray(X0)))
    by_rate = float(jax.grad(lambda rate: loss(jnp.asarray(X0), rate))(1.0))
    step = 1e-5
    # Central differences: step^2 times third derivatives of order 1, and eps / step.
    assert abs(by_rate - (loss(X0, 1.0 + step, np) - loss(X0, 1.0 - step, np)) / (2 * step)) < 1e-9
    for i in ((0, 0), (2, 1)):
        change = np.zeros_like(X0)
        change[i] = step
        difference = (loss(X0 + change, 1.0, np) - loss(X0 - change, 1.0, np)) / (2 * step)
        assert abs(by_state[i] - difference) < 1e-9


@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.sriw1], ids=lambda method: method.name)
def test_jax_traces_the_drift_as_often_for_2000_steps_as_for_200(method):
    def traces(steps):
        calls = []

        def drift(t, x):
            calls.append(t)
            return -x

        model = sde.SDE(drift, lambda t, x: 0.3 * jnp.cos(x))
        solve = jax.jit(
            lambda x: (
                sde.solve(model, x, np.linspace(0, 1, 11), method=method, key=KEY, substeps=steps // 10).x
            )
        )
        start = time.perf_counter()
        solve(jnp.asarray(X0))
        # Some 1 s was measured; unrolled, with the noise traced, 80 steps took 51 s.
        assert time.perf_counter() - start < 60
        return len(calls)

    assert traces(200) == traces(2000) <= 20


def refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize(
    "method", [sde.implicit_euler_maruyama, sde.implicit_milstein], ids=lambda method: method.name
)
def test_jax_implicit_methods_refuse_a_trace_by_name(method):
    refused(
        lambda: jax.jit(lambda x: ends(x, method=method))(jnp.asarray(X0)),
        rf"method={method.name}, or the model, reads numbers on the host.*explicit method",
    )


def test_jax_adaptive_steps_and_ensembles_refuse_a_trace_by_name():
    def adaptive(x, rate=1.0):
        return sde.solve_adaptive(diagonal(jnp, rate), x, [0.0, 1.0], method=sde.milstein, key=KEY).x

    def ensemble(x):
        return sde.ensemble(diagonal(jnp), x, t_span=(0.0, 1.0), steps=4, method="milstein", key=KEY)

    words = r"x0 or the model is traced by JAX .*use fixed steps, sde.solve"
    refused(lambda: jax.jit(adaptive)(jnp.asarray(X0)), words)
    refused(lambda: jax.grad(lambda rate: jnp.sum(adaptive(jnp.asarray(X0), rate)))(1.0), words)
    refused(lambda: jax.jit(ensemble)(jnp.asarray(X0)), words)


def test_jax_noise_of_a_traced_array_is_drawn_outside_the_trace():
    """`random.normal` like what is traced: the numbers of NumPy, as constants of a short program."""

    def noisy(x):
        return x + dm.random.normal(KEY, (4, 3), like=x) + dm.random.uniform(KEY, (4, 3), like=x)

    like = np.empty(0)
    expected = dm.random.normal(KEY, (4, 3), like=like) + dm.random.uniform(KEY, (4, 3), like=like)
    np.testing.assert_allclose(jax.jit(noisy)(jnp.zeros((4, 3))), expected, rtol=0, atol=1e-15)
    assert str(jax.make_jaxpr(noisy)(jnp.zeros((4, 3)))).count("\n") < 20
