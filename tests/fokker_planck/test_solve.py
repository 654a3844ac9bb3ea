"""`fp.solve`: exact laws, measured orders, positivity and conservation on hostile data, endings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import beta, gamma

from diffmath import SolveError, random, sde
from diffmath import fokker_planck as fp


def additive(drift, g):
    return sde.SDE(drift, lambda t, x: 0.0 * x + g, noise="additive")


OU = additive(lambda t, x: -x, 1.0)
WELL = additive(lambda t, x: x - x**3, 0.7)


def normal_masses(grid, mean, std):
    return np.diff(ndtr((grid.edges[0] - mean) / std))


def order(errors):
    """Slope over halvings."""
    return np.polyfit(np.arange(len(errors)), -np.log2(errors), 1)[0]


def test_ornstein_uhlenbeck_is_second_order_in_space():
    errors = []
    mean, std = np.exp(-0.5), np.sqrt(0.16 * np.exp(-1) + 0.5 * (1 - np.exp(-1)))
    for cells in [50, 100, 200, 400, 800]:
        grid = fp.Grid.uniform((-5, 5), cells)
        density = fp.solve(OU, fp.gaussian(grid, 1.0, 0.4), [0.0, 0.5], grid, tolerance=1e-6)
        errors.append(abs(density.p[-1] * grid.widths - normal_masses(grid, mean, std)).sum())
    assert order(errors) == pytest.approx(2.0, abs=0.15)


def test_second_order_in_time_with_coefficients_that_depend_on_time():
    model = sde.SDE(
        lambda t, x: (1 + np.sin(5 * t)) * (0.5 - x), lambda t, x: (1 + 0.3 * t) * np.sqrt(1 + x**2) / 2
    )
    grid = fp.Grid.uniform((-6, 6), 100)
    p0 = fp.gaussian(grid, 1.0, 0.5)
    reference, *finals = (
        fp.solve(model, p0, [0.0, 1.0], grid, steps=n).p[-1] for n in (2048, 16, 32, 64, 128, 256)
    )
    errors = [abs((p - reference) * grid.widths).sum() for p in finals]
    assert order(errors) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_the_error_in_time_is_of_the_order_of_the_tolerance(tolerance):
    grid = fp.Grid.uniform((-4, 4), 100)
    p0 = fp.gaussian(grid, 0.0, 0.3)
    fine = fp.solve(WELL, p0, [0.0, 2.0], grid, tolerance=1e-6).p[-1]
    error = abs((fp.solve(WELL, p0, [0.0, 2.0], grid, tolerance=tolerance).p[-1] - fine) * grid.widths).sum()
    assert 0.01 * tolerance < error < 3 * tolerance


def test_time_dependent_drift_has_the_exact_moments():
    """dX = cos(t) dt + dW is a Brownian motion shifted by sin(t): the scheme moves the mean exactly."""
    model = additive(lambda t, x: 0.0 * x + np.cos(t), 0.5)
    grid = fp.Grid.uniform((-6, 6), 600)
    density = fp.solve(model, fp.gaussian(grid, 0.0, 0.3), [0.0, 1.0, 2.0], grid)
    means = density.p @ (grid.widths * grid.centers)
    np.testing.assert_allclose(means, np.sin([0.0, 1.0, 2.0]), atol=1e-5)


def test_decreasing_times_give_the_law_of_decreasing_paths():
    """dX = X dt + g dW solved from t=1 to 0 is, in the elapsed time, an OU process."""
    model = additive(lambda t, x: (1 + t) * x, 1.0)
    grid = fp.Grid.uniform((-5, 5), 200)
    backward = fp.solve(model, fp.gaussian(grid, 1.0, 0.2), [1.0, 0.0], grid)
    forward = fp.solve(
        additive(lambda s, x: -(2 - s) * x, 1.0), fp.gaussian(grid, 1.0, 0.2), [0.0, 1.0], grid
    )
    np.testing.assert_allclose(backward.p[-1], forward.p[-1], rtol=0, atol=1e-10)
    x0 = 1.0 + 0.2 * random.normal(random.key(1), (20_000, 1), like=np.empty(0))
    x = sde.ensemble(model, x0, t_span=(1.0, 0.0), steps=100, method=sde.milstein, key=random.key(1))
    # One false alarm in 1e6; the tolerance is for the bias of 100 steps.
    report = fp.check_samples(x, backward.p[-1], grid, false_positive_rate=1e-6, tolerance=5e-3)
    assert report.passed, report


def test_a_stratonovich_model_is_its_ito_form():
    grid = fp.Grid.from_edges(np.exp(np.linspace(-4, 4, 401)))
    p0 = np.where(abs(grid.centers - 1) < 0.2, 1.0, 0.0)
    p0 /= p0 @ grid.widths
    strat = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.5 * x, calculus="stratonovich")
    ito = sde.SDE(lambda t, x: 0.125 * x, lambda t, x: 0.5 * x)
    a, b = (fp.solve(m, p0, [0.0, 1.0], grid).p[-1] for m in (strat, ito))
    assert abs((a - b) * grid.widths).sum() < 1e-3  # both are second order in the cell


def test_geometric_brownian_motion_is_lognormal():
    errors = []
    for cells in [100, 200, 400, 800]:
        grid = fp.Grid.from_edges(np.exp(np.linspace(-5, 5, cells + 1)))
        model = sde.SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x)
        # log X_t is normal with mean (0.1 - 0.125) t and variance 0.25 t; start from its law at t = 1.
        law = [np.diff(ndtr((np.log(grid.edges[0]) + 0.025 * t) / np.sqrt(0.25 * t))) for t in (1.0, 2.0)]
        density = fp.solve(model, law[0] / grid.widths, [1.0, 2.0], grid, tolerance=1e-6)
        errors.append(abs(density.p[-1] * grid.widths - law[1]).sum())
    assert order(errors) == pytest.approx(2.0, abs=0.15)


def test_absorption_is_second_order():
    """Survival of a Brownian motion with drift that dies at 0 (images): the half cell at the edge matters."""
    mu, g, x0, errors = -0.5, 1.0, 1.5, []
    model = additive(lambda t, x: 0.0 * x + mu, g)

    def images(x, t):
        """Return the distribution function of the survivors, by the method of images."""
        s = g * np.sqrt(t)
        return ndtr((x - x0 - mu * t) / s) - np.exp(-2 * mu * x0 / g**2) * ndtr((x + x0 - mu * t) / s)

    for cells in [50, 100, 200, 400, 800]:
        grid = fp.Grid.uniform((0, 12), cells, boundary=("absorbing", "reflecting"))
        p0 = np.diff(images(grid.edges[0], 0.1)) / grid.widths
        density = fp.solve(model, p0, [0.1, 1.0], grid, tolerance=1e-6)
        survival = images(12.0, 1.0) - images(0.0, 1.0)
        errors.append(abs(density.mass[-1] - survival))
        np.testing.assert_allclose(density.mass + density.outflow.sum(axis=1), density.mass[0], rtol=1e-12)
        assert density.outflow[-1, 1] == 0.0
    assert order(errors) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
def test_what_was_absorbed_does_not_come_back(tolerance):
    """Unlimited, 2 B - A takes mass in at the ends as long as only the far tail of a full step is there."""
    grid = fp.Grid.uniform((0, 1), 50, boundary="absorbing")
    brownian, p0 = additive(lambda t, x: 0.0 * x, 1.0), fp.gaussian(grid, 0.5, 0.05)
    density = fp.solve(brownian, p0, np.linspace(0, 0.05, 41), grid, tolerance=tolerance)
    assert (np.diff(density.outflow, axis=0) >= 0).all()
    np.testing.assert_allclose(density.mass + density.outflow.sum(axis=1), 1.0, rtol=1e-12)
    once = fp.solve(brownian, p0, [0.0, 0.01], grid, steps=1)
    assert (once.outflow >= 0).all()


def test_a_density_that_has_left_is_zero():
    """The mass underflows after some 300 steps; that is no overflow of the rates."""
    grid = fp.Grid.uniform((0, 1), 50, boundary="absorbing")
    brownian = additive(lambda t, x: 0.0 * x, 1.0)
    density = fp.solve(brownian, fp.gaussian(grid, 0.5, 0.05), [0.0, 500.0, 1000.0], grid, steps=500)
    assert density.success
    assert (density.p >= 0).all()
    assert density.mass[-1] == 0.0
    assert density.outflow[-1].sum() == pytest.approx(1.0, abs=1e-12)


def test_a_short_interval_may_come_before_a_very_long_one():
    """The smallest step depends on the time reached, not on the end of the interval."""
    grid = fp.Grid.uniform((-5, 5), 50)
    density = fp.solve(OU, fp.gaussian(grid, 1.0, 0.5), [0.0, 1.0, 1e30], grid)
    assert abs((density.p[-1] - fp.stationary(OU, grid)) * grid.widths).sum() < 1e-12


@given(
    seed=st.integers(0, 2**32 - 1), g=st.sampled_from([0.0, 1e-3, 0.1, 1.0, 30.0]), speed=st.floats(-20, 20),
    time=st.sampled_from([1e-6, 0.1, 10.0]), steps=st.sampled_from([1, 5]),
    ends=st.tuples(*[st.sampled_from(["reflecting", "absorbing"])] * 2), power=st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_no_density_is_negative_and_no_mass_is_lost(seed, g, speed, time, ends, steps, power):
    """Deltas and gaps, cell Peclet numbers from 0 to infinity, steps far too large, irregular cells."""
    generator = np.random.default_rng(seed)
    grid = fp.Grid.from_edges(np.cumsum(generator.uniform(0.01, 0.2, 31)) - 1.5, boundary=ends)
    p0 = np.where(generator.uniform(size=30) < 0.15, generator.exponential(size=30), 0.0)
    p0[generator.integers(30)] = 1.0
    model = sde.SDE(lambda t, x: speed - 3 * x, lambda t, x: g * abs(x) ** power)
    density = fp.solve(model, p0, [0.0, time, 2 * time], grid, steps=steps)
    assert (density.p >= 0).all()
    # Some additions of 30 numbers per step, over 10 steps; h |Q| up to 1e8 must not show.
    np.testing.assert_allclose(density.mass + density.outflow.sum(axis=1), density.mass[0], rtol=1e-13)


def test_mass_is_conserved_to_rounding_in_ordinary_problems():
    grid = fp.Grid.uniform((-4, 4), 400)
    density = fp.solve(WELL, fp.gaussian(grid, 0.0, 0.3), np.linspace(0, 2, 5), grid)
    np.testing.assert_allclose(density.mass, 1.0, rtol=0, atol=1e-12)
    assert (density.p > 0).all()
    assert not density.outflow.any()


@settings(max_examples=settings.default.max_examples // 5)
@given(seed=st.integers(0, 2**32 - 1), time=st.floats(1e-3, 5.0))
def test_densities_contract(seed, time):
    """Two laws never move apart in L1 (data processing); no closed form needed."""
    generator = np.random.default_rng(seed)
    grid = fp.Grid.uniform((-2, 2), 40)
    p, q = generator.dirichlet(np.full(40, 0.05), 2) / grid.widths
    model = sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.3 + 0.2 * x**2)
    moved = [fp.solve(model, start, [0.0, time], grid, tolerance=1e-3).p[-1] for start in (p, q)]
    before, after = abs(p - q).sum(), abs(moved[0] - moved[1]).sum()
    # The exact flow contracts; 1e-2 is the tolerance in time of both solves, several times over.
    assert after <= before + 1e-2 / grid.widths[0]


def test_a_delta_spreads_without_oscillation():
    grid = fp.Grid.uniform((-5, 5), 401)
    p0 = np.zeros(401)
    p0[200] = 1 / grid.widths[200]
    density = fp.solve(additive(lambda t, x: 0.0 * x, 1.0), p0, [0.0, 0.25], grid)
    assert (np.diff(density.p[-1][:201]) >= -1e-12).all()
    assert abs(density.p[-1] * grid.widths - normal_masses(grid, 0.0, 0.5)).sum() < 2e-3


def test_the_stationary_density_stays():
    grid = fp.Grid.uniform((-3, 3), 100)
    p = fp.stationary(WELL, grid)
    np.testing.assert_allclose(fp.solve(WELL, p, [0.0, 10.0], grid).p[-1], p, rtol=1e-9)


def test_a_symbolic_model_is_lowered():
    class Symbolic:
        def lower(self):
            return OU

    grid = fp.Grid.uniform((-5, 5), 50)
    p0 = fp.gaussian(grid, 0.0, 1.0)
    np.testing.assert_array_equal(fp.solve(Symbolic(), p0, [0, 1], grid).p, fp.solve(OU, p0, [0, 1], grid).p)


def test_running_out_of_steps_is_reported_with_the_prefix():
    grid = fp.Grid.uniform((-5, 5), 50)
    p0 = fp.gaussian(grid, 1.0, 0.5)
    with pytest.raises(SolveError, match=r"max_steps=40 was reached at t=.*larger tolerance") as info:
        fp.solve(OU, p0, [0.0, 0.05, 1.0], grid, max_steps=40)
    partial = info.value.solution
    assert partial.status == "max_steps"
    np.testing.assert_array_equal(partial.t, [0.0, 0.05])
    assert partial.p.shape == (2, 50)
    assert partial.mass.shape == (2,)
    returned = fp.solve(OU, p0, [0.0, 0.05, 1.0], grid, max_steps=40, on_failure="return")
    assert not returned.success
    np.testing.assert_array_equal(returned.p, partial.p)


@pytest.mark.parametrize("time", [1e4, 1e8, 1e12, 1e15])
@pytest.mark.parametrize("steps", [3, None])
@pytest.mark.parametrize("drift", [0.0, -1.0])
def test_very_long_steps_end_in_the_stationary_density(time, steps, drift):
    """h |Q| up to 1e18: the correction must not be the rounding of large hops in both directions."""
    model, grid = additive(lambda t, x: drift * x, 1.0), fp.Grid.uniform((-5, 5), 200)
    density = fp.solve(model, fp.gaussian(grid, 1.0, 0.5), [0.0, time], grid, steps=steps)
    error = abs((density.p[-1] - fp.stationary(model, grid)) * grid.widths).sum()
    # Backward Euler leaves 1 / (h lambda) per step, here less than 1e-7 after three steps.
    assert error < (1e-7 if steps and time == 1e4 else 1e-11)


def test_a_jump_in_time_ends_and_is_resolved():
    """A drift that switches sign at t = 0.5 costs an error of one step (here 0.005), and does not hang."""
    model = additive(lambda t, x: 0.0 * x + (1.0 if t < 0.5 else -1.0), 0.5)
    grid = fp.Grid.uniform((-4, 4), 200)
    density = fp.solve(model, fp.gaussian(grid, 0.0, 0.5), [0.0, 1.0], grid)
    assert density.p[-1] @ (grid.widths * grid.centers) == pytest.approx(0.0, abs=5e-3)


@pytest.mark.parametrize("g", [1e200, 1e154])
def test_rates_that_overflow_are_reported(g):
    grid = fp.Grid.uniform((-1e-3, 1e-3), 10)
    p0 = np.full(10, 500.0)
    with pytest.raises(SolveError, match=r"the rates overflow at t=0: rescale") as info:
        fp.solve(additive(lambda t, x: 0.0 * x, g), p0, [0.0, 1.0], grid)
    assert info.value.solution.status == "nonfinite"
    assert info.value.solution.p.shape == (1, 10)


def test_time_without_resolution_is_reported():
    grid = fp.Grid.uniform((-5, 5), 50)
    with pytest.raises(SolveError, match=r"fell below the resolution of time at t=1e\+15"):
        fp.solve(OU, fp.gaussian(grid, 0.0, 0.5), [1e15, 1e15 + 1], grid)


@pytest.mark.parametrize("scale", [1e-250, 1e-6, 1e300])
def test_the_equation_is_linear(scale):
    grid = fp.Grid.uniform((-5, 5), 50)
    p0 = fp.gaussian(grid, 0.0, 0.5)
    one, other = (fp.solve(OU, c * p0, [0.0, 1.0], grid).p[-1] for c in (1.0, scale))
    core = p0 > 1e-8
    np.testing.assert_allclose(other[core] / scale, one[core], rtol=1e-9)


def test_peclet_numbers_are_reported():
    grid = fp.Grid.uniform((-1, 1), 10)
    p0 = fp.gaussian(grid, 0.0, 0.1)
    density = fp.solve(additive(lambda t, x: 0.0 * x + 3.0, 0.2), p0, [0.0, 0.1], grid, steps=3)
    assert density.stats["max_peclet"] == pytest.approx(3.0 * 0.2 / 0.02)
    assert repr(density).startswith(
        "DensitySolution(ok, t: 0 -> 0.1 (2 times), p: (2, 10), steps=3, rejected=0"
    )


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"p0": np.ones(7)}, ValueError, r"p0 must have one density per cell, shape \(50,\); got \(7,\)"),
        ({"p0": -np.ones(50)}, ValueError, r"p0 must be finite and nonnegative; p0\[0\] is -1"),
        ({"p0": np.full(50, np.nan)}, ValueError, "p0 must be finite and nonnegative"),
        ({"p0": np.zeros(50)}, ValueError, "p0 must have mass"),
        ({"p0": np.ones(50) * 1j}, TypeError, "p0 must hold real numbers"),
        ({"times": [0.0]}, ValueError, "times must be a vector of at least 2"),
        ({"times": [0.0, 1.0, 0.5]}, ValueError, "times must be strictly monotone"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be between 0 and 1; got 0"),
        ({"tolerance": "small"}, TypeError, "tolerance must be a number; got str"),
        ({"grid": None}, TypeError, "grid must be a Grid; got NoneType"),
        ({"tolerance": np.nan}, ValueError, "tolerance must be between 0 and 1"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"max_steps": 1.5}, TypeError, "max_steps must be an int"),
        ({"model": "ou"}, TypeError, "model must be an sde.SDE or a symbolic.SDE; got str"),
        ({"on_failure": "ignore"}, ValueError, "on_failure must be"),
        ({"model": additive(lambda t, x: np.log(x), 1)}, ValueError, "drift.* must be finite on the grid"),
    ],
)  # fmt: skip
def test_arguments_are_refused_by_name(change, error, match):
    grid = fp.Grid.uniform((-5, 5), 50)
    arguments = {"model": OU, "p0": fp.gaussian(grid, 0.0, 1.0), "times": [0.0, 0.1], "grid": grid} | change
    with np.errstate(invalid="ignore", divide="ignore"), pytest.raises(error, match=match):
        fp.solve(**arguments)


def test_tails_may_underflow_where_that_raises():
    grid = fp.Grid.uniform((-40, 40), 400)
    with np.errstate(all="raise"):
        density = fp.solve(OU, fp.gaussian(grid, 1.0, 0.5), [0.0, 1.0], grid, steps=3)
        fp.stationary(OU, grid)
    assert density.success


def test_inputs_are_not_changed():
    grid = fp.Grid.uniform((-5, 5), 50)
    p0 = fp.gaussian(grid, 0.0, 1.0)
    p0.flags.writeable = False
    fp.solve(OU, p0, (0, 1), grid)


def square_root(index, place=0.0, sign=1.0, calculus="ito"):
    """A CIR process of index 2 f / (g^2)' at `place`, which lives on the side `sign` of it."""
    shift = 0.25 if calculus == "stratonovich" else 0.0  # D'/2 with D = r / 2
    return sde.SDE(
        lambda t, x: sign * (0.5 * index - shift) - (x - place),
        lambda t, x: np.sqrt(np.maximum(sign * (x - place), 0.0)),
        calculus=calculus,
    )


@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
@pytest.mark.parametrize("index", [0.25, 0.5, 0.9])
def test_a_density_that_is_singular_at_an_edge_is_refused_with_a_grid_that_resolves_it(index, calculus):
    grid = fp.Grid.uniform((0, 8), 400)
    model = square_root(index, calculus=calculus)
    with pytest.raises(
        ValueError, match=rf"lower edge, x=0, at t=0, with 2 f / \(g\^2\)' = {index}: "
    ) as caught:
        fp.solve(model, fp.gaussian(grid, 1.0, 0.1), [0.0, 1.0], grid)
    with pytest.raises(ValueError, match=r"must not vanish at an edge \(reflecting\)"):
        fp.stationary(model, grid)
    advised = eval(str(caught.value).rpartition("for instance ")[2], {"fp": fp, "np": np})
    # The stationary density of index c and this drift is that of a gamma law, x^(c-1) e^(-2x).
    p = fp.stationary(model, advised)
    exact = gamma.cdf(advised.edges[0], index, scale=0.5)
    missing = exact[0]  # below the first edge, spread over the rest by the scheme
    error = np.abs(p * advised.widths - np.diff(exact)).sum()
    assert error < 2.1 * missing + 1e-3


def test_the_upper_edge_and_both_edges_are_seen_too():
    grid = fp.Grid.uniform((-8, 0), 50)
    p0 = fp.gaussian(grid, -1.0, 0.1)
    with pytest.raises(ValueError, match=r"upper edge, x=0, .* fp.Grid.from_edges\(0 - np.geomspace\(8e-08"):
        fp.solve(square_root(0.5, sign=-1.0), p0, [0.0, 1.0], grid)
    arcsine = sde.SDE(lambda t, x: 0.5 - x, lambda t, x: np.sqrt(np.maximum(2 * x * (1 - x), 0.0)))
    grid = fp.Grid.uniform((0, 1), 400)
    with pytest.raises(ValueError, match="lower edge") as caught:
        fp.solve(arcsine, np.ones(400), [0.0, 1.0], grid)
    advised = eval(str(caught.value).rpartition("for instance ")[2], {"fp": fp, "np": np})
    p = fp.stationary(arcsine, advised)
    exact = np.diff(beta.cdf(advised.edges[0], 0.5, 0.5))
    assert np.abs(p * advised.widths - exact).sum() < 1e-3  # 2 x 8e-5 lie outside the edges


@pytest.mark.parametrize(
    ("model", "ends"),
    [
        (square_root(1.0), "reflecting"),
        (square_root(3.0), "reflecting"),
        (square_root(3.0), "absorbing"),
        (square_root(-0.5), "absorbing"),
        (sde.SDE(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x), "reflecting"),
        (sde.SDE(lambda t, x: 0.2 + 0.0 * x, lambda t, x: 0.0 * x), "reflecting"),
        (sde.SDE(lambda t, x: 0.0 * x, lambda t, x: np.where(x < 1, 0.0, x - 1)), "reflecting"),
        (sde.SDE(lambda t, x: 1 + 0.0 * x, lambda t, x: 0.0 * x + 0.3, noise="additive"), "absorbing"),
    ],
    ids=["index 1", "index 3", "index 3, absorbing", "outwards, absorbing", "geometric", "drift alone",
         "none near the edge", "additive"],
)  # fmt: skip
def test_edges_that_the_scheme_resolves_are_not_refused(model, ends):
    grid = fp.Grid.uniform((0, 8), 100, boundary=(ends, "reflecting"))
    assert fp.solve(model, fp.gaussian(grid, 2.0, 0.2), [0.0, 0.1], grid).success


@pytest.mark.parametrize("index", [0.5, 1.2])
def test_an_absorbing_end_with_a_density_that_does_not_vanish_is_refused(index):
    grid = fp.Grid.uniform((0, 8), 50, boundary=("absorbing", "reflecting"))
    with pytest.raises(ValueError, match=r"must not vanish at an edge \(absorbing\)"):
        fp.solve(square_root(index), fp.gaussian(grid, 2.0, 0.2), [0.0, 0.1], grid)


def test_what_leaves_against_a_vanishing_diffusion_is_refused():
    """A drift into a reflecting end where the diffusion vanishes piles mass up on one point."""
    model = sde.SDE(lambda t, x: 0.0 * x - 1.0, lambda t, x: 0.5 * x)
    grid = fp.Grid.uniform((0, 8), 50)
    for gathering in (model, square_root(0.05)):
        with pytest.raises(ValueError, match=r"lower edge, .*: the mass concentrates at that edge"):
            fp.solve(gathering, fp.gaussian(grid, 2.0, 0.2), [0.0, 0.1], grid)


def test_a_diffusion_that_has_vanished_by_the_last_time_is_refused():
    model = sde.SDE(lambda t, x: 0.25 - x, lambda t, x: np.sqrt(np.maximum(x + 1.0 - t, 0.0)))
    grid = fp.Grid.uniform((0, 8), 50)
    with pytest.raises(ValueError, match="at t=1"):
        fp.solve(model, fp.gaussian(grid, 2.0, 0.2), [0.0, 1.0], grid)
