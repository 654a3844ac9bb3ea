r"""Increments with Levy areas that refine: N, 2N, 4N, ... steps of one key share one path and its areas.

The index tree is that of `brownian_increments`; a node holds (W, H, K) and is divided by the exact bridge of
all three, at the ratio that the clock has there. Chen's relation joins two fine increments to the coarse one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from diffmath import random
from diffmath._arrays.host_numbers import host_times
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.sde._noise.bridge import State
from diffmath.sde._noise.increment import Increment, change_arrays
from diffmath.sde._noise.tree import Tree

__all__ = ["LevyIncrements", "check_terms", "increment_of", "levy_increments"]


def levy_increments(terms: str, *, levels: int = 0) -> LevyIncrements:
    r"""Return the `increments` of a `Method`: W and the given Levy areas.

    Parameters
    ----------
    terms : str
        Letters of "HKA": "H" space-time, "K" space-time-time, "A" the areas of pairs. H is always included.
    levels : int
        For "A", the number of halvings of each cell of the tree down to which areas are resolved: a clock of
        ``odd * 2**k`` steps joins ``2**(levels - k)`` areas per step by Chen's relation, so that clocks with
        k up to `levels` share their areas.

    Returns
    -------
    callable
        ``(key, clock, shape, *, like, first_row=0) -> iterator of Increment``, like `brownian_increments`. It
        can be compared, hashed and pickled.

    Raises
    ------
    TypeError, ValueError
        `terms` is empty, or has another letter or the same letter twice; `levels` is not an int from 0 to 24.

    Notes
    -----
    *What is shared.* W, H and K of N, 2N, 4N, ... steps belong to one path, for clocks of any spacing that
    nest; the choice of terms does not matter. This path differs from that of `brownian_increments`, whose
    tree holds W alone. Areas A are shared down to `levels`; there, nodes below a step are divided at the
    middle of the step. Finer steps draw their areas given (W, H, K), with the correct law but independently
    of the areas of coarser clocks.

    *Cost.* Three normals per step, row and Brownian motion. With "A", the cost is ``2**(levels - k)`` times
    as much, plus d (d + 1) / 2 normals for the area of d motions.

    References
    ----------
    .. [1] Foster, Oberhauser & Lyons (2020), An optimal polynomial approximation of Brownian motion, SIAM J.
       Numer. Anal. 58, 1393-1421.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> draw, key = sde.levy_increments("H"), dm.random.key(0)
    >>> coarse = list(draw(key, np.linspace(0, 1, 3), (5, 1), like=np.empty(0)))
    >>> fine = list(draw(key, np.linspace(0, 1, 5), (5, 1), like=np.empty(0)))
    >>> bool(np.allclose(coarse[0].H, sde.chen(fine[0], fine[1]).H))
    True
    """
    check_terms(terms)
    if not terms:
        raise ValueError('terms must be letters of "HKA"; got "": use brownian_increments for W alone')
    if check_count("levels", levels, 0) > 24:
        raise ValueError(f"levels must be at most 24, an area of 2**24 leaves; got {levels}")
    return LevyIncrements(terms, levels)


@dataclass(frozen=True)
class LevyIncrements:
    """The callable that `levy_increments` returns."""

    terms: str
    levels: int = 0

    def __call__(
        self,
        key: random.Key,
        clock: npt.ArrayLike,
        shape: tuple[int, ...],
        *,
        like: Array,
        dtype: Any = None,
        first_row: int = 0,
    ) -> Iterator[Increment]:
        times = host_times(clock, "clock")
        tree = Tree(shape, like, dtype, first_row, areas="A" in self.terms)
        wrap = None if type(tree.stream.like) is type(like) else tree.stream.wrap
        return self._iterate(tree, times, random.fold_in(key, "sde.levy"), wrap)

    def _iterate(
        self, tree: Tree, times: Any, key: random.Key, wrap: Callable[[Array], Array] | None
    ) -> Iterator[Increment]:
        for state, cell, node, n in tree.walk(key, times):
            dt = float(times[n + 1] - times[n])
            depth = max(0, self.levels - node.bit_length() + 1)
            A = None
            if "A" in self.terms:
                A = tree.area(random.fold_in(key, cell), state, abs(dt), node, depth)
            yield change_arrays(increment_of(dt, state, A, self.terms), wrap)


def increment_of(dt: float, state: State, A: Array | None, terms: str) -> Increment:
    """Return the parts of a state that `terms` name, and H, which Chen's relation needs in every case."""
    W, H, K = (*state, None, None)[:3]
    return Increment(dt, W, H if terms else None, K if "K" in terms else None, A)


def check_terms(terms: str) -> None:
    """Raise unless `terms` is a string of different letters of "HKA"."""
    if not isinstance(terms, str):
        raise TypeError(f"terms must be a str; got {type(terms).__name__}")
    if set(terms) - set("HKA") or len(set(terms)) < len(terms):
        raise ValueError(f'terms must be letters of "HKA", each once; got {terms!r}')
