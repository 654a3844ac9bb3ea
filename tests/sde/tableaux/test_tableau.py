"""Stochastic tableaux prove themselves: wrong, inexact or misshapen coefficients are refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from diffmath import sde
from diffmath.symbolic import square_root
from diffmath.testing import curved_sde, linear_sde

SRA1 = {
    "alpha": ["1/3", "2/3"], "A0": [[], ["3/4"]], "B0": [[], ["3/2"]],
    "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1],
}  # fmt: skip


def build(order=2, tolerance=0, **changes):
    return sde.SRATableau(
        name="mine",
        coefficients={k: v for k, v in (SRA1 | changes).items() if v is not None},
        deterministic_order=order,
        tolerance=tolerance,
    )


METHODS = [sde.sra1, sde.sra2, sde.sra3, sde.sosra, sde.sriw1, sde.sriw2, sde.sosri]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_report_lists_every_condition(method):
    tableau = method.step.tableau
    lines = tableau.report().splitlines()
    assert (
        sum("residual" in line for line in lines)
        == len(tableau.conditions()) + {2: 2, 3: 4}[tableau.deterministic_order]
    )
    if tableau.tolerance == 0:
        assert all(line.endswith("residual 0") for line in lines if "residual" in line)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_deterministic_order_is_claimed_fully(method):
    """One order more is refused."""
    tableau = method.step.tableau
    with pytest.raises(ValueError, match=r"claims deterministic order \d, but .* fails: residual"):
        type(tableau)(
            name="more",
            coefficients=tableau.coefficients,
            deterministic_order=tableau.deterministic_order + 1,
            tolerance=tableau.tolerance,
        )


@pytest.mark.parametrize("name", ["sosra", "sosri"])
def test_printed_decimals_are_not_exact(name):
    """The tolerance is needed, and is not generous: the residuals are those of 16 printed digits."""
    tableau = getattr(sde, name).step.tableau
    residuals = [abs(float(residual)) for _, residual in tableau.conditions()]
    assert 1e-17 < max(residuals) < 1e-14
    with pytest.raises(ValueError, match="fails: residual"):
        type(tableau)(
            name="exact",
            coefficients=tableau.coefficients,
            deterministic_order=2,
        )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"beta2": [1, -1]}, r"mine claims strong order 3/2 for additive noise, but beta2.c1 = -1 fails"),
        ({"B0": [[], ["1/2"]]}, r"alpha.B0\(e\) = 1 fails: residual -2/3"),
        ({"order": 3}, r"mine claims deterministic order 3, but .* fails"),
        ({"beta3": [0, 0]}, r"of SRATableau are .*; missing: none, unknown: \['beta3'\]"),
        ({"c1": None}, r"missing: \['c1'\], unknown: none"),
        ({"beta1": [1]}, "beta1 must have 2 entries like alpha; got 1"),
        ({"A0": [[]]}, "A0 must have 2 rows like alpha; got 1"),
        ({"A0": [[], ["3/4", 0, 0]]}, "A0 must have at most 2 entries in a row; got 3"),
        ({"A0": [["1/4"], ["1/2"]]}, r"A0 must be strictly lower triangular: .* sde.ImplicitSRATableau"),
        ({"alpha": ["one", "2/3"]}, "alpha must hold numbers such as 1 or \"1/3\"; got 'one'"),
    ],
)  # fmt: skip
def test_values_that_are_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        build(**changes)


@pytest.mark.parametrize("value", [0.5, True, None])
def test_kinds_that_are_refused(value):
    with pytest.raises(TypeError, match=f"alpha must hold exact numbers; got {value!r} of type"):
        build(alpha=[value, "2/3"])


def test_roots_are_welcome():
    """SRA1 with every coefficient of the second stage written in square roots."""
    two = square_root(2)
    tableau = build(A0=[[], [two * two * Fraction(3, 8)]], B0=[[], [square_root("9/4")]])
    assert tableau.floats["B0"] == ((0.0, 0.0), (1.5, 0.0))
    assert tableau.floats["c0"] == (0.0, 0.75)
    assert tableau.stages == 2


def test_a_step_refuses_another_family():
    with pytest.raises(TypeError, match=r"tableau must be of type sde.SRITableau; got SRATableau\(sra1"):
        sde.SRI(sde.sra1.step.tableau)
    with pytest.raises(TypeError, match=r"tableau must be of type sde.SRATableau; got 3"):
        sde.SRA(3)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_methods_pickle_and_hash(method):
    again = pickle.loads(pickle.dumps(method))
    assert again == method
    assert hash(again) == hash(method)
    assert repr(method.step.tableau).startswith(
        f"{type(method.step).__name__}Tableau({method.name}, strong order 3/2"
    )


@pytest.mark.parametrize("method", [*METHODS, sde.shark, sde.spark], ids=lambda m: m.name)
def test_methods_with_an_estimate_return_the_state_of_their_step(method):
    problem = linear_sde() if "additive" in method.orders else curved_sde()
    x0 = np.array([[0.3, -0.2]])
    noise = sde.Increment(0.1, np.array([[0.2, -0.3]]), np.array([[0.05, 0.02]]))
    trial = method.attempt(problem.model, None, 0.0, x0, 0.1, noise)
    plain = method.attempt(problem.model, None, 0.0, x0, 0.1, noise, estimate=False)
    np.testing.assert_array_equal(plain.x, method.step(problem.model, 0.0, x0, 0.1, noise))
    np.testing.assert_allclose(trial.x, plain.x, rtol=1e-13)
    assert plain.error is None
    assert trial.error.shape == x0.shape
    assert 1e-5 < np.abs(trial.error).max() < 0.1


def test_methods_without_an_estimate_have_none():
    noise = sde.Increment(0.1, np.array([[0.2, -0.3]]), np.array([[0.05, 0.02]]))
    curved = curved_sde(calculus="stratonovich")
    for method, problem in ((sde.sea, linear_sde()), (sde.general_shark, curved), (sde.slow_rk, curved)):
        assert not method.has_estimate
        assert method.attempt(problem.model, None, 0.0, np.array([[0.3, -0.2]]), 0.1, noise).error is None


def test_orders_that_a_family_cannot_prove_are_refused():
    tableau = sde.sra1.step.tableau
    with pytest.raises(ValueError, match=r"order of a SRATableau must be 3/2; got 2"):
        replace(tableau, order=2)
    with pytest.raises(ValueError, match=r"order of a AdditiveNoiseTableau must be 1 or 3/2; got 2"):
        replace(sde.sea.step.tableau, order=2)
    assert replace(sde.shark.step.tableau, order=None).order == Fraction(3, 2)


def test_a_family_is_one_class():
    """Euler-Maruyama as a separate family: a layout, a claim and its conditions."""

    @dataclass(frozen=True, kw_only=True, repr=False)
    class EulerTableau(sde.StochasticTableau):
        layout = sde.SRATableau.layout._replace(vectors=("alpha", "beta"), matrices=("A0",))
        provable = (Fraction(1, 2),)
        claim = "strong order {}"

        def conditions(self):
            return [("beta.e = 1", sum(self.coefficients["beta"]) - 1)]

    coefficients = {"alpha": [1], "beta": [1]}
    tableau = EulerTableau(name="euler", coefficients=coefficients, deterministic_order=1)
    assert repr(tableau) == "EulerTableau(euler, strong order 1/2, 1 stage)"
    assert not tableau.has_estimate
    with pytest.raises(ValueError, match=r"wrong claims strong order 1/2, but beta.e = 1 fails: residual 1"):
        replace(tableau, name="wrong", coefficients={"alpha": [1], "beta": [2]})
    with pytest.raises(TypeError, match="abstract"):
        sde.StochasticTableau(name="none", coefficients=coefficients, deterministic_order=1)


def test_import_does_not_prove_anything():
    modules = (
        "sde._tableaux.tableau",
        "symbolic._conditions.strong_conditions",
        "symbolic._conditions.coloured_trees",
    )
    code = f"import sys, diffmath.sde; print([m for m in {modules} if 'diffmath.' + m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
