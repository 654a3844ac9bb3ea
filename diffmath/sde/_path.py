r"""A Brownian motion that is asked for its increments over any interval, in any order, and stays itself.

The time span is cut into an odd number of cells, each a dyadic tree of a fixed depth. The increment over
(s, t) is put together by Chen's relation from the largest nodes between s and t, and from the parts of the
leaves in which s and t lie; a leaf is divided there by the exact bridge (see `Forest`). Everything is a pure
function of the key, the row, and the two places: the cache only saves work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays import array_namespace, device, host_times, real_dtype
from diffmath._counts import check_count
from diffmath._devices import each_on_its_device, on_its_device
from diffmath._typing import Array
from diffmath.sde._cut import LEAF_BITS
from diffmath.sde._forest import Forest
from diffmath.sde._increment import Increment, change_arrays, chen
from diffmath.sde._levy import check_terms, increment_of
from diffmath.sde._noise import noise_model, odd_part
from diffmath.sde._tree import Tree

__all__ = ["BrownianPath"]

_IN_LEAF = 1 << LEAF_BITS


@dataclass(frozen=True, eq=False, repr=False)
class BrownianPath:
    r"""A Brownian motion on [t0, t1], with its Levy areas, that can be asked about any interval.

    .. math:: W_{s,u} = W_{s,t} + W_{t,u} \quad \text{for all } s, t, u, \qquad
              W_{s,t} \sim \mathcal N(0, |t - s|)

    Parameters
    ----------
    key : Key
        Names the path: that of ``solve(..., key=key)``, see `steps`.
    shape : tuple of int, (batch, ...)
        Shape of an increment, one row per path; (batch, noise_dim) for Levy areas A.
    t0, t1 : float
        First and last time; t1 may be the smaller.
    like : array
        Gives the library, device and precision.
    terms : str
        What increments carry besides W: letters of "HKA" (see `Increment`); H comes with all.
    steps : int
        Step count of the uniform clock to share: the odd part of `steps` is the number of cells. The path
        is then that of ``solve(..., times=linspace(t0, t1, steps + 1), key=key)`` with 2**k times as many
        steps or as few as the odd part, and the increments of these clocks cost one draw each.
    levels : int, optional
        Halvings of a cell down to a leaf: 16 by default, 8 with areas A, whose cost grows as ``2**levels``.
    first_row : int
        Number of the first row in a larger batch.
    cache : int
        Nodes kept (the least recently used go first), each as large as the increments it holds; besides, what
        lies on either side of the last 4 places.

    Raises
    ------
    TypeError, ValueError
        A wrong kind of argument; times that are equal or not finite; more levels than the precision of times
        near t0 and t1 resolves.

    Notes
    -----
    *Reversal.* ``increment(t, s)`` retraces the path: (W, H, K, A) become (-W, H, -K, -A). In a path
    from t0 down to t1 < t0, increments in this direction are those of a solve with decreasing times.

    *Resolution.* A time is rounded to one of 2**16 places of its leaf. Increments add up by Chen's relation
    whatever the times and the order of the questions, to rounding. Their joint law is exact for any times of
    which no two lie inside one leaf; one increment inside a leaf is therefore refused, so that sequential
    steps below its width never go unnoticed. Paths of different `levels` agree at the times that are ends of
    leaves in both. Areas A are those of Chen's combination of the leaves' areas, and asked for between ends
    of leaves only.

    *Two trees.* Without areas the tree knows W only, which costs a third; any areas bring the path of
    (W, H, K), the same whichever are asked for.

    *Cost.* At a time that is new, at most one draw for each level of the tree, less those of the nodes above
    it that are kept: nodes near the roots, and of the scale of the questions; whatever the time scale. In
    between there are at most ``2 levels`` sums besides whole cells. Areas A cost a draw for every leaf
    between s and t. `levels` is what a path costs that does not depend on what it is asked: use few of them
    for few times, and `steps` wherever a clock is known.

    References
    ----------
    .. [1] Foster, Oberhauser & Lyons (2020), An optimal polynomial approximation of Brownian motion, SIAM J.
       Numer. Anal. 58, 1393-1421.
    .. [2] Jelincic, Foster & Kidger (2024), Single-seed generation of Brownian paths and integrals for
       adaptive and high order SDE solvers, arXiv:2405.06464.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> path = sde.BrownianPath(dm.random.key(0), (5, 2), 0.0, 1.0, like=np.empty(0), terms="H")
    >>> path.increment(0.2, 0.7)
    Increment(dt=0.5, W: (5, 2), with H)
    >>> bool(np.allclose(path(0.2, 0.7), path(0.2, 0.3) + path(0.3, 0.7)))
    True
    """

    key: random.Key
    shape: tuple[int, ...]
    t0: float
    t1: float
    _: KW_ONLY
    like: Array
    terms: str = ""
    steps: int = 1
    levels: int | None = None
    first_row: int = 0
    cache: int = 64
    _forest: Forest = field(init=False)
    _places: int = field(init=False)
    _wrap: Callable[[Array], Array] = field(init=False)

    @on_its_device
    def __post_init__(self) -> None:
        check_terms(self.terms)
        span, areas = host_times((self.t0, self.t1), "(t0, t1)"), "A" in self.terms
        levels = (8 if areas else 16) if self.levels is None else check_count("levels", self.levels, 0)
        cells, _ = odd_part(check_count("steps", self.steps, 1))
        places = cells << (levels + LEAF_BITS)
        # Times that differ by a few roundings must find the same place.
        if places * 64.0 * np.spacing(abs(span).max()) > abs(span[1] - span[0]):
            raise ValueError(
                f"levels must leave the places of a leaf apart in double precision between t0={self.t0} and "
                f"t1={self.t1}; got {levels}: use fewer, or measure time from nearby"
            )
        order = 3 if self.terms else 1
        model, wrap = noise_model(self.like)
        tree = Tree(self.shape, model, None, self.first_row, order=order, areas=areas)
        empty = array_namespace(self.like).zeros((0,), dtype=real_dtype(self.like), device=device(self.like))
        tag = "sde.levy" if self.terms else "sde.brownian"
        tree_key = random.fold_in(random.fold_in(self.key, "sde.path"), tag)
        length, cache = abs(float(span[1] - span[0])), check_count("cache", self.cache, 1)
        for name, value in (
            ("shape", tuple(self.shape)), ("t0", float(span[0])), ("t1", float(span[1])), ("like", empty),
            ("levels", levels), ("_places", places),
            ("_forest", Forest(tree, tree_key, cells, levels, length, cache)), ("_wrap", wrap),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @on_its_device
    def __call__(self, s: float, t: float) -> Array:
        """Return W alone over (s, t), shape `shape`."""
        first, last = self._interval(s, t, "")
        if first == last:
            return self._nothing("").W
        W = self._forest.between(min(first, last), max(first, last))[0]
        # A copy: arrays of the cache are not handed out.
        return self._wrap(W * (1.0 if first < last else -1.0))

    @on_its_device
    def increment(self, s: float, t: float) -> Increment:
        """Return the increment over (s, t), with the areas of `terms`; t may be less than s.

        Parameters
        ----------
        s, t : float
            In [t0, t1].

        Returns
        -------
        Increment
            Zero if t equals s. Its `dt` is ``t - s`` to 2**-16 of a leaf: the length between their places.

        Raises
        ------
        TypeError
            A time that is not a number.
        ValueError
            A time outside [t0, t1]; an interval inside one leaf; for areas A, a time inside a leaf.
        """
        return self._put_together(s, t, self.terms)

    def increments(self, clock: npt.ArrayLike) -> Iterator[Increment]:
        """Iterate over the increments between the times of a clock, all checked before the first."""
        times = host_times(clock, "clock")
        pairs = [(float(s), float(t)) for s, t in pairwise(times)]
        for s, t in pairs:
            self._interval(s, t, self.terms)
        return each_on_its_device((self._put_together(s, t, self.terms) for s, t in pairs), self)

    def _put_together(self, s: float, t: float, terms: str) -> Increment:
        """Combine what lies between two times; lengths are counted in places until the end."""
        first, last = self._interval(s, t, terms)
        if first == last:
            return self._nothing(terms)
        low, high = min(first, last), max(first, last)
        sign = 1.0 if first < last else -1.0
        order = 3 if "K" in terms else 2 if terms else 1
        state = self._forest.between(low, high)[:order]
        # Arrays of the cache are not handed out.
        W, H, K = (*(x * turn for x, turn in zip(state, (sign, 1.0, sign), strict=False)), None, None)[:3]
        A = sign * self._areas(low, high) if "A" in terms else None
        dt = (self.t1 - self.t0) * ((last - first) / self._places)
        return change_arrays(increment_of(dt, (W, H, K), A, terms), self._wrap)

    def _areas(self, low: int, high: int) -> Array:
        """Combine the Levy areas of the nodes between two places."""
        pieces = []
        for cell, node, height in self._forest.cover(low, high):
            state, A = self._forest.piece(cell, node, height)
            pieces.append(Increment(float(1 << height), state[0], A=A))
        return reduce(chen, pieces).A

    def _interval(self, s: float, t: float, terms: str) -> tuple[int, int]:
        """Return the places of two times, or refuse an interval whose law would be wrong."""
        first, last = self._place("s", s), self._place("t", t)
        inside = [place % _IN_LEAF != 0 for place in (first, last)]
        if "A" in terms and any(inside):
            name, time = ("s", s) if inside[0] else ("t", t)
            raise ValueError(
                f"{name} must be an end of one of the {self._places >> LEAF_BITS} equal leaves for Levy "
                f"areas A; got {time!r}: use `steps` of your clock, more levels (now {self.levels}), or no A"
            )
        same_leaf = all(inside) and first >> LEAF_BITS == last >> LEAF_BITS
        if s != t and (same_leaf or first == last):
            leaf = abs(self.t1 - self.t0) / (self._places >> LEAF_BITS)
            raise ValueError(
                f"s and t must not lie inside one leaf, of width {leaf:.3g}; got {s!r} and {t!r}: use more "
                f"levels (now {self.levels}), or `steps` of your clock"
            )
        return first, last

    def _place(self, name: str, time: float) -> int:
        if isinstance(time, bool) or not isinstance(time, int | float | np.integer | np.floating):
            raise TypeError(f"{name} must be a number; got {type(time).__name__}")
        share = (float(time) - self.t0) / (self.t1 - self.t0) * self._places
        place = round(share) if math.isfinite(share) else -1
        if not 0 <= place <= self._places:
            raise ValueError(f"{name} must lie in [t0, t1] = [{self.t0!r}, {self.t1!r}]; got {time!r}")
        return place

    def _nothing(self, terms: str) -> Increment:
        xp, place, dtype = array_namespace(self.like), device(self.like), self.like.dtype
        zero = xp.zeros(self.shape, dtype=dtype, device=place)
        A = xp.zeros((*self.shape, self.shape[1]), dtype=dtype, device=place) if "A" in terms else None
        return increment_of(0.0, (zero, zero, zero), A, terms)

    def __reduce__(self) -> tuple[Any, ...]:
        # The cache stays behind: a copy draws the same numbers again.
        return _restore, ({f.name: getattr(self, f.name) for f in fields(self) if f.init},)

    def __repr__(self) -> str:
        terms = f", terms={self.terms!r}" if self.terms else ""
        return (
            f"BrownianPath({self.key}, {self.shape}, {self.t0:g}, {self.t1:g}{terms}, levels={self.levels})"
        )


def _restore(arguments: dict[str, Any]) -> BrownianPath:
    return BrownianPath(**arguments)
