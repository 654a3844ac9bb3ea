"""Groups of the rows of an adaptive solve: their states, with the state of the method."""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath._stepping.trial import map_state
from diffmath.sde._brownian import Indices, take_rows

__all__ = ["Group", "join", "nans"]


class Group(NamedTuple):
    """Rows that take the same step."""

    x: Array
    state: Any

    def take(self, rows: Indices) -> Group:
        """Return some of the rows, ascending."""
        x = take_rows(self.x, rows)
        return Group(x, None if self.state is None else map_state(lambda part: _take(part, rows), self.state))


def join(groups: list[Group], order: Indices | None = None) -> Group:
    """Return the rows of all groups as one, row i of the result being row ``order[i]``."""
    filled = [group for group in groups if group.x.shape[0]] or groups[:1]
    x = _ordered([group.x for group in filled], order)
    if filled[0].state is None:
        return Group(x, None)

    def joined(*parts: Any) -> Any:
        if compat.is_array_api_obj(parts[0]):
            return _ordered(list(parts), order)
        if any(part != parts[0] for part in parts):
            raise ValueError(
                "with adaptive steps the state of a method must be arrays with one entry per row, since rows "
                f"take different steps; got the numbers {parts[0]!r} and {parts[-1]!r}"
            )
        return parts[0]

    return Group(x, map_state(joined, *(group.state for group in filled)))


def nans(x: Array, count: int) -> Array:
    """Return rows of nan, like those of x."""
    return array_namespace(x).full((count, *x.shape[1:]), np.nan, dtype=x.dtype, device=device(x))


def _take(part: Any, rows: Indices) -> Any:
    return take_rows(part, rows) if compat.is_array_api_obj(part) else part


def _ordered(pieces: list[Array], order: Indices | None) -> Array:
    xp = array_namespace(pieces[0])
    whole = pieces[0] if len(pieces) == 1 else xp.concat(pieces, axis=0)
    if order is None or np.array_equal(order, np.arange(len(order))):
        return whole
    return xp.take(whole, xp.asarray(order, device=device(whole)), axis=0)
