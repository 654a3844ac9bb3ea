r"""Strong order 3/2 for diagonal and scalar Ito noise, without derivatives: Roessler's SRI methods.

Source: Roessler (2010), Runge-Kutta methods for the strong approximation of solutions of stochastic
differential equations, SIAM J. Numer. Anal. 48, 922-952, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods import Trial, root_of
from diffmath.sde._noise import Increment
from diffmath.sde._srk.stages import TableauStep, add, area, needed, tableau_method, weighted
from diffmath.sde._tableaux import SRITableau, StochasticTableau

__all__ = ["SRI", "sosri", "sriw1", "sriw2"]


@dataclass(frozen=True, repr=False)
class SRI(TableauStep):
    r"""The step of an SRI method, for diagonal or scalar Ito noise.

    .. math::
        H^{(0)}_i &= x + \sum_j A^{(0)}_{ij} f(t + c^{(0)}_j h, H^{(0)}_j)\,h
            + \sum_j B^{(0)}_{ij}\, g(t + c^{(1)}_j h, H^{(1)}_j)\,\tfrac{I_{10}}{h}, \\
        H^{(1)}_i &= x + \sum_j A^{(1)}_{ij} f(t + c^{(0)}_j h, H^{(0)}_j)\,h
            + \sum_j B^{(1)}_{ij}\, g(t + c^{(1)}_j h, H^{(1)}_j) \sqrt h, \\
        x_{n+1} &= x + \sum_i \alpha_i f(t + c^{(0)}_i h, H^{(0)}_i)\,h + \sum_i \Bigl(\beta^{(1)}_i W
            + \beta^{(2)}_i \tfrac{I_{11}}{\sqrt h} + \beta^{(3)}_i \tfrac{I_{10}}{h}
            + \beta^{(4)}_i \tfrac{I_{111}}{h}\Bigr) g(t + c^{(1)}_i h, H^{(1)}_i)

    with :math:`I_{11} = (W^2 - h)/2`, :math:`I_{111} = (W^3 - 3 h W)/6` and :math:`I_{10} = h (W/2 + H)`.

    Parameters
    ----------
    tableau : SRITableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with an `Increment` that has H. Strong and weak order 3/2. With
    a negative `dt` the drift is integrated backwards; the noise is that of the elapsed time h = abs(dt).

    *When to use.* For pathwise accuracy with diagonal or scalar Ito noise that is not small, with four
    evaluations of the diffusion per step: `sriw1` by default, `sosri` if stability limits the step. For
    expectations only, use a weak method, whose random variables take few values. Not for matrix noise, which
    needs Levy areas.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (6.1).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> growth = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: x)
    >>> noise = sde.Increment(0.01, np.full((1, 1), 0.1), H=np.zeros((1, 1)))
    >>> sde.sriw1.step(growth, 0.0, np.ones((1, 1)), 0.01, noise)  # exp(0.1 - 0.005) = 1.0997
    array([[1.09966...]])
    """

    family: ClassVar[type[StochasticTableau]] = SRITableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step; the error is the difference from an embedded step of strong order 1.

        .. math:: h \Bigl(\sum_i \alpha_i f_i - f_1\Bigr)
            + \sum_i \Bigl(\beta^{(3)}_i \tfrac{I_{10}}{h} + \beta^{(4)}_i \tfrac{I_{111}}{h}\Bigr) g_i
        """
        slopes, g = self._stages(model, t, x, dt, noise)
        drift = weighted(self.tableau.floats["alpha"], slopes)
        if not estimate:
            moved = self._add_noise(add(x, dt, drift, None, noise.W), g, noise, dt, (1, 2))
            return Trial(self._add_noise(moved, g, noise, dt, (3, 4)), None, state)
        first = slopes[0] if slopes[0] is not None else model.drift(t, x)
        error = self._add_noise(dt * (drift - first), g, noise, dt, (3, 4))
        return Trial(self._add_noise(x + dt * first, g, noise, dt, (1, 2)) + error, error, state)

    def _add_noise(
        self, x: Array, g: Sequence[Array | None], noise: Increment, dt: float, which: tuple[int, ...]
    ) -> Array:
        """Add the selected terms of beta1 to beta4."""
        W, h, c = noise.W, abs(dt), self.tableau.floats
        integrals: dict[int, Array] = {
            1: W,
            2: (W * W - h) * (0.5 / root_of(h)),
            3: 0.5 * W + area(noise),
            4: W * (W * W - 3.0 * h) * (1.0 / (6.0 * h)),
        }
        for k in which:
            x = add(x, dt, None, weighted(c[f"beta{k}"], g), integrals[k])
        return x

    def _stages(
        self, model: SDE, t: float, x: Array, dt: float, noise: Increment
    ) -> tuple[list[Array | None], list[Array | None]]:
        H = area(noise)
        c, W, root = self.tableau.floats, noise.W, root_of(abs(dt))
        time_integral = 0.5 * W + H
        slopes: list[Array | None] = []
        g: list[Array | None] = []
        at_start: Array | None = None  # the drift at the state itself, which several stages use
        for i, (drift_used, diffusion_used) in enumerate(self._used()):
            slope = diffusion = None
            if drift_used and not any(c["A0"][i] + c["B0"][i]):
                slope = at_start = model.drift(t, x) if at_start is None else at_start
            elif drift_used:
                state = add(x, dt, weighted(c["A0"][i], slopes), weighted(c["B0"][i], g), time_integral)
                slope = model.drift(t + c["c0"][i] * dt, state)
            if diffusion_used:
                kick = weighted(c["B1"][i], g)
                state = add(x, dt, weighted(c["A1"][i], slopes), None, W)
                state = state if kick is None else state + root * kick
                diffusion = model.diffusion(t + c["c1"][i] * dt, state)
            slopes.append(slope)
            g.append(diffusion)
        return slopes, g

    def _used(self) -> list[tuple[bool, bool]]:
        """Return for every stage whether its drift and its diffusion are used."""
        c = self.tableau.floats
        drifts = needed(*c["A0"], *c["A1"], c["alpha"])
        diffusions = needed(*c["B0"], *c["B1"], *(c[f"beta{k}"] for k in range(1, 5)))
        return list(zip(drifts, diffusions, strict=True))


# Weak order 2 would need E W b(b,b,b) = 0, of size h^{5/2}; no method here satisfies it:
# tests/sde/srk/test_sri.py.
_ORDERS = {"diagonal": (1.5, 1.5), "scalar": (1.5, 1.5)}

_ROESSLER = "Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, table 7"

sriw1 = tableau_method(
    SRI, "sriw1", _ORDERS, deterministic_order=2, reference=_ROESSLER,
    alpha=["1/3", "2/3", 0, 0],
    A0=[[], ["3/4"], [], []],
    B0=[[], ["3/2"], [], []],
    A1=[[], ["1/4"], [1], [0, 0, "1/4"]],
    B1=[[], ["1/2"], [-1], [-5, 3, "1/2"]],
    beta1=[-1, "4/3", "2/3", 0],
    beta2=[-1, "4/3", "-1/3", 0],
    beta3=[2, "-4/3", "-2/3", 0],
    beta4=[-2, "5/3", "-2/3", 1],
)  # fmt: skip

sriw2 = tableau_method(
    SRI, "sriw2", _ORDERS, deterministic_order=3, reference=_ROESSLER,
    alpha=["1/6", "1/6", "2/3", 0],
    A0=[[], [1], ["1/4", "1/4"], []],
    B0=[[], [], [1, "1/2"], []],
    A1=[[], ["1/4"], [1], [0, 0, "1/4"]],
    B1=[[], ["-1/2"], [1], [2, -1, "1/2"]],
    beta1=[-1, "4/3", "2/3", 0],
    beta2=[1, "-4/3", "1/3", 0],
    beta3=[2, "-4/3", "-2/3", 0],
    beta4=[-2, "5/3", "-2/3", 1],
)  # fmt: skip

_OPTIMIZED = "Rackauckas & Nie (2020), Stability-optimized high order methods, IEEE HPEC, decimals as printed"

# Printed to 16 digits, so the conditions hold to 1e-14.
sosri = tableau_method(
    SRI, "sosri", _ORDERS, deterministic_order=2, reference=_OPTIMIZED, tolerance="1e-14",
    alpha=["1.140099274172029", "-0.6401334255743456", "0.4736296532772559", "0.026404498125060714"],
    A0=[
        [],
        ["-0.04199224421316468"],
        ["2.842612915017106", "-2.0527723684000727"],
        ["4.338237071435815", "-2.8895936137439793", "2.3017575594644466"],
    ],
    B0=[
        [],
        ["-0.21641093549612528"],
        ["1.5336352863679572", "0.26066223492647056"],
        ["-1.0536037558179159", "1.7015284721089472", "-0.20725685784180017"],
    ],
    A1=[
        [],
        ["0.26204282091330466"],
        ["0.20903646383505375", "-0.1502377115150361"],
        ["0.05836595312746999", "0.6149440396332373", "0.08535117634046772"],
    ],
    B1=[
        [],
        ["-0.5119011827621657"],
        ["2.67767339866713", "-4.9395031322250995"],
        ["0.15580956238299215", "3.2361551006624674", "-1.4223118283355949"],
    ],
    beta1=["-1.8453464565104432", "2.688764531100726", "-0.2523866501071323", "0.40896857551684956"],
    beta2=["0.4969658141589478", "-0.5771202869753592", "-0.12919702470322217", "0.2093514975196336"],
    beta3=["2.8453464565104425", "-2.688764531100725", "0.2523866501071322", "-0.40896857551684945"],
    beta4=["0.11522663875443433", "-0.57877086147738", "0.2857851028163886", "0.17775911990655704"],
)  # fmt: skip
