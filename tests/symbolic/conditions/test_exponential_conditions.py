"""Conditions of exponential methods: counts, an independent expansion in series, methods that must fail."""

import math
import subprocess
import sys
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import symbolic
from diffmath.symbolic import phi

F = Fraction
HALF = F(1, 2)
NUMBERS = st.fractions(-2, 2, max_denominator=4)
TERMS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["1", "1/2", "1/3", "2"]), NUMBERS), max_size=4)


def _sum(terms):
    return sum((q * phi(k, c) for k, c, q in terms), start=0)


def cox_matthews(sign=1):
    half, one = phi(1, "1/2"), phi(1)
    a = [[0] * 4, [half / 2, 0, 0, 0], [0, half / 2, 0, 0], [sign * (one - half), 0, half, 0]]
    ends = phi(1) - 3 * phi(2) + 4 * phi(3)
    middle = 2 * phi(2) - 4 * phi(3)
    return a, [ends, middle, middle, 4 * phi(3) - phi(2)], [F(0), HALF, HALF, F(1)]


def hochbruck_ostermann():
    h1, h2, h3 = (phi(k, "1/2") for k in (1, 2, 3))
    a52 = h2 / 2 - phi(3) + phi(2) / 4 - h3 / 2
    a54 = h2 / 4 - a52
    a = [
        [0] * 5,
        [h1 / 2, 0, 0, 0, 0],
        [h1 / 2 - h2, h2, 0, 0, 0],
        [phi(1) - 2 * phi(2), phi(2), phi(2), 0, 0],
        [h1 / 2 - 2 * a52 - a54, a52, a52, a54, 0],
    ]
    b = [phi(1) - 3 * phi(2) + 4 * phi(3), 0, 0, 4 * phi(3) - phi(2), 4 * phi(2) - 8 * phi(3)]
    return a, b, [F(0), HALF, HALF, F(1), HALF]


def test_phi_sums_are_what_they_say():
    value = 2 * phi(1, "1/2") - phi(2) / 3
    assert repr(value) == "2*phi1(z/2) - 1/3*phi2(z)"
    assert repr(-phi(0, "2/3")) == "-phi0(2/3*z)"
    assert repr(phi(1) - phi(1)) == "0"
    assert not phi(1) - phi(1)
    assert value - value == 0 * value
    assert hash(value) == hash(-phi(2) / 3 + phi(1, "1/2") * 2)
    assert value.taylor(0) == 2 - F(1, 6)
    assert (0 - value).taylor(0) == F(1, 6) - 2


@given(terms=TERMS, z=st.fractions(-3, 3, max_denominator=8))
def test_the_two_expansions_of_a_sum_agree(terms, z):
    """The Taylor series and the form in z^m exp(s z), at a point, in 60 digits."""
    total = _sum(terms)
    if not total or z == 0:
        return
    with mpmath.workdps(60):
        point = mpmath.mpf(z.numerator) / z.denominator
        series = sum(_mp(total.taylor(m)) * point**m for m in range(90))
        closed = sum(
            _mp(q) * point**m * mpmath.exp(_mp(s) * point) for ((s, m),), q in total.function.items()
        )
        assert abs(series - closed) < mpmath.mpf(10) ** -30


def _mp(value):
    return mpmath.mpf(value.numerator) / value.denominator


def test_counts_of_stiff_conditions():
    """Hochbruck & Ostermann (2005), table 2; Luan & Alhsmy (2024): 36 up to order 6, and sum(b) = phi1."""
    counts = [len(symbolic.stiff_trees(p)) for p in range(1, 7)]
    assert counts == [1, 1, 2, 4, 9, 20]
    assert sum(counts) - 1 == 36
    for p in range(1, 7):
        assert all(tree.order == p for tree in symbolic.stiff_trees(p))
    assert {repr(tree) for tree in symbolic.stiff_trees(5)} == {
        "b.c^4/4! = phi5", "b.psi4 = 0", "b.a(psi3) = 0", "b.a(a(psi2)) = 0", "b.a(c*psi2) = 0",
        "b.c*psi3 = 0", "b.c*a(psi2) = 0", "b.psi2*psi2 = 0", "b.c^2*psi2 = 0",
    }  # fmt: skip


def _failing(method, order, **options):
    return [
        repr(tree) for tree, holds in symbolic.stiff_order_conditions(*method, order, **options) if not holds
    ]


def test_stiff_orders_of_the_literature():
    """Hochbruck & Ostermann (2005), section 5: Cox & Matthews fail at order 3, their own method holds."""
    assert _failing(cox_matthews(), 2) == []
    assert _failing(cox_matthews(), 3, weak=True) == ["b.psi2 = 0"]
    assert _failing(hochbruck_ostermann(), 3) == []
    assert _failing(hochbruck_ostermann(), 4, weak=True) == []
    assert _failing(hochbruck_ostermann(), 4) != []  # the weak form is what holds


def test_a_wrong_sign_fails():
    a, b, c = hochbruck_ostermann()
    wrong = [*b[:-1], -b[-1]]
    assert "b.c = phi2" in _failing((a, wrong, c), 2)
    a[4] = [*a[4][:3], -a[4][3], 0]
    assert _failing((a, b, c), 4, weak=True)
    residuals = dict(symbolic.exponential_conditions(*cox_matthews(-1), 4))
    assert any(residuals.values())


def test_classical_orders():
    for method, order in ((cox_matthews(), 4), (hochbruck_ostermann(), 4)):
        residuals = symbolic.exponential_conditions(*method, order + 1)
        sizes = [sum(name.count(letter) for letter in "LN") for name, _ in residuals]
        assert sizes == sorted(sizes)
        assert all(r == 0 for size, (_, r) in zip(sizes, residuals) if size <= order)
        assert any(r != 0 for size, (_, r) in zip(sizes, residuals) if size > order)


def test_without_a_linear_part_the_conditions_are_those_of_runge_kutta():
    """phi_k(0) = 1/k!: the trees of N alone are the rooted trees, with the same residuals."""
    a, b, c = hochbruck_ostermann()
    zero = [[x.taylor(0) if x else F(0) for x in row] for row in [*a, b]]
    wanted = sorted(r for _, r in symbolic.order_conditions(zero[:-1], zero[-1], 5))
    ours = symbolic.exponential_conditions(a, b, c, 5)
    assert sorted(r for name, r in ours if "L" not in name) == wanted


# An independent expansion: one step of u' = l u + N(u), scalar, as a power series in h, in exact arithmetic.
DEGREE = 4
SLOPES = [F(3), F(-2), F(5), F(7)]  # N(u0), N'(u0), N''(u0), N'''(u0)
LINEAR, START = F(2, 3), F(5)


def _times(p, q):
    return [sum((p[j] * q[k - j] for j in range(k + 1)), start=F(0)) for k in range(DEGREE + 1)]


def _nonlinear(change):
    total, power = [F(0)] * (DEGREE + 1), [F(1)] + [F(0)] * DEGREE
    for k, slope in enumerate(SLOPES):
        total = [t + slope / math.factorial(k) * p for t, p in zip(total, power)]
        power = _times(power, change)
    return total


def _numerical(a, b, c):
    """The change of u in a step."""

    def increment(row, node, stages):
        total = [START * (node * LINEAR) ** k / math.factorial(k) for k in range(DEGREE + 1)]
        total[0] = F(0)
        for weight, stage in zip(row, stages):
            if weight:
                operator = [F(0)] + [weight.taylor(m) * LINEAR**m for m in range(DEGREE)]
                total = [t + s for t, s in zip(total, _times(operator, stage))]
        return total

    stages = []
    for row, node in zip(a, c):
        stages.append(_nonlinear(increment(row, node, stages)))
    return increment(b, F(1), stages)


def _exact():
    change = [F(0)] * (DEGREE + 1)
    for k in range(DEGREE):
        slope = _nonlinear(change)
        change[k + 1] = (LINEAR * (change[k] + (START if k == 0 else 0)) + slope[k]) / (k + 1)
    return change


def _parse(text):
    """(chain, children or None) of a name like LN(Lu,N), and the rest of the text."""
    chain = len(text) - len(text.lstrip("L"))
    head, rest, children = text[chain], text[chain + 1 :], []
    if head == "u":
        return (chain, None), rest
    if rest.startswith("("):
        while rest[0] in "(,":
            child, rest = _parse(rest[1:])
            children.append(child)
        rest = rest[1:]
    return (chain, tuple(children)), rest


def _differential(tree):
    """F(tree) / sigma(tree), and the number of nodes."""
    chain, children = tree
    if children is None:
        return LINEAR**chain * START, chain
    value = LINEAR**chain * (SLOPES[len(children)] if len(children) < len(SLOPES) else 0)
    size = chain + 1
    for child in children:
        below, nodes = _differential(child)
        value, size = value * below, size + nodes
    for child in set(children):
        value /= math.factorial(children.count(child))
    return value, size


@given(entries=st.lists(TERMS, min_size=6, max_size=6), c=st.lists(NUMBERS, min_size=2, max_size=2))
def test_residuals_are_the_coefficients_of_the_local_error(entries, c):
    """For any coefficients: the local error at h^k is the sum of residual F / sigma over trees of k nodes."""
    values = [_sum(entry) for entry in entries]
    a = [[0, 0, 0], [values[0], 0, 0], [values[1], values[2], 0]]
    b, nodes = values[3:], [F(0), *c]
    error = [x - y for x, y in zip(_numerical(a, b, nodes), _exact())]
    wanted = [F(0)] * (DEGREE + 1)
    for name, residual in symbolic.exponential_conditions(a, b, nodes, DEGREE):
        tree, rest = _parse(name)
        assert rest == ""
        value, size = _differential(tree)
        wanted[size] += residual * value
    assert error == wanted


def test_refusals():
    with pytest.raises(TypeError, match=r"scale must be exact: .* got 0\.5"):
        phi(1, 0.5)
    with pytest.raises(ValueError, match="scale must not be 0"):
        phi(1, 0)
    with pytest.raises(ValueError, match="k must be at least 0; got -1"):
        phi(-1)
    with pytest.raises(TypeError):
        phi(1) * 0.5
    with pytest.raises(ValueError, match="order must be at least 1; got 0"):
        symbolic.stiff_trees(0)


def test_sympy_is_not_needed():
    code = (
        "import sys; from diffmath.symbolic import phi, stiff_trees, exponential_conditions; stiff_trees(4)"
    )
    subprocess.run([sys.executable, "-c", code + "; assert 'sympy' not in sys.modules"], check=True)
