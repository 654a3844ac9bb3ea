"""Keys: two 32-bit words on the host, and functions that derive new keys from them."""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import accelerated
from diffmath.random._philox import MASK, Stream, philox4x32

__all__ = ["Key", "check_key", "fold_in", "folded_words", "key", "split", "unsigned_64"]


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a family of random streams: two 32-bit words, as host values.

    Make one with `key`, derive others with `fold_in` and `split`.

    Parameters
    ----------
    low, high : int
        Words in [0, 2^32).

    Notes
    -----
    Equal keys give equal numbers, so use a key for one purpose only. Hashable and picklable.

    Examples
    --------
    >>> from diffmath.random import Key
    >>> Key(1, 0)
    Key(0x00000001, 0x00000000)
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        for name, word in (("low", self.low), ("high", self.high)):
            if type(word) is not int:
                raise TypeError(f"Key.{name} must be an int; got {type(word).__name__}: use key(seed)")
            if not 0 <= word <= MASK:
                raise ValueError(f"Key.{name} must be in [0, 2**32); got {word}: use key(seed)")

    @property
    def words(self) -> tuple[int, int]:
        """Both words, low first."""
        return self.low, self.high

    def __repr__(self) -> str:
        return f"Key(0x{self.low:08x}, 0x{self.high:08x})"


def key(seed: int) -> Key:
    """Return the key of a seed: its low and high 32-bit words, no hashing.

    Parameters
    ----------
    seed : int
        In [0, 2^64). Different seeds are different keys.

    Returns
    -------
    Key

    Raises
    ------
    TypeError
        `seed` is not an integer (a bool is not).
    ValueError
        `seed` is negative or needs more than 64 bits.

    Examples
    --------
    >>> import diffmath as dm
    >>> dm.random.key(7)
    Key(0x00000007, 0x00000000)
    """
    number = unsigned_64("seed", seed)
    return Key(number & MASK, number >> 32)


def fold_in(key: Key, data: int | str) -> Key:
    r"""Derive a key from a key and a number or a domain tag.

    .. math:: (k'_0, k'_1, \cdot, \cdot) = \mathrm{Philox}_{k}(n_{\mathrm{low}}, n_{\mathrm{high}}, 0, s)

    Parameters
    ----------
    key : Key
        Parent.
    data : int or str
        An integer n in [0, 2^64), or a tag whose n is the little-endian 64-bit BLAKE2b digest of its UTF-8
        bytes. The stream s differs between numbers, tags, `split` and the distributions, so they never
        overlap.

    Returns
    -------
    Key

    Raises
    ------
    TypeError
        `key` is not a Key, or `data` is neither an integer nor a string.
    ValueError
        `data` is outside [0, 2^64).

    Notes
    -----
    Two of n derived keys are equal with probability about :math:`n^2 / 2^{65}`: 3e-8 for a million keys, 3%
    for a billion. Equal keys repeat all numbers drawn from them. Therefore use the rows of one key, which
    cannot collide, for large indices (particles, paths), and derived keys for up to millions of purposes.

    References
    ----------
    .. [1] Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.

    Examples
    --------
    >>> from diffmath.random import fold_in, key
    >>> fold_in(key(0), "diffusion.sample") == fold_in(key(0), "diffusion.prior")
    False
    """
    check_key(key)
    if isinstance(data, str):
        digest = hashlib.blake2b(data.encode(), digest_size=8).digest()
        return _derive(key, int.from_bytes(digest, "little"), Stream.FOLD_TAG)
    return _derive(key, unsigned_64("data", data, "an int or a str"), Stream.FOLD_NUMBER)


def split(key: Key, n: int) -> tuple[Key, ...]:
    """Derive n keys from one; the first m of them do not depend on n.

    Parameters
    ----------
    key : Key
        Parent.
    n : int
        Number of keys, at least 0.

    Returns
    -------
    tuple of Key
        Distinct from ``fold_in(key, i)``; see `fold_in` for the probability of a collision.

    Raises
    ------
    TypeError
        `key` is not a Key, or `n` is not an integer.
    ValueError
        `n` is negative.

    Examples
    --------
    >>> from diffmath.random import key, split
    >>> prior_key, path_key = split(key(0), 2)
    >>> split(key(0), 3)[:2] == (prior_key, path_key)
    True
    """
    check_key(key)
    return tuple(_derive(key, i, Stream.SPLIT) for i in range(unsigned_64("n", n)))


@accelerated
def folded_words(key: tuple[int, int], numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the words of many keys, (n, 2): the numbers of each row, (n, depth), folded in in sequence."""
    words: Any = key
    for column in numbers.T:
        words = philox4x32((column & MASK, column >> 32, 0, int(Stream.FOLD_NUMBER)), words[:2])
    return np.stack([np.broadcast_to(word, len(numbers)) for word in words[:2]], axis=1)


def _derive(parent: Key, number: int, stream: Stream) -> Key:
    words = philox4x32((number & MASK, number >> 32, 0, int(stream)), parent.words)
    return Key(words[0], words[1])


def check_key(key: Any) -> None:
    if not isinstance(key, Key):
        raise TypeError(
            f"key must be a Key; got {type(key).__name__}: make one with diffmath.random.key(seed)"
        )


def unsigned_64(name: str, value: Any, kind: str = "an int") -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be {kind}; got {type(value).__name__}") from None
    if not 0 <= number < 2**64:
        raise ValueError(f"{name} must be in [0, 2**64); got {number}")
    return number
