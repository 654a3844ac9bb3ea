"""The hostile families against every method: refused by name, right, or a status with a valid prefix."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diffmath import random, sde

KEY = random.key(0)
METHODS = [value for name in sde.__all__ if isinstance(value := getattr(sde, name), sde.Method)]
LANGEVIN = {"align", "baoab", "quicsort", "should", "ubu"}
X0 = np.array([[1.0, 0.5, 2.0, -0.5], [0.5, 1.0, 1.0, 1.0]])
FAILED = ("nonfinite", "newton_failed", "step_too_small", "max_steps")

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def drift(t: float, x: Any) -> Any:
    return -x


def spread(noise: str) -> Callable[[float, Any], Any]:
    """A diffusion of the shape that belongs to a class of noise."""
    if noise in ("commutative", "general"):
        return lambda t, x: np.stack([0.1 + 0 * x, 0.2 + 0 * x], axis=2)
    return lambda t, x: 0.1 + 0 * x


def model_of(method: Any, noise: str, f: Any = drift, g: Any = None) -> Any:
    if method.name in LANGEVIN:
        return sde.Langevin(force=f, friction=1.0, temperature=1.0)
    g = spread(noise) if g is None else g
    more: dict[str, Any] = {"noise_dim": 2} if noise in ("commutative", "general") else {}
    if method.needs_derivative and noise != "additive":
        last = () if noise == "diagonal" else (4,)
        width = (2,) if "noise_dim" in more else ()
        more["diffusion_derivative"] = lambda t, x: np.zeros((*x.shape, *width, *last))
    calculus = "ito" if "ito" in method.calculi else "stratonovich"
    return sde.SDE(f, g, noise=noise, calculus=calculus, **more)  # type: ignore[arg-type]


def noises_of(method: Any) -> list[str]:
    return (
        ["additive"]
        if method.name in LANGEVIN
        else list(dict.fromkeys([*method.orders][:1] + [*method.orders][-1:]))
    )


def solve(model: Any, method: Any, x0: Any = X0, **options: Any) -> Any:
    options = {"key": KEY, "on_failure": "return", "substeps": 2} | options
    return sde.solve(model, x0.copy(), [0.0, 0.25, 0.5, 1.0], method=method, **options)


def adaptive(model: Any, method: Any) -> Any:
    return sde.solve_adaptive(
        model, X0.copy(), [0.0, 0.25, 0.5, 1.0], method=method, key=KEY, rtol=1e-1, atol=1e-2, max_steps=30,
        on_failure="return",
    )  # fmt: skip


def solvers_for(method: Any, noise: str) -> list[Any]:
    """Both solvers; adaptive steps where the method may take them, with the noise of a key."""
    try:
        adaptive(model_of(method, noise), method)
    except ValueError:
        return [solve]
    return [solve, adaptive]


def mutating(g: Any) -> Any:
    def wrong(t: float, x: Any) -> Any:
        x *= 0.5
        return g(t, x)

    return wrong


class Buffered:
    """Writes every result into one array, as fast code does."""

    def __init__(self, g: Any) -> None:
        self.g, self.out = g, np.empty(0)

    def __call__(self, t: float, x: Any) -> Any:
        result = self.g(t, x)
        if self.out.shape != result.shape:
            self.out = np.empty_like(result)
        self.out[...] = result
        return self.out


def later(g: Any, bad: Any) -> Any:
    """Good for three calls."""
    calls: list[None] = []

    def wrong(t: float, x: Any) -> Any:
        calls.append(None)
        return g(t, x) if len(calls) <= 3 else bad(t, x)

    return wrong


def as_matrix(values: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.matrix(values.reshape(len(values), -1))


def misbehaving(g: Any) -> dict[str, tuple[Any, type[Exception]]]:
    """Callables that are refused, and how."""
    return {
        "mutates": (mutating(g), TypeError),
        "buffer": (
            Buffered(lambda t, x: g(t, x) * (1 + t)),
            TypeError,
        ),
        "shape": (lambda t, x: g(t, x)[:, 1:], ValueError),
        "two": (lambda t, x: np.zeros(2), ValueError),
        "bigger": (lambda t, x: np.zeros((3, *g(t, x).shape)), ValueError),
        "text": (lambda t, x: "0.0", TypeError),
        "list": (lambda t, x: g(t, x).tolist(), TypeError),
        "none": (lambda t, x: None, TypeError),
        "integers": (lambda t, x: g(t, x).astype(int), TypeError),
        "objects": (lambda t, x: g(t, x).astype(object), TypeError),
        "complex": (lambda t, x: 1j * g(t, x), TypeError),
        "float32": (lambda t, x: g(t, x).astype("f4"), TypeError),
        "longdouble": (lambda t, x: g(t, x).astype(np.longdouble), TypeError),
        "matrix": (lambda t, x: as_matrix(g(t, x)), TypeError),
        "masked": (lambda t, x: np.ma.masked_less(g(t, x), 0.5), TypeError),
        "shape later": (later(g, lambda t, x: np.zeros(2)), ValueError),
        "none later": (later(g, lambda t, x: None), TypeError),
        "complex later": (later(g, lambda t, x: 1j * g(t, x)), TypeError),
        "float32 later": (later(g, lambda t, x: g(t, x).astype("f4")), TypeError),
    }


@every_method
def test_a_callable_that_misbehaves_is_refused_by_name(method: Any) -> None:
    """Before the first step where the first call shows it."""
    force = method.name in LANGEVIN
    for noise in noises_of(method):
        roles = {"drift": drift} if force else {"drift": drift, "diffusion": spread(noise)}
        for solver in solvers_for(method, noise):
            for role, g in roles.items():
                for name, (wrong, error) in misbehaving(g).items():
                    f, h = (wrong, None) if role == "drift" else (drift, wrong)
                    model = model_of(method, noise, f, h)
                    named = "force|drift" if force else f"{role}"
                    # Few steps make few calls, so that what goes wrong later may need a second solve.
                    solves = [solver] * (3 if "later" in name else 1)
                    with pytest.raises(error, match=named):
                        [again(model, method) for again in solves]


@pytest.mark.parametrize("last", [True, pytest.param(False, marks=pytest.mark.slow)])
@every_method
def test_what_is_not_finite_ends_with_a_status_and_a_valid_prefix(method: Any, last: bool) -> None:
    """Fixed steps for the first and the last class of noise; adaptive steps for one, nightly for both."""
    implicit = "implicit" in type(method).__module__  # ten times as dear
    noises = noises_of(method)[: 1 if implicit else 2]
    for noise in noises:
        chosen = noise == noises[-1 if last else 0]
        for solver in solvers_for(method, noise) if chosen else [solve]:
            for role in ("drift",) if method.name in LANGEVIN else ("drift", "diffusion"):
                g = drift if role == "drift" else spread(noise)
                for bad in (
                    lambda t, x, g=g: np.nan * g(t, x),
                    lambda t, x, g=g: np.inf * (1 + g(t, x) ** 2),
                    lambda t, x, g=g: np.where(t > 0.3, np.nan, g(t, x)),
                    lambda t, x, g=g: g(t, x) / (0.3 - t if t < 0.3 else 0.0 * x.sum()),
                    lambda t, x, g=g: 1e308 + 0 * g(t, x),
                ):
                    f, h = (bad, None) if role == "drift" else (drift, bad)
                    began = time.process_time()
                    found = solver(model_of(method, noise, f, h), method)
                    assert time.process_time() - began < 5
                    assert found.status in ("ok", *FAILED)
                    if found.status == "ok":
                        assert np.isfinite(found.x).all()
                        continue
                    assert re.search(r"at t=|after t=", found.message)
                    assert re.search(r"use|raise|loosen|look|check|give", found.message)
                    good = [row for row, s in enumerate(found.row_status or ()) if s == "ok"] or slice(None)
                    assert found.t.tolist() == [0.0, 0.25, 0.5, 1.0][: len(found.t)]
                    if found.row_status is None or isinstance(good, list):
                        assert np.isfinite(found.x[:, good]).all()
                    np.testing.assert_array_equal(found.x[0], X0)


@every_method
def test_the_users_exceptions_pass(method: Any) -> None:
    for kind in (ArithmeticError, KeyboardInterrupt):

        def raising(t: float, x: Any, kind: Any = kind) -> Any:
            if t > 0.3:
                raise kind("mine")
            return -x

        noise = noises_of(method)[0]
        for solver in solvers_for(method, noise):
            with pytest.raises(kind, match="mine") as caught:
                solver(model_of(method, noise, raising), method)
            if kind is ArithmeticError:
                assert any("t=" in note for note in caught.value.__notes__)


@every_method
def test_arguments_are_refused_by_name_before_the_drift_is_called(method: Any) -> None:
    def untouched(t: float, x: Any) -> Any:
        pytest.fail("the drift was called")

    model = model_of(method, noises_of(method)[0], untouched)
    for x0, error in (
        (np.full((2, 4), np.nan), ValueError),
        (np.full((2, 4), np.inf), ValueError),
        (np.ma.masked_less(X0, 0.0), TypeError),
        (as_matrix(X0), TypeError),
        (X0.astype(object), TypeError),
        (X0.astype(str), TypeError),
        (1j * X0, TypeError),
        (X0.astype("f2"), TypeError),
        (np.array(1.0), ValueError),
        (X0[0], ValueError),
        (X0[None, None] * np.nan, ValueError),
    ):
        with pytest.raises(error, match="x0"):
            solve(model, method, x0)
    for times in ([0, np.nan], [0, np.inf], [0, 1, 0.5], [0, 0], [[0, 1]], [0], [], ["a", "b"], [1j, 2]):
        for solver in (sde.solve, sde.solve_adaptive):
            with pytest.raises((TypeError, ValueError), match=r"times|adaptive|strong order|method must"):
                solver(model, X0, times, method=method, key=KEY)


@every_method
def test_degenerate_sizes_and_scales(method: Any) -> None:
    """No rows, one row, one step, backwards, no noise, units from 1e-12 to 1e12."""
    noise = noises_of(method)[0]
    model = model_of(method, noise)
    assert solve(model, method, X0[:0]).x.shape == (4, 0, 4)
    np.testing.assert_array_equal(solve(model, method, X0[:1]).x, solve(model, method).x[:, :1])
    back = sde.solve(model, X0, [1.0, 0.5, 0.0], method=method, key=KEY)
    assert back.success
    if method.name in LANGEVIN:
        return
    for unit in (1e-12, 1e12):
        scaled = model_of(method, noise, lambda t, x, u=unit: -x / u, lambda t, x: 0 * spread(noise)(t, x))
        found = sde.solve(scaled, X0, np.linspace(0, unit, 65), method=method, key=KEY)
        np.testing.assert_allclose(found.x[-1], X0 * np.exp(-1), rtol=2e-2)  # order 1 at h = 1/64


@every_method
def test_the_environment_does_not_matter(method: Any) -> None:
    """Error settings, read-only and strided inputs: the same bits, and the input as it was."""
    noise = noises_of(method)[0]
    model = model_of(method, noise)
    base = np.repeat(X0, 2, axis=1)[::-1].copy()
    base.flags.writeable = False
    view, before = base[::-1, ::2], base.copy()
    plain = solve(model, method)
    with np.errstate(all="raise"):
        strict = solve(model, method, view)
    np.testing.assert_array_equal(plain.x, strict.x)
    np.testing.assert_array_equal(base, before)
