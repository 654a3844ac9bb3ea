"""What a run returns: states at chosen times, and statistics of the steps where they are requested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, to_numpy
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.diffusion._loop.plan import evaluations_of
from diffmath.diffusion._loop.run import Callback, Run

__all__ = ["collected", "save_places", "solution_of"]


def save_places(save_at: Any, grid: Sequence[float]) -> Sequence[int]:
    """Return the places of the times `save_at` in the times of a run; by default all of them."""
    if save_at is None:
        return range(len(grid))
    known = {t: n for n, t in enumerate(grid)}
    places = []
    for t in host_times(save_at, "save_at", min_length=1).tolist():
        if t not in known:
            near = min(grid, key=lambda other, t=t: abs(other - t))  # type: ignore[misc]
            raise ValueError(
                f"save_at must be in times, here {grid[0]!r} ... {grid[-1]!r}; got {t!r}, and the nearest is "
                f"{near!r}: add it to times, or choose from them, as in save_at=times[::10]"
            )
        places.append(known[t])
    if places[0] > places[-1]:
        raise ValueError(
            f"save_at must be in the order of times, {grid[0]!r} ... {grid[-1]!r}; got the reverse: pass "
            "save_at[::-1]"
        )
    return places


def collected(
    run: Run, callback: Callback | None, progress: bool, places: Sequence[int], statistics: bool
) -> Solution:
    """Take all steps of a run, and return the states at these places, or up to a value that is not finite."""
    observer = _Statistics(run, callback) if statistics else None
    wanted = places if isinstance(places, range) else frozenset(places)
    x, status, message, taken = run.start.x, "ok", "", 0
    kept, at = ([run.result(x)], [0]) if 0 in wanted else ([], [])
    for taken, (new, _, message) in enumerate(run.states(observer or callback, progress), start=1):
        if message:
            status, taken = "nonfinite", taken - 1
            if not at or at[-1] != taken:
                kept.append(run.result(x))
                at.append(taken)
            break
        x = new
        if taken in wanted:
            kept.append(run.result(x))
            at.append(taken)
    stats = {"evaluations": run.watched.calls, "steps": taken}
    if observer is not None:
        stats.update(observer.found(taken, None if message else x))
    return solution_of(run, at, kept, stats, status, message)


def solution_of(
    run: Run,
    at: Sequence[int],
    kept: list[Array],
    stats: dict[str, Any],
    status: Any = "ok",
    message: str = "",
) -> Solution:
    """Return kept states, each after so many steps."""
    t = np.asarray([run.grid[run.start.n + taken] for taken in at])
    x = kept[0][None, ...] if len(kept) == 1 else array_namespace(kept[0]).stack(kept)
    return Solution(t=t, x=x, status=status, message=message, stats=stats)


class _Statistics:
    """A callback that keeps numbers of every step on the device of the state, and passes its values on."""

    def __init__(self, run: Run, then: Callback | None) -> None:
        self._run, self._then = run, then
        self._x: list[Array] = []
        self._denoised: list[Array] = []

    def __call__(self, n: int, t: float, x: Array, denoised: Array) -> None:
        self._x.append(_rms(x))
        self._denoised.append(self._x[-1] * np.nan if denoised is None else _rms(denoised))
        if self._then is not None:
            self._then(n, t, x, denoised)

    def found(self, taken: int, last: Array | None) -> dict[str, Any]:
        """Return the statistics of the steps taken; a step that failed is not one of them."""
        xp, first = array_namespace(self._x[0]), self._run.start.n
        x = self._x if last is None else [*self._x, _rms(last)]
        denoised = self._denoised[:taken]
        return {
            "step_evaluations": np.array([evaluations_of(self._run.plan, first + n) for n in range(taken)]),
            "rms_x": to_numpy(xp.stack(x)),
            "rms_denoised": to_numpy(xp.stack(denoised)) if denoised else np.empty(0),
        }


def _rms(x: Array) -> Array:
    """Return the root of the mean square of all numbers, which no square of them lets overflow."""
    xp = array_namespace(x)
    if 0 in x.shape:
        return xp.sum(x)
    largest = xp.max(xp.abs(x))
    scaled = x / xp.where(largest > 0, largest, xp.ones_like(largest))
    return largest * xp.sqrt(xp.mean(scaled * scaled))
