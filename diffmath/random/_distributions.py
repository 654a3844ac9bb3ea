r"""Uniform and normal arrays: element (i, j) is a function of (key, row i, column j) and of nothing else.

The block of counter words (row low, row high, column block, stream) gives four words. A pair :math:`(w, w')`
is the fraction :math:`u = (w + f) / 2^{32}`, :math:`f = (w' + 1/2) / 2^{32}`, exact until it is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import Accelerated, accelerated, host_proxy
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    check_precision,
    device,
    is_real_float,
    real_dtype,
)
from diffmath._arrays.tracing import is_tracing
from diffmath._core.typing import Array
from diffmath.random._key import Key, check_key, unsigned_64
from diffmath.random._philox import MASK, Stream, Words, philox4x32, word_arithmetic
from diffmath.random._transform import box_muller, unit_interval

__all__ = ["block_words", "normal", "normal_rows", "rows_of_keys", "uniform", "uniform_rows"]

_BLOCKS_NUMPY, _BLOCKS = 2**13, 2**20  # made at once: temporaries that fit the cache, or few large launches


@on_its_device
def uniform(
    key: Key,
    shape: int | Sequence[int],
    *,
    like: Array,
    dtype: Any = None,
    rows: slice | None = None,
) -> Array:
    r"""Draw uniform numbers from the open interval (0, 1).

    .. math:: u_{ij} = \frac{w + f}{2^{32}}, \quad f = \frac{w' + 1/2}{2^{32}}

    with the words :math:`w, w'` of block (i, j // 2), rounded to `dtype` and kept below 1.

    Parameters
    ----------
    key, shape, like, dtype, rows
        As for `normal`.

    Returns
    -------
    array, shape `shape`, or ``(b - a, *shape[1:])`` with ``rows=slice(a, b)``

    Raises
    ------
    TypeError, ValueError
        As for `normal`.

    Notes
    -----
    Never 0, never 1; all bits that `dtype` holds are random, also near 0. Independent of the key's normals.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.random import key, uniform
    >>> u = uniform(key(0), (1000, 3), like=np.empty(0))
    >>> u.shape, bool(np.all((0 < u) & (u < 1)))
    ((1000, 3), True)
    """
    return _draw(uniform_rows, Stream.UNIFORM, key, shape, like, dtype, rows)


@on_its_device
def normal(
    key: Key,
    shape: int | Sequence[int],
    *,
    like: Array,
    dtype: Any = None,
    rows: slice | None = None,
    bits: int = 53,
) -> Array:
    r"""Draw standard normal numbers.

    .. math:: (z_{2b}, z_{2b+1}) = \sqrt{-2 \ln u}\,(\cos 2\pi v, \sin 2\pi v)

    with the fractions u, v of one block (Box and Muller [1]_ on Philox4x32-10 [2]_).

    Parameters
    ----------
    key : Key
        From `diffmath.random.key`, `fold_in` or `split`.
    shape : int or sequence of int
        Shape of the whole array: ``shape[0]`` rows, the other axes flattened to columns (one column where
        there are none). An integer n means ``(n,)``; ``()`` is one number, that of row 0 and column 0.
    like : array
        Any array: gives library, device and default dtype.
    dtype : dtype, optional
        float32 or float64 of that library; default the real dtype of `like`.
    rows : slice, optional
        ``slice(a, b)`` gives exactly ``normal(key, shape, like=like)[a:b]`` at the cost of b - a rows.
    bits : {53, 32}, optional
        Random bits behind each radius and each angle: 53 fills a float64 and reaches 9.4 sigma; 32 is for
        ensembles, costs half the blocks and ends at 6.7 sigma (a normal exceeds that once in 7e10 draws).
        The two are independent streams.

    Returns
    -------
    array, shape `shape`, or ``(b - a, *shape[1:])`` with ``rows=slice(a, b)``
        Finite always.

    Raises
    ------
    TypeError
        Wrong kind of `key`, `shape`, `like`, `dtype`, `rows`.
    ValueError
        A negative or too large size, rows outside the shape or with a step, other `bits`.

    Notes
    -----
    Element (i, j) depends on (key, i, j) only. The words are equal on every backend; the values agree to a
    few ulp, float32 with float64 to float32 rounding. One key gives :math:`2^{64}` rows of :math:`2^{33}`
    columns that share no block: within one key nothing can collide. For several keys, see `fold_in`. Cost:
    one block of words for every started pair of columns (four columns with 32 bits).

    References
    ----------
    .. [1] Box & Muller (1958), "A note on the generation of random normal deviates", Ann. Math. Stat. 29.
    .. [2] Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.random import key, normal
    >>> z = normal(key(0), (1000, 3), like=np.empty(0))
    >>> bool(np.all(normal(key(0), (1000, 3), like=np.empty(0), rows=slice(10, 20)) == z[10:20]))
    True
    """
    if bits not in (53, 32):
        raise ValueError(f"bits must be 53 or 32; got {bits}")
    stream = Stream.NORMAL_53 if bits == 53 else Stream.NORMAL_32
    return _draw(normal_rows, stream, key, shape, like, dtype, rows)


def _draw(
    fill: Accelerated[..., Array],
    stream: Stream,
    key: Key,
    shape: int | Sequence[int],
    like: Array,
    dtype: Any,
    rows: slice | None,
) -> Array:
    """Check the arguments, let `fill` make (rows, columns), and give it the requested shape."""
    check_key(key)
    xp = array_namespace(like, names=["like"])
    if dtype is None:
        dtype = real_dtype(like)
    elif not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64 of the library of like; got {dtype}")
    else:
        check_precision("dtype", dtype, xp)
    sizes = _sizes(shape)
    start, stop = _row_range(rows, sizes)
    columns = math.prod(sizes[1:])
    if columns > 2**33:
        raise ValueError(f"shape must have at most 2**33 columns; got {columns}: use more rows")
    out_shape = (stop - start, *sizes[1:]) if sizes else ()
    if 0 in out_shape:
        return xp.zeros(out_shape, dtype=dtype, device=device(like))
    model, wrap = host_proxy(fill, like)
    if model is like or like.dtype != dtype:
        model, wrap = host_proxy(fill, xp.zeros((0,), dtype=dtype, device=device(like)))
    values = fill(model, key.words, (start, stop), columns, stream)
    return wrap(compat.array_namespace(model).reshape(values, out_shape))


def _sizes(shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(shape, tuple | list):
        return tuple(unsigned_64(f"shape[{i}]", n) for i, n in enumerate(shape))
    return (unsigned_64("shape", shape, "an int or a tuple of ints"),)


def _row_range(rows: slice | None, sizes: tuple[int, ...]) -> tuple[int, int]:
    whole = sizes[0] if sizes else 1
    if rows is None:
        return 0, whole
    if not isinstance(rows, slice):
        raise TypeError(f"rows must be a slice; got {type(rows).__name__}: use slice(a, b)")
    if not sizes:
        raise ValueError("rows needs a shape with rows; got shape ()")
    if rows.step not in (None, 1):
        raise ValueError(f"rows must have step 1; got {rows}")
    start = 0 if rows.start is None else unsigned_64("rows.start", rows.start)
    stop = whole if rows.stop is None else unsigned_64("rows.stop", rows.stop)
    if not start <= stop <= whole:
        raise ValueError(
            f"rows must satisfy 0 <= start <= stop <= shape[0]={whole}; got slice({start}, {stop}): "
            f"shape is that of the whole array, rows picks from it"
        )
    return start, stop


@accelerated
def uniform_rows(
    like: Array, key: tuple[int, int], rows: tuple[int, int], columns: int, stream: Stream
) -> Array:
    """Return the uniforms of some rows, shape (rows[1] - rows[0], columns), in the dtype of `like`."""
    if is_tracing(like):  # drawn outside: tracing Philox takes longer than running it
        return asarray_like(uniform_rows(_host(like), key, rows, columns, stream), like, like.dtype)
    return _fill(like, key, rows, columns, stream)


@accelerated
def normal_rows(
    like: Array, key: tuple[int, int], rows: tuple[int, int], columns: int, stream: Stream
) -> Array:
    """Return the normals of some rows, shape (rows[1] - rows[0], columns); the stream names the transform."""
    if is_tracing(like):  # drawn outside: tracing Philox takes longer than running it
        return asarray_like(normal_rows(_host(like), key, rows, columns, stream), like, like.dtype)
    return _fill(like, key, rows, columns, stream)


@accelerated
def rows_of_keys(
    like: npt.NDArray[Any], keys: npt.NDArray[np.int64], rows: tuple[int, int], columns: int, stream: Stream
) -> npt.NDArray[Any]:
    """Return the same for every key, (keys, rows[1] - rows[0], columns); for NumPy, few numbers a key."""
    per_block, blocks = _PER_BLOCK[stream], -(-columns // _PER_BLOCK[stream])
    pair: Any = (keys[:, 0, None, None], keys[:, 1, None, None])
    words = block_words(like, pair, rows[0], rows[1] - rows[0], 0, blocks, stream)
    tile = np.stack(_transform(words, like.dtype, stream), axis=-1)
    return tile.reshape(len(keys), rows[1] - rows[0], blocks * per_block)[:, :, :columns]


def _host(like: Array) -> Array:
    return np.empty(0, dtype=np.dtype(like.dtype))


_PER_BLOCK = {Stream.UNIFORM: 2, Stream.NORMAL_53: 2, Stream.NORMAL_32: 4}  # columns


def _transform(words: Words, dtype: Any, stream: Stream) -> tuple[Array, ...]:
    """Turn the words of blocks into the numbers of their columns."""
    w0, w1, w2, w3 = words
    if stream == Stream.UNIFORM:
        return unit_interval(w0, w1, dtype), unit_interval(w2, w3, dtype)
    if stream == Stream.NORMAL_53:
        return box_muller(w0, w1, w2, w3, dtype)
    return *box_muller(w0, None, w1, None, dtype), *box_muller(w2, None, w3, None, dtype)


def _fill(like: Array, key: tuple[int, int], rows: tuple[int, int], columns: int, stream: Stream) -> Array:
    """Transform the words of all blocks of some rows, tile by tile."""
    xp, per_block = compat.array_namespace(like), _PER_BLOCK[stream]
    limit = _BLOCKS_NUMPY if compat.is_numpy_namespace(xp) else _BLOCKS
    blocks = -(-columns // per_block)
    bands = []
    for row, n_rows in _pieces(*rows, max(1, limit // blocks)):
        band = []
        for block, n_blocks in _pieces(0, blocks, limit):
            words = block_words(like, key, row, n_rows, block, n_blocks, stream)
            tile = xp.stack(_transform(words, like.dtype, stream), axis=-1)
            band.append(xp.reshape(tile, (n_rows, n_blocks * per_block)))
        bands.append((band[0] if len(band) == 1 else xp.concat(band, axis=1))[:, :columns])
    return bands[0] if len(bands) == 1 else xp.concat(bands, axis=0)


def _pieces(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(start, stop, size):
        yield first, min(size, stop - first)


def block_words(
    like: Array, key: tuple[int, int], row: int, n_rows: int, block: int, n_blocks: int, stream: Stream
) -> Words:
    """Return the four words, each of shape (n_rows, n_blocks), of consecutive rows and column blocks."""
    xp = compat.array_namespace(like)
    dtype, multiply, word = word_arithmetic(xp, like)
    base = word(row & MASK)
    row_low = (xp.arange(n_rows, dtype=dtype, device=device(like)) + base) & word(MASK)
    row_high = xp.astype(row_low < base, dtype) + word(row >> 32)
    column = xp.arange(n_blocks, dtype=dtype, device=device(like)) + word(block)
    counter = (row_low[:, None], row_high[:, None], column[None, :], word(int(stream)))
    return philox4x32(counter, key, multiply, word)
