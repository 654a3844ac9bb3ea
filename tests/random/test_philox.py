"""Words: Random123's known answers, one scalar reference, every backend, both arithmetics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.random._distributions import block_words
from diffmath.random._philox import Stream, _multiply_32, philox4x32

# Random123, kat_vectors, philox4x32-10: counter words, key words, output words.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
words = st.integers(0, 2**32 - 1)


def unhex(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


def independent_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """The paper's round, written a second time with unbounded integers: swap the products, then mix."""
    left, right = counter[:2], counter[2:]
    for r in range(10):
        k = [(key[0] + r * 0x9E3779B9) % 2**32, (key[1] + r * 0xBB67AE85) % 2**32]
        high0, low0 = divmod(left[0] * 0xD2511F53, 2**32)
        high1, low1 = divmod(right[0] * 0xCD9E8D57, 2**32)
        left, right = (high1 ^ left[1] ^ k[0], low1), (high0 ^ right[1] ^ k[1], low0)
    return (*left, *right)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: str, key: str, expected: str) -> None:
    assert philox4x32(unhex(counter), unhex(key)) == unhex(expected)
    assert independent_philox(unhex(counter), unhex(key)) == unhex(expected)


@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_scalar_equals_an_independent_one(counter: tuple[int, ...], key: tuple[int, ...]) -> None:
    assert philox4x32(counter, key) == independent_philox(counter, key)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers_on_arrays(xp, counter: str, key: str, expected: str) -> None:
    arrays = tuple(xp.xp.asarray([word], dtype=xp.xp.int64, device=xp.device) for word in unhex(counter))
    assert tuple(int(xp.numpy(w)[0]) for w in philox4x32(arrays, unhex(key))) == unhex(expected)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers_in_16_bit_limbs(counter: str, key: str, expected: str) -> None:
    """The arithmetic for devices without 64-bit integers."""

    def word(value: int) -> np.ndarray:
        return np.asarray(value, dtype=np.uint32)

    arrays = tuple(word(c)[None] for c in unhex(counter))
    out = philox4x32(arrays, unhex(key), _multiply_32, word)
    assert all(w.dtype == np.uint32 for w in out)
    assert tuple(int(w[0]) for w in out) == unhex(expected)


@given(st.lists(words, min_size=1, max_size=8), st.sampled_from([0xD2511F53, 0xCD9E8D57, 0, 2**32 - 1]))
def test_products_in_16_bit_limbs(values: list[int], constant: int) -> None:
    high, low = _multiply_32(np.asarray(values, dtype=np.uint32), constant)
    for value, h, low_word in zip(values, high, low, strict=True):
        assert (int(h) << 32) + int(low_word) == value * constant


@given(st.integers(0, 2**64 - 8), st.integers(0, 2**32 - 8), st.sampled_from(list(Stream)))
def test_block_words_count_over_the_carry(row: int, block: int, stream: Stream) -> None:
    key = (0x12345678, 0x9ABCDEF0)
    made = block_words(np.empty(0), key, row, 3, block, 2, stream)
    for i in range(3):
        for j in range(2):
            counter = ((row + i) % 2**32, (row + i) >> 32, block + j, int(stream))
            assert tuple(int(np.broadcast_to(w, (3, 2))[i, j]) for w in made) == independent_philox(
                counter, key
            )


def test_block_words_on_every_backend(xp) -> None:
    row = 2**32 - 2  # the low word of the row overflows inside
    made = block_words(xp.empty(), (1, 2), row, 5, 7, 3, Stream.UNIFORM)
    expected = block_words(np.empty(0), (1, 2), row, 5, 7, 3, Stream.UNIFORM)
    for ours, theirs in zip(made, expected, strict=True):
        np.testing.assert_array_equal(xp.numpy(ours), theirs)


def test_block_words_without_64_bit_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = block_words(np.empty(0), (3, 2**32 - 1), 2**32 - 2, 5, 2**32 - 9, 3, Stream.NORMAL_53)

    def arithmetic(xp, like):
        return np.uint32, _multiply_32, lambda value: np.asarray(value, dtype=np.uint32)

    monkeypatch.setattr("diffmath.random._distributions.word_arithmetic", arithmetic)
    made = block_words(np.empty(0), (3, 2**32 - 1), 2**32 - 2, 5, 2**32 - 9, 3, Stream.NORMAL_53)
    for ours, theirs in zip(made, expected, strict=True):
        assert ours.dtype == np.uint32
        np.testing.assert_array_equal(ours, theirs)


def test_numba_words() -> None:
    kernels = pytest.importorskip("diffmath.kernels.numba._words")
    for counter, key, expected in KNOWN:
        arguments = [np.uint64(word) for word in (*unhex(counter), *unhex(key))]
        with np.errstate(over="ignore"):
            assert tuple(int(w) for w in kernels.philox4x32(*arguments)) == unhex(expected)


def test_streams_differ() -> None:
    """The purpose is a counter word, and Philox is a bijection: no block serves two purposes."""
    assert len({int(stream) for stream in Stream}) == len(Stream)
    blocks = {philox4x32((i, 0, 0, int(s)), (5, 6)) for s in Stream for i in range(1000)}
    assert len(blocks) == 1000 * len(Stream)
