"""Formulas lowered to array callables: the same values as SymPy's own, on every backend."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmath import symbolic

x, y, t = sympy.symbols("x y t")
ROWS = np.array([[0.3, -1.2], [2.0, 0.7], [-0.5, 0.25]])

FORMULAS = [
    x + y * t - 2, -x - y, x - x**3, x / y, -2 * x / (3 * y * t), x**7, x**-3, sympy.sqrt(1 + y**2),
    (1 + x**2) ** 1.5, (2 + x**2) ** sympy.Rational(-1, 2), (2 + x**2) ** sympy.Rational(1, 3), 2**x,
    (1 + x**2) ** y, sympy.exp(-x), sympy.log(1 + x**2), sympy.sin(x) * sympy.cos(y) - sympy.tan(x),
    sympy.sinh(x), sympy.cosh(x), sympy.tanh(x * y), sympy.asin(sympy.tanh(x)), sympy.acos(sympy.tanh(y)),
    sympy.atan(x), sympy.atan2(y, x), sympy.asinh(x), sympy.acosh(2 + x**2), sympy.atanh(sympy.tanh(x) / 2),
    sympy.Abs(x - y), sympy.sign(y), sympy.Min(x, y, 1), sympy.Max(x, y, t), sympy.Heaviside(x),
    sympy.sec(x) + sympy.csc(y) + sympy.cot(y), sympy.pi * x + sympy.E,
    sympy.Piecewise((x, x > 0), (y, True)),
    sympy.Piecewise((1, (x > 0) & (y < 0)), (2, (x >= 1) | (y <= 0)), (3, True)),
    sympy.Piecewise((x, sympy.Ne(x, 2)), (0, sympy.Not(y > 0)), (5, True)), sympy.exp(t) * sympy.cos(t),
    sympy.Integer(3), sympy.Piecewise((x, t < 1), (y, True)), sympy.Rational(1, 3), t,
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_every_supported_function_has_sympys_value(xp: Any, formula: Any) -> None:
    lowered = symbolic.lower(formula, (x, y), t)
    for dtype, tolerance in (("float64", 1e-14), ("float32", 2e-6)):  # ~ 20 eps, formulas of a few operations
        result = lowered(0.4, xp.asarray(ROWS, dtype))
        assert result.dtype == getattr(xp.xp, dtype)
        numbers = [{x: sympy.Float(str(a)), y: sympy.Float(str(b)), t: sympy.Rational(2, 5)} for a, b in ROWS]
        expected = [float(formula.subs(values)) for values in numbers]
        np.testing.assert_allclose(xp.numpy(result), expected, rtol=tolerance, atol=tolerance)


def test_shapes_follow_the_formulas(xp: Any) -> None:
    rows = xp.asarray(ROWS)
    assert xp.numpy(symbolic.lower(x, (x, y), t)(0.0, rows)).shape == (3,)
    assert xp.numpy(symbolic.lower([x, 1, t], (x, y), t)(0.0, rows)).shape == (3, 3)
    matrix = symbolic.lower(sympy.Matrix([[x, 1, t], [y, 0, x * y]]), (x, y), t)
    assert xp.numpy(matrix(2.0, rows)).tolist() == [[[a, 1, 2], [b, 0, a * b]] for a, b in ROWS.tolist()]
    assert xp.numpy(matrix(2.0, rows[:0, ...])).shape == (0, 2, 3)


def test_time_may_be_one_per_row(xp: Any) -> None:
    """Rows of times give the rows of the calls with one time each."""
    lowered = symbolic.lower(
        [x * sympy.exp(t), sympy.sin(t), sympy.Piecewise((x, t > 1), (y, True))], (x, y), t
    )
    times = [0.25, 1.0, 1.5]
    for dtype in ("float32", "float64"):
        rows = xp.asarray(ROWS, dtype)
        together = lowered(xp.asarray(np.array(times)[:, None], dtype), rows)
        assert together.dtype == rows.dtype
        single = [xp.numpy(lowered(time, rows[i : i + 1, ...])) for i, time in enumerate(times)]
        tolerance = 1e-14 if dtype == "float64" else 1e-6  # 10 eps: exp(t) is float64 for a number
        np.testing.assert_allclose(xp.numpy(together), np.concatenate(single), rtol=tolerance)
    scalar = lowered(xp.asarray(0.25), xp.asarray(ROWS))
    np.testing.assert_array_equal(xp.numpy(lowered(np.float64(0.25), rows)), xp.numpy(lowered(0.25, rows)))
    np.testing.assert_allclose(xp.numpy(scalar), xp.numpy(lowered(0.25, xp.asarray(ROWS))), rtol=1e-14)


def test_a_piecewise_guards_its_branches(xp: Any) -> None:
    """log of a negative number is computed and dropped: no warning, no NaN."""
    formula = sympy.Piecewise((sympy.log(x), x > 0), (1 / x, x < 0), (7, True))
    result = symbolic.lower(formula, (x,), t)(0.0, xp.asarray([[1.0], [-2.0], [0.0]]))
    assert xp.numpy(result).tolist() == [0.0, -0.5, 7.0]


def test_outside_of_all_cases_the_value_is_nan() -> None:
    result = symbolic.lower(sympy.Piecewise((1, x > 0)), (x,), t)(0.0, np.array([[1.0], [-1.0]]))
    np.testing.assert_array_equal(result, [1.0, np.nan])


def test_singular_formulas_are_ieee_and_silent() -> None:
    lowered = symbolic.lower([1 / x, 1 / t, sympy.exp(x), sympy.exp(1000 * t), sympy.log(-t)], (x,), t)
    result = lowered(0.0, np.array([[0.0], [1e3]]))
    np.testing.assert_array_equal(result[:, :4], [[np.inf, np.inf, 1, 1], [1e-3, np.inf, np.inf, 1]])
    np.testing.assert_array_equal(lowered(1.0, np.array([[1.0]]))[0, 3:], [np.inf, np.nan])


def test_integers_become_floats_and_inputs_stay_untouched(xp: Any) -> None:
    rows = xp.asarray(np.array([[1, 2]]), "int64")
    lowered = symbolic.lower([x, x / y], (x, y), t)
    assert xp.numpy(lowered(0.0, rows)).tolist() == [[1.0, 0.5]]
    assert xp.numpy(rows).tolist() == [[1, 2]]
    # The result of the formula x is a copy: writing to it must not reach the state.
    state = np.array([[1.0]])
    symbolic.lower([x], (x,), t)(0.0, state)[...] = 5.0
    assert state[0, 0] == 1.0


def test_common_parts_are_computed_once() -> None:
    part = sympy.exp(-(x**2) - y**2)
    lowered = symbolic.lower([part, x * part, y / (1 + part)], (x, y), t)
    assert sum(operation == "exp" for operation, _ in lowered.instructions) == 1


def test_the_number_2_is_not_register_2() -> None:
    """2 == 2.0 to Python: the product 2*z must not be taken for y*z, whose y is in register 2."""
    z = sympy.Symbol("z")
    lowered = symbolic.lower([y * z, 2 * z, x * z, t / z, 1 / z], (x, y, z), t)
    assert lowered(7.0, np.array([[0.5, 3.0, 4.0]])).tolist() == [[12.0, 8.0, 2.0, 1.75, 0.25]]


def test_integer_powers_are_repeated_products() -> None:
    lowered = symbolic.lower(x**13, (x,), t)
    assert [operation for operation, _ in lowered.instructions] == ["multiply"] * 5  # 13 = 0b1101


def test_a_program_pickles_and_tells_its_formula() -> None:
    lowered = symbolic.lower([x * sympy.sin(t), y], (x, y), t)
    copy = pickle.loads(pickle.dumps(lowered))
    assert copy == lowered
    np.testing.assert_array_equal(copy(0.3, ROWS), lowered(0.3, ROWS))
    assert repr(lowered) == "ArrayFunction(t, (x, y) -> [x*sin(t), y])"


def test_state_symbols_of_any_assumptions_are_real() -> None:
    """sqrt(x^2) is |x| for a real x, declared so or not."""
    for assumptions in ({}, {"real": True}, {"positive": True}):
        v = sympy.Symbol("v", **assumptions)
        assert symbolic.lower(sympy.sqrt(v**2), (v,), t)(0.0, np.array([[2.0]])).tolist() == [2.0]


def test_a_rational_is_the_nearest_float() -> None:
    result = symbolic.lower(sympy.Rational(7, 10), (x,), t)(0.0, np.zeros((1, 1)))
    assert result.tolist() == [0.7]


@pytest.mark.parametrize(("formula", "kind", "message"), [
    (sympy.gamma(x), TypeError, r"gamma has no array form, in gamma\(x\); supported are"),
    (x + sympy.Function("f")(x), TypeError, "f has no array form"),
    (sympy.Derivative(sympy.Function("f")(x), x), TypeError, "Derivative has no array form"),
    (sympy.Symbol("a") * x, ValueError, r"got a: give parameters numbers first, .* \.subs\(\{a: 1\}\)"),
    (sympy.I * x, ValueError, "numbers in a formula must be real and finite; got I"),
    (sympy.oo + x, ValueError, "numbers in a formula must be real and finite; got oo"),
    ("x", TypeError, "a formula must be a SymPy expression or a real number; got str"),
    (["x + 1"], TypeError, "a formula must be a SymPy expression or a real number; got str"),
    (sympy.nan, ValueError, "numbers in a formula must be real and finite; got nan"),
])  # fmt: skip
def test_what_has_no_array_form_is_refused(formula: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        symbolic.lower(formula, (x,), t)


def test_states_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 2\); got \(3,\)"):
        symbolic.lower(x, (x, y), t)(0.0, np.zeros(3))
    with pytest.raises(TypeError, match="x must be real; got dtype complex128"):
        symbolic.lower(x, (x,), t)(0.0, np.zeros((1, 1), complex))
    with pytest.raises(TypeError, match="x must be an array"):
        symbolic.lower(x, (x,), t)(0.0, [[1.0]])


def test_cases_at_their_limits() -> None:
    """A weak inequality holds where both sides are equal, a strict one does not."""
    formulas = [sympy.Piecewise((1, relation), (0, True)) for relation in (x <= 0, x < 0, x >= 0, x > 0)]
    np.testing.assert_array_equal(symbolic.lower(formulas, (x,), t)(0.0, np.zeros((1, 1))), [[1, 0, 1, 0]])


@pytest.mark.parametrize(("a", "b", "c"), [(1, 1, -1), (1, -1, 1), (-1, 1, -1), (-1, -1, 1)])
def test_conditions_may_be_if_then_else(a: int, b: int, c: int) -> None:
    condition = sympy.ITE(x > 0, y > 0, t > 0)
    made = symbolic.lower(sympy.Piecewise((1, condition), (2, True)), (x, y), t)
    assert made(float(c), np.array([[a, b]], float))[0] == (1 if (b if a > 0 else c) > 0 else 2)


def test_times_that_do_not_fit_are_refused(xp: Any) -> None:
    made, points = symbolic.lower([x * t, t], (x,), t), xp.asarray([[1.0], [2.0], [3.0]])
    for shape in ((3,), (1,), (3, 2), (2, 1)):
        with pytest.raises(ValueError, match=r"one time per row of shape \(3, 1\); got"):
            made(xp.asarray(np.ones(shape)), points)
    with pytest.raises(TypeError, match="t must be an array"):
        made([1.0, 2.0, 3.0], points)
    # A host number in the clothes of an array.
    np.testing.assert_array_equal(xp.numpy(made(np.array(2.0), points)), [[2, 2], [4, 2], [6, 2]])


def test_lists_of_formulas_and_states_are_read_as_such() -> None:
    for nothing in ([], sympy.zeros(2, 0)):
        with pytest.raises(ValueError, match="expressions must hold at least one formula"):
            symbolic.lower(nothing, (x,), t)
    for state in (x, "x"):
        with pytest.raises(TypeError, match=r"state must be a sequence of symbols; got .*write \[x\]"):
            symbolic.lower(t, state, t)


def test_time_and_states_need_different_names() -> None:
    with pytest.raises(ValueError, match=r"time and states must have different names; got \[t, x, x\]"):
        symbolic.lower(x, (x, sympy.Symbol("x", real=True)), t)


def _formulas() -> st.SearchStrategy[Any]:
    """Random formulas of x, y, t that stay finite: every function is bounded or of bounded argument."""
    leaves = st.sampled_from([x, y, t, sympy.pi, sympy.Rational(-3, 7), sympy.Integer(2)])

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        unary = st.sampled_from([
            sympy.sin, sympy.cos, sympy.tanh, sympy.atan, sympy.Abs, sympy.sign, lambda v: -v,
            lambda v: v**2, lambda v: v**3, lambda v: 1 / (1 + v**2), lambda v: sympy.sqrt(1 + v**2),
            lambda v: sympy.exp(-(v**2)), lambda v: sympy.log(2 + v**2),
            lambda v: (1 + v**2) ** sympy.Rational(3, 2),
        ])  # fmt: skip
        binary = st.sampled_from([
            lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (2 + sympy.sin(b)),
            sympy.Min, sympy.Max, lambda a, b: sympy.Piecewise((a, a > b), (b, True)),
        ])  # fmt: skip
        return st.builds(lambda f, a: f(a), unary, inner) | st.builds(
            lambda f, a, b: f(a, b), binary, inner, inner
        )

    return st.recursive(leaves, extend, max_leaves=6)


@settings(max_examples=120)
@given(formulas=st.lists(_formulas(), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_random_formulas_have_sympys_values(formulas: list[Any], seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-1.5, 1.5, (3, 2))
    result = symbolic.lower(formulas, (x, y), t)(0.375, points)
    numbers = [
        {x: sympy.Float(a, 30), y: sympy.Float(b, 30), t: sympy.Rational(3, 8)} for a, b in points.tolist()
    ]
    expected = [[float(formula.subs(values).evalf(25)) for formula in formulas] for values in numbers]
    # A few float64 operations; powers of powers amplify by their exponents, up to 3^3.
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-11)


def test_the_random_comparison_can_fail() -> None:
    wrong = symbolic.lower(x + sympy.Rational(1, 10**9), (x, y), t)(0.375, ROWS)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(wrong, ROWS[:, 0], rtol=1e-11, atol=1e-11)
    assert math.isclose(wrong[0], 0.3 + 1e-9)
