"""Discrete times against indices computed by hand and by the loops that define them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESS = diffusion.from_betas(diffusion.betas("scaled_linear"))


def indices(spacing: Any, steps: int, **options: Any) -> list[float]:
    times = diffusion.discrete_times(PROCESS, steps, spacing=spacing, **options)
    assert times[-1] == 0.0
    assert np.all(np.diff(times) < 0)
    return (times[:-1] * 1000 - 1).round(9).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("spacing", "options", "wanted"),
    [
        ("trailing", {}, [999, 799, 599, 399, 199]),
        ("leading", {}, [800, 600, 400, 200, 0]),
        ("leading", {"offset": 1}, [801, 601, 401, 201, 1]),
        ("linspace", {}, [999, 749, 500, 250, 0]),
        ("simple", {}, [999, 799, 599, 399, 199]),
        ("sgm_uniform", {}, [999, 799.2, 599.4, 399.6, 199.8]),
        ("ddim_uniform", {}, [801, 601, 401, 201, 1]),
    ],
)
def test_five_steps_of_a_thousand(spacing: str, options: dict[str, int], wanted: list[float]) -> None:
    assert indices(spacing, 5, **options) == wanted


@pytest.mark.parametrize("steps", [1, 3, 7, 30, 300, 999, 1000])
def test_against_the_loops_that_define_them(steps: int) -> None:
    assert indices("simple", steps) == [1000 - (1 + int(x * (1000 / steps))) for x in range(steps)]
    upward, x = [], 1
    while x < 1000:
        upward.append(x)
        x += max(1000 // steps, 1)
    assert indices("ddim_uniform", steps) == upward[::-1]
    assert indices("leading", steps) == [i * (1000 // steps) for i in range(steps)][::-1]
    trailing = indices("trailing", steps)
    assert len(trailing) == steps
    assert trailing == (np.round(np.arange(1000, 0, -1000 / steps))[:steps] - 1).tolist()
    linspace = indices("linspace", steps)
    assert linspace == np.linspace(0, 999, steps).round()[::-1].tolist()


def test_the_end() -> None:
    index_0 = diffusion.discrete_times(PROCESS, 4, t_end=1e-3)
    assert (len(index_0), index_0[-1]) == (5, 1e-3)
    assert len(diffusion.discrete_times(PROCESS, 4, spacing="leading", t_end=None)) == 4
    with pytest.raises(ValueError, match=r"not strictly decreasing: times\[3\]=0.001 and times\[4\]=0.001"):
        diffusion.discrete_times(PROCESS, 4, spacing="leading", t_end=1e-3)


def test_any_process_with_a_number_of_indices() -> None:
    np.testing.assert_array_equal(diffusion.discrete_times(diffusion.vp(), 2, N=10), [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match=r"has no table of noise levels: pass N=1000, or use from_betas"):
        diffusion.discrete_times(diffusion.vp(), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": "karras"}, r"spacing must be one of 'leading', .*; got 'karras'"),
        ({"steps": 1001}, r"steps must lie in 1 to 1000, the number of indices; got 1001"),
        ({"steps": 0}, r"steps must lie in 1 to 1000"),
        ({"offset": 1}, r'offset is for spacing="leading"; got 1 with \'trailing\''),
        ({"spacing": "leading", "offset": 600}, r"indices must lie in 0 to 999; they are 1350 to 600"),
        ({"N": 0}, r"N must be at least 1; got 0"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.discrete_times(PROCESS, **{"steps": 4, **options})
