"""Steps of diagonal systems: 40 digits, the single calls, selective scans and event time."""

from __future__ import annotations

import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss

RULES = ["zoh", "bilinear", "impulse", "forward_euler", "backward_euler"]


def _definition(pole, dt, method):
    with mpmath.workdps(40):
        z = mpmath.mpmathify(complex(pole)) * mpmath.mpf(dt)
        alpha = {"forward_euler": 0, "bilinear": mpmath.mpf(1) / 2, "backward_euler": 1}.get(method)
        if alpha is not None:
            return complex((1 + (1 - alpha) * z) / (1 - alpha * z)), complex(dt / (1 - alpha * z))
        b = mpmath.expm1(z) / z if method == "zoh" and z else 1
        return complex(mpmath.exp(z)), complex(dt * b)


@given(
    real=st.floats(-50, 1),
    imag=st.floats(-50, 50),
    dt=st.floats(0, 1),
    method=st.sampled_from(RULES),
)
def test_the_definition(real, imag, dt, method):
    a, b = ss.discretize_diagonal(np.array([complex(real, imag)]), dt, method)
    exact = _definition(complex(real, imag), dt, method)
    # 8 eps of the phase, at most 71, and of the quotient, whose denominator may cancel to 1 - alpha z = 1/2.
    limit = 2e-15 * (2 + abs(complex(real, imag)) * dt) * (1 + abs(exact[0]))
    assert abs(a[0] - exact[0]) <= limit
    assert abs(b[0] - exact[1]) <= limit * (dt + abs(exact[1]))


@pytest.mark.parametrize("method", RULES)
def test_it_steps_as_the_dense_system_does(method):
    poles = np.array([-1.0, -0.5, 0.0, 0.3])
    a, b = ss.discretize_diagonal(poles, 0.2, method)
    stepped = getattr(ss, method)(ss.StateSpace(np.diag(poles), np.ones(4), C=np.ones(4)), 0.2)
    np.testing.assert_allclose(np.diag(a), stepped.A, atol=1e-15)
    np.testing.assert_allclose(b, stepped.B, atol=1e-15)
    assert a.dtype == b.dtype == np.float64


@pytest.mark.parametrize("method", ["zoh", "bilinear", "impulse"])
def test_constant_steps_are_the_diagonal_kernel(method):
    """conv == scan: the same rule, by two routes."""
    rng = np.random.default_rng(0)
    poles = -rng.uniform(0.1, 2, (3, 4)) + 1j * rng.uniform(0, 40, (3, 4))
    weights, dt = rng.standard_normal((3, 4)), np.array([0.01, 0.02, 0.05])
    u = np.zeros((60, 3, 1))
    u[0] = 1.0
    a, b = ss.discretize_diagonal(poles, np.broadcast_to(dt[:, None], (60, 3, 1)), method)
    kernel = 2 * np.sum(ss.scan(a, b * weights * u).real, axis=2)
    expected = ss.diagonal_kernel(poles, weights, 60, dt=dt, method=method)
    np.testing.assert_allclose(kernel.T, expected, atol=1e-13)


def test_a_selective_model():
    """Steps, inputs and outputs that depend on the sample: Mamba's recurrence, written out."""
    rng = np.random.default_rng(1)
    samples, channels, n = 40, 3, 4
    poles = -rng.uniform(0.5, 4, (channels, n))
    dt = np.log1p(np.exp(rng.standard_normal((samples, channels))))
    B, C, u = (rng.standard_normal(s) for s in ((samples, n), (samples, n), (samples, channels)))
    for method in ("zoh", "impulse"):
        a, b = ss.discretize_diagonal(poles, dt[:, :, None], method)
        assert a.shape == b.shape == (samples, channels, n)
        y = np.sum(ss.scan(a, b * B[:, None, :] * u[:, :, None]) * C[:, None, :], axis=2)
        x, expected = np.zeros((channels, n)), []
        for k in range(samples):
            A = np.exp(dt[k, :, None] * poles)
            gain = (A - 1) / poles if method == "zoh" else dt[k, :, None]
            x = A * x + gain * B[k] * u[k, :, None]
            expected.append(x @ C[k])
        np.testing.assert_allclose(y, expected, atol=1e-13)


def test_event_time():
    """A uses the gap, B a separate step: event-ssm's discretize_async and discretize_dirac."""
    rng = np.random.default_rng(2)
    poles = -rng.uniform(0.1, 2, 5) + 1j * rng.uniform(1, 9, 5)
    step, time_delta = rng.uniform(0.1, 1, 5), rng.exponential(3.0, (30, 1))
    a, b = ss.discretize_diagonal(poles, step, gap=step * time_delta)
    np.testing.assert_allclose(a, np.exp(poles * step * time_delta), atol=1e-14)
    np.testing.assert_allclose(b, (np.exp(poles * step) - 1) / poles, atol=1e-15)
    assert a.shape == (30, 5)
    assert b.shape == (5,)
    same, plain = ss.discretize_diagonal(poles, 0.1, gap=0.1), ss.discretize_diagonal(poles, 0.1)
    np.testing.assert_array_equal(same, plain)
    # The pitfall: with b of the gap, an event after a long silence weighs more.
    _, held = ss.discretize_diagonal(-np.ones(1), np.array([0.01, 5.0]))
    assert held[1] > 90 * held[0]


def test_nothing_happens_in_no_time():
    for method in RULES:
        a, b = ss.discretize_diagonal(np.array([-3.0 + 1j, 0.0]), 0.0, method)
        np.testing.assert_array_equal(a, 1.0)
        np.testing.assert_array_equal(b, 0.0)


def test_backends(xp):
    poles = np.array([[-1.0 + 2j, -0.5 + 7j], [-2.0 + 0j, 0.0 + 1j]])
    dt = np.array([0.5, 0.1, 1.0])[:, None, None]
    for method in RULES:
        expected = ss.discretize_diagonal(poles, dt, method, gap=2 * dt)
        for dtype, real in (("complex128", "float64"), ("complex64", "float32")):
            steps = xp.asarray(dt, real)
            got = ss.discretize_diagonal(xp.asarray(poles, dtype), steps, method, gap=2 * steps)
            for array, exact in zip(got, expected, strict=True):
                assert xp.numpy(array).dtype == dtype
                # (1 + 14 of phase) eps, and the same of a denominator of modulus near 1.
                np.testing.assert_allclose(xp.numpy(array), exact, atol=40 * np.finfo(real).eps)
        real_poles = ss.discretize_diagonal(xp.asarray([-1.0], "float32"), 0.5, method)
        assert {str(xp.numpy(part).dtype) for part in real_poles} == {"float32"}
    wide, _ = ss.discretize_diagonal(xp.asarray([-1.0 + 1j], "complex64"), xp.asarray([0.5]))
    assert xp.numpy(wide).dtype == "complex128"
    empty, _ = ss.discretize_diagonal(xp.asarray([-1.0]), xp.asarray(np.ones((0, 1))))
    assert xp.numpy(empty).shape == (0, 1)


def test_refusals(xp):
    one = xp.asarray([1.0])
    with pytest.raises(TypeError, match="poles must be an array"):
        ss.discretize_diagonal([1.0], 0.1)
    with pytest.raises(TypeError, match="dt must be an array"):
        ss.discretize_diagonal(one, [0.1])
    with pytest.raises(TypeError, match="gap must be an array"):
        ss.discretize_diagonal(one, 0.1, gap="long")
    with pytest.raises(ValueError, match=r"method must be one of .*; got 'foh'"):
        ss.discretize_diagonal(one, 0.1, "foh")
    with pytest.raises(ValueError, match=r"dt must not be negative; the least is -0.1"):
        ss.discretize_diagonal(one, -0.1)
    with pytest.raises(ValueError, match="gap must be finite"):
        ss.discretize_diagonal(one, 0.1, gap=float("nan"))
    with pytest.raises(ValueError, match=r"poles \(2,\) and dt \(3,\) do not broadcast"):
        ss.discretize_diagonal(xp.asarray([1.0, 2.0]), xp.asarray([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="2/dt is a pole"):
        ss.discretize_diagonal(one, 2.0, "bilinear")
    with pytest.raises(ValueError, match="1/dt is a pole"):
        ss.discretize_diagonal(one, 1.0, "backward_euler")
    for dt, pole in ((1000.0, 1.0), (1e200, -1e200)):
        with pytest.raises(ValueError, match="the factors overflow: a pole grows"):
            ss.discretize_diagonal(pole * one, dt)


_NO_X64 = """
import jax.numpy as jnp
from diffmath import statespace as ss

for make in (ss.s4d_lin, ss.s4d_inv, ss.s4d_legs):
    poles, B = make(8, like=jnp.zeros(0))
    steps = jnp.full((5, 1), 0.1)
    for method in ("zoh", "bilinear", "impulse", "forward_euler", "backward_euler"):
        a, b = ss.discretize_diagonal(poles, steps, method, gap=2 * steps)
        assert ss.scan(a, b * B).dtype == "complex64"
assert ss.modal(poles, B, B).A.dtype == "float32"
assert ss.s5_blocks(8, 2, like=jnp.zeros(0))[1].dtype == "complex64"
assert ss.discretize_batch(ss.legs(4, like=jnp.zeros(0)), [0.1], ss.zoh)[0].dtype == "float32"
assert ss.simulate_events(ss.delay(4), jnp.ones(2), [0, 1], start=0.0).dtype == "float32"
"""


@pytest.mark.skipif(not os.environ.get("DIFFMATH_INTEROP"), reason="frameworks are tested in interop")
def test_jax_without_double_precision_neither_fails_nor_warns():
    """The fixture switches x64 on for the whole process; most users of JAX do not."""
    pytest.importorskip("jax")
    environment = {**os.environ, "JAX_ENABLE_X64": "0"}
    subprocess.run([sys.executable, "-W", "error", "-c", _NO_X64], check=True, env=environment)
