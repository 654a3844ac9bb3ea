"""One state instead of a batch: callables written for scipy.integrate.solve_ivp work unchanged.

A number, a vector, or the positions and momenta of a `Separable` become a batch of one for the solver.
Results lose the batch axis again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.bound import Structured
from diffmath._arrays.namespace import check_array
from diffmath._core.solution import Solution
from diffmath._core.typing import Array, Drift
from diffmath._newton.matrices import is_sparse
from diffmath._newton.problems import Linear, Separable
from diffmath.ode._problem.unbatched import Unbatched

__all__ = ["Single", "single_state"]


@dataclass(frozen=True)
class Single:
    """One state: its batch of one, and the conversion back."""

    batch: Array
    index: tuple[Any, ...]  # of the user's state in the batch

    @property
    def is_number(self) -> bool:
        """Whether the functions get numbers: the state is a number, or two numbers of a `Separable`."""
        return bool(self.index[-1] == 0)

    def one(self, x: Array) -> Array:
        """Return the state in a batch of one."""
        return x[self.index]

    def each(self, x: Array) -> Array:
        """Return the states without the component axis that a number has in a batch; the first axis stays."""
        return x[(slice(None), *self.index[1:])]

    def lifted(self, f: Any) -> Drift:
        """Convert a right-hand side for this state to one for a batch, part by part."""
        if isinstance(f, Structured):
            model: Drift = self._lifted_parts(f)
            return model
        return self._lift(f, "f(t, x)", "state")

    def event(self, function: Callable[..., Any]) -> Any:
        """Convert an event function of this state to one of a batch."""
        return self._lift(function, "event(t, x)", "number")

    def callback(self, callback: Callable[..., Any]) -> Any:
        """Convert a callback of this state to one of a batch."""
        return lambda t, x: callback(t, self.one(x))

    def solution(self, solution: Solution) -> Solution:
        """Return the solution without the batch axis."""
        more: dict[str, Any] = {}
        if solution.dense is not None:
            more["dense"] = _SingleDense(solution.dense, self)
        if solution.t_events is not None and solution.x_events is not None:
            more["t_events"] = tuple(rows[0] for rows in solution.t_events)
            more["x_events"] = tuple(self.each(rows[0]) for rows in solution.x_events)
        if solution.curve is not None:
            more["curve"] = partial(self._curve, solution.curve)
        end = None if solution.t_end is None else float(solution.t_end[0])
        message = solution.message.replace("ended row 0", "ended the solve").replace(" in row 0", "")
        more |= {"x": solution.x[(slice(None), *self.index)], "message": message}
        return Solution(**{**vars(solution), **more, "row_status": None, "t_end": end})

    def _curve(self, curve: Callable[[], tuple[Any, Array]]) -> tuple[Any, Array]:
        t, x = curve()
        return t, x[(slice(None), *self.index)]

    def _lifted_parts(self, model: Any) -> Any:
        if isinstance(model, Linear):
            return model
        parts = {field.name: getattr(model, field.name) for field in fields(model)}
        lifted = {
            name: self._lifted_parts(part) if isinstance(part, Structured) else self._lift(part, *_what(name))
            for name, part in parts.items()
            if callable(part)
        }
        return replace(model, **lifted)

    def _lift(self, function: Any, role: str, wanted: Any) -> Unbatched:
        if isinstance(function, Unbatched):
            function = function.function
        return Unbatched(function, role, wanted, self.is_number)


@dataclass(frozen=True)
class _SingleDense:
    dense: Callable[[Any], Array]
    single: Single

    def __call__(self, t: Any) -> Array:
        x = self.dense(t)
        return self.single.one(x) if np.ndim(t) == 0 else x[(slice(None), *self.single.index)]


def single_state(f: Any, x0: Any) -> Single | None:
    """Return the single state if x0 has solve_ivp's form, a number or a vector; return None for a batch.

    Raises
    ------
    TypeError
        Not a state; a tuple (solve_ivp's second argument is the time span).
    ValueError
        A state that is not finite, or does not fit a `Separable`.
    """
    if isinstance(x0, tuple):
        raise TypeError(
            f"x0 must be an array or a list of numbers; got the tuple {x0!r}: write ode.solve(f, x0, times), "
            "while solve_ivp takes the times first, solve_ivp(f, t_span, y0)"
        )
    pair = isinstance(f, Separable)
    if type(x0) is not np.ndarray and (
        isinstance(x0, int | float | complex) or _is_list(x0, 2 if pair else 1)
    ):
        x0 = np.asarray(x0)
    if not compat.is_array_api_obj(x0):
        advice = "give x0.toarray()" if is_sparse(x0) else "for a batch give np.asarray(x0)"
        raise TypeError(
            f"x0 must be an array, a list of numbers or a number; got {type(x0).__name__}"
            + (f": {advice}" if isinstance(x0, list) or is_sparse(x0) else "")
        )
    if x0.ndim > (2 if pair else 1):
        return None
    x0 = check_array("x0", x0, allow_complex=True)
    if pair:
        if x0.ndim == 0 or x0.shape[0] != 2:
            raise ValueError(
                "x0, if one state of a Separable, has shape (2, n), or (2,) for one position and one "
                f"momentum; got {tuple(x0.shape)}"
            )
        return Single(x0[None, ...], (0, ...)) if x0.ndim == 2 else Single(x0[None, :, None], (0, ..., 0))
    return Single(x0[None, ...], (0, ...)) if x0.ndim else Single(x0[None, None], (0, 0))


def _is_list(x0: Any, depth: int) -> bool:
    if not isinstance(x0, list):
        return False
    return all(isinstance(v, int | float | complex | np.number) or (depth > 1 and _is_list(v, 1)) for v in x0)


def _what(name: str) -> tuple[str, str]:
    """The role of a part of a structured right-hand side, and its required result."""
    return f"{name}(t, x)", "matrix" if name == "jacobian" else "state"
