"""The one check of real numbers at the public edge."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from diffmath._core.numbers import check_number


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(4, 2)])
def test_real_numbers_become_floats(value):
    found = check_number("dt", value)
    assert type(found) is float
    assert found == 2.0


@pytest.mark.parametrize("value", [True, None, "2", 2j, [2.0], np.array(2.0), np.bool_(True)])
def test_everything_else_is_refused_by_name(value):
    with pytest.raises(TypeError, match=f"dt must be a number; got {type(value).__name__}"):
        check_number("dt", value)
