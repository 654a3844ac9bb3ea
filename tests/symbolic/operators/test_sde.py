"""Symbolic SDEs: validation, classes of noise, the two calculi, lowering."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational

from diffmath import symbolic
from diffmath._arrays.models import SDE as ArraySDE

x, y, t, a, s = sympy.symbols("x y t a s")


def _sde(drift: Any, diffusion: Any, state: Any = (x,), **changes: Any) -> symbolic.SDE:
    return symbolic.SDE(state=state, time=t, drift=drift, diffusion=diffusion, **changes)


def _planar(diffusion: Any, **changes: Any) -> symbolic.SDE:
    return _sde([y, -x], diffusion, (x, y), **changes)


@pytest.mark.parametrize(("sde", "noise"), [
    (_sde([-x], [[s]]), "additive"),
    (_sde([-x], [[1 + t**2]]), "additive"),
    (_sde([-x], [[sympy.sin(x) ** 2 + sympy.cos(x) ** 2]]), "additive"),  # it only looks like x
    (_planar([[1, 0], [0, 2]]), "additive"),
    (_planar([[1, 1], [0, 2]]), "additive"),
    (_planar([[0], [1]]), "additive"),
    (_sde([-x], [[s * x]]), "diagonal"),
    (_planar([[x, 0], [0, t * y]]), "diagonal"),
    (_planar([[x], [y]]), "scalar"),
    (_planar([[x, 0], [0, x]]), "general"),  # diagonal, but the second entry depends on the first state
    (_planar([[x, 2 * x], [y, 2 * y]]), "commutative"),
    (_planar([[x, -y], [y, x]]), "commutative"),  # complex multiplication: scaling and rotation commute
    (_planar([[1, 0], [0, x]]), "general"),  # Heisenberg
    (_planar([[y, 0, 1], [0, x, 1]]), "general"),
    (_sde([0], [[x, 2 * x]]), "commutative"),
    (_sde([0], [[1, x]]), "general"),
])  # fmt: skip
def test_noise_is_classified(sde: symbolic.SDE, noise: str) -> None:
    assert sde.noise == noise
    assert sde.is_commutative == (noise != "general")


def test_stratonovich_correction_of_geometric_brownian_motion() -> None:
    stock = _sde([a * x], [[s * x]])
    assert stock.to_stratonovich().drift == (a * x - s**2 * x / 2,)
    assert stock.to_ito() is stock
    assert stock.to_stratonovich().calculus == "stratonovich"


def test_circle_brownian_motion() -> None:
    """Stratonovich rotation noise keeps the radius; its Ito drift is -(x, y)/2."""
    circle = _sde([0, 0], [[-y], [x]], (x, y), calculus="stratonovich")
    assert circle.to_ito().drift == (-x / 2, -y / 2)
    assert sympy.expand(symbolic.generator(circle, x**2 + y**2)) == 0


_polynomials = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=3
).map(lambda terms: sympy.Add(*(c * x**i * y**j for c, i, j in terms)))


@settings(max_examples=25)
@given(drift=st.tuples(*[_polynomials] * 2), entries=st.tuples(*[_polynomials] * 4))
def test_there_and_back_is_the_same_equation(drift: Any, entries: Any) -> None:
    sde = _sde(drift, [entries[:2], entries[2:]], (x, y))
    back = sde.to_stratonovich().to_ito()
    assert [sympy.expand(f - g) for f, g in zip(back.drift, sde.drift)] == [0, 0]
    assert (back.diffusion, back.calculus) == (sde.diffusion, "ito")


def test_numbers_are_exact() -> None:
    sde = _sde([0.1 * x + np.float64(0.5) * t], [[0.7]])
    assert sde.drift == (x / 10 + t / 2,)
    assert sde.diffusion == ((Rational(7, 10),),)
    assert _sde([Fraction(1, 3)], [[np.int64(2)]]).drift == (Rational(1, 3),)
    assert _sde(sympy.Matrix([x]), sympy.Matrix([[1]])) == _sde([x], [[1]])


def test_parameters_are_kept_until_numbers_come() -> None:
    sde = _sde([-a * x], [[s]])
    assert sde.parameters == (a, s)
    with pytest.raises(ValueError, match=r"got a: give parameters numbers first, .*\.subs\(\{a: 1\}\)"):
        sde.lower()
    numbers = sde.subs({a: 2, s: 0.5})
    assert (numbers.drift, numbers.diffusion, numbers.parameters) == ((-2 * x,), ((Rational(1, 2),),), ())
    with pytest.raises(ValueError, match=r"subs replaces parameters \(a, s\); got x"):
        sde.subs({x: 1})


def test_repr_is_the_equation() -> None:
    assert repr(_planar([[1, x + y], [0, 0]])) == "SDE(dx = y dt + 1 dW1 + (x + y) dW2; dy = -x dt, ito)"
    assert repr(_sde([0], [[0]])) == "SDE(dx = 0, ito)"


@pytest.mark.parametrize(("changes", "kind", "message"), [
    ({"state": x}, TypeError, r"state must be a sequence of symbols; got x: write \[x\]"),
    ({"state": "x"}, TypeError, "state must be a sequence of symbols"),
    ({"state": ["x"]}, TypeError, "state and time must be SymPy symbols; got str: 'x'"),
    ({"time": 0}, TypeError, "state and time must be SymPy symbols; got int: 0"),
    ({"state": []}, ValueError, "state must be at least one symbol"),
    ({"state": [x, x]}, ValueError, "must differ"),
    ({"time": x}, ValueError, "must differ"),
    ({"drift": [x, x]}, ValueError, "drift must be a sequence of 1 formulas, one per state; got length 2"),
    ({"drift": -x}, ValueError, "drift must be a sequence of 1 formulas, one per state; got -x"),
    ({"drift": ["-x"]}, TypeError, r"drift\[0\] must be a SymPy expression or a real number; got str: '-x'"),
    ({"drift": [1j]}, TypeError, r"drift\[0\] must be a SymPy expression or a real number; got complex"),
    ({"drift": [float("nan")]}, ValueError, r"drift\[0\] must be finite; got nan"),
    ({"diffusion": [1]}, ValueError, "diffusion must be a matrix of 1 rows"),
    ({"diffusion": [[1], [2]]}, ValueError, "diffusion must be a matrix of 1 rows"),
    ({"diffusion": [[]]}, ValueError, "diffusion must be a matrix of 1 rows"),
    ({"calculus": "backward"}, ValueError, "calculus must be one of .*; got 'backward'"),
    ({"drift": [-sympy.Symbol("x", real=True)]}, ValueError, "x in the formulas is another symbol than x"),
])  # fmt: skip
def test_bad_equations_are_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    good: dict[str, Any] = {"state": [x], "time": t, "drift": [-x], "diffusion": [[1]]}
    with pytest.raises(kind, match=message):
        symbolic.SDE(**{**good, **changes})


def test_lowered_derivatives_are_exact(xp: Any) -> None:
    sde = _sde([x * y - t, sympy.sin(x)], [[x**2, 0], [0, sympy.exp(y)]], (x, y)).lower()
    rows = np.array([[0.5, -1.0], [2.0, 0.25]])
    X, Y = rows.T
    for dtype, tolerance in (("float64", 4e-16), ("float32", 2e-7)):  # 2 eps
        z = xp.asarray(rows, dtype)
        got = [
            sde.drift(0.5, z),
            sde.diffusion(0.5, z),
            sde.drift_jacobian(0.5, z),
            sde.diffusion_derivative(0.5, z),
        ]
        expected = [
            np.stack([X * Y - 0.5, np.sin(X)], 1), np.stack([X**2, np.exp(Y)], 1),
            np.stack([Y, X, np.cos(X), 0 * X], 1).reshape(2, 2, 2), np.stack([2 * X, np.exp(Y)], 1),
        ]  # fmt: skip
        for result, values in zip(got, expected):
            assert result.dtype == z.dtype
            np.testing.assert_allclose(xp.numpy(result), values, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("diffusion", "noise", "shape", "noise_dim"), [
    ([[1, 0], [0, 2]], "additive", (3, 2), None), ([[1, 1], [0, 2]], "additive", (3, 2, 2), 2),
    ([[0], [1]], "additive", (3, 2, 1), 1), ([[x, 0], [0, y]], "diagonal", (3, 2), None),
    ([[y], [x]], "scalar", (3, 2), None), ([[x, -y], [y, x]], "commutative", (3, 2, 2), 2),
    ([[1, 0, y], [0, x, 1]], "general", (3, 2, 3), 3),
])  # fmt: skip
def test_lowered_shapes_follow_the_noise(
    xp: Any, diffusion: Any, noise: str, shape: Any, noise_dim: Any
) -> None:
    model = _planar(diffusion).lower()
    assert isinstance(model, ArraySDE)
    g = xp.numpy(model.diffusion(0.0, xp.asarray(np.arange(6.0).reshape(3, 2))))
    assert (model.noise, g.shape, model.noise_dim) == (noise, shape, noise_dim)
    assert (model.diffusion_derivative is None) == (noise == "additive" and len(shape) == 3)
    if noise not in ("additive", "diagonal"):
        derivative = model.diffusion_derivative(0.0, xp.asarray(np.arange(6.0).reshape(3, 2)))
        assert xp.numpy(derivative).shape == (*shape, 2)
    matrix = sympy.Matrix(diffusion).subs({x: 4, y: 5})
    values = list(matrix.diagonal()) if noise_dim is None and noise != "scalar" else list(matrix)
    assert g[2].ravel().tolist() == [float(v) for v in values]


@settings(max_examples=40)
@given(drift=st.tuples(*[_polynomials] * 2), seed=st.integers(0, 2**32 - 1))
def test_lowered_jacobians_are_the_slopes_of_lowered_drifts(drift: Any, seed: int) -> None:
    bounded = [f + sympy.sin(f) + sympy.Piecewise((x * y, x > y), (y**2, True)) for f in drift]
    model = _sde(bounded, [[1, 0], [0, 1]], (x, y)).lower()
    z = np.random.default_rng(seed).uniform(-1, 1, (4, 2))
    h = 1e-5
    slopes = [(model.drift(0.0, z + h * e) - model.drift(0.0, z - h * e)) / (2 * h) for e in np.eye(2)]
    assert model.drift_jacobian is not None
    away = np.abs(z[:, 0] - z[:, 1]) > 2 * h  # from the jump of the Piecewise
    # h^2/6 times third derivatives below 1e5, plus eps/h.
    error = np.abs(model.drift_jacobian(0.0, z) - np.stack(slopes, -1))[away]
    assert np.max(error, initial=0.0) < 1e-5


def test_kinks_are_differentiated_almost_everywhere() -> None:
    """|x| needs a real x to have a derivative; the jump of sign has no delta function in arrays."""
    sde = _sde([sympy.Abs(x) + sympy.sign(x) + sympy.Max(x, 1)], [[sympy.Abs(x)]]).lower()
    z = np.array([[-2.0], [0.5], [3.0]])
    assert sde.drift_jacobian(0.0, z).ravel().tolist() == [-1.0, 1.0, 2.0]
    assert sde.diffusion_derivative is not None
    assert sde.diffusion_derivative(0.0, z).ravel().tolist() == [-1.0, 1.0, 1.0]


def test_symbolic_and_lowered_equations_pickle() -> None:
    sde = _planar([[x, 0], [0, y]])
    assert pickle.loads(pickle.dumps(sde)) == sde
    model = pickle.loads(pickle.dumps(sde.lower()))
    np.testing.assert_array_equal(model.drift(0.0, np.array([[1.0, 2.0]])), [[2.0, -1.0]])


def test_a_truncated_square_root_is_differentiated_by_cases() -> None:
    root = sympy.Piecewise((sympy.sqrt(x), x > 0), (0, True))
    model = symbolic.SDE(state=[x], time=t, drift=[1 - x], diffusion=[[root]]).lower()
    points = np.array([[4.0], [-1.0], [0.0]])
    np.testing.assert_array_equal(model.diffusion(0.0, points), [[2.0], [0.0], [0.0]])
    np.testing.assert_array_equal(model.diffusion_derivative(0.0, points), [[0.25], [0.0], [0.0]])


def test_affine_coefficients_are_exact() -> None:
    equation = _sde([y - x / 3 + 1, a * x], [[x / 5, 0], [2, Rational(1, 7)]], (x, y))
    (A, shift), (B0, b0), (B1, b1) = equation.affine_coefficients()
    third, fifth, seventh = (sympy.Rational(1, n) for n in (3, 5, 7))
    assert sympy.Matrix([[-third, 1], [a, 0]]) == A
    assert sympy.Matrix([1, 0]) == shift
    assert (sympy.Matrix([[fifth, 0], [0, 0]]), sympy.Matrix([0, 2])) == (B0, b0)
    assert (sympy.zeros(2, 2), sympy.Matrix([0, seventh])) == (B1, b1)
    assert sympy.simplify(A * sympy.Matrix([x, y]) + shift - sympy.Matrix(equation.drift)) == sympy.zeros(
        2, 1
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drift": [x**2]}, r"drift must be linear in x and free of t; got x\*\*2"),
        ({"drift": [t * x]}, "drift must be linear in x and free of t"),
        ({"diffusion": [[sympy.sqrt(x)]]}, "diffusion must be linear in x and free of t"),
    ],
)
def test_what_is_not_affine_is_refused(changes: dict[str, Any], message: str) -> None:
    equation = _sde(**({"drift": [x], "diffusion": [[1]]} | changes))
    with pytest.raises(ValueError, match=message):
        equation.affine_coefficients()
