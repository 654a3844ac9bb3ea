"""Rows under many keys: the numbers of `normal` and `uniform`, bit for bit, in one call or many."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only

HOST = np.empty(0)
KEY = random.key(3)


@given(
    law=st.sampled_from([random.normal, random.uniform]),
    batch=st.integers(0, 5),
    width=st.sampled_from([(), (1,), (3,), (2, 3), (0,)]),
    first_row=st.sampled_from([0, 7, 2**40]),
    dtype=st.sampled_from([np.float32, np.float64]),
    numbers=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 9)), min_size=1, max_size=150),
    reference=st.booleans(),
)
def test_folded_draws_are_those_of_the_law(law, batch, width, first_row, dtype, numbers, reference):
    def check():
        stream = random.RowStream(law, (batch, *width), like=HOST, dtype=dtype, first_row=first_row)
        found = stream.folded(KEY, numbers)
        assert found.shape == (len(numbers), batch, *width)
        assert found.dtype == dtype
        for draw, (a, b) in list(zip(found, numbers, strict=True))[:: max(1, len(numbers) // 3)]:
            key = random.fold_in(random.fold_in(KEY, a), b)
            np.testing.assert_array_equal(stream(key), draw)
            shape = (first_row + batch, *width)
            rows = slice(first_row, first_row + batch)
            np.testing.assert_array_equal(law(key, shape, like=HOST, dtype=dtype, rows=rows), draw)

    if reference:
        with reference_only():
            check()
    else:
        check()


def test_another_width():
    stream = random.RowStream(random.normal, (3, 2), like=HOST)
    assert stream(KEY, (5,)).shape == (3, 5)
    np.testing.assert_array_equal(stream(KEY, (5,)), random.normal(KEY, (3, 5), like=HOST))
    several = stream.folded(KEY, [[1], [2]], (5,))
    np.testing.assert_array_equal(several[1], random.normal(random.fold_in(KEY, 2), (3, 5), like=HOST))


def test_every_library(xp):
    like = xp.empty("float64")
    stream = random.RowStream(random.normal, (3, 2), like=like)
    expected = random.RowStream(random.normal, (3, 2), like=HOST).folded(KEY, [[1], [2]])
    found = stream.wrap(stream.folded(KEY, [[1], [2]]))
    assert type(found) is type(like)
    # log and cos of the backends' libraries may differ in the last places.
    np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(
        xp.numpy(stream.wrap(stream(random.fold_in(KEY, 2)))), xp.numpy(found[1, ...])
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((max, (2, 3)), TypeError, "law must be random.normal or random.uniform; got <built-in"),
        ((random.normal, 3), ValueError, "shape must be (batch, ...), one row per path; got 3"),
        ((random.normal, ()), ValueError, "shape must be (batch, ...)"),
        ((random.normal, (2, -1)), ValueError, "shape[1] must be at least 0; got -1"),
        ((random.normal, (2, 0.5)), TypeError, "shape[1] must be an int; got float"),
    ],
)
def test_arguments_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        random.RowStream(*arguments, like=HOST)


def test_rows_and_kinds_that_are_refused():
    with pytest.raises(ValueError, match=r"first_row must leave room for 2 rows below 2\*\*64"):
        random.RowStream(random.normal, (2, 1), like=HOST, first_row=2**64 - 2)
    with pytest.raises(TypeError, match="like must be an array"):
        random.RowStream(random.normal, (2, 1), like=[1.0])
    with pytest.raises(TypeError, match="dtype must be float32 or float64"):
        random.RowStream(random.normal, (2, 1), like=HOST, dtype=np.int64)


def test_a_draw_is_of_the_library_of_like(xp):
    """A user who gives a tensor gets tensors; NumPy arrays only on request."""
    stream = random.RowStream(random.uniform, (3, 2), like=xp.empty("float32"))
    for draw in (stream(KEY), stream.folded(KEY, [[1]])):
        assert type(draw) is type(xp.empty("float32"))
        assert draw.dtype == xp.xp.float32


def test_it_says_what_it_is_and_refuses_what_is_no_key():
    stream = random.RowStream(random.normal, (3, 2), like=HOST, first_row=4)
    assert repr(stream) == "RowStream(normal, (3, 2), float64, first_row=4)"
    last = 2**64 - 1  # the rows end below 2**64
    assert random.RowStream(random.uniform, (3, 2), like=HOST, first_row=last - 3)(KEY).shape == (3, 2)
    with pytest.raises(ValueError, match=f"must leave room for 3 rows below 2\\*\\*64; got {last - 2}"):
        random.RowStream(random.uniform, (3, 2), like=HOST, first_row=last - 2)
    assert repr(random.RowStream(random.uniform, (3,), like=HOST)) == "RowStream(uniform, (3,), float64)"
    for draw in (stream, lambda key: stream.folded(key, [[1]])):
        with pytest.raises(TypeError, match="key must be a Key; got int"):
            draw(5)
