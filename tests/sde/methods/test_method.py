"""Methods as data, and the noise they ask for."""

import pickle
import re

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.sde._noise.levy import levy_increments
from diffmath.testing import affine_sde


def test_orders_are_named_for_classes_of_noise():
    mine = sde.Method("mine", sde.euler_maruyama_step, orders={"diagonal": (0.5, 1), "additive": (1, None)})
    assert mine.orders["diagonal"] == sde.Order(0.5, 1)
    assert (mine.strong_order, mine.weak_order, mine.noises) == (0.5, None, ("diagonal", "additive"))
    assert repr(mine) == "Method(mine, diagonal: strong 0.5, weak 1)"
    for orders in ({}, {"white": (1, 1)}):
        with pytest.raises(ValueError, match="orders must name classes of noise"):
            sde.Method("mine", sde.euler_maruyama_step, orders=orders)
    again = pickle.loads(pickle.dumps(sde.milstein))
    assert (again.name, dict(again.orders)) == ("milstein", dict(sde.milstein.orders))


@pytest.mark.parametrize("noise", ["additive", "diagonal", "scalar", "commutative", "general"])
@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
def test_a_refusal_of_noise_names_methods_that_take_it(noise, calculus):
    model = affine_sde(noise, calculus=calculus).model()
    other = "additive" if noise != "additive" else "diagonal"
    mine = sde.Method("mine", sde.euler_maruyama_step, orders={other: (0.5, 1.0)})
    with pytest.raises(ValueError, match=rf"mine needs noise in .* got '{noise}': use sde\.\w+") as caught:
        mine.check(model)
    named = re.findall(r"sde\.(\w+)", str(caught.value))
    assert named
    for name in named:
        getattr(sde, name).check(model)  # would raise


def test_levy_areas_have_their_law():
    """Variances h/12, h/720, h^2/4, uncorrelated with W: each within 6 standard errors (1e-8 a figure)."""
    rows, h = 200_000, 0.5
    draw = levy_increments("HKA")
    (noise,) = draw(random.key(3), [0.0, h], (rows, 2), like=np.empty(0))
    for values, variance in (
        (noise.W, h), (noise.H, h / 12), (noise.K, h / 720), (noise.A[:, 0, 1], h * h / 4),
    ):  # fmt: skip
        # Kurtosis at most that of the Levy area, 5: var of the sample variance is below 4 variance^2 / rows.
        assert abs(values.var() - variance) < 6 * variance * np.sqrt(4 / values.size)
    assert abs(np.mean(noise.W * noise.H)) < 6 * h / np.sqrt(12 * noise.W.size)
    np.testing.assert_array_equal(noise.A, -np.swapaxes(noise.A, 1, 2))
    with pytest.raises(ValueError, match="terms must be letters"):
        levy_increments("X")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (
            {"name": 3},
            TypeError,
            "a Method has a name, a str, and a step, .* or an object with attempt",
        ),
        ({"step": None}, TypeError, "got str and NoneType"),
        (
            {"orders": {"diagonal": 1.0}},
            ValueError,
            r"orders\['diagonal'\] must be \(strong, weak\).*got 1.0",
        ),
        ({"orders": {"diagonal": (-1.0, 1.0)}}, ValueError, "numbers of at least 0 or None"),
        ({"orders": {"diagonal": ("a", 1.0)}}, ValueError, "numbers of at least 0 or None"),
        ({"calculi": "ito"}, ValueError, "calculi must be a tuple out of"),
        ({"evaluations": 0}, ValueError, "evaluations must be at least 1; got 0"),
        ({"needs_derivative": "no"}, TypeError, "needs_derivative must be True or False; got str"),
        ({"increments": 3}, TypeError, "increments must be a callable"),
    ],
)
def test_what_makes_no_method_is_refused(change, error, match):
    given = {"name": "mine", "step": lambda *a: 0, "orders": {"diagonal": (1.0, 1.0)}} | change
    with pytest.raises(error, match=match):
        sde.Method(**given)


def test_a_step_of_another_shape_or_kind_is_refused_by_its_name():
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.1, noise="additive")
    for step, match in (
        (lambda m, t, x, dt, dW: (x, x), "a step of mine must be an array"),
        (
            lambda m, t, x, dt, dW: x.astype("f4"),
            "a step of mine must return the dtype of the state, float64",
        ),
        (lambda m, t, x, dt, dW: x[:1], r"a step of mine must return shape \(3, 2\)"),
    ):
        mine = sde.Method("mine", step, {"additive": (1.0, 1.0)})
        with pytest.raises((TypeError, ValueError), match=match):
            sde.solve(model, np.ones((3, 2)), [0.0, 1.0], method=mine, key=random.key(0))


def test_a_number_of_motions_that_the_noise_cannot_have_is_refused():
    for noise, width in (("diagonal", 5), ("scalar", 2)):
        model = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 * x, noise=noise, noise_dim=width)
        with pytest.raises(ValueError, match=f"noise_dim must be . for {noise} noise.*got {width}"):
            sde.solve(model, np.ones((3, 2)), [0.0, 1.0], method="euler_maruyama", key=random.key(0))
