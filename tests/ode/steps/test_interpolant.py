"""The state inside a step: the cubic through both ends is exact for cubics, on every path of the solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath.ode._steps.interpolant import Interpolant, cubic

THETA = np.array([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])


def polynomial(t: Any) -> Any:
    return 2.0 - t + 3.0 * t**2 - 1.5 * t**3


def slope(t: Any) -> Any:
    return -1.0 + 6.0 * t - 4.5 * t**2


@pytest.mark.parametrize("shape", [(2, 1), (2, 3), (2, 2, 2)])
def test_the_cubic_is_exact_for_cubics(shape, xp):
    dt = np.array([0.5, 2.0])
    ends = [np.broadcast_to(v.reshape(2, *(1,) * (len(shape) - 1)), shape) for v in (
        polynomial(0.0 * dt), polynomial(dt), slope(0.0 * dt), slope(dt))]  # fmt: skip
    x, x_new, first, last = (xp.asarray(np.array(v)) for v in ends)
    inside = cubic(x, x_new, [first, last], dt)
    for row in (0, 1):
        found = xp.numpy(inside(np.full(len(THETA), row), THETA))
        assert found.shape == (len(THETA), *shape[1:])
        wanted = polynomial(THETA * dt[row]).reshape(-1, *(1,) * (len(shape) - 1))
        np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), atol=1e-13)


def test_weights_are_polynomials_times_the_step():
    """x + dt (theta z_0 + theta^2 z_1), with the stages in one array or in a list."""
    x, dt, z = np.ones((2, 2)), np.array([0.5, 3.0]), np.arange(8.0).reshape(2, 2, 2)
    rows, theta = np.array([1, 0, 1]), np.array([0.25, 0.5, 1.0])
    wanted = x[rows] + dt[rows, None] * (theta[:, None] * z[0][rows] + theta[:, None] ** 2 * z[1][rows])
    for basis in (z, list(z)):
        inside = Interpolant(x, dt, basis, np.eye(2), times_dt=True)
        np.testing.assert_allclose(inside(rows, theta), wanted, rtol=1e-15)


@dataclass(frozen=True)
class Exact:
    """A method that knows the polynomial: what is read inside its steps is the cubic, or nothing."""

    order: int = 5

    def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
        return x + polynomial(t + dt) - polynomial(t)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 2, 2)])
@pytest.mark.parametrize(
    "method", [Exact(), replace(ode.dopri5, extension=None), replace(ode.bosh3, extension=None)],
    ids=["own", "dopri5", "bosh3"],
)  # fmt: skip
def test_a_solve_without_an_extension_reads_the_cubic(method, shape):
    """f depends on the time only: at the end of each step the slope is that of the end."""
    x0 = np.full(shape, polynomial(0.0))
    options: dict[str, Any] = (
        {"substeps": 3} if isinstance(method, Exact) else {"rtol": 1e-6, "first_step": 0.3}
    )
    found = ode.solve(lambda t, x: slope(t) + 0.0 * x, x0, [0.0, 2.0], method=method, dense=True, **options)
    for t in (0.05, 0.7, 1.3, 1.95):
        np.testing.assert_allclose(found.dense(t), np.full(shape, polynomial(t)), atol=1e-12)
