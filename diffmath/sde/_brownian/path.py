r"""A Brownian motion that can be queried over any interval, in any order, and is always the same motion.

The increment over (s, t) is joined by Chen's relation from the largest nodes between s and t of a tree that
does not depend on the queries (see `diffmath.sde._brownian.marks`). Every result is a pure function of the
key, the row, and the two places: the cache only saves work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.devices import each_on_its_device, on_its_device
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, device, real_dtype
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.sde._brownian.cached_trees import CachedTrees, leading_terms
from diffmath.sde._brownian.marks import Marks, all_clocks, one_clock
from diffmath.sde._noise import Increment, change_arrays, check_terms, increment_of, odd_part

__all__ = ["BrownianPath"]


@dataclass(frozen=True, eq=False, repr=False)
class BrownianPath:
    r"""One Brownian motion on [t0, t1], with its Levy areas, that can be queried over any interval.

    .. math:: W_{s,u} = W_{s,t} + W_{t,u} \quad \text{for all } s, t, u, \qquad
              W_{s,t} \sim \mathcal N(0, |t - s|)

    Parameters
    ----------
    key : Key
        Determines the motion, together with t0, t1 and the odd part of `steps`.
    shape : tuple of int, (batch, ...)
        Shape of an increment, one row per path; (batch, noise_dim) for Levy areas A.
    t0, t1 : float
        First and last time; t1 may be less than t0.
    like : array
        An array with the library, device and precision of the increments.
    terms : str
        What `increment` returns in addition to W by default: letters of "HKA" (see `Increment`). H is always
        returned with K or A. The terms do not change the motion, and `solve` uses the terms that its method
        needs.
    steps : int, optional
        Selects a separate motion for one family of clocks: those of `steps` equal steps, multiplied or
        divided by powers of two. The span is divided into independent cells, as many as the odd part of
        `steps`, and each cell is halved repeatedly. These clocks cost one draw per step. The path is the one
        that ``solve(..., key=key)`` uses with these clocks and a method that needs H, K or A. 20 and 40 steps
        give the same motion; 20 and 100 (odd parts 5 and 25) give two, which are neither equal nor
        independent. By default, one motion serves all clocks.
    levels : int
        Number of halvings down to the leaves whose areas A are drawn, at most 24; the cost of A grows as
        ``2**levels``. Motions of different `levels` have the same W, H and K.
    first_row : int
        Number of the first row in a larger batch.
    cache : int
        Number of nodes that are cached, each three times as large as an increment; the least recently used
        are dropped first. As many areas A are cached, and up to as many nodes of the last query, if it began
        or ended at an end of the query before.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type; times that are equal, not finite, or too far from 0 for their distance.

    Notes
    -----
    *One motion.* All queries refer to one motion: W, (W, H), (W, H, K) or areas A, over long intervals or
    short ones, in any order, by any method, with any steps, on any backend. Areas A are joined by Chen's
    relation from the areas of the leaves, so that a method driven by A also refines on this motion. A can be
    queried only between ends of leaves: the times n / N of the span, where N is at most ``2**levels`` and a
    power of two or, without `steps`, one of 10, 20, 40, 100, 200, ..., or a divisor of one of these.

    *Resolution.* A time is rounded to ``2**-30`` of the span. Between the rounded times, increments add up by
    Chen's relation, and any number of them has the joint law of a Brownian motion. Intervals shorter than
    ``2**-24`` of the span are refused, because rounding would change their length by a percent.

    *Reversal.* ``increment(t, s)`` reverses the path: (W, H, K, A) become (-W, H, -K, -A). In a path from t0
    down to t1 < t0, increments in this direction are those of a solve with decreasing times.

    *Cost.* A clock of N equal steps over [t0, t1] takes about two draws per step if N is a power of two up to
    ``2**30`` or divides 100, 1000 or 20,000, and one draw per step with `steps`. Any other time takes a draw
    for every lattice below the spacing of the queried times, about 20 draws: give `steps` for clocks of 30 or
    365 steps. A draw is three normals, except that the last draw for W alone needs one. Areas A cost a draw
    for every leaf between s and t.

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
    >>> path
    BrownianPath(Key(0x00000000, 0x00000000), (5, 2), 0, 1, terms='H', any clock)
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
    steps: int | None = None
    levels: int = 8
    first_row: int = 0
    cache: int = 64
    _trees: CachedTrees = field(init=False)
    _marks: Marks = field(init=False)
    _slack: float = field(init=False)
    _wrap: Callable[[Array], Array] | None = field(init=False)

    @on_its_device
    def __post_init__(self) -> None:
        check_terms(self.terms)
        span, levels = host_times((self.t0, self.t1), "(t0, t1)"), check_count("levels", self.levels, 0)
        if levels > 24:
            raise ValueError(f"levels must be at most 24, areas of 2**24 leaves; got {levels}")
        steps = None if self.steps is None else odd_part(check_count("steps", self.steps, 1))[0]
        marks, length = all_clocks() if steps is None else one_clock(steps), abs(float(span[1] - span[0]))
        # Times that differ by a few rounding errors must have the same place.
        slack = 8.0 * float(np.spacing(abs(span).max())) / length * marks.places
        if 6.0 * slack > marks.resolution:
            raise ValueError(
                f"t0 and t1 must be further apart, for double precision at these times; got {self.t0} and "
                f"{self.t1}: shift the origin of time, or use fewer `steps`"
            )
        stream = random.RowStream(random.normal, (0,), like=self.like, native=False)
        empty = array_namespace(self.like).zeros((0,), dtype=real_dtype(self.like), device=device(self.like))
        tag = "sde.motion" if steps is None else "sde.levy"
        tree_key = random.fold_in(random.fold_in(self.key, "sde.path"), tag)
        cache = check_count("cache", self.cache, 1)
        trees = CachedTrees(self.shape, stream.like, tree_key, marks, length, levels, cache, self.first_row)
        for name, value in (
            ("shape", tuple(self.shape)), ("t0", float(span[0])), ("t1", float(span[1])), ("like", empty),
            ("steps", steps), ("_marks", marks), ("_slack", slack), ("_trees", trees),
            ("_wrap", None if type(stream.like) is type(self.like) else stream.wrap),
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        self._check_areas(self.terms)

    @on_its_device
    def __call__(self, s: float, t: float) -> Array:
        """Return W alone over (s, t), shape `shape`."""
        return self.increment(s, t, "").W

    @on_its_device
    def increment(self, s: float, t: float, terms: str | None = None) -> Increment:
        """Return the increment over (s, t); t may be less than s.

        Parameters
        ----------
        s, t : float
            In [t0, t1].
        terms : str, optional
            The terms in addition to W; by default the `terms` of the path.

        Returns
        -------
        Increment
            Zero if t equals s. Its `dt` is the length between the places of s and t: ``t - s`` up to 2**-30
            of the span.

        Raises
        ------
        TypeError
            A time that is not a number.
        ValueError
            A time outside [t0, t1]; an interval shorter than the resolution; for areas A, a time inside a
            leaf.
        """
        terms = self._checked(terms)
        first, last = self._interval(s, t, terms)
        if first == last:
            return self._nothing(terms)
        low, high = min(first, last), max(first, last)
        sign = 1.0 if first < last else -1.0
        state = self._trees.increment(low, high, leading_terms(terms))
        if sign < 0:  # W and K change sign, H does not
            state = tuple(x * turn for x, turn in zip(state, (sign, 1.0, sign), strict=False))
        A = sign * self._trees.area(low, high) if "A" in terms else None
        return change_arrays(increment_of(self._length(first, last), state, A, terms), self._wrap)

    def increments(self, clock: npt.ArrayLike, terms: str | None = None) -> Iterator[Increment]:
        """Iterate over the increments between the times of a clock; all times are checked first."""
        terms, times = self._checked(terms), host_times(clock, "clock")
        pairs = [(float(s), float(t)) for s, t in pairwise(times)]
        places = [self._interval(s, t, terms) for s, t in pairs]
        if places and places[0][0] < places[0][1]:
            steps = self._along([places[0][0], *(last for _, last in places)], terms)
        else:
            steps = (self.increment(s, t, terms) for s, t in pairs)
        return each_on_its_device(steps, self)

    @property
    def motion(self) -> str:
        """The name of the motion: paths with equal names and shapes are equal, row by row."""
        steps = "" if self.steps is None else f", {self.steps} * 2**k steps"
        rows = f", rows from {self.first_row}" if self.first_row else ""
        return f"path of {self.key} on [{self.t0:g}, {self.t1:g}]{steps}{rows}"

    @property
    def shortest(self) -> float:
        """Length of the shortest interval that may be queried."""
        return abs(self._length(0, self._marks.shortest))

    def area_halvings(self, s: float, t: float) -> int:
        """Return how often an interval between ends of leaves can be halved at ends of leaves."""
        return self._trees.halvings(*sorted(self._interval(s, t, "A")))

    def _along(self, places: list[int], terms: str) -> Iterator[Increment]:
        """Iterate over the increments between ascending places."""
        for (first, last), state in zip(
            pairwise(places), self._trees.increments(places, leading_terms(terms)), strict=True
        ):
            A = self._trees.area(first, last) if "A" in terms else None
            yield change_arrays(increment_of(self._length(first, last), state, A, terms), self._wrap)

    def _length(self, first: int, last: int) -> float:
        """Return the time between two places."""
        return (self.t1 - self.t0) * ((last - first) / self._marks.places)

    def _checked(self, terms: str | None) -> str:
        if not terms:  # "" is W alone
            return self.terms if terms is None else ""
        check_terms(terms)
        self._check_areas(terms)
        return terms

    def _check_areas(self, terms: str) -> None:
        if "A" in terms and len(self.shape) != 2:
            raise ValueError(f"shape must be (batch, noise_dim) for Levy areas A; got {self.shape}")

    def _interval(self, s: float, t: float, terms: str) -> tuple[int, int]:
        """Return the places of two times; refuse an interval that is too short."""
        first, last = self._place("s", s), self._place("t", t)
        if "A" in terms:
            for name, time, place in (("s", s, first), ("t", t, last)):
                if not self._trees.ends_leaf(place):
                    raise ValueError(
                        f"{name} must be an end of a leaf of the {self.levels} levels for Levy areas A; got "
                        f"{time!r}: use more levels, `steps` of your clock, or no A"
                    )
        if s != t and abs(last - first) < self._marks.shortest:
            raise ValueError(
                f"s and t must be at least {self.shortest:.3g} apart, 2**-24 of the "
                f"span of the path, or equal; got {s!r} and {t!r}: use a path over a shorter span"
            )
        return first, last

    def _place(self, name: str, time: float) -> int:
        share = (check_number(name, time) - self.t0) / (self.t1 - self.t0) * self._marks.places
        place = self._marks.nearest(share, self._slack) if math.isfinite(share) else -1
        if not 0 <= place <= self._marks.places:
            raise ValueError(f"{name} must lie in [t0, t1] = [{self.t0!r}, {self.t1!r}]; got {time!r}")
        return place

    def _nothing(self, terms: str) -> Increment:
        xp, place, dtype = array_namespace(self.like), device(self.like), self.like.dtype
        zero = xp.zeros(self.shape, dtype=dtype, device=place)
        A = xp.zeros((*self.shape, self.shape[1]), dtype=dtype, device=place) if "A" in terms else None
        return increment_of(0.0, (zero, zero, zero), A, terms)

    def __reduce__(self) -> tuple[Any, ...]:
        # The cache is not copied: a copy draws the same numbers again.
        return _restore, ({f.name: getattr(self, f.name) for f in fields(self) if f.init},)

    def __repr__(self) -> str:
        terms = f", terms={self.terms!r}" if self.terms else ""
        levels = f", levels={self.levels}" if self.levels != 8 else ""
        clocks = "any clock" if self.steps is None else f"steps={self.steps} * 2**k"
        return f"BrownianPath({self.key}, {self.shape}, {self.t0:g}, {self.t1:g}{terms}{levels}, {clocks})"


def _restore(arguments: dict[str, Any]) -> BrownianPath:
    return BrownianPath(**arguments)
