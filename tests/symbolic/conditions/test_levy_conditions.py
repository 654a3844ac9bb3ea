"""Conditions on methods driven by (W, H): those of Roessler for additive noise, exact moments, Heun."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.symbolic import additive_noise_conditions, sra_conditions, stratonovich_conditions
from diffmath.symbolic._conditions import levy_integrals as _levy_integrals
from diffmath.symbolic._conditions.ito_words import expectation, product
from diffmath.symbolic._conditions.levy_integrals import moment

F = Fraction
HALF = F(1, 2)
SRA1 = {
    "alpha": [F(1, 3), F(2, 3)], "A0": [[0, 0], [F(3, 4), 0]], "B0": [[0, 0], [F(3, 2), 0]],
    "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1],
}  # fmt: skip


def in_levy_form(c):
    """I_10/h = W/2 + H."""
    return {
        "alpha": c["alpha"], "A0": c["A0"], "c1": c["c1"],
        "BW": [[b * HALF for b in row] for row in c["B0"]], "BH": c["B0"],
        "betaW": [a + b * HALF for a, b in zip(c["beta1"], c["beta2"], strict=True)], "betaH": c["beta2"],
    }  # fmt: skip


def violated(conditions):
    return [name for name, residual in conditions if residual != 0]


def test_sra1_holds_and_its_published_errors_are_found():
    order = F(3, 2)
    assert violated(additive_noise_conditions(in_levy_form(SRA1), order)) == []
    flipped = in_levy_form(SRA1 | {"beta2": [1, -1]})
    assert violated(additive_noise_conditions(flipped, order)) == [
        "W in b(a): betaW.c1 = 1/2", "H in b(a): betaH.c1 = -1",
    ]  # fmt: skip
    assert violated(additive_noise_conditions(flipped, 1)) == []  # the order that torchsde's sra2, sra3 have


ENTRIES = st.fractions(-2, 2, max_denominator=4)


@given(
    st.fixed_dictionaries(
        {k: st.lists(ENTRIES, min_size=2, max_size=2) for k in ("alpha", "beta1", "beta2", "c1")}
        | {
            k: st.lists(st.lists(ENTRIES, min_size=2, max_size=2), min_size=2, max_size=2)
            for k in ("A0", "B0")
        }
    )
)
def test_they_hold_where_those_of_roessler_hold(c):
    """Every residual of one family is a combination of those of the other."""
    levy, sra = additive_noise_conditions(in_levy_form(c), F(3, 2)), dict(sra_conditions(c))
    found = {name.split(": ")[0]: residual for name, residual in levy}
    b1, b2 = sra["beta1.e = 1"], sra["beta2.e = 0"]
    assert found["W in b"] == b1 + b2 / 2
    assert found["H in b"] == b2
    assert found["W in b(a)"] == sra["beta1.c1 = 1"] + sra["beta2.c1 = -1"] / 2
    assert found["H in b(a)"] == sra["beta2.c1 = -1"]
    assert found["H in a(b)"] == sra["alpha.B0(e) = 1"]
    assert found["W in a(b)"] == sra["alpha.B0(e) = 1"] / 2
    assert found["1 in a"] == sra["alpha.e = 1"]
    assert found["E a(a)"] == sra["alpha.A0(e) = 1/2"]


def to_ito(word):
    """Stratonovich words in Ito words: a pair of equal letters may join to half a zero."""
    result = {(): F(1)}
    for n, letter in enumerate(word):
        terms = {}
        for prefix, factor in result.items():
            terms[(*prefix, letter)] = terms.get((*prefix, letter), 0) + factor
        if letter and n and word[n - 1] == letter:
            for prefix, factor in to_ito(word[: n - 1]).items():
                key = (*prefix, 0)
                terms[key] = terms.get(key, 0) + factor / 2
        result = terms
    return result


@given(word=st.lists(st.integers(0, 1), max_size=5).map(tuple))
def test_expectations_of_stratonovich_integrals(word):
    assert _levy_integrals.expectation(word) == expectation(product([to_ito(word)]))


@pytest.mark.parametrize(("p", "q"), [(p, q) for p in range(7) for q in range(5)])
def test_moments_of_w_and_h(p, q):
    """Exact by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(8)
    weights = weights / weights.sum()
    exact = (weights @ points**p) * (weights @ (points / np.sqrt(12)) ** q)
    W, H = {(1, 0): F(1)}, {(0, 1): F(1)}
    assert float(moment([W] * p + [H] * q)) == pytest.approx(exact, abs=1e-12)


def test_heun_has_order_one_and_midpoint_too():
    none = [[0, 0], [0, 0]]
    heun = {"alpha": [HALF, HALF], "A0": [[0, 0], [1, 0]], "BW": [[0, 0], [1, 0]], "BH": none}
    heun |= {"betaW": [HALF, HALF], "betaH": [0, 0]}
    midpoint = {"alpha": [0, 1], "A0": [[0, 0], [HALF, 0]], "BW": [[0, 0], [HALF, 0]], "BH": none}
    midpoint |= {"betaW": [0, 1], "betaH": [0, 0]}
    euler = {"alpha": [1], "A0": [[0]], "BW": [[0]], "BH": [[0]], "betaW": [1], "betaH": [0]}
    assert violated(stratonovich_conditions(heun, 1)) == []
    assert violated(stratonovich_conditions(midpoint, 1)) == []
    assert violated(stratonovich_conditions(euler, 1)) == ["W^2 in b(b): betaW.BW(e) = 1/2"]
    assert violated(stratonovich_conditions(euler, 1, additive=True)) == []


@pytest.mark.parametrize("order", [2, HALF, 1.4])
def test_other_orders_are_refused(order):
    with pytest.raises(ValueError, match=r"order must be 1 or Fraction\(3, 2\); got"):
        stratonovich_conditions({}, order)
