"""`parameters=`, one per row, and `args=`, constants: what the callables of a model get beyond (t, x)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from diffmath import random, sde

KEY = random.key(6)
ROWS = 7
RATES = np.linspace(0.5, 2.0, ROWS)[:, None]
X0 = np.linspace(0.5, 1.5, 2 * ROWS).reshape(ROWS, 2)
TIMES = np.linspace(0, 1, 5)


def drift(t, x, p, strength):
    return -p["rate"] * x


def diffusion(t, x, p, strength):
    return strength * p["rate"] * x


def slope(t, x, p, strength):
    return strength * p["rate"] + 0 * x


MODEL = sde.SDE(drift, diffusion, diffusion_derivative=slope)
GIVEN = {"parameters": {"rate": RATES}, "args": (0.2,)}


def alone(i):
    """Row i as a separate equation."""
    rate = float(RATES[i, 0])
    return sde.SDE(
        lambda t, x: -rate * x,
        lambda t, x: 0.2 * rate * x,
        diffusion_derivative=lambda t, x: 0.2 * rate + 0 * x,
    )


@pytest.mark.parametrize("method", ["milstein", "sriw1"])
def test_every_row_has_its_own_equation(method):
    method = getattr(sde, method)
    found = sde.solve(MODEL, X0, TIMES, method=method, key=KEY, **GIVEN).x
    for i in range(ROWS):
        expected = sde.solve(alone(i), X0[i : i + 1], TIMES, method=method, key=KEY, first_row=i).x
        np.testing.assert_allclose(found[:, i], expected[:, 0], rtol=1e-13)


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_parameters_are_cut_with_the_rows(chunk):
    expected = sde.solve(MODEL, X0, TIMES, method=sde.milstein, key=KEY, **GIVEN).x[-1]
    span = {"t_span": (0.0, 1.0), "steps": 4, "method": "milstein", "key": KEY}
    np.testing.assert_array_equal(sde.ensemble(MODEL, X0, chunk=chunk, **span, **GIVEN), expected)
    with ThreadPoolExecutor(2) as executor:
        found = sde.ensemble(MODEL, X0, chunk=chunk, executor=executor, **span, **GIVEN)
    np.testing.assert_array_equal(found, expected)


def test_an_array_alone_and_constants_alone():
    options = {"method": sde.euler_maruyama, "key": KEY}
    by_rows = sde.SDE(lambda t, x, rate: -rate * x, lambda t, x, rate: 0.1, noise="additive")
    found = sde.solve(by_rows, X0, TIMES, parameters=RATES, **options).x
    closed = sde.SDE(lambda t, x: -RATES * x, lambda t, x: 0.1, noise="additive")
    np.testing.assert_array_equal(found, sde.solve(closed, X0, TIMES, **options).x)
    constant = sde.SDE(lambda t, x, k, g: -k * x, lambda t, x, k, g: g, noise="additive")
    found = sde.solve(constant, X0, TIMES, args=(1.5, 0.1), **options).x
    closed = sde.SDE(lambda t, x: -1.5 * x, lambda t, x: 0.1, noise="additive")
    np.testing.assert_array_equal(found, sde.solve(closed, X0, TIMES, **options).x)


def test_adaptive_rows_keep_their_parameters():
    found = sde.solve_adaptive(MODEL, X0, [0.0, 1.0], method=sde.milstein, key=KEY, rtol=1e-3, **GIVEN)
    assert len(set(found.stats["steps"])) > 1  # the rows went apart
    for i in range(ROWS):
        expected = sde.solve_adaptive(
            alone(i), X0[i : i + 1], [0.0, 1.0], method=sde.milstein, key=KEY, rtol=1e-3, first_row=i
        )
        np.testing.assert_allclose(found.x[-1, i], expected.x[-1, 0], rtol=1e-12)


def test_pairs_forces_and_jacobians(xp):
    rates, x0 = xp.asarray(RATES), xp.asarray(X0)
    given = {"parameters": {"rate": rates}, "args": (0.2,)}
    pair = sde.coupled(MODEL, x0, t_span=(0.0, 1.0), steps=2, method=sde.milstein, key=KEY, **given)
    fine = sde.solve(MODEL, x0, TIMES, method=sde.milstein, key=KEY, **given)
    np.testing.assert_array_equal(xp.numpy(pair.fine), xp.numpy(fine.x[-1, ...]))
    particle = sde.Langevin(lambda t, q, k: -k * q, friction=1.0, temperature=0.5)
    closed = sde.Langevin(lambda t, q: -rates * q, friction=1.0, temperature=0.5)
    options = {"method": sde.baoab, "key": KEY}
    found = sde.solve(particle, x0, TIMES, parameters=rates, **options).x
    np.testing.assert_array_equal(xp.numpy(found), xp.numpy(sde.solve(closed, x0, TIMES, **options).x))


def test_implicit_methods_get_a_jacobian_with_parameters():
    def jacobian(t, x, rate):
        return -rate[:, :, None] * np.eye(2)

    model = sde.SDE(
        lambda t, x, rate: -rate * x, lambda t, x, rate: 0.1, noise="additive", drift_jacobian=jacobian
    )
    found = sde.solve(model, X0, TIMES, method=sde.implicit_euler_maruyama, key=KEY, parameters=40 * RATES).x
    closed = sde.SDE(lambda t, x: -40 * RATES * x, lambda t, x: 0.1, noise="additive")
    expected = sde.solve(closed, X0, TIMES, method=sde.implicit_euler_maruyama, key=KEY).x
    np.testing.assert_allclose(found, expected, rtol=1e-7)  # differences against a Jacobian, in Newton


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({}, TypeError, r"drift must take two arguments.*give them by args= or parameters="),
        ({"args": (0.2,)}, TypeError, r"drift must take 3 arguments"),
        ({"args": 0.2}, TypeError, r"args must be a tuple"),
        ({**GIVEN, "parameters": {"rate": RATES[:3]}}, ValueError, r"'rate'\] must have one row for each"),
        ({**GIVEN, "parameters": 2.0}, TypeError, "give constants in args="),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(given, error, match):
    for solve in (
        lambda: sde.solve(MODEL, X0, TIMES, method=sde.milstein, key=KEY, **given),
        lambda: sde.solve_adaptive(MODEL, X0, TIMES, method=sde.milstein, key=KEY, **given),
        lambda: sde.ensemble(MODEL, X0, t_span=(0, 1), steps=4, method="milstein", key=KEY, **given),
        lambda: sde.coupled(MODEL, X0, t_span=(0, 1), steps=4, method=sde.milstein, key=KEY, **given),
    ):
        with pytest.raises(error, match=match):
            solve()


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_closure_over_rows_is_told_of_parameters(chunk):
    closure = sde.SDE(lambda t, x: -RATES * x, lambda t, x: 0.1, noise="additive")
    span = {"t_span": (0.0, 1.0), "steps": 4, "method": "milstein", "key": KEY}
    with pytest.raises(ValueError, match=r"broadcast|must return shape") as caught:
        sde.ensemble(closure, X0, chunk=chunk, **span)
    assert any("parameters=" in note for note in caught.value.__notes__)
    closure = sde.SDE(lambda t, x: -RATES * x**3, lambda t, x: 0.1, noise="additive")
    with pytest.raises(ValueError, match=r"broadcast|must return shape") as caught:
        sde.solve_adaptive(closure, 9 * X0, [0.0, 1.0], method=sde.sra1, key=KEY)
    assert any("parameters=" in note for note in caught.value.__notes__)
