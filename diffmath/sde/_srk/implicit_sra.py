r"""Strong order 3/2 for stiff drifts with additive noise: SRA methods whose drift stages are implicit.

Sources: Roessler (2010), SIAM J. Numer. Anal. 48, 922-952 (the SRA scheme and its conditions); Kennedy &
Carpenter (2003), Appl. Numer. Math. 44, 139-181 (the implicit stages of ARK3(2)4L[2]SA, "KenCarp3");
Rackauckas & Nie (2020), IEEE HPEC (their combination, SKenCarp).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath._newton.linearised import Linearised, linearise
from diffmath._newton.newton import Newton
from diffmath.sde._methods import ImplicitMethod, Trial, check_newton, drift_of, implicit_slope, without
from diffmath.sde._noise import Increment, levy_increments
from diffmath.sde._srk.stages import TableauStep, add, additive_noise, weighted
from diffmath.sde._tableaux import ImplicitSRATableau, StochasticTableau

__all__ = ["ImplicitSRA", "skencarp"]


@dataclass(frozen=True, repr=False)
class ImplicitSRA(TableauStep):
    r"""The step of an SRA method with implicit drift stages, for stiff drifts with additive noise.

    .. math::
        H_i &= x + \sum_{j \le i} A^{(0)}_{ij} f(t + c^{(0)}_j h, H_j)\,h
            + \sum_{j} B^{(0)}_{ij}\, g(t + c^{(1)}_j h)\,\tfrac{I_{10}}{h}, \\
        x_{n+1} &= x + \sum_i \alpha_i f(t + c^{(0)}_i h, H_i)\,h
            + \sum_i \Bigl(\beta^{(1)}_i W + \beta^{(2)}_i \tfrac{I_{10}}{h}\Bigr) g(t + c^{(1)}_i h),
            \qquad \tfrac{I_{10}}{h} = \tfrac W2 + H

    Parameters
    ----------
    tableau : ImplicitSRATableau
        Coefficients.
    newton : ode.Newton
        Settings of the iteration that solves the stage equations.

    Raises
    ------
    TypeError
        A tableau of another family; `newton` is not an `ode.Newton`.

    Notes
    -----
    *When.* `skencarp` if the drift is stiff, the noise additive, and the slow components must be accurate.
    For the law of fast components use ``theta_maruyama(0.5)`` (see below). If nothing is stiff, `sra1` has
    the same error with two evaluations of the drift.

    Called as ``step(model, t, x, dt, noise)``, x of shape (batch, dim), with an `Increment` that has H; the
    result has the library, device and precision of x. Strong order 3/2. The Jacobian is evaluated at the
    start of the step (``model.drift_jacobian``, or dim differences); rows that do not converge with it get a
    new one. For a linear drift, two drift evaluations per implicit stage; otherwise usually one or two more.
    One inverse (dim, dim) per row and step for each different entry on A0's diagonal. NaN in rows that fail.

    *Damping of the noise.* A stiff component forgets its state, but keeps the part of its noise that no stage
    contains: :math:`W - b (W/2 + H)`, with b the last row sum of B0; its variance is at least h/4.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (5.1).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.skencarp.step
    ImplicitSRA(skencarp)
    >>> stiff = sde.SDE(lambda t, x: -1e6 * x, lambda t, x: 0.0 * x, noise="additive")
    >>> noise = sde.Increment(0.1, np.zeros((1, 1)), H=np.zeros((1, 1)))
    >>> bool(abs(sde.skencarp.step(stiff, 0.0, np.ones((1, 1)), 0.1, noise)) < 1e-4)
    True
    """

    family: ClassVar[type[StochasticTableau]] = ImplicitSRATableau

    newton: Newton = field(default_factory=Newton)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_newton(self.newton)

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step; the error is the difference from an embedded Euler step with a damped stiff part.

        .. math:: (I - a h J)^{-1} h \Bigl(\sum_i \alpha_i f_i - f_1\Bigr)
                  + \sum_i \beta^{(2)}_i g_i \tfrac{I_{10}}{h}

        with a the last entry of A0's diagonal and J the Jacobian at the start. NaN in rows that fail.
        """
        new, slopes, noise_part, linear = self._solve_stages(model, t, x, dt, noise)
        if not estimate:
            return Trial(new, None, state)
        c = self.tableau.floats
        correction = linear.solve(c["A0"][-1][-1], weighted(c["alpha"], slopes) - slopes[0])
        return Trial(new, correction + noise_part + (new - new), state)  # NaN if the state is NaN

    def _solve_stages(
        self, model: SDE, t: float, x: Array, dt: float, noise: Increment
    ) -> tuple[Array, list[Array], Array, Linearised]:
        """Return the new state, h f of the stages, the noise of beta2, and the Jacobian."""
        c, f = self.tableau.floats, drift_of(model)
        g, time_integral = additive_noise(model, t, x, dt, noise, c)
        slope = f(t, x) if not any(c["A0"][0]) else None
        linear = linearise(f, t, x, dt, slope)
        slopes: list[Array] = []  # times dt
        failed = np.zeros(x.shape[0], dtype=bool)
        for i, (c0, a_row, b_row) in enumerate(zip(c["c0"], c["A0"], c["B0"], strict=True)):
            base = add(x, 1.0, weighted(a_row, slopes), weighted(b_row, g), time_integral)
            if a_row[i]:
                z, lost = implicit_slope(self.newton, f, t + c0 * dt, base, dt, a_row[i], linear)
                failed |= lost
            else:
                z = dt * (slope if i == 0 and slope is not None else f(t + c0 * dt, base))
            slopes.append(z)
        moved = add(x, 1.0, weighted(c["alpha"], slopes), weighted(c["beta1"], g), noise.W)
        zero = array_namespace(x).zeros_like(x)
        noise_part = add(zero, 1.0, None, weighted(c["beta2"], g), time_integral)
        return without(failed, moved + noise_part), slopes, noise_part, linear


# Irrational coefficients are rounded to 90 digits; all conditions hold to 1e-80.
_DIGITS = 90


def skencarp_coefficients(*, as_published: bool = False) -> dict[str, Any]:
    r"""Return the coefficients of SKenCarp, derived.

    The drift stages are those of an L-stable ESDIRK method of order 3 and stage order 2 with the third node
    at 3/5. Two row sums of B0 are free and have two conditions, alpha . B0 e = 1 and alpha . (B0 e)^2 = 3/2,
    a quadratic equation. The published solution, (-12.2, -14.4), displaces the stages by ten standard
    deviations; the other solution is (-0.30, 1.89).
    """
    gamma = Fraction("0.4358665215084589994160194511935568425")
    for _ in range(3):  # Newton's iteration for the root that makes the method L-stable
        value = gamma**3 - 3 * gamma**2 + Fraction(3, 2) * gamma - Fraction(1, 6)
        gamma = round(gamma - value / (3 * gamma**2 - 6 * gamma + Fraction(3, 2)), _DIGITS)
    c2, c3 = 2 * gamma, Fraction(3, 5)
    a32 = c3 * (c3 - c2) / (2 * c2)
    # b . c = 1/2 and b . c^2 = 1/3, with b4 = gamma; then b . A c = 1/6 by the stage order.
    first, second = Fraction(1, 2) - gamma, Fraction(1, 3) - gamma
    b2 = (first * c3 - second) / (c2 * (c3 - c2))
    b3 = (second - first * c2) / (c3 * (c3 - c2))
    alpha = [1 - b2 - b3 - gamma, b2, b3, gamma]
    # b2 y + gamma z = 1, b2 y^2 + gamma z^2 = 3/2.
    q, p = b2 * (b2 + gamma), (1 - Fraction(3, 2) * gamma)
    root = _root(b2 * b2 - q * p)
    y = (b2 - root if as_published else b2 + root) / q
    z = (1 - b2 * y) / gamma
    return {
        "alpha": alpha,
        "A0": [[], [gamma, gamma], [c3 - a32 - gamma, a32, gamma], alpha],
        "B0": [[], [y], [], [0, 0, z]],
        "c1": [0, 0, 1, 1],
        "beta1": [0, 0, 0, 1],
        "beta2": [1, 0, 0, -1],
    }


def _root(value: Fraction) -> Fraction:
    scale = 10**_DIGITS
    return Fraction(math.isqrt(value.numerator * scale**2 // value.denominator), scale)


skencarp = ImplicitMethod(
    name="skencarp",
    step=ImplicitSRA(
        ImplicitSRATableau(
            name="skencarp",
            coefficients=skencarp_coefficients(),
            deterministic_order=3,
            tolerance="1e-80",
            reference="derived in skencarp_coefficients",
        )
    ),
    orders={"additive": (1.5, 2.0)},
    reference="Rackauckas & Nie (2020), IEEE HPEC, with the smaller row sums of B0",
    evaluations=7,
    increments=levy_increments("H"),
)
