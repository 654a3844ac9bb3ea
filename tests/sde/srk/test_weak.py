"""Weak methods: the laws of their discrete variables, exact weak orders, and what must be rejected."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

import diffmath as dm
from diffmath import sde, symbolic
from diffmath.testing import affine_sde, assert_weak_order, curved_sde, heisenberg_sde, measure_weak_order

METHODS = [sde.dri1, sde.w2ito1, sde.platen_weak2]
NOISES = ["additive", "diagonal", "scalar", "commutative", "general"]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


@by_name
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("degree", [2, 4])
def test_weak_order_two(method, noise, degree):
    found = measure_weak_order(method, affine_sde(noise), degree=degree)
    assert found.order == pytest.approx(2.0, abs=0.15), found


@pytest.mark.parametrize("method", [sde.dri1, sde.w2ito1], ids=lambda m: m.name)
def test_a_wrong_sign_is_refused_by_the_proof(method):
    tableau = method.step.tableau
    for name in ("B2", "beta1", "A1"):
        rows = tableau.coefficients[name]
        if isinstance(rows[0], tuple):
            changed = [[-1 * value for value in row] for row in rows]
        else:
            changed = [*rows[:-1], -1 * rows[-1]]
        with pytest.raises(ValueError, match="claims weak order 2 for Ito noise, but"):
            replace(tableau, coefficients={**tableau.coefficients, name: changed})


def test_one_sign_for_all_pairs_has_weak_order_one_for_three_motions():
    """Roessler (2009) shares a two-point variable: E I_12 I_13 is then h^2/4, not 0."""
    h = 1.0
    three = [(-np.sqrt(3 * h), 1 / 6), (0.0, 2 / 3), (np.sqrt(3 * h), 1 / 6)]
    shared = independent = 0.0
    for (a, p), (b, q), (c, r) in itertools.product(three, repeat=3):
        for v, w in itertools.product((-1.0, 1.0), repeat=2):
            weight = p * q * r / 4
            shared += weight * 0.25 * (a * b - h * v) * (a * c - h * v)
            independent += weight * 0.25 * (a * b - h * v) * (a * c - h * w)
    assert shared == pytest.approx(0.25)
    assert independent == pytest.approx(0.0, abs=1e-15)


def test_platen_without_its_pairs_has_order_one():
    """The test of general noise has power on the commutator: without the pair variables, order 1."""

    def blind(model, t, x, dt, noise):
        silent = sde.WeakIncrement(noise.dt, noise.W, lambda width: 0.0 * noise.draw(width))
        return sde.platen_weak2.step(model, t, x, dt, silent)

    wrong = replace(sde.platen_weak2, step=blind)
    assert measure_weak_order(wrong, affine_sde("general")).order < 1.3
    with pytest.raises(AssertionError, match="below the claimed 2"):
        assert_weak_order(wrong, affine_sde("general"))


@by_name
def test_time_is_taken_where_it_should_be(method):
    """An SDE in explicit time, and the same with time as a component: one step must be the same."""

    def drift(t, x):
        return np.sin(t) - x * t

    def diffusion(t, x):
        return np.cos(t) * (1 + 0.3 * x) + t**2

    def extended_diffusion(t, y):
        g = diffusion(y[:, 1:], y[:, :1])
        return np.concatenate([g, 0 * g], axis=1)[:, :, None]

    explicit = sde.SDE(drift, lambda t, x: diffusion(t, x)[:, :, None], noise="general", noise_dim=1)
    extended = sde.SDE(
        lambda t, y: np.concatenate([drift(y[:, 1:], y[:, :1]), 1 + 0 * y[:, :1]], axis=1),
        extended_diffusion,
        noise="general",
        noise_dim=1,
    )
    elementwise = sde.SDE(drift, diffusion)
    x, dt = np.array([[0.4]] * 3), 0.3
    noise = sde.WeakIncrement(dt, np.array([[-0.9], [0.0], [0.9]]) ** 1, lambda width: np.ones((3, width)))
    found = method.step(explicit, 0.7, x, dt, noise)
    y = np.concatenate([x, np.full((3, 1), 0.7)], axis=1)
    np.testing.assert_allclose(found, method.step(extended, 0.7, y, dt, noise)[:, :1], rtol=1e-13)
    np.testing.assert_allclose(found, method.step(elementwise, 0.7, x, dt, noise), rtol=1e-13)


@by_name
def test_diagonal_noise_is_a_matrix_with_zeros(method):
    """The shortcut for diagonal noise gives what the general formula does."""
    problem = affine_sde("diagonal")
    model = problem.model()
    general = replace(
        model, noise="general", noise_dim=2, diffusion_derivative=None,
        diffusion=lambda t, x: model.diffusion(t, x)[:, :, None] * np.eye(2),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, signs = rng.standard_normal((20, 2)), np.sign(rng.standard_normal((20, 2)))
    W = np.sqrt(0.3) * rng.integers(-1, 2, (20, 2))
    noise = sde.WeakIncrement(0.1, W, lambda width: signs[:, :width])
    np.testing.assert_allclose(
        method.step(model, 0.0, x, 0.1, noise), method.step(general, 0.0, x, 0.1, noise), rtol=1e-12
    )


def test_increments_have_their_law():
    """Frequencies of the discrete variables; false positives below 1e-6 in all."""
    clock, rows = np.linspace(0, 1, 5), 20_000
    steps = list(sde.weak_increments(dm.random.key(1), clock, (rows, 3), like=np.empty(0)))
    assert len(steps) == 4
    for noise in steps:
        size = np.sqrt(3 * 0.25)
        counts = [np.count_nonzero(np.isclose(noise.W, v)) for v in (-size, 0, size)]
        assert sum(counts) == 3 * rows
        expected = 3 * rows * np.array([1 / 6, 2 / 3, 1 / 6])
        assert stats.chisquare(counts, expected).pvalue > 1e-8
        S = noise.pair_signs()
        np.testing.assert_array_equal(S, -S.transpose(0, 2, 1))
        assert set(np.unique(S[:, 0, 1:])) == {-1.0, 1.0}
        upper = np.stack([S[:, 0, 1], S[:, 0, 2], S[:, 1, 2], noise.sign()[:, 0]])
        correlation = np.corrcoef(np.concatenate([upper, noise.W.T]))
        assert np.abs(correlation - np.eye(7)).max() < 6 / np.sqrt(rows)
    assert abs(np.corrcoef(steps[0].W[:, 0], steps[1].W[:, 0])[0, 1]) < 6 / np.sqrt(rows)


def test_rows_do_not_depend_on_the_batch(xp):
    key, clock = dm.random.key(2), [0.0, 0.5, 1.0]
    many = list(sde.weak_increments(key, clock, (8, 2), like=xp.empty()))
    few = list(sde.weak_increments(key, clock, (3, 2), like=xp.empty(), first_row=4))
    for whole, part in zip(many, few, strict=True):
        np.testing.assert_array_equal(xp.numpy(whole.W)[4:7], xp.numpy(part.W))
        np.testing.assert_array_equal(xp.numpy(whole.pair_signs())[4:7], xp.numpy(part.pair_signs()))


def test_every_library(xp):
    model = affine_sde("general").model()
    host = np.array([[0.8, -0.5], [0.1, 0.2]])
    for method in METHODS:
        found = sde.solve(model, xp.asarray(host), [0, 0.5, 1.0], method=method, key=dm.random.key(5)).x
        expected = sde.solve(model, host, [0, 0.5, 1.0], method=method, key=dm.random.key(5)).x
        np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-12)
        single = sde.solve(
            model, xp.asarray(host, "float32"), [0, 0.5, 1.0], method=method, key=dm.random.key(5)
        ).x
        assert xp.numpy(single).dtype == np.float32
        np.testing.assert_allclose(xp.numpy(single), expected, rtol=1e-4, atol=1e-5)


def test_expectations_by_sampling():
    """E cosh-type observable of a nonlinear SDE: against many fine strong steps, within 5 standard errors."""
    model, x0 = curved_sde().model, np.full((40_000, 2), 0.4)
    fine = sde.ensemble(model, x0, t_span=(0, 1), steps=128, method=sde.euler_maruyama, key=dm.random.key(1))
    for method in METHODS:
        coarse = sde.ensemble(model, x0, t_span=(0, 1), steps=8, method=method, key=dm.random.key(2))
        a, b = np.sin(fine).sum(axis=1), np.sin(coarse).sum(axis=1)
        error = abs(a.mean() - b.mean())
        assert error < 5 * np.hypot(a.std(), b.std()) / np.sqrt(len(a)) + 0.01


def test_refusals():
    strat = heisenberg_sde(calculus="stratonovich").model
    x0 = np.full((2, 3), 0.3)
    with pytest.raises(ValueError, match=r"dri1 solves .*got 'stratonovich'"):
        sde.solve(strat, x0, [0, 1.0], method=sde.dri1, key=dm.random.key(0))
    path = sde.BrownianPath(dm.random.key(0), (2, 2), 0.0, 1.0, like=x0)
    with pytest.raises(ValueError, match="its own kind of noise"):
        sde.solve(heisenberg_sde().model, x0, [0, 1.0], method=sde.w2ito1, path=path)
    with pytest.raises(ValueError, match="its own kind of noise"):
        sde.coupled(heisenberg_sde().model, x0, t_span=(0, 1), steps=4, method=sde.dri1, key=dm.random.key(0))
    with pytest.raises(TypeError, match=r"of type sde.TangXiaoTableau"):
        sde.TangXiaoStep(sde.dri1.step.tableau)
    with pytest.raises(TypeError, match=r"of type sde.WeakTableau"):
        sde.WeakStep(sde.w2ito1.step.tableau)


def test_tang_xiao_conditions_see_every_motion():
    names = [name for name, _ in symbolic.tang_xiao_conditions(sde.w2ito1.step.tableau.coefficients)]
    assert len(names) == len(set(names)) == 18
    assert any("b2" in name for name in names)
    euler = {"alpha": [1], "beta0": [1], "beta1": [0]}
    zeros = {name: [[0]] for name in ("A0", "B0", "A1", "B1", "B2")}
    failed = [r for _, r in symbolic.tang_xiao_conditions(euler | zeros) if r != 0]
    assert Fraction(-1, 2) in failed
