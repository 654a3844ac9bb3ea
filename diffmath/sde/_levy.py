"""Increments with Levy areas, one independent draw per step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from diffmath import random
from diffmath._arrays import array_namespace, host_times
from diffmath._typing import Array
from diffmath.sde._increment import Increment
from diffmath.sde._noise import brownian_increments

__all__ = ["levy_increments"]


def levy_increments(terms: str) -> Callable[..., Iterator[Increment]]:
    """Return what a `Method` takes as `increments`: W and the Levy areas in `terms`, "H", "HK" or "A"."""
    if not terms or set(terms) - set("HKA"):
        raise ValueError(f'terms must be letters of "HKA"; got {terms!r}')
    return partial(_increments, terms)


def _increments(
    terms: str, key: random.Key, clock: Any, shape: tuple[int, ...], *, like: Array, first_row: int = 0
) -> Iterator[Increment]:
    times = host_times(clock, "clock")
    rows = slice(first_row, first_row + shape[0])
    whole = (rows.stop, *shape[1:])

    def draw(key: random.Key, tag: str, variance: float) -> Array:
        return math.sqrt(variance) * random.normal(random.fold_in(key, tag), whole, like=like, rows=rows)

    for n, W in enumerate(brownian_increments(key, times, shape, like=like, first_row=first_row)):
        dt = float(times[n + 1] - times[n])
        h, step_key = abs(dt), random.fold_in(random.fold_in(key, "sde.levy"), n)
        H = draw(step_key, "H", h / 12.0) if set("HA") & set(terms) else None
        K = draw(step_key, "K", h / 720.0) if "K" in terms else None
        rest = [draw(step_key, f"A{i}", h * h / 12.0) for i in range(shape[-1])] if "A" in terms else []
        yield Increment(dt, W, H, K, _area(W, H, rest) if rest else None)


def _area(W: Array, H: Array, rest: list[Array]) -> Array:
    """Return a Levy area of mean H W^T - W H^T given W and H, and of the right variance."""
    xp, outer = array_namespace(W), H[:, :, None] * W[:, None, :]
    upper = xp.triu(xp.stack(rest, axis=2), k=1)
    return outer - xp.matrix_transpose(outer) + upper - xp.matrix_transpose(upper)
