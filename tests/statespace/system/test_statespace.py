"""The model itself: accepted and refused arguments, and its conversions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from diffmath import statespace as ss

ONE = np.ones(1)
MINUS = np.array([[-1.0]])


def test_defaults_and_repr():
    system = ss.StateSpace(MINUS, ONE)
    assert (system.order, system.C, system.dt) == (1, None, None)
    assert repr(system) == "StateSpace(order=1, continuous, dense, float64)"
    discrete = ss.bilinear(ss.legs(2).with_output(np.ones((3, 2))), 0.5)
    assert repr(discrete) == "StateSpace(order=2, dt=0.5, dense, outputs=3, float64)"


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ss.legs(2).dt = 1.0


def test_precisions_are_promoted_and_integers_converted():
    system = ss.StateSpace(
        np.array([[-1]]), np.ones(1, dtype=np.float32), C=np.ones(1, dtype=np.float32), D=2
    )
    assert system.A.dtype == system.B.dtype == system.C.dtype == system.D.dtype == np.float64
    assert system.D.shape == ()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"A": [[1.0]]}, TypeError, "A must be an array"),
        ({"A": np.ones((1, 2))}, ValueError, r"A must be square, shape \(n, n\); got \(1, 2\)"),
        ({"A": np.ones((0, 0)), "B": np.ones(0)}, ValueError, "A must be square"),
        ({"A": np.array([[np.nan]])}, ValueError, "A must be finite"),
        ({"B": np.ones(2)}, ValueError, r"B must be a vector, shape \(1,\)"),
        ({"B": np.ones((1, 1))}, ValueError, r"B must be a vector, shape \(1,\)"),
        ({"C": np.ones(2)}, ValueError, r"C must have shape \(1,\) or \(p, 1\)"),
        ({"D": 1.0}, ValueError, "D needs an output C"),
        ({"C": ONE, "D": np.ones(2)}, ValueError, r"D must have shape \(\)"),
        ({"C": ONE, "D": np.inf}, ValueError, "D must be finite"),
        ({"dt": 0.0}, ValueError, "dt must be positive and finite; got 0.0"),
        ({"dt": np.inf}, ValueError, "dt must be positive and finite"),
        ({"dt": "1"}, TypeError, "dt must be a number; got str"),
        ({"dt": True}, TypeError, "dt must be a number; got bool"),
        ({"structure": "sparse"}, TypeError, "structure must be a Structure"),
        ({"measure": "legs"}, TypeError, "measure must come from a builder; got str"),
    ],
)
def test_refusals(kwargs, error, message):
    with pytest.raises(error, match=message):
        ss.StateSpace(**{"A": MINUS, "B": ONE, **kwargs})


def test_a_structure_and_a_measure_are_checked_promises():
    legs = ss.legs(4)
    promises = {"structure": legs.structure, "measure": legs.measure}
    assert ss.StateSpace(legs.A, legs.B, **promises).structure is legs.structure
    wrong = legs.A.copy()
    wrong[2, 0] *= 1 + 1e-12
    with pytest.raises(ValueError, match="A does not have structure 'lower-cumulative': leave structure out"):
        ss.StateSpace(wrong, legs.B, structure=legs.structure)
    with pytest.raises(ValueError, match="A does not have measure 'legs': build it with"):
        ss.StateSpace(wrong, legs.B, measure=legs.measure)
    with pytest.raises(ValueError, match="B does not have measure 'legs'"):
        ss.StateSpace(legs.A, -legs.B, **promises)
    with pytest.raises(ValueError, match="measure belongs to continuous systems"):
        ss.StateSpace(legs.A, legs.B, measure=legs.measure, dt=0.1)
    with pytest.raises(ValueError, match="structure must have order 4 like A; got 3"):
        ss.StateSpace(legs.A, legs.B, structure=ss.legs(3).structure)
    # B is no part of a structure, and a dense one takes the A it is given.
    assert ss.StateSpace(legs.A, -legs.B, structure=legs.structure).measure is None
    assert ss.StateSpace(wrong, legs.B, structure=ss.Dense(legs.A)).structure.A is not legs.A


def test_with_output_keeps_the_rest(xp):
    system = ss.legs(3, like=xp.empty()).with_output(xp.asarray([[1, 2, 3], [4, 5, 6]]), D=0.5)
    assert (system.structure.name, tuple(system.C.shape)) == ("lower-cumulative", (2, 3))
    np.testing.assert_array_equal(xp.numpy(system.D), [0.5, 0.5])
    again = system.with_output(xp.asarray([1.0, 0.0, 0.0]))
    assert (tuple(again.C.shape), float(again.D)) == ((3,), 0.0)


def test_host_constants_follow_the_output(xp):
    system = ss.legs(3).with_output(xp.asarray([1.0, 2.0, 3.0], dtype="float32"))
    assert xp.numpy(system.A).dtype == xp.numpy(system.C).dtype == np.float32
    np.testing.assert_array_equal(xp.numpy(system.A), ss.legs(3).A.astype(np.float32))


def test_a_device_system_refuses_host_data(xp):
    if xp.name.startswith("numpy"):
        pytest.skip("the host itself")
    system = ss.legs(3, like=xp.empty())
    with pytest.raises(TypeError, match="one array library"):
        system.with_output(np.ones(3))
    with pytest.raises(TypeError, match="one array library"):
        ss.memorize(system, np.ones(4))
    discrete = ss.bilinear(system.with_output(xp.asarray(np.ones(3))), 0.1)
    with pytest.raises(TypeError, match="one array library"):
        ss.simulate(discrete, np.ones(4))
