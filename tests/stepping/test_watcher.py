"""What the watches of user functions share: results like the first, and the first left alone."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath._stepping.watcher import Watcher, refuse_modified


def test_a_watch_ends_when_the_first_result_is_known_to_be_left_alone():
    watcher = Watcher("g(t, x)")
    assert watcher.kind is None
    watcher.begin(np.zeros((2, 3)))
    assert watcher.kind == np.float64
    watcher.settle(np.zeros((2, 3)))  # an equal result tells nothing
    assert watcher.watching
    watcher.settle(np.ones((2, 3)))
    assert not watcher.watching


def test_a_buffer_that_is_written_again_is_refused():
    watcher, buffer = Watcher("g(t, x)"), np.zeros((2, 3))
    watcher.begin(buffer)
    buffer += 1
    with pytest.raises(TypeError, match=r"g\(t, x\) overwrote the array it returned before"):
        watcher.settle(buffer)


def test_a_watch_begins_anew():
    """A call outside of the run may have replaced the buffer: the next result is the first."""
    watcher, buffer = Watcher("g(t, x)"), np.zeros((2, 3))
    watcher.begin(np.ones((2, 3)))
    watcher.settle(np.zeros((2, 3)))
    watcher.restart()
    assert watcher.watching
    watcher.settle(buffer)
    buffer += 1
    with pytest.raises(TypeError, match="overwrote"):
        watcher.settle(buffer)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ([1.0], TypeError, r"g must return an array, as before; got list"),
        (np.zeros((2, 4)), ValueError, r"g must return shape \(2, 3\); got \(2, 4\)"),
        (np.zeros((2, 3), np.float32), TypeError, "g must return float64, as before; got float32"),
    ],
)
def test_another_kind_is_refused(result, error, message):
    watcher = Watcher("g")
    watcher.begin(np.zeros((5, 3)))
    with pytest.raises(error, match=message):
        watcher.refuse_change(result, (2, 3))


def test_an_argument_that_was_written_to(xp):
    x = np.array([[1.0, np.nan]])
    refuse_modified("f", xp.asarray(x), xp.asarray(x.copy()))
    with pytest.raises(TypeError, match="f modified its argument x: return a new array, or work on a copy"):
        refuse_modified("f", xp.asarray(2.0 * x), xp.asarray(x))


def test_a_change_of_finite_entries_alone_is_a_modification(xp):
    """To either side; entries that were not finite may be anything."""
    before = np.array([[1.0, np.inf, np.nan]])
    for after, refused in (([1.0, 2.0, 3.0], False), ([0.5, np.inf, 3.0], True), ([1.5, np.inf, 3.0], True)):
        if refused:
            with pytest.raises(TypeError, match="modified its argument x"):
                refuse_modified("f", xp.asarray(np.array([after])), xp.asarray(before))
        else:
            refuse_modified("f", xp.asarray(np.array([after])), xp.asarray(before))
