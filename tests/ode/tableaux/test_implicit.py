"""Implicit tableaux: proven conditions hold, wrong ones are refused, stability agrees with the literature."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from diffmath import ode
from diffmath.ode._tableaux.algebraic import as_fraction

METHODS = [ode.implicit_euler, ode.trapezoid, ode.sdirk2, ode.kvaerno3, ode.kvaerno5, ode.radau5]
ids = [method.name for method in METHODS]


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_a_perturbed_coefficient_is_refused(method):
    tableau = method.tableau
    b = list(tableau.b)
    b[-1] = b[-1] + Fraction(1, 10**9)
    with pytest.raises(ValueError, match=rf"{method.name} claims order .* fails: residual"):
        replace(tableau, b=b, b_error=None, embedded_order=None)
    a = [list(row) for row in tableau.a]
    a[-1][-1] = a[-1][-1] * -1
    with pytest.raises(ValueError, match="fails: residual"):
        replace(tableau, a=a, order=max(2, tableau.order), b_error=None, embedded_order=None)


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_one_order_more_is_refused(method):
    with pytest.raises(ValueError, match=f"claims order {method.order + 1}"):
        replace(method.tableau, order=method.order + 1)


def evaluate(polynomial, z):
    return np.polyval([float(as_fraction(c)) for c in reversed(polynomial)], z)


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_stability(method):
    p, q = method.tableau.stability_function()
    y = 1j * np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 400)])
    assert np.abs(evaluate(p, y) / evaluate(q, y)).max() <= 1 + 1e-12  # A-stable: |R| <= 1 on the axis,
    roots = np.roots([float(as_fraction(c)) for c in reversed(q)])
    assert (roots.real > 0).all()  # and no pole in the left half-plane
    damped = abs(evaluate(p, -1e9) / evaluate(q, -1e9))
    assert damped == pytest.approx(1 if method is ode.trapezoid else 0, abs=2e-7)
    # R is the exponential to the order of the method.
    z = 0.05
    assert evaluate(p, z) / evaluate(q, z) == pytest.approx(np.exp(z), abs=2 * z ** (method.order + 1))


def test_gauss_and_lobatto_are_proven_too():
    root = ode.radau5.tableau.b[1] * 0  # a zero of Q(sqrt 6): mixes with fractions
    assert root == 0
    lobatto = ode.ImplicitTableau(
        name="lobatto3a",
        a=[[], ["5/24", "1/3", "-1/24"], ["1/6", "2/3", "1/6"]],
        b=["1/6", "2/3", "1/6"],
        order=4,
    )
    assert lobatto.is_stiffly_accurate
    assert lobatto.blocks == (range(1), range(1, 3))
    assert "order 4" in lobatto.report()
    assert lobatto.report().count("residual 0") == 8


def test_blocks():
    assert [len(block) for block in ode.kvaerno3.tableau.blocks] == [1, 1, 1, 1]
    assert [len(block) for block in ode.radau5.tableau.blocks] == [1, 3]


def test_refusals():
    make = ode.ImplicitTableau
    with pytest.raises(TypeError, match="exact"):
        make(name="m", a=[[0.5]], b=[1], order=2)
    with pytest.raises(ValueError, match="a must have 1 rows like b"):
        make(name="m", a=[["1/2"], [1]], b=[1], order=2)
    with pytest.raises(ValueError, match="b_error and embedded_order together"):
        make(name="m", a=[["1/2"]], b=[1], b_error=[1], order=2)
    with pytest.raises(ValueError, match="b_error is zero"):
        make(name="m", a=[["1/2"]], b=[1], b_error=[0], embedded_order=1, order=2)
    with pytest.raises(TypeError, match="digits must be an int"):
        make(name="m", a=[["1/2"]], b=[1], order=2, digits=30.0)
    with pytest.raises(ValueError, match="digits must be at least 20"):
        make(name="m", a=[["1/2"]], b=[1], order=2, digits=3)
