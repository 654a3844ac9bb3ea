"""The noise of a run, from a key or a path, with the terms that the steps of a method need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import same_kind
from diffmath._core.typing import Array
from diffmath.sde._brownian import BrownianPath
from diffmath.sde._loop.traced import host_like
from diffmath.sde._methods import Method
from diffmath.sde._model import check_declared, noise_shape, probe

__all__ = ["Setup", "along", "first_row_of", "host_noise", "noise_of", "source_of"]


class Setup(NamedTuple):
    """What is solved: model, start, times, method and noise."""

    model: SDE
    x: Array
    clock: npt.NDArray[np.float64]
    method: Method
    source: random.Key | BrownianPath
    first_row: int = 0


def source_of(key: random.Key | None, path: BrownianPath | None, first_row: int) -> random.Key | BrownianPath:
    """Return the key or the path that provides the noise of a run; exactly one of them is given."""
    if path is None:
        if key is None:
            raise TypeError("key must be a Key; got None: use key=diffmath.random.key(seed), or give a path")
        return key
    if not isinstance(path, BrownianPath):
        raise TypeError(f"path must be a BrownianPath; got {type(path).__name__}")
    if key is not None or first_row not in (0, path.first_row):
        raise ValueError("path has its own key and first_row; give it, or key and first_row, but not both")
    return path


def first_row_of(source: random.Key | BrownianPath, first_row: int) -> int:
    """Return the number of the first row in the whole batch; messages count rows from it."""
    return source.first_row if isinstance(source, BrownianPath) else first_row


def noise_of(setup: Setup, *, check: bool = True) -> Iterator[Any]:
    """Check model and method against the state, then iterate over the noise of the steps."""
    model, x, clock, method, source, first_row = setup
    method.check(model)
    path_key = None if isinstance(source, BrownianPath) else random.fold_in(source, "sde.path")
    probed = probe(model, float(clock[0]), x)
    if check:
        check_declared(model, float(clock[0]), x, method, probed)
    if isinstance(source, BrownianPath):
        return along(source, clock, method, probed.shape, x)
    return method.increments(path_key, clock, probed.shape, like=x, first_row=first_row)


def host_noise(setup: Setup) -> Iterator[Any]:
    """Like `noise_of`, with NumPy noise, and without value checks of arrays that JAX traces."""
    model, x, clock, method, source, first_row = setup
    method.check(model)
    shape, like = noise_shape(model, float(clock[0]), x), host_like(x)
    if isinstance(source, BrownianPath):
        return along(replace(source, like=like), clock, method, shape, like)
    path_key = random.fold_in(source, "sde.path")
    return method.increments(path_key, clock, shape, like=like, first_row=first_row)


def along(
    path: BrownianPath, clock: npt.NDArray[np.float64], method: Method, shape: tuple[int, int], x: Array
) -> Iterator[Any]:
    """Check a path against the state and the needs of the method, then iterate over its noise."""
    needed = method.terms
    if path.shape != shape:
        raise ValueError(f"path must have shape {shape}, (batch, noise_dim); got {path.shape}")
    same_kind("x0", x, "path", path.like)
    if path.like.dtype != x.dtype:
        raise TypeError(f"path must have the precision of x0, {x.dtype}; got {path.like.dtype}")
    increments = path.increments(clock, needed)
    return increments if needed else (increment.W for increment in increments)
