"""Drift-implicit steps with planned iterations, as on a device: the same paths, new Jacobians, failures."""

import numpy as np
import pytest

import diffmath as dm
from diffmath import sde
from diffmath.sde._methods import implicit

CUBIC = sde.SDE(lambda t, x: -20.0 * x * x * x, lambda t, x: 0.0 * x + 0.3, noise="additive")
STEEP = sde.SDE(
    lambda t, x: -1e3 * x * x * x,
    lambda t, x: 0.0 * x,
    drift_jacobian=lambda t, x: -3e3 * (x * x)[:, :, None],
)


def solve(model, x0, method, steps=12):
    return sde.solve(model, x0, np.linspace(0.0, 1.0, steps + 1), method=method, key=dm.random.key(3)).x


@pytest.fixture
def planned(monkeypatch):
    """Plan the iterations wherever the arrays live; the list says of every step whether a row was lost."""
    lost = []

    def noting(*args):
        stages, plan = slope(*args)
        lost.append(stages.lost)
        return stages, plan

    slope = implicit.planned_slope
    monkeypatch.setattr(implicit, "is_off_host", lambda x: True)
    monkeypatch.setattr(implicit, "planned_slope", noting)
    return lost


@pytest.mark.parametrize(
    "method", [sde.implicit_euler_maruyama, sde.theta_maruyama(0.5)], ids=lambda m: m.name
)
def test_planned_steps_follow_the_same_path(xp, planned, monkeypatch, method):
    x0 = np.linspace(-2.0, 2.0, 10).reshape(5, 2)
    with monkeypatch.context() as host:
        host.setattr(implicit, "is_off_host", lambda x: False)
        expected = solve(CUBIC, x0, method)
    planned.clear()
    found = solve(CUBIC, xp.asarray(x0), method)
    np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-10)  # an iteration stops at 4e-11
    assert len(planned) == 12
    assert not any(planned[1:])  # with theta = 1/2 a row starts too far away for its first Jacobian


def test_a_row_that_is_lost_gets_a_new_jacobian(xp, planned, monkeypatch):
    """From 30, the iteration with the Jacobian of the start does not converge."""
    x0 = np.array([[0.1], [30.0]])
    with monkeypatch.context() as host:
        host.setattr(implicit, "is_off_host", lambda x: False)
        expected = solve(STEEP, x0, sde.implicit_euler_maruyama, 2)
    planned.clear()
    found = solve(STEEP, xp.asarray(x0), sde.implicit_euler_maruyama, 2)
    np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-10)
    assert planned[0]


def test_a_jacobian_that_is_not_finite_ends_the_solve(xp, planned):
    model = sde.SDE(
        lambda t, x: -x, lambda t, x: 0.0 * x, drift_jacobian=lambda t, x: (0.0 * x + np.nan)[:, :, None]
    )
    with pytest.raises(dm.SolveError, match="Newton's iteration failed"):
        solve(model, xp.asarray(np.ones((2, 1))), sde.implicit_euler_maruyama)
