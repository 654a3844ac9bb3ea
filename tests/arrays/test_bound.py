"""What a user's callables get beyond (t, x): one convention, checked by name, cut with the rows."""

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from diffmath._arrays.bound import Structured, bind, check_args, check_parameters, cut


def decay(t, x, parameters, offset):
    return offset - parameters["rate"] * x


@dataclass(frozen=True)
class Pair(Structured):
    first: Any
    second: Any
    size: int = 3

    def __call__(self, t, x):
        return self.first(t, x) + self.second(t, x)


def test_the_order_is_parameters_then_args():
    seen = []
    bind(lambda t, x, *more: seen.append(more), None, (1, 2))(0.0, 0.0)
    bind(lambda t, x, *more: seen.append(more), "p", ())(0.0, 0.0)
    bind(lambda t, x, *more: seen.append(more), "p", (1, 2))(0.0, 0.0)
    assert seen == [(1, 2), ("p",), ("p", 1, 2)]
    plain = lambda t, x: x  # noqa: E731
    assert bind(plain) is plain


def test_a_bound_function_travels_to_other_processes():
    parameters = {"rate": np.array([[1.0], [2.0]])}
    bound = pickle.loads(pickle.dumps(bind(decay, parameters, (0.5,))))
    np.testing.assert_array_equal(bound(0.0, np.ones((2, 1))), [[-0.5], [-1.5]])


def test_a_structure_is_bound_part_by_part():
    pair = bind(Pair(lambda t, x, k: k * x, Pair(lambda t, x, k: x, lambda t, x, k: -k)), None, (3.0,))
    assert isinstance(pair, Pair)
    assert pair(0.0, 2.0) == 6.0 + 2.0 - 3.0
    with pytest.raises(TypeError, match=r"second must take 3 arguments, \(t, x\) and the 1 that .*\(t, x\)"):
        bind(Pair(lambda t, x, k: x, lambda t, x: x), None, (3.0,))


@pytest.mark.parametrize(
    ("function", "parameters", "args", "words"),
    [
        (lambda t, x: x, None, (1.0,), r"drift must take 3 arguments, \(t, x\) and the 1 .*\(t, x\)"),
        (
            lambda t, x, a: x,
            None,
            (),
            r"signature is \(t, x, a\): .* args= or parameters=",
        ),
        (lambda t, x, a: x, None, (1, 2), "must take 4 arguments"),
        (lambda x, t, a: x, None, (1,), r"a drift is called as drift\(t, x\)"),
        (3, None, (), "drift must be a callable; got int"),
    ],
)
def test_refusals(function, parameters, args, words):
    with pytest.raises(TypeError, match=words):
        bind(function, parameters, args, "drift")


def test_parameters_have_the_rows_of_the_batch(xp):
    values = {"rate": xp.asarray(np.arange(3.0)), "A": xp.asarray(np.zeros((3, 2, 2)))}
    assert check_parameters(values, 3) == values
    np.testing.assert_array_equal(xp.numpy(cut(values, slice(1, 3))["rate"]), [1.0, 2.0])
    assert tuple(cut(values["A"], 1).shape) == (2, 2)
    assert cut(None, slice(0, 1)) is None
    with pytest.raises(ValueError, match=r"parameters\['A'\] must have .* 4 rows of x0.* \(3, 2, 2\)"):
        check_parameters({"A": values["A"]}, 4)
    with pytest.raises(ValueError, match=r"^parameters must have one row .* shape \(4, \.\.\.\); got \(3,\)"):
        check_parameters(values["rate"], 4)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"k": 2.0}, r"parameters\['k'\] must have one row .* got a number: give constants in args="),
        (np.float64(2.0), "got a number"),
        (np.array(2.0), "got a number"),
        ({"k": [1.0, 2.0]}, r"parameters\['k'\] must be an array .*got list"),
        ({"k": {"a": np.ones(2)}}, r"parameters\['k'\] must be an array; got dict: give one flat mapping"),
        ("text", "parameters must be an array"),
        ({"k": np.array(["a", "b"])}, "must hold numbers"),
    ],
)
def test_parameters_of_the_wrong_kind(parameters, words):
    with pytest.raises(TypeError, match=words):
        check_parameters(parameters, 2)


def test_args_are_a_tuple():
    assert check_args([1, 2]) == (1, 2)
    for value in (2.0, np.ones(2), "ab", None):
        with pytest.raises(TypeError, match=r"args must be a tuple .*write args=\(value,\)"):
            check_args(value)
