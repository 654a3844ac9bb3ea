"""One copy to the host for what the solver and the method read of a trial step."""

import numpy as np

from diffmath._stepping.fetch import TrialFetch, fetch
from diffmath._stepping.trial import Trial


def test_vectors_come_back_as_they_were_sent(xp):
    parts = [np.array([1.0, 2.0, np.nan]), np.zeros(0), np.array([5.0])]
    for found, part in zip(fetch([xp.asarray(part, "float32") for part in parts]), parts, strict=True):
        np.testing.assert_array_equal(found, part)
        assert found.dtype == np.float64


def test_the_solver_reads_what_the_method_has_fetched(xp):
    measured = []

    def measure(trial, x):
        measured.append(trial)
        return trial.x[:, 0] - x[:, 0]

    reading, x = TrialFetch(measure), xp.asarray(np.ones((2, 1)))
    first, second = (Trial(xp.asarray(np.array(values))) for values in ([[3.0], [4.0]], [[1.0], [2.0]]))
    assert reading.known(first) is None
    (own,) = reading.along(first, x, [xp.asarray(np.array([7.0]))])
    assert own.tolist() == [7.0]
    size, host = reading.read(first, x)
    assert host.tolist() == xp.numpy(size).tolist() == [2.0, 3.0]
    assert measured == [first]
    assert reading.known(second) is None  # of another trial
    assert reading.read(second, x)[1].tolist() == [0.0, 1.0]
    assert measured == [first, second]
