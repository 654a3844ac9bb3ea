"""Structured right-hand sides: they are plain ones, and their parts are handed out and counted."""

from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._newton.problems import structured
from diffmath._stepping.dynamics import Dynamics

RNG = np.random.default_rng(0)


def test_each_is_a_plain_right_hand_side(xp):
    x, A = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3))
    state = xp.asarray(x)
    sine = lambda t, x: t * x  # noqa: E731
    cases = [
        (ode.WithJacobian(sine), 2.0 * x),
        (ode.Split(sine, lambda t, x: -x), 2.0 * x - x),
        (ode.Semilinear(A, sine), x @ A.T + 2.0 * x),
        (ode.Semilinear(A[0], sine), x * A[0] + 2.0 * x),
        (ode.Linear(A, A[1]), x @ A.T + A[1]),
        (ode.Linear(A), x @ A.T),
    ]
    for f, wanted in cases:
        np.testing.assert_allclose(xp.numpy(f(2.0, state)), wanted, rtol=1e-14, atol=1e-14)
    pair = RNG.standard_normal((4, 2, 3))
    spring = ode.Separable(velocity=lambda t, p: 2.0 * p, force=lambda t, q: -t * q)
    wanted = np.stack([2.0 * pair[:, 1], -3.0 * pair[:, 0]], axis=1)
    np.testing.assert_allclose(xp.numpy(spring(3.0, xp.asarray(pair))), wanted)
    times = RNG.standard_normal((4, 1, 1))
    rows = np.stack([2.0 * pair[:, 1], -times[:, 0] * pair[:, 0]], axis=1)
    np.testing.assert_allclose(xp.numpy(spring(xp.asarray(times), xp.asarray(pair))), rows)


def test_they_solve_like_any_other():
    f = ode.Linear(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    solution = ode.solve(f, np.array([[1.0, 0.0]]), [0.0, np.pi], rtol=1e-9)
    np.testing.assert_allclose(solution.x[-1], [[-1.0, 0.0]], atol=1e-7)


def test_parts_are_handed_out_and_counted():
    inner = ode.WithJacobian(lambda t, x: -x, lambda t, x: -np.ones((1, 1, 1)))
    split = ode.Split(lambda t, x: x, inner)
    f = Dynamics(split)
    parts = structured(f, ode.Split, "mine")
    x = np.ones((1, 1))
    parts.explicit(0.0, x)
    assert f.calls == 1
    parts.implicit(0.0, x)
    assert f.calls == 2
    assert parts.implicit.jacobian is inner.jacobian
    assert structured(split, ode.Split, "mine") is split
    with pytest.raises(TypeError, match=r"mine needs f as an ode.Split, .* got function"):
        structured(lambda t, x: x, ode.Split, "mine")


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: ode.Linear([[1.0]]), TypeError, "A must be an array .*got list"),
        (lambda: ode.Linear(np.ones((1, 2))), ValueError, r"A must have shape \(n, n\); got \(1, 2\)"),
        (lambda: ode.Linear(np.eye(2), np.eye(2)), ValueError, r"b must have shape \(n,\)"),
        (lambda: ode.Semilinear(np.ones((1, 2)), np.sin), ValueError, r"linear must have shape \(n,\) or"),
        (lambda: ode.Semilinear(np.eye(2), 3), TypeError, "nonlinear must be a callable"),
        (lambda: ode.Split(lambda x, t: x, lambda t, x: x), TypeError, r"called as explicit\(t, x\)"),
        (lambda: ode.WithJacobian(lambda t, x: x, lambda x, t: x), TypeError, r"called as jacobian\(t, x\)"),
        (
            lambda: ode.WithJacobian(lambda t, x: x, sparsity=np.ones(3)),
            ValueError,
            "sparsity must be square",
        ),
        (
            lambda: ode.Separable(lambda t, p: p, lambda t, q: q)(0.0, np.ones((3, 2))),
            ValueError,
            r"shape \(batch, 2, n\), or \(2, n\) if it is one; got \(3, 2\)",
        ),
    ],
)
def test_refusals(build, error, message):
    with pytest.raises(error, match=message):
        build()


class Buffered:
    """Writes every result into one array, as fast code does."""

    def __init__(self) -> None:
        self.out: Any = None

    def __call__(self, t: Any, x: Any) -> Any:
        self.out = np.empty_like(x) if self.out is None else self.out
        return np.multiply(x, -1.0, out=self.out)


def _zero(t: Any, x: Any) -> Any:
    return 0.0 * x


PARTS = {
    "explicit": (ode.kencarp4, lambda part: ode.Split(explicit=part, implicit=_zero)),
    "implicit": (ode.kencarp4, lambda part: ode.Split(explicit=_zero, implicit=part)),
    "nonlinear": (ode.etdrk4, lambda part: ode.Semilinear(np.zeros(2), part)),
    "velocity": (ode.yoshida4, lambda part: ode.Separable(velocity=part, force=lambda t, q: -q)),
    "force": (ode.yoshida4, lambda part: ode.Separable(velocity=lambda t, p: p, force=part)),
}


@pytest.mark.parametrize("role", PARTS)
@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        (Buffered, TypeError, "overwrote the array it returned before"),
        (lambda: lambda t, x: x.astype("f4"), TypeError, "must return the dtype of the state, float64"),
        (lambda: lambda t, x: 0.0, TypeError, "must be an array"),
        (lambda: lambda t, x: None, TypeError, "must be an array"),
        (lambda: lambda t, x: x[:1], ValueError, r"must return shape \(2, 2\); got \(1, 2\)"),
    ],
    ids=["buffer", "precision", "number", "none", "shape"],
)
def test_a_part_is_held_to_what_f_is(role: str, part: Any, error: Any, words: str) -> None:
    method, model = PARTS[role]
    x0 = np.arange(8.0).reshape(2, 2, 2) if method is ode.yoshida4 else np.ones((2, 2))
    with pytest.raises(error, match=rf"{role}\(t, x\).*{words}"):
        ode.solve(model(part()), x0, [0.0, 1.0], method=method, substeps=4)


def test_a_part_that_returns_one_constant_array_is_fine() -> None:
    constant = np.full((2, 2), 0.5)
    for role in ("explicit", "implicit", "nonlinear"):
        method, model = PARTS[role]
        found = ode.solve(model(lambda t, x: constant), np.ones((2, 2)), [0.0, 1.0], method=method)
        np.testing.assert_allclose(found.x[-1], 1.5)
