"""Program (c), and the others end to end, on every array library: replace NumPy, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

import diffmath as dm
from diffmath import diffusion, ode, sde
from diffmath import statespace as ss

PROCESS = diffusion.vp()
TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [0.1, 0.2])
KEY = dm.random.key(0)
TIMES = diffusion.log_snr_times(PROCESS, 20)
METHODS = [
    diffusion.ddim,
    diffusion.dpmpp_2m,
    diffusion.sde_dpmpp_2m,
    diffusion.euler_maruyama,
]


def _samples(like, method):
    x_T = PROCESS.sample_prior(KEY, (64, 2), like=like)
    key = KEY if method.needs_key else None
    return diffusion.sample(PROCESS, TARGET.score(PROCESS), x_T, TIMES, method=method, key=key)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 5e-3)])
def test_the_same_samples_on_every_backend(xp, method, dtype, tolerance):
    """Normals differ by ulps; 20 steps amplify them by the slope of the flow, some 1e3 between the modes."""
    x = _samples(xp.empty(dtype), method)
    assert x.dtype == getattr(xp.xp, dtype)
    np.testing.assert_allclose(xp.numpy(x), _samples(np.empty(0), method), rtol=0, atol=tolerance)


def test_the_same_likelihood_on_every_backend(xp):
    x = np.linspace(-2.5, 2.5, 12).reshape(6, 2)
    score = TARGET.score(PROCESS)
    expected = diffusion.log_likelihood(PROCESS, score, x, rtol=1e-6)
    got = diffusion.log_likelihood(PROCESS, score, xp.asarray(x), rtol=1e-6)
    # The same steps are taken unless a rounding flips an acceptance: then both are within the tolerance.
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-5)


def test_the_same_paths_on_every_backend(xp):
    model = sde.SDE(
        lambda t, x: x - x**3, lambda t, x: 0.3 * x, diffusion_derivative=lambda t, x: 0 * x + 0.3
    )
    x0 = np.linspace(-1, 1, 8)[:, None]
    times = np.linspace(0, 1, 41)
    expected = sde.solve(model, x0, times, method=sde.milstein, key=KEY).x
    got = sde.solve(model, xp.asarray(x0), times, method=sde.milstein, key=KEY).x
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=0, atol=1e-13)


def test_the_same_solution_of_an_ode_on_every_backend(xp):
    x0 = np.array([[2.0, 0.0], [0.5, -1.0]])

    def van_der_pol(t, x):
        namespace = np if isinstance(x, np.ndarray) else xp.xp
        position, velocity = x[:, 0], x[:, 1]
        return namespace.stack([velocity, (1 - position**2) * velocity - position], axis=1)

    expected = ode.solve(van_der_pol, x0, [0.0, 1.0, 5.0], rtol=1e-8).x
    got = ode.solve(van_der_pol, xp.asarray(x0), [0.0, 1.0, 5.0], rtol=1e-8).x
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-7)


def test_the_same_memory_and_kernel_on_every_backend(xp):
    u = np.sin(np.linspace(0, 20, 300))
    memory = ss.memorize(ss.legs(16), xp.asarray(u), ss.bilinear)
    np.testing.assert_allclose(xp.numpy(memory), ss.memorize(ss.legs(16), u, ss.bilinear), rtol=0, atol=1e-12)
    C = np.cos(np.arange(16.0))
    system = ss.bilinear(ss.legs(16, like=xp.empty()).with_output(xp.asarray(C)), 1 / 300)
    kernel = ss.kernel(system, 300)
    expected = ss.kernel(ss.bilinear(ss.legs(16).with_output(C), 1 / 300), 300)
    np.testing.assert_allclose(xp.numpy(kernel), expected, rtol=0, atol=1e-12)
    y = xp.numpy(ss.convolve(xp.asarray(u), kernel))
    np.testing.assert_allclose(y, xp.numpy(ss.simulate(system, xp.asarray(u))), rtol=0, atol=1e-11)
