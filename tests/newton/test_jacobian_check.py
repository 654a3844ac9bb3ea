"""Derivatives that users give are looked at once: right ones pass on any scale, wrong ones are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode

ROSENBROCK = [ode.rosenbrock23, ode.rodas5p]
ITERATING = [ode.kvaerno5, ode.radau5, ode.kencarp4]
OPTIONS: list[dict[str, Any]] = [{}, {"batch": "shared"}, {"substeps": 3}]


def solve(f: Any, x0: Any, times: Any, method: Any, **options: Any) -> Any:
    if method is ode.kencarp4:
        f = ode.Split(explicit=lambda t, x: 0.0 * x, implicit=f)
    return ode.solve(f, x0, times, method=method, on_failure="return", **{"max_steps": 20} | options)


def oscillator(x: float, t: float, mu: float = 10.0) -> tuple[Any, Any]:
    """Van der Pol's equation in units of x and t, and its Jacobian."""

    def f(s: Any, state: Any) -> Any:
        y, v = state[:, 0] / x, state[:, 1] / x
        return np.stack([x * v, x * (mu * (1 - y * y) * v - y)], axis=1) / t

    def jacobian(s: Any, state: Any) -> Any:
        y, v = state[:, 0] / x, state[:, 1] / x
        rows = [0 * y, 1 + 0 * y, -2 * mu * y * v - 1, mu * (1 - y * y)]
        return np.stack(rows, axis=1).reshape(-1, 2, 2) / np.asarray(t, dtype=state.dtype)

    return f, jacobian


STARTS = np.array([[2.0, 0.0], [0.0, 0.0], [1e-9, 3.0], [-1.0, 1e-20], [30.0, -1.0]])


@pytest.mark.parametrize("method", [*ROSENBROCK, *ITERATING], ids=lambda m: m.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_right_passes_on_every_scale(method: Any, dtype: str) -> None:
    for x in (1e-12, 1.0, 1e12):
        for t in (1e-12, 1.0, 1e12):
            x0 = (x * STARTS).astype(dtype)
            for options in OPTIONS:
                found = solve(ode.WithJacobian(*oscillator(x, t)), x0, [0.0, 1e-3 * t], method, **options)
                assert found.status in ("ok", "max_steps"), (x, t, options)


@pytest.mark.parametrize("method", ROSENBROCK, ids=lambda m: m.name)
@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda j: -j,
        lambda j: 1.1 * j,
        lambda j: 0.0 * j,
        lambda j: 1e14 * j,
        lambda j: np.swapaxes(j, 1, 2).copy(),
        lambda j: j[::-1].copy(),  # of other rows
        lambda j: j + np.array([[0.0, 0.0], [0.2, 0.0]], dtype=j.dtype),
    ],
    ids=["sign", "factor", "zero", "unit", "transposed", "rows", "term"],
)
def test_what_is_wrong_is_refused(method: Any, wrong: Any, dtype: str, options: dict[str, Any]) -> None:
    for x in (1e-12, 1.0, 1e12):
        f, jacobian = oscillator(x, 1.0)
        x0 = (x * STARTS).astype(dtype)
        with pytest.raises(ValueError, match=r"jacobian\(t, x\) does not fit f at t=0: over a small change"):
            solve(ode.WithJacobian(f, lambda t, s: wrong(jacobian(t, s))), x0, [0.0, 1e-3], method, **options)  # noqa: B023


def test_a_refusal_shows_both_numbers_and_what_to_do() -> None:
    f = ode.WithJacobian(lambda t, x: -3 * x, lambda t, x: 2 + 0 * x[:, :, None])
    with pytest.raises(ValueError, match="component 0 of f") as caught:
        solve(f, np.ones((1, 1)), [0.0, 1.0], ode.rodas5p)
    words = str(caught.value).split()
    change, predicted = (float(words[words.index(w) + 1].rstrip(",:")) for w in ("by", "says"))
    assert predicted / change == pytest.approx(2 / -3, rel=1e-4)  # five digits are printed
    assert "leave it out" in str(caught.value)
    assert "ode.kvaerno5" in str(caught.value)


@pytest.mark.parametrize("method", ITERATING, ids=lambda m: m.name)
def test_an_iteration_forgives_all_but_what_ends_it(method: Any) -> None:
    f, jacobian = oscillator(1.0, 1.0)
    for factor in (0.0, 0.3, 3.0, 30.0):
        near = ode.WithJacobian(f, lambda t, x, c=factor: c * jacobian(t, x))
        assert solve(near, STARTS, [0.0, 1e-4], method, max_steps=500).success
    for factor in (1e4, -1e4, 1e14):
        far = ode.WithJacobian(f, lambda t, x, c=factor: c * jacobian(t, x))
        with pytest.raises(ValueError, match="does not fit f"):
            solve(far, STARTS, [0.0, 1e-4], method)


@pytest.mark.parametrize("method", ROSENBROCK, ids=lambda m: m.name)
@pytest.mark.parametrize("options", OPTIONS, ids=repr)
def test_time_derivatives_are_looked_at_too(method: Any, options: dict[str, Any]) -> None:
    """On the slow solution f is a small difference of large numbers, whose roundoff is no error."""
    for start in (0.0, 1.0, 1e3):
        for c, right in ((1.0, True), (-1.0, False), (1.1, False)):
            f = ode.WithJacobian(
                lambda t, x: -1e6 * (x - np.cos(t)),
                time_derivative=lambda t, x, c=c: -c * 1e6 * np.sin(t) + 0 * x,
            )
            x0, times = np.full((2, 1), math.cos(start)), [start, start + 1e-2]
            if right:
                assert solve(f, x0, times, method, max_steps=300, **options).success
            elif start > 0:
                with pytest.raises(ValueError, match=r"time_derivative\(t, x\) does not fit f"):
                    solve(f, x0, times, method, **options)


def kinked(t: Any, x: Any) -> Any:
    return -np.abs(x)


def stairs(t: Any, x: Any) -> Any:
    """Steps of a size that small changes do not see."""
    return -np.round(x * 1e6) / 1e6


def saturating(t: Any, x: Any) -> Any:
    return -x / (1e-12 + np.abs(x))


def guarded(t: Any, x: Any) -> Any:
    if (x < 0).any():
        raise ArithmeticError("negative")
    return -x


def rooted(t: Any, x: Any) -> Any:
    return -np.sqrt(x)


NOISE = np.random.default_rng(0)


def noisy(t: Any, x: Any) -> Any:
    return -x + 1e-3 * NOISE.standard_normal(x.shape)


def cancelling(t: Any, x: Any) -> Any:
    return (1e8 - x) - 1e8


TOLERATED = {
    "a kink at the start": (kinked, lambda x: -np.sign(x), 0.0),
    "a kink elsewhere": (kinked, lambda x: -np.sign(x), 1.0),
    "stairs": (stairs, lambda x: -1 + 0 * x, 1.0),
    "saturation, from zero": (saturating, lambda x: -1e-12 / (1e-12 + np.abs(x)) ** 2, 0.0),
    "an edge of the domain": (guarded, lambda x: -1 + 0 * x, 0.0),
    "a root at zero, with a guard": (
        lambda t, x: -np.sqrt(np.abs(x)) * np.sign(x), lambda x: -0.5 / np.sqrt(np.maximum(x, 1e-300)), 0.0,
    ),
    "a root": (rooted, lambda x: -0.5 / np.sqrt(x), 1e-9),
    "noise": (noisy, lambda x: -1 + 0 * x, 1.0),
    "cancellation": (cancelling, lambda x: -1 + 0 * x, 1.0),
    "a steep exponential": (
        lambda t, x: -np.exp(300 * x), lambda x: -300 * np.exp(300 * x), 0.1,
    ),
    "a high power": (lambda t, x: -(x**25), lambda x: -25 * x**24, 1.0),
    "a complex state": (lambda t, x: 1j * x * x, lambda x: 2j * x, 1.0 + 0.5j),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
@pytest.mark.parametrize("method", ROSENBROCK, ids=lambda m: m.name)
def test_what_cannot_be_told_is_let_pass(name: str, method: Any) -> None:
    f, derivative, start = TOLERATED[name]
    model = ode.WithJacobian(f, lambda t, x: derivative(x)[:, :, None])
    for options in OPTIONS:
        try:
            solve(model, np.full((2, 1), start), [0.0, 1e-6], method, **options)
        except ArithmeticError:
            assert f is guarded


@pytest.mark.parametrize("method", ROSENBROCK, ids=lambda m: m.name)
@pytest.mark.parametrize("fast", [1e6, 1e12, 1e15, 1e20])
def test_fluxes_that_cancel_leave_noise_and_no_slope(fast: float, method: Any) -> None:
    """A catalyst: a reaction consumes and restores it, up to round-off, which J does not contain."""

    def f(t: Any, x: Any) -> Any:
        bound, slow = fast * x[:, 0] * x[:, 1], 0.3 * x[:, 1]
        return np.stack([(slow - bound) + bound, -bound], axis=1)

    def jacobian(t: Any, x: Any) -> Any:
        rows = [0 * x[:, 0], 0.3 + 0 * x[:, 0], -fast * x[:, 1], -fast * x[:, 0]]
        return np.stack(rows, axis=1).reshape(-1, 2, 2)

    for seed in range(20):
        x0 = np.random.default_rng(seed).uniform(0.5, 2, (4, 2))
        solve(ode.WithJacobian(f, jacobian), x0, [0.0, 1.0], method, max_steps=2)


@pytest.mark.parametrize("method", ROSENBROCK, ids=lambda m: m.name)
@pytest.mark.parametrize("start", [0.0, 1.0, 1e5])
def test_forcing_that_the_step_does_not_resolve_is_let_pass(start: float, method: Any) -> None:
    for omega in (1e3, 1e6, 1e9):
        for x in (0.0, 1.0, 1e9):
            f = ode.WithJacobian(
                lambda t, x, w=omega: np.sin(w * t) - x,
                time_derivative=lambda t, x, w=omega: w * np.cos(w * t) + 0 * x,
            )
            solve(f, np.full((2, 1), x), [start, start + 1e6], method, max_steps=2)


complex_wrong = ode.WithJacobian(lambda t, x: 1j * x, lambda t, x: -1j + 0 * x[:, :, None])


def test_a_complex_jacobian_may_be_wrong() -> None:
    with pytest.raises(ValueError, match=r"changes by .*j, but"):
        solve(complex_wrong, np.ones((1, 1), complex), [0.0, 1.0], ode.rodas5p)


@given(
    seed=st.integers(0, 2**31), n=st.integers(1, 8), low=st.integers(-12, 12), spread=st.integers(0, 6),
    single=st.booleans(),
)  # fmt: skip
def test_random_matrices_pass_and_their_negatives_do_not(
    seed: int, n: int, low: int, spread: int, single: bool
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    scale = 10.0 ** (low + spread * rng.uniform(-1, 1, (n, n)))
    A = (rng.standard_normal((n, n)) * scale).astype(dtype)
    x0 = (10.0 ** rng.uniform(-6, 6, (2, n)) * rng.standard_normal((2, n))).astype(dtype)
    end = 1e-3 / max(float(np.abs(A).max()), 1e-30)

    def f(t: Any, x: Any) -> Any:
        return x @ A.T

    def given_as(c: float) -> Any:
        return ode.WithJacobian(f, lambda t, x: np.broadcast_to(dtype(c) * A, (len(x), n, n)).copy())

    for options in ({}, {"substeps": 1}):
        solve(given_as(1.0), x0, [0.0, end], ode.rosenbrock23, **options)
        with pytest.raises(ValueError, match="does not fit f"):
            solve(given_as(-1.0), x0, [0.0, end], ode.rosenbrock23, **options)


def test_it_costs_two_evaluations_once_and_no_row_pays_for_another() -> None:
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        return -x

    model = ode.WithJacobian(f, lambda t, x: -1 + 0 * x[:, :, None], time_derivative=lambda t, x: 0 * x)
    found = ode.solve(model, np.ones((2, 1)), [0.0, 1.0], method=ode.rosenbrock23, substeps=1)
    # The start, twice two for the derivatives, and three stages.
    assert found.stats["calls"] == len(calls) == 1 + 4 + 3
    crooked = ode.WithJacobian(stairs, lambda t, x: -1 + 0 * x[:, :, None])
    both = ode.solve(crooked, np.array([[0.0], [1.0]]), [0.0, 1e-6], method=ode.rodas5p)
    alone = ode.solve(crooked, np.array([[0.0]]), [0.0, 1e-6], method=ode.rodas5p)
    assert both.stats["evaluations"][0] == alone.stats["evaluations"][0]
