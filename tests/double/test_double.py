"""The double of CuPy refuses what CuPy refuses, counts what costs time, and has no name that CuPy lacks."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import cupy_double
import numpy as np
import pytest
from cupy_double import counting

cupy = cupy_double.install()
import array_api_compat as compat  # noqa: E402
import array_api_compat.cupy as xp  # noqa: E402

NAMES = json.loads((Path(__file__).parent / "cupy_double" / "names.json").read_text(encoding="utf-8"))


def test_array_api_compat_takes_it_for_cupy():
    x = xp.zeros((2, 3))
    assert compat.is_cupy_array(x)
    assert compat.array_namespace(x) is xp


@pytest.mark.parametrize("place", ["cupy", "linalg", "fft"])
def test_its_names_are_those_of_the_wheel(place):
    module: Any = cupy if place == "cupy" else getattr(cupy, place)
    assert {name for name in vars(module) if not name.startswith("_")} - {"is_a_double"} == set(NAMES[place])


def test_the_array_has_the_names_of_the_wheel():
    public = {name for name in dir(cupy.ndarray) if not name.startswith("_")}
    assert public == {name for name in NAMES["ndarray"] if not name.startswith("_")}


def test_the_versions_are_noted():
    assert set(NAMES["versions"]) == {"cupy", "numpy"}
    assert cupy.__version__ == NAMES["versions"]["cupy"]


def test_names_that_only_numpy_has_fail():
    with pytest.raises(AttributeError):
        _ = cupy.positive_definite
    with pytest.raises(TypeError, match="unexpected keyword argument 'where'"):
        cupy.sum(cupy.zeros(2), where=cupy.ones(2, dtype=bool))
    with pytest.raises(NotImplementedError, match="RawKernel"):
        cupy.RawKernel("", "f")


@pytest.mark.parametrize("convert", [np.asarray, np.array, lambda x: np.zeros(2) + np.asarray(x)])
def test_no_implicit_conversion_to_numpy(convert):
    with pytest.raises(TypeError, match="Implicit conversion"):
        convert(xp.zeros(2))


@pytest.mark.parametrize(
    "mixed",
    [
        lambda x: x + np.ones(2),
        lambda x: np.ones(2) * x,
        lambda x: xp.where(x > 0, np.ones(2), x),
        lambda x: xp.concat([x, np.ones(2)]),
        lambda x: x.__setitem__(slice(0, 1), np.ones(1)),
    ],
)
def test_kernels_refuse_host_arrays(mixed):
    with pytest.raises(TypeError, match=r"Unsupported type|cupy arrays"):
        mixed(xp.zeros(2))


@pytest.mark.parametrize(
    "call", [lambda: xp.stack([1.0, 2.0]), lambda: xp.sum([1.0]), lambda: xp.concat([[1.0]])]
)
def test_functions_refuse_lists_of_numbers(call):
    with pytest.raises(TypeError, match="cupy arrays"):
        call()


def test_reductions_stay_arrays():
    x = xp.ones((2, 3))
    for value in (xp.sum(x), x.max(), xp.all(x > 0), xp.linalg.vector_norm(x), x[0, 0]):
        assert type(value) is cupy.ndarray
        assert value.shape == ()


def test_singular_matrices_give_nan_and_leave_the_others_alone():
    a = xp.asarray(np.stack([np.zeros((2, 2)), 2 * np.eye(2)]))
    found = xp.linalg.solve(a, xp.ones((2, 2, 1))).get()
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.5)
    assert np.isnan(xp.linalg.inv(a[0]).get()).all()
    with pytest.raises(ValueError, match=r"a must have \(\.\.\., M, M\) shape"):
        xp.linalg.solve(a[0], xp.ones((3, 2, 1)))


def test_two_devices_do_not_mix():
    here = xp.ones(2)
    there = xp.asarray(np.ones(2), device=cupy.cuda.Device(1))
    assert there.device == cupy.cuda.Device(1) != here.device
    for call in (lambda: here + there, lambda: there + 1.0, lambda: xp.exp(there), lambda: xp.sum(there)):
        with pytest.raises(ValueError, match="Peer access is unavailable"):
            call()
    with there.device:
        assert (there + 1.0).device == there.device
        assert xp.asarray(here).device == there.device  # a copy onto the current device is allowed
    assert compat.to_device(there, cupy.cuda.Device(0)).device == here.device


def test_the_current_device_belongs_to_the_thread():
    found: list[Any] = []
    with cupy.cuda.Device(1):
        thread = threading.Thread(target=lambda: found.append(xp.zeros(1).device.id))
        thread.start()
        thread.join()
    assert found == [0]


def test_the_counters_count():
    x = xp.ones(4)
    with counting() as counts:
        _ = x + 1.0, xp.reshape(x, (2, 2)), x[1:], xp.exp(x)  # two kernels, two views
    assert (counts.launches, counts.synchronizations, counts.copies_in, counts.copies_out) == (2, 0, 0, 0)
    with counting() as counts:
        _ = float(xp.max(x)), bool(xp.all(x > 0)), x.get()
    assert (counts.launches, counts.synchronizations, counts.copies_out) == (3, 3, 3)
    with counting() as counts:
        _ = xp.asarray(np.ones(3)), xp.asarray(2.0), x[[0, 1]]
    assert (counts.launches, counts.copies_in) == (1, 3)
    with counting() as counts:
        _ = x[x > 0]  # the number of entries must be known
    assert (counts.launches, counts.synchronizations) == (2, 1)


def test_it_does_not_hide_a_real_cupy(monkeypatch):
    import sys
    import types

    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))
    with pytest.raises(RuntimeError, match="would hide it"):
        cupy_double.install()
