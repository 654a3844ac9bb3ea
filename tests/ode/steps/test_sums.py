"""The sums that are written out equal a loop over their weights, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode
from diffmath.ode._steps.sums import stage_sums


def looped(weights: Any, h: float, x: list[float], slopes: list[list[float]]) -> list[float]:
    """One component after the other, the products from left to right."""
    found = []
    for j, start in enumerate(x):
        terms = [(weight * h) * slopes[i][j] for i, weight in weights]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        found.append(start + total)
    return found


@pytest.mark.parametrize("count", range(1, 9))
@given(data=st.data(), h=st.floats(-2, 2))
def test_sums_of_every_length_are_those_of_the_loop(count: int, data: Any, h: float) -> None:
    """Also of infinities and NaN, which a term of weight zero would spread."""
    columns = data.draw(st.integers(1, 4))
    row = st.lists(st.floats(allow_subnormal=False), min_size=columns, max_size=columns)
    slopes = data.draw(st.lists(row, min_size=count + 2, max_size=count + 2))
    x, factors = data.draw(row), data.draw(st.lists(st.floats(-9, 9), min_size=count, max_size=count))
    indices = data.draw(st.permutations(range(count + 2)))[:count]
    weights = list(zip(sorted(indices), factors))
    found = stage_sums(weights, columns)(h, x, slopes)
    assert found.shape == (1, columns)
    np.testing.assert_array_equal(found[0], looped(weights, h, x, slopes))


def test_a_stage_without_weights_is_at_the_start() -> None:
    """A row of zeros in a tableau of the user; a slope that is not finite shows, as in the array code."""
    add = stage_sums([], 2)
    assert add(0.5, [1.0, 2.0], [[3.0, 4.0]]).tolist() == [[1.0, 2.0]]
    assert math.isnan(add(0.5, [1.0, 2.0], [[math.inf, 4.0]])[0, 0])


def test_every_sum_of_dopri5_is_written_out() -> None:
    rows, _, error, _ = ode.dopri5.sparse
    names = {stage_sums(weights, 2).__qualname__ for weights in (*(row for _, row in rows), error)}
    assert "_many" not in "".join(names)
