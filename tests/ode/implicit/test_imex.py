"""Additive Runge-Kutta methods: coupled conditions, orders for any split, stiff reaction and diffusion."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from diffmath import ode

METHODS = [ode.kencarp3, ode.kencarp4]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
START = np.array([[0.5], [0.8]])


def split(share):
    """The two halves of x' = -x^2 cos t, with sin x moved from one to the other."""
    return ode.Split(
        lambda t, x: -share * x**2 * np.cos(t) + np.sin(x),
        ode.WithJacobian(
            lambda t, x: -(1 - share) * x**2 * np.cos(t) - np.sin(x),
            lambda t, x: (-2 * (1 - share) * x * np.cos(t) - np.cos(x))[:, :, None],
        ),
    )


@by_name
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_measured_order(method, share):
    tight = replace(method, newton=ode.Newton(tolerance=1e-14))
    errors = []
    for n in (8, 16, 32, 64, 128):
        solution = ode.solve(split(share), START, np.linspace(0, 2, 3), method=tight, substeps=n)
        exact = np.stack([1 / (1 / START + np.sin(t)) for t in solution.t])
        errors.append(np.abs(solution.x - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] == pytest.approx(method.order, abs=0.15)


@by_name
def test_a_perturbed_coupling_is_refused(method):
    tableau = method.tableau
    explicit = [list(row) for row in tableau.explicit]
    # Both methods keep their nodes and weights: only conditions of order 3 and more can see it.
    explicit[3][1] += Fraction(1, 1000)
    explicit[3][2] -= Fraction(1, 1000)
    with pytest.raises(ValueError, match=rf"{method.name} claims order .*E.* fails"):
        replace(tableau, explicit=explicit)
    with pytest.raises(ValueError, match=f"claims order {method.order + 1}"):
        replace(tableau, order=method.order + 1)
    explicit[3][1] += 1
    with pytest.raises(ValueError, match="the same row sums; row 3 differs"):
        replace(tableau, explicit=explicit)
    implicit = [list(row) for row in tableau.implicit]
    implicit[2][2] += 1
    with pytest.raises(ValueError, match=r"diagonal \(0, g, \.\.\., g\); row 2"):
        replace(tableau, implicit=implicit)


@by_name
def test_reaction_and_diffusion(method):
    """The heat equation with a source, u = cos(t) sin(pi z) exactly on the grid's own Laplacian."""
    n = 31
    z = np.arange(1, n + 1) / (n + 1)
    mode = np.sin(np.pi * z)
    laplacian = (n + 1) ** 2 * (
        np.diag(-2 * np.ones(n)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    )
    rate = (laplacian @ mode)[0] / mode[0]  # an eigenvector

    def source(t, x):
        exact = np.cos(t) * mode
        return x**2 - exact**2 - np.sin(t) * mode - rate * exact

    f = ode.Split(
        source,
        ode.WithJacobian(lambda t, x: x @ laplacian, lambda t, x: np.broadcast_to(laplacian, (len(x), n, n))),
    )
    stiff = ode.solve(f, mode[None], [0.0, 1.0], method=method, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(stiff.x[-1, 0], np.cos(1.0) * mode, atol=1e-5)
    explicit = ode.solve(f, mode[None], [0.0, 1.0], method=ode.bosh3, rtol=1e-6, atol=1e-9)
    assert stiff.stats["steps"][0] < 0.2 * explicit.stats["steps"][0]  # where stability would rule


@by_name
def test_rows_are_alone(method):
    start = np.array([[0.5], [3.0], [-0.2]])
    together = ode.solve(split(0.5), start, [0, 0.5, 1.0], method=method)
    for row in range(3):
        alone = ode.solve(split(0.5), start[row : row + 1], [0, 0.5, 1.0], method=method)
        np.testing.assert_array_equal(together.x[:, row], alone.x[:, 0])


def test_every_library(xp):
    f = ode.Split(lambda t, x: 50.0 + 0.0 * x, lambda t, x: -50.0 * x)
    x0 = xp.asarray([[0.0], [2.0]])
    exact = 1 + np.array([[-1.0], [1.0]]) * np.exp(-5.0)
    for method in METHODS:
        solution = ode.solve(f, x0, [0.0, 0.1], method=method, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(xp.numpy(solution.x)[-1], exact, rtol=1e-3)
    single = ode.solve(f, xp.asarray([[0.0]], "float32"), [0.0, 0.1], method=ode.kencarp3, rtol=1e-3)
    assert xp.numpy(single.x).dtype == np.float32


def test_refusals():
    with pytest.raises(TypeError, match=r"kencarp4 needs f as an ode\.Split"):
        ode.solve(lambda t, x: -x, START, [0.0, 1.0], method=ode.kencarp4)
    with pytest.raises(TypeError, match=r"tableau must be an ode\.AdditiveTableau"):
        ode.AdditiveRungeKutta(ode.kvaerno3.tableau)
    with pytest.raises(TypeError, match=r"newton must be an ode\.Newton"):
        replace(ode.kencarp3, newton=3)
    with pytest.raises(ValueError, match="b_error must have 4 entries"):
        replace(ode.kencarp3.tableau, b_error=[1])


@by_name
@pytest.mark.parametrize("start", [1.0, 1.5])
def test_the_estimate_sees_what_the_explicit_part_leaves_beside_a_slow_solution(method, start):
    """x' = -k (x - cos t) - sin t, the last term explicitly: an estimate filtered by the stiff part is blind.

    With it the errors were 0.36 and 0.008.
    """
    f = ode.Split(
        lambda t, x: -np.sin(t) + 0 * x,
        ode.WithJacobian(lambda t, x: -1e6 * (x - np.cos(t)), lambda t, x: np.full((1, 1, 1), -1e6)),
    )
    times = np.linspace(0.0, 3.0, 31)
    found = ode.solve(f, np.array([[start]]), times, method=method, rtol=1e-5, atol=1e-7)
    assert np.abs(found.x[1:, 0, 0] - np.cos(times[1:])).max() < 4e-4
    assert found.stats["steps"][0] < 300
