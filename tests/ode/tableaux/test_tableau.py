"""A tableau that is wrong in one sign cannot be built."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode

METHODS = [ode.euler, ode.midpoint, ode.heun, ode.ralston, ode.bosh3, ode.rk4, ode.dopri5, ode.tsit5]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_methods_have_their_order_and_not_one_more(method: ode.ExplicitRungeKutta) -> None:
    tableau = method.tableau
    assert tableau.reference
    with pytest.raises(ValueError, match=f"claims order {tableau.order + 1}, but the condition"):
        ode.Tableau(name="more", a=tableau.a, b=tableau.b, order=tableau.order + 1, digits=tableau.digits)


def test_dopri5_has_an_embedded_order_of_four_and_not_five() -> None:
    tableau = ode.dopri5.tableau
    assert (tableau.order, tableau.embedded_order, tableau.is_fsal) == (5, 4, True)
    assert tableau.b_embedded == tuple(
        map(Fraction, ("5179/57600", "0", "7571/16695", "393/640", "-92097/339200", "187/2100", "1/40"))
    )  # Dormand & Prince (1980), as printed
    assert tableau.c == tuple(map(Fraction, ("0", "1/5", "3/10", "4/5", "8/9", "1", "1")))
    with pytest.raises(ValueError, match="claims embedded order 5"):
        ode.Tableau(name="x", a=tableau.a, b=tableau.b, b_error=tableau.b_error, order=5, embedded_order=5)


@given(st.data())
def test_one_wrong_sign_anywhere_in_dopri5_is_refused(data: st.DataObject) -> None:
    tableau = ode.dopri5.tableau
    places = [(i, j) for i in range(7) for j in range(i) if tableau.a[i][j] != 0]
    i, j = data.draw(st.sampled_from(places))
    a = [list(row) for row in tableau.a]
    a[i][j] = -Fraction(a[i][j])
    # The last row serves the error estimate only: there the embedded order is what fails.
    with pytest.raises(
        ValueError, match=r"claims (embedded )?order .*, but the condition .* fails: residual"
    ):
        ode.Tableau(name="flipped", a=a, b=tableau.b, b_error=tableau.b_error, order=5, embedded_order=4)


def test_the_first_violated_condition_is_named_with_its_tree_and_residual() -> None:
    with pytest.raises(
        ValueError,
        match=r"wrong claims order 2, but the condition b.c = 1/2 of the tree \[t\] fails: residual -1/6",
    ):
        ode.Tableau(name="wrong", a=[[], ["2/3"]], b=["1/2", "1/2"], order=2)


def test_entries_of_every_exact_kind_are_stored_as_fractions() -> None:
    tableau = ode.Tableau(
        name="heun", a=[[0, 0], [np.int64(1), 0]], b=["0.5", sympy.Rational(1, 2)], c=[0, 1], order=2
    )
    assert tableau.a == ode.heun.tableau.a
    assert tableau.b == ode.heun.tableau.b
    assert all(type(value) is Fraction for row in (*tableau.a, tableau.b) for value in row)
    assert hash(tableau)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"b": [0.5, 0.5]}, TypeError, r"b must hold exact numbers; got 0.5 of type float: write 1"),
        ({"a": [[], [1.0]]}, TypeError, "a must hold exact numbers; got 1.0"),
        ({"b": [True, False]}, TypeError, "b must hold exact numbers; got True"),
        ({"b": ["half", "half"]}, ValueError, "b must hold numbers such as"),
        ({"c": [0, "1/2"]}, ValueError, "each node of c must be the sum of its row of a"),
        ({"a": [[], [1], [1, 1]]}, ValueError, "a must have 2 rows like b"),
        ({"a": [[], []]}, ValueError, "a must have 2 rows like b"),
        ({"a": [["1/2", 0], ["1/2", "1/2"]]}, ValueError, r"a\[0\]\[0\] = 1/2 makes the method implicit"),
        ({"order": 0}, ValueError, "order must be at least 1"),
        ({"order": 2.0}, TypeError, "order must be an integer"),
        ({"b_error": ["1/2", "-1/2"]}, ValueError, "give b_error and embedded_order together"),
        ({"embedded_order": 1}, ValueError, "give b_error and embedded_order together"),
        ({"b_error": ["1/2", "1/2"], "embedded_order": 1}, ValueError, "b_error must sum to 0; got 1"),
        ({"b_error": [0, 0], "embedded_order": 1}, ValueError, "b_error is zero"),
        ({"b_error": [1, 0, -1], "embedded_order": 1}, ValueError, "b_error must have 2 entries; got 3"),
        ({"b_error": ["1/2", "-1/2"], "embedded_order": 2}, ValueError, "claims embedded order 2"),
    ],
)
def test_a_bad_tableau_is_refused(changes: dict[str, object], error: type[Exception], match: str) -> None:
    good: dict[str, object] = {"name": "heun", "a": [[], [1]], "b": ["1/2", "1/2"], "order": 2}
    ode.Tableau(**good)  # type: ignore[arg-type]
    with pytest.raises(error, match=match):
        ode.Tableau(**(good | changes))  # type: ignore[arg-type]


def test_nfe_leaves_out_stages_that_only_serve_the_error() -> None:
    assert [method.nfe(3) for method in METHODS] == [3, 6, 6, 6, 9, 12, 18, 18]


def test_report_lists_every_condition_with_its_residual() -> None:
    report = ode.dopri5.tableau.report()
    assert report.count("residual 0") == 17 + 8
    assert "b.c*A(c) = 1/8" in report
    assert "dopri5, embedded order 4" in report


def test_repr_says_what_it_is() -> None:
    assert repr(ode.dopri5.tableau) == "Tableau(dopri5, order 5(4), 7 stages, FSAL)"
    assert repr(ode.heun) == "ExplicitRungeKutta(heun, order 2, 2 stages)"


def test_import_does_not_load_sympy_or_scipy() -> None:
    code = "import sys, diffmath.ode; sys.exit(bool({'sympy', 'scipy', 'hypothesis'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
