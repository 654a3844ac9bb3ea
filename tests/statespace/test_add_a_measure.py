"""The recipe "add a measure", carried out: one class, one line, and a memory with exact values.

The measure is the one that S4's LegS matrices have when they are read without a clock of their own: Legendre
polynomials of exp(-age) under the weight exp(-age).
"""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import sympy
from numpy.polynomial.legendre import Legendre

from diffmath import statespace as ss
from diffmath import symbolic
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import legendre_basis, root_of_products
from diffmath.statespace._measures.translated import TranslatedMeasure
from diffmath.statespace._structure import jacobi


# The file, `diffmath/statespace/_measures/warped_legendre.py`.
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Warped(TranslatedMeasure):
    """The measure of `warped`."""

    name: ClassVar[str] = "warped"
    clock: ClassVar[str] = "endless"

    def unit_matrices(self, order):
        odd = 2.0 * np.arange(order) + 1.0
        return np.tril(-root_of_products(odd), -1) - np.diag(0.5 * (odd + 1.0)), np.sqrt(odd)

    def basis(self, order, t):
        return legendre_basis(order, array_namespace(t).exp(t - 1.0))

    def older(self, x, like):
        """Yield the integrals of sqrt(2n+1) P_n(2y-1) from y = 0, the beginning of time, to exp(-x)."""
        y = asarray_like(np.exp(-x), like)
        yield y
        polynomials = jacobi(2.0 * y - 1.0, 0.0, 0.0)
        before, here = next(polynomials), next(polynomials)
        for n, after in enumerate(polynomials, start=1):
            yield (0.5 / math.sqrt(2.0 * n + 1.0)) * (after - before)
            before, here = here, after

    def reach(self, order):
        return 46.0  # e^-46 is 1e-20


# The line, in `diffmath/statespace/__init__.py`: here the function that is exported there.
def warped(order, timescale=1.0):
    return build(Warped(length=timescale), order)


ORDER, TIMESCALE, DT = 6, 3.0, 0.1


@pytest.fixture
def system():
    return warped(ORDER, TIMESCALE)


def cells(samples):
    """The integrals of the kernels over the cells of age k DT to (k + 1) DT: (samples, ORDER), exact."""
    y = np.exp(-DT / TIMESCALE * np.arange(samples + 1))
    rows = []
    for n in range(ORDER):
        antiderivative = np.sqrt(2 * n + 1) * Legendre.basis(n, domain=[0.0, 1.0]).integ()
        rows.append(-np.diff(antiderivative(y)))
    return np.stack(rows, axis=1)


def test_the_matrices_are_the_derived_ones(system):
    measure = symbolic.Measure(
        name="warped",
        basis=lambda n, s: sympy.sqrt(2 * n + 1) * sympy.legendre(n, 2 * sympy.exp(-s) - 1),
        weight=lambda s: sympy.exp(-s),
        memory="translated",
        length=sympy.oo,
    )
    A, B = symbolic.derive_hippo(measure, 4)
    # Two roundings of each entry, one more for the unit of time.
    np.testing.assert_allclose(warped(4).A, np.array(A, dtype=float), rtol=1e-15)
    np.testing.assert_allclose(warped(4).B, np.array(B, dtype=float)[:, 0], rtol=1e-15)
    np.testing.assert_allclose(system.A[:4, :4] * TIMESCALE, np.array(A, dtype=float), rtol=1e-15)


def test_memory_and_projection_are_the_exact_integrals(system):
    u = np.random.default_rng(0).standard_normal((200, 2))
    exact = u[::-1].T @ cells(200)
    # Sums of 200 terms, each rounded.
    np.testing.assert_allclose(ss.project(system, u, dt=DT), exact, atol=1e-13)
    np.testing.assert_allclose(ss.memorize(system, u, ss.zoh, every=200, dt=DT)[-1], exact, atol=1e-13)
    half = ss.memorize(system, u[:90], ss.zoh, every=90, dt=DT)[-1]
    rest = ss.memorize(system, u[90:], ss.zoh, every=110, dt=DT, state=half, heard=90)[-1]
    np.testing.assert_allclose(rest, exact, atol=1e-13)


def test_every_array_library_gives_the_same(system, xp):
    u = np.random.default_rng(3).standard_normal((50, 2))
    c = ss.memorize(system, u, every=50, dt=DT)[-1]
    # Sums of 50 terms in another order.
    found = ss.memorize(system, xp.asarray(u), every=50, dt=DT)[-1, ...]
    np.testing.assert_allclose(xp.numpy(found), c, atol=1e-13)
    np.testing.assert_allclose(
        xp.numpy(ss.project(system, xp.asarray(u), dt=DT)), ss.project(system, u, dt=DT), atol=1e-13
    )
    values = ss.reconstruct(system, found, xp.asarray([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(xp.numpy(values), ss.reconstruct(system, c, [0.0, 0.5, 1.0]), atol=1e-13)


def test_a_polynomial_of_the_warped_age_is_read_back_exactly(system):
    """u = y^2 - y / 2 with y = exp(-age): its coefficients are integrals over y from 0 to 1."""
    x, w = np.polynomial.legendre.leggauss(10)
    y = 0.5 * (x + 1.0)
    c = (0.5 * w * (y**2 - 0.5 * y)) @ legendre_basis(ORDER, y)
    t = np.linspace(-4.0, 1.0, 23)
    np.testing.assert_allclose(
        ss.reconstruct(system, c, t), np.exp(2 * (t - 1)) - 0.5 * np.exp(t - 1), atol=1e-14
    )
    with pytest.raises(ValueError, match=r"t must be at most 1, the present; t\[0\] is 1.5"):
        ss.reconstruct(system, c, [1.5])


def test_the_steps_that_every_measure_has_are_second_order(system):
    errors = []
    for samples in (100, 200, 400, 800, 1600):
        u = np.sin(20.0 / samples * (np.arange(samples) + 0.5))
        options = {"every": samples, "dt": 20.0 / samples}
        exact = ss.memorize(system, u, ss.zoh, **options)
        errors.append(np.linalg.norm(ss.memorize(system, u, **options) - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


@pytest.mark.parametrize("method", ["auto", "powers", "doubling"])
def test_the_kernel_of_an_output_is_exact(system, method):
    """The value read 0.4 timescales ago, as a convolution."""
    read = ss.basis(system, [0.6])
    K = ss.kernel(ss.zoh(system.with_output(read), DT), 300, method=method)
    np.testing.assert_allclose(K, read @ cells(300).T, atol=1e-13)


def test_it_is_a_measure_like_any_other(system):
    assert repr(system) == "StateSpace(order=6, continuous, warped, dense, float64)"
    u = np.random.default_rng(1).standard_normal(50)
    gauge = 1.0 + 0.1 * np.random.default_rng(2).standard_normal((ORDER, ORDER)) + np.eye(ORDER)
    for scale in (np.arange(1.0, 7.0), gauge):
        changed = ss.change_gauge(system, scale)
        expected = np.diag(scale) if scale.ndim == 1 else scale
        found = ss.memorize(changed, u, dt=DT)
        # The condition of the gauge, some 30, times the rounding of 50 steps.
        np.testing.assert_allclose(found, ss.memorize(system, u, dt=DT) @ expected.T, atol=1e-12)
        again = pickle.loads(pickle.dumps(changed))
        np.testing.assert_array_equal(ss.memorize(again, u, dt=DT), found)
    with pytest.raises(ValueError, match=r"build it with statespace\.warped"):
        replace(system, B=-system.B)
