"""Free nodes of exponential samplers: what is accepted, what is refused, and the names."""

from __future__ import annotations

from fractions import Fraction

import pytest

from diffmath import diffusion
from diffmath.diffusion._singlestep.tableaux import changed, fraction, shown


def test_nodes_are_read_exactly() -> None:
    assert fraction("r", 0.1) == Fraction(1, 10)
    assert fraction("r", "2/3") == Fraction(2, 3)
    assert fraction("r", 1) == 1
    for value in (0, 1.1, "x", "1/0", float("nan"), None):
        with pytest.raises(ValueError, match=r"r must be a fraction in \(0, 1\]"):
            fraction("r", value)


def test_nodes_without_a_method_are_refused() -> None:
    with pytest.raises(ValueError, match=r"c2 must be a fraction in \(0, 1\] other than 2/3; got '2/3'"):
        diffusion.res_3s(c2="2/3")
    with pytest.raises(ValueError, match="no method of order 3 has the nodes c2=1/2, c3=1/2"):
        diffusion.res_3s(c2=0.5, c3=0.5)


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        (diffusion.etd, {"order": 5}, "order must be 1, 2, 3 or 4; got 5"),
        (diffusion.dpm_solver, {"order": 0}, "order must be 1, 2 or 3; got 0"),
        (diffusion.seeds_2, {"variant": "phi"}, "variant must be 'phi_1' or 'phi_2'; got 'phi'"),
    ],
)
def test_parameters_that_are_refused(method, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        method(**changes)


def test_names_show_what_differs_from_the_default() -> None:
    assert shown("x", r=None, tau=changed(0.5, 1.0)) == "x(tau=0.5)"
    assert shown("x", r=changed(1, 1)) == "x"
    assert diffusion.res_2s(c2=0.3).name == "res_2s(c2=3/10)"
