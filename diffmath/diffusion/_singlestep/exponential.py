r"""Exponential Runge-Kutta steps in log-SNR, for the probability-flow ODE and the reverse SDEs.

With :math:`w = x/\alpha` the family of reverse SDEs with noise level tau is linear in w up to the data D,

.. math:: dw = (1 + \tau^2)(D - w)\,d\lambda + \text{noise}, \qquad
   x_t = \frac{\sigma_t}{\sigma_s} e^{-\tau^2 h} x_s + \alpha_t H \sum_i b_i(-H)\,D_i
   + \sigma_t e^{-\tau^2\lambda_t} \big(W(e^{2\tau^2\lambda_t}) - W(e^{2\tau^2\lambda_s})\big),

with :math:`H = (1 + \tau^2) h`. With the noise E, :math:`y = x/\sigma` obeys :math:`dy/d\lambda = y - E`.
So an exponential tableau gives a sampler: of the same order for tau = 0, of weak order 2 at most with one
path for all stages. Source: Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43; Gonzalez et al. (2023),
SEEDS, arXiv:2305.14267, for the SDE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from diffmath._arrays.phi import phi
from diffmath.diffusion._methods import Method, Stage, Step, exponential_clock
from diffmath.diffusion._process import Form, Process
from diffmath.diffusion._singlestep.interval import Interval, first_order, interval
from diffmath.ode import ExponentialTableau

__all__ = ["ExponentialStep", "evaluated", "exponential"]


@dataclass(frozen=True)
class ExponentialStep:
    """The step of an exponential tableau in the form data (any tau) or noise (tau = 0)."""

    tableau: ExponentialTableau
    form: Form = "data"
    tau: float = 0.0

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        step = interval(process, times, n)
        if step.is_infinite:
            return self._at_an_end(step)
        nodes = [float(c) for c in self.tableau.c]
        updates = [self._update(step, row[:i], nodes[i]) for i, row in enumerate(self.tableau.a) if i]
        updates.append(self._update(step, self.tableau.b, 1.0))
        (decay, weights, noise), *later = updates
        stages = tuple(Stage(step.time(c), *update) for c, update in zip(nodes[1:], later, strict=True))
        return Step(decay, weights, noise, stages)

    def _update(self, step: Interval, row: Sequence[Any], c: float) -> tuple[float, tuple[float, ...], Any]:
        """Return decay, weights (the latest first) and noise of the state at the fraction c of the step."""
        alpha, sigma = step.process.marginal(step.time(c))
        z = -(1 + self.tau**2) * step.h if self.form == "data" else step.h
        scale = -alpha * z if self.form == "data" else -sigma * z
        weights = tuple(scale * evaluated(entry, z) for entry in reversed(row))
        if self.form == "noise":
            return alpha / step.alpha_s, weights, 0.0
        loss = self.tau**2 * c * step.h
        return sigma / step.sigma_s * math.exp(-loss), weights, self._noise(step, sigma, c)

    def _noise(self, step: Interval, sigma: float, c: float) -> float | tuple[float, ...]:
        """Return the factors of the unit normals of the pieces of the path up to the fraction c."""
        if not self.tau:
            return 0.0
        rate = 2 * self.tau**2 * step.h
        ends = [0.0, *(end for end in self.pieces if end <= c)]
        # sqrt of e^(rate (b - c)) - e^(rate (a - c)), the variance of a piece that has decayed up to c.
        return tuple(
            sigma * math.sqrt(-math.exp(rate * (b - c)) * math.expm1(rate * (a - b)))
            for a, b in pairwise(ends)
        )

    @property
    def pieces(self) -> list[float]:
        """The ends of the pieces of the path in a step, as fractions of the step."""
        return sorted({float(c) for c in self.tableau.c if c} | {1.0})

    def _at_an_end(self, step: Interval) -> Step:
        found = first_order(step, self.form)
        if not self.tau or step.sigma_t == 0:
            return found
        # From pure noise (alpha = 0) the reverse SDE forgets the state: the law at t given D.
        size = step.sigma_t / math.sqrt(len(self.pieces))
        return Step(0.0, (step.alpha_t,), (size,) * len(self.pieces))


def evaluated(entry: Any, z: float) -> float:
    """Return the value at z of an entry of an exponential tableau."""
    terms = getattr(entry, "terms", {})  # of an entry 0: none
    return math.fsum(float(q) * phi(k, float(c) * z) for (k, c), q in terms.items())


def exponential(
    name: str,
    tableau: ExponentialTableau,
    *,
    form: Form = "data",
    tau: float = 0.0,
    reference: str | None = None,
) -> Method:
    """Return the sampler of a tableau; with noise it has strong order 1 and weak order 2 at most."""
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must be finite and not negative; got {tau}")
    step = ExponentialStep(tableau, form, float(tau))
    order, weak_order = (1, min(2, tableau.order)) if tau else (tableau.order, tableau.order)
    return Method(
        name,
        order,
        weak_order,
        reference or tableau.reference,
        step,
        exponential_clock(step.tau, tuple(step.pieces)),
        evaluations=tableau.stages,
        form=form,
        end_order=min(2, order),
    )
