"""Floor 0, arrays: one library and one device per call, dtypes kept, each refusal in its words."""

from __future__ import annotations

import math

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    check_array,
    default_float,
    expand_like,
    real_dtype,
    to_numpy,
)
from diffmath._arrays.scalars import elementary


def test_namespace_is_the_librarys(xp):
    assert array_namespace(xp.asarray([1.0]), xp.asarray([2.0])) is xp.xp


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1.0], "must be an array .* got list: wrap it"),
        (3.0, "must be an array .* got float"),
        (np.ma.masked_array([1.0]), "must be a plain array; got MaskedArray"),
        (np.array(["a"]), "must hold numbers; got dtype <U1"),
        (np.array([None]), "must hold numbers; got dtype object"),
    ],
)
def test_what_is_not_an_array_is_refused(bad, message):
    with pytest.raises(TypeError, match=message):
        array_namespace(bad, names=["x0"])


def test_two_libraries_are_refused():
    with pytest.raises(
        TypeError, match="a and b must come from one array library; got numpy and array_api_strict"
    ):
        array_namespace(np.zeros(2), strict.zeros(2), names=["a", "b"])


def test_two_devices_are_refused():
    far = strict.zeros(2, device=strict.Device("device1"))
    with pytest.raises(TypeError, match="must live on one device"):
        array_namespace(strict.zeros(2), far)


def test_dtype_and_device_are_kept(xp):
    for dtype in ("float32", "float64"):
        x = xp.asarray([[1.0, 2.0]], dtype)
        assert check_array("x", x).dtype == x.dtype
        assert real_dtype(x) == x.dtype
        like = asarray_like([0.5], x)
        assert like.dtype == x.dtype
        xp.numpy(like)


def test_integers_become_the_default_float(xp):
    x = check_array("x", xp.asarray([[1, 2]], dtype="int64"))
    assert x.dtype == default_float(x)
    np.testing.assert_array_equal(xp.numpy(x), [[1.0, 2.0]])


def test_not_finite_is_named_by_index(xp):
    with pytest.raises(ValueError, match=r"x0 must be finite; x0\[1, 0\] is nan"):
        check_array("x0", xp.asarray([[1.0, 2.0], [math.nan, math.inf]]))


def test_a_state_needs_its_batch_axis(xp):
    with pytest.raises(ValueError, match=r"for one row use x0\[None, \.\.\.\]"):
        check_array("x0", xp.asarray([1.0, 2.0]), min_ndim=2)


def test_complex_and_half_precision_are_refused():
    with pytest.raises(TypeError, match="x0 must be real; got dtype complex128"):
        check_array("x0", np.zeros(2, complex))
    assert check_array("x0", np.zeros(2, complex), allow_complex=True).dtype == complex
    with pytest.raises(TypeError, match="float32 or float64; got dtype float16"):
        check_array("x0", np.zeros(2, np.float16))


def test_wrong_dimension_is_refused():
    with pytest.raises(ValueError, match=r"A must have 2 dimensions; got shape \(3,\)"):
        check_array("A", np.zeros(3), ndim=2)
    with pytest.raises(ValueError, match=r"u must have 1 dimension; got shape \(3, 1\)"):
        check_array("u", np.zeros((3, 1)), ndim=1)
    with pytest.raises(ValueError, match=r"s must have 0 dimensions; got shape \(3,\)"):
        check_array("s", np.zeros(3), ndim=0)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, 1.0, 1.0], r"strictly monotone; times\[1\]=1.0 and times\[2\]=1.0"),
        ([0.0, 1.0, 0.5], r"strictly monotone; times\[1\]=1.0 and times\[2\]=0.5"),
        ([1.0, 1.0], r"times\[0\]=1.0 and times\[1\]=1.0"),
        ([0.0, math.nan], r"must be finite; times\[1\] is nan"),
        ([0.0], "at least 2 times"),
        ([-1e308, 0.0, 1e308], r"must span a finite range in float64; got -1e\+308 to 1e\+308"),
        ([[0.0, 1.0]], r"vector .* got shape \(1, 2\)"),
    ],
)
def test_bad_times_are_named(times, message):
    with pytest.raises(ValueError, match=message):
        host_times(times)


def test_times_stay_on_the_host():
    with pytest.raises(
        TypeError, match="must be a list or a NumPy array of host numbers; got an array of array_api_strict"
    ):
        host_times(strict.zeros(3))
    with pytest.raises(TypeError, match="must be real numbers"):
        host_times(["a", "b"])


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True), st.booleans())
def test_sorted_times_pass_unchanged(values, backwards):
    ordered = sorted(values, reverse=backwards)
    np.testing.assert_array_equal(host_times(ordered), ordered)


def test_elementary_functions_of_numbers_and_arrays(xp):
    assert elementary(1.0) is math
    assert elementary(xp.asarray([1.0])) is xp.xp


def test_per_row_values_broadcast(xp):
    x = xp.asarray(np.zeros((3, 2, 2)))
    t = expand_like(xp.asarray([1.0, 2.0, 3.0]), x)
    assert t.shape == (3, 1, 1)


def test_to_numpy_copies_any_backend(xp):
    np.testing.assert_array_equal(to_numpy(xp.asarray([1.0, 2.0])), [1.0, 2.0])


@pytest.mark.parametrize("view", [lambda v: v, lambda v: v[::-1]])
def test_host_values_are_sent_as_a_copy(xp, view):
    values = np.arange(3.0)
    values.flags.writeable = False
    sent = asarray_like(view(values), xp.asarray([1.0]))
    np.testing.assert_array_equal(xp.numpy(sent), view(values))
    if isinstance(sent, np.ndarray):
        assert not np.shares_memory(sent, values)


def test_what_is_sent_to_torch_shares_no_host_memory():
    torch = pytest.importorskip("torch")
    values = np.arange(3.0)
    asarray_like(values, torch.ones(1, dtype=torch.float64))[0] = 9.0
    assert values[0] == 0.0
