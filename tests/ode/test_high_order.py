"""The tableaux of this chapter, measured: orders to 8, estimates, extensions; one wrong digit is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from diffmath import ode

METHODS = [ode.bosh3, ode.dopri5, ode.tsit5, ode.vern7, ode.dop853]
HIGH = [ode.vern7, ode.dop853]


def spin(t: Any, x: Any, cos: Any = np.cos, sin: Any = np.sin, exp: Any = np.exp) -> list[Any]:
    """A nonlinear, non-autonomous system with solution r = exp(sin t), angle = t."""
    spin = (x[0] * x[0] + x[1] * x[1]) * exp(-2 * sin(t))
    return [cos(t) * x[0] - spin * x[1], cos(t) * x[1] + spin * x[0]]


def batched(t: Any, x: Any) -> Any:
    return np.stack(spin(t, (x[:, 0], x[:, 1])), axis=1)


def exact(t: float) -> Any:
    """From (1, 0)."""
    return math.exp(math.sin(t)) * np.array([[math.cos(t), math.sin(t)]])


def precise(t: Any) -> list[Any]:
    return [mp.exp(mp.sin(t)) * mp.cos(t), mp.exp(mp.sin(t)) * mp.sin(t)]


def slopes_of(a: Any, t: Any, x: list[Any], h: Any) -> list[list[Any]]:
    """The stages of a method in 60 digits, straight from the definition."""
    slopes: list[list[Any]] = []
    for row in a:
        row = [mp.mpf(v.numerator) / v.denominator for v in row]
        inner = [x[d] + h * sum(w * k[d] for w, k in zip(row, slopes, strict=False)) for d in range(2)]
        slopes.append(spin(t + sum(row) * h, inner, mp.cos, mp.sin, mp.exp))
    return slopes


def combined(x: list[Any], h: Any, weights: Any, slopes: list[list[Any]]) -> list[Any]:
    weights = [mp.mpf(v.numerator) / v.denominator for v in weights]
    return [x[d] + h * sum(w * k[d] for w, k in zip(weights, slopes, strict=True)) for d in range(2)]


def measured(errors: list[Any]) -> float:
    """The order that a list of errors over halvings tends to."""
    return float(mp.log(errors[-2] / errors[-1], 2))


HALVINGS = [mp.mpf(2) ** -k for k in range(4, 10)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_measured_order_is_the_stated_one(method: Any) -> None:
    """Five halvings in 60 digits: the error of a step has the slope order + 1, for any constant."""
    with mp.workdps(60):
        t, errors = mp.mpf("0.3"), []
        for h in HALVINGS:
            x = combined(precise(t), h, method.tableau.b, slopes_of(method.tableau.a, t, precise(t), h))
            errors.append(mp.norm([a - b for a, b in zip(x, precise(t + h), strict=True)]))
        assert abs(measured(errors) - (method.order + 1)) < 0.15


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_measured_order_of_the_extension_is_the_stated_one(method: Any) -> None:
    """At three places inside the step, of which no two have the same constant."""
    extension = method.extension
    with mp.workdps(60):
        t, errors = mp.mpf("0.3"), []
        for h in HALVINGS:
            slopes, worst = slopes_of(extension.a, t, precise(t), h), mp.mpf(0)
            for theta in (Fraction(1, 5), Fraction(1, 2), Fraction(4, 5)):
                weights = [sum(w * theta ** (k + 1) for k, w in enumerate(row)) for row in extension.weights]
                x = combined(precise(t), h, weights, slopes)
                inside = precise(t + h * mp.mpf(theta.numerator) / theta.denominator)
                worst = max(worst, mp.norm([a - b for a, b in zip(x, inside, strict=True)]))
            errors.append(worst)
        assert abs(measured(errors) - (extension.order + 1)) < 0.15


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_step_in_floats_is_the_step_in_sixty_digits(method: Any) -> None:
    t, h = 0.3, 0.125
    with mp.workdps(60):
        start = precise(mp.mpf(t))
        x = combined(
            start, mp.mpf(h), method.tableau.b, slopes_of(method.tableau.a, mp.mpf(t), start, mp.mpf(h))
        )
    found = method.step(batched, t, exact(t), h)
    np.testing.assert_allclose(found[0], [float(v) for v in x], rtol=2e-15)  # ten operations of 1 ulp


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_estimate_has_the_order_it_states(method: Any) -> None:
    """The estimate of one step is of order ``embedded_order + 1`` in the step."""
    t, dt = 0.3, 0.4 * 0.5 ** np.arange(5)
    sizes = [np.linalg.norm(method.step_with_error(batched, t, exact(t), h)[1]) for h in dt]
    slopes = np.log2(np.array(sizes[:-1]) / np.array(sizes[1:]))
    assert abs(slopes[-1] - (method.embedded_order + 1)) < 0.2, slopes


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_neither_method_nor_extension_has_one_order_more(method: Any) -> None:
    tableau, extension = method.tableau, method.extension
    with pytest.raises(ValueError, match=f"claims order {tableau.order + 1}, but the condition"):
        ode.Tableau(name="more", a=tableau.a, b=tableau.b, order=tableau.order + 1, digits=tableau.digits)
    with pytest.raises(ValueError, match=f"claims order {extension.order + 1}, but the condition"):
        ode.ContinuousExtension(
            tableau=tableau, weights=extension.weights, a_extra=extension.a_extra,
            order=extension.order + 1, digits=extension.digits,
        )  # fmt: skip


@given(st.data())
def test_one_wrong_sign_anywhere_is_refused(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from([ode.tsit5, ode.bosh3, *HIGH]))
    tableau = method.tableau
    # The last stage of dop853 is the slope at the new state, which only the extension uses.
    last = 12 if method is ode.dop853 else tableau.stages
    places = [(i, j) for i, row in enumerate(tableau.a[:last]) for j in range(i) if row[j] != 0]
    i, j = data.draw(st.sampled_from(places))
    a = [list(row) for row in tableau.a]
    a[i][j] = -Fraction(a[i][j])
    with pytest.raises(ValueError, match=r"claims (embedded )?order .*, but the condition .* fails"):
        ode.Tableau(
            name="flipped", a=a, b=tableau.b, b_error=tableau.b_error, order=tableau.order,
            embedded_order=tableau.embedded_order, digits=tableau.digits,
        )  # fmt: skip


@given(st.data())
def test_one_wrong_digit_in_an_extension_is_refused(data: st.DataObject) -> None:
    """An error of 1e-11 in one weight was made when these tables were typed; this is what found it."""
    extension = data.draw(st.sampled_from([ode.tsit5, *HIGH])).extension
    places = [(i, k) for i, row in enumerate(extension.weights) for k, v in enumerate(row) if v not in (0, 1)]
    i, k = data.draw(st.sampled_from(places))
    weights = [list(row) for row in extension.weights]
    weights[i][k] += Fraction(1, 10**11)
    with pytest.raises(ValueError, match=r"weights at theta = 1 must be b; those of stage \d+ are not"):
        ode.ContinuousExtension(
            tableau=extension.tableau, weights=weights, a_extra=extension.a_extra, order=extension.order,
            digits=extension.digits,
        )  # fmt: skip
    other = 1 if k != 1 else 2
    weights[i][other] -= Fraction(1, 10**11)
    with pytest.raises(ValueError, match=r"the extension of \w+ claims order \d, but the condition"):
        ode.ContinuousExtension(
            tableau=extension.tableau, weights=weights, a_extra=extension.a_extra, order=extension.order,
            digits=extension.digits,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"digits": 5}, ValueError, "digits must be at least 20"),
        ({"digits": 30.0}, TypeError, "digits must be an int; got float"),
        ({"b_error_low": ["1/2", "-1/2"], "embedded_order_low": 1}, ValueError, "give b_error too"),
        (
            {"b_error": ["-1/2", "1/2"], "embedded_order": 1, "b_error_low": ["1/2", "-1/2"]},
            ValueError,
            "give b_error_low and embedded_order_low together",
        ),
    ],
)
def test_a_bad_tableau_is_refused(changes: dict[str, Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ode.Tableau(name="heun", a=[[], [1]], b=["1/2", "1/2"], order=2, **changes)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weights": [[1, "-1/2"]]}, r"weights must have shape \(2, degree\); got rows of lengths \[2\]"),
        ({"weights": [[1, "-1/2"], ["1/2"]]}, r"weights must have shape \(2, degree\)"),
        ({"a_extra": [["1/2", "1/2", "1/2"]]}, r"a_extra\[0\] may use the 2 stages before it only"),
        ({"weights": [[1, "1/2"], [0, "-1/2"]]}, "at theta = 1 must be b; those of stage 0"),
        ({"weights": [["1/2", 0], ["1/2", 0]]}, "claims order 2, but the condition b.c = 1/2"),
    ],
)
def test_a_bad_extension_is_refused(changes: dict[str, Any], match: str) -> None:
    good: dict[str, Any] = {"weights": [[1, "-1/2"], [0, "1/2"]], "order": 2}
    ode.ContinuousExtension(tableau=ode.heun.tableau, **good)
    with pytest.raises(ValueError, match=match):
        ode.ContinuousExtension(tableau=ode.heun.tableau, **(good | changes))
    with pytest.raises(ValueError, match="the extension must be one of the tableau rk4"):
        ode.ExplicitRungeKutta(ode.rk4.tableau, ode.heun.extension)


def test_the_report_and_the_names() -> None:
    assert repr(ode.dop853.tableau) == "Tableau(dop853, order 8(5, 3), 13 stages, FSAL)"
    assert repr(ode.vern7.extension) == "ContinuousExtension(vern7, order 6, degree 7, 6 more stages)"
    report = ode.dop853.tableau.report()
    assert report.count("residual") == 200 + 17 + 4
    assert "dop853, embedded order 3" in report
    assert (ode.vern7.nfe(1), ode.dop853.nfe(1), ode.dop853.embedded_order) == (9, 12, 7)
    assert "dop853" in dir(ode)
    with pytest.raises(AttributeError, match="no attribute 'dopri8'"):
        _ = ode.dopri8  # type: ignore[attr-defined]
