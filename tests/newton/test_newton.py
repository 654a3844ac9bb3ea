"""The simplified Newton iteration: equations solved, failures and their names; inverses row by row."""

import numpy as np
import pytest

from diffmath import SolveError, ode
from diffmath._newton.jacobian import jacobian
from diffmath._newton.linearised import Linearised
from diffmath._newton.newton import Newton, increment, slope_of
from diffmath._newton.stages import Stages
from diffmath._stepping.control import Tolerance

ADDITIVE = [ode.kencarp3, ode.kencarp4]
ITERATING = [ode.implicit_euler, ode.sdirk2, ode.kvaerno5, ode.radau5, *ADDITIVE]


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


# At t=1, where no step is shorter than 1e-15, the iteration diverges with this Jacobian.
FAILING = ode.WithJacobian(lambda t, x: -1e20 * (x - 2), lambda t, x: np.zeros((*x.shape, x.shape[1])))


def solve(f, method, **options):
    f = ode.Split(explicit=lambda t, x: 0.0 * x, implicit=f) if method in ADDITIVE else f
    x0 = np.array([[1.0], [1.5]])
    return ode.solve(f, x0, [1.0, 1.5, 2.0], method=method, on_failure="return", **options)


@pytest.mark.parametrize("method", ITERATING, ids=lambda method: method.name)
@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 4}], ids=repr)
def test_an_iteration_that_fails_is_named(method, options):
    found = solve(FAILING, method, **options)
    assert found.status == "newton_failed"
    assert "Newton's iteration fail" in found.message
    assert found.t.tolist() == [1.0]
    with pytest.raises(SolveError, match="Newton's iteration fail"):
        ode.solve(FAILING, np.ones((1, 1)), [1.0, 2.0], method=ode.kvaerno5)


@pytest.mark.parametrize("method", ITERATING, ids=lambda method: method.name)
@pytest.mark.parametrize("options", [{}, {"substeps": 4}], ids=repr)
def test_what_is_nan_is_not_blamed_on_the_iteration(method, options):
    """f is nan where the first stage looks, or beyond the root that an iteration steps over."""
    for f in (
        lambda t, x: np.where(t > 1.6, np.nan, -x),
        lambda t, x: np.where(x > 0, -4 * np.sqrt(np.abs(x)), np.nan),
    ):
        found = solve(f, method, **options, **({} if options else {"rtol": 1e-3}))
        assert found.status == "nonfinite"


def test_one_row_that_fails_leaves_the_others_and_keeps_its_reason():
    def jacobian(t, x):
        return np.where(x > 10, 0.0, -1e20)[:, :, None]

    x0 = np.array([[2.0], [20.0]])
    f = ode.WithJacobian(lambda t, x: -1e20 * (x - np.where(x > 10, 30.0, 2.0)), jacobian)
    for options in ({}, {"substeps": 3}):
        found = ode.solve(f, x0, [1e3, 1e3 + 1], method=ode.radau5, on_failure="return", **options)
        assert found.row_status == ("ok", "newton_failed")
        np.testing.assert_array_equal(found.x[:, 0], 2.0)  # the steady state


def test_blow_ups_are_still_called_so():
    found = ode.solve(lambda t, x: x * x, np.ones((1, 1)), [0, 2], method=ode.kvaerno5, on_failure="return")
    assert found.status == "blow_up"


def _allowed_stages(rate):
    """Stages of one row before their first, with a rate known and a tolerance of 1."""
    linear = Linearised(np.zeros((1, 1, 1)), np.ones((1, 1)))
    stages = Stages.begin(linear)
    stages.allowed, stages.rate = Tolerance(0.0, 1.0), np.array([rate])
    return linear, stages


def _iterations(rate, distance):
    """Evaluations of f for a stage whose first correction, exact, is `distance` times the allowed one."""
    linear, stages = _allowed_stages(rate)
    calls = []

    def constant(t, x):
        calls.append(None)
        return np.full_like(x, 0.01 * distance)  # a hundredth of the tolerance may remain

    ode.Newton().solve(constant, [0.0], [np.zeros((1, 1))], 1.0, ((1.0,),), linear, stages)
    assert not stages.failed.any()
    return len(calls)


def test_an_iteration_may_leave_a_hundredth_of_the_tolerance():
    """With a rate of 1, a correction of 0.99 hundredths of the tolerance ends it, one of 1.01 does not."""
    assert _iterations(1.0, 0.99) == 1
    assert _iterations(1.0, 1.01) == 2


@pytest.mark.parametrize("rate", [0.1, 1e-3])
def test_the_rate_of_a_stage_is_believed_of_the_next_to_the_power_of_0_8(rate):
    """Hairer & Wanner (1996), (IV.8.11): the estimate is rate^0.8 times the correction."""
    assert _iterations(rate, 0.99 / rate**0.8) == 1
    assert _iterations(rate, 1.01 / rate**0.8) == 2


def test_a_rate_is_never_believed_below_a_millionth():
    assert _iterations(1e-30, 0.99e6) == 1
    assert _iterations(1e-30, 1.01e6) == 2


@pytest.mark.parametrize("method", [ode.implicit_euler, ode.trapezoid])
def test_fixed_steps_solve_their_equation_to_two_thirds_of_the_digits(method):
    """x' = -x^3 in one step of 1/2: the iteration goes on until changes are below eps^(2/3) = 4e-11."""
    x0, dt = 1.5, 0.5
    x1 = float(
        ode.solve(lambda t, x: -(x**3), np.array([[x0]]), [0.0, dt], method=method, substeps=1).x[-1, 0, 0]
    )
    slope = -(x1**3) if method is ode.implicit_euler else -(x0**3 + x1**3) / 2
    assert abs(x1 - x0 - dt * slope) < 1e-9  # the last change, and what a rate of 0.9 adds


@pytest.mark.parametrize(("adaptive", "most"), [(True, 12), (False, 100)])
@pytest.mark.parametrize("given", [None, 7])
def test_an_iteration_ends_after_its_greatest_number(adaptive, most, given):
    """x = 1 - c x with the Jacobian of c = 0: corrections fall by c = 0.9999, which never converges."""
    linear = Linearised(np.zeros((1, 1, 1)), np.ones((1, 1)))
    stages, calls = Stages.begin(linear), []
    stages.allowed = Tolerance(0.0, 1e-9) if adaptive else None

    def f(t, x):
        calls.append(None)
        return 1.0 - 0.9999 * x

    ode.Newton(max_iterations=given).solve(f, [0.0], [np.zeros((1, 1))], 1.0, ((1.0,),), linear, stages)
    assert len(calls) == (given or most)
    assert stages.failed.tolist() == [True]
    assert stages.unsolved.tolist() == [True]


@pytest.mark.parametrize("tolerance", [0.0, -1e-9, 1.0, np.nan])
def test_a_tolerance_that_is_no_fraction_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\); got"):
        ode.Newton(tolerance=tolerance)


def test_a_slope_of_a_step_of_zero_is_zero(xp):
    """A row that has ended takes a step of 0, with scaled slopes of 0."""
    scaled, dt = np.array([[2.0, -3.0], [0.0, 0.0], [5.0, 1.0]]), np.array([[0.5], [0.0], [1.0]])
    found = xp.numpy(slope_of(xp.asarray(scaled), xp.asarray(dt)))
    np.testing.assert_array_equal(found, [[4.0, -6.0], [0.0, 0.0], [5.0, 1.0]])
    np.testing.assert_array_equal(xp.numpy(slope_of(xp.asarray(scaled), 0.25)), 4.0 * scaled)


def test_an_increment_is_the_weighted_sum_of_its_slopes():
    """Weights of either sign; a weight of zero skips its slope, whatever that holds."""
    slopes = [np.array([[1.0]]), np.array([[np.nan]]), np.array([[10.0]]), np.array([[100.0]])]
    np.testing.assert_array_equal(increment([2.0, 0.0, -3.0, 0.5], slopes), [[22.0]])
    np.testing.assert_array_equal(increment([-1.0], slopes), [[-1.0]])
    assert increment([0.0, 0.0], slopes) == 0.0
