r"""Scharfetter-Gummel rates: on a grid, a Fokker-Planck equation is a Markov chain that hops between cells.

The Ito equation :math:`\partial_t p = -\partial_x J`, :math:`J = f p - \partial_x (D p)`, :math:`D = g^2/2`,
is :math:`J = (f/D) u - u'` in :math:`u = D p`. With f/D frozen between two centres the flux is exact [1]_:

.. math:: J = \frac{B(-\mathrm{Pe})\, D_i p_i - B(\mathrm{Pe})\, D_{i+1} p_{i+1}}{\Delta c}, \qquad
          \mathrm{Pe} = \frac{f\,\Delta c}{D}, \qquad B(z) = \frac{z}{e^z - 1}.

All rates are nonnegative, and every column of the generator sums to the rate of leaving through an absorbing
end, so every backward Euler step is positive and conservative. Stratonovich drifts get :math:`g g'/2 = D'/2`.

.. [1] Scharfetter & Gummel (1969), IEEE Trans. Electron Devices 16, 64-77; Chang & Cooper (1970), J. Comput.
   Phys. 6, 1-16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.callables import check_result, guarded
from diffmath._arrays.diffusion_shape import full_diffusion
from diffmath._arrays.models import SDE
from diffmath._core.numbers import check_number
from diffmath.fokker_planck._edges import refuse_singular_edges
from diffmath.fokker_planck._grid import Grid, Vector, check_grid
from diffmath.sde import as_sde

__all__ = ["Rates", "bernoulli", "check_edges", "rates", "stationary"]


@dataclass(frozen=True, eq=False)
class Rates:
    """Hopping rates: `up` from cell i to i + 1, `down` from i + 1 to i, `out` of the two ends."""

    up: Vector
    down: Vector
    out: tuple[float, float]
    peclet: float

    def flux(self, mass: Vector) -> Vector:
        """Probability per time through every edge, positive to the right, shape (cells + 1,)."""
        inner = self.up * mass[:-1] - self.down * mass[1:]
        return np.concatenate([[-self.out[0] * mass[0]], inner, [self.out[1] * mass[-1]]])

    def bands(self, dt: float) -> Vector:
        """Return I - dt Q in the banded storage of `scipy.linalg.solve_banded`, shape (3, cells)."""
        matrix = np.zeros((3, len(self.up) + 1))
        matrix[0, 1:] = -dt * self.down
        matrix[1, :] = 1.0
        matrix[1, :-1] += dt * self.up
        matrix[1, 1:] += dt * self.down
        matrix[1, [0, -1]] += dt * np.array(self.out)
        matrix[2, :-1] = -dt * self.up
        return matrix


def rates(model: SDE, grid: Grid, t: float, direction: float = 1.0) -> Rates:
    """Return the hopping rates of a one-dimensional SDE at time t; direction -1 for decreasing time."""
    edges, widths, gaps = grid.edges[0], grid.widths, np.diff(grid.centers)
    velocity, diffusivity = direction * _drift(model, t, edges), _diffusivity(model, t, grid.centers)
    left, right = diffusivity[:-1], diffusivity[1:]
    # The mean of the neighbours, not D at the edge: D_i / D <= 2 holds even if g has a zero.
    between = 0.5 * (left + right)
    inner = velocity[1:-1] + (0.5 * (right - left) / gaps if model.calculus == "stratonovich" else 0.0)
    up, down, peclet = _hop(inner, between, gaps)
    ratio = np.divide(left, between, out=np.ones_like(left), where=between > 0)
    return Rates(
        up=ratio * up / widths[:-1],
        down=(2.0 - ratio) * down / widths[1:],
        out=_absorbed(model, grid, t, velocity, diffusivity),
        peclet=float(np.max(peclet)),
    )


def check_edges(model: SDE, grid: Grid, t: float, direction: float = 1.0) -> None:
    """Refuse a grid at whose end the diffusion vanishes and the density may be singular."""
    refuse_singular_edges(
        lambda points: direction * _drift(model, t, points),
        lambda points: _diffusivity(model, t, points),
        grid,
        t,
        stratonovich=model.calculus == "stratonovich",
    )


def _absorbed(model: SDE, grid: Grid, t: float, velocity: Vector, diffusivity: Vector) -> tuple[float, float]:
    """Rates of leaving the end cells: p = 0 at the edge, half a cell from the centre (second order)."""
    ends, half = [0, -1], 0.5 * grid.widths[[0, -1]]
    outward = np.array([-1.0, 1.0])
    speed, inside = outward * velocity[ends], diffusivity[ends]
    if model.calculus == "stratonovich":
        speed = speed + 0.5 * (_diffusivity(model, t, grid.edges[0][ends]) - inside) / half
    out, _, _ = _hop(speed, inside, half)
    absorbing = np.array([kind == "absorbing" for kind in grid.boundary[0]])
    low, high = np.where(absorbing, out / (2.0 * half), 0.0)
    return float(low), float(high)


def _hop(velocity: Vector, diffusivity: Vector, distance: Vector) -> tuple[Vector, Vector, Vector]:
    """Return D B(-Pe) / d, D B(Pe) / d and abs(Pe), by B(-z) = z + B(z); this is upwinding if D is 0."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        peclet = np.abs(velocity) * distance / diffusivity
    peclet = np.where(velocity == 0.0, 0.0, peclet)
    spread = diffusivity / distance * bernoulli(peclet)
    return np.maximum(velocity, 0.0) + spread, np.maximum(-velocity, 0.0) + spread, peclet


def bernoulli(z: Vector) -> Vector:
    """B(z) = z / (exp(z) - 1) for z >= 0, up to infinity, without cancellation."""
    safe = np.where(z == 0.0, 1.0, np.minimum(z, 700.0))
    value: Vector = np.where(z == 0.0, 1.0, np.where(z < 700.0, safe / np.expm1(safe), 0.0))
    return value


def _drift(model: SDE, t: float, points: Vector) -> Vector:
    x = points[:, None]
    f = check_result("drift(t, x)", guarded(model.drift, "drift", t, t, x.copy()), x)
    return _finite("drift", t, points, f[:, 0])


def _diffusivity(model: SDE, t: float, points: Vector) -> Vector:
    """D = g g^T / 2 at given points, for elementwise g or g as a row of a matrix."""
    x = points[:, None]
    g: Any = guarded(model.diffusion, "diffusion", t, t, x.copy())
    g = full_diffusion(g, x, model.noise, model.noise_dim)
    matrix = getattr(g, "ndim", 2) == 3
    check_result("diffusion(t, x)", g, x, (*x.shape, g.shape[2]) if matrix else None)
    _finite(
        "diffusion", t, points, np.sum(np.abs(g), axis=-1) if not matrix else np.sum(np.abs(g), axis=(1, 2))
    )
    return np.asarray(0.5 * np.sum(g * g, axis=(1, 2) if matrix else 1), dtype=np.float64)


def _finite(role: str, t: float, points: Vector, values: Vector) -> Vector:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{role}(t, x) must be finite on the grid; it is {values[bad[0]]} at t={t:g}, "
            f"x={points[bad[0]]:g}"
        )
    return np.asarray(values, dtype=np.float64)


def stationary(model: SDE | Any, grid: Grid, *, t: float = 0.0) -> Vector:
    r"""Return the stationary density of the scheme, by detailed balance.

    .. math:: m_{i+1} / m_i = r_{i \to i+1} / r_{i+1 \to i}

    Parameters
    ----------
    model : SDE or symbolic.SDE
        One-dimensional; its coefficients are frozen at time t.
    grid : Grid
        With reflecting boundaries.
    t : float
        Time at which the coefficients are taken.

    Returns
    -------
    numpy.ndarray, shape (cells,)
        Densities whose mass is 1.

    Raises
    ------
    TypeError
        An argument of the wrong kind.
    ValueError
        An absorbing boundary, rates that overflow, a cell that the chain can leave but not enter, or a
        diffusion that vanishes at an edge where the density may be singular.

    Notes
    -----
    Second order in the cell width. The density is a product of rate ratios, computed in logarithms: no linear
    solve is needed, and tails keep their relative accuracy.

    Examples
    --------
    >>> from diffmath import fokker_planck as fp, sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> grid = fp.Grid.uniform((-5, 5), 200)
    >>> p = fp.stationary(ou, grid)
    >>> float(round(sum(p * grid.widths * grid.centers**2), 3))
    0.5
    """
    model, grid, t = as_sde(model), check_grid(grid), check_number("t", t)
    with np.errstate(all="ignore"):
        chain = rates(model, grid, t)
        check_edges(model, grid, t)
    if "absorbing" in grid.boundary[0]:
        raise ValueError("stationary needs reflecting boundaries; an absorbing one lets all mass out")
    if not (np.isfinite(chain.up).all() and np.isfinite(chain.down).all()):
        raise ValueError(f"the rates overflow at t={t:g}: rescale x or t")
    if min(chain.up.min(), chain.down.min()) <= 0.0:
        raise ValueError(
            "stationary needs positive rates both ways between all cells; the diffusion is zero, or so small "
            f"that the cell Peclet number is {chain.peclet:.2g}: refine the grid"
        )
    log_mass = np.concatenate([[0.0], np.cumsum(np.log(chain.up) - np.log(chain.down))])
    with np.errstate(under="ignore"):
        mass = np.exp(log_mass - log_mass.max())
        density: Vector = mass / mass.sum() / grid.widths
    return density
