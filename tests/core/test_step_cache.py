"""The cache between steps: by identity of the model, the last eight, no longer than the model."""

import gc
import weakref

import numpy as np

from diffmath._core.step_cache import StepCache


class Model:
    """Something that can be referred to weakly."""


def _build(calls, value):
    def build():
        calls.append(value)
        return value

    return build


def test_a_value_is_built_once_for_a_model_a_method_a_step_and_a_kind_of_array():
    cache, model, calls = StepCache(), Model(), []
    x = np.ones((2, 1))
    keys = [
        (model, "a", 0.1, x),
        (Model(), "a", 0.1, x),
        (model, "b", 0.1, x),
        (model, "a", 0.2, x),
        (model, "a", 0.1, x.astype(np.float32)),
    ]
    for _ in range(3):
        for i, key in enumerate(keys):
            assert cache.get(*key, _build(calls, i)) == i
    assert calls == [0, 1, 2, 3, 4]


def test_the_last_eight_steps_are_kept():
    cache, model, calls, x = StepCache(), Model(), [], np.ones(1)
    for dt in [*range(8), 0, 8]:  # 0 is used again, so that 1 is the oldest when 8 comes
        cache.get(model, "m", dt, x, _build(calls, dt))
    assert calls == list(range(9))
    cache.get(model, "m", 0, x, _build(calls, 0))
    cache.get(model, "m", 1, x, _build(calls, 1))
    assert calls == [*range(9), 1]


def test_nothing_is_kept_for_steps_per_row_nor_after_the_model():
    cache, model, calls, x = StepCache(), Model(), [], np.ones((2, 1))
    for _ in range(2):
        cache.get(model, "m", np.ones((2, 1)), x, _build(calls, 0))
    assert calls == [0, 0]
    alive = weakref.ref(cache.get(model, "m", 0.1, x, Model))
    gc.collect()
    assert alive() is not None
    del model
    gc.collect()
    assert alive() is None


class _Array:
    """What the cache reads of an array."""

    dtype = "float64"

    def __init__(self, device):
        self.device = device


class _OtherArray(_Array):
    """An array of another library."""


def test_libraries_and_devices_have_values_of_their_own():
    """Equal dtypes do not make two arrays one kind; equal kinds of another shape or object are one."""
    cache, model, calls = StepCache(), Model(), []
    kinds = [_Array("cpu"), _OtherArray("cpu"), _Array("gpu:0"), _Array("gpu:1"), np.ones(1)]
    for i, like in enumerate(kinds):
        assert cache.get(model, "m", 0.1, like, _build(calls, i)) == i
    assert calls == [0, 1, 2, 3, 4]
    assert cache.get(model, "m", 0.1, _Array("gpu:0"), _build(calls, 9)) == 2
    assert cache.get(model, "m", 0.1, np.zeros((3, 2)), _build(calls, 9)) == 4
    assert calls == [0, 1, 2, 3, 4]


def test_steps_are_compared_as_numbers():
    cache, model, calls, x = StepCache(), Model(), [], np.ones(1)
    for dt in (1, 1.0, np.float64(1.0), -1.0, np.nextafter(1.0, 2.0)):
        cache.get(model, "m", dt, x, _build(calls, dt))
    assert calls == [1, -1.0, np.nextafter(1.0, 2.0)]
