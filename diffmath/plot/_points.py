"""Points in the plane: densities as contours, samples on top, and their trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.fokker_planck import DensitySolution
from diffmath.plot._style import COLORS, CYCLE, Axes, host, new_axes, tidy

__all__ = ["density", "samples", "trajectories"]

HostArray = npt.NDArray[Any]


def density(
    x: Array | DensitySolution,
    y: Array | None = None,
    p: Array | None = None,
    *,
    ax: Axes | None = None,
    masses: tuple[float, ...] = (0.95, 0.8, 0.6, 0.4, 0.2),
    cmap: str = "Blues",
    title: str = "",
) -> Axes:
    """Draw a density in the plane by contours that enclose given masses, or on a line by curves.

    Parameters
    ----------
    x, y : array, shape (nx,) and (ny,)
        Equally spaced positions. Or only `x`, the result of `fokker_planck.solve`: one curve per time, at
        most six, including the first and the last.
    p : array, shape (nx, ny)
        Density at these positions, in any unit.
    ax, title
        As in `reconstruction`.
    masses : tuple of float
        Enclosed masses, decreasing: the outermost contour encloses the first.
    cmap : str
        Name of a Matplotlib colour map.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Positions without a density, or a solution together with positions or a density.
    ValueError
        A density whose shape does not match the positions.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import plot
    >>> z = np.linspace(-3, 3, 31)
    >>> ax = plot.density(z, z, np.exp(-(z[:, None] ** 2 + z**2) / 2))
    """
    if isinstance(x, DensitySolution):
        if y is not None or p is not None:
            raise TypeError("a solution of fokker_planck.solve is drawn by itself; got y or p as well")
        return _curves(x, ax, title)
    if y is None or p is None:
        raise TypeError("density takes x, y and p, or only a solution of fokker_planck.solve")
    xs, ys, values = host("x", x, (1,)), host("y", y, (1,)), host("p", p, (2,))
    if values.shape != (len(xs), len(ys)):
        raise ValueError(f"p must have shape (nx, ny) = ({len(xs)}, {len(ys)}); got {values.shape}")
    ax = new_axes(ax, width=5.0, height=4.6)
    levels = [*_levels_of_mass(values, masses), values.max()]
    ax.contourf(xs, ys, values.T, levels=levels, cmap=cmap, alpha=0.85)
    ax.contour(xs, ys, values.T, levels=levels[:-1], colors="white", linewidths=0.6)
    ax.set_aspect("equal")
    return tidy(ax, title=title)


def _curves(solution: DensitySolution, ax: Axes | None, title: str) -> Axes:
    """Draw the density at each time, at most six times."""
    shown = np.unique(np.linspace(0, len(solution.t) - 1, min(len(solution.t), 6)).round().astype(int))
    ax = new_axes(ax)
    for i, k in enumerate(shown.tolist()):
        label = f"t = {solution.t[k]:g}"
        ax.plot(solution.grid.centers, solution.p[k], color=CYCLE[i % len(CYCLE)], lw=1.6, label=label)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=9)
    if not solution.success:
        title = f"{title} (stopped: {solution.status})".strip()
    return tidy(ax, title=title, xlabel="x", ylabel="density")


def _levels_of_mass(p: HostArray, masses: tuple[float, ...]) -> list[float]:
    """Density on the boundary of the smallest region that holds each of the masses, increasing."""
    ordered = np.sort(p.ravel())[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    found = ordered[np.searchsorted(mass, sorted(masses, reverse=True))]
    return [float(level) for level in np.unique(found) if level < ordered[0]]


def samples(
    x: Array,
    *,
    data: Array | None = None,
    ax: Axes | None = None,
    title: str = "",
    label: str = "samples",
    size: float = 4.0,
    color: str = COLORS["red"],
) -> Axes:
    """Draw samples: a histogram in 1-D, points in 2-D, the first two principal components beyond.

    Parameters
    ----------
    x : array, shape (n, dim)
    data : array, shape (m, dim), optional
        Points to compare with; the principal components are computed from them.
    ax, title
        As in `reconstruction`.
    label : str
        Name of the samples.
    size : float
        Area of a point, in points squared.
    color : str
        Colour of the samples.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        Samples and data of different dimensions, or not (n, dim).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import plot
    >>> plot.samples(np.eye(3)).get_xlabel()
    'first principal component'
    """
    points = host("x", x, (2,))
    known = None if data is None else host("data", data, (2,))
    if known is not None and known.shape[1] != points.shape[1]:
        raise ValueError(
            f"x and data must have one dimension; got {points.shape[1]} and {known.shape[1]} columns"
        )
    if points.shape[1] == 1:
        return _bars(points, known, ax, title, label, color)
    names = ("x[0]", "x[1]")
    if points.shape[1] > 2:
        names = ("first principal component", "second principal component")
        points, known = _principal(points, known)
    ax = new_axes(ax, width=5.0, height=4.6)
    ax.scatter(points[:, 0], points[:, 1], s=size, color=color, lw=0, alpha=0.5, label=label)
    if known is not None:
        # Data on top: they are fewer, and show where the samples should be.
        ax.scatter(known[:, 0], known[:, 1], s=size, color=COLORS["ink"], lw=0, alpha=0.8, label="data")
        ax.legend(frameon=False, fontsize=9, markerscale=2.5)
    ax.set_aspect("equal")
    return tidy(ax, title=title, xlabel=names[0], ylabel=names[1])


def _bars(
    points: HostArray, known: HostArray | None, ax: Axes | None, title: str, label: str, color: str
) -> Axes:
    ax = new_axes(ax)
    if known is not None:
        ax.hist(known.ravel(), bins=60, density=True, color=COLORS["grey"], alpha=0.5, label="data")
    ax.hist(points.ravel(), bins=60, density=True, histtype="step", color=color, lw=1.6, label=label)
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, xlabel="x[0]", ylabel="density")


def _principal(points: HostArray, known: HostArray | None) -> tuple[HostArray, HostArray | None]:
    """Coordinates along the two directions of largest variance of the data (of the points if no data)."""
    base = points if known is None else known
    axes = np.linalg.svd(base - base.mean(axis=0), full_matrices=False)[2][:2]
    # A single row has only one direction; the second coordinate is then zero.
    axes = np.vstack([axes, np.zeros((2 - len(axes), points.shape[1]))])
    centre = base.mean(axis=0)
    return (points - centre) @ axes.T, None if known is None else (known - centre) @ axes.T


def trajectories(
    result: Solution, *, rows: int = 40, ax: Axes | None = None, title: str = "", color: str = COLORS["ink"]
) -> Axes:
    """Draw the paths of two-dimensional states in the plane, with a dot at each end.

    Parameters
    ----------
    result : Solution
        With states of shape (times, batch, 2).
    rows : int
        Maximum number of rows to draw; the first rows are drawn.
    ax, title
        As in `reconstruction`.
    color : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        States that are not two-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import Solution, plot
    >>> ax = plot.trajectories(Solution(t=np.linspace(1, 0, 3), x=np.zeros((3, 5, 2))))
    >>> len(ax.lines)
    5
    """
    x = host("solution.x", result.x, (3,))
    if x.shape[2] != 2:
        raise ValueError(f"trajectories draws states of two components; got shape {x.shape}")
    ax = new_axes(ax, width=5.0, height=4.6)
    shown = x[:, :rows]
    ax.plot(shown[:, :, 0], shown[:, :, 1], color=color, lw=0.7, alpha=0.7)
    ax.scatter(
        shown[-1, :, 0], shown[-1, :, 1], s=14, color=COLORS["red"], edgecolor="white", lw=0.5, zorder=3
    )
    ax.set_aspect("equal")
    return tidy(ax, title=title, xlabel="x[0]", ylabel="x[1]")
