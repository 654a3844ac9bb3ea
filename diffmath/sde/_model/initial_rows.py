"""A few rows of the initial states, at which the declarations of a model are checked."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, asarray_like, real_dtype, to_numpy
from diffmath._core.typing import Array
from diffmath.sde._model.edge import Probed
from diffmath.sde._model.rows import take
from diffmath.sde._model.watched import rows_of

__all__ = ["CannotEvaluateError", "Host", "InitialRows"]

Host = npt.NDArray[Any]

# More rows are more points to test. A false declaration shows almost everywhere, and networks are expensive
# to call.
_ROWS = 8


class CannotEvaluateError(Exception):
    """The model cannot be called there: with another number of rows, or outside of its domain."""


class InitialRows:
    """Evaluate the diffusion near some rows: the first 8 or fewer; or near all rows of the batch.

    A closure over arrays with one entry per row can only be called with the whole batch.
    """

    def __init__(self, model: SDE, t: float, x: Array, probed: Probed, *, whole: bool) -> None:
        self.model, self.t, self._x, self._whole = model, t, x, whole
        self._rows = np.arange(min(_ROWS, x.shape[0]) if whole else _ROWS) % x.shape[0]
        self._g, self._slope = probed.g, probed.derivative

    @cached_property
    def x(self) -> Host:
        """The rows themselves."""
        return self._of(self._x)

    @cached_property
    def g(self) -> Host:
        """The diffusion there, from the call that checked its shape."""
        return self._of(self._g)

    @cached_property
    def derivative(self) -> Host | None:
        """The derivative there, if the model has one."""
        return None if self._slope is None else self._of(self._slope)

    @property
    def eps(self) -> float:
        """The relative machine precision."""
        return float(array_namespace(self._x).finfo(real_dtype(self._x)).eps)

    @cached_property
    def size(self) -> Host:
        """The scale of a component; for a zero component, that of the largest in its row, or 1."""
        size = np.abs(self.x)
        largest = size.max(axis=1, keepdims=True, initial=0.0)
        return np.where(size > 0, size, np.where(largest > 0, largest, 1.0))

    def name(self, row: int) -> int:
        """Return the number of a row in the batch."""
        return int(self._rows[row])

    def normals(self, tag: str, width: int) -> Host:
        """Return fixed normals, one row per row: directions that no model is aligned with."""
        key = random.fold_in(random.key(0), f"sde.check.{tag}")
        normals: Host = random.normal(key, (len(self._rows), width), like=np.empty(0))
        return normals

    def at(self, points: Host) -> Host:
        """Return the diffusion at other points, with the shape of `x`: one call."""
        here, rows = asarray_like(points, self._x, self._x.dtype), rows_of(self.model)
        if self._whole:
            rest = self._x[len(self._rows) :, :]
            here = array_namespace(here).concat([here, rest], axis=0)
        elif rows is not None:
            rows.choose(self._rows)
        diffusion: Any = self.model.diffusion
        call = getattr(diffusion, "alone", diffusion)
        try:
            with np.errstate(all="ignore"):
                found = call(self.t, here)
                if found.shape != (here.shape[0], *self._g.shape[1:]):
                    raise CannotEvaluateError
                return to_numpy(found[: len(self._rows), ...])
        except Exception as error:
            raise CannotEvaluateError from error
        finally:
            if rows is not None:
                rows.choose(None)

    def _of(self, values: Array) -> Host:
        return to_numpy(take(values, self._rows))
