r"""Brownian increments that refine: N, 2N, 4N, ... steps of one key see one and the same path.

With ``N = odd * 2**levels`` steps, the path is cut into `odd` independent cells, and each cell is halved
`levels` times by Brownian bridges at the middle *index*. Over ``[a, b]`` with increment W and middle m,

.. math:: W_{a,m} = r\,W + s\,z, \qquad W_{m,b} = (1-r)\,W - s\,z, \qquad
          r = \frac{m-a}{b-a}, \quad s^2 = \frac{|m-a|\,|b-m|}{|b-a|}, \quad z \sim \mathcal N(0, 1).

The normal z of a node depends on (key, cell, node, row, column) only, never on how deep the tree goes:
doubling N adds a level of leaves and leaves every node above as it was. Increments are stored, never values
of W, so that single precision loses nothing to cancellation (this is Levy's construction of Brownian motion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.accelerate import stand_in
from diffmath._arrays.devices import each_on_its_device, on_its_device
from diffmath._arrays.namespace import array_namespace, device, host_times
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.random._distributions import normal_rows, uniform_rows
from diffmath.random._philox import Stream

__all__ = ["brownian_increments", "noise_model", "odd_part", "row_normals", "row_uniforms", "walk"]


@on_its_device
def brownian_increments(
    key: random.Key,
    clock: npt.ArrayLike,
    shape: tuple[int, ...],
    *,
    like: Array,
    dtype: Any = None,
    first_row: int = 0,
) -> Iterator[Array]:
    r"""Iterate over the increments of Brownian motions between the times of a clock.

    .. math:: \Delta W_n \sim \mathcal N(0, |c_{n+1} - c_n|) \quad \text{independent}, \quad n = 0, \dots, N-1

    Parameters
    ----------
    key : Key
        Names the path; its domain tag is folded in here.
    clock : array_like, shape (N + 1,)
        Strictly monotone host times, increasing or decreasing, of any spacing.
    shape : tuple of int, (batch, ...)
        Shape of one increment: one row per path.
    like : array
        Gives the library, device and (unless `dtype` is given) precision of the increments.
    dtype : dtype, optional
        float32 or float64 of the library of `like`.
    first_row : int
        Number of the first row: a chunk of a larger batch gets exactly the rows it would have there.

    Returns
    -------
    iterator of array, shape `shape`
        N increments in the order of the clock.

    Raises
    ------
    TypeError
        An argument of the wrong kind.
    ValueError
        A clock that is not strictly monotone and finite, a shape without a batch axis, a negative size or
        row, or rows beyond 2**64.

    Notes
    -----
    *What is shared.* Paths of N and ``2**k * N`` steps agree at their common times (to rounding) if the
    clocks do: 20 and 40 steps share a path, 20 and 30 do not (their odd parts, 5 and 15, differ), nor do two
    clocks of other spacing. Batch size, chunks, library and device never matter.

    *Cost.* One normal per step and row, and at most ``log2(N) + 1`` arrays alive at a time: depth first,
    nothing is stored over the steps.

    References
    ----------
    .. [1] Levy (1948), Processus stochastiques et mouvement brownien, Gauthier-Villars.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath.sde import brownian_increments
    >>> key = dm.random.key(0)
    >>> coarse = list(brownian_increments(key, np.linspace(0, 1, 21), (3, 1), like=np.empty(0)))
    >>> fine = list(brownian_increments(key, np.linspace(0, 1, 41), (3, 1), like=np.empty(0)))
    >>> bool(np.allclose(coarse[0], fine[0] + fine[1]))
    True
    """
    times = host_times(clock, "clock")
    model, wrap = noise_model(like, dtype)
    draw = row_normals(shape, model, None, first_row)
    tree_key = random.fold_in(key, "sde.brownian")

    def root(cell_key: random.Key, h: float) -> Array:
        return math.sqrt(h) * draw(cell_key)

    def halve(increment: Array, node_key: random.Key, a: float, mid: float, b: float) -> tuple[Array, Array]:
        return _bridge(increment, draw(node_key), a, mid, b)

    leaves = walk(tree_key, times, root, halve)
    return each_on_its_device((wrap(increment) for increment, _, _, _ in leaves), like)


def noise_model(like: Array, dtype: Any = None) -> tuple[Array, Callable[[Array], Array]]:
    """Check `like` and `dtype`; return what noise is drawn like, and what makes it arrays of that library.

    CPU arrays of PyTorch and JAX are drawn, halved and put together as NumPy arrays.
    """
    return stand_in(normal_rows, random.normal(random.key(0), (0,), like=like, dtype=dtype))


def row_normals(
    shape: tuple[int, ...], like: Array, dtype: Any = None, first_row: int = 0
) -> Callable[..., Array]:
    """Check what names rows of noise; return ``draw(key, width=shape[1:])``, normals (batch, *width)."""
    return _row_draws(random.normal, normal_rows, Stream.NORMAL_53, shape, like, dtype, first_row)


def row_uniforms(
    shape: tuple[int, ...], like: Array, dtype: Any = None, first_row: int = 0
) -> Callable[..., Array]:
    """Do as `row_normals`, with uniform numbers between 0 and 1."""
    return _row_draws(random.uniform, uniform_rows, Stream.UNIFORM, shape, like, dtype, first_row)


def _row_draws(
    law: Callable[..., Array], fill: Callable[..., Array], stream: Stream, shape: tuple[int, ...],
    like: Array, dtype: Any, first_row: int,
) -> Callable[..., Array]:  # fmt: skip
    if not isinstance(shape, tuple | list) or not shape:
        raise ValueError(f"shape must be (batch, ...), one row per path; got {shape!r}")
    sizes = [check_count(f"shape[{i}]", size, 0) for i, size in enumerate(shape)]
    first_row = check_count("first_row", first_row, 0)
    rows = (first_row, first_row + sizes[0])
    if rows[1] >= 2**64:
        raise ValueError(f"first_row must leave room for {sizes[0]} rows below 2**64; got {first_row}")
    xp = array_namespace(like, names=["like"])
    # The law checks the rest once, on no rows; from then on every draw is its kernel alone.
    none = law(random.key(0), (0, *sizes[1:]), like=like, dtype=dtype)
    model, default = xp.reshape(none, (-1,)), tuple(sizes[1:])

    def draw(key: random.Key, width: tuple[int, ...] = default) -> Array:
        columns, out = math.prod(width), (sizes[0], *width)
        if 0 in out:
            return xp.zeros(out, dtype=model.dtype, device=device(model))
        return xp.reshape(fill(model, key.words, rows, columns, stream), out)

    return draw


def odd_part(steps: int) -> tuple[int, int]:
    """Return how many cells a clock of `steps` steps has, and how many steps each of them."""
    width = steps & -steps  # the largest power of two that divides `steps`
    return steps // width, width


def walk(
    key: random.Key,
    clock: npt.NDArray[np.float64],
    root: Callable[[random.Key, float], Any],
    halve: Callable[[Any, random.Key, float, float, float], tuple[Any, Any]],
) -> Iterator[tuple[Any, random.Key, int, int]]:
    """Walk the cells from left to right, each depth first: a stack of at most log2(N) + 1 states.

    Yields the state of every step, the key of its cell, its node in the cell and its number.
    """
    cells, width = odd_part(len(clock) - 1)
    for cell in range(cells):
        cell_key = random.fold_in(key, cell)
        lo, hi = cell * width, (cell + 1) * width
        # Heap numbers: 0 draws the cell's own state, 1 its middle, 2n and 2n + 1 the halves of node n.
        whole = root(random.fold_in(cell_key, 0), abs(float(clock[hi] - clock[lo])))
        stack = [(lo, hi, 1, whole)]
        while stack:
            lo, hi, node, state = stack.pop()
            if hi - lo == 1:
                yield state, cell_key, node, lo
                continue
            mid = (lo + hi) // 2
            times = (float(clock[i]) for i in (lo, mid, hi))
            left, right = halve(state, random.fold_in(cell_key, node), *times)
            stack += [(mid, hi, 2 * node + 1, right), (lo, mid, 2 * node, left)]


def _bridge(increment: Array, z: Array, a: float, mid: float, b: float) -> tuple[Array, Array]:
    """Split the increment over [a, b] at `mid`, with the normal `z`, into two independent ones."""
    left_share, right_share = (mid - a) / (b - a), (b - mid) / (b - a)
    kick = math.sqrt(abs(b - a) * left_share * right_share) * z
    return left_share * increment + kick, right_share * increment - kick
