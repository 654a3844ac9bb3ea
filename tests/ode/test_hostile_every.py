"""The hostile families against every exported method: refused by name, right, or a status with advice."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import pytest

from diffmath import ode
from diffmath._core.solution import Status

METHODS = {
    name: method
    for name in ode.__all__
    if hasattr(method := getattr(ode, name), "step")
    and hasattr(method, "order")
    and not isinstance(method, type)
}
PARTED = {name: method for name, method in METHODS.items() if method is not ode.exact}
X0 = np.array([[1.0, 2.0], [0.5, 1.5]])

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
every_right_hand_side = pytest.mark.parametrize("method", PARTED.values(), ids=PARTED)


def test_the_methods_are_all_here() -> None:
    assert len(METHODS) > 30
    kinds = {type(method).__name__ for method in METHODS.values()}
    assert kinds <= {
        "ExplicitRungeKutta", "ImplicitRungeKutta", "Rosenbrock", "AdditiveRungeKutta", "LinearExact",
        "ExponentialRungeKutta", "Splitting",
    }, "say in `dressed` what right-hand side a new kind of method takes"  # fmt: skip


def dressed(method: Any, f: Any) -> Iterator[Any]:
    """The right-hand sides that a method takes, f being each of their parts in turn."""

    def zero(t: Any, x: Any) -> Any:
        return 0.0 * x

    kind = type(method).__name__
    if kind == "AdditiveRungeKutta":
        yield ode.Split(explicit=zero, implicit=f())
        yield ode.Split(explicit=f(), implicit=zero)
    elif kind == "ExponentialRungeKutta":
        yield ode.Semilinear(np.zeros(2), f())
        yield ode.Semilinear(np.zeros((2, 2)), f())
    elif kind == "Splitting":
        yield ode.Separable(velocity=lambda t, p: p, force=f())
        yield ode.Separable(velocity=f(), force=lambda t, q: -q)
    elif kind == "LinearExact":
        yield ode.Linear(-np.eye(2))
    else:
        yield f()


def start(method: Any, x0: Any = X0) -> Any:
    return np.stack([x0, x0 + 0.25], axis=1) if type(method).__name__ == "Splitting" else np.array(x0)


def modes(method: Any) -> list[dict[str, Any]]:
    adapts = getattr(method, "embedded_order", None) is not None
    return [{"substeps": 20}, *([{}, {"batch": "shared"}] if adapts else [])]


def solve(f: Any, method: Any, x0: Any = None, times: Any = (0.0, 0.5, 1.0), **options: Any) -> Any:
    """Return the solution, having looked at how it ended."""
    x0 = start(method) if x0 is None else x0
    options = {"max_steps": 100, "rtol": 1e-4, "atol": 1e-6, "on_failure": "return"} | options
    if "substeps" in options or getattr(method, "embedded_order", None) is None:  # fixed steps take no others
        options = {name: options[name] for name in {"substeps", "on_failure"} & set(options)}
    found = ode.solve(f, x0, list(times), method=method, **options)
    assert found.status in get_args(Status)
    assert found.success == (not found.message)
    assert found.t.tolist() == list(times)[: len(found.t)]
    good = [row for row, status in enumerate(found.row_status or ()) if status == "ok"]
    assert np.isfinite(found.x if found.row_status is None else found.x[:, good]).all()
    np.testing.assert_array_equal(found.x[0], x0)
    if not found.success:
        assert re.search(r"t=\S+", found.message)
        assert re.search(r"use|raise|loosen|look|check|stop|end|bound|correct", found.message)
    return found


def decay(t: Any, x: Any) -> Any:
    return -x


def mutating(t: Any, x: Any) -> Any:
    x *= 0.5
    return x


class Buffered:
    """Writes every result into one array, as fast code does."""

    out: Any = None

    def __call__(self, t: Any, x: Any) -> Any:
        if self.out is None or self.out.shape != x.shape:
            self.out = np.empty_like(x)
        return np.multiply(x, -1.0, out=self.out)


def later(bad: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """Good for six calls."""

    def make() -> Any:
        calls: list[None] = []

        def f(t: Any, x: Any) -> Any:
            calls.append(None)
            return -x if len(calls) <= 6 else bad(t, x)

        return f

    return make


def as_matrix(values: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.matrix(values.reshape(len(values), -1))


MISBEHAVING: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "mutates": (lambda: mutating, TypeError),
    "buffer": (Buffered, TypeError),
    "shape": (lambda: lambda t, x: x[0], ValueError),
    "one": (lambda: lambda t, x: np.zeros(1), ValueError),
    "bigger": (lambda: lambda t, x: np.zeros((3, *x.shape)), ValueError),
    "number": (lambda: lambda t, x: 0.0, TypeError),
    "list": (lambda: lambda t, x: x.tolist(), TypeError),
    "none": (lambda: lambda t, x: None, TypeError),
    "integers": (lambda: lambda t, x: x.astype(int), TypeError),
    "objects": (lambda: lambda t, x: x.astype(object), TypeError),
    "complex": (lambda: lambda t, x: 1j * x, TypeError),
    "float32": (lambda: lambda t, x: x.astype("f4"), TypeError),
    "longdouble": (lambda: lambda t, x: x.astype(np.longdouble), TypeError),
    "matrix": (lambda: lambda t, x: as_matrix(x), TypeError),
    "masked": (lambda: lambda t, x: np.ma.masked_less(x, 0.5), TypeError),
    "shape later": (later(lambda t, x: np.zeros(1)), ValueError),
    "none later": (later(lambda t, x: None), TypeError),
    "complex later": (later(lambda t, x: 1j * x), TypeError),
    "float32 later": (later(lambda t, x: x.astype("f4")), TypeError),
}


@every_right_hand_side
def test_a_part_that_misbehaves_is_refused_by_name(method: Any) -> None:
    named = r"(f|explicit|implicit|nonlinear|velocity|force)\(t, x\)"
    for make, error in MISBEHAVING.values():
        for options in modes(method):
            for f in dressed(method, make):
                x0 = start(method)
                with pytest.raises(error, match=named):
                    solve(f, method, x0, **options)
                np.testing.assert_array_equal(x0, start(method))


NOT_FINITE = {
    "nan": (lambda t, x: math.nan * x, "nonfinite"),
    "inf": (lambda t, x: math.inf * x, "nonfinite"),
    "nan later": (lambda t, x: np.where(np.asarray(t) > 0.25, math.nan, -x), "nonfinite|max_steps"),
    "a pole": (lambda t, x: x / (0.25 - np.asarray(t)) ** 2, "nonfinite|blow_up|newton_failed|max_steps"),
    "overflow": (
        lambda t, x: 1e308 * (1 + x * x),
        "nonfinite|blow_up|newton_failed|max_steps|step_too_small",
    ),
}


@every_right_hand_side
@pytest.mark.parametrize("name", NOT_FINITE)
def test_what_is_not_finite_has_a_status(name: str, method: Any) -> None:
    bad, endings = NOT_FINITE[name]
    for options in modes(method):
        for f in dressed(method, lambda: bad):
            found = solve(f, method, **options)
            # A pole between two fixed steps is not seen by those that look at no time near it.
            if not (name == "a pole" and options.get("substeps")):
                assert found.status in endings.split("|"), options
            if name in ("nan", "inf"):
                assert found.t.tolist() == [0.0]
                assert "at the initial time t=0" in found.message


@every_right_hand_side
def test_rough_and_stiff_right_hand_sides_end(method: Any) -> None:
    rng = np.random.default_rng(0)
    for f in (
        lambda t, x: np.sign(0.7 - x),
        lambda t, x: rng.standard_normal(x.shape),
        lambda t, x: -1e8 * (x - 1),
        lambda t, x: np.where(np.asarray(t) < 0.3, 1.0, -2.0) + 0 * x,
    ):
        for options in modes(method):
            for model in dressed(method, lambda f=f: f):
                assert solve(model, method, **options | {"max_steps": 15}).status in (
                    "ok", "max_steps", "step_too_small", "nonfinite", "newton_failed",
                )  # fmt: skip


@every_right_hand_side
def test_exceptions_of_the_user_pass_with_their_time(method: Any) -> None:
    for kind in (ArithmeticError, KeyboardInterrupt):

        def raising(t: Any, x: Any, kind: Any = kind) -> Any:
            if np.max(t) > 0.4:
                raise kind("mine")
            return -x

        for options in modes(method):
            for f in dressed(method, lambda: raising):
                with pytest.raises(kind, match="mine") as caught:
                    solve(f, method, **options)
                if kind is ArithmeticError:
                    assert any("(t, x) at t=" in note for note in caught.value.__notes__)


@every_method
def test_arguments_are_refused_by_name_before_f_is_called(method: Any) -> None:
    def untouched(t: Any, x: Any) -> Any:
        pytest.fail("f was called")

    x0 = start(method)
    for f in dressed(method, lambda: untouched):
        for bad, error in (
            (np.full_like(x0, np.nan), ValueError),
            (np.full_like(x0, -np.inf), ValueError),
            (np.ma.masked_less(x0, 0.0), TypeError),
            (as_matrix(x0), TypeError),
            (x0.astype(object), TypeError),
            (x0.astype(str), TypeError),
            (x0.astype("f2"), TypeError),
            (x0.astype(np.longdouble), TypeError),
            (None, TypeError),
            # A number is one state, but of a position and a momentum there are two.
            *([(np.array(1.0), ValueError)] if type(method).__name__ == "Splitting" else []),
        ):
            with pytest.raises(error, match="x0"):
                ode.solve(f, bad, [0.0, 1.0], method=method)
        for times in ([0, np.nan], [0, np.inf], [0, 1, 0.5], [0, 0], [[0, 1]], [], ["a", "b"], [1j, 2], None):
            with pytest.raises((TypeError, ValueError), match="times"):
                ode.solve(f, x0, times, method=method)
        for name, value in (
            ("rtol", math.nan), ("rtol", -1.0), ("atol", math.inf), ("atol", "small"), ("max_steps", 0),
            ("max_steps", math.inf), ("substeps", 0), ("substeps", 1.5), ("min_step", -1.0),
            ("max_step", math.nan), ("first_step", 0.0), ("batch", "each"), ("save", "all"),
            ("controller", 4), ("on_failure", "ignore"), ("callback", 3), ("events", 3),
        ):  # fmt: skip
            with pytest.raises((TypeError, ValueError), match=name.removesuffix("s")):
                ode.solve(f, x0, [0.0, 1.0], method=method, **{name: value})  # type: ignore[arg-type]


@every_method
def test_degenerate_sizes_and_directions(method: Any) -> None:
    for f in dressed(method, lambda: decay):
        x0 = start(method)
        for options in modes(method):
            whole = solve(f, method, **options)
            assert whole.success
            assert solve(f, method, x0[:0], **options).x.shape == (3, 0, *x0.shape[1:])
            np.testing.assert_array_equal(solve(f, method, x0, times=[0.5], **options).x, x0[None])
            back = solve(f, method, np.array(whole.x[-1]), times=(1.0, 0.5, 0.0), **options)
            # Fixed steps of order 1 err by 1 % there and back.
            np.testing.assert_allclose(back.x[-1], x0, rtol=3e-2, atol=3e-2)


@every_right_hand_side
@pytest.mark.parametrize("unit", [1e-100, 1e12])
def test_units_do_not_matter(method: Any, unit: float) -> None:
    """Of time, and of the state."""
    kind = type(method).__name__
    for options in modes(method):
        plain = next(dressed(method, lambda: decay))
        expected = solve(plain, method, **options).x[-1]
        if kind != "Splitting":  # of two rates, the one that is not dressed would stay
            slow = next(dressed(method, lambda: lambda t, x: -x / unit))
            found = solve(slow, method, times=(0.0, 0.5 * unit, unit), **options)
            np.testing.assert_allclose(found.x[-1], expected, rtol=1e-3)  # ten times the tolerance
        large = solve(plain, method, unit * start(method), **options | {"atol": 1e-6 * unit})
        np.testing.assert_allclose(large.x[-1], unit * expected, rtol=1e-3, atol=1e-3 * unit)


@every_method
def test_the_environment_does_not_matter(method: Any) -> None:
    """Error settings of NumPy, read-only and strided inputs: the same bits, and the input as it was."""
    plain = start(method)
    base = np.repeat(plain, 2, axis=-1)[::-1].copy()
    base.flags.writeable = False
    view, before = base[::-1, ..., ::2], base.copy()
    for f in dressed(method, lambda: lambda t, x: -np.sqrt(np.abs(x) + 1e-300 / (1e-300 + x * 0))):
        for options in modes(method):
            options = options | {"rtol": 1e-2}
            expected = solve(f, method, plain, **options)
            with np.errstate(all="raise"):
                strict = solve(f, method, view, **options)
            np.testing.assert_array_equal(expected.x, strict.x)
    np.testing.assert_array_equal(base, before)


@pytest.mark.parametrize(
    ("A", "b", "error", "match"),
    [
        (np.eye(3), None, ValueError, "A must have the size"),
        (np.eye(2)[:1], None, ValueError, "A must have shape"),
        (1j * np.eye(2), None, TypeError, "A is complex"),
        (np.eye(2), 1j * np.ones(2), TypeError, "b is complex"),
        (np.eye(2), np.ones((2, 1)), ValueError, "b must have shape"),
        (np.eye(2).astype(object), None, TypeError, "A must hold numbers"),
        (np.ma.masked_less(np.eye(2), 0.5), None, TypeError, "A must be a plain array"),
        (as_matrix(np.eye(2)), None, TypeError, "A must be .* got matrix"),
        ([[1.0]], None, TypeError, "A must be an array"),
        (lambda x: x, None, TypeError, "A must be an array"),
    ],
)
@pytest.mark.parametrize(
    "method", [ode.exact, ode.LinearExact("action"), ode.dopri5], ids=["matrix", "action", "dopri5"]
)
def test_linear_systems_that_do_not_fit_are_refused(
    A: Any, b: Any, error: Any, match: str, method: Any
) -> None:
    with pytest.raises(error, match=match):
        ode.solve(ode.Linear(A, b), np.ones((1, 2)), [0.0, 1.0], method=method)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_linear_systems_that_are_not_finite_are_never_silent(bad: float) -> None:
    with pytest.raises(ValueError, match=rf"A must be finite; A\[0, 1\] is {bad}"):
        ode.Linear(np.array([[1.0, bad], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=rf"b must be finite; b\[1\] is {bad}"):
        ode.Linear(np.eye(2), np.array([0.0, bad]))


def test_linear_systems_that_overflow_are_never_silent() -> None:
    found = ode.solve(
        ode.Linear(1e4 * np.eye(2)), np.ones((1, 2)), [0.0, 1.0], method=ode.exact, on_failure="return"
    )
    assert found.status == "nonfinite"
