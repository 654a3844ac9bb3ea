"""Plots: the given data are drawn, on the given axes, without windows and without a global style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import sympy

mpl.use("Agg")
import matplotlib.pyplot as plt

from diffmath import Solution, plot, sde, symbolic
from diffmath import fokker_planck as fp


@pytest.fixture(autouse=True)
def _close_and_keep_style() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


def _solution(x: Any, status: Any = "ok") -> Solution:
    return Solution(t=np.linspace(0, 1, x.shape[0]), x=x, status=status)


def _calls(ax: Any = None) -> dict[str, Any]:
    z = np.linspace(-2.0, 2.0, 9)
    x = np.arange(24.0).reshape(3, 4, 2)
    return {
        "reconstruction": lambda ax: plot.reconstruction(z, z, z, ax=ax),
        "convergence": lambda ax: plot.convergence(np.array([1, 2]), {"a": np.array([2.0, 1.0])}, ax=ax),
        "solution": lambda ax: plot.solution(_solution(x), ax=ax),
        "ensemble": lambda ax: plot.ensemble(z, z, np.ones(9), ax=ax),
        "density": lambda ax: plot.density(z, z, np.exp(-(z[:, None] ** 2) - z**2), ax=ax),
        "samples": lambda ax: plot.samples(x[0], ax=ax),
        "trajectories": lambda ax: plot.trajectories(_solution(x), ax=ax),
        "images": lambda ax: plot.images(np.eye(4), ax=ax),
        "basis": lambda ax: plot.basis(symbolic.legs, 2, ax=ax),
        "checks": lambda ax: plot.checks([("a", "1", "2", "passed")], ax=ax),
    }


@pytest.mark.parametrize("name", _calls())
def test_every_plot_takes_axes_and_makes_its_own(name: str) -> None:
    call = _calls()[name]
    given = plot.new_figure().add_subplot()
    assert call(given) is given
    assert plt.get_fignums() == []  # nothing was opened beside the axes given
    own = call(None)
    assert own is not given
    assert len(plt.get_fignums()) == 1
    own.figure.canvas.draw()


def test_every_public_plot_is_in_the_list() -> None:
    helpers = {"COLORS", "new_axes", "new_figure", "tidy"}
    assert set(_calls()) == set(plot.__all__) - helpers


def test_plots_take_arrays_of_any_library(xp: Any) -> None:
    if xp.name in ("torch", "jax"):
        pytest.importorskip(xp.name)
    z = np.linspace(0.0, 1.0, 5)
    ax = plot.reconstruction(xp.asarray(z), xp.asarray(z), xp.asarray(z**2))
    assert np.array_equal(ax.lines[1].get_ydata(), z**2)
    ax = plot.samples(xp.asarray(np.stack([z, 2 * z], axis=1)))
    assert np.array_equal(np.asarray(ax.collections[0].get_offsets()), np.stack([z, 2 * z], axis=1))


def test_contours_enclose_the_mass_they_name() -> None:
    """For a standard normal, the region of mass m is the disc of radius sqrt(-2 log(1 - m))."""
    z = np.linspace(-5, 5, 401)
    ax = plot.density(z, z, np.exp(-(z[:, None] ** 2 + z**2) / 2), masses=(0.9, 0.5))
    # Filled contours carry n - 1 colours for n levels; the lines are the last set drawn.
    levels = ax.collections[-1].levels
    radii = np.sqrt(-2 * np.log(levels))
    # The grid's cells are 0.025 wide; the radius of a disc is found to about one of them.
    assert radii == pytest.approx(np.sqrt(-2 * np.log([0.1, 0.5])), abs=0.03)


def test_what_the_fokker_planck_solver_returns_is_drawn() -> None:
    grid = fp.Grid.uniform((-5, 5), 50)
    motion = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    found = fp.solve(motion, fp.gaussian(grid, 0.0, 0.5), np.linspace(0, 1, 12), grid, steps=2)
    ax = plot.density(found)
    assert [line.get_label() for line in ax.lines][::5] == ["t = 0", "t = 1"]
    assert len(ax.lines) == 6
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), np.stack([grid.centers, found.p[-1]], axis=1))
    np.testing.assert_array_equal(plot.ensemble(np.zeros(3), found).lines[0].get_ydata(), found.p[-1])
    cut = fp.solve(motion, found.p[0], [0.0, 1.0, 2.0], grid, steps=9, max_steps=9, on_failure="return")
    assert plot.density(cut).get_title(loc="left") == "(stopped: max_steps)"
    for call in (lambda: plot.density(found, found.t), lambda: plot.ensemble(np.zeros(3), found, found.t)):
        with pytest.raises(TypeError, match=r"a solution of fokker_planck\.solve .* as well"):
            call()
    for call in (lambda: plot.density(found.t), lambda: plot.ensemble(np.zeros(3), found.t)):
        with pytest.raises(TypeError, match=r"p, or (only )?a solution of fokker_planck\.solve"):
            call()


def test_principal_components_are_those_of_the_data() -> None:
    data = np.zeros((5, 3))
    data[:, 2] = [-2, -1, 0, 1, 2]
    data[:, 0] = [0.1, -0.1, 0, -0.1, 0.1]
    x = data + np.array([0.0, 7.0, 0.0])  # differs only across the plane of the data
    ax = plot.samples(x, data=data)
    drawn, known = (np.asarray(c.get_offsets()) for c in ax.collections)
    assert np.abs(known[:, 0]) == pytest.approx([2, 1, 0, 1, 2], abs=1e-12)
    assert drawn == pytest.approx(known, abs=1e-12)
    assert ax.get_xlabel() == "first principal component"
    assert len(plot.samples(np.zeros((1, 3))).collections) == 1


def test_one_dimensional_samples_are_bars() -> None:
    ax = plot.samples(np.arange(10.0)[:, None], data=np.arange(5.0)[:, None])
    assert ax.get_ylabel() == "density"


def test_images_land_where_they_belong() -> None:
    rows = np.arange(12.0).reshape(3, 4)
    canvas = np.asarray(plot.images(rows, columns=2).images[0].get_array().filled(np.nan))
    assert canvas.shape == (7, 7)
    assert canvas[1:3, 1:3].ravel().tolist() == [0, 1, 2, 3]
    assert canvas[1:3, 4:6].ravel().tolist() == [4, 5, 6, 7]
    assert canvas[4:6, 1:3].ravel().tolist() == [8, 9, 10, 11]
    assert np.isnan(canvas[:, [0, 3, 6]]).all()
    assert plot.images(np.zeros((1, 6)), shape=(2, 3)).images[0].get_array().shape == (4, 41)


def test_a_failed_solve_says_so() -> None:
    assert "nonfinite" in plot.solution(_solution(np.zeros((2, 1, 1)), "nonfinite")).get_title(loc="left")


def test_many_paths_are_cut_and_components_chosen() -> None:
    x = np.random.default_rng(0).standard_normal((4, 30, 2, 3))
    ax = plot.solution(_solution(x), component=5, rows=7)
    assert len(ax.lines) == 7
    assert np.array_equal(ax.lines[2].get_ydata(), x[:, 2, 1, 2])


def test_verdicts_are_coloured() -> None:
    ax = plot.checks([("a", "1", "2", "passed"), ("b", "3", "2", "rejected, as it must be")])
    cells = ax.tables[0].get_celld()
    assert cells[1, 3].get_text().get_color() == plot.COLORS["green"]
    assert cells[2, 3].get_text().get_color() == plot.COLORS["red"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.reconstruction(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), "t must have 1 dim"),
        (lambda: plot.density(np.zeros(2), np.zeros(3), np.zeros((3, 2))), r"p must have shape \(nx, ny\)"),
        (lambda: plot.samples(np.zeros((2, 2)), data=np.zeros((2, 3))), "x and data must have one dim"),
        (lambda: plot.samples(np.zeros(2)), r"x must have 2 dimensions to be drawn; got shape \(2,\)"),
        (lambda: plot.trajectories(_solution(np.zeros((2, 2, 3)))), "states of two components"),
        (lambda: plot.images(np.zeros((2, 5))), "not images of shape"),
        (lambda: plot.images(np.zeros((0, 4))), "not images of shape"),
        (lambda: plot.solution(_solution(np.zeros((2, 1, 1))), component=1), "index of a state of size 1"),
    ],
)
def test_what_cannot_be_drawn_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for call in (plot.new_figure, lambda: plot.new_axes(None)):
        with pytest.raises(ImportError, match=r'pip install "diffmath\[plot\]"'):
            call()


def test_a_basis_is_drawn_as_it_is_with_the_present_at_the_right() -> None:
    scaled, window = plot.basis(symbolic.legs, 2), plot.basis(symbolic.legt, 2)
    s = scaled.lines[1].get_xdata()
    np.testing.assert_allclose(scaled.lines[1].get_ydata(), np.sqrt(3) * (2 * s - 1), atol=1e-14)
    np.testing.assert_allclose(window.lines[1].get_ydata(), np.sqrt(3) * (1 - 2 * s), atol=1e-14)
    assert scaled.get_xlim() == (0.0, 1.0)
    assert window.get_xlim() == (1.0, 0.0)
    assert (scaled.get_ylabel(), window.get_title(loc="left")) == ("$g_n$", "legt")


@pytest.mark.parametrize("timescale", [1, 1000])
def test_kernels_of_infinite_age_are_drawn_until_they_fade(timescale: int) -> None:
    ax = plot.basis(symbolic.lagt(timescale=timescale), 1, kernels=True)
    s = ax.lines[0].get_xdata()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.exp(-s / timescale) / timescale, rtol=1e-12)
    # s e^-s falls to 1 % of its largest value, 1/e, at s = 7.64; the grid of ages has steps of 2 %.
    assert ax.get_xlim() == (pytest.approx(7.64 * timescale, rel=0.03), 0.0)


def test_of_complex_waves_the_real_part_is_drawn() -> None:
    waves = symbolic.Measure(
        name="waves",
        basis=lambda n, s: sympy.exp(2 * sympy.pi * sympy.I * n * s),
        weight=lambda s: sympy.S.One,
        memory="translated",
        end="midpoint",
    )
    line = plot.basis(waves, 2).lines[1]
    np.testing.assert_allclose(line.get_ydata(), np.cos(2 * np.pi * line.get_xdata()), atol=1e-14)


def test_basis_refuses() -> None:
    with pytest.raises(ValueError, match="give parameters numbers first"):
        plot.basis(symbolic.jacs(sympy.Symbol("b", positive=True)), 1)
    with pytest.raises(TypeError, match=r"measure must be a symbolic\.Measure; got str"):
        plot.basis("legs")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="count must be at least 1; got 0"):
        plot.basis(symbolic.legs, 0)
