"""Grids of cells, and densities on them: one number per cell, its average density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from diffmath._arrays.host_numbers import host_times
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number

__all__ = ["Boundary", "Grid", "Vector", "check_grid", "gaussian"]

Boundary = Literal["reflecting", "absorbing"]
Vector: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of a Fokker-Planck equation: edges per axis, and the boundary conditions at both ends of each.

    Make one with `Grid.uniform` or `Grid.from_edges`. One axis in this version.

    Parameters
    ----------
    edges : tuple of numpy.ndarray
        Per axis, the increasing cell edges, shape (cells + 1,), host float64.
    boundary : tuple of (str, str)
        Per axis, the kinds of the lower and of the upper end: "reflecting" lets no probability out,
        "absorbing" removes all probability that reaches it.

    Raises
    ------
    ValueError
        Edges that do not increase or are not finite, fewer than two cells, more than one axis, or an unknown
        boundary.

    Notes
    -----
    Grids and densities are host NumPy float64 by design: one axis is small, and stiff systems need double
    precision.

    Examples
    --------
    >>> from diffmath import fokker_planck as fp
    >>> fp.Grid.uniform((-4, 4), 400)
    Grid([-4, 4], 400 cells, reflecting)
    """

    edges: tuple[Vector, ...]
    boundary: tuple[tuple[Boundary, Boundary], ...] = (("reflecting", "reflecting"),)

    def __post_init__(self) -> None:
        if len(self.edges) != 1 or len(self.boundary) != 1:
            raise ValueError(
                f"a Grid has one axis in this version; got {len(self.edges)} sets of edges and "
                f"{len(self.boundary)} pairs of boundaries"
            )
        edges = _edges(self.edges[0], "edges", 3).copy()
        if edges[0] > edges[-1]:
            raise ValueError(f"edges must increase; got {edges[0]:g} to {edges[-1]:g}: reverse them")
        for kind in self.boundary[0]:
            if kind not in get_args(Boundary):
                raise ValueError(f"boundary must be one of {get_args(Boundary)}; got {kind!r}")
        edges.flags.writeable = False
        object.__setattr__(self, "edges", (edges,))

    @classmethod
    def uniform(
        cls,
        interval: tuple[float, float],
        cells: int,
        *,
        boundary: Boundary | tuple[Boundary, Boundary] = "reflecting",
    ) -> Grid:
        """Return `cells` equal cells on an interval.

        Examples
        --------
        >>> from diffmath import fokker_planck as fp
        >>> fp.Grid.uniform((0, 1), 4, boundary=("absorbing", "reflecting")).centers
        array([0.125, 0.375, 0.625, 0.875])
        """
        ends = _edges(interval, "interval", 2)
        if len(ends) != 2:
            raise ValueError(f"interval must be (low, high); got {len(ends)} numbers")
        edges = np.linspace(ends[0], ends[1], check_count("cells", cells, 2) + 1)
        return cls.from_edges(edges, boundary=boundary)

    @classmethod
    def from_edges(
        cls, edges: npt.ArrayLike, *, boundary: Boundary | tuple[Boundary, Boundary] = "reflecting"
    ) -> Grid:
        """Return a grid with these cell edges, for instance with smaller cells where the density is narrow.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import fokker_planck as fp
        >>> fp.Grid.from_edges(np.sinh(np.linspace(-4, 4, 201)))
        Grid([-27.2899, 27.2899], 200 cells, reflecting)
        """
        pair = (boundary, boundary) if isinstance(boundary, str) else tuple(boundary)
        if len(pair) != 2:
            raise ValueError(f"boundary must be a kind or a pair (lower, upper); got {len(pair)} kinds")
        return cls((_edges(edges, "edges", 3),), (pair,))

    @property
    def centers(self) -> Vector:
        """Centres of the cells, shape (cells,)."""
        return 0.5 * (self.edges[0][1:] + self.edges[0][:-1])

    @property
    def widths(self) -> Vector:
        """Widths of the cells, shape (cells,)."""
        return np.diff(self.edges[0])

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.edges[0]) - 1

    def __repr__(self) -> str:
        low, high = self.boundary[0]
        kinds = low if low == high else f"{low} | {high}"
        return f"Grid([{self.edges[0][0]:g}, {self.edges[0][-1]:g}], {self.cells} cells, {kinds})"


def _edges(values: Any, name: str, least: int) -> Vector:
    """Return increasing or decreasing coordinates on one axis, or refuse them by name."""
    shape = np.shape(values)
    if len(shape) == 2:
        raise ValueError(
            f"{name} must be those of one axis, a vector; got shape {shape}: a Grid has one axis in this "
            "version"
        )
    return host_times(values, name, min_length=least, what="numbers" if name == "interval" else "edges")


def check_grid(grid: Any) -> Grid:
    """Return a grid, or refuse anything else."""
    if not isinstance(grid, Grid):
        raise TypeError(f"grid must be a Grid; got {type(grid).__name__}: make one with Grid.uniform")
    return grid


def gaussian(grid: Grid, mean: float, std: float) -> Vector:
    r"""Return the cell averages of a normal density.

    .. math:: p_i = \frac{\Phi(z_{i+1}) - \Phi(z_i)}{w_i}, \qquad z_i = \frac{e_i - \mu}{\sigma}

    Parameters
    ----------
    grid : Grid
        The cells, edges e and widths w.
    mean, std : float
        Mean and standard deviation.

    Returns
    -------
    numpy.ndarray, shape (cells,)
        Densities whose mass is 1.

    Raises
    ------
    TypeError
        An argument of the wrong kind.
    ValueError
        `std` is not positive and finite, `mean` is not finite, or more than 1e-6 of the mass lies outside.

    Notes
    -----
    The averages are exact, not values at the centres, so a standard deviation far below the cell width is
    fine.

    Examples
    --------
    >>> from diffmath import fokker_planck as fp
    >>> fp.gaussian(fp.Grid.uniform((-8, 8), 4), mean=0.0, std=1.0).round(6)
    array([8.00000e-06, 1.24992e-01, 1.24992e-01, 8.00000e-06])
    """
    grid, mean, std = check_grid(grid), check_number("mean", mean), check_number("std", std)
    if not (np.isfinite(std) and std > 0):
        raise ValueError(f"std must be positive and finite; got {std}")
    if not np.isfinite(mean):
        raise ValueError(f"mean must be finite; got {mean}")
    z = (grid.edges[0] - mean) / std
    low, high = z[:-1], z[1:]
    # Use the nearer tail, so that small masses keep their relative accuracy.
    mass = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    inside = float(mass.sum())
    if inside < 1 - 1e-6:
        raise ValueError(
            f"the grid must hold all but 1e-6 of N({mean:g}, {std:g}^2); {1 - inside:.2g} lies outside "
            f"[{grid.edges[0][0]:g}, {grid.edges[0][-1]:g}]: widen it"
        )
    with np.errstate(under="ignore"):
        density: Vector = mass / inside / grid.widths
    return density
