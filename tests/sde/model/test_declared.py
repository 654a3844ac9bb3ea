"""Models that differ from their declaration are refused before the first step; all others are accepted."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.testing import curved_sde, heisenberg_sde

KEY = random.key(3)
ADDITIVE, DIAGONAL = "declared additive, but the diffusion changes", "declared diagonal, but component"
DERIVATIVE = r"diffusion_derivative\(t, x\) does not fit the diffusion"


def solve(model, x0, method, **options):
    return sde.solve(model, x0, [0.0, 1e-6], method=method, key=KEY, **options)


def coupled_noise(t, x):
    """Row i of g depends on the next component."""
    return 0.3 + 0.1 * x[:, [*range(1, x.shape[1]), 0]]


def twice(t, x):
    return 2.0 * x


X0 = np.linspace(0.2, 1.4, 12).reshape(4, 3)


@pytest.mark.parametrize("batch", [1, 2, 5, 30])
@pytest.mark.parametrize("start", ["spread", "zeros", "small"])
def test_false_diagonal_noise_is_refused(batch, start):
    x0 = np.resize(X0, (batch, 3)) * {"spread": 1.0, "zeros": 0.0, "small": 1e-9}[start]
    for method in (sde.sriw1, sde.derivative_free_milstein, sde.dri1):
        with pytest.raises(ValueError, match=DIAGONAL):
            solve(sde.SDE(lambda t, x: -x, coupled_noise), x0, method)
    model = sde.SDE(lambda t, x: -x, coupled_noise, calculus="stratonovich")
    with pytest.raises(ValueError, match=DIAGONAL):
        solve(model, x0, sde.heun)
    product = sde.SDE(lambda t, x: -x, lambda t, x: np.prod(x, axis=1, keepdims=True) * np.ones(3))
    if start == "spread":
        with pytest.raises(ValueError, match=DIAGONAL):
            solve(product, x0, sde.sriw1)


def test_what_does_not_rely_on_it_is_not_asked():
    model = sde.SDE(lambda t, x: -x, coupled_noise)
    assert solve(model, X0, sde.euler_maruyama).success  # of order 1/2 with any noise
    assert solve(model, X0, sde.sriw1, check=False).success
    with pytest.raises(ValueError, match=r"use a method that does not rely.*check=False skips"):
        solve(model, X0, sde.sriw1)


@pytest.mark.parametrize("g", [lambda t, x: x, lambda t, x: 0.5 + 0.1 * x[:, :1], lambda t, x: x[:, :, None]])
def test_false_additive_noise_is_refused(g):
    for x0 in (X0, 0.0 * X0, X0[:1]):
        with pytest.raises(ValueError, match=ADDITIVE):
            solve(sde.SDE(lambda t, x: -x, g, noise="additive"), x0, sde.sra1)
    assert solve(sde.SDE(lambda t, x: -x, g, noise="additive"), X0, sde.sra1, check=False).success


def test_every_solver_looks_once():
    model = sde.SDE(lambda t, x: -x, lambda t, x: x, noise="additive")
    span = {"t_span": (0.0, 1e-6), "steps": 2, "key": KEY, "method": "sra1"}
    for run in (
        lambda **more: sde.solve_adaptive(model, X0, [0.0, 1e-6], method="sra1", key=KEY, **more),
        lambda **more: sde.ensemble(model, X0, chunk=3, **span, **more),
        lambda **more: sde.coupled(model, X0, **span, **more),
    ):
        with pytest.raises(ValueError, match=ADDITIVE):
            run()
        run(check=False)
    calls: list[int] = []

    def g(t, x):
        calls.append(len(x))
        return 0.0 * x + 0.1

    plain = sde.SDE(lambda t, x: -x, g, noise="additive")
    for check in (False, True):
        calls.clear()
        sde.ensemble(plain, np.ones((100, 1)), chunk=10, check=check, **span | {"method": "euler_maruyama"})
        assert len(calls) == 10 * 3 + check  # a probe and two steps of each chunk, and one look


FAMILIES: dict[str, tuple[Any, Any, Any]] = {
    "diagonal": (lambda t, x: 0.2 + x**2, lambda t, x: 2 * x, {}),
    "scalar": (
        lambda t, x: 0.2 + x**2,
        lambda t, x: 2 * x[:, :, None] * np.eye(3),
        {"noise": "scalar"},
    ),
    "general": (
        lambda t, x: np.stack([0.2 + x**2, 0.1 * x[:, ::-1]], axis=2),
        lambda t, x: np.stack(
            [2 * x[:, :, None] * np.eye(3), 0 * x[:, :, None] + 0.1 * np.eye(3)[::-1]], axis=2
        ),
        {"noise": "general"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("noise", FAMILIES)
def test_a_wrong_derivative_is_refused(noise, dtype, calculus):
    """Twice as large, negated, zero, a fifth too large: refused; 2 percent are not detected."""
    g, slope, more = FAMILIES[noise]
    for share, right in ((1.0, True), (1.02, True), (2.0, False), (-1.0, False), (0.0, False), (1.2, False)):

        def derivative(t, x, share=share):
            return np.asarray(share * slope(t, x), dtype=x.dtype)

        model = sde.SDE(lambda t, x: -x, g, calculus=calculus, diffusion_derivative=derivative, **more)
        for x0 in (X0.astype(dtype), X0[:1].astype(dtype), np.tile(X0, (9, 1)).astype(dtype)):
            if right:
                assert solve(model, x0, sde.milstein_levy).success
            else:
                with pytest.raises(ValueError, match=DERIVATIVE):
                    solve(model, x0, sde.milstein_levy)
    assert solve(model, X0, sde.milstein_levy, check=False).success
    assert solve(model, X0, sde.euler_maruyama if calculus == "ito" else sde.euler_heun).success  # not called


def correct_models(rng, d, dtype):
    """Pairs g, g' of diagonal noise: smooth, stiff, with kinks, at the edge of their domain, networks."""
    one = np.dtype(dtype).type
    a, c = (0.3 + rng.random(d)).astype(dtype), rng.standard_normal(d).astype(dtype)
    w, b, v = rng.standard_normal((3, 16)).astype(dtype)
    s = one(10.0 ** rng.integers(-6, 6))
    half = one(0.5)
    yield lambda t, x: a + 0 * x, lambda t, x: 0 * x
    yield lambda t, x: c + a * x, lambda t, x: a + 0 * x
    yield lambda t, x: x @ np.diag(a), lambda t, x: a + 0 * x
    yield lambda t, x: np.sin(s * x), lambda t, x: s * np.cos(s * x)
    yield lambda t, x: s * x / (1 + np.abs(x)), lambda t, x: s / (1 + np.abs(x)) ** 2
    yield lambda t, x: np.abs(x), lambda t, x: np.sign(x)
    yield lambda t, x: np.maximum(x, 0), lambda t, x: (x >= 0).astype(dtype)
    yield lambda t, x: np.clip(x, -1, 1), lambda t, x: (np.abs(x) < 1).astype(dtype)
    yield lambda t, x: np.where(x > c, a, one(1)), lambda t, x: 0 * x
    yield lambda t, x: np.sqrt(np.abs(x)), lambda t, x: np.sign(x) * half / np.sqrt(np.abs(x))
    yield lambda t, x: np.sqrt(x), lambda t, x: half / np.sqrt(x)  # nan below zero
    yield (
        lambda t, x: np.sqrt(np.maximum(x, 0)),  # the derivative is 5e5 where g is 0
        lambda t, x: half / np.sqrt(np.maximum(x, one(1e-12))),
    )
    yield (
        lambda t, x: np.sqrt(np.maximum(x * (1 - x), 0)),
        lambda t, x: np.where(
            (x > 0) & (x < 1), (1 - 2 * x) * half / np.sqrt(np.maximum(x * (1 - x), one(1e-12))), 0
        ).astype(dtype),
    )
    yield (
        lambda t, x: np.tanh(x[..., None] * w + b) @ v,
        lambda t, x: ((1 - np.tanh(x[..., None] * w + b) ** 2) * w) @ v,
    )


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_models_that_are_right_pass(dtype):
    """Starts of all scales, with zeros, with equal rows; the seed is fixed."""
    rng = np.random.default_rng(7)
    for batch, d in ((1, 1), (1, 7), (3, 2), (20, 5), (8, 40)):
        normal = rng.standard_normal((batch, d))
        for x0 in (
            normal,
            0 * normal,
            0 * normal + 1,
            np.abs(normal) * 1e-8,
            np.exp(5 * normal),
            np.maximum(normal, 0),
        ):
            for g, slope in correct_models(rng, d, dtype):
                model = sde.SDE(lambda t, x: 0 * x, g, diffusion_derivative=slope)
                solve(model, x0.astype(dtype), sde.milstein, on_failure="return")


def test_four_calls_of_eight_rows():
    calls: list[int] = []

    def counted(g):
        def call(t, x):
            calls.append(len(x))
            return g(t, x)

        return call

    def right(t, x):
        return 0.2 + 0.1 * x

    columns, several = np.linspace(-1, 1, 9).reshape(3, 3), np.linspace(0.1, 0.4, 4)
    same = np.tile(np.eye(3), (3, 1, 1))
    for noise, g, slope, method in (
        ("additive", lambda t, x: 0 * x + 0.3, None, sde.sra1),
        ("diagonal", right, None, sde.sriw1),
        ("diagonal", right, lambda t, x: 0.1 + 0 * x, sde.milstein),
        ("scalar", right, lambda t, x: 0.1 * np.eye(3), sde.milstein),
        ("commutative", lambda t, x: x[:, :, None] * several, None, sde.derivative_free_milstein),
        ("general", lambda t, x: columns + x[:, None, :], lambda t, x: same, sde.milstein_levy),
    ):
        for rows in (1, 100):
            counts = []
            model = sde.SDE(
                counted(lambda t, x: -x),
                counted(g),
                noise=noise,
                diffusion_derivative=slope and counted(slope),
            )
            for check in (False, True):
                calls.clear()
                solve(model, np.resize(X0, (rows, 3)), method, check=check)
                counts.append(list(calls))
            plain, looked = counts
            assert 1 <= len(looked) - len(plain) <= 4, (noise, method)
            assert sum(n == rows for n in looked) == len(plain) or rows <= 8
            assert max(n for n in looked if n != rows) == 8


def test_parameters_closures_and_domains():
    rates = np.linspace(0.1, 0.4, 12)[:, None]
    x0 = np.tile(X0, (3, 1))
    by_rows = sde.SDE(
        lambda t, x, r: -x, lambda t, x, r: r * x, diffusion_derivative=lambda t, x, r: r + 0 * x
    )
    assert solve(by_rows, x0, sde.milstein, parameters=rates).success
    closure = sde.SDE(
        lambda t, x: -x, lambda t, x: rates * x, diffusion_derivative=lambda t, x: rates + 0 * x
    )
    assert solve(closure, x0, sde.milstein).success
    # What is false is seen on the whole batch, too.
    false = sde.SDE(lambda t, x: -x, lambda t, x: rates * x, noise="additive")
    with pytest.raises(ValueError, match=ADDITIVE):
        solve(false, x0, sde.sra1)
    false = sde.SDE(lambda t, x: -x, lambda t, x, r: r * x[:, ::-1], diffusion_derivative=None)
    with pytest.raises(ValueError, match=DIAGONAL):
        solve(sde.SDE(lambda t, x, r: -x, false.diffusion), x0, sde.sriw1, parameters=rates)

    def strict(t, x):
        if x.min() < 0.19:
            raise ValueError("outside of the domain")
        return 0.1 * x

    assert solve(sde.SDE(lambda t, x: 0 * x, strict), X0 + 1, sde.sriw1).success
    rng = np.random.default_rng(0)
    noisy = sde.SDE(lambda t, x: -x, lambda t, x: 1.0 + rng.standard_normal(x.shape))
    assert solve(noisy, X0, sde.sriw1).success  # strange, but no coupling of components


@pytest.mark.parametrize(("coupling", "refused"), [(1e-9, False), (1e-6, True)])
def test_half_the_digits_are_allowed(coupling, refused):
    """A change by sqrt(eps) = 1.5e-8 of g: 100 times more or less in the tolerance turns one of these."""
    for noise, g, method in (
        ("additive", lambda t, x: 1 + coupling * x, sde.sra1),
        ("diagonal", lambda t, x: 1 + coupling * x[:, ::-1], sde.sriw1),
    ):
        model = sde.SDE(lambda t, x: -x, g, noise=noise)
        if refused:
            with pytest.raises(ValueError, match="noise is declared"):
                solve(model, X0[:, :2] ** 0, method)
        else:
            assert solve(model, X0[:, :2] ** 0, method).success


def columns_model(first, second, derivative=None):
    return sde.SDE(
        lambda t, x: -x, lambda t, x: np.stack([first(x), second(x)], axis=2), noise="commutative",
        diffusion_derivative=derivative,
    )  # fmt: skip


BRACKET = "columns 0 and 1 of the diffusion do not commute"


@pytest.mark.parametrize(("share", "refused"), [(1e-4, False), (1e-2, True)])
def test_brackets_may_be_a_thousandth_of_the_derivatives(share, refused):
    """Columns A x and B x, whose bracket is the commutator: `share` of their product, with g' given."""
    A, B = np.array([[0.5, 0.2], [0.1, 0.4]]), np.eye(2) * 0.3
    B = B + share * np.array([[0.0, 0.5], [-0.5, 0.0]])
    both = np.stack([A, B], axis=1)  # (d, m, k)
    slope = lambda t, x: np.broadcast_to(both, (len(x), 2, 2, 2))  # noqa: E731
    model = columns_model(lambda x: x @ A.T, lambda x: x @ B.T, slope)
    x0 = np.ones((3, 2))
    if refused:
        with pytest.raises(ValueError, match=BRACKET):
            solve(model, x0, sde.milstein)
    else:
        assert solve(model, x0, sde.milstein).success


@pytest.mark.parametrize(
    ("bracket", "given", "refused"),
    [(2e-9, False, False), (5e-7, False, True), (3e-17, True, False), (4e-15, True, True)],
)
def test_small_brackets_of_large_columns(bracket, given, refused):
    """Columns (1, 0), (0, 1 + b x0): the bracket b, all there is of derivatives, against |g|^2 / |x| = 1.

    Differences may err by 1e3 eps^(2/3) = 3.7e-8 of that, given derivatives by eps = 2.2e-16.
    """
    one, zero = (lambda x: 1 + 0 * x[:, 0]), (lambda x: 0 * x[:, 0])

    def slope(t, x):
        found = np.zeros((len(x), 2, 2, 2))
        found[:, 1, 1, 0] = bracket
        return found

    model = columns_model(
        lambda x: np.stack([one(x), zero(x)], axis=1),
        lambda x: np.stack([zero(x), 1 + bracket * x[:, 0]], axis=1),
        slope if given else None,
    )
    method = sde.milstein if given else sde.derivative_free_milstein
    if refused:
        with pytest.raises(ValueError, match=BRACKET):
            solve(model, np.ones((3, 2)), method)
    else:
        assert solve(model, np.ones((3, 2)), method).success


def test_any_two_of_many_columns_are_seen():
    """One pair of six does not commute; four calls, as for two."""
    calls: list[int] = []

    def g(t, x):
        calls.append(len(x))
        columns = [x, 2 * x, 3 * x, x, -x, np.stack([x[:, 1], 0 * x[:, 0]], axis=1)]
        columns[4] = np.stack([0 * x[:, 0], x[:, 0]], axis=1) if wrong else -x
        return np.stack(columns, axis=2)

    model = sde.SDE(lambda t, x: -x, g, noise="commutative")
    for wrong in (True, False):
        calls.clear()
        if wrong:
            with pytest.raises(ValueError, match="two combinations of the columns of the diffusion do not"):
                solve(model, np.ones((3, 2)), sde.derivative_free_milstein)
            assert len(calls) == 5
        else:
            assert solve(model, np.ones((3, 2)), sde.derivative_free_milstein).success


def test_the_problems_of_the_library_pass(xp):
    for noise in ("diagonal", "scalar", "commutative"):
        for calculus in ("ito", "stratonovich"):
            model = curved_sde(noise=noise, calculus=calculus).model
            x0 = xp.asarray(np.full((3, 2), 0.4), "float32")
            for method in ("derivative_free_milstein", "dri1" if calculus == "ito" else "heun"):
                assert solve(model, x0, method).success
    assert solve(heisenberg_sde().model, np.full((3, 3), 0.4), sde.euler_maruyama).success


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_proportional_columns_commute_whatever_their_length(length):
    """Columns h and 3 h, h = length (2 + sin x): differences of a step in x, not in the column, agree."""
    h = lambda x: length * (2 + np.sin(x))  # noqa: E731
    model = columns_model(h, lambda x: 3 * h(x))
    assert solve(model, np.array([[0.4], [300.0]]), sde.derivative_free_milstein).success


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_the_message_tells_the_bracket(length):
    """Columns (1, 0) and (0, sin x0), times `length`: the bracket is length^2 cos x0 = 0.921 length^2."""
    one, zero = (lambda x: length + 0 * x[:, 0]), (lambda x: 0 * x[:, 0])
    model = columns_model(
        lambda x: np.stack([one(x), zero(x)], axis=1),
        lambda x: np.stack([zero(x), length * np.sin(x[:, 0])], axis=1),
    )
    with pytest.raises(ValueError, match=re.escape(f"their bracket is {0.921061 * length**2:.3g}")):
        solve(model, np.array([[0.4, 1.0]]), sde.derivative_free_milstein)
