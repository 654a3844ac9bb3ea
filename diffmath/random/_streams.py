r"""Rows of random numbers under many keys, for loops that draw a few numbers at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import Accelerated, host_proxy
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.random._distributions import normal, normal_rows, rows_of_keys, uniform, uniform_rows
from diffmath.random._key import Key, check_key, folded_words, key
from diffmath.random._philox import Stream

__all__ = ["RowStream"]

_LAWS: dict[Any, tuple[Accelerated[..., Array], Stream]] = {
    normal: (normal_rows, Stream.NORMAL_53),
    uniform: (uniform_rows, Stream.UNIFORM),
}


class RowStream:
    r"""Arrays of random numbers of one shape under many keys: arguments are checked once, draws are fast.

    .. math:: \mathrm{stream}(k) = \mathrm{law}(k, \mathrm{shape})_{i + \mathrm{first\_row},\, j}

    Parameters
    ----------
    law : callable
        `normal` or `uniform`.
    shape : tuple of int, (batch, ...)
        Shape of one draw, with one row per member of a batch.
    like : array
        Gives library, device and default dtype.
    dtype : dtype, optional
        float32 or float64 of that library.
    first_row : int
        Number of the first row: a chunk of a larger batch gets exactly its rows of that batch.
    native : bool
        Whether draws are arrays of the library of `like`, the default. Otherwise draws for CPU arrays of
        PyTorch and JAX may be NumPy arrays, which are faster to compute with; `wrap` converts them.

    Attributes
    ----------
    shape : tuple of int
        Shape of a draw.
    like : array, shape (0,)
        Array with the library, device and dtype of the draws.
    wrap : callable
        Converts a draw, or a result computed from draws, to the library of `like`.

    Raises
    ------
    TypeError
        Another `law`; a wrong kind of `like` or `dtype`.
    ValueError
        A shape without a batch axis, a negative size or row, or rows beyond 2**64.

    Notes
    -----
    The numbers are those of ``law(key, shape, like=like)``, for any number of calls.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import random
    >>> stream, key = random.RowStream(random.normal, (3, 2), like=np.empty(0)), random.key(0)
    >>> bool((stream(key) == random.normal(key, (3, 2), like=np.empty(0))).all())
    True
    >>> several = stream.folded(key, [[5], [7]])
    >>> several.shape, bool((several[1] == stream(random.fold_in(key, 7))).all())
    ((2, 3, 2), True)
    """

    def __init__(
        self,
        law: Callable[..., Array],
        shape: tuple[int, ...],
        *,
        like: Array,
        dtype: Any = None,
        first_row: int = 0,
        native: bool = True,
    ) -> None:
        if law not in _LAWS:
            raise TypeError(f"law must be random.normal or random.uniform; got {law!r}")
        if not isinstance(shape, tuple | list) or not shape:
            raise ValueError(f"shape must be (batch, ...), one row per path; got {shape!r}")
        sizes = [check_count(f"shape[{i}]", size, 0) for i, size in enumerate(shape)]
        first_row = check_count("first_row", first_row, 0)
        self._rows = (first_row, first_row + sizes[0])
        if self._rows[1] >= 2**64:
            raise ValueError(f"first_row must leave room for {sizes[0]} rows below 2**64; got {first_row}")
        array_namespace(like, names=["like"])
        self._fill, self._stream = _LAWS[law]
        # The law checks the remaining arguments, on no rows; afterwards every draw calls only the kernel.
        none = law(key(0), (0, *sizes[1:]), like=like, dtype=dtype)
        self.like: Array = array_namespace(none).reshape(none, (-1,))
        self.wrap: Callable[[Array], Array] = _as_it_is
        if not native:
            self.like, self.wrap = host_proxy(self._fill, self.like)
        self.shape = tuple(sizes)
        self._law = law.__name__

    def __repr__(self) -> str:
        first = f", first_row={self._rows[0]}" if self._rows[0] else ""
        return f"RowStream({self._law}, {self.shape}, {self.like.dtype}{first})"

    def __call__(self, key: Key, width: tuple[int, ...] | None = None) -> Array:
        r"""Return the draw under a key, (batch, \*width); `width` is ``shape[1:]`` by default."""
        out = self.shape if width is None else (self.shape[0], *width)
        check_key(key)
        xp, columns = array_namespace(self.like), math.prod(out[1:])
        if 0 in out:
            return xp.zeros(out, dtype=self.like.dtype, device=device(self.like))
        return xp.reshape(self._fill(self.like, key.words, self._rows, columns, self._stream), out)

    def folded(self, key: Key, numbers: npt.ArrayLike, width: tuple[int, ...] | None = None) -> Array:
        r"""Return the draws under keys derived from one, (n, batch, \*width).

        The key of draw i is `key` with the integers ``numbers[i]``, shape (depth,), folded in in sequence.
        One call is much faster than n calls if draws are small.
        """
        check_key(key)
        table = np.asarray(numbers, dtype=np.int64)
        out = (len(table), *self.shape) if width is None else (len(table), self.shape[0], *width)
        xp, columns = array_namespace(self.like), math.prod(out[2:])
        if 0 in out:
            return xp.zeros(out, dtype=self.like.dtype, device=device(self.like))
        words = folded_words(key.words, table)
        if isinstance(self.like, np.ndarray):
            return rows_of_keys(self.like, words, self._rows, columns, self._stream).reshape(out)
        return xp.stack([self(Key(*pair), width) for pair in words.tolist()])


def _as_it_is(values: Array) -> Array:
    return values
