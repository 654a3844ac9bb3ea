"""`jit`, `vmap` and `grad` of JAX through solves of fixed steps; what cannot be traced says so."""

from __future__ import annotations

import os

import numpy as np
import pytest

from diffmath import ode

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
jax = pytest.importorskip("jax")
jnp = jax.numpy

X0 = np.array([[1.0, 0.5], [-0.3, 0.2]])
TIMES = [0.0, 0.3, 1.0]  # two steps of different lengths: the step is traced too
UNIFORM = [0.0, 0.5, 1.0]


def forced(xp, rate=0.7):
    def f(t, x):
        return xp.stack([x[:, 1], -x[:, 0] + rate * xp.sin(t) * x[:, 1] ** 2], axis=1)

    return f


def ends(x0, xp=jnp, rate=0.7, times=TIMES, method=ode.rk4, substeps=10):
    return ode.solve(forced(xp, rate), x0, times, method=method, substeps=substeps).x


PENDULUM = {
    xp: ode.Separable(velocity=lambda t, p: p, force=lambda t, q, xp=xp: -xp.sin(q)) for xp in (np, jnp)
}
LINEAR = -np.array([[1.0, 0.3], [0.0, 20.0]])


@pytest.mark.parametrize("times", [TIMES, UNIFORM, [1.0, 0.2]], ids=["unequal", "uniform", "backwards"])
@pytest.mark.parametrize("method", [ode.rk4, ode.dopri5, ode.euler, ode.vern7], ids=lambda m: m.name)
def test_jax_jit_is_what_numpy_computes(method, times):
    got = jax.jit(lambda x: ends(x, times=times, method=method))(jnp.asarray(X0))
    # XLA may fuse multiplications and additions: some eps a step.
    np.testing.assert_allclose(got, ends(X0, np, times=times, method=method), rtol=0, atol=1e-14)


@pytest.mark.parametrize("times", [TIMES, UNIFORM], ids=["unequal", "uniform"])
def test_jax_jit_of_a_symplectic_method_is_what_numpy_computes(times):
    x0 = X0[:, :, None]

    def orbit(x, xp):
        return ode.solve(PENDULUM[xp], x, times, method=ode.yoshida4, substeps=10).x

    got = jax.jit(lambda x: orbit(x, jnp))(jnp.asarray(x0))
    np.testing.assert_allclose(got, orbit(x0, np), rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", [ode.rosenbrock23, ode.rodas5p], ids=lambda m: m.name)
def test_jax_jit_of_a_rosenbrock_method_is_what_numpy_computes(method):
    """Its Jacobian is a difference: what fusing rounds off is divided by the step of half the digits."""
    got = jax.jit(lambda x: ends(x, method=method))(jnp.asarray(X0))
    np.testing.assert_allclose(got, ends(X0, np, method=method), rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", [ode.etd1, ode.etdrk4], ids=lambda m: m.name)
def test_jax_jit_of_an_exponential_method_is_what_numpy_computes(method):
    """Also where its matrix is traced: the program chooses how often an exponential is squared."""

    def run(x, scale, xp):
        f = ode.Semilinear(linear=scale * xp.asarray(LINEAR), nonlinear=lambda t, x: xp.sin(x))
        return ode.solve(f, x, UNIFORM, method=method, substeps=2).x

    got = jax.jit(lambda x, scale: run(x, scale, jnp))(jnp.asarray(X0), 5.0)
    np.testing.assert_allclose(got, run(X0, 5.0, np), rtol=0, atol=1e-14)


def test_jax_float32_stays_float32_and_keeps_its_digits():
    x0 = jnp.asarray(X0, dtype=jnp.float32)
    got = jax.jit(ends)(x0)
    assert got.dtype == jnp.float32
    # 20 steps of four stages, each rounded to 6e-8, and the time as well.
    np.testing.assert_allclose(got, ends(X0, np), rtol=0, atol=2e-6)


def test_jax_solution_says_that_nothing_was_checked():
    solutions = []

    def last(x):
        solutions.append(ode.solve(forced(jnp), x, UNIFORM, method=ode.rk4, substeps=10))
        return solutions[-1].x[-1]

    jax.jit(last)(jnp.asarray(X0))
    assert solutions[0].success
    assert "no value was checked" in solutions[0].message
    assert solutions[0].stats == {"steps": 20, "evaluations": 80, "calls": 80}
    np.testing.assert_array_equal(solutions[0].t, UNIFORM)


def test_jax_vmap_is_a_loop():
    lanes = np.stack([X0, 2 * X0, X0[::-1]])
    expected = np.stack([ends(lane, np) for lane in lanes])
    np.testing.assert_allclose(jax.jit(jax.vmap(ends))(jnp.asarray(lanes)), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(jax.vmap(ends)(jnp.asarray(lanes)), expected, rtol=0, atol=1e-14)


def test_jax_vmap_over_what_the_right_hand_side_closes_over():
    rates = np.array([0.1, 0.7])
    got = jax.vmap(lambda rate: ends(jnp.asarray(X0), rate=rate))(jnp.asarray(rates))
    expected = np.stack([ends(X0, np, rate=rate) for rate in rates])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


def test_jax_grad_of_the_state_and_of_what_f_closes_over_is_a_difference():
    """The state is concrete where only the rate is traced: what f returns tells."""

    def loss(x0, rate, xp=jnp):
        return xp.sum(xp.sin(ends(x0, xp, rate)[-1]))

    by_state = np.asarray(jax.grad(loss)(jnp.asarray(X0), 0.7))
    by_rate = float(jax.grad(lambda rate: loss(jnp.asarray(X0), rate))(0.7))
    step = 1e-5
    # Central differences: step^2 times third derivatives of order 1, and eps / step.
    assert abs(by_rate - (loss(X0, 0.7 + step, np) - loss(X0, 0.7 - step, np)) / (2 * step)) < 1e-9
    for i in np.ndindex(X0.shape):
        change = np.zeros_like(X0)
        change[i] = step
        difference = (loss(X0 + change, 0.7, np) - loss(X0 - change, 0.7, np)) / (2 * step)
        assert abs(by_state[i] - difference) < 1e-9


def test_jax_grad_of_a_vector_state():
    """A vector is one state, also under a trace."""

    def end(x0, xp=jnp):
        def f(t, x):
            return xp.stack([x[1], -xp.sin(x[0] + t)])

        return xp.sum(ode.solve(f, x0, TIMES, method=ode.rk4, substeps=5).x[-1] ** 2)

    gradient = np.asarray(jax.jit(jax.grad(end))(jnp.asarray(X0[0])))
    for i, change in enumerate(1e-5 * np.eye(2)):
        assert abs(gradient[i] - (end(X0[0] + change, np) - end(X0[0] - change, np)) / 2e-5) < 1e-9


@pytest.mark.parametrize("times", [[0.0, 1.0], np.linspace(0, 1, 101)], ids=["one interval", "many"])
def test_jax_traces_the_right_hand_side_as_often_for_2000_steps_as_for_200(times):
    """Compilation does not depend on the number of steps; unrolled, 2,000 of them take minutes."""

    def traces(steps):
        calls = []

        def f(t, x):
            calls.append(t)
            return -x

        solve = jax.jit(
            lambda x: ode.solve(f, x, times, method=ode.rk4, substeps=steps // (len(times) - 1)).x
        )
        solve(jnp.asarray(X0))
        return len(calls)

    # Four stages; JAX may trace a loop and the loop inside it more than once.
    assert traces(200) == traces(2000) <= 16


def refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_jax_adaptive_steps_refuse_a_trace_by_name():
    x0 = jnp.asarray(X0)

    def adaptive(x, rate=1.0):
        return ode.solve(lambda t, x: -rate * x, x, UNIFORM).x

    for transformed in (jax.jit(adaptive), jax.grad(lambda x: jnp.sum(adaptive(x)))):
        refused(lambda call=transformed: call(x0), r"x0 is traced by JAX .*use fixed steps.*substeps=")
    refused(lambda: jax.vmap(adaptive)(x0[None]), r"x0 is traced by JAX")
    refused(lambda: jax.jit(lambda: adaptive(x0))(), r"x0 is traced by JAX")
    closed = jax.grad(lambda rate: jnp.sum(adaptive(x0, rate)))
    refused(lambda: closed(0.7), r"f\(t, x\) is traced by JAX .*use fixed steps")


def test_jax_single_steps_refuse_a_trace_by_name():
    def stepping(x):
        return next(ode.steps(forced(jnp), x, UNIFORM, method=ode.rk4, substeps=2)).x

    refused(lambda: jax.jit(stepping)(jnp.asarray(X0)), r"x0 is traced by JAX .*use fixed steps, ode.solve")


@pytest.mark.parametrize("method", [ode.kvaerno5, ode.trapezoid, ode.radau5], ids=lambda m: m.name)
def test_jax_methods_that_read_numbers_refuse_a_trace_by_name(method):
    refused(
        lambda: jax.jit(lambda x: ode.solve(forced(jnp), x, UNIFORM, method=method, substeps=2).x)(
            jnp.asarray(X0)
        ),
        rf"method={method.name} reads numbers on the host.*use an explicit method, such as ode.rk4",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("dense", True), ("events", lambda t, x: x[:, 0]), ("callback", lambda t, x: False)],
    ids=["dense", "events", "callback"],
)
def test_jax_options_that_need_numbers_refuse_a_trace_by_name(option, value):
    def solve(x):
        return ode.solve(forced(jnp), x, UNIFORM, method=ode.rk4, **{option: value}).x

    refused(lambda: jax.jit(solve)(jnp.asarray(X0)), f"{option} needs numbers")


def test_jax_errors_of_f_and_wrong_shapes_are_its_own():
    def branching(t, x):
        return -x if x[0, 0] > 0 else x

    def solve(f):
        return jax.jit(lambda x: ode.solve(f, x, UNIFORM, method=ode.rk4).x)(jnp.asarray(X0))

    with pytest.raises(jax.errors.TracerBoolConversionError) as caught:
        solve(branching)
    assert any("raised by f(t, x)" in note for note in caught.value.__notes__)
    assert any("use jax.numpy, not math" in note for note in caught.value.__notes__)
    with pytest.raises(ValueError, match=r"must return shape \(2, 2\)"):
        solve(lambda t, x: x[:, :1])
    refused(lambda: solve(lambda t, x: x.astype(jnp.float32)), "must return")
