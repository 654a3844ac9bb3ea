"""Which twin serves which arrays, and what a twin on NumPy views gives back to the caller's library."""

from __future__ import annotations

import sys
import types
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest

from diffmath import reference_only
from diffmath._arrays import accelerate
from diffmath._arrays.accelerate import _find, accelerated, host_proxy, run_on_views
from diffmath._core.solution import Solution, SolveError

Strict = type(strict.asarray(0.0))
X = np.array([1.0, -2.0, 4.0])


class Lent:
    """Stands for PyTorch: arrays of array-api-strict whose values NumPy can read."""

    def wrap(self, values: Any) -> Any:
        return strict.asarray(values)


def lend(arrays: Any) -> Any:
    if not all(isinstance(array, Strict) for array in arrays):
        return None
    return Lent(), [np.asarray(array) for array in arrays]


def double(x: Any, *, scale: Any = 1.0, how: str = "body") -> Any:
    """Return 2 scale x, and who computed it."""
    return 2 * scale * x, "body"


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An accelerated function with twins for both engines, and a library that lends its arrays."""
    monkeypatch.setattr(double, "__module__", "diffmath._toy.doubles")
    for engine in ("numba", "cuda"):
        module: Any = types.ModuleType(f"diffmath.kernels.{engine}.toy")
        module.double = lambda x, scale=1.0, engine=engine: (2 * scale * x, engine, type(x))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(accelerate, "shared_views", lend)
    _find.cache_clear()
    yield accelerated(double)
    _find.cache_clear()


def test_arguments_by_name_are_arrays_too(function: Any) -> None:
    other = strict.asarray(X)
    for given, named in (((X,), {"scale": X}), ((2.0,), {"scale": X}), ((X,), {"scale": 2.0})):
        assert function.kernel_for(*given, **named) is not None
        np.testing.assert_array_equal(function(*given, **named)[0], 2 * given[0] * np.asarray(named["scale"]))
        assert function(*given, **named)[1] == "numba"
    assert function.kernel_for(X, scale=other) is None  # one of the arrays is not served
    assert function.kernel_for(other, scale=X) is None
    assert function.kernel_for(2.0, scale=3.0, how="numbers") is None
    assert function(2.0, scale=3.0) == (12.0, "body")


def test_a_numpy_scalar_and_a_class_are_no_arrays(function: Any) -> None:
    assert function.kernel_for(np.float64(2.0), scale=np.float64) is None
    assert function.kernel_for(X, scale=np.float32(2.0)) is not None


def test_lent_arrays_are_replaced_by_views_and_results_come_back(function: Any) -> None:
    x, scale = strict.asarray(X), strict.asarray([3.0, 1.0, 2.0])
    found, engine, kind = function(x, scale=scale)
    assert (engine, kind) == ("numba", np.ndarray)
    assert isinstance(found, Strict)
    np.testing.assert_array_equal(np.asarray(found), [6.0, -4.0, 16.0])
    with reference_only():
        found, engine = function(x, scale=scale)
    assert engine == "body"


def test_without_the_twin_nothing_is_lent(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["diffmath.kernels.numba.toy"], "double")
    monkeypatch.setattr(accelerate, "shared_views", lambda arrays: pytest.fail("views of no use"))
    _find.cache_clear()
    assert function.kernel_for(strict.asarray(X)) is None
    assert function.kernel_for(X) is None


def test_a_proxy_is_the_view_of_a_lent_array_or_the_array_itself(function: Any) -> None:
    x = strict.asarray(X)
    proxy, wrap = host_proxy(function, x)
    assert type(proxy) is np.ndarray
    np.testing.assert_array_equal(proxy, X)
    assert isinstance(wrap(X), Strict)
    for array in (X, strict.asarray([True])):
        with reference_only():
            proxy, wrap = host_proxy(function, array)
        assert proxy is array
        assert wrap(x) is x
    assert host_proxy(function, X)[0] is X


def test_a_body_runs_on_views_of_floating_arrays_of_one_dtype(function: Any) -> None:
    def body(*arrays: Any) -> Any:
        kinds.append({type(array) for array in arrays})
        return arrays[0] + arrays[-1]

    x, single = strict.asarray(X), strict.asarray(X, dtype=strict.float32)
    whole, turned = strict.asarray([1, 2, 3]), strict.asarray([1j, 2j, 3j])
    for arrays, on_views in (
        ((x, x), True), ((turned, turned), True), ((single, single), True),
        ((x, single), False), ((whole, whole), False), ((X, X), False),
    ):  # fmt: skip
        kinds: list[Any] = []
        found = run_on_views(function, body, *arrays)
        assert kinds == [{np.ndarray if on_views else type(arrays[0])}]
        assert type(found) is type(arrays[0])
        np.testing.assert_array_equal(np.asarray(found), np.asarray(arrays[0]) + np.asarray(arrays[-1]))
    kinds = []
    run_on_views(function, lambda x, n: kinds.append(type(x)), x, 2)  # a number among them
    assert kinds == [Strict]
    kinds = []
    with reference_only():
        run_on_views(function, body, x, x)
    assert kinds == [{Strict}]


def test_a_failure_on_views_carries_arrays_of_the_caller(function: Any) -> None:
    def body(x: Any) -> Any:
        raise SolveError("too stiff", Solution(X, x, "step_too_small", "too stiff", {"steps": 3}))

    with pytest.raises(SolveError, match=r"^too stiff$") as caught:
        run_on_views(function, body, strict.asarray(X))
    solution = caught.value.solution
    assert isinstance(solution.x, Strict)
    np.testing.assert_array_equal(np.asarray(solution.x), X)
    assert (solution.status, solution.stats) == ("step_too_small", {"steps": 3})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
