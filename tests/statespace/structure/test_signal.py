"""Overflow is reported, underflow is zero, for any error state of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import diffmath as dm
from diffmath import SolveError
from diffmath import statespace as ss


@pytest.fixture
def calls(discrete):
    system = discrete(6, 0.1, np.random.default_rng(0))
    u = np.append(1e-300, np.zeros(9000))
    return {
        "kernel": lambda: ss.kernel(system, 9001, method="powers"),
        "simulate": lambda: ss.simulate(system, u),
        "convolve": lambda: ss.convolve(u[:90], np.full(30, 1e-20)),
        "memorize": lambda: ss.memorize(ss.legs(6), u[:100]),
        "project": lambda: ss.project(ss.legs(6), u[:100]),
        "reconstruct": lambda: ss.reconstruct(ss.legs(6), np.full(6, 1e-310), [0.3, 0.7]),
    }


@pytest.mark.parametrize("name", ["kernel", "simulate", "convolve", "memorize", "project", "reconstruct"])
def test_the_numbers_do_not_depend_on_the_error_state(calls, name):
    with dm.reference_only():
        plain = calls[name]()
        with np.errstate(all="raise"):
            np.testing.assert_array_equal(calls[name](), plain)


def test_overflow_is_a_solve_error_and_not_a_warning():
    alternating = 1.7e308 * (-1.0) ** np.arange(4)
    with pytest.raises(SolveError, match="the projection is not finite"):
        ss.project(ss.legs(3), alternating)
    with pytest.raises(SolveError, match="the reconstruction is not finite"):
        ss.reconstruct(ss.legs(3), np.full(3, 1.7e308), [1.0])
    with pytest.raises(SolveError, match="the convolution is not finite"):
        ss.convolve(np.ones(4, np.float32), np.full(3, 1e300))


def test_constants_too_large_for_the_precision_of_the_signal_are_named():
    system = ss.StateSpace(np.eye(2) / 2, np.ones(2), C=np.array([1e300, 1.0]), dt=1.0)
    with pytest.raises(ValueError, match=r"C must be finite; C\[0\] is inf"):
        ss.simulate(system, np.ones(4, np.float32))
    with pytest.raises(ValueError, match=r"dt=1e\+308 times A or B overflows float64"):
        ss.bilinear(ss.legs(3), 1e308)


def test_a_system_may_have_no_outputs(discrete):
    system = discrete(3, 0.1, np.random.default_rng(0), outputs=0)
    assert ss.kernel(system, 7).shape == (0, 7)
    assert ss.simulate(system, np.ones(4)).shape == (4, 0)


def test_memorize_refuses_a_method_that_changes_the_order():
    with pytest.raises(TypeError, match="a discrete StateSpace of order 4; got StateSpace"):
        ss.memorize(ss.legs(4), np.ones(5), lambda system, h: ss.bilinear(ss.legs(3), h))
