"""Moments of linear SDEs against closed forms, an ODE solver, Isserlis' theorem and each other."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmath import ode, sde, symbolic

T = [0.0, 0.3, 1.0, 2.5]
t = np.array(T)


def random_linear(seed, dim, noise_dim, calculus):
    draw = np.random.default_rng(seed)
    A, a = draw.uniform(-1, 1, (dim, dim)), draw.uniform(-1, 1, dim)
    B, b = draw.uniform(-0.5, 0.5, (noise_dim, dim, dim)), draw.uniform(-1, 1, (noise_dim, dim))
    return sde.LinearSDE(A, a, B, b, calculus), draw.uniform(-2, 2, dim)


@pytest.mark.parametrize("k", [-0.7, 0.0, 1.3])
def test_ornstein_uhlenbeck(k):
    """dX = (k X + 0.4) dt + 0.8 dW, stable, singular and unstable."""
    found = sde.moments(sde.LinearSDE([[k]], [0.4], b=[[0.8]]), np.array([2.0]), T)
    growth = t if k == 0 else np.expm1(k * t) / k
    square = t if k == 0 else np.expm1(2 * k * t) / (2 * k)
    np.testing.assert_allclose(found.mean[:, 0], 2 * np.exp(k * t) + 0.4 * growth, rtol=1e-13)
    np.testing.assert_allclose(found.covariance[:, 0, 0], 0.64 * square, rtol=1e-13)


@pytest.mark.parametrize(("calculus", "shift"), [("ito", 0.0), ("stratonovich", 0.5)])
def test_geometric_brownian_motion(calculus, shift):
    mu, s = 0.3, 0.6
    linear = sde.LinearSDE([[mu]], B=[[[s]]], calculus=calculus)
    found = sde.moments(linear, np.array([1.5]), T)
    mean = 1.5 * np.exp((mu + shift * s * s) * t)
    np.testing.assert_allclose(found.mean[:, 0], mean, rtol=1e-13)
    np.testing.assert_allclose(found.covariance[:, 0, 0], mean**2 * np.expm1(s * s * t), rtol=1e-12)
    for p in (1, 3, 4):
        moment = sde.raw_moments(linear, [1.5], T, p)[(slice(None), *[1] * p)]
        exact = 1.5**p * np.exp((p * (mu + shift * s * s) + p * (p - 1) / 2 * s * s) * t)
        np.testing.assert_allclose(moment, exact, rtol=1e-12)


def test_integrated_brownian_motion_and_its_initial_covariance():
    """dq = v dt, dv = dW: a nilpotent drift."""
    linear = sde.LinearSDE([[0.0, 1.0], [0.0, 0.0]], b=[[0.0, 1.0]])
    C = sde.moments(linear, np.zeros(2), T, covariance=np.diag([0.0, 2.0])).covariance
    expected = np.array([[t**3 / 3 + 2 * t**2, t**2 / 2 + 2 * t], [t**2 / 2 + 2 * t, t + 2]])
    np.testing.assert_allclose(C, np.moveaxis(expected, 2, 0), rtol=1e-13, atol=1e-14)


def test_a_large_mean_costs_no_digits():
    C = sde.moments(sde.LinearSDE([[-1.0]], b=[[1e-3]]), np.array([1e9]), T).covariance[:, 0, 0]
    np.testing.assert_allclose(C, 1e-6 * -np.expm1(-2 * t) / 2, rtol=1e-13)


@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
def test_backwards_the_noise_adds_too(calculus):
    """By s = -t, dX = -k X ds + s X dW, whose Stratonovich correction keeps its sign."""
    k, s = 0.5, 0.4
    found = sde.moments(sde.LinearSDE([[k]], B=[[[s]]], calculus=calculus), np.array([1.0]), [1.0, 0.0])
    rate = -k + (0.5 * s * s if calculus == "stratonovich" else 0.0)
    np.testing.assert_allclose(found.mean[1, 0], np.exp(rate), rtol=1e-13)
    np.testing.assert_allclose(found.covariance[1, 0, 0], np.exp(2 * rate) * np.expm1(s * s), rtol=1e-12)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(1, 4),
    noise_dim=st.integers(1, 3),
    calculus=st.sampled_from(["ito", "stratonovich"]),
)
def test_the_equations_of_mean_and_covariance(seed, dim, noise_dim, calculus):
    """Against an ODE solver on the equations of the docstring, and against the raw second moments."""
    linear, x = random_linear(seed, dim, noise_dim, calculus)
    found = sde.moments(linear, x, [0.0, 1.0])
    A, a = linear.A, linear.a
    if calculus == "stratonovich":
        A = A + sum(B @ B for B in linear.B) / 2
        a = a + sum(B @ b for B, b in zip(linear.B, linear.b, strict=True)) / 2

    def f(s, y):
        m, C = y[:, 0], y[:, 1:]
        dC = A @ C + C @ A.T
        for B, b in zip(linear.B, linear.b, strict=True):
            push = m @ B.T + b
            dC = dC + B @ C @ B.T + push[:, :, None] * push[:, None, :]
        return np.concatenate([(m @ A.T + a)[:, None], dC], axis=1)

    start = np.concatenate([x[None, None], np.zeros((1, dim, dim))], axis=1)
    end = ode.solve(f, start, [0.0, 1.0], method=ode.dop853, rtol=1e-10, atol=1e-12).x[-1][0]
    np.testing.assert_allclose(found.mean[1], end[0], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.covariance[1], end[1:], rtol=1e-8, atol=1e-8)
    raw = sde.raw_moments(linear, x, [0.0, 1.0], 2)[1]
    np.testing.assert_allclose(raw[0, 1:], found.mean[1], rtol=1e-11, atol=1e-12)
    second = found.covariance[1] + np.outer(found.mean[1], found.mean[1])
    np.testing.assert_allclose(raw[1:, 1:], second, rtol=1e-10, atol=1e-11)


def test_fourth_moments_of_a_gaussian_process():
    """Isserlis: with additive noise X is Gaussian, and all fourth moments follow from two."""
    linear = sde.LinearSDE([[-1.0, 0.5], [0.2, 0.3]], [0.1, -0.2], b=[[0.5, 0.1], [0.0, 0.4]])
    x = np.array([0.7, -0.3])
    found, raw = sde.moments(linear, x, [0.0, 1.0]), sde.raw_moments(linear, x, [0.0, 1.0], 4)[1]
    m, C = found.mean[1], found.covariance[1]
    for i, j, k, l in product(range(2), repeat=4):
        pairs = ((i, j, k, l), (i, k, j, l), (i, l, j, k))
        expected = m[i] * m[j] * m[k] * m[l] + sum(C[p, q] * C[r, s] for p, q, r, s in pairs)
        for p, q, r, s in (*pairs, (k, l, i, j), (j, l, i, k), (j, k, i, l)):
            expected += C[p, q] * m[r] * m[s]
        np.testing.assert_allclose(raw[i + 1, j + 1, k + 1, l + 1], expected, rtol=1e-12)


def test_from_formulas():
    x, y, time, c = sympy.symbols("x y t c")
    equation = symbolic.SDE(
        [x, y], time, [y - 1, -x], [[x / 2, 0], [sympy.sqrt(2), y]], calculus="stratonovich"
    )
    linear = sde.LinearSDE.from_symbolic(equation)
    np.testing.assert_array_equal(linear.A, [[0, 1], [-1, 0]])
    np.testing.assert_array_equal(linear.a, [-1, 0])
    np.testing.assert_array_equal(linear.B, [[[0.5, 0], [0, 0]], [[0, 0], [0, 1]]])
    np.testing.assert_array_equal(linear.b, [[0, np.sqrt(2)], [0, 0]])
    direct, by_ito = (sde.moments(e, np.ones(2), T) for e in (equation, equation.to_ito()))
    np.testing.assert_allclose(direct.covariance, by_ito.covariance, rtol=1e-12, atol=1e-13)
    hidden = symbolic.SDE([x], time, [(x + 1) ** 2 - x**2], [[sympy.sin(x) ** 2 + sympy.cos(x) ** 2]])
    np.testing.assert_array_equal(sde.LinearSDE.from_symbolic(hidden).A, [[2.0]])
    for drift, message in ((x**2, "linear in x"), (time * x, "free of t"), (c * x, "numbers; got c")):
        with pytest.raises(ValueError, match=message):
            sde.moments(symbolic.SDE([x], time, [drift], [[1]]), np.ones(1), T)
    with pytest.raises(ValueError, match="diffusion must be linear"):
        sde.moments(symbolic.SDE([x], time, [x], [[sympy.Abs(x)]]), np.ones(1), T)
    with pytest.raises(TypeError, match=r"model must be an sde\.LinearSDE or a symbolic.SDE; got SDE"):
        sde.moments(symbolic.SDE([x], time, [x], [[1]]).lower(), np.ones(1), T)
    again = pickle.loads(pickle.dumps(linear))
    np.testing.assert_array_equal(again.b, linear.b)
    assert repr(again) == "LinearSDE(dim=2, noise_dim=2, multiplicative, stratonovich)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_library(xp, dtype):
    linear, x = random_linear(5, 3, 2, "ito")
    batch = np.stack([x, 2 * x])
    host = sde.moments(linear, batch, T)
    found = sde.moments(linear, xp.asarray(batch, dtype), T)
    assert found.mean.dtype == found.covariance.dtype == xp.asarray(batch, dtype).dtype
    tolerance = 2e-5 if dtype == "float32" else 1e-12  # sums of some dozen terms of like size
    np.testing.assert_allclose(xp.numpy(found.mean), host.mean, rtol=tolerance, atol=tolerance)
    scale = np.abs(host.covariance).max()
    np.testing.assert_allclose(xp.numpy(found.covariance), host.covariance, atol=tolerance * scale)
    alone = sde.moments(linear, x, T)
    np.testing.assert_allclose(alone.covariance, host.covariance[:, 0], rtol=1e-12, atol=1e-12)
    assert alone.mean.shape == (4, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"A": [[1.0, 2.0]], "b": [[1.0]]}, ValueError, r"A must have shape \(1, 1\)"),
        ({"A": [[1.0]], "b": [[1.0, 2.0]]}, ValueError, r"b must have shape \(1, 1\)"),
        ({"A": [[np.nan]], "b": [[1.0]]}, ValueError, "A must be finite"),
        ({"A": [[1j]], "b": [[1.0]]}, TypeError, "A must hold real numbers"),
        ({"A": [[1.0]]}, ValueError, "B or b must be given"),
        ({"A": [[1.0]], "b": [[1.0]], "calculus": "klein"}, ValueError, "calculus must be one of"),
        ({"A": [[1.0]], "b": [[1.0]], "B": [[1.0]]}, ValueError, "B must have 3 dimensions"),
    ],
)
def test_matrices_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        sde.LinearSDE(**arguments)


def test_arguments_that_are_refused():
    linear = sde.LinearSDE([[1.0]], b=[[1.0]])
    for mean, covariance, message in (
        (np.zeros(2), None, r"mean must have shape \(1,\) or \(batch, 1\); got \(2,\)"),
        (np.array([np.inf]), None, "mean must be finite"),
        (np.zeros(1), np.zeros((2, 2)), "covariance must have shape"),
        (np.zeros(1), np.array([[-1.0]]), "positive semidefinite; its least eigenvalue is -1"),
    ):
        with pytest.raises(ValueError, match=message):
            sde.moments(linear, mean, T, covariance=covariance)
    plane = sde.LinearSDE(np.eye(2), b=np.eye(2))
    with pytest.raises(ValueError, match="covariance must be symmetric"):
        sde.moments(plane, np.zeros(2), T, covariance=np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="not to overflow"):
        sde.moments(linear, np.zeros(1), [0.0, 1e3])
    with pytest.raises(ValueError, match="at most 4096; got 2"):
        sde.raw_moments(linear, [0.0], T, 13)
    with pytest.raises(ValueError, match="x must be finite"):
        sde.raw_moments(linear, [0.0, 1.0], T, 2)
    assert sde.moments(linear, np.zeros((0, 1)), T).covariance.shape == (4, 0, 1, 1)
