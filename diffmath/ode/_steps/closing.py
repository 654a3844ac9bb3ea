"""Steps whose nodes would lie outside the solve: another method of the order takes them, with nodes in [0,
1].

With a node c above 1 (or below 0) a method evaluates f beyond the end of its step. Inside the solve this is
harmless; outside, f may not be defined. Rows that are not at an end take the step of their own method.
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
from diffmath._stepping.trial import Interpolation, SlopeState, choose
from diffmath.ode._explicit import Method
from diffmath.ode._steps.attempt import make_attempt, send
from diffmath.ode._steps.interpolant import slope_in
from diffmath.ode._steps.outcome import Attempt, Outcome

__all__ = ["closing", "leaves_bounds", "leaving", "make_bounded_attempt", "nodes"]

# A node this close to [0, 1] was rounded; its evaluation is clamped.
_ROUNDED = 1e-9


def nodes(method: Any) -> tuple[float, ...]:
    """Return the fractions of a step at which a method evaluates f, as far as known."""
    found: tuple[float, ...] = getattr(method, "nodes", ())
    return found


def closing(method: Any) -> Method | None:
    """Return the method for steps of `method` that would leave the solve; None if no step can.

    None also if no method of the order is known: then f is evaluated at the end of the solve instead.
    """
    fractions = nodes(method)
    if all(-_ROUNDED <= fraction <= 1 + _ROUNDED for fraction in fractions):
        return None
    return next((other for other in _candidates(method) if other.order >= method.order), None)


def make_bounded_attempt(
    f: Dynamics, method: Method, x: Array, tolerance: Tolerance, own_clocks: bool
) -> Attempt:
    """Return a function that tries steps of `method` on arrays like x without leaving the bounds of f."""
    own, other = make_attempt(f, method, x, tolerance, own_clocks), closing(method)
    if other is None:
        return own
    return _Bounded(f, nodes(method), own, make_attempt(f, other, x, tolerance, own_clocks), own_clocks)


class _Bounded:
    """Try a step by the method, or by the closing method in rows whose nodes would leave the solve."""

    def __init__(
        self, f: Dynamics, fractions: tuple[float, ...], own: Attempt, other: Attempt, own_clocks: bool
    ) -> None:
        self._f, self._own, self._other, self._own_clocks = f, own, other, own_clocks
        self._ends = np.array([[min(fractions)], [max(fractions)]])

    def __call__(self, t: Rows, dt: Rows, x: Array, state: Any) -> Outcome:
        leaves = _leaves(self._ends, t, dt, self._f.bounds)
        if not leaves.any():
            return self._own(t, dt, x, state)
        if (leaves | (dt == 0)).all():
            return self._other(t, dt, x, state)
        return self._both(leaves, t, dt, x, state)

    def _both(self, leaves: Mask, t: Rows, dt: Rows, x: Array, state: Any) -> Outcome:
        f = self._f
        start, before = f.calls, f.spared
        own = self._own(t, np.where(leaves, 0.0, dt), x, state)
        unsolved, f.spared = f.unsolved, np.where(leaves, before + (f.calls - start), f.spared)
        start, before = f.calls, f.spared
        other = self._other(t, np.where(leaves, dt, 0.0), x, state)
        f.spared = np.where(leaves, f.spared, before + (f.calls - start))
        if unsolved is not None and f.unsolved is not None:
            f.unsolved = np.where(leaves, f.unsolved, unsolved)
        x_new, error = choose(leaves, other.x, own.x), np.where(leaves, other.error, own.error)
        slope = slope_in(own.state)
        if slope is not None:
            slope = choose(leaves, self._slope(other, leaves, t, dt), slope)
        known = SlopeState(slope, getattr(own.state, "plan", ()))

        def dense() -> Interpolation:
            first, second = own.dense(), other.dense()
            return lambda rows, theta: choose(leaves[rows], second(rows, theta), first(rows, theta))

        return Outcome(x_new, error, known, dense)

    def _slope(self, other: Outcome, leaves: Mask, t: Rows, dt: Rows) -> Array:
        """Return the slope at the end of a closing step, counted for its rows if it must be evaluated."""
        slope = slope_in(other.state)
        if slope is not None:
            return slope
        f = self._f
        slope = f(send(np.where(leaves, t + dt, t), other.x, self._own_clocks), other.x)
        f.spared = f.spared + ~leaves
        return slope


def leaving(method: Any, t: Rows, dt: Rows, bounds: tuple[float, float]) -> Mask:
    """Return which steps of a clock are taken by `closing`."""
    if closing(method) is None:
        return np.zeros(t.shape, dtype=bool)
    fractions = nodes(method)
    ends = np.array([min(fractions), max(fractions)]).reshape(2, *(1,) * t.ndim)
    return _leaves(ends, t, dt, bounds)


def leaves_bounds(fractions: tuple[float, ...], t: float, dt: float, bounds: tuple[float, float]) -> bool:
    """Return whether a method with nodes at these fractions would leave the solve in a step."""
    reach = t + min(fractions) * dt, t + max(fractions) * dt
    return min(reach) < bounds[0] or max(reach) > bounds[1]


def _leaves(ends: Rows, t: Rows, dt: Rows, bounds: tuple[float, float]) -> Mask:
    reach = t + ends * dt
    return np.asarray((reach.min(axis=0) < bounds[0]) | (reach.max(axis=0) > bounds[1]))


def _candidates(method: Any) -> Iterator[Any]:
    """Methods of the same kind with nodes in [0, 1], in increasing order; loaded only when needed."""
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
