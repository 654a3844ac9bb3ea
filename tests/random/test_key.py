"""Keys: values, derivation, refusals."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.random import Key, fold_in, key, split
from diffmath.random._key import folded_words
from diffmath.random._philox import philox4x32

numbers = st.integers(0, 2**64 - 1)


@given(numbers)
def test_the_seed_is_the_words(seed: int) -> None:
    assert key(seed) == Key(seed % 2**32, seed // 2**32)
    assert key(seed).words == (seed % 2**32, seed // 2**32)


def test_a_key_is_a_plain_value() -> None:
    k = key(2**40 + 7)
    assert repr(k) == "Key(0x00000007, 0x00000100)"
    assert eval(repr(k), {"Key": Key}) == k
    assert pickle.loads(pickle.dumps(k)) == k
    assert hash(k) == hash(key(2**40 + 7))
    assert key(np.uint64(2**64 - 1)) == Key(2**32 - 1, 2**32 - 1)
    with pytest.raises(AttributeError):
        k.low = 1  # type: ignore[misc]


@given(numbers, numbers)
def test_fold_in_is_two_words_of_a_block(seed: int, n: int) -> None:
    block = philox4x32((n % 2**32, n // 2**32, 0, 1), key(seed).words)
    assert fold_in(key(seed), n).words == block[:2]


@given(numbers, st.text())
def test_fold_in_hashes_tags(seed: int, tag: str) -> None:
    n = int.from_bytes(hashlib.blake2b(tag.encode(), digest_size=8).digest(), "little")
    block = philox4x32((n % 2**32, n // 2**32, 0, 2), key(seed).words)
    assert fold_in(key(seed), tag).words == block[:2]
    # A tag and its own digest as a number are different streams.
    assert fold_in(key(seed), tag) != fold_in(key(seed), n)


def test_many_keys_at_once_are_those_of_fold_in() -> None:
    """Numbers below and above 2^5 and 2^32, by the kernel and its body; a table of no columns is the key."""
    table = np.array([[3, 31], [32, 2**32 - 1], [2**32 + 5, 2**62], [0, 2**40 + 33]])
    wanted = [fold_in(fold_in(key(2**40 + 7), int(m)), int(n)).words for m, n in table]
    for words in (folded_words, folded_words.reference):
        np.testing.assert_array_equal(words(key(2**40 + 7).words, table), wanted)
        np.testing.assert_array_equal(words((5, 6), table[:, :0]), [(5, 6)] * 4)


def test_derived_keys_are_pinned() -> None:
    """Published results depend on these: a change here breaks every stored seed."""
    assert fold_in(key(0), 0) == Key(*philox4x32((0, 0, 0, 1), (0, 0))[:2])
    assert fold_in(key(0), 0) == Key(0x2DCE73E5, 0x1348E23F)
    assert fold_in(key(0), "diffusion.sample") == Key(0xA65F883D, 0x40D93FF5)
    assert split(key(0), 1) == (Key(0x4D7B25FC, 0xD75EE2F1),)


@given(numbers, st.integers(0, 20), st.integers(0, 20))
def test_split_is_a_prefix(seed: int, m: int, n: int) -> None:
    short, long = sorted((m, n))
    assert split(key(seed), long)[:short] == split(key(seed), short)
    assert len(split(key(seed), n)) == n


def test_derived_keys_do_not_collide() -> None:
    # 60,000 random 64-bit keys collide with probability 60000^2 / 2^65 = 1e-10.
    parent = key(3)
    found = {fold_in(parent, i) for i in range(20_000)} | {fold_in(parent, f"{i}") for i in range(20_000)}
    assert len(found | set(split(parent, 20_000))) == 60_000


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: key(1.0), TypeError, "seed must be an int; got float"),
        (lambda: key(True), TypeError, "seed must be an int; got bool"),
        (lambda: key("a"), TypeError, "seed must be an int; got str"),
        (lambda: key(-1), ValueError, r"seed must be in \[0, 2\*\*64\); got -1"),
        (lambda: key(2**64), ValueError, r"seed must be in \[0, 2\*\*64\)"),
        (lambda: fold_in(0, 1), TypeError, r"key must be a Key; got int: make one with diffmath.random.key"),
        (lambda: fold_in(key(0), 1.5), TypeError, "data must be an int or a str; got float"),
        (lambda: fold_in(key(0), None), TypeError, "data must be an int or a str; got NoneType"),
        (lambda: fold_in(key(0), -1), ValueError, r"data must be in \[0, 2\*\*64\); got -1"),
        (lambda: split(None, 1), TypeError, "key must be a Key; got NoneType"),
        (lambda: split(key(0), -1), ValueError, r"n must be in \[0, 2\*\*64\); got -1"),
        (lambda: split(key(0), 2.0), TypeError, "n must be an int; got float"),
        (lambda: Key(2**32, 0), ValueError, r"Key.low must be in \[0, 2\*\*32\); got 4294967296"),
        (lambda: Key(0, 1.0), TypeError, "Key.high must be an int; got float"),
    ],
)
def test_refusals(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
