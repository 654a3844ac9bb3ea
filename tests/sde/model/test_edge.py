"""`as_sde` and `noise_shape`: the SDE of any model, and the shape of its noise."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from diffmath import sde, symbolic


def zero(t, x):
    return 0.0 * x


@pytest.mark.parametrize(
    ("noise", "g", "shape"),
    [
        ("diagonal", lambda t, x: x, (4, 3)),
        ("scalar", lambda t, x: x, (4, 1)),
        ("additive", lambda t, x: np.ones((4, 3)), (4, 3)),
        ("additive", lambda t, x: np.ones((4, 3, 5)), (4, 5)),
        ("general", lambda t, x: np.ones((4, 3, 2)), (4, 2)),
    ],
)
def test_the_shape_of_an_increment(noise, g, shape):
    assert sde.noise_shape(sde.SDE(zero, g, noise=noise), 0.0, np.ones((4, 3))) == shape


def test_results_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"diffusion\(t, x\) must return shape \(4, 3"):
        sde.noise_shape(sde.SDE(zero, lambda t, x: x[:, :2], noise="diagonal"), 0.0, np.ones((4, 3)))
    single = sde.SDE(lambda t, x: x.astype(np.float32), zero)
    with pytest.raises(TypeError, match="must keep the precision of the state"):
        sde.noise_shape(single, 0.0, np.ones((4, 3)))


def test_an_sde_is_itself_and_a_symbolic_one_is_lowered():
    model = sde.SDE(zero, zero)
    assert sde.as_sde(model) is model
    x, t = sympy.symbols("x t")
    lowered = sde.as_sde(symbolic.SDE(state=[x], time=t, drift=[-x], diffusion=[[sympy.Rational(1, 2)]]))
    assert (lowered.noise, lowered.calculus) == ("additive", "ito")
    np.testing.assert_array_equal(lowered.drift(0.0, np.ones((2, 1))), -np.ones((2, 1)))


def test_other_models_are_refused():
    with pytest.raises(TypeError, match=r"model must be an sde.SDE or a symbolic.SDE; got int"):
        sde.as_sde(3)
    more = sde.SDE(lambda t, x, p: p * x, zero)
    with pytest.raises(TypeError, match="drift must take two arguments"):
        sde.as_sde(more)
    assert sde.as_sde(more, plain=False) is more


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, 0.0, np.ones((3, 2))), TypeError, "model must be"),
        ((1, "a", np.ones((3, 2))), TypeError, "t must be a number; got str"),
        ((1, 0.0, np.ones(2)), ValueError, r"x must have 2 dimensions; got shape \(2,\)"),
        ((1, 0.0, [[1.0, 2.0]]), TypeError, "x must be an array"),
        ((1, 0.0, np.full((2, 2), np.nan)), ValueError, "x must be finite"),
    ],
)
def test_noise_shape_refuses_by_name(arguments, error, message):
    model = sde.SDE(zero, lambda t, x: x, noise="diagonal") if arguments[0] else None
    with pytest.raises(error, match=message):
        sde.noise_shape(model, *arguments[1:])


def test_noise_shape_of_integers_empty_batches_and_float32():
    model = sde.SDE(zero, lambda t, x: x, noise="diagonal")
    for x in (np.ones((3, 2), int), np.ones((3, 2), np.float32)):
        assert sde.noise_shape(model, 0, x) == (3, 2)
    assert sde.noise_shape(model, 0.0, np.empty((0, 2))) == (0, 2)
