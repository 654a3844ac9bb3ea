"""Structures: their operations agree with dense linear algebra on A."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss

SEEDS = st.integers(0, 2**16)


@pytest.fixture
def rng():
    """A generator of each test's own: what it draws must not depend on the tests before it."""
    return np.random.default_rng(0)


SCALE = np.array([1.0, -2.0, 0.5, 3.0, -0.25, 1.5, 0.75])

SYSTEMS = {
    "legs": lambda n: ss.legs(n),
    "jacs": lambda n: ss.jacs(n, 0.7),
    "legt": lambda n: ss.legt(n, theta=2.5),
    "lagt": lambda n: ss.lagt(n, timescale=3.0),
    "lagt-alpha": lambda n: ss.lagt(n, 0.4, 0.3, timescale=2.0),
    "fout": lambda n: ss.fout(2 * (n // 2) + 1, theta=0.5),
    "fout-published": lambda n: ss.fout(2 * (n // 2) + 1, as_published=True),
    "foud": lambda n: ss.foud(2 * (n // 2) + 1, 0.9, theta=2.0),
    "legs-lmu": lambda n: ss.change_gauge(ss.legs(n), "lmu"),
    "legt-lmu": lambda n: ss.change_gauge(ss.legt(n), "lmu"),
    "legt-tilted": lambda n: ss.tilt(ss.legt(n), 0.8),
    "legs-tilted": lambda n: ss.tilt(ss.legs(n), 0.8),
    "fout-gauged": lambda n: ss.change_gauge(ss.tilt(ss.fout(5), 0.2), SCALE[:5]),
}
STRUCTURED = pytest.mark.parametrize("build", SYSTEMS.values(), ids=list(SYSTEMS))


def relative(found, wanted):
    return np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))


def dense_resolvent(system, C, B, p, g):
    identity = np.eye(system.order)
    return np.stack(
        [C @ np.linalg.solve(p * identity - g * system.A, B) for p, g in zip(p, g, strict=True)], 1
    )


@STRUCTURED
@pytest.mark.parametrize("order", [1, 2, 3, 8, 65])
def test_what_is_promised_is_a(build, order):
    system = build(order)
    assert not isinstance(system.structure, ss.Dense)
    assert system.structure.order == system.order
    # A few roundings of square roots and quotients.
    np.testing.assert_allclose(
        system.structure.entries(), system.A, rtol=2e-15, atol=1e-15 * abs(system.A).max()
    )


@STRUCTURED
@pytest.mark.parametrize("order", [1, 2, 3, 8, 65])
def test_products_and_solves_are_those_of_dense_algebra(build, order, rng):
    system, v = build(order), rng.standard_normal((2, 3, build(order).order))
    n = system.order
    # n eps of the terms that are summed.
    terms = np.max(np.abs(v) @ np.abs(system.A).T)
    assert np.max(np.abs(system.structure.multiply(v) - v @ system.A.T)) <= 4e-16 * n * terms
    for p, g in ((1.0, 0.01), (1.0, 2.0), (0.2, 0.5), (1.0, 0.0)):
        solved = system.structure.solve(p, g, v)
        residual = p * solved - g * (solved @ system.A.T) - v
        assert np.max(np.abs(residual)) <= 1e-14 * n * (
            np.max(np.abs(solved)) * (p + g * abs(system.A).max()) + 1
        )
    p, g = rng.uniform(0.5, 1.0, (2, 3)), rng.uniform(0.0, 1.0, (2, 3))
    one_by_one = [
        [system.structure.solve(float(p[i, j]), float(g[i, j]), v[i, j]) for j in range(3)] for i in range(2)
    ]
    np.testing.assert_allclose(system.structure.solve(p, g, v), one_by_one, rtol=1e-12, atol=1e-13)


@STRUCTURED
@pytest.mark.parametrize("order", [1, 2, 3, 8, 65])
def test_resolvents_are_those_of_dense_algebra(build, order, rng):
    system = build(order)
    omega = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 40), 2 * np.pi * np.arange(1.1, 5)])
    p, g = 1j * omega, np.ones_like(omega) + 0j
    C = rng.standard_normal((2, system.order))
    for B in (system.B, rng.standard_normal(system.order)):
        found, wanted = system.structure.resolvent(C, B, p, g), dense_resolvent(system, C, B, p, g)
        assert relative(found, wanted) <= 1e-12
    # One output row and one frequency grid each, and one input each, are rows of the whole.
    rows = system.structure.resolvent(C, B, np.stack([p, 2.0 * p]), np.stack([g, g]))
    np.testing.assert_allclose(rows[0], found[0], rtol=1e-9, atol=1e-12 * abs(found).max())
    np.testing.assert_allclose(rows[1], dense_resolvent(system, C, B, 2 * p, g)[1], rtol=1e-8, atol=1e-10)
    both = system.structure.resolvent(C, np.stack([B, 2 * B]), p, g)
    np.testing.assert_allclose(both[1], 2 * found[1], rtol=1e-9, atol=1e-12 * abs(found).max())


def test_a_dense_structure_answers_the_same(rng):
    A = ss.legt(6).A
    dense = ss.StateSpace(A, np.ones(6)).structure
    v, p, g = rng.standard_normal((4, 6)), np.array([1j, 2.0, 1 + 1j]), np.ones(3) + 0j
    np.testing.assert_allclose(dense.multiply(v), v @ A.T)
    np.testing.assert_allclose(dense.solve(1.0, 0.5, v), np.linalg.solve(np.eye(6) - A / 2, v.T).T)
    wanted = dense_resolvent(ss.legt(6), v, np.ones(6), p, g)
    np.testing.assert_allclose(dense.resolvent(v, np.ones(6), p, g), wanted)
    np.testing.assert_allclose(dense.resolvent(v, np.ones((4, 6)), p, g), wanted)
    np.testing.assert_allclose(dense.resolvent(v, np.ones(6), np.tile(p, (4, 1)), np.tile(g, (4, 1))), wanted)
    np.testing.assert_allclose(
        dense.transformed(rate=2.0, gauge=SCALE[:6]).A, (SCALE[:6, None] * (A - 2 * np.eye(6))) / SCALE[:6]
    )


@pytest.mark.parametrize("order", [3, 9, 65])
@pytest.mark.parametrize("theta", [1.0, 0.3])
def test_a_fourier_window_has_no_pole_at_its_own_waves(order, theta, rng):
    """pI - K is singular at p = 2 pi i k / theta, A is not."""
    system = ss.fout(order, theta).with_output(rng.standard_normal((2, order)))
    omega = 2.0 * np.pi / theta * np.arange(-(order // 2), order // 2 + 1)
    found = ss.frequency_response(system, omega)
    wanted = dense_resolvent(system, system.C, system.B, 1j * omega, np.ones_like(omega))
    assert relative(found, wanted) <= 1e-11
    # And next to them, where the block is singular up to rounding.
    for step in (1e-15, 1e-12, 1e-8):
        assert (
            relative(ss.frequency_response(system, omega * (1 + step)), wanted) <= 1e-11 + 10 * order * step
        )


def test_arrays_stay_where_they_are(xp, rng):
    for system in (
        ss.legs(5),
        ss.lagt(5, 0.4),
        ss.legt(5),
        ss.fout(5),
        ss.StateSpace(ss.legt(5).A, np.ones(5)),
    ):
        moved = ss.StateSpace(*(xp.asarray(part) for part in (system.A, system.B)))
        structure = moved.structure if isinstance(system.structure, ss.Dense) else system.structure
        v = rng.standard_normal((3, 5))
        for dtype, tolerance in (("float64", 1e-13), ("float32", 1e-5)):
            x = xp.asarray(v, dtype=dtype)
            for found, wanted in (
                (structure.multiply(x), system.structure.multiply(v)),
                (structure.solve(1.0, 0.25, x), system.structure.solve(1.0, 0.25, v)),
            ):
                assert found.dtype == x.dtype
                np.testing.assert_allclose(xp.numpy(found), wanted, rtol=tolerance, atol=tolerance)


@given(
    order=st.integers(1, 40), p=st.floats(0.01, 100.0), g=st.floats(0.0, 100.0), seed=st.integers(0, 2**16)
)
def test_solving_undoes_multiplying(order, p, g, seed):
    x = np.random.default_rng(seed).standard_normal(order)
    for structure in (ss.legs(order).structure, ss.legt(order).structure, ss.lagt(order).structure):
        v = p * x - g * structure.multiply(x)
        # Backward stable: the residual is some eps of the terms; A is accretive, so that errors shrink by p.
        terms = np.max(np.abs(v)) + g * order**2 * np.max(np.abs(x))
        assert np.max(np.abs(structure.solve(p, g, v) - x)) <= 1e-14 * order * terms / p


def test_the_structure_follows_a_diagonal_gauge_and_not_a_full_one():
    window = ss.legt(4)
    assert ss.change_gauge(window, "lmu").structure.name == "tridiagonal-inverse"
    assert ss.change_gauge(window, ss.jacobi_gauge(4, -0.5, -0.5)).structure.name == "dense"
    assert (
        repr(ss.change_gauge(window, "su"))
        == "StateSpace(order=4, continuous, legt, tridiagonal-inverse, float64)"
    )
    assert repr(ss.foud(3, 0.5).structure) == "BlockDiagonal(order=3, rank=1)"
    assert ss.fous(3).structure.name == "dense"


@pytest.mark.parametrize("order", [1, 2, 3, 65, 512])
@pytest.mark.parametrize("rate", [0.0, 0.8])
def test_no_pivot_of_the_legendre_window_is_small(order, rate):
    """The claim behind solving without pivoting: every pivot is at least half of |p + g rate|."""
    structure = ss.tilt(ss.legt(order, 0.3), rate).structure
    omega = np.concatenate([[0.0], np.geomspace(1e-6, 1e9, 300)])
    for s in (1j * omega, omega + 0j, omega * (1 + 5j)):
        half = 0.5 * (s + structure.rate)
        pivot, off = None, half * half
        for t, scale in zip(structure.diagonal, structure.left * structure.right, strict=True):
            own = 2.0 * half * t + scale
            pivot = own if pivot is None else own + off / pivot
            assert np.all(np.abs(pivot) >= np.abs(half) * (1 - 1e-12))


def test_systems_go_to_other_processes():
    """Structures, measures and origins are pickled with a system."""
    for system in (*(build(5) for build in SYSTEMS.values()), ss.bilinear(ss.legt(5), 0.1)):
        copy = pickle.loads(pickle.dumps(system))
        assert repr(copy) == repr(system)
        assert repr(copy.structure) == repr(system.structure)
        np.testing.assert_array_equal(copy.A, system.A)
        np.testing.assert_array_equal(copy.structure.entries(), system.structure.entries())


@pytest.mark.parametrize("order", [1, 2, 512])
def test_a_system_in_single_precision_keeps_its_structure(order):
    for build in (ss.legs, ss.legt, ss.lagt):
        system = build(order, like=np.empty(0, np.float32))
        assert type(system.structure) is type(build(order).structure)
        np.testing.assert_allclose(system.structure.entries(), system.A, rtol=1e-6)
