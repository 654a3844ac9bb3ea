"""Presets in data form against the updates of the literature."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion


def differences(values: Any, lambdas: Any, h: float, factor: float) -> tuple[Any, Any]:
    """Return D1 and `factor` D2 of DPM-Solver(++)-3M, in units of the step."""
    r0, r1 = (lambdas[0] - lambdas[1]) / h, (lambdas[1] - lambdas[2]) / h
    d10, d11 = (values[0] - values[1]) / r0, (values[1] - values[2]) / r1
    return d10 + r0 / (r0 + r1) * (d10 - d11), factor * (d10 - d11) / (r0 + r1)


def three_m(factor: float, midpoint: bool) -> Any:
    def update(x: Any, D: Any, lambdas: Any, t: float) -> Any:
        h = -math.log(t) - lambdas[0]
        P1 = math.expm1(-h)
        P2 = P1 / h + 1
        P3 = P2 / h - 0.5
        x = t / math.exp(-lambdas[0]) * x - P1 * D[0]
        if len(D) == 1:
            return x
        if len(D) == 2:
            slope = (D[0] - D[1]) * h / (lambdas[0] - lambdas[1])
            return x - 0.5 * P1 * slope if midpoint else x + P2 * slope
        d1, d2 = differences(D, lambdas, h, factor)
        return x + P2 * d1 - P3 * d2

    return update


def test_three_steps_as_published(literature: Any) -> None:
    found = literature.ours(diffusion.dpmpp_3m(as_published=True))
    np.testing.assert_allclose(found, literature.run(three_m(1.0, midpoint=True)), rtol=1e-12)
    assert np.abs(found - literature.run(three_m(2.0, midpoint=True))).max() > 1e-4


def test_three_steps_with_the_whole_second_difference(literature: Any) -> None:
    ramp = diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=0, starter="ramp")
    np.testing.assert_allclose(
        literature.ours(ramp), literature.run(three_m(2.0, midpoint=False)), rtol=1e-12
    )
    # tau = 0 has no starters.
    flat = diffusion.sde_dpmpp_3m(tau=0.0)
    np.testing.assert_array_equal(literature.ours(flat), literature.ours(ramp))
    whole = literature.ours(diffusion.sa_solver(predictor=3, corrector=0, tau=0.0))
    np.testing.assert_array_equal(literature.ours(diffusion.dpmpp_3m), whole)


def test_two_steps(literature: Any) -> None:
    def update(x: Any, D: Any, lambdas: Any, t: float) -> Any:
        h = -math.log(t) - lambdas[0]
        bar = D[0] if len(D) == 1 else D[0] + 0.5 * h / (lambdas[0] - lambdas[1]) * (D[0] - D[1])
        return t / math.exp(-lambdas[0]) * x - math.expm1(-h) * bar

    np.testing.assert_allclose(literature.ours(diffusion.dpmpp_2m), literature.run(update), rtol=1e-12)
    heun = literature.ours(diffusion.dpmpp_2m(variant="taylor"))
    for same in (diffusion.res_2m, diffusion.sa_solver(predictor=2, corrector=0, tau=0.0)):
        np.testing.assert_allclose(literature.ours(same), heun, rtol=1e-13)
    assert np.abs(heun - literature.ours(diffusion.dpmpp_2m)).max() > 1e-4


def test_the_weights_of_res_3m(literature: Any) -> None:
    def update(x: Any, D: Any, lambdas: Any, t: float) -> Any:
        h = -math.log(t) - lambdas[0]
        phi1 = -math.expm1(-h) / h
        phi2 = (1 - phi1) / h
        c = [(value - lambdas[0]) / h for value in lambdas]
        x = math.exp(-h) * x
        if len(D) == 1:
            return x + h * phi1 * D[0]
        if len(D) == 2:
            return x + h * ((phi1 - phi2 / c[1]) * D[0] + phi2 / c[1] * D[1])
        gamma = (3 * c[2] ** 2 - 2 * c[2]) / (c[1] * (2 - 3 * c[1]))
        b3 = phi2 / (gamma * c[1] + c[2])
        return x + h * ((phi1 - (1 + gamma) * b3) * D[0] + gamma * b3 * D[1] + b3 * D[2])

    ramped = replace(diffusion.res_3m.step, starter="ramp")  # type: ignore[type-var]
    method = diffusion.Method("res_3m:ramp", 2, 2, "none", ramped)
    np.testing.assert_allclose(literature.ours(method), literature.run(update), rtol=1e-12)


@pytest.mark.parametrize("as_published", [False, True])
def test_three_steps_of_the_reverse_sde(literature: Any, as_published: bool) -> None:
    """One step by hand: H = 2h in the phi-functions."""
    lambdas = [-math.log(s) for s in literature.sigmas[:4]]
    h = lambdas[3] - lambdas[2]
    step = diffusion.sde_dpmpp_3m(as_published=as_published).step(
        diffusion.edm(), [float(s) for s in literature.sigmas], 2
    )
    P1 = math.expm1(-2 * h)
    P2 = P1 / (2 * h) + 1
    P3 = P2 / (2 * h) - 0.5
    eye = np.eye(3)
    d1, d2 = differences(eye, lambdas[2::-1], h, 1.0 if as_published else 2.0)
    np.testing.assert_allclose(step.weights, -P1 * eye[0] + P2 * d1 - P3 * d2, rtol=1e-12)
    np.testing.assert_allclose(
        step.decay, literature.sigmas[3] / literature.sigmas[2] * math.exp(-h), rtol=1e-14
    )


def test_names_and_refusals() -> None:
    assert diffusion.sde_dpmpp_3m(tau=0.5).name == "sde_dpmpp_3m(tau=0.5)"
    assert diffusion.sde_dpmpp_3m(as_published=True).name == "sde_dpmpp_3m:as_published"
    assert not diffusion.sde_dpmpp_2m(tau=0).needs_key
    for make in (diffusion.sde_dpmpp_2m, diffusion.sde_dpmpp_3m):
        with pytest.raises(ValueError, match="tau must be finite and not negative; got -1"):
            make(tau=-1.0)
    with pytest.raises(ValueError, match="variant must be 'midpoint' or 'taylor'; got 'heun'"):
        diffusion.dpmpp_2m(variant="heun")  # type: ignore[arg-type]
