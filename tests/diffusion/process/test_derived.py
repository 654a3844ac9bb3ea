"""Derived from alpha and sigma: derivatives, coefficients of the SDE, the log-SNR and its inverse."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest
import sympy

from diffmath import diffusion
from diffmath.diffusion._process.derived import Differences, ratio

T = sympy.Symbol("t")
TRIGONOMETRIC = diffusion.Process(
    sympy.cos(sympy.pi * T / 2), sympy.sin(sympy.pi * T / 2), name="trigonometric"
)


def bare(process: diffusion.Process) -> diffusion.Process:
    """Return the process of alpha and sigma alone, given as callables."""
    return diffusion.Process(process.alpha, process.sigma, t_min=process.t_min, t_max=process.t_max)


@pytest.mark.parametrize(
    "process", [diffusion.vp(), diffusion.edm(), diffusion.flow(), TRIGONOMETRIC], ids=repr
)
def test_alpha_and_sigma_suffice(process: diffusion.Process) -> None:
    derived = bare(process)
    for q in (1e-3, 0.1, 0.5, 0.999):
        t = q * process.t_max
        # Fourth-order differences with steps of 2e-4 t_max: a relative error of 1e-9, more where sigma bends.
        for got, wanted in zip(
            derived.rates(t) + derived.coefficients(t), process.rates(t) + process.coefficients(t)
        ):
            assert math.isclose(got, wanted, rel_tol=2e-2 if q == 1e-3 else 1e-7, abs_tol=1e-9)
        lam = process.log_snr(t)
        assert math.isclose(derived.log_snr(t), lam, rel_tol=1e-13, abs_tol=1e-13)
        assert math.isclose(derived.time_of_log_snr(lam), t, rel_tol=1e-12)


def test_an_expression_is_exact_at_its_ends_and_differentiated_exactly() -> None:
    assert TRIGONOMETRIC.marginal(1.0) == (0.0, 1.0)
    assert TRIGONOMETRIC.marginal(0.0) == (1.0, 0.0)
    assert TRIGONOMETRIC.rates(1.0) == (-math.pi / 2, 0.0)
    assert (TRIGONOMETRIC.log_snr(1.0), TRIGONOMETRIC.log_snr(0.0)) == (-math.inf, math.inf)
    f, g2 = TRIGONOMETRIC.coefficients(0.3)
    assert math.isclose(f, -math.pi / 2 * math.tan(0.15 * math.pi), rel_tol=1e-14)
    assert math.isclose(g2, math.pi * math.tan(0.15 * math.pi), rel_tol=1e-14)


def test_an_expression_on_arrays(xp: Any) -> None:
    t = np.array([0.1, 0.5, 0.9])
    for got, wanted in zip(
        TRIGONOMETRIC.marginal(xp.asarray(t)), (np.cos(np.pi * t / 2), np.sin(np.pi * t / 2))
    ):
        np.testing.assert_allclose(xp.numpy(got), wanted, rtol=1e-15)
    constant = diffusion.Process(sympy.Integer(1), T, t_max=80.0)
    assert xp.numpy(constant.marginal(xp.asarray(t))[0]).shape == (3,)


def test_an_expression_whose_derivative_is_infinite_or_has_a_limit() -> None:
    root = diffusion.Process(sympy.sqrt(1 - T), sympy.sqrt(T), t_max=0.99)
    assert root.rates(0.0) == (-0.5, math.inf)
    limit = diffusion.Process(sympy.sin(T) / T, T)
    assert limit.marginal(0.0) == (1.0, 0.0)


def test_pickles_and_copies_keep_expressions() -> None:
    TRIGONOMETRIC.marginal(0.3)  # with compiled functions
    for copy in (pickle.loads(pickle.dumps(TRIGONOMETRIC)), dataclasses.replace(TRIGONOMETRIC, name="other")):
        assert copy.coefficients(0.3) == TRIGONOMETRIC.coefficients(0.3)


def test_the_inverse_of_the_log_snr() -> None:
    assert TRIGONOMETRIC.time_of_log_snr(math.inf) == 0.0
    assert TRIGONOMETRIC.time_of_log_snr(-math.inf) == 1.0
    for lam in (-30.0, -1.0, 0.0, 20.0, 300.0):
        wanted = 2 / math.pi * math.atan(math.exp(-lam))
        assert math.isclose(TRIGONOMETRIC.time_of_log_snr(lam), wanted, rel_tol=1e-12)
    found = TRIGONOMETRIC.time_of_log_snr(np.array([[0.0], [1.0]]))
    assert found.shape == (2, 1)
    ends = dataclasses.replace(TRIGONOMETRIC, t_max=0.5, time_of_log_snr=None)
    with pytest.raises(ValueError, match=r"lies between .* \(t_max\) and inf \(t=0\); got -1.0"):
        ends.time_of_log_snr(-1.0)


def test_the_inverse_refuses_arrays_of_other_libraries() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="for numbers and NumPy arrays; got Array"):
        TRIGONOMETRIC.time_of_log_snr(strict.zeros(2))


def test_an_expression_has_one_symbol() -> None:
    with pytest.raises(TypeError, match=r"sigma must be an expression in one symbol, the time; got \[s, t\]"):
        diffusion.Process(1 - T, T * sympy.Symbol("s"))


def test_wrong_derivatives_are_refused() -> None:
    for name in ("d_alpha", "d_sigma"):
        with pytest.raises(ValueError, match=f"{name} must equal the derivative of {name[2:]}; at t="):
            dataclasses.replace(diffusion.flow(), **{name: lambda t: 2.0 + 0 * t})


@pytest.mark.parametrize("power", range(5))
@pytest.mark.parametrize("t", [0.0, 1e-4, 0.5, 0.9997, 1.0])
def test_differences_are_exact_for_polynomials_of_degree_four(power: int, t: float) -> None:
    slope = Differences(lambda s: (1 + s) ** power, 1.0)(t)
    assert math.isclose(slope, power * (1 + t) ** (power - 1), rel_tol=1e-11, abs_tol=1e-11)  # eps / h


def test_differences_stay_where_the_function_is_defined() -> None:
    """The schedule alpha = sqrt(1 - t), sigma = sqrt(t) has no values before t = 0 and after t = 1."""
    process = diffusion.Process(lambda t: (1 - t) ** 0.5, lambda t: t**0.5)
    t = np.array([0.0, 1e-5, 0.5, 1 - 1e-5, 1.0])
    with np.errstate(all="raise"):
        d_alpha, d_sigma = process.rates(t)
    assert np.all(np.isfinite(d_alpha) & np.isfinite(d_sigma))
    np.testing.assert_allclose(d_alpha[:3], -0.5 / np.sqrt(1 - t[:3]), rtol=1e-9)
    np.testing.assert_allclose(d_sigma[2:], 0.5 / np.sqrt(t[2:]), rtol=1e-9)
    for k, at in enumerate(t):  # 1e-11: eps / h
        np.testing.assert_allclose(process.rates(float(at)), (d_alpha[k], d_sigma[k]), rtol=1e-11)


def test_differences_of_float32_times(xp: Any) -> None:
    process = bare(diffusion.vp_cosine())
    t = np.linspace(0.1, 1.0, 19)
    wanted = diffusion.vp_cosine().rates(t)
    for got, exact in zip(process.rates(xp.asarray(t, "float32")), wanted):
        assert got.dtype == xp.xp.float32
        # Rounding, eps / h = 1e-5, and h^4 f^(5).
        np.testing.assert_allclose(xp.numpy(got), exact, atol=5e-5)


def test_an_expression_whose_derivative_is_infinite_at_an_end() -> None:
    circle = diffusion.Process(sympy.sqrt(1 - T**2), T)
    assert circle.rates(1.0) == (-math.inf, 1.0)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(circle.rates(np.array([0.0, 1.0]))[0], [0.0, -math.inf])


def test_ratios_that_divide_by_zero() -> None:
    assert (ratio(1.0, 0.0), ratio(-2.0, 0.0)) == (math.inf, -math.inf)
    assert math.isnan(ratio(0.0, 0.0))
    np.testing.assert_array_equal(ratio(np.ones(2), np.array([0.0, 2.0])), [math.inf, 0.5])


def test_importing_the_package_loads_neither_sympy_nor_optimizers() -> None:
    """They take 0.5 s and 0.2 s, and few processes need them."""
    import subprocess
    import sys

    code = (
        "import sys, diffmath.diffusion; print([m for m in ('sympy', 'scipy.optimize') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
