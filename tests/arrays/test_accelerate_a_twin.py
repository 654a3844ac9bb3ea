"""The recipe "add a numba twin", carried out: a body, a kernel of the same name, and their test."""

from __future__ import annotations

import sys
import types

import array_api_compat as compat
import numpy as np
import pytest

import diffmath as dm
from diffmath._arrays.accelerate import _find, accelerated
from diffmath._arrays.namespace import array_namespace

COEFFICIENTS = (0.5, -1.0, 0.25, 2.0)


# File 1, `diffmath/toy/_polynomials.py`: the body, marked as accelerated.
def polynomial(x, coefficients):
    """Return the polynomial with these coefficients, the highest power first, at x of shape (n,)."""
    value = array_namespace(x).zeros_like(x)
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


# File 2, `diffmath/kernels/numba/toy.py`: a kernel with the name and the arguments of the body.
def _kernels() -> types.ModuleType:
    nb = pytest.importorskip("numba")

    @nb.njit
    def fill(x, coefficients, values):
        for i in range(x.size):
            value = 0.0
            for coefficient in coefficients:
                value = value * x[i] + coefficient
            values[i] = value

    def polynomial(x, coefficients):
        values = np.empty_like(x)
        fill(x, coefficients, values)
        return values

    module = types.ModuleType("diffmath.kernels.numba.toy")
    module.polynomial = polynomial
    return module


@pytest.fixture(scope="module")
def kernels():
    return _kernels()


@pytest.fixture
def function(kernels, monkeypatch):
    """The accelerated function, both files in their places."""
    monkeypatch.setattr(polynomial, "__module__", "diffmath.toy._polynomials")
    monkeypatch.setitem(sys.modules, kernels.__name__, kernels)
    _find.cache_clear()
    yield accelerated(polynomial)
    _find.cache_clear()


# File 3, a test: the kernel equals its body, and serves the arrays that it is for.
def test_the_kernel_equals_its_body(function, kernels):
    x = np.linspace(-2.0, 2.0, 101)
    assert function.kernel_for(x) is kernels.polynomial
    # Seven operations on terms below 24; a compiler may contract products and sums.
    np.testing.assert_allclose(function(x, COEFFICIENTS), function.reference(x, COEFFICIENTS), atol=1e-14)


def test_the_kernel_serves_numpy_and_what_shares_its_memory(function, xp):
    x = xp.asarray(np.linspace(-2.0, 2.0, 11))
    on_host = xp.name in ("numpy", "numpy-readonly", "torch", "jax")
    assert (function.kernel_for(x) is not None) == on_host
    assert (function.kernel_for(x, x) is not None) == on_host
    assert function.kernel_for(COEFFICIENTS) is None
    if not compat.is_numpy_array(x):
        assert function.kernel_for(x, np.ones(1)) is None
    np.testing.assert_allclose(
        xp.numpy(function(x, COEFFICIENTS)), np.polyval(COEFFICIENTS, np.linspace(-2.0, 2.0, 11)), atol=1e-14
    )


def test_reference_only_switches_the_kernel_off(function, kernels, monkeypatch):
    calls = []
    monkeypatch.setattr(kernels, "polynomial", lambda x, coefficients: calls.append(x))
    _find.cache_clear()
    x = np.ones(3)
    with dm.reference_only():
        assert function.kernel_for(x) is None
        np.testing.assert_array_equal(function(x, COEFFICIENTS), np.full(3, sum(COEFFICIENTS)))
        with dm.reference_only():
            pass
        assert function.kernel_for(x) is None
    assert not calls
    assert function(x, COEFFICIENTS) is None
    assert len(calls) == 1


def test_without_the_kernel_the_body_runs(function, kernels, monkeypatch):
    monkeypatch.delattr(kernels, "polynomial")
    _find.cache_clear()
    x = np.ones(3)
    assert function.kernel_for(x) is None
    np.testing.assert_array_equal(function(x, COEFFICIENTS), np.full(3, sum(COEFFICIENTS)))
