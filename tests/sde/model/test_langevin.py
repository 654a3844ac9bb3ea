"""The model: state, noise, Jacobian, thermal initial states, and refused arguments."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from diffmath import SolveError, random, sde

KEY = random.key(2)


def cubic(t, q):
    return q - q**3


def cubic_jacobian(t, q):
    return (1 - 3 * q**2)[:, :, None] * np.eye(q.shape[1])


def model(**options):
    return sde.Langevin(cubic, **{"friction": 0.5, "temperature": 2.0, "mass": [1.0, 4.0], **options})


def test_the_equation_by_hand():
    x = np.array([[2.0, 1.0, 0.5, -1.0]])
    # v, then F / m - friction v: (2 - 8) / 1 - 0.25 and 0 / 4 + 0.5
    np.testing.assert_allclose(model().drift(0.0, x), [[0.5, -1.0, -6.25, 0.5]])
    g = model().diffusion(0.0, x)
    size = np.sqrt(2 * 0.5 * 2.0 / np.array([1.0, 4.0]))
    np.testing.assert_allclose(g[0], np.concatenate([np.zeros((2, 2)), np.diag(size)]))
    np.testing.assert_allclose(model().noise_size(x), size)
    assert model(mass=1.0).noise_size(x) == pytest.approx(np.sqrt(2.0))


def test_it_is_an_sde_with_additive_noise():
    assert isinstance(model(), sde.SDE)
    assert (model().noise, model().calculus, model().noise_dim) == ("additive", "ito", None)
    assert repr(model(mass=2)) == "Langevin(friction=0.5, temperature=2, mass=2)"
    assert repr(model()) == "Langevin(friction=0.5, temperature=2, mass=(1.0, 4.0))"
    again = pickle.loads(pickle.dumps(model()))
    x = np.ones((1, 4))
    np.testing.assert_array_equal(again.drift(0.0, x), model().drift(0.0, x))


def test_methods_for_additive_noise_solve_it():
    """Euler-Maruyama, of order 1, approaches baoab on one path."""
    x0 = model().thermal(np.zeros((50, 2)), KEY)
    exact = sde.solve(model(), x0, [0.0, 1.0], method=sde.baoab, key=KEY, substeps=4096).x[-1]
    errors = [
        abs(
            sde.solve(model(), x0, [0.0, 1.0], method=sde.euler_maruyama, key=KEY, substeps=n).x[-1] - exact
        ).mean()
        for n in (32, 64, 128, 256, 512)
    ]
    assert np.mean(np.log2(np.divide(errors[:-1], errors[1:]))) == pytest.approx(1.0, abs=0.15)


def test_the_jacobian_is_that_of_the_drift(xp):
    given = sde.Langevin(
        lambda t, q: q - q**3,
        friction=0.5,
        mass=[1.0, 4.0],
        force_jacobian=lambda t, q: (1 - 3 * q**2)[:, :, None] * xp.asarray(np.eye(2)),
    )
    x = np.random.default_rng(0).normal(size=(3, 4))
    got = xp.numpy(given.drift_jacobian(0.0, xp.asarray(x)))
    eps = 1e-6
    for j in range(4):
        step = eps * np.eye(4)[j]
        difference = (model().drift(0.0, x + step) - model().drift(0.0, x - step)) / (2 * eps)
        np.testing.assert_allclose(got[:, :, j], difference, atol=1e-8)
    assert model().drift_jacobian is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_thermal_velocities(xp, dtype):
    q = xp.asarray(np.zeros((4, 2)), dtype)
    x = model().thermal(q, KEY)
    assert x.dtype == q.dtype
    whole = model().thermal(np.zeros((4, 2)), KEY)
    np.testing.assert_allclose(xp.numpy(x), whole, rtol=1e-6 if dtype == "float32" else 1e-13)
    part = model().thermal(q[1:3, :], KEY, first_row=1)
    np.testing.assert_array_equal(xp.numpy(part), xp.numpy(x)[1:3])


def test_the_law_of_thermal_velocities():
    v = model().split(model().thermal(np.zeros((100_000, 2)), KEY))[1]
    # 6 standard errors of a variance, sqrt(2 / n): false positives below 1e-8 each
    np.testing.assert_allclose(v.var(axis=0), [2.0, 0.5], rtol=6 * np.sqrt(2e-5))


def test_thermal_velocities_are_not_the_noise_of_the_key():
    v = model(mass=1.0).thermal(np.zeros((1000, 2)), KEY)[:, 2:]
    (dW,) = sde.brownian_increments(random.fold_in(KEY, "sde.path"), [0.0, 1.0], (1000, 2), like=v)
    assert abs(np.corrcoef(v[:, 0], dW[:, 0])[0, 1]) < 6 / np.sqrt(1000)  # 6 standard errors


def test_split_and_join_are_inverse(xp):
    x = xp.asarray(np.arange(24.0).reshape(2, 3, 4))
    q, v = model().split(x)
    assert tuple(q.shape) == (2, 3, 2)
    np.testing.assert_array_equal(xp.numpy(model().join(q, v)), xp.numpy(x))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"friction": -1.0}, ValueError, "friction must be finite and >= 0; got -1.0"),
        ({"temperature": float("nan")}, ValueError, "temperature must be finite and >= 0; got nan"),
        ({"mass": 0.0}, ValueError, "mass must be finite and > 0; got 0.0"),
        ({"mass": [1.0, -2.0]}, ValueError, r"mass\[1\] must be finite and > 0; got -2.0"),
        ({"mass": [[1.0]]}, TypeError, r"mass\[0\] must be a number; got list"),
        ({"mass": []}, ValueError, "one for every component; got none"),
        ({"friction": "1"}, TypeError, "friction must be a number; got str"),
        ({"force_jacobian": 3}, TypeError, "force_jacobian must be a callable"),
    ],
)
def test_wrong_parameters(options, error, match):
    with pytest.raises(error, match=match):
        model(**options)


def test_wrong_callables_and_states():
    with pytest.raises(TypeError, match=r"a force is called as force\(t, x\)"):
        sde.Langevin(lambda x, t: -x, friction=1.0)
    with pytest.raises(
        ValueError, match=r"shape \(batch, 2 n\), positions and then velocities; got \(1, 3\)"
    ):
        sde.solve(model(mass=1.0), np.zeros((1, 3)), [0.0, 1.0], method=sde.baoab, key=KEY)
    with pytest.raises(ValueError, match=r"shape \(batch, 4\).*got \(1, 6\)"):
        sde.solve(model(), np.zeros((1, 6)), [0.0, 1.0], method=sde.ubu, key=KEY)
    flat = sde.Langevin(lambda t, q: q[:, :1], friction=1.0)
    with pytest.raises(ValueError, match=r"force\(t, q\) must return shape \(1, 2\); got \(1, 1\)"):
        sde.solve(flat, np.zeros((1, 4)), [0.0, 1.0], method=sde.baoab, key=KEY)
    with pytest.raises(ValueError, match=r"shape \(batch, 4\)"):
        model().thermal(np.zeros((1, 3)), KEY)
    wide = model(force_jacobian=lambda t, q: q)
    with pytest.raises(ValueError, match=r"force_jacobian\(t, q\) must return shape \(1, 2, 2\)"):
        wide.drift_jacobian(0.0, np.zeros((1, 4)))


def mutating(t, q):
    q *= 0.5
    return -q


def raising(t, q):
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    "method", [sde.baoab, sde.ubu, sde.implicit_euler_maruyama, sde.skencarp], ids=lambda m: m.name
)
@pytest.mark.parametrize(
    ("force", "error", "match"),
    [
        (lambda t, q: [[1.0]], TypeError, r"the result of force\(t, q\) must be an array.*got list"),
        (lambda t, q: None, TypeError, "got NoneType"),
        (lambda t, q: 1j * q, TypeError, r"force\(t, q\) must return real numbers"),
        (lambda t, q: np.ones(q.shape, int), TypeError, "must return floating numbers"),
        (mutating, TypeError, r"drift\(t, x\) modified its argument x"),
        (raising, RuntimeError, "mine"),
        (lambda t, q: np.nan * q, SolveError, r"t=0.1 in all rows; use more substeps"),
        (lambda t, q: 0.0 * q + np.inf, SolveError, r"t=0.1 in all rows; use more substeps"),
    ],
    ids=["list", "nothing", "complex", "integers", "mutates", "raises", "nan", "infinite"],
)  # fmt: skip
def test_forces_that_misbehave(method, force, error, match):
    with pytest.raises(error, match=match):
        sde.solve(sde.Langevin(force, friction=1.0), np.ones((2, 2)), [0.0, 0.1], method=method, key=KEY)


def test_nothing_depends_on_how_numpy_treats_floating_point_errors():
    x0 = model().thermal(np.zeros((5, 2)), KEY)
    for method in (sde.baoab, sde.ubu, sde.align, sde.should, sde.quicsort, sde.implicit_euler_maruyama):
        calm = sde.solve(model(), x0, [0.0, 0.1, 0.2], method=method, key=KEY).x
        with np.errstate(all="raise"):
            strict = sde.solve(model(), x0, [0.0, 0.1, 0.2], method=method, key=KEY).x
        np.testing.assert_array_equal(calm, strict)


def test_interpolation_uses_the_path():
    x0 = model().thermal(np.zeros((5, 2)), KEY)
    path = sde.BrownianPath(KEY, (5, 2), 0.0, 1.0, like=x0, terms="HK", steps=10)
    coarse = sde.solve(model(), x0, np.linspace(0, 1, 11), method=sde.ubu, path=path)
    between = sde.interpolate(model(), coarse, [0.15, 0.75], method=sde.ubu, path=path)
    fine = sde.solve(model(), x0, np.linspace(0, 1, 161), method=sde.ubu, path=path).x[[24, 120]]
    # The error of ubu at h = 0.1 is 5e-3; between the saved states linearly, velocities would be off by 0.2.
    np.testing.assert_allclose(between, fine, atol=2e-2)
    linear = 0.5 * (coarse.x[[1, 7]] + coarse.x[[2, 8]])
    assert abs(linear - fine).max() > 0.1
