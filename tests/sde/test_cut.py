"""A node cut at a place: the kernel and the body give the same parts; the parts are those of the halvings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only
from diffmath.sde import BrownianPath
from diffmath.sde._bridge import divide, join, split
from diffmath.sde._cut import LEAF_BITS, cut, cut_increment

SEEDS = st.integers(0, 2**64 - 1)


@given(
    rows=st.integers(1, 5), columns=st.integers(1, 5), node=st.integers(1, 2**40), depth=st.integers(0, 9),
    first_row=st.integers(0, 2**62), dtype=st.sampled_from(["float64", "float32"]), seed=SEEDS,
    h=st.floats(1e-9, 1e3), share=st.fractions(0, 1), leaf_end=st.booleans(),
)  # fmt: skip
def test_the_kernel_is_the_body_bit_for_bit_with_the_same_normals(
    rows, columns, node, depth, first_row, dtype, seed, h, share, leaf_end
):
    size = 1 << (depth + LEAF_BITS)
    place = max(1, min(size - 1, int(share * size)))
    if leaf_end and depth:
        place = max(1, place >> LEAF_BITS) << LEAF_BITS
    W = np.random.default_rng(1).standard_normal((rows, columns)).astype(dtype)
    keys = random.key(seed).words, random.fold_in(random.key(seed), 1).words
    arguments = (W, *keys, node, depth, place, h, first_row)
    # The body, with the normals of their kernel: only what this kernel adds is compared.
    expected = cut_increment.reference(*arguments)
    for part, value in zip(cut_increment(*arguments), expected, strict=True):
        assert part.dtype == W.dtype
        np.testing.assert_array_equal(part, value)


@pytest.mark.parametrize("shape", [(200, 257), (129, 2), (1, 3001), (70_000, 3), (3000, 64)])
def test_shapes_that_fill_many_lanes_or_threads(shape):
    W = np.random.default_rng(1).standard_normal(shape)
    arguments = (W, (1, 2), (3, 4), 5, 3, 1234, 0.25, 7)
    expected = cut_increment.reference(*arguments)
    for part, value in zip(cut_increment(*arguments), expected, strict=True):
        np.testing.assert_array_equal(part, value)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 3, 3), (300, 1000), (0, 4), (2, 0)])
def test_paths_of_any_shape_are_those_of_the_body(shape):
    path = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0), levels=6)
    got = path(0.1, 0.72)
    with reference_only():
        wanted = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0), levels=6)(0.1, 0.72)
    assert got.shape == shape
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)  # normals agree to some ulp


def drawer(order, rows=6):
    def normals(key):
        z = random.normal(key, (rows, order), like=np.empty(0))
        return tuple(z[:, i] for i in range(order))

    return normals


@given(order=st.sampled_from([1, 2, 3]), depth=st.integers(0, 6), seed=SEEDS, share=st.fractions(0, 1))
def test_the_parts_join_to_the_whole(order, depth, seed, share):
    size = 1 << (depth + LEAF_BITS)
    place = max(1, min(size - 1, int(share * size)))
    normals, keys = drawer(order), (random.key(seed), random.fold_in(random.key(seed), 1))
    whole = normals(random.key(3))
    left, right = cut(whole, normals, keys, 1, depth, place, 1.0)
    for value, expected in zip(join(left, right, place / size), whole, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_cut_is_that_of_the_halvings_one_by_one(order):
    """Five eighths of a node: the left half, and the left half of the left half of the right half."""
    normals, keys = drawer(order), (random.key(1), random.key(2))
    whole = normals(random.key(3))

    def halves(state, node, h):
        return divide(state, normals(random.fold_in(keys[0], node)), split(0.5, order), h**0.5)

    left, right = halves(whole, 1, 1.0)
    low, high = halves(right, 3, 0.5)
    eighth, rest = halves(low, 6, 0.25)
    got = cut(whole, normals, keys, 1, 5, 5 << (2 + LEAF_BITS), 1.0)
    for part, expected in zip(got, (join(left, eighth, 0.8), join(rest, high, 1 / 3)), strict=True):
        for value, wanted in zip(part, expected, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-15)
