"""The bridges of (W, H, K): derived here by SymPy from the defining integrals, and compared."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from diffmath.sde._noise.bridge import VARIANCES, chen_matrices, divide, join, split

R, U, X = sp.symbols("r u x", positive=True)
RATIOS = [1e-6, 0.01, 0.25, 0.3, 0.5, 0.7, 0.999, 1 - 1e-6]


@cache
def kernels():
    """W, H and K of [0, 1] as integrals of polynomials against dB: (1/h) int beta = int k dB by Fubini."""
    weights = (sp.Integer(1), sp.Rational(1, 2) - X)  # of beta in H and in K
    bridged = [sp.integrate(w, (X, U, 1)) - sp.integrate(w * X, (X, 0, 1)) for w in weights]
    return [sp.Integer(1), *map(sp.expand, bridged)]


def part_kernels(start, length):
    """Of [start, start + length]: H and K are means, so their kernels are those of [0, 1], stretched."""
    return [k.subs(U, (U - start) / length) if k.has(U) else k for k in kernels()]


@cache
def conditional_law():
    """Mean matrix and covariance of (left, right) given the whole, by Ito's isometry: symbols, exact."""
    left, right, whole = part_kernels(0, R), part_kernels(R, 1 - R), kernels()

    def products(first, second, a, b):
        return sp.Matrix(3, 3, lambda i, j: sp.integrate(sp.expand(first[i] * second[j]), (U, a, b)))

    between = products(left, whole, 0, R).col_join(products(right, whole, R, 1))
    inverse = sp.diag(*(1 / sp.Rational(k) for k in (1, sp.Rational(1, 12), sp.Rational(1, 720))))
    parts = sp.diag(products(left, left, 0, R), products(right, right, R, 1))
    mean = between * inverse
    return mean.applyfunc(sp.factor), (parts - mean * between.T).applyfunc(sp.factor)


def test_the_variances_are_those_of_the_integrals():
    gram = sp.Matrix(3, 3, lambda i, j: sp.integrate(kernels()[i] * kernels()[j], (U, 0, 1)))
    assert gram == sp.diag(1, sp.Rational(1, 12), sp.Rational(1, 720))
    assert VARIANCES == (1, 1 / 12, 1 / 720)


def test_chens_matrices_express_the_whole_kernel_by_those_of_the_parts():
    for side, (start, length) in enumerate(((0, R), (R, 1 - R))):
        parts = part_kernels(start, length)
        for ratio in (sp.Rational(1, 3), sp.Rational(5, 7), sp.Rational(-1, 2), sp.Integer(2)):
            matrix = chen_matrices(float(ratio))[side]
            for i, whole in enumerate(kernels()):
                combined = sum(sp.Float(float(c), 30) * k for c, k in zip(matrix[i], parts, strict=True))
                gap = sp.Poly(sp.expand((whole - combined).subs(R, ratio)), U)
                assert max(abs(float(c)) for c in gap.all_coeffs()) < 1e-14  # a few roundings


@pytest.mark.parametrize("r", RATIOS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_split_is_the_conditional_law_of_both_parts(r, order):
    """Any ratio, (W), (W, H) and (W, H, K): a leading block, since W, H and K are independent."""
    law = split(r, order)
    mean, covariance = conditional_law()
    kept = [*range(order), *range(3, 3 + order)]
    at = {R: sp.Rational(r)}
    exact_mean = np.array(mean.extract(kept, list(range(order))).subs(at)).astype(float)
    np.testing.assert_allclose(np.vstack([law.left, law.right]), exact_mean, rtol=1e-14)
    if order == 3:
        exact = np.array(covariance.subs(at)).astype(float)
    else:
        exact = np.array(_lower_order_covariance(order).subs(at)).astype(float)
    noise = np.vstack([law.left_noise, law.right_noise])
    # Conditioning on less leaves more noise; entries scale with the shorter part: sixteen roundings of each.
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert (abs(noise @ noise.T - exact) <= 4e-15 * scale).all()


@cache
def _lower_order_covariance(order):
    mean, covariance = conditional_law()
    kept = [*range(order), *range(3, 3 + order)]
    dropped = mean.extract(kept, list(range(order, 3)))
    variances = sp.diag(*[sp.Rational(1, 12), sp.Rational(1, 720)][order - 1 :])
    return covariance.extract(kept, kept) + dropped * variances * dropped.T


def test_the_dyadic_split_of_foster():
    """His theorem 6.1.6: W / 2 + 3 H / 2 + z, ..., with variances h/16, h/768, h/2880 of z, x1, x2."""
    law = split(0.5)
    np.testing.assert_allclose(law.left, [[0.5, 1.5, 0], [0, 0.25, 3.75], [0, 0, 0.125]], atol=0)
    z, x1, x2 = np.sqrt(1 / 16), np.sqrt(1 / 768), np.sqrt(1 / 2880)
    left = [[z, 0, 0], [-z / 2, x1, 0], [0, -x1 / 2, x2]]
    np.testing.assert_allclose(law.left_noise, left, atol=1e-16)
    # Mirrored: W changes sign under time reversal, and K, and so does the whole noise.
    np.testing.assert_allclose(law.right_noise, -abs(np.array(left)), atol=1e-16)


def test_a_split_without_space_time_area_has_the_variance_of_levy():
    for r in RATIOS:
        np.testing.assert_allclose(split(r, 1).left_noise[0, 0] ** 2, r * (1 - r), rtol=1e-15)


@given(
    r=st.floats(1e-9, 1 - 1e-9),
    values=st.lists(st.floats(-3, 3), min_size=6, max_size=6),
    h=st.floats(1e-6, 1e3),
    order=st.integers(1, 3),
)
def test_joining_the_parts_gives_the_whole(r, values, h, order):
    whole = tuple(np.array([v]) for v in values[:order])
    z = tuple(np.array([v]) for v in values[3 : 3 + order])
    left, right = divide(whole, z, split(r, order), np.sqrt(h))
    for got, exact in zip(join(left, right, r), whole, strict=True):
        # The largest terms are 60 K and the noise 3 sqrt(h); a few dozen roundings of them.
        np.testing.assert_allclose(got, exact, rtol=0, atol=1e-12 * (1 + np.sqrt(h)))


def test_both_sides_see_the_same_normals_whatever_the_side_of_the_middle():
    """The factor is continuous through r = 1/2, so that a rounded ratio never changes a path."""
    below, above = split(np.nextafter(0.5, 0)), split(np.nextafter(0.5, 1))
    np.testing.assert_allclose(below.left_noise, above.left_noise, atol=1e-15)
    np.testing.assert_allclose(below.right_noise, above.right_noise, atol=1e-15)


def test_a_wrong_sign_would_be_seen():
    """A wrong sign of the noise of one part would change the covariance between the parts."""
    law = split(0.3)
    right = law.right_noise * np.array([[1.0], [-1.0], [1.0]])  # as if H did not change sides
    wrong = law.left @ np.diag(VARIANCES) @ law.right.T + law.left_noise @ right.T
    right_one = law.left @ np.diag(VARIANCES) @ law.right.T + law.left_noise @ law.right_noise.T
    assert abs(right_one).max() < 1e-15 < 1e-3 < abs(wrong).max()  # the parts are independent
