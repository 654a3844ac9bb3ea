"""The reversible Heun method: its order, its memory, and its way back."""

import pickle

import numpy as np
import pytest

import diffmath as dm
from diffmath import sde
from diffmath.testing import (
    AffineSDE,
    affine_sde,
    assert_strong_order,
    curved_sde,
    heisenberg_sde,
    measure_weak_order,
)


@pytest.mark.parametrize("noise", ["diagonal", "scalar", "commutative"])
def test_order_one_where_noise_commutes(noise):
    problem = curved_sde(noise=noise, calculus="stratonovich")
    assert_strong_order(sde.reversible_heun, problem, order=1, paths=400, two_sided=True)


def test_order_half_in_general():
    problem = heisenberg_sde(calculus="stratonovich")
    assert_strong_order(sde.reversible_heun, problem, order=0.5, paths=400, two_sided=True)


def pair_step(model, t, pair, dt, dW):
    """A step of the state and its shadow, of a model that is one equation twice."""
    x, shadow = np.split(pair, 2, axis=1)

    def change(time, at):
        both = np.concatenate([at, at], axis=1)
        moved = dt * model.drift(time, both) + (model.diffusion(time, both) @ dW[:, :, None])[:, :, 0]
        return moved[:, : x.shape[1]]

    ahead = 2 * x - shadow + change(t, shadow)
    return np.concatenate([x + 0.5 * (change(t, shadow) + change(t + dt, ahead)), ahead], axis=1)


@pytest.mark.parametrize("noise", ["additive", "diagonal", "scalar", "commutative", "general"])
def test_weak_order_one_of_state_and_shadow(noise):
    """Without sampling: both solve the equation, so the exact moments are those of the equation twice."""
    once = affine_sde(noise, calculus="stratonovich")
    twice = AffineSDE(
        np.array([np.kron(np.eye(2), part) for part in once.matrices]),
        np.tile(once.vectors, 2), np.tile(once.x0, 2), "general", "stratonovich",
    )  # fmt: skip
    run, dW = sde.reversible_heun, np.array([[0.3, -0.2]])[:, : len(once.matrices) - 1]
    x = once.x0[None]
    pair, trial = np.tile(x, 2), sde.Trial(x, state=run.init(once.model(), 0.0, x))
    for _ in range(3):
        trial = run.attempt(once.model(), trial.state, 0.0, trial.x, 0.1, dW)
        pair = pair_step(twice.model(), 0.0, pair, 0.1, dW)
    np.testing.assert_allclose(pair, np.hstack([trial.x, trial.state.x]), atol=1e-14)
    method = sde.Method("pair", pair_step, {"general": (0.5, 1.0)})
    claimed = sde.reversible_heun.orders[noise].weak
    assert measure_weak_order(method, twice).order > claimed - 0.15


def test_steps_can_be_undone():
    """Algorithm 2 of the paper: the same step with reversed time and noise leads back, shadow included."""
    model = curved_sde(calculus="stratonovich").model
    clock = np.linspace(0, 1, 17)
    noises = list(sde.brownian_increments(dm.random.key(0), clock, (5, 2), like=np.empty(0)))
    run, x0 = sde.reversible_heun, np.full((5, 2), 0.4)
    trial = sde.Trial(x0, state=run.init(model, 0.0, x0))
    for n, dW in enumerate(noises):
        trial = run.attempt(model, trial.state, clock[n], trial.x, clock[n + 1] - clock[n], dW)
    for n in reversed(range(16)):
        trial = run.attempt(model, trial.state, clock[n + 1], trial.x, clock[n] - clock[n + 1], -noises[n])
    np.testing.assert_allclose(trial.x, x0, atol=1e-13)
    np.testing.assert_allclose(trial.state.x, x0, atol=1e-13)


def test_equal_arguments_have_equal_answers():
    """The state of the method is an argument: steps can be repeated, and a pickled state resumes them."""
    model, x = curved_sde(calculus="stratonovich").model, np.full((5, 2), 0.4)
    dW = dm.random.normal(dm.random.key(6), (5, 2), like=x)
    method = sde.reversible_heun
    state = method.init(model, 0.0, x)
    first = method.attempt(model, state, 0.0, x, 0.1, dW)
    for again in (method.attempt(model, state, 0.0, x, 0.1, dW).x, method.step(model, 0.0, x, 0.1, dW)):
        np.testing.assert_array_equal(again, first.x)
    second = method.attempt(model, first.state, 0.1, first.x, 0.1, dW)
    resumed = pickle.loads(pickle.dumps(first.state))
    for known in (first.state, resumed):
        np.testing.assert_array_equal(method.attempt(model, known, 0.1, first.x, 0.1, dW).x, second.x)
    heun = sde.heun.attempt(model, sde.heun.init(model, 0.0, x), 0.0, x, 0.1, dW)
    np.testing.assert_allclose(heun.x, first.x, rtol=1e-14)  # the sums in another order
    assert heun.state is None


def test_only_steps_of_equal_size_converge():
    """dX = X o dW, on pairs of steps of shares 0.9 and 0.1: the error stays, that of `heun` tends to zero."""
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: x, calculus="stratonovich")
    x0 = np.ones((500, 1))
    path = sde.BrownianPath(dm.random.key(1), (500, 1), 0.0, 1.0, like=x0)

    def error(method, share, pairs):
        ends = np.linspace(0.0, 1.0, pairs + 1)
        clock = np.sort(np.concatenate([ends, ends[:-1] + share / pairs]))
        x = sde.solve(model, x0, clock, method=method, path=path, check=False).x[-1]
        return np.sqrt(np.mean((x - np.exp(path(0.0, 1.0))) ** 2))

    # Measured: 0.01 and 0.02, proportional to the step; 0.15 for 32, 128 and 4096 pairs.
    assert error(sde.reversible_heun, 0.5, 128) < 0.03
    assert error(sde.heun, 0.9, 128) < 0.04
    assert error(sde.reversible_heun, 0.9, 32) > 0.1
    assert error(sde.reversible_heun, 0.9, 128) > 0.1
    assert sde.reversible_heun.equal_steps
    assert not sde.heun.equal_steps


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
        found = sde.solve(model, x0, [0.0, 1.0], method=name, key=key).x
        np.testing.assert_array_equal(
            found, sde.solve(model, x0, [0.0, 1.0], method=getattr(sde, name), key=key).x
        )
    pair = sde.coupled(model, x0, t_span=(0, 1), steps=4, method="sriw1", key=key)
    assert np.isfinite(pair.fine).all()
    assert sde.solve_adaptive(model, x0, [0.0, 1.0], method="sriw1", key=key, rtol=1e-2).success
    for foreign, ours in (("srk", "sriw1"), ("Euler", "euler_maruyama"), ("milstien", "milstein")):
        with pytest.raises(ValueError, match=f"got '{foreign}': .*'{ours}'"):
            sde.solve(model, x0, [0.0, 1.0], method=foreign, key=key)
    for wrong in ("magic", "solve", "SDE"):
        with pytest.raises(ValueError, match=r"method must be an object of diffmath.sde or its name"):
            sde.ensemble(model, x0, t_span=(0, 1), steps=4, method=wrong, key=key)


def test_refusals():
    x0, key = np.full((3, 2), 0.4), dm.random.key(0)
    with pytest.raises(ValueError, match="reversible_heun solves SDEs in the calculus"):
        sde.solve(curved_sde().model, x0, [0, 1.0], method=sde.reversible_heun, key=key)
    model = curved_sde(calculus="stratonovich").model
    with pytest.raises(ValueError, match="reversible_heun needs steps of equal size"):
        sde.solve_adaptive(model, x0, [0, 1.0], method=sde.reversible_heun, key=key)
