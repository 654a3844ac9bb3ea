"""Sums of arrays: the kernels give the numbers of the array code, bit by bit, and see what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import reference_only
from diffmath._arrays.namespace import to_numpy
from diffmath.diffusion._process.combination import (
    Combination,
    alike,
    checked_combination,
    combine,
    linear_combination,
    nested_combination,
)

SHAPES = [(3, 5), (67, 83), (2, 3, 300, 301)]  # below, above what a kernel is worth; of several threads


def drawn(shape: tuple[int, ...], dtype: Any, count: int) -> tuple[tuple[float, ...], list[Any]]:
    rng = np.random.default_rng(count)
    factors = tuple(rng.standard_normal(count + 2).tolist())
    return factors, [rng.standard_normal(shape).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_kernels_add_in_the_order_of_the_array_code(shape: Any, dtype: Any, count: int) -> None:
    factors, arrays = drawn(shape, dtype, count)
    total = factors[0] * arrays[0]
    for factor, array in zip(factors[1:], arrays[1:], strict=False):
        total = total + factor * array
    found, finite = checked_combination(factors[:count], arrays)
    assert found.dtype == dtype
    assert finite
    np.testing.assert_array_equal(found, total)
    np.testing.assert_array_equal(linear_combination(factors[:count], arrays), total)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_nested_combination_is_two(shape: Any, count: int) -> None:
    factors, arrays = drawn(shape, np.float32, count)
    inner = Combination((factors[0], factors[1]), (arrays[0], arrays[1]))
    value, found, finite = nested_combination(inner, factors[2 : count + 2], arrays[2:])
    with reference_only():
        wanted = nested_combination(inner, factors[2 : count + 2], arrays[2:])
        assert wanted[2] is finite is True
    np.testing.assert_array_equal(value, wanted[0])
    np.testing.assert_array_equal(value, inner.value())
    np.testing.assert_array_equal(found, wanted[1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_number_that_is_not_finite_is_seen(shape: Any, bad: float) -> None:
    _, arrays = drawn(shape, np.float32, 3)
    arrays[2].reshape(-1)[-1] = bad
    assert not checked_combination((1.0, 1.0, 2.0), arrays)[1]
    inner = Combination((1.0, 1.0), (arrays[0], arrays[1]))
    assert not nested_combination(inner, (1.0, 1.0, 2.0), arrays[2:])[2]


def test_any_memory_order_and_read_only_arrays_are_taken() -> None:
    _, (a, b, c) = drawn((120, 120), np.float64, 3)
    b.flags.writeable = False
    found = linear_combination((2.0, 3.0, 4.0), (a.T, b, c[::-1]))
    np.testing.assert_array_equal(found, 2.0 * a.T + 3.0 * b + 4.0 * c[::-1])


def test_arrays_that_differ_in_dtype_or_shape_use_the_array_code() -> None:
    _, (a, b, _) = drawn((120, 120), np.float64, 3)
    assert alike((a, b))
    assert not alike((a, b.astype(np.float32)))
    assert not alike((a, b[:1]))
    np.testing.assert_array_equal(linear_combination((1.0, 1.0), (a, b[:1])), a + b[:1])


def test_backends_agree(xp: Any) -> None:
    _, arrays = drawn((70, 70), np.float64, 3)
    found = linear_combination((2.0, 0.5, 1.0), [xp.asarray(a) for a in arrays])
    wanted = combine.reference((2.0, 0.5, 1.0), *arrays)
    np.testing.assert_allclose(to_numpy(found), wanted, rtol=1e-15, atol=1e-15)  # a library may fuse
