r"""Densities over time: extrapolated backward Euler steps, limited so that no density becomes negative.

One step of length h makes a full backward Euler step A and two half steps B, all with M-matrices, hence
positive. The extrapolation 2 B - A has order 2. Its difference from B is a flux G through the edges of the
cells, which is scaled down if it would empty a cell (flux-corrected transport [1]_). The result is positive,
conservative by construction, of order 2 for smooth densities, and damps stiff modes.

.. [1] Zalesak (1979), J. Comput. Phys. 31, 335-362; extrapolation: Hairer & Wanner (1996), section IV.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_numbers import check_host, host_times
from diffmath._arrays.models import SDE
from diffmath._core.counts import check_count
from diffmath._core.html import html_report
from diffmath._core.numbers import check_number
from diffmath._core.solution import Status, check_on_failure, finish
from diffmath.fokker_planck._euler import backward_euler, limited
from diffmath.fokker_planck._grid import Grid, Vector, check_grid
from diffmath.fokker_planck._scheme import Rates, check_edges, rates
from diffmath.sde import as_sde

__all__ = ["DensitySolution", "solve"]


@dataclass(frozen=True, eq=False)
class DensitySolution:
    """Densities at the saved times, the probability that left the grid, and the status of the solve.

    Parameters
    ----------
    t : numpy.ndarray, shape (times,)
        Times of the densities (a valid prefix of the requested times if the solve failed).
    p : numpy.ndarray, shape (times, cells)
        Average densities of the cells.
    mass : numpy.ndarray, shape (times,)
        Probability on the grid.
    outflow : numpy.ndarray, shape (times, 2)
        Probability absorbed so far at the lower and at the upper end; it does not decrease.
    status : {"ok", "max_steps", "step_too_small", "nonfinite"}
        How the solve ended.
    message : str
        Empty on success, otherwise the failure and its remedy.
    stats : mapping
        `steps`, `rejected` steps, and `max_peclet`, the largest cell Peclet number. If it is far above 2, the
        scheme stays positive but has the numerical diffusion of upwinding.
    grid : Grid
        The cells.

    Notes
    -----
    `check_samples` and ``plot.density`` accept it directly.

    Examples
    --------
    >>> from diffmath import fokker_planck as fp, sde
    >>> motion = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> grid = fp.Grid.uniform((-5, 5), 100)
    >>> fp.solve(motion, fp.gaussian(grid, mean=0.0, std=0.5), [0.0, 0.1], grid, steps=4)
    DensitySolution(ok, t: 0 -> 0.1 (2 times), p: (2, 100), steps=4, rejected=0, max_peclet=0)
    """

    t: Vector
    p: Vector
    mass: Vector
    outflow: Vector
    status: Status
    message: str
    stats: Mapping[str, Any]
    grid: Grid

    @property
    def success(self) -> bool:
        """Whether the last time was reached."""
        return self.status == "ok"

    def __repr__(self) -> str:
        stats = "".join(f", {name}={value:.3g}" for name, value in self.stats.items())
        message = f", message={self.message!r}" if self.message else ""
        times = f"{self.t[0]:g} -> {self.t[-1]:g} ({len(self.t)} times)"
        return f"DensitySolution({self.status}, t: {times}, p: {self.p.shape}{stats}{message})"

    def _repr_html_(self) -> str:
        rows = [("t", f"{self.t[0]:g} to {self.t[-1]:g}, {len(self.t)} times"), ("p", f"{self.p.shape}"),
                ("grid", repr(self.grid)), ("mass at the end", f"{self.mass[-1]:.6g}")]  # fmt: skip
        rows += [(name, f"{value:.3g}") for name, value in self.stats.items()]
        return html_report(f"DensitySolution: {self.status}", rows, note=self.message)


def solve(
    model: SDE | Any,
    p0: npt.ArrayLike,
    times: npt.ArrayLike,
    grid: Grid,
    *,
    tolerance: float = 1e-5,
    steps: int | None = None,
    max_steps: int = 100_000,
    on_failure: Literal["raise", "return"] = "raise",
) -> DensitySolution:
    r"""Solve the Fokker-Planck equation of a one-dimensional SDE.

    .. math:: \partial_t p = -\partial_x (f p) + \partial_x^2 (D p), \qquad D = g^2 / 2 \quad \text{(Ito)}

    Parameters
    ----------
    model : SDE or symbolic.SDE
        One-dimensional; Ito or Stratonovich, any noise.
    p0 : array_like, shape (cells,)
        Average densities of the cells at ``times[0]``, nonnegative; usually of mass 1.
    times : array_like, shape (times,)
        Increasing; or decreasing, for the law of ``sde.solve`` with decreasing times (a reverse-time
        equation).
    grid : Grid
        The cells and boundaries.
    tolerance : float
        Largest L1 difference between one backward Euler step and two half steps, relative to the mass. The L1
        error in time at the end is of this size.
    steps : int, optional
        Equal steps between neighbouring times instead of steps chosen by `tolerance`.
    max_steps : int
        Maximum number of steps in total, accepted and rejected.
    on_failure : {"raise", "return"}
        What to do when `max_steps` is reached: raise `SolveError`, or return the valid prefix.

    Returns
    -------
    DensitySolution
        Host float64; ``p`` has shape (times, cells).

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind or value; coefficients that are not finite on the grid, or not those of
        a one-dimensional SDE; a diffusion that vanishes at an edge where the density may be singular (square
        root diffusions with 2 f / (g^2)' < 1, for instance): the message contains a grid that resolves it.
    SolveError
        `max_steps` was reached, the step became too small, or the rates overflow; the valid prefix is
        attached.

    Notes
    -----
    Order 2 in the cell width (1 if the cell Peclet number is far above 2) and order 2 in time, for
    coefficients that may depend on time. Densities are never negative, and mass changes only by rounding and
    by absorption at an absorbing end. A step costs three tridiagonal solves.

    References
    ----------
    .. [1] Scharfetter & Gummel (1969), IEEE Trans. Electron Devices 16, 64-77.
    .. [2] Chang & Cooper (1970), J. Comput. Phys. 6, 1-16.

    Examples
    --------
    >>> from diffmath import fokker_planck as fp, sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> grid = fp.Grid.uniform((-5, 5), 400)
    >>> density = fp.solve(ou, fp.gaussian(grid, mean=1.0, std=0.2), [0.0, 0.5, 2.0], grid)
    >>> round(float(density.p[-1] @ (grid.widths * grid.centers)), 3)  # exp(-2) = 0.135
    0.135
    """
    check_on_failure(on_failure)
    clock, mass = host_times(times), _initial_mass(p0, check_grid(grid))
    check_count("max_steps", max_steps, 1)
    if steps is not None:
        check_count("steps", steps, 1)
    if not 0 < check_number("tolerance", tolerance) < 1:
        raise ValueError(f"tolerance must be between 0 and 1; got {tolerance}")
    model, direction = as_sde(model), math.copysign(1.0, clock[1] - clock[0])
    with np.errstate(all="ignore"):
        for t in (float(clock[0]), float(clock[-1])):
            check_edges(model, grid, t, direction)
    march = _March(model, grid, direction, tolerance, steps, max_steps)
    saved = [(mass, np.zeros(2)), *march.intervals(clock, mass)]
    with np.errstate(under="ignore"):
        p = np.stack([m for m, _ in saved]) / grid.widths
    solution: Any = DensitySolution(
        t=clock[: len(saved)],
        p=p,
        mass=np.array([m.sum() for m, _ in saved]),
        outflow=np.stack([out for _, out in saved]),
        status=march.status,
        message=march.message,
        stats={"steps": march.accepted, "rejected": march.rejected, "max_peclet": march.peclet},
        grid=grid,
    )
    finish(solution, on_failure)
    return cast(DensitySolution, solution)


def _initial_mass(p0: npt.ArrayLike, grid: Grid) -> Vector:
    check_host("p0", p0)
    p = np.asarray(p0)
    if p.dtype.kind not in "fiu":
        raise TypeError(f"p0 must hold real numbers; got dtype {p.dtype}")
    if p.shape != (grid.cells,):
        raise ValueError(f"p0 must have one density per cell, shape ({grid.cells},); got {p.shape}")
    bad = np.flatnonzero(~(np.isfinite(p) & (p >= 0)))
    if bad.size:
        raise ValueError(f"p0 must be finite and nonnegative; p0[{bad[0]}] is {p[bad[0]]}")
    if not p.any():
        raise ValueError("p0 must have mass; all densities are 0")
    with np.errstate(under="ignore"):
        mass: Vector = np.asarray(p, dtype=np.float64) * grid.widths
    return mass


@dataclass
class _March:
    """The time loop: chooses and counts steps, and records how it ended."""

    model: SDE
    grid: Grid
    direction: float
    tolerance: float
    steps: int | None
    max_steps: int
    accepted: int = 0
    rejected: int = 0
    peclet: float = 0.0
    status: Status = "ok"
    message: str = ""

    def intervals(self, clock: Vector, mass: Vector) -> Iterator[tuple[Vector, Vector]]:
        """Iterate over (masses, outflow so far) at clock[1], clock[2], ..., until the solve ends or fails."""
        out, scale = np.zeros(2), float(mass.sum())
        h = abs(float(clock[1] - clock[0])) / 100.0  # a guess, corrected by the controller in a few steps
        for start, end in zip(clock[:-1].tolist(), clock[1:].tolist(), strict=True):
            length = abs(end - start)
            s = 0.0
            if self.steps is not None:
                h = length / self.steps
            while s < length:
                left = length - s
                taken = left if left <= h * (1 + 1e-9) else left / math.ceil(left / h - 1e-9)
                if self._give_up(start, start + self.direction * s, taken):
                    return
                # An overflow is detected below by the error and reported; tails may underflow.
                with np.errstate(all="ignore"):
                    new, flux, error = self._step(start, s, taken, mass)
                error /= scale
                if not math.isfinite(error):
                    self.status = "nonfinite"
                    self.message = f"the rates overflow at t={start + self.direction * s:g}: rescale x or t"
                    return
                if self.steps is None:
                    h = taken * min(5.0, max(0.2, 0.9 * math.sqrt(self.tolerance / max(error, 1e-300))))
                    if error > self.tolerance:
                        self.rejected += 1
                        continue
                mass, out, s = new, out + [-flux[0], flux[-1]], length if taken == left else s + taken
                self.accepted += 1
            yield mass, out

    def _give_up(self, start: float, t: float, taken: float) -> bool:
        if taken < 16 * np.spacing(max(abs(start), abs(t))) and self.steps is None:
            self.status = "step_too_small"
            self.message = (
                f"the step, {taken:.2g}, fell below the resolution of time at t={t:g}: use a larger "
                f"tolerance (now {self.tolerance:g}), or shift time towards 0"
            )
        elif self.accepted + self.rejected >= self.max_steps:
            self.status = "max_steps"
            self.message = (
                f"max_steps={self.max_steps} was reached at t={t:g}: allow more, or use a larger tolerance "
                f"(now {self.tolerance:g})"
            )
        return self.status != "ok"

    def _step(self, start: float, s: float, h: float, mass: Vector) -> tuple[Vector, Vector, float]:
        """One extrapolated step: new masses, the mass that crossed every edge, and the error of B."""
        middle, end = self._rates(start, s + 0.5 * h), self._rates(start, s + h)
        full, full_flux = backward_euler(end, h, mass)
        half, first_flux = backward_euler(middle, 0.5 * h, mass)
        both, second_flux = backward_euler(end, 0.5 * h, half)
        crossed = first_flux + second_flux
        correction = crossed - full_flux
        # Absorbed mass does not come back: at the ends the correction returns at most what crossed.
        correction[0], correction[-1] = min(correction[0], -crossed[0]), max(correction[-1], -crossed[-1])
        correction = limited(both, correction)
        return both - np.diff(correction), crossed + correction, float(np.abs(both - full).sum())

    def _rates(self, start: float, s: float) -> Rates:
        found = rates(self.model, self.grid, start + self.direction * s, self.direction)
        self.peclet = max(self.peclet, found.peclet)
        return found
