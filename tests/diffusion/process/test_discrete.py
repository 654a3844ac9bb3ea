"""from_betas, from_alphas_cumprod and zero_terminal_snr: values, equivalence, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

BETAS = diffusion.betas("linear", 20, start=0.01, end=0.4)


def test_betas_are_cumulated() -> None:
    found = diffusion.from_betas(BETAS)
    np.testing.assert_allclose(found.alphas_cumprod, np.cumprod(1 - BETAS), rtol=1e-14)
    assert (found.t_min, found.t_max) == (0.05, 1.0)
    assert repr(found) == "Process('discrete(20, smooth)', t: 0.05 -> 1)"
    same = diffusion.from_alphas_cumprod(np.cumprod(1 - BETAS))
    for t in (0.01, 0.33, 1.0):
        assert math.isclose(found.alpha(t), same.alpha(t), rel_tol=1e-13)


def test_small_betas_keep_their_digits() -> None:
    """1 - alpha^2 = beta at index 0, where the product has lost the digits of beta."""
    found = diffusion.from_betas([1e-12, 0.5])
    assert math.isclose(found.sigma(0.5) ** 2, 1e-12, rel_tol=1e-14)


def test_a_last_beta_of_one_is_zero_terminal_snr() -> None:
    assert diffusion.from_betas([0.1, 0.3, 1.0]).marginal(1.0) == (0.0, 1.0)


def test_zero_terminal_snr_of_a_table() -> None:
    """Lin et al., algorithm 1, and its effects: the first alpha is kept, the last is 0."""
    squares = np.cumprod(1 - BETAS)
    rescaled = diffusion.zero_terminal_snr(squares)
    roots = np.sqrt(squares)
    shifted = roots - roots[-1]
    np.testing.assert_allclose(rescaled, (shifted * (roots[0] / shifted[0])) ** 2, rtol=1e-13)
    assert math.isclose(rescaled[0], squares[0], rel_tol=1e-15)
    assert rescaled[-1] == 0.0
    found = diffusion.zero_terminal_snr(diffusion.from_betas(BETAS, "log_alpha"))
    assert repr(found) == "Process('discrete(20, log_alpha)', t: 0.05 -> 1)"
    assert found.marginal(1.0) == (0.0, 1.0)


@pytest.mark.parametrize("process", [diffusion.vp(0.1, 6.0), diffusion.vp_exponential(2.0)], ids=repr)
def test_zero_terminal_snr_of_a_process(xp: Any, process: diffusion.Process) -> None:
    found = diffusion.zero_terminal_snr(process)
    assert found.marginal(1.0) == (0.0, pytest.approx(1.0, rel=1e-15))
    assert found.marginal(0.0) == (1.0, 0.0)
    least = process.alpha(1.0)
    for t in (1e-7, 0.1, 0.6, 0.95):
        alpha = (process.alpha(t) - least) / (1 - least)
        assert math.isclose(found.alpha(t), alpha, rel_tol=1e-13)
        # 1 - alpha^2 cancels, by which this value of sigma^2 is good to 1e-16 only.
        assert math.isclose(found.sigma(t) ** 2, 1 - alpha**2, rel_tol=1e-12, abs_tol=1e-15)
        assert math.isclose(found.time_of_log_snr(found.log_snr(t)), t, rel_tol=1e-13)
        for value, rate in ((found.alpha, found.d_alpha), (found.sigma, found.d_sigma)):
            h = 1e-5 * t  # alpha hardly changes at the first time
            difference = (value(t + h) - value(t - h)) / (2 * h)
            assert math.isclose(difference, rate(t), rel_tol=1e-5, abs_tol=1e-3 if t < 0.01 else 0.0)
    # Near the data sigma keeps its digits: sigma'^2 = sigma^2 / (1 - least) to first order.
    assert math.isclose(found.sigma(1e-7) ** 2, process.sigma(1e-7) ** 2 / (1 - least), rel_tol=1e-6)
    t = np.array([0.0, 0.3, 1.0])
    got = xp.numpy(found.sigma(xp.asarray(t)))
    np.testing.assert_allclose(got, [found.sigma(float(s)) for s in t], rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: diffusion.from_betas([0.1, 1.2]), ValueError, r"in \(0, 1\), .* got 1.2 at index 1"),
        (lambda: diffusion.from_betas([1.0, 0.2]), ValueError, r"betas must lie in \(0, 1\)"),
        (lambda: diffusion.from_betas([0.0, 0.2]), ValueError, r"got 0.0 at index 0"),
        (lambda: diffusion.from_betas([]), ValueError, r"finite numbers of shape \(N,\); got shape \(0,\)"),
        (lambda: diffusion.from_betas([[0.1]]), ValueError, r"got shape \(1, 1\)"),
        (lambda: diffusion.from_betas([0.1, math.nan]), ValueError, r"finite numbers"),
        (lambda: diffusion.from_betas("linear"), TypeError, r"betas must be numbers on the host"),
        (lambda: diffusion.from_betas([1e-30, 0.1]), ValueError, None),
        (lambda: diffusion.from_betas([0.1], "cubic"), ValueError, r"'log_sigma'; got 'cubic'"),  # type: ignore[arg-type]
        (lambda: diffusion.from_alphas_cumprod([0.9, 0.95]), ValueError, r"must be strictly decreasing"),
        (lambda: diffusion.from_alphas_cumprod([1.0, 0.5]), ValueError, r"must be strictly decreasing"),
        (lambda: diffusion.from_alphas_cumprod([0.5, -0.1]), ValueError, r"must be strictly decreasing"),
        (lambda: diffusion.from_alphas_cumprod([0.0]), ValueError, r"must be strictly decreasing"),
        (
            lambda: diffusion.zero_terminal_snr([0.5, 0.0]),
            ValueError,
            r"must fall from alpha = 0.70.* ends at 0",
        ),
        (lambda: diffusion.zero_terminal_snr(diffusion.vp_cosine()), ValueError, r"it ends at 0"),
        (lambda: diffusion.zero_terminal_snr(diffusion.edm()), ValueError, r"needs alpha\^2 \+ sigma\^2 = 1"),
        (lambda: diffusion.zero_terminal_snr("vp"), TypeError, r"alphas_cumprod must be numbers"),
    ],
)
def test_refusals(call: Any, error: type[Exception], message: str | None) -> None:
    if message is None:  # accepted: log1p keeps a beta that the product would lose
        assert call().sigma(0.5) == pytest.approx(1e-15)
        return
    with pytest.raises(error, match=message):
        call()
