"""UniPC and SA-Solver against the updates of the literature, published faults included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion


def solutions(variant: str, h: float, nodes: list[float]) -> tuple[float, Any]:
    """Return B(h) and the rho of UniPC (Zhao et al. 2023, eq. 5), for the differences (D_m - D_0) / r_m."""
    k, hh = len(nodes), -h
    B = hh if variant == "bh1" else math.expm1(hh)
    phi, b = math.expm1(hh) / hh - 1, []
    for i in range(1, k + 1):
        b.append(phi * math.factorial(i) / B)
        phi = phi / hh - 1 / math.factorial(i + 1)
    if k == 1:
        return B, [0.5]
    return B, np.linalg.solve(np.vander(nodes, k, increasing=True).T, b)


def vary(h: float, nodes: list[float]) -> list[float]:
    """Return what the published corrector of "vary" multiplies the differences by."""
    k, hh = len(nodes), -h
    phis = [math.expm1(hh)]
    for i in range(1, k + 2):
        phis.append(phis[-1] / hh - 1 / math.factorial(i))
    C = np.array([[r**j / math.factorial(j + 1) for j in range(k)] for r in nodes])
    A = np.linalg.inv(C)
    found = [-sum(phis[j + 1] * A[j, i] for j in range(k - 1)) for i in range(k - 1)]
    return [*found, -phis[k] * A[max(k - 2, 0), -1]]


class Unipc:
    """The loop of the authors' code, in data form with alpha = 1."""

    def __init__(self, literature: Any, order: int, variant: str) -> None:
        self.denoiser, self.sigmas, self.x = literature.denoiser, literature.sigmas, literature.x
        self.order, self.variant = order, variant

    def added(self, h: float, nodes: list[float], values: list[Any], corrects: bool) -> Any:
        if not nodes:
            return 0.0
        if self.variant == "vary":
            if corrects:
                return sum(w * v for w, v in zip(vary(h, nodes), values))
            exact, rhos = solutions("bh2", h, nodes) if len(nodes) > 1 else (None, None)
            if exact is None:
                return (math.expm1(-h) / h + 1) * values[0]
            return -exact * sum(r * v for r, v in zip(rhos, values))
        B, rhos = solutions(self.variant, h, nodes)
        return -B * sum(r * v for r, v in zip(rhos, values))

    def __call__(self) -> Any:
        x, n_steps = self.x, len(self.sigmas) - 1
        D, lambdas = [self.denoiser(x, self.sigmas[0])], [-math.log(self.sigmas[0])]
        for n, t in enumerate(self.sigmas[1:]):
            order, h = min(self.order, n + 1, n_steps - n), -math.log(t) - lambdas[0]
            nodes = [(value - lambdas[0]) / h for value in lambdas[1:order]]
            values = [(d - D[0]) / r for d, r in zip(D[1:order], nodes)]
            base = t * math.exp(lambdas[0]) * x - math.expm1(-h) * D[0]
            x = base + self.added(h, nodes, values, corrects=False)
            if n < n_steps - 1:
                new = self.denoiser(x, t)
                x = base + self.added(h, [*nodes, 1.0], [*values, new - D[0]], corrects=True)
                D.insert(0, new)
                lambdas.insert(0, -math.log(t))
        return x


@pytest.mark.parametrize("variant", ["bh1", "bh2", "vary"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_unipc_as_published_is_the_code_of_the_authors(literature: Any, order: int, variant: Any) -> None:
    method = diffusion.unipc(order=order, variant=variant, as_published=True)
    np.testing.assert_allclose(literature.ours(method), Unipc(literature, order, variant)(), rtol=1e-11)


def test_unipc_of_three_is_the_same_in_all_variants_and_sa_solver(literature: Any) -> None:
    wanted = literature.ours(diffusion.sa_solver(tau=0.0))
    for variant in ("bh1", "bh2", "vary"):
        found = literature.ours(diffusion.unipc(order=3, variant=variant))  # type: ignore[arg-type]
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    two = literature.ours(diffusion.unipc(order=2, variant="vary"))
    wanted = literature.ours(diffusion.sa_solver(predictor=2, corrector=3, tau=0.0))
    np.testing.assert_allclose(two, wanted, rtol=1e-13)


def test_the_predictor_of_unipc_2_is_dpmpp_2m(literature: Any) -> None:
    times = [float(s) for s in literature.sigmas]
    process = diffusion.edm()
    for n in range(3):
        ours = diffusion.unipc.step(process, times, n)
        np.testing.assert_allclose(
            ours.weights, diffusion.dpmpp_2m.step(process, times, n).weights, rtol=1e-14
        )


def test_sa_solver_is_the_stochastic_presets() -> None:
    times, process = [10.0, 6.0, 4.1, 2.2, 1.3], diffusion.edm()
    pairs = (
        (diffusion.sa_solver(predictor=1, corrector=0), diffusion.ddim(eta=1.0)),
        (diffusion.sa_solver(predictor=2, corrector=0), diffusion.sde_dpmpp_2m(variant="taylor")),
        (diffusion.sa_solver(predictor=3, corrector=0), diffusion.sde_dpmpp_3m),
        (diffusion.sa_solver(predictor=3, corrector=0, tau=0.4), diffusion.sde_dpmpp_3m(tau=0.4)),
    )
    for ours, other in pairs:
        assert ours.clock == other.clock
        for n in range(4):
            a, b = ours.step(process, times, n), other.step(process, times, n)
            np.testing.assert_allclose(
                (a.decay, *a.weights, a.noise),
                (b.decay, *b.weights, b.noise),
                rtol=1e-13,  # type: ignore[arg-type]
            )


def test_names_orders_and_refusals() -> None:
    facts = {
        diffusion.unipc: ("unipc", 3, 20),
        diffusion.unipc(order=1): ("unipc(order=1)", 2, 20),
        diffusion.unipc(order=3, variant="bh1"): ("unipc(order=3, variant=bh1)", 4, 24),
        diffusion.unipc(order=3, as_published=True): ("unipc(order=3):as_published", 2, 20),
        diffusion.unipc(variant="vary", as_published=True): ("unipc(variant=vary):as_published", 1, 20),
        diffusion.sa_solver(predictor=2, corrector=0): ("sa_solver(predictor=2, corrector=0)", 1, 20),
        diffusion.sa_solver(tau=0.5): ("sa_solver(tau=0.5)", 1, 20),
    }
    for method, wanted in facts.items():
        assert (method.name, method.order, method.nfe(20)) == wanted
    assert diffusion.sa_solver(predictor=1, corrector=0).weak_order == 1
    with pytest.raises(ValueError, match="order must be at most 4; got 5"):
        diffusion.unipc(order=5)
    with pytest.raises(ValueError, match="variant must be one of bh1, bh2, vary; got 'bh3'"):
        diffusion.unipc(variant="bh3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="corrector must be 0, or at least 2"):
        diffusion.sa_solver(predictor=1)
