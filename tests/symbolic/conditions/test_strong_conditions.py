"""The generated conditions are those of Roessler (2010), and find the published errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.symbolic import sra_conditions, sri_conditions

F = Fraction

SRA1 = {
    "alpha": [F(1, 3), F(2, 3)], "A0": [[0, 0], [F(3, 4), 0]], "B0": [[0, 0], [F(3, 2), 0]],
    "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1],
}  # fmt: skip
SRA2 = SRA1 | {"c1": [F(1, 3), 1], "beta1": [0, 1], "beta2": [F(3, 2), -F(3, 2)]}
SRA3 = {
    "alpha": [F(1, 6), F(1, 6), F(2, 3)], "A0": [[0, 0, 0], [1, 0, 0], [F(1, 4), F(1, 4), 0]],
    "B0": [[0, 0, 0], [0, 0, 0], [1, F(1, 2), 0]], "c1": [1, 0, 0], "beta1": [1, 0, 0], "beta2": [-1, 1, 0],
}  # fmt: skip
SRIW1 = {
    "alpha": [F(1, 3), F(2, 3), 0, 0],
    "A0": [[0] * 4, [F(3, 4), 0, 0, 0], [0] * 4, [0] * 4],
    "B0": [[0] * 4, [F(3, 2), 0, 0, 0], [0] * 4, [0] * 4],
    "A1": [[0] * 4, [F(1, 4), 0, 0, 0], [1, 0, 0, 0], [0, 0, F(1, 4), 0]],
    "B1": [[0] * 4, [F(1, 2), 0, 0, 0], [-1, 0, 0, 0], [-5, 3, F(1, 2), 0]],
    "beta1": [-1, F(4, 3), F(2, 3), 0], "beta2": [-1, F(4, 3), -F(1, 3), 0],
    "beta3": [2, -F(4, 3), -F(2, 3), 0], "beta4": [-2, F(5, 3), -F(2, 3), 1],
}  # fmt: skip


def violated(conditions):
    return [name for name, residual in conditions if residual != 0]


# Roessler (2010), theorem 5.1, as residuals: alpha, beta1, beta2, c1 and the vectors A0 e, B0 e.
def sra_by_hand(c):
    alpha, one, two, c1 = (np.array(c[k]) for k in ("alpha", "beta1", "beta2", "c1"))
    A, B = (np.array(c[k]).sum(axis=1) for k in ("A0", "B0"))
    return [
        alpha.sum() - 1, one.sum() - 1, two.sum(), alpha @ B - 1, alpha @ A - F(1, 2),
        alpha @ B**2 - F(3, 2), one @ c1 - 1, two @ c1 + 1,
    ]  # fmt: skip


# Roessler (2010), theorem 6.1.
def sri_by_hand(c):
    alpha, *beta = (np.array(c[k]) for k in ("alpha", "beta1", "beta2", "beta3", "beta4"))
    A0, B0, A1, B1 = (np.array(c[k]) for k in ("A0", "B0", "A1", "B1"))
    e = np.array([F(1)] * len(alpha))
    found = [alpha @ e - 1, alpha @ A0 @ e - F(1, 2), alpha @ B0 @ e - 1, alpha @ (B0 @ e) ** 2 - F(3, 2)]
    vectors = [e, B1 @ e, A1 @ e, (B1 @ e) ** 2, B1 @ B1 @ e]
    targets = [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, -1, 0], [1, 0, -1, 2], [0, 0, 0, 1]]
    found += [
        b @ v - t for v, row in zip(vectors, targets, strict=True) for b, t in zip(beta, row, strict=True)
    ]
    last = A1 @ B0 @ e
    return [*found, F(1, 2) * (beta[0] @ last) + F(1, 3) * (beta[2] @ last)]


def numbers(shape):
    size = int(np.prod(shape))
    return st.lists(st.fractions(-3, 3, max_denominator=6), min_size=size, max_size=size).map(
        lambda flat: np.array(flat, dtype=object).reshape(shape).tolist()
    )


def test_counts():
    assert len(sra_conditions(SRA1)) == 8
    assert len(sri_conditions(SRIW1)) == 25


@given(
    st.fixed_dictionaries(
        {k: numbers(3) for k in ("alpha", "beta1", "beta2", "c1")}
        | {k: numbers((3, 3)) for k in ("A0", "B0")}
    )
)
def test_sra_conditions_are_the_eight_of_the_paper(coefficients):
    """The same residuals for any numbers: the same polynomials."""
    generated = [residual for _, residual in sra_conditions(coefficients)]
    assert sorted(generated) == sorted(sra_by_hand(coefficients))


@given(
    st.fixed_dictionaries(
        {k: numbers(3) for k in ("alpha", "beta1", "beta2", "beta3", "beta4")}
        | {k: numbers((3, 3)) for k in ("A0", "B0", "A1", "B1")}
    )
)
def test_sri_conditions_are_the_25_of_the_paper(coefficients):
    generated = [residual for _, residual in sri_conditions(coefficients)]
    assert sorted(generated) == sorted(sri_by_hand(coefficients))


@pytest.mark.parametrize("tableau", [SRA1, SRA2, SRA3], ids=["sra1", "sra2", "sra3"])
def test_published_additive_methods_hold(tableau):
    assert not violated(sra_conditions(tableau))


def test_the_published_diagonal_method_holds():
    assert not violated(sri_conditions(SRIW1))


@pytest.mark.parametrize(
    ("tableau", "condition"),
    [
        # torchsde, tableaus/sra2.py and sra3.py: beta2 with the other sign.
        (SRA2 | {"beta2": [-F(3, 2), F(3, 2)]}, ["beta2.c1 = -1"]),
        (SRA3 | {"beta2": [1, -1, 0]}, ["beta2.c1 = -1"]),
        # JiTCSDE, SRA step: B0 = 1/2 for 3/2.
        (SRA1 | {"B0": [[0, 0], [F(1, 2), 0]]}, ["alpha.B0(e) = 1", "alpha.B0(e)^2 = 3/2"]),
    ],
    ids=["torchsde sra2", "torchsde sra3", "jitcsde sra1"],
)
def test_published_errors_are_found(tableau, condition):
    assert violated(sra_conditions(tableau)) == condition


@pytest.mark.parametrize("key", ["alpha", "beta1", "beta2", "beta3", "beta4", "A0", "B0", "A1", "B1"])
def test_every_wrong_sign_is_found(key):
    """Of any single coefficient of SRIW1, in whichever row."""
    rows = np.array(SRIW1[key], dtype=object)
    for place in np.argwhere(rows != 0):
        wrong = rows.copy()
        wrong[tuple(place)] *= -1
        assert violated(sri_conditions(SRIW1 | {key: wrong.tolist()})), (key, place)
