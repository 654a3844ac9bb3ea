"""The generated conditions of weak order 2: DRI1 holds, Roessler's 59 suffice, wrong moments are found."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from diffmath.symbolic import square_root, weak_conditions
from diffmath.symbolic._conditions.srk_conditions import _formula, residuals
from diffmath.symbolic._conditions.weak_conditions import Ri, _pair, _ri, generate

F = Fraction

# Debrabant & Roessler (2009), Families of efficient second order Runge-Kutta methods, DRI1.
DRI1 = {
    "alpha": [F(1, 6), F(2, 3), F(1, 6)],
    "A0": [[0, 0, 0], [F(1, 2), 0, 0], [-1, 2, 0]],
    "B0": [[0, 0, 0], [(6 - square_root(6)) / 10, 0, 0], [(3 + 2 * square_root(6)) / 5, 0, 0]],
    "A1": [[0, 0, 0], [F(342, 491), 0, 0], [F(342, 491), 0, 0]],
    "B1": [[0, 0, 0], [3 * square_root("38/491"), 0, 0], [-3 * square_root("38/491"), 0, 0]],
    "A2": [[0, 0, 0]] * 3,
    "B2": [
        [0, 0, 0],
        [-F(214, 513) * square_root("1105/991"), -F(491, 513) * square_root("221/4955"),
         -F(491, 513) * square_root("221/4955")],
        [F(214, 513) * square_root("1105/991"), F(491, 513) * square_root("221/4955"),
         F(491, 513) * square_root("221/4955")],
    ],
    "beta1": [F(193, 684), F(491, 1368), F(491, 1368)],
    "beta2": [0, square_root("491/38") / 6, -square_root("491/38") / 6],
    "beta3": [-F(4955, 7072), F(4955, 14144), F(4955, 14144)],
    "beta4": [0, -square_root("4955/221") / 8, square_root("4955/221") / 8],
}  # fmt: skip

# Roessler (2009), theorem 5.1: nine conditions of order 1, fifty of order 2. "s" stands for beta1.e.
BY_HAND = """
alpha.e = 1; beta4.e = 0; beta3.e = 0; beta2.e = 0; beta1.B1(e) = 0; beta4.A2(e) = 0; beta3.B2(e) = 0
beta4.B2(e)^2 = 0; alpha.A0(e) = 1/2; alpha.B0(e)^2 = 1/2; alpha.B0(e) = s/2; beta1.A1(e) = s/2
beta3.A2(e) = 0; beta2.B1(e) = 1; beta4.B2(e) = 1; beta1.B1(e)^2 = s/2; beta3.B2(e)^2 = s/2
beta1.B1(B1(e)) = 0; beta3.B2(B1(e)) = 0; beta3.B2(B1(B1(e))) = 0; beta1.A1(B0(e)) = 0; beta3.A2(B0(e)) = 0
beta4.A2(e)^2 = 0; beta4.A2(A0(e)) = 0; alpha.B0(B1(e)) = 0; beta2.A1(e) = 0; beta1.A1(e)*B1(e) = 0
beta3.A2(e)*B2(e) = 0; beta4.A2(B0(e)) = 0; beta2.A1(B0(e)) = 0; beta4.A2(e)*B2(e)^2 = 0
beta4.A2(B0(e)^2) = 0; beta2.A1(B0(e)^2) = 0; beta1.B1(A1(e)) = 0; beta3.B2(A1(e)) = 0; beta2.B1(e)^2 = 0
beta4.B2(B1(e)) = 0; beta2.B1(B1(e)) = 0; beta1.B1(e)^3 = 0; beta3.B2(e)^3 = 0; beta1.B1(B1(e)^2) = 0
beta3.B2(B1(e)^2) = 0; beta4.B2(e)^4 = 0; beta4.B2(B1(e))^2 = 0; beta4.B2(e)*B2(B1(e)) = 0
alpha.B0(e)*B0(B1(e)) = 0; beta1.A1(B0(e))*B1(e) = 0; beta3.A2(B0(e))*B2(e) = 0; beta1.A1(B0(B1(e))) = 0
beta3.A2(B0(B1(e))) = 0; beta4.B2(e)*B2(A1(e)) = 0; beta1.B1(A1(B0(e))) = 0; beta3.B2(A1(B0(e))) = 0
beta1.B1(e)*B1(B1(e)) = 0; beta3.B2(e)*B2(B1(e)) = 0; beta1.B1(B1(B1(e))) = 0
beta4.B2(e)*B2(B1(e)^2) = 0; beta4.B2(e)*B2(B1(B1(e))) = 0
"""


def by_hand(sign):
    """Return the value that each elementary weight must have, for beta1.e = 1 or -1."""
    lines = [line.split(" = ") for line in BY_HAND.replace("\n", ";").split(";") if line.strip()]
    values = {
        name.strip(): F(value.replace("s", "1")) * (sign if "s" in value else 1) for name, value in lines
    }
    assert len(values) == 58  # and (beta1.e)^2 = 1
    return values | {"beta1.e": F(sign)}


def leftover(sign, dropped=None):
    """Return the generated conditions that the 59 (without one of them) do not imply, by name."""
    values = {name: value for name, value in by_hand(sign).items() if name != dropped}
    free = {}
    rest = []
    for condition in _ri():
        total = -condition.target
        for weights, factor in condition.terms.items():
            term = factor
            for weight in weights:
                name = _formula(weight)
                # What the 59 leave open is anything: distinct primes' reciprocals stand for it.
                free.setdefault(name, F(len(free) * 7 + 3, 5 * len(free) + 11))
                term = term * values.get(name, free[name])
            total = total + term
        if total != 0:
            rest.append(condition.name)
    return rest


@pytest.mark.parametrize("sign", [1, -1])
def test_the_59_conditions_of_the_paper_imply_all_generated_ones(sign):
    assert leftover(sign) == []


def test_and_each_of_them_is_needed():
    names = [name for name in by_hand(1) if name != "beta1.e"]
    superfluous = [name for name in names if not leftover(1, dropped=name)]
    assert superfluous == []


def violated(coefficients):
    return [name for name, residual in weak_conditions(coefficients) if residual != 0]


def test_dri1_holds_exactly():
    assert len(weak_conditions(DRI1)) == 158
    assert violated(DRI1) == []


@pytest.mark.parametrize("key", ["alpha", "beta1", "beta2", "beta3", "beta4", "A0", "B0", "A1", "B1"])
def test_every_wrong_sign_is_found(key):
    rows = DRI1[key]
    places = [(i, j) for i, row in enumerate(rows) for j, v in enumerate(row) if v != 0] if isinstance(
        rows[0], list
    ) else [(i, None) for i, v in enumerate(rows) if v != 0]  # fmt: skip
    for i, j in places:
        wrong = [list(row) if isinstance(row, list) else row for row in rows]
        if j is None:
            wrong[i] = -1 * wrong[i]
        else:
            wrong[i][j] = -1 * wrong[i][j]
        assert violated(DRI1 | {key: wrong}), (key, i, j)


class SharedTwoPoint(Ri):
    """Roessler (2009) as printed: one two-point variable for all pairs (k, l) with k < l, by the smaller."""

    def stage(self, kind, colour):
        slots = super().stage(kind, colour)
        if kind and kind[0] == 2 and colour and slots:
            k, l = kind[1], colour
            first, second = sorted((k, l))
            noise = {(first, second): 0.5, (-first,): -0.5 if k < l else 0.5}
            return [slots[0]._replace(noise=noise)]
        return slots


def test_a_two_point_variable_shared_among_pairs_loses_an_order():
    """E I_12 I_13 is h^2/4 then, and 0 exactly."""
    failing = [name for name, residual in residuals(generate(SharedTwoPoint()), DRI1) if residual != 0]
    assert failing
    assert all("b3" in name for name in failing)  # with one or two Brownian motions nothing is lost


def test_the_pair_variables_have_the_moments_of_the_iterated_integrals():
    """Up to fourth order in sqrt(h), as far as weak order 2 needs: enumerated outcomes."""
    three = np.array([-np.sqrt(3), 0.0, np.sqrt(3)])
    weights = np.array([1, 4, 1]) / 6
    a, b, v = np.meshgrid(three, three, [-1.0, 1.0], indexing="ij")
    p = weights[:, None, None] * weights[None, :, None] * 0.5
    I12, I21 = 0.5 * (a * b - v), 0.5 * (a * b + v)
    assert _pair(1, 2)[(1, 2)] == 0.5
    for moment, expected in (((I12), 0), (I12**2, 0.5), (I12 * I21, 0), (I12 * a * b, 0.5), (I12 * a, 0)):
        assert float((p * moment).sum()) == pytest.approx(expected, abs=1e-15)
