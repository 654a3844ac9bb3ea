"""The matrix exponential and its integrals, against closed forms and 40 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from diffmath._arrays.expm import expm, integrals


def exact(A: np.ndarray) -> np.ndarray:
    with mpmath.workdps(40):
        return np.array(mpmath.expm(mpmath.matrix(A.tolist()), method="taylor").tolist(), dtype=float)


@pytest.mark.parametrize("norm", [0.0, 1e-3, 1.0, 5.3, 5.4, 11.0, 40.0])
def test_expm_on_both_sides_of_each_squaring(norm: float) -> None:
    A = np.array([[0.2, -0.5, 0.1], [0.3, -0.4, 0.2], [-0.1, 0.1, -0.7]])
    A = A * (norm / np.abs(A).sum(axis=0).max())
    # 100 eps of the result's norm: each squaring may double an error of a few eps.
    assert np.abs(expm(A) - exact(A)).max() <= 100 * 2.3e-16 * np.abs(exact(A)).max()


def test_each_matrix_of_a_stack_has_its_own_scale() -> None:
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    angles = np.array([[1e-9, 1.0], [30.0, 1000.0]])
    found = expm(angles[..., None, None] * A)
    turned = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert np.abs(found[..., 0, :] - turned).max() < 1e-12  # 1000 radians: eps times the angle
    assert np.isnan(expm(np.full((2, 2), np.nan))).all()


@pytest.mark.parametrize("ramps", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_integrals_are_phi_functions_of_the_matrix(n: int, ramps: int) -> None:
    """dt phi_j(A dt) B solves A z_j = z_{j-1} - dt B / (j-1)!, with z_0 = dt exp(A dt) B, divided by dt."""
    A = np.array([[-1.0, 0.5, 0.2], [0.3, -2.0, 0.1], [0.0, 0.4, -0.7]])[:n, :n]
    B, steps = np.array([1.0, -0.5, 2.0])[:n], np.array([[0.1, 1.0, 7.0], [-0.3, 0.5, 2.0]])
    state, *inputs = integrals(A, B, steps, ramps)
    assert state.shape == (2, 3, n, n)
    assert len(inputs) == ramps
    for place in np.ndindex(2, 3):
        dt = steps[place]
        assert np.abs(state[place] - exact(A * dt)).max() < 1e-14 * max(1.0, np.abs(exact(A * dt)).max())
        before = exact(A * dt) @ B
        for j, value in enumerate(inputs, start=1):
            before = np.linalg.solve(A * dt, before - B / math.factorial(j - 1))  # phi_j(A dt) B
            assert value[place] == pytest.approx(dt * before, rel=1e-10, abs=1e-12)  # the recurrence cancels


def test_integrals_that_overflow_are_not_finite() -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        state, held = integrals(np.array([[1e300]]), np.array([1.0]), np.array([1e10]), 1)
    assert not np.isfinite(state).any()
    assert not np.isfinite(held).any()
    # Nothing of the block was finite: no entry stays, not even one that does not depend on the rest.
    with np.errstate(over="ignore", invalid="ignore"):
        state, held = integrals(np.diag([1e300, 0.0]), np.array([0.0, 1.0]), np.array([1e10]), 1)
    assert np.isnan(state).all()
    assert np.isnan(held).all()
