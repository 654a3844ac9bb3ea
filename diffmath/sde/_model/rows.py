r"""User callables as functions of flat rows, bound to their parameters, for any shape of the state.

The solvers step states of shape (batch, n). A callable of states (batch, \*state) is called with that shape
and the parameters of the current rows; its result is flattened again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.bound import bind
from diffmath._arrays.diffusion_shape import full_diffusion
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array

__all__ = ["Rows", "fit_of", "take"]

Indices = npt.NDArray[np.intp]


def take(values: Any, rows: Indices) -> Any:
    """Return some rows of an array, or of all arrays of a mapping."""
    if isinstance(values, Mapping):
        return {key: take(part, rows) for key, part in values.items()}
    xp = array_namespace(values)
    return xp.take(values, xp.asarray(rows, device=device(values)), axis=0)


@dataclass(eq=False)
class Rows:
    """The rows that callables are currently called with, by default all, and their parameters."""

    state: tuple[int, ...]
    parameters: Any = None
    args: tuple[Any, ...] = ()
    _now: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._now = self.parameters

    def choose(self, rows: Indices | None) -> None:
        """Select the rows of all further calls; None: all rows."""
        if self.parameters is not None:
            self._now = self.parameters if rows is None else take(self.parameters, rows)

    def bound(self, function: Any, role: str) -> Any:
        """Return a function of (t, x) with x of shape (rows, n)."""
        plain = bind(function, self.parameters, self.args, role)  # refuses a wrong number of arguments
        if self.parameters is not None:
            plain = partial(self._call, function)
        return plain if len(self.state) == 1 else partial(self._shaped, plain)

    def image(self, x: Array) -> Array:
        r"""Return rows (rows, n) in the shape (rows, \*state)."""
        return x if len(self.state) == 1 else array_namespace(x).reshape(x, (x.shape[0], *self.state))

    def _call(self, function: Any, t: float, x: Array) -> Any:
        return function(t, x, self._now, *self.args)

    def _shaped(self, function: Any, t: float, x: Array) -> Any:
        return function(t, self.image(x))


def fit_of(model: SDE, role: str, state: tuple[int, ...]) -> Any:
    """Return a function that expands and flattens results, or None if nothing needs to be done."""
    flat = len(state) == 1
    if role == "drift":
        return None if flat else partial(_fit_drift, state)
    if role == "drift_jacobian":
        return None if flat else partial(_fit_tail, role, state, (*state, *state))
    if role == "diffusion" or model.noise == "diagonal":
        return partial(_fit_diffusion, f"{role}(t, x)", state, model.noise, model.noise_dim)
    tail = (*state, *state) if model.noise == "scalar" else (*state, -1, *state)
    return partial(_fit_tail, role, state, tail)


def _fit_drift(state: tuple[int, ...], f: Any, x: Array) -> Any:
    wanted = (x.shape[0], *state)
    if not compat.is_array_api_obj(f):
        return f
    if tuple(f.shape) != wanted:
        raise ValueError(f"drift(t, x) must return shape {wanted}; got {tuple(f.shape)}")
    return array_namespace(f).reshape(f, tuple(x.shape))


def _fit_diffusion(
    role: str, state: tuple[int, ...], noise: str, noise_dim: int | None, g: Any, x: Array
) -> Any:
    flat = len(state) == 1
    full = full_diffusion(g, x if flat else _image(x, state), noise, noise_dim, role)
    if flat or not compat.is_array_api_obj(full):
        return full
    last = tuple(full.shape[1 + len(state) :])
    return array_namespace(full).reshape(full, (*x.shape, *last))


def _image(x: Array, state: tuple[int, ...]) -> Array:
    return array_namespace(x).reshape(x, (x.shape[0], *state))


def _fit_tail(role: str, state: tuple[int, ...], tail: tuple[int, ...], values: Any, x: Array) -> Any:
    """Expand derivatives of shape (batch, *tail); a first axis of 1, or no first axis, means all rows."""
    if not compat.is_array_api_obj(values):
        return values
    found, rows = tuple(values.shape), x.shape[0]
    if len(found) == len(tail):
        found = (1, *found)
    width = found[1 + len(state)] if -1 in tail and len(found) == 1 + len(tail) else 0
    wanted = tuple(width if n == -1 else n for n in tail)
    if found[1:] != wanted or found[0] not in (1, rows):
        shape = ", ".join("noise_dim" if n == -1 else str(n) for n in tail)
        raise ValueError(
            f"{role}(t, x) must return shape ({rows}, {shape}), or ({shape}) for all rows; got "
            f"{tuple(values.shape)}"
        )
    xp, n = array_namespace(values), math.prod(state)
    if tuple(values.shape) != (rows, *wanted):
        values = xp.zeros((rows, *wanted), dtype=values.dtype, device=device(values)) + values
    flat = (rows, n, width, n) if -1 in tail else (rows, n, n)
    return values if tuple(values.shape) == flat else xp.reshape(values, flat)
