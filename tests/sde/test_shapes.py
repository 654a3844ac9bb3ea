"""What a diffusion may return, and states of several axes: one meaning each, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import random, sde

KEY = random.key(5)
TIMES = np.linspace(0, 1, 5)
ELEMENTWISE = ["additive", "diagonal", "scalar"]


def solve(g, noise="additive", x0=None, method=sde.euler_maruyama, **more):
    model = sde.SDE(lambda t, x: -x, g, noise=noise, **more)
    return sde.solve(model, np.ones((4, 3)) if x0 is None else x0, TIMES, method=method, key=KEY).x


@pytest.mark.parametrize("noise", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1), (1, 3), (4, 1)])
def test_constants_and_what_broadcasts_mean_the_full_array(xp, noise, shape):
    values = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    x0, g = xp.asarray(np.ones((4, 3))), xp.asarray(values)
    expected = solve(lambda t, x: values + 0 * x, noise)
    np.testing.assert_allclose(xp.numpy(solve(lambda t, x: g, noise, x0)), expected, rtol=1e-13)


@pytest.mark.parametrize("noise", ELEMENTWISE)
@pytest.mark.parametrize("number", [0.5, np.float64(0.5), 1])
def test_numbers_take_the_precision_of_the_state(noise, number):
    x0 = np.ones((4, 3), dtype=np.float32)
    found = solve(lambda t, x: number, noise, x0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, solve(lambda t, x: np.full_like(x, number), noise, x0))


@pytest.mark.parametrize(
    ("noise", "shape", "more"),
    [
        ("general", (3, 2), {}), ("general", (1, 3, 2), {}), ("commutative", (3, 2), {"noise_dim": 2}),
        ("additive", (1, 3, 2), {}), ("additive", (3, 2), {"noise_dim": 2}),
    ],
)  # fmt: skip
def test_one_matrix_for_all_rows(xp, noise, shape, more):
    matrix = np.linspace(-1, 1, 6).reshape(3, 2)
    expected = solve(lambda t, x: np.broadcast_to(matrix, (len(x), 3, 2)), noise)
    g = xp.asarray(matrix.reshape(shape))
    found = solve(lambda t, x: g, noise, xp.asarray(np.ones((4, 3))), **more)
    np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-13)


def test_a_derivative_broadcasts_as_the_diffusion_does():
    rates = np.array([0.3, 0.2, 0.1])
    full = solve(
        lambda t, x: rates * x, "diagonal", method=sde.milstein,
        diffusion_derivative=lambda t, x: rates + 0 * x,
    )  # fmt: skip
    for slope in (rates, rates[None]):
        found = solve(
            lambda t, x: rates * x,
            "diagonal",
            method=sde.milstein,
            diffusion_derivative=lambda t, x, s=slope: s,
        )
        np.testing.assert_array_equal(found, full)
    matrix = np.diag(rates)
    options = {"noise": "scalar", "method": sde.milstein}
    full = solve(
        lambda t, x: rates * x, diffusion_derivative=lambda t, x: matrix + np.zeros((len(x), 3, 3)), **options
    )
    for slope in (matrix, matrix[None]):
        found = solve(lambda t, x: rates * x, diffusion_derivative=lambda t, x, s=slope: s, **options)
        np.testing.assert_array_equal(found, full)


@pytest.mark.parametrize(
    ("noise", "g", "match"),
    [
        ("additive", lambda t, x: np.ones((3, 2)), r"a number, \(3,\), \(1, 3\), \(4, 1\); got.*noise_dim="),
        ("additive", lambda t, x: np.ones(4), r"got \(4,\)"),
        ("diagonal", lambda t, x: np.ones((2, 3)), r"got \(2, 3\).*noise='general'"),
        ("scalar", lambda t, x: np.ones((4, 2)), r"got \(4, 2\)"),
        ("general", lambda t, x: 0.5, r"a matrix per row, shape \(4, 3, noise_dim\), or one .*got a number"),
        ("general", lambda t, x: np.ones(3), r"got \(3,\)"),
        ("general", lambda t, x: x, r"got \(4, 3\)"),
        ("general", lambda t, x: np.ones((4, 1, 2)), r"got \(4, 1, 2\)"),
    ],
)  # fmt: skip
def test_other_shapes_are_refused_with_those_accepted(noise, g, match):
    with pytest.raises(ValueError, match=match):
        solve(g, noise)


@pytest.mark.parametrize(
    ("noise", "g", "match"),
    [
        ("additive", lambda t, x: np.eye(3), "the same for all rows.* a first axis of 1"),
        ("diagonal", lambda t, x: np.eye(3), "the same for all rows"),
        ("additive", lambda t, x: np.ones((3, 1)), "the same for all rows"),
        ("diagonal", lambda t, x: x[:, 0], r"one row each.*\(batch, 1\)"),
        ("general", lambda t, x: x, "one row each.*noise is 'diagonal'"),
        ("general", lambda t, x: x[:, :1], "one row each"),
    ],
)
def test_as_many_rows_as_components_are_not_read_by_chance(noise, g, match):
    """A matrix for all rows or a vector for each: decided by a call with another number of rows."""
    with pytest.raises(ValueError, match=match):
        solve(g, noise, np.ones((3, 3)))
    if noise == "general":
        return
    for right in (lambda t, x: 0.1 * x, lambda t, x: 0.1 * x[:, :1], lambda t, x: np.array([0.1, 0.2, 0.3])):
        declared = "scalar" if noise == "diagonal" else noise
        assert np.isfinite(solve(right, declared if noise == "diagonal" else "scalar", np.ones((3, 3)))).all()


@pytest.mark.parametrize("noise", ELEMENTWISE)
@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.milstein, sde.dri1], ids=lambda m: m.name)
def test_images_are_flat_rows(xp, noise, method):
    """The noise of component i of the flat state is the noise of the same component, for any axes."""
    shape = (4, 2, 3, 2)
    host = np.linspace(-1, 1, 48).reshape(shape)

    def drift(t, x):
        assert x.shape[1:] == shape[1:] or x.ndim == 2
        return -x

    g = 0.3 if noise == "additive" else None
    more = {}
    if noise == "diagonal":
        more["diffusion_derivative"] = lambda t, x: 0.2
    if noise == "scalar":
        eye = 0.2 * np.eye(12)
        more["diffusion_derivative"] = lambda t, x: xp.asarray(
            eye if x.ndim == 2 else eye.reshape(*shape[1:], *shape[1:])
        )
    model = sde.SDE(drift, lambda t, x: 0.2 * x + 0.1 if g is None else g, noise=noise, **more)
    options = {"method": method, "key": KEY}
    image = sde.solve(model, xp.asarray(host), TIMES, **options).x
    flat = sde.solve(model, xp.asarray(host.reshape(4, 12)), TIMES, **options).x
    assert tuple(image.shape) == (5, *shape)
    np.testing.assert_array_equal(xp.numpy(image).reshape(5, 4, 12), xp.numpy(flat))
    final = sde.ensemble(model, xp.asarray(host), t_span=(0.0, 1.0), steps=4, method=method, key=KEY, chunk=3)
    np.testing.assert_allclose(xp.numpy(final), xp.numpy(image[-1, ...]), rtol=1e-12)


def test_images_in_every_solver():
    host = np.linspace(0.5, 1, 24).reshape(4, 3, 2)
    columns = np.linspace(0, 1, 18).reshape(3, 2, 3)

    def solutions(x0):
        image = x0.ndim == 3
        matrix = columns if image else columns.reshape(6, 3)
        model = sde.SDE(lambda t, x: -x, lambda t, x: matrix, noise="general", noise_dim=3)
        options = {"method": sde.euler_maruyama, "key": KEY}
        solved = sde.solve(model, x0, TIMES, **options)
        path = sde.BrownianPath(KEY, (4, 3), 0.0, 1.0, like=host, steps=4)
        pair = sde.coupled(model, x0, t_span=(0.0, 1.0), steps=4, **options)
        yield from (
            solved.x,
            sde.interpolate(model, solved, [0.1, 0.25], method=sde.euler_maruyama, path=path),
        )
        yield from pair
        additive = sde.SDE(lambda t, x: -x, lambda t, x: 0.3, noise="additive")
        yield sde.solve_adaptive(additive, x0, TIMES, method=sde.sra1, key=KEY, rtol=1e-2).x

    for image, flat in zip(solutions(host), solutions(host.reshape(4, 6)), strict=True):
        assert image.shape == (*flat.shape[:-1], 3, 2)
        np.testing.assert_array_equal(image.reshape(flat.shape), flat)


def test_images_of_wrong_shape_are_named_as_the_user_knows_them():
    x0 = np.ones((4, 2, 3))
    with pytest.raises(ValueError, match=r"drift\(t, x\) must return shape \(4, 2, 3\); got \(4, 6\)"):
        solve_images(lambda t, x: x.reshape(4, 6), lambda t, x: 0.1, x0)
    with pytest.raises(
        ValueError, match=r"must return shape \(4, 2, 3\), or .*\(1, 2, 3\), \(4, 1, 1\); got \(3,\)"
    ):
        solve_images(lambda t, x: x, lambda t, x: np.ones(3), x0)
    channels = np.array([[1.0], [2.0]])
    found = solve_images(lambda t, x: -x, lambda t, x: channels, x0)
    np.testing.assert_array_equal(found, solve_images(lambda t, x: -x, lambda t, x: channels + 0 * x, x0))
    langevin = sde.Langevin(lambda t, q: -q, friction=1.0)
    with pytest.raises(ValueError, match=r"x0 of a Langevin must have shape \(batch, 2 n\)"):
        sde.solve(langevin, x0, TIMES, method=sde.baoab, key=KEY)


def solve_images(drift, g, x0):
    model = sde.SDE(drift, g, noise="additive")
    return sde.solve(model, x0, TIMES, method=sde.euler_maruyama, key=KEY).x
