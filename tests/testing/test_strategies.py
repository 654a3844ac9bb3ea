"""The strategies draw the promised values, refuse bad arguments as Hypothesis does, and shrink."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis.errors import InvalidArgument

from diffmath.testing import ODEProblem
from diffmath.testing import strategies as dst


@given(problem=dst.linear_odes(max_dim=2, max_batch=1))
def test_sizes_are_bounded(problem: ODEProblem) -> None:
    assert problem.x0.shape[0] == 1
    assert 1 <= problem.x0.shape[1] <= 2
    assert problem.lipschitz >= 0.5
    assert problem.t_span[1] > problem.t_span[0]


@given(problem=dst.linear_odes(forced=True))
def test_forced_problems_depend_on_time(problem: ODEProblem) -> None:
    assert abs(problem.f(0.0, problem.x0) - problem.f(0.5, problem.x0)).min() > 0.05


@given(problem=dst.linear_odes(forced=False))
def test_unforced_problems_do_not(problem: ODEProblem) -> None:
    assert abs(problem.f(0.0, problem.x0) - problem.f(0.5, problem.x0)).max() == 0


def test_problems_shrink_to_the_simplest() -> None:
    problem = find(dst.linear_odes(), lambda p: True, settings=settings(database=None))
    assert problem.name == "linear_ode(dim=1, seed=0, spectrum='decay', frequency=None, ...)"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"max_dim": 0}, "max_dim must be an integer, at least 1; got 0"),
        ({"max_dim": 2.0}, "max_dim must be an integer"),
        ({"max_dim": True}, "max_dim must be an integer"),
        ({"max_batch": -1}, "max_batch must be an integer"),
        ({"forced": "yes"}, "forced must be True, False or None"),
    ],
)
def test_bad_arguments_are_invalid(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        dst.linear_odes(**arguments)


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_only_the_strategies_need_hypothesis() -> None:
    blocked = "import sys; sys.modules['hypothesis'] = None\n"
    fine = _run(blocked + "from diffmath.testing import assert_order, linear_ode")
    assert fine.returncode == 0, fine.stderr
    refused = _run(blocked + "from diffmath.testing import strategies")
    assert 'install it with: pip install "diffmath[testing]"' in refused.stderr
