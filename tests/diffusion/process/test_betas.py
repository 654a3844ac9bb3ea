"""Named tables of betas: their definitions, what other libraries compute, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion


def test_spaced_tables() -> None:
    np.testing.assert_allclose(diffusion.betas("linear"), np.linspace(1e-4, 0.02, 1000), rtol=1e-15)
    roots = np.sqrt(diffusion.betas("scaled_linear"))
    np.testing.assert_allclose(np.diff(roots), roots[1] - roots[0], rtol=1e-10)
    assert (roots[0] ** 2, roots[-1] ** 2) == pytest.approx((0.00085, 0.012), rel=1e-14)
    sigmoid = diffusion.betas("sigmoid", 5, start=0.1, end=0.3)
    assert sigmoid[2] == pytest.approx(0.2, rel=1e-14)
    assert sigmoid[0] == pytest.approx(0.1 + 0.2 / (1 + math.exp(6)), rel=1e-14)


@pytest.mark.parametrize("name", ["squaredcos_cap_v2", "exp", "laplace"])
def test_capped_tables_have_the_cumulative_product(name: Any) -> None:
    def square(t: float) -> float:
        if name == "exp":
            return math.exp(-12 * t)
        if name == "laplace":  # a Laplace law of the log-SNR: t is its upper quantile
            ratio = (2 * t + 1e-6) ** -0.5 if t <= 0.5 else (2 * (1 - t) + 1e-6) ** 0.5
            return ratio / (1 + ratio)
        return math.cos(math.pi / 2 * (t + 0.008) / 1.008) ** 2

    n = 40
    found = np.cumprod(1 - diffusion.betas(name, n))
    # The cap of 0.999 changes the last product of the cosine only, which would be 0.
    for i in range(n - 1):
        assert math.isclose(found[i], square((i + 1) / n) / square(0.0), rel_tol=1e-11)


def test_the_cap() -> None:
    assert diffusion.betas("squaredcos_cap_v2")[-1] == 0.999
    assert diffusion.betas("squaredcos_cap_v2", beta_max=0.9).max() == 0.9


def test_the_published_laplace_is_the_root() -> None:
    right, published = (np.cumprod(1 - diffusion.betas("laplace", 30, as_published=p)) for p in (False, True))
    np.testing.assert_allclose(published, np.sqrt(right), rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "exp", "laplace"]
)
def test_every_table_is_a_process(name: Any) -> None:
    process = diffusion.from_betas(diffusion.betas(name))
    assert np.all(np.diff(process.log_snr(np.linspace(0.0, 1.0, 5001))) < 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diffusion.betas("cosine"), r"name must be one of 'linear', .*'laplace'; got 'cosine'"),  # type: ignore[arg-type]
        (lambda: diffusion.betas("linear", 0), r"N must be at least 1; got 0"),
        (lambda: diffusion.betas("linear", as_published=True), r'as_published=True is for "laplace"'),
        (lambda: diffusion.betas("exp", start=0.1), r"'exp' has no first and last beta"),
        (
            lambda: diffusion.betas("linear", end=1.0),
            r"betas must lie in \(0, 1\); got start=0.0001, end=1.0",
        ),
        (lambda: diffusion.betas("exp", beta_max=1.0), r"beta_max must lie in \(0, 1\); got 1.0"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
