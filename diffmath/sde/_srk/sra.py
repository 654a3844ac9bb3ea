r"""Strong order 3/2 for additive noise: Roessler's SRA methods.

Source: Roessler (2010), Runge-Kutta methods for the strong approximation of solutions of stochastic
differential equations, SIAM J. Numer. Anal. 48, 922-952, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods import Trial
from diffmath.sde._noise import Increment
from diffmath.sde._srk.stages import TableauStep, add, additive_noise, tableau_method, weighted
from diffmath.sde._tableaux import SRATableau, StochasticTableau

__all__ = ["SRA", "sosra", "sra1", "sra2", "sra3"]


@dataclass(frozen=True, repr=False)
class SRA(TableauStep):
    r"""The step of an SRA method, for additive noise.

    .. math::
        H_i &= x + \sum_j A^{(0)}_{ij} f(t + c^{(0)}_j h, H_j)\,h
            + \sum_j B^{(0)}_{ij}\, g(t + c^{(1)}_j h)\,\tfrac{I_{10}}{h}, \\
        x_{n+1} &= x + \sum_i \alpha_i f(t + c^{(0)}_i h, H_i)\,h
            + \sum_i \Bigl(\beta^{(1)}_i W + \beta^{(2)}_i \tfrac{I_{10}}{h}\Bigr) g(t + c^{(1)}_i h),
            \qquad \tfrac{I_{10}}{h} = \tfrac W2 + H

    Parameters
    ----------
    tableau : SRATableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with an `Increment` that has H. Strong order 3/2, weak order 2.
    One evaluation of the drift per stage, and one of the diffusion per distinct node c1.

    *When to use.* For additive noise, with two evaluations of the drift per step: `sra1`; `sra3` for weak
    noise (order 3 without noise); `sosra` if stability limits the step. `sra2` differs from `sra1` in the
    times at which it evaluates the diffusion.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (5.1).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.sra1.step
    SRA(sra1)
    >>> brownian = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> noise = sde.Increment(0.1, np.full((1, 1), 0.3), H=np.zeros((1, 1)))
    >>> sde.sra1.step(brownian, 0.0, np.zeros((1, 1)), 0.1, noise)
    array([[0.3]])
    """

    family: ClassVar[type[StochasticTableau]] = SRATableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step; the error is the difference from an embedded Euler step, of strong order 1.

        .. math:: h \Bigl(\sum_i \alpha_i f_i - f_1\Bigr) + \sum_i \beta^{(2)}_i g_i \tfrac{I_{10}}{h}
        """
        slopes, g, time_integral = self._stages(model, t, x, dt, noise)
        c = self.tableau.floats
        drift, kick = weighted(c["alpha"], slopes), weighted(c["beta1"], g)
        if not estimate:
            moved = add(x, dt, drift, kick, noise.W)
            return Trial(add(moved, dt, None, weighted(c["beta2"], g), time_integral), None, state)
        error = add(dt * (drift - slopes[0]), dt, None, weighted(c["beta2"], g), time_integral)
        return Trial(add(x + dt * slopes[0], dt, None, kick, noise.W) + error, error, state)

    def _stages(
        self, model: SDE, t: float, x: Array, dt: float, noise: Increment
    ) -> tuple[list[Array], list[Array | None], Array]:
        c = self.tableau.floats
        g, time_integral = additive_noise(model, t, x, dt, noise, c)
        slopes: list[Array] = []
        for c0, a_row, b_row in zip(c["c0"], c["A0"], c["B0"], strict=True):
            state = add(x, dt, weighted(a_row, slopes), weighted(b_row, g), time_integral)
            slopes.append(model.drift(t + c0 * dt, state))
        return slopes, g, time_integral


_ORDERS = {"additive": (1.5, 2.0)}

_ROESSLER = "Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, table 6"

sra1 = tableau_method(
    SRA, "sra1", _ORDERS, deterministic_order=2, reference=_ROESSLER,
    alpha=["1/3", "2/3"],
    A0=[[], ["3/4"]],
    B0=[[], ["3/2"]],
    c1=[1, 0],
    beta1=[1, 0],
    beta2=[-1, 1],
)  # fmt: skip

sra2 = tableau_method(
    SRA, "sra2", _ORDERS, deterministic_order=2, reference=_ROESSLER,
    alpha=["1/3", "2/3"],
    A0=[[], ["3/4"]],
    B0=[[], ["3/2"]],
    c1=["1/3", 1],
    beta1=[0, 1],
    beta2=["3/2", "-3/2"],
)  # fmt: skip

sra3 = tableau_method(
    SRA, "sra3", _ORDERS, deterministic_order=3, reference=_ROESSLER,
    alpha=["1/6", "1/6", "2/3"],
    A0=[[], [1], ["1/4", "1/4"]],
    B0=[[], [], [1, "1/2"]],
    c1=[1, 0, 0],
    beta1=[1, 0, 0],
    beta2=[-1, 1, 0],
)  # fmt: skip

_OPTIMIZED = "Rackauckas & Nie (2020), Stability-optimized high order methods, IEEE HPEC, decimals as printed"

# Printed to 16 digits, with coefficients up to 18, so the conditions hold to 1e-14.
sosra = tableau_method(
    SRA, "sosra", _ORDERS, deterministic_order=2, reference=_OPTIMIZED, tolerance="1e-14",
    alpha=["0.2889874966892885", "0.6859880440839937", "0.025024459226717772"],
    A0=[[], ["0.6923962376159507"], ["-3.1609142252828395", "4.1609142252828395"]],
    B0=[[], ["1.3371632704399763"], ["1.442371048468624", "1.8632741501139225"]],
    c1=[0, "0.041248171110700504", 1],
    beta1=["-16.792534242221663", "17.514995785380226", "0.27753845684143835"],
    beta2=["0.4237535769069274", "0.6010381474428539", "-1.0247917243497813"],
)  # fmt: skip
