"""One copy to the host for a trial step: the rows that the solver reads, and those of the method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, to_numpy
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import Trial

__all__ = ["TrialFetch", "fetch"]


class TrialFetch:
    """Fetches what a solver reads of its trial steps.

    A method that reads numbers on the host itself, to know whether its equations are solved, fetches both
    together by `along`: on a device every copy waits for all kernels. For other methods the solver fetches.

    Parameters
    ----------
    measure : callable
        ``measure(trial, x)``: what the solver reads of a trial step from x, shape (batch,), real.
    """

    __slots__ = ("_found", "_measure", "_of")

    def __init__(self, measure: Callable[[Trial, Array], Array]) -> None:
        self._measure = measure
        self._of: Array | None = None  # the state of the last trial
        self._found: tuple[Array, Rows] | None = None

    def along(self, trial: Trial, x: Array, more: Sequence[Array]) -> list[Rows]:
        """Return the vectors `more` on the host, and keep what the solver reads of this trial."""
        size = self._measure(trial, x)
        first, *others = fetch([size, *more])
        self._of, self._found = trial.x, (size, first)
        return others

    def read(self, trial: Trial, x: Array) -> tuple[Array, Rows]:
        """Return what the solver reads of a trial: where it was computed, and on the host."""
        found = self.known(trial)
        if found is None:
            size = self._measure(trial, x)
            found = size, to_numpy(size).astype(np.float64)
        return found

    def known(self, trial: Trial) -> tuple[Array, Rows] | None:
        """Return what `read` does if the method has fetched it, otherwise None."""
        return self._found if self._of is trial.x else None


def fetch(vectors: Sequence[Array]) -> list[Rows]:
    """Return real vectors of one device on the host, in one copy.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._stepping.fetch import fetch
    >>> fetch([np.ones(2), np.zeros(1)])
    [array([1., 1.]), array([0.])]
    """
    packed: Any = to_numpy(array_namespace(vectors[0]).concat(list(vectors))).astype(np.float64)
    return list(np.split(packed, np.cumsum([vector.shape[0] for vector in vectors])[:-1]))
