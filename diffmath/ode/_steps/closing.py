"""Steps whose nodes would leave the solve: another method of the order takes them, with nodes in [0, 1].

A node c beyond 1 (or below 0) makes a method ask for f past the end of its step. Between the ends of a solve
that is harmless; past them, f may not exist. Rows that are not at an end take the step of their own method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import Tolerance
from diffmath._stepping.dynamics import Dynamics
from diffmath.ode._explicit import Method
from diffmath.ode._steps.trial import Trial, choose, send, trier

__all__ = ["bounded_trier", "closing", "leaving", "nodes"]

# A node within this of [0, 1] has been rounded; what it asks for is clamped.
_ROUNDED = 1e-9


def nodes(method: Any) -> list[float]:
    """Return the fractions of a step at which a method asks for f, as far as its tableau tells."""
    tableau: Any = getattr(method, "tableau", None)
    if hasattr(tableau, "alpha"):
        return [float(sum(map(float, row))) for row in tableau.alpha]
    if hasattr(tableau, "kicks"):
        return list(_splitting_nodes(tableau.steps))
    return [float(value) for value in getattr(tableau, "c", None) or ()]


def closing(method: Any) -> Method | None:
    """Return what takes the steps of `method` that would leave the solve; None where no step can.

    None also where no method of the order is known: then f is asked at the end of the solve instead.
    """
    fractions = nodes(method)
    if all(-_ROUNDED <= fraction <= 1 + _ROUNDED for fraction in fractions):
        return None
    return next((other for other in _candidates(method) if other.order >= method.order), None)


def bounded_trier(f: Dynamics, method: Method, x: Array, tolerance: Tolerance | None, per_row: bool) -> Any:
    """Return what tries steps of `method` on arrays like x, and never leaves the bounds of f."""
    plain = trier(f, method, x, tolerance, per_row)
    other = closing(method)
    if other is None:
        return plain
    return _Bounded(f, nodes(method), plain, trier(f, other, x, tolerance, per_row), per_row)


class _Bounded:
    """Try a step by the method itself, or by the closing one in rows whose nodes would leave the solve."""

    def __init__(self, f: Dynamics, fractions: list[float], plain: Any, other: Any, per_row: bool) -> None:
        self._f, self._plain, self._other, self._per_row = f, plain, other, per_row
        self._ends = np.array([[min(fractions)], [max(fractions)]])

    def __call__(self, t: Rows, dt: Rows, x: Array, slope: Any) -> Trial:
        leaves = _leaves(self._ends, t, dt, self._f.bounds)
        if not leaves.any():
            trial = self._plain(t, dt, x, slope)
            trial.maker = self._plain
        elif (leaves | (dt == 0)).all():
            trial = self._other(t, dt, x, slope)
            trial.maker = self._other
        else:
            trial = self._both(leaves, t, dt, x, slope)
        return trial  # type: ignore[no-any-return]

    def _both(self, leaves: Mask, t: Rows, dt: Rows, x: Array, slope: Any) -> Trial:
        f = self._f
        start, before = f.calls, f.spared
        own = self._plain(t, np.where(leaves, 0.0, dt), x, slope)
        unsolved, f.spared = f.unsolved, np.where(leaves, before + (f.calls - start), f.spared)
        start, before = f.calls, f.spared
        other = self._other(t, np.where(leaves, dt, 0.0), x, slope)
        f.spared = np.where(leaves, f.spared, before + (f.calls - start))
        if unsolved is not None and f.unsolved is not None:
            f.unsolved = np.where(leaves, f.unsolved, unsolved)
        x_new = choose(leaves, other.x, own.x)
        found = Trial(x_new, np.where(leaves, other.error, own.error), None, (own, other, leaves), maker=self)
        if own.slope is not None:
            found.slope = choose(leaves, self._slope(other, leaves, t, dt), own.slope)
        return found

    def _slope(self, trial: Trial, leaves: Mask, t: Rows, dt: Rows) -> Array:
        """The slope at the end of a closing step; its rows pay for it where the method does not know it."""
        if trial.slope is not None:
            return trial.slope
        f = self._f
        slope = f(send(np.where(leaves, t + dt, t), trial.x, self._per_row), trial.x)
        f.spared = f.spared + ~leaves
        return slope

    def inside(self, trial: Trial, t: Rows, dt: Rows, x: Array, slope: Any) -> Any:
        """Return the state inside a step, by the method that took it in every row."""
        if trial.maker is not self:
            return trial.maker.inside(trial, t, dt, x, slope)
        own, other, leaves = trial.stages
        first = self._plain.inside(own, t, np.where(leaves, 0.0, dt), x, slope)
        second = self._other.inside(other, t, np.where(leaves, dt, 0.0), x, slope)

        def at(rows: Any, theta: Rows) -> Array:
            return choose(leaves[rows], second(rows, theta), first(rows, theta))

        return at


def leaving(method: Any, t: Rows, dt: Rows, bounds: tuple[float, float]) -> Mask:
    """Return which steps of a clock `closing` takes."""
    if closing(method) is None:
        return np.zeros(t.shape, dtype=bool)
    fractions = nodes(method)
    ends = np.array([min(fractions), max(fractions)]).reshape(2, *(1,) * t.ndim)
    return _leaves(ends, t, dt, bounds)


def _leaves(ends: Rows, t: Rows, dt: Rows, bounds: tuple[float, float]) -> Mask:
    reach = t + ends * dt
    return np.asarray((reach.min(axis=0) < bounds[0]) | (reach.max(axis=0) > bounds[1]))


def _splitting_nodes(steps: Any) -> Iterator[float]:
    """How far the other half of the state has come at every drift and kick."""
    come = {"A": 0.0, "B": 0.0}
    for letter, share in steps:
        yield come["B" if letter == "A" else "A"]
        come[letter] += float(share)


def _candidates(method: Any) -> Iterator[Any]:
    """Methods of the same kind with nodes in [0, 1], of rising order; proven only where they are needed."""
    kind = getattr(method, "tableau_kind", type(None)).__name__
    newton = {"newton": method.newton} if hasattr(method, "newton") else {}
    for module, name in _CANDIDATES.get(kind, ()):
        other = getattr(import_module(f"diffmath.ode.{module}"), name)
        yield replace(other, **newton)


# By the kind of tableau: the module of a method, and its name.
_CANDIDATES = {
    "Tableau": (
        ("_explicit.classical", "dopri5"),
        ("_explicit.vern7", "vern7"),
        ("_explicit.dop853", "dop853"),
    ),
    "ImplicitTableau": (("_steps.closing_methods", "esdirk5"),),
    "AdditiveTableau": (("_implicit.imex_methods", "kencarp3"), ("_implicit.imex_methods", "kencarp4")),
    "RosenbrockTableau": (
        ("_implicit.rosenbrock_methods", "rosenbrock23"),
        ("_implicit.rosenbrock_methods", "rodas5p"),
    ),
    "ExponentialTableau": (("_exponential.methods", "hochbruck_ostermann"),),
    "SplittingTableau": (("_steps.closing_methods", "suzuki4"), ("_steps.closing_methods", "kahan_li6")),
}
