"""Tables in continuous time: exact nodes, the named interpolants, derivatives, kinks, ends and inverses."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion

BETAS = diffusion.betas("scaled_linear", 50)
SQUARES = np.cumprod(1 - BETAS)
TO_ZERO = diffusion.zero_terminal_snr(SQUARES)
INTERPOLATIONS = ["smooth", "log_alpha", "log_sigma"]
TABLES = [SQUARES, TO_ZERO, [0.9], [0.5, 0.0], [0.99, 0.1], [0.7, 0.69, 0.2, 0.19, 0.0]]


def process(squares: Any, interpolation: str = "smooth") -> diffusion.Process:
    return diffusion.from_alphas_cumprod(squares, interpolation)  # type: ignore[arg-type]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("squares", TABLES, ids=len)
def test_nodes_and_ends(squares: Any, interpolation: str) -> None:
    found = process(squares, interpolation)
    n = len(squares)
    for i, square in enumerate(squares):
        assert math.isclose(found.alpha((i + 1) / n) ** 2, square, rel_tol=1e-12, abs_tol=1e-30)
    assert found.marginal(0.0) == (1.0, 0.0)
    assert found.log_snr(0.0) == math.inf
    assert found.time_of_log_snr(math.inf) == 0.0


def test_log_alpha_is_linear_in_time() -> None:
    found = process(SQUARES, "log_alpha")
    for k in (0, 1, 7, 49):
        left, right = (0.0 if i < 0 else math.log(SQUARES[i]) for i in (k - 1, k))
        for place in (0.25, 0.5):
            t = (k + place) / 50
            assert math.isclose(2 * math.log(found.alpha(t)), left + place * (right - left), rel_tol=1e-12)


def test_log_sigma_is_linear_in_time() -> None:
    found = process(SQUARES, "log_sigma")
    levels = np.log(np.sqrt((1 - SQUARES) / SQUARES))
    for k in (1, 7, 49):
        t = (k + 0.25) / 50
        wanted = 0.75 * levels[k - 1] + 0.25 * levels[k]
        assert math.isclose(math.log(found.sigma(t) / found.alpha(t)), wanted, rel_tol=1e-11)


@pytest.mark.parametrize("squares", [SQUARES, TO_ZERO], ids=["table", "zero terminal"])
def test_smooth_has_no_kinks_and_the_others_have(squares: Any) -> None:
    for interpolation in INTERPOLATIONS:
        found = process(squares, interpolation)
        jumps = []
        for i in range(1, 50):
            left, right = (found.d_alpha(i / 50 * (1 + side * 1e-11)) for side in (-1, 1))
            jumps.append(abs(left / right - 1))
        assert (max(jumps) < 1e-8) is (interpolation == "smooth")


@given(parts=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=9), to_zero=st.booleans())
def test_smooth_is_monotone_for_any_table(parts: list[float], to_zero: bool) -> None:
    """Fritsch and Carlson: whatever the table, the log-SNR falls."""
    squares = np.cumprod(np.asarray(parts) * 0.95 + 0.02)
    found = process([*squares, 0.0] if to_zero else squares)
    t = np.linspace(0.0, 1.0, 301)
    lam = np.asarray(found.log_snr(t))
    assert np.all(np.diff(lam) < 0)
    assert np.all(np.asarray(found.d_alpha(t[1:])) <= 1e-15)
    for s in (0.11, 0.53, 0.97):
        assert math.isclose(found.time_of_log_snr(found.log_snr(s)), s, rel_tol=1e-6)  # slopes may vanish


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("squares", [SQUARES, TO_ZERO], ids=["table", "zero terminal"])
def test_derivatives_and_inverses(squares: Any, interpolation: str) -> None:
    found = process(squares, interpolation)
    for t in (0.003, 0.0101, 0.309, 0.611, 0.9853, 0.9972):
        h = 1e-6
        # Central differences inside a cell: h^2 times the third derivative, and rounding / h.
        for value, rate in ((found.alpha, found.d_alpha), (found.sigma, found.d_sigma)):
            assert math.isclose((value(t + h) - value(t - h)) / (2 * h), rate(t), rel_tol=1e-6)
        alpha, sigma = found.marginal(t)
        assert math.isclose(alpha**2 + sigma**2, 1.0, rel_tol=1e-14)
        assert math.isclose(found.log_snr(t), math.log(alpha / sigma), rel_tol=1e-12, abs_tol=1e-13)
        assert math.isclose(found.time_of_log_snr(found.log_snr(t)), t, rel_tol=1e-12)
        assert math.isclose(found.f(t), found.d_alpha(t) / alpha, rel_tol=1e-13)
        assert math.isclose(found.g2(t), -2 * found.f(t), rel_tol=1e-13)
    last = squares[-1]
    least = -math.inf if last == 0 else 0.5 * math.log(last / (1 - last))
    assert math.isclose(found.time_of_log_snr(found.log_snr(1.0)), 1.0, rel_tol=1e-12)
    assert found.log_snr(1.0) == pytest.approx(least, rel=1e-12)


def test_alpha_falls_to_zero_linearly() -> None:
    for interpolation in INTERPOLATIONS:
        found = process(TO_ZERO, interpolation)
        assert found.marginal(1.0) == (0.0, 1.0)
        assert math.isclose(found.d_alpha(1.0), -50 * math.sqrt(TO_ZERO[-2]), rel_tol=1e-12)
        assert math.isclose(found.alpha(0.99), math.sqrt(TO_ZERO[-2]) / 2, rel_tol=1e-12)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("squares", [SQUARES, TO_ZERO], ids=["table", "zero terminal"])
def test_arrays_and_pickles(xp: Any, squares: Any, interpolation: str) -> None:
    found = pickle.loads(pickle.dumps(process(squares, interpolation)))
    t = np.array([[0.0, 0.004, 0.02], [0.31, 0.993, 1.0]])
    for role in ("alpha", "sigma", "d_alpha", "d_sigma", "f", "g2", "log_snr"):
        got = xp.numpy(getattr(found, role)(xp.asarray(t)))
        wanted = np.reshape([getattr(found, role)(float(s)) for s in t.ravel()], t.shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-11, err_msg=role)
    single = found.alpha(xp.asarray(t, "float32"))
    assert single.dtype == xp.xp.float32


def test_a_fine_table_tends_to_its_process() -> None:
    """The smooth interpolant of N exact nodes of vp: its error falls like 1/N^3 or faster inside."""
    exact = diffusion.vp()
    errors = []
    for n in (25, 50, 100, 200, 400):
        found = process([exact.alpha((i + 1) / n) ** 2 for i in range(n)])
        t = np.linspace(0.2, 0.9, 997)
        errors.append(np.max(np.abs(np.asarray(found.log_snr(t)) - np.asarray(exact.log_snr(t)))))
    assert np.min(np.log2(np.divide(errors[:-1], errors[1:]))) > 2.85
