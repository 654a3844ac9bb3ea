r"""Edges where the diffusion vanishes: detect those that the scheme does not resolve, and refuse them.

Let r be the distance from the edge, f the drift inwards, and :math:`D = g^2/2 \approx D' r`. Near the edge
the stationary density is :math:`r^{c-1}` with Feller's index :math:`c = f / D'` [1]_. For c < 1 it is
unbounded there; equal cells then give the first cell a wrong share of the mass, and more cells do not help.
Measured L1 errors on CIR densities at a reflecting end, with 100 and with 400 cells: 0.30, 0.44 at c = 0.05;
0.18, 0.20 at 0.25; 0.072, 0.055 at 0.5; 0.020, 0.004 at 1.5. At an absorbing end 0 < c < 2 fails: the density
does not vanish there as the scheme assumes (0.066, 0.036 with 50 and 200 cells at 0.5; 0.094, 0.053 at 1.2;
0.026, 0.007 at 2). If D vanishes as r^2, as in geometric Brownian motion, no probability reaches the edge.

.. [1] Feller (1951), Two singular diffusion problems, Ann. Math. 54, 173-182.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diffmath.fokker_planck._grid import Grid, Vector

__all__ = ["refuse_singular_edges"]

# D at the edge below a tenth of D half a cell inside: the first cell holds nearly all of its rise.
_VANISHED = 0.1

# D rises from the edge as r^q; q is computed from D at two distances, which is exact for pure powers.
_QUADRATIC = 1.9

# Below this index more than 1e-8^0.2 = 2.5 % of the mass lies within 1e-8 of the edge.
_GATHERS = 0.2

_Coefficient = Callable[[Vector], Vector]


def refuse_singular_edges(
    drift: _Coefficient, diffusivity: _Coefficient, grid: Grid, t: float, *, stratonovich: bool
) -> None:
    """Refuse a grid at whose end the diffusion vanishes and the density may be singular.

    Parameters
    ----------
    drift, diffusivity : callable
        f and D at given places, in the time direction of the solve.
    grid : Grid
    t : float
        Time, for the message.
    stratonovich : bool
        Whether D'/2 has to be added to the drift.

    Raises
    ------
    ValueError
        The message states the end, the index c, and a grid that resolves it.
    """
    edges, centers = grid.edges[0], grid.centers
    singular = {}
    for side, sign in ((0, 1.0), (-1, -1.0)):
        near = np.array([edges[side], centers[side], edges[side + int(sign)]])
        at, half, full = (float(value) for value in diffusivity(near))
        if not at < _VANISHED * half:
            continue  # D does not vanish here, or it does in the whole first cell
        slope = (half - at) / abs(near[1] - near[0])
        inwards = sign * float(drift(near[:1])[0]) + (0.5 * slope if stratonovich else 0.0)
        steep = full - at < (half - at) * 2.0**_QUADRATIC
        if not _resolved(grid.boundary[0][side], inwards, inwards / slope, steep):
            singular[side] = inwards / slope
    if singular:
        raise ValueError(_refusal(grid, singular, t))


def _resolved(kind: str, inwards: float, index: float, steep: bool) -> bool:
    """Whether the scheme can represent the density at such an end."""
    if kind == "absorbing":
        return not steep or not 0.0 < index < 2.0
    # 0.99: an index of 1 may be smaller after rounding, or if D is not quite linear in the first cell.
    return index >= 0.99 if steep else inwards >= 0.0


def _refusal(grid: Grid, singular: dict[int, float], t: float) -> str:
    side, index = next(iter(singular.items()))
    end, place = ("upper", grid.edges[0][-1]) if side else ("lower", grid.edges[0][0])
    return (
        f"the diffusion must not vanish at an edge ({grid.boundary[0][side]}) where the density may be "
        f"singular; it does at the {end} edge, x={place:g}, at t={t:g}, with 2 f / (g^2)' = {index:.3g}: "
        f"{_advice(grid, singular)}"
    )


def _advice(grid: Grid, singular: dict[int, float]) -> str:
    """Return a grid that starts 1e-8 of its length inside, with less than 1e-8^c of the mass beyond it."""
    if min(singular.values()) < _GATHERS:
        return "the mass concentrates at that edge, and no grid resolves it in this version"
    low, high = (float(grid.edges[0][side]) for side in (0, -1))
    length, points = high - low, grid.cells + 1
    away = f"np.geomspace({1e-8 * length:.3g}, {length:.6g}, {points})"
    if len(singular) == 2:
        cells = f"{low:.6g} + {length:.6g} / (1 + np.exp(-np.linspace(-18, 18, {points})))"
    elif 0 in singular:
        cells = f"{low:.6g} + {away}" if low else away
    else:
        cells = f"{high:.6g} - {away}[::-1]"
    return f"start inside, with cells that grow from there, for instance fp.Grid.from_edges({cells})"
