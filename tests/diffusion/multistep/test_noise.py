"""Presets in noise form against the updates of the literature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from diffmath import diffusion

VP = diffusion.vp()


def several_steps(most: int) -> Any:
    def update(x: Any, E: Any, lambdas: Any, t: float) -> Any:
        h = -math.log(t) - lambdas[0]
        P1 = math.expm1(h)
        P2 = P1 / h - 1
        P3 = P2 / h - 0.5
        x = x - t * P1 * E[0]
        if len(E) == 1:
            return x
        d10 = (E[0] - E[1]) * h / (lambdas[0] - lambdas[1])
        if min(len(E), most) == 2:
            return x - t * 0.5 * P1 * d10
        d11 = (E[1] - E[2]) * h / (lambdas[1] - lambdas[2])
        r0, r1 = (lambdas[0] - lambdas[1]) / h, (lambdas[1] - lambdas[2]) / h
        d1, d2 = d10 + r0 / (r0 + r1) * (d10 - d11), (d10 - d11) / (r0 + r1)
        return x - t * (P2 * d1 + P3 * d2)

    return update


def test_two_and_three_steps_of_dpm_solver(literature: Any) -> None:
    for most, method in ((2, diffusion.dpm_solver_2m), (3, diffusion.dpm_solver_3m(as_published=True))):
        wanted = literature.run(several_steps(most), "noise")
        np.testing.assert_allclose(literature.ours(method), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "method", [diffusion.lms, diffusion.deis(variable="rho", order=4), diffusion.ipndm_v]
)
def test_lms_is_deis_in_rho_and_ipndm_with_variable_steps(literature: Any, method: Any) -> None:
    def update(x: Any, E: Any, lambdas: Any, t: float) -> Any:
        known = [math.exp(-value) for value in lambdas[:4]]
        for j, node in enumerate(known):
            others = [s for s in known if s != node]
            basis = lambda s, node=node, others=others: math.prod((s - o) / (node - o) for o in others)  # noqa: E731
            x = x + quad(basis, known[0], t, epsabs=0, epsrel=1e-13)[0] * E[j]
        return x

    wanted = literature.run(update, "noise")
    np.testing.assert_allclose(literature.ours(method(as_published=True)), wanted, rtol=1e-12)
    np.testing.assert_array_equal(literature.ours(method), literature.ours(diffusion.lms))


def test_deis_in_ln_rho_is_dpm_solver_with_exact_weights(literature: Any) -> None:
    heun = literature.ours(diffusion.dpm_solver_2m(variant="taylor"))
    np.testing.assert_allclose(literature.ours(diffusion.deis(order=2)), heun, rtol=1e-13)
    third = literature.ours(diffusion.dpm_solver_3m)
    np.testing.assert_array_equal(literature.ours(diffusion.deis), third)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_coefficients_of_deis_in_t_are_integrals_to_twelve_digits(order: int) -> None:
    times = [0.9, 0.8, 0.65, 0.6, 0.5]
    n = order - 1
    step = diffusion.deis(order=order, variable="t", as_published=True).step(VP, times, n)
    known = times[n::-1]
    alpha = VP.marginal(times[n + 1])[0]

    def slope(t: float) -> float:  # of rho = sigma/alpha
        (a, b), (da, db) = VP.marginal(t), VP.rates(t)
        return float((a * db - b * da) / a**2)

    for node, weight in zip(known, step.weights, strict=True):
        others = [s for s in known if s != node]

        def integrand(t: float, node: float = node, others: list[float] = others) -> float:
            return slope(t) * math.prod((t - o) / (node - o) for o in others)

        wanted = quad(integrand, known[0], times[n + 1], epsabs=0, epsrel=1e-13)[0]
        assert math.isclose(weight, alpha * wanted, rel_tol=1e-12)


def test_names_costs_and_refusals() -> None:
    names = [diffusion.lms(order=2), diffusion.deis(order=2, variable="t"), diffusion.ipndm_v(order=3)]
    assert [m.name for m in names] == ["lms(order=2)", "deis(order=2, variable=t)", "ipndm_v(order=3)"]
    assert diffusion.lms(as_published=True).name == "lms:as_published"
    assert (diffusion.lms.nfe(10), diffusion.deis.nfe(10), diffusion.lms(as_published=True).nfe(10)) == (
        16,
        12,
        10,
    )
    for make, most in ((diffusion.lms, 5), (diffusion.deis, 5), (diffusion.ipndm_v, 4)):
        with pytest.raises(ValueError, match=f"order must be at most {most}; got 6"):
            make(order=6)
        with pytest.raises(TypeError, match="order must be an int; got float"):
            make(order=2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="variable must be one of t, rho, log_rho; got 's'"):
        diffusion.deis(variable="s")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="variant must be 'midpoint' or 'taylor'; got 'heun'"):
        diffusion.dpm_solver_2m(variant="heun")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="made of the noise, so times must start where alpha > 0"):
        diffusion.sample(diffusion.flow(), lambda x, t: x, np.ones((1, 1)), [1.0, 0.5], method=diffusion.lms)
