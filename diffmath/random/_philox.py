r"""Philox4x32-10: a keyed bijection of four 32-bit words, on host integers and on arrays of any library.

One round maps :math:`(c_0, c_1, c_2, c_3)` to

.. math::
    (\mathrm{hi}(M_1 c_2) \oplus c_1 \oplus k_0,\; \mathrm{lo}(M_1 c_2),\;
     \mathrm{hi}(M_0 c_0) \oplus c_3 \oplus k_1,\; \mathrm{lo}(M_0 c_0)),

after which the key words are increased by the Weyl constants :math:`W_0, W_1` (modulo :math:`2^{32}`); ten
rounds.

References
----------
.. [1] Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3;
   constants and known answers from their library Random123.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from diffmath._arrays.namespace import device
from diffmath._core.typing import Array

__all__ = ["MASK", "Stream", "Words", "philox4x32", "word_arithmetic"]

MASK = 0xFFFFFFFF
_M0, _M1 = 0xD2511F53, 0xCD9E8D57  # multipliers
_W0, _W1 = 0x9E3779B9, 0xBB67AE85  # golden ratio and sqrt(3) - 1, as fractions of 2^32
_ROUNDS = 10

# Four 32-bit words: Python integers, or arrays that broadcast together.
Words = tuple[Any, Any, Any, Any]
# (a word c, a 32-bit constant m) -> the high and the low word of the 64-bit product.
Multiply = Callable[[Any, int], tuple[Any, Any]]


class Stream(IntEnum):
    """The last counter word, the purpose of a block: two purposes never share a block of one key."""

    FOLD_NUMBER = 1
    FOLD_TAG = 2
    SPLIT = 3
    UNIFORM = 4
    NORMAL_53 = 5
    NORMAL_32 = 6


def _multiply_32(c: Array, m: int) -> tuple[Array, Array]:
    """Multiply in uint32 by 16-bit limbs, for devices without 64-bit integers."""
    c_low, c_high, m_low, m_high = c & 0xFFFF, c >> 16, m & 0xFFFF, m >> 16
    low, cross, other = c_low * m_low, c_low * m_high, c_high * m_low
    middle = (low >> 16) + (cross & 0xFFFF) + (other & 0xFFFF)
    high = c_high * m_high + (cross >> 16) + (other >> 16) + (middle >> 16)
    return high, (middle << 16) | (low & 0xFFFF)


def philox4x32(
    counter: Words,
    key: tuple[int, int],
    multiply: Multiply | None = None,
    word: Callable[[int], Any] = int,
) -> Words:
    """Return the four words of the block `counter` under `key`.

    Parameters
    ----------
    counter : 4 words
        Python integers in [0, 2^32), or integer arrays of such values that broadcast together.
    key : 2 ints
        The key words.
    multiply, word : callable, optional
        The arithmetic of `word_arithmetic`; by default Python integers and int64 arrays.

    Examples
    --------
    >>> from diffmath.random._philox import philox4x32
    >>> [hex(w) for w in philox4x32((0, 0, 0, 0), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        if multiply is None:
            # The low 64 bits of a product are the same with and without a sign, so int64 is sufficient, which
            # every library has and wraps; bits above 31 are masked later.
            low0, low1 = (c0 & MASK) * _M0, (c2 & MASK) * _M1
            high0, high1 = low0 >> 32, low1 >> 32
            c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        else:
            (high0, low0), (high1, low1) = multiply(c0, _M0), multiply(c2, _M1)
            c0, c1, c2, c3 = high1 ^ c1 ^ word(k0), low1, high0 ^ c3 ^ word(k1), low0
        k0, k1 = (k0 + _W0) & MASK, (k1 + _W1) & MASK
    mask = word(MASK)
    return c0 & mask, c1 & mask, c2 & mask, c3 & mask


def word_arithmetic(xp: Any, like: Array) -> tuple[Any, Multiply | None, Callable[[int], Any]]:
    """Return the arithmetic for 32-bit words on the device of `like`.

    Returns
    -------
    dtype
        int64, or uint32 if there is no int64 (JAX without x64).
    multiply : callable or None
        ``(c, m) -> (high, low)``, for `philox4x32`; None for 64-bit integers.
    word : callable
        A host word as an operand for arrays of that dtype.
    """
    place = device(like)
    if "int64" in xp.__array_namespace_info__().dtypes(device=place, kind="integral"):
        return xp.int64, None, int
    # A Python integer of 2^31 or more is refused by libraries whose default integer is int32.
    return xp.uint32, _multiply_32, lambda value: xp.asarray(value, dtype=xp.uint32, device=place)
