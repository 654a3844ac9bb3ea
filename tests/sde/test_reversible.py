"""The reversible Heun method: its order, its memory, and its way back."""

import pickle

import numpy as np
import pytest

import diffmath as dm
from diffmath import sde
from diffmath.testing import assert_strong_order, curved_sde, heisenberg_sde


@pytest.mark.parametrize("noise", ["diagonal", "scalar", "commutative"])
def test_order_one_where_noise_commutes(noise):
    problem = curved_sde(noise=noise, calculus="stratonovich")
    assert_strong_order(sde.reversible_heun, problem, order=1, paths=400, two_sided=True)


def test_order_half_in_general():
    problem = heisenberg_sde(calculus="stratonovich")
    assert_strong_order(sde.reversible_heun, problem, order=0.5, paths=400, two_sided=True)


def test_steps_can_be_undone():
    """Algorithm 2 of the paper: the same step with reversed time and noise leads back, shadow included."""
    model = curved_sde(calculus="stratonovich").model
    clock = np.linspace(0, 1, 17)
    noises = list(sde.brownian_increments(dm.random.key(0), clock, (5, 2), like=np.empty(0)))
    forward = sde.reversible_heun.started()
    x = x0 = np.full((5, 2), 0.4)
    for n, dW in enumerate(noises):
        x = forward.step(model, clock[n], x, clock[n + 1] - clock[n], dW)
    for n in reversed(range(16)):
        x = forward.step(model, clock[n + 1], x, clock[n] - clock[n + 1], -noises[n])
    np.testing.assert_allclose(x, x0, atol=1e-13)


def test_every_run_has_its_own_shadow():
    model, x0 = curved_sde(calculus="stratonovich").model, np.full((5, 2), 0.4)
    times, key = np.linspace(0, 1, 9), dm.random.key(1)
    first = sde.solve(model, x0, times, method=sde.reversible_heun, key=key)
    again = sde.solve(model, x0, times, method=sde.reversible_heun, key=key)
    np.testing.assert_array_equal(first.x, again.x)
    final = sde.ensemble(model, x0, t_span=(0, 1), steps=8, method="reversible_heun", key=key, chunk=2)
    np.testing.assert_allclose(final, first.x[-1], rtol=1e-13)  # products of matrices see the chunk
    pair = sde.coupled(model, x0, t_span=(0, 1), steps=4, method=sde.reversible_heun, key=key)
    np.testing.assert_allclose(pair.fine, first.x[-1], rtol=1e-13)
    assert pickle.loads(pickle.dumps(sde.reversible_heun)).name == "reversible_heun"
    # It is not Heun's method from the second step on.
    heun = sde.solve(model, x0, times, method=sde.heun, key=key)
    np.testing.assert_allclose(first.x[1], heun.x[1], rtol=1e-13)
    assert np.abs(first.x[2] - heun.x[2]).max() > 1e-6


def test_every_library(xp):
    model, host = curved_sde(calculus="stratonovich").model, np.full((4, 2), 0.4)
    times, key = np.linspace(0, 1, 5), dm.random.key(2)
    found = sde.solve(model, xp.asarray(host), times, method=sde.reversible_heun, key=key).x
    expected = sde.solve(model, host, times, method=sde.reversible_heun, key=key).x
    np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-12)


def test_names_of_methods():
    model, x0, key = curved_sde().model, np.full((3, 2), 0.4), dm.random.key(3)
    for name in ("euler_maruyama", "derivative_free_milstein", "sriw1", "dri1"):
        by_name = sde.ensemble(model, x0, t_span=(0, 1), steps=4, method=name, key=key)
        by_object = sde.ensemble(model, x0, t_span=(0, 1), steps=4, method=getattr(sde, name), key=key)
        np.testing.assert_array_equal(by_name, by_object)
    for wrong in ("magic", "solve", "SDE"):
        with pytest.raises(ValueError, match=r"method must be a method object or one of .*'milstein'"):
            sde.ensemble(model, x0, t_span=(0, 1), steps=4, method=wrong, key=key)


def test_refusals():
    x0, key = np.full((3, 2), 0.4), dm.random.key(0)
    with pytest.raises(ValueError, match="reversible_heun solves SDEs in the calculus"):
        sde.solve(curved_sde().model, x0, [0, 1.0], method=sde.reversible_heun, key=key)
    model = curved_sde(calculus="stratonovich").model
    with pytest.raises(ValueError, match="reversible_heun carries a shadow"):
        sde.solve_adaptive(model, x0, [0, 1.0], method=sde.reversible_heun, key=key)
