"""The noise of a stochastic sampler: increments of one Brownian path on the clock of the method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from diffmath._arrays.host_numbers import host_times
from diffmath._core.typing import Array
from diffmath.diffusion._methods import Method, Step, factors
from diffmath.diffusion._process import Process
from diffmath.random import Key, fold_in
from diffmath.sde import brownian_increments

__all__ = ["update_noises"]


def update_noises(
    process: Process, grid: list[float], plan: Sequence[Step], method: Method, key: Key | None, x: Array
) -> Iterator[tuple[Array | None, ...]]:
    """Yield the noise of each update: increments of one Brownian path, scaled to unit variance."""
    if method.clock is None:
        return iter(())
    if key is None:
        raise TypeError(f"{method.name} is stochastic; pass key=dm.random.key(0)")
    clock = np.asarray(method.clock(process, grid))
    pieces = max((step.noises for step in plan), default=0) or 1  # of the clock in each step
    noisy = pieces * max((n + 1 for n, step in enumerate(plan) if step.noises), default=0)
    if noisy and not noisy < len(clock) <= pieces * (len(grid) - 1) + 1:
        raise ValueError(
            f"{method.name}: its clock must have {pieces * (len(grid) - 1) + 1} values, {pieces} for each "
            f"step and a first one (fewer if the last steps have no noise); got {len(clock)}"
        )
    if len(clock) < 2:
        return iter(())
    clock = host_times(clock, name=f"the clock of {method.name}")
    increments = brownian_increments(fold_in(key, "diffusion.sample"), clock, tuple(x.shape), like=x)
    return _noise_of_updates(plan, pieces, list(np.diff(clock)), increments)


def _noise_of_updates(
    plan: Sequence[Step], pieces: int, gaps: list[float], increments: Iterator[Array]
) -> Iterator[tuple[Array | None, ...]]:
    for n, step in enumerate(plan[: len(gaps) // pieces]):
        drawn = [(gap, next(increments)) for gap in gaps[n * pieces : (n + 1) * pieces]]
        yield tuple(_sum(factors(update.noise), drawn) for update in step.updates)


def _sum(scales: tuple[float, ...], drawn: list[tuple[float, Array]]) -> Array | None:
    """Return the sum of scaled unit normals, None for none."""
    parts = [scale / math.sqrt(gap) * dW for scale, (gap, dW) in zip(scales, drawn, strict=False) if scale]
    return sum(parts[1:], start=parts[0]) if parts else None
