"""`jit`, `vmap` and `grad` of JAX through samplers, with the coefficients and the noise of an eager run."""

from __future__ import annotations

import os

import numpy as np
import pytest

import diffmath as dm
from diffmath import diffusion

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
jax = pytest.importorskip("jax")
jnp = jax.numpy

KEY = dm.random.key(5)
PROCESS = diffusion.vp()
TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [0.1, 0.2])
X_T = dm.random.normal(KEY, (3, 2), like=np.empty(0))
TIMES = diffusion.log_snr_times(PROCESS, 12)
TO_DATA = np.append(TIMES, 0.0)
METHODS = ["ddim", "dpmpp_2m", "sde_dpmpp_2m", "euler_maruyama"]


def key_of(method):
    return KEY if getattr(diffusion, method).needs_key else None


def samples(x_T, xp=jnp, method="dpmpp_2m", times=TIMES, width=1.0):
    """A denoiser in closed form, of one parameter."""

    def denoiser(x, t):
        return xp.tanh(width * x) * (1.0 - 0.3 * t)

    model = diffusion.from_denoiser(denoiser, PROCESS)
    return diffusion.sample(PROCESS, model, x_T, times, method=method, key=key_of(method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("times", [TIMES, TO_DATA], ids=["t_min", "to data"])
def test_jax_jit_is_what_numpy_computes(method, times):
    if method == "euler_maruyama":
        times = TIMES
    got = jax.jit(lambda x: samples(x, method=method, times=times))(jnp.asarray(X_T))
    # XLA may fuse multiplications and additions: some eps in each of 12 steps.
    np.testing.assert_allclose(got, samples(X_T, np, method, times), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m"])
def test_jax_jit_of_an_exact_score_is_what_numpy_computes(method):
    """A score is converted by coefficients of the host; the target computes its own under the trace."""

    def run(x):
        score = TARGET.score(PROCESS)
        return diffusion.sample(PROCESS, score, x, TIMES, method=method, key=key_of(method))

    # The flow between the modes multiplies roundings by some 1e3.
    np.testing.assert_allclose(jax.jit(run)(jnp.asarray(X_T)), run(X_T), rtol=0, atol=1e-10)


def test_jax_trajectory_keeps_every_state():
    def run(x):
        return diffusion.trajectory(PROCESS, lambda x, t: -x, x, TIMES, method="dpmpp_2m")

    got, expected = jax.jit(lambda x: run(x).x)(jnp.asarray(X_T)), run(X_T)
    assert got.shape == expected.x.shape
    np.testing.assert_allclose(got, expected.x, rtol=0, atol=1e-13)


def test_jax_network_of_one_time_per_row_is_traced():
    def run(x, xp):
        network = diffusion.batch_time(lambda x, t: xp.tanh(x) * t[:, None])
        return diffusion.sample(PROCESS, diffusion.from_noise(network, PROCESS), x, TIMES, method="ddim")

    got = jax.jit(lambda x: run(x, jnp))(jnp.asarray(X_T))
    np.testing.assert_allclose(got, run(X_T, np), rtol=1e-12, atol=1e-12)


def test_jax_float32_stays_float32():
    got = jax.jit(samples)(jnp.asarray(X_T, dtype=jnp.float32))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, samples(X_T, np), rtol=0, atol=1e-5)  # 12 steps, rounded to 6e-8 each


def test_jax_vmap_over_states_shares_the_noise_of_its_lanes():
    lanes = np.stack([X_T, X_T + 0.5])
    expected = np.stack([samples(lane, np, "sde_dpmpp_2m") for lane in lanes])
    got = jax.jit(jax.vmap(lambda x: samples(x, method="sde_dpmpp_2m")))(jnp.asarray(lanes))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m"])
def test_jax_grad_of_the_state_and_of_the_model_is_a_difference(method):
    def loss(x_T, width, xp=jnp):
        return xp.sum(xp.sin(samples(x_T, xp, method, width=width)))

    by_state = np.asarray(jax.jit(jax.grad(lambda x: loss(x, 1.0)))(jnp.asarray(X_T)))
    by_width = float(jax.jit(jax.grad(lambda width: loss(jnp.asarray(X_T), width)))(1.0))
    step = 1e-5
    # Central differences: step^2 times third derivatives of order 10, and eps / step.
    assert abs(by_width - (loss(X_T, 1.0 + step, np) - loss(X_T, 1.0 - step, np)) / (2 * step)) < 1e-8
    for i in ((0, 0), (2, 1)):
        change = np.zeros_like(X_T)
        change[i] = step
        difference = (loss(X_T + change, 1.0, np) - loss(X_T - change, 1.0, np)) / (2 * step)
        assert abs(by_state[i] - difference) < 1e-8


def test_jax_grad_alone_sees_what_the_model_closes_over():
    """Without `jit`, the state is concrete and only the prediction is traced."""

    def loss(width):
        return jnp.sum(samples(jnp.asarray(X_T), method="ddim", times=[1.0, 0.5, 0.1], width=width))

    step = 1e-5
    ahead, behind = (
        samples(X_T, np, "ddim", [1.0, 0.5, 0.1], 1.0 + sign * step).sum() for sign in (1.0, -1.0)
    )
    assert abs(float(jax.grad(loss)(1.0)) - (ahead - behind) / (2 * step)) < 1e-8


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m"])
def test_jax_traces_the_model_as_often_for_2000_steps_as_for_200(method):
    def traces(steps):
        calls = []

        def score(x, t):
            calls.append(t)
            return -x

        times = diffusion.log_snr_times(PROCESS, steps)
        jax.jit(lambda x: diffusion.sample(PROCESS, score, x, times, method=method, key=key_of(method)))(
            jnp.asarray(X_T)
        )
        return len(calls)

    assert traces(200) == traces(2000) <= 3


def refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_jax_likelihoods_and_callbacks_refuse_a_trace_by_name():
    score = TARGET.score(PROCESS)
    refused(
        lambda: jax.jit(lambda x: diffusion.log_likelihood(PROCESS, score, x))(jnp.asarray(X_T)),
        r"x is traced by JAX .*outside the transformation",
    )

    def told(x):
        return diffusion.sample(
            PROCESS, score, x, TIMES, method="ddim", callback=lambda n, t, x, denoised: None
        )

    refused(lambda: jax.jit(told)(jnp.asarray(X_T)), "callback needs numbers")


def test_jax_shapes_and_errors_of_the_model_are_its_own():
    def run(score):
        return jax.jit(lambda x: diffusion.sample(PROCESS, score, x, TIMES, method="ddim"))(jnp.asarray(X_T))

    with pytest.raises(ValueError, match=r"must return shape \(3, 2\)"):
        run(lambda x, t: x[:, :1])
    with pytest.raises(jax.errors.TracerBoolConversionError) as caught:
        run(lambda x, t: -x if t > 0.5 else x)
    assert any("use jax.numpy, not math" in note for note in caught.value.__notes__)


def test_jax_perturb_draws_its_noise_outside_the_trace():
    def noised(x):
        return PROCESS.perturb(x, 0.4, key=KEY)

    np.testing.assert_allclose(jax.jit(noised)(jnp.asarray(X_T)), noised(X_T), rtol=1e-14, atol=1e-14)


def heun_step(process, times, n):
    """Heun's method for dy/ds = (y - D)/s in y = x/alpha, s = sigma/alpha; plain Euler on the last step."""
    (a0, b0), (a1, b1) = process.marginal(times[n]), process.marginal(times[n + 1])
    s0, s1 = b0 / a0, b1 / a1
    euler = (a1 * (1 - s1 / s0),)
    if n == len(times) - 2:
        return diffusion.Step(b1 / b0, euler)
    last = -(s1 - s0) / (2 * s1)
    stage = diffusion.Stage(times[n + 1], b1 / b0, (a1 * last, a1 * (1 - s1 / s0 - last)))
    return diffusion.Step(b1 / b0, euler, stages=(stage,))


def corrector_step(process, times, n):
    """DDIM, whose end is evaluated, averaged with its start, and taken over by the next step."""
    found = diffusion.ddim.step(process, times, n)
    half = 0.5 * found.weights[0]
    stage = diffusion.Stage(times[n + 1], found.decay, (half, half))
    return diffusion.Step(found.decay, found.weights, stages=(stage,), carries=True)


def started_step(process, times, n):
    """Two steps of Heun, then the corrector, and no corrector at the end: three loops."""
    if n < 2:
        return heun_step(process, times, n)
    return corrector_step(process, times, n) if n < len(times) - 2 else diffusion.ddim.step(process, times, n)


@pytest.mark.parametrize("step", [heun_step, corrector_step, started_step])
def test_jax_jit_of_steps_with_stages_is_what_numpy_computes(step):
    method = diffusion.Method(step.__name__, 2, 2, "none", step)
    score = TARGET.score(PROCESS)

    def run(x):
        return diffusion.trajectory(PROCESS, score, x, TIMES, method=method).x

    np.testing.assert_allclose(jax.jit(run)(jnp.asarray(X_T)), run(X_T), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    "target",
    [
        diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]]),
        TARGET,
        diffusion.EmpiricalData(np.eye(3), 0.0, [0.2, 0.3, 0.5]),
        diffusion.Uniform([-1.0, 0.0], [0.5, 4.0]),
        diffusion.Ring(1.5, 3),
        diffusion.Rotated(diffusion.Product([diffusion.Ring(1.0)] * 2), np.eye(4)[::-1], 0.5),
    ],
    ids=repr,
)
def test_jax_grad_of_an_exact_denoiser_has_its_divergence_for_a_trace(target):
    x = np.concatenate([np.zeros((1, target.dim)), np.linspace(-3, 9, 3 * target.dim).reshape(3, -1)])
    denoiser = target.denoiser(PROCESS)
    for derivative in (jax.jacrev, jax.jacfwd):
        jacobian = jax.jit(jax.vmap(derivative(lambda row: denoiser(row[None], 0.3)[0])))(jnp.asarray(x))
        trace = np.trace(np.asarray(jacobian), axis1=1, axis2=2)
        # 1e-9: the derivative of a sum of exponentials cancels like the variance it is.
        np.testing.assert_allclose(trace, denoiser.divergence(x, 0.3), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("method", "places"), [("dpmpp_2m", [0, 12]), ("unipc", [3, 4, 9]), ("sde_dpmpp_2m", [0])]
)
def test_jax_keeps_the_states_at_some_times(method, places):
    """Some methods take loops of several kinds; the rows of one buffer pass from one to the next."""

    def run(x):
        return diffusion.trajectory(
            PROCESS, lambda x, t: -x, x, TIMES, method=method, key=KEY, save_at=TIMES[places]
        )

    path = run(X_T)
    np.testing.assert_allclose(jax.jit(lambda x: run(x).x)(jnp.asarray(X_T)), path.x, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(path.t, TIMES[places])
    gradient = jax.grad(lambda x: (run(x).x ** 2).sum())(jnp.asarray(X_T))
    # The rule is linear in x_T, plus noise: the gradient of its square is 2 J^T y.
    h = 1e-3
    slope = (np.sum(run(X_T + h).x ** 2) - np.sum(run(X_T - h).x ** 2)) / (2 * h)
    np.testing.assert_allclose(gradient.sum(), slope, rtol=1e-8)


def test_jax_needs_memory_for_the_saved_states_only():
    def run(x, save_at):
        score = diffusion.from_score(lambda x, t: -x, PROCESS)
        times = diffusion.log_snr_times(PROCESS, 200)
        return diffusion.trajectory(PROCESS, score, x, times, method="ddim", save_at=save_at(times)).x

    def bytes_of(save_at):
        lowered = jax.jit(lambda x: run(x, save_at)).lower(jnp.zeros((1000, 1)))
        memory = lowered.compile().memory_analysis()
        return memory.temp_size_in_bytes + memory.output_size_in_bytes

    assert bytes_of(lambda times: None) >= 201 * 8000
    assert bytes_of(lambda times: times[[100, -1]]) < 12 * 8000


def test_jax_float64_state_of_a_float32_model_is_traced():
    def run(x, xp):
        model = diffusion.from_denoiser(lambda x, t: xp.tanh(x).astype(xp.float32), PROCESS)
        return diffusion.trajectory(PROCESS, model, x, TIMES, method="dpmpp_2m", dtype="float64").x

    single = X_T.astype(np.float32)
    got = jax.jit(lambda x: run(x, jnp))(jnp.asarray(single))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, run(single, np), rtol=0, atol=1e-6)  # tanh of two libraries, in float32


def test_jax_without_x64_has_no_float64_state():
    with jax.enable_x64(False), pytest.raises(TypeError, match="dtype='float64' is float64, which JAX turns"):
        diffusion.sample(PROCESS, lambda x, t: -x, jnp.ones((2, 1)), TIMES, method="ddim", dtype="float64")


def test_jax_statistics_refuse_a_trace_by_name():
    def run(x):
        return diffusion.trajectory(PROCESS, lambda x, t: -x, x, TIMES, method="ddim", statistics=True).x

    with pytest.raises(TypeError, match="statistics needs numbers"):
        jax.jit(run)(jnp.asarray(X_T))
    assert run(jnp.asarray(X_T)).shape == (13, 3, 2)
