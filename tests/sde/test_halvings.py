"""The way down a tree: the kernel and the body give the same halves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only
from diffmath.sde import BrownianPath
from diffmath.sde._halvings import halvings

SIDES = st.lists(st.integers(0, 1), min_size=1, max_size=8)


@given(
    rows=st.integers(1, 5), columns=st.integers(1, 5), sides=SIDES, node=st.integers(1, 2**40),
    first_row=st.integers(0, 2**62), dtype=st.sampled_from(["float64", "float32"]),
    seed=st.integers(0, 2**64 - 1), h=st.floats(1e-9, 1e3),
)  # fmt: skip
def test_the_kernel_is_the_body_bit_for_bit_with_the_same_normals(
    rows, columns, sides, node, first_row, dtype, seed, h
):
    W = np.random.default_rng(1).standard_normal((rows, columns)).astype(dtype)
    arguments = (W, random.key(seed).words, node, sides, h, first_row)
    # The body, with the normals of their kernel: only what this kernel adds is compared.
    expected = halvings.reference(*arguments)
    got = halvings(*arguments)
    assert len(got) == len(expected) == len(sides)
    for pair, wanted in zip(got, expected, strict=True):
        for half, value in zip(pair, wanted, strict=True):
            assert half.dtype == W.dtype
            np.testing.assert_array_equal(half, value)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 3, 3), (300, 1000)])
def test_paths_of_any_shape_are_those_of_the_body(shape):
    path = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0), levels=6)
    got = path(0.1, 0.72)
    with reference_only():
        wanted = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0), levels=6)(0.1, 0.72)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)  # normals agree to some ulp


def test_a_half_that_is_kept_keeps_no_more_than_itself():
    pairs = halvings(np.ones((4, 2)), (1, 2), 1, [0, 1, 1], 1.0, 0)
    assert all(half.base is None or half.base.size == half.size for pair in pairs for half in pair)
