"""The simplified Newton iteration: which rows go on, have converged or are lost; inverses row by row."""

import numpy as np
import pytest

from diffmath.ode._jacobian import jacobian
from diffmath.ode._newton import Linearised, Newton, Stages, _Convergence


@pytest.mark.parametrize(
    ("distances", "active", "broken"),
    [
        ([1e6, 1e3], True, False),  # theta = 1e-3 leaves 1.001: just not
        ([1e6, 1e4, 1e2], True, False),
        ([1e6, 1e4, 1e2, 0.9], False, False),
        ([1e3, 900.0], True, False),  # slow, and far from its goal: not what round-off looks like
        ([40.0, 25.0], False, False),  # stalled close to its goal
        ([10.0, 21.0], False, False),
        ([100.0, 201.0], False, True),  # diverges
        ([np.nan], False, True),
        ([10.0, np.inf], False, True),
        ([0.0], False, False),
    ],
)
def test_a_row_goes_on_until_it_has_converged_or_is_lost(distances, active, broken):
    rows = _Convergence(np.array([True, False]), np.ones(2))
    for distance in distances:
        rows.judge(np.array([distance, np.nan]))
    assert rows.active.tolist() == [active, False]
    assert rows.broken.tolist() == [broken, False]  # a row that was done before is left alone


def test_inverses_are_those_of_every_row():
    hJ = np.array([[[0.5, 1.0], [0.0, -2.0]], [[1.0, 0.0], [0.0, 3.0]], [[np.nan, 0.0], [0.0, 0.0]]])
    linear = Linearised(hJ, np.ones((3, 2)))
    assert linear.finite.tolist() == [True, True, False]
    found = linear.inverse(((1.0,),))
    np.testing.assert_allclose(found[0], np.linalg.inv(np.eye(2) - hJ[0]), rtol=1e-14)
    assert np.isnan(found[1]).all()  # I - h J is singular
    a = ((0.5, 0.25), (-1.0, 2.0))
    np.testing.assert_allclose(linear.inverse(a)[0], np.linalg.inv(np.eye(4) - np.kron(a, hJ[0])), rtol=1e-13)


def test_coupled_stages_solve_their_equations():
    """Both stages of the two-stage Radau IIA method, for x' = -k x^3 with k from 1 to 1e6."""
    k = np.array([[1.0], [1e3], [1e6]])

    def f(t, x):
        return -k * x**3 + np.cos(t)

    a, c, x, dt = ((5 / 12, -1 / 12), (3 / 4, 1 / 4)), (1 / 3, 1.0), np.full((3, 1), 0.1), 0.1
    linear = Linearised(dt * jacobian(f, 0.0, x, dt), x)
    stages = Stages.begin(linear)
    Newton(tolerance=1e-13).solve(f, [ci * dt for ci in c], [x, x], dt, a, linear, stages)
    # Far off the slow solution, the last row's Jacobian changes by all its size: its step must be shorter.
    assert stages.failed.tolist() == [False, False, True]
    for i in range(2):
        state = x + a[i][0] * stages.slopes[0] + a[i][1] * stages.slopes[1]
        residual = stages.slopes[i] - dt * f(c[i] * dt, state)
        np.testing.assert_array_less(np.abs(residual[:2]), 1e-12 * (1 + 3 * dt * k * state**2)[:2])
