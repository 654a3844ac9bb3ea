r"""An SDE with noise that does not commute, and with an exact solution: Brownian motion on a Lie group.

Source: Gaveau (1977), Acta Math. 139, 95-153.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from diffmath._arrays.models import SDE, Calculus
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.sde import Increment
from diffmath.testing._problems.sde_problem import SDEProblem, elapsed, joined

__all__ = ["heisenberg_sde"]

Matrix = npt.NDArray[np.float64]


def heisenberg_sde(
    *, curvature: float = 1.0, calculus: Calculus = "ito", t_span: tuple[float, float] = (0.0, 1.0)
) -> SDEProblem:
    r"""Return Brownian motion on the Heisenberg group, where noise does not commute.

    .. math:: X_i = \tfrac1\kappa \mathrm{arsinh}(\kappa Y_i), \quad dY_1 = dB_1, \quad dY_2 = dB_2, \quad
        dY_3 = \tfrac12 (Y_1\,dB_2 - Y_2\,dB_1), \qquad B_j(t) = W_j(t) + c_j t

    Parameters
    ----------
    curvature : float
        The number kappa; with 0, X is Y itself, and Milstein's method with exact Levy areas is nearly exact.
    calculus : {"ito", "stratonovich"}
        The Ito drift also contains half the second derivatives of X along the noise.
    t_span : (float, float)
        First and last time, which may decrease.

    Returns
    -------
    SDEProblem
        Three components, two Brownian motions; the solution is known from W, H and the Levy area A.

    Examples
    --------
    >>> from diffmath.testing import heisenberg_sde
    >>> heisenberg_sde(calculus="stratonovich")
    SDEProblem(heisenberg, general noise, stratonovich, t: 0 -> 1, dim 3)
    """
    y0, c = np.array([0.4, -0.3, 0.2]), np.array([0.5, -0.8])
    duration, direction = elapsed(t_span)
    correction = 0.5 * curvature * direction if calculus == "ito" else 0.0

    def bent(y: Matrix) -> Matrix:
        return np.arcsinh(curvature * y) / curvature if curvature else y

    def exact(increments: Sequence[Increment]) -> Matrix:
        # The area of W + c t, by Chen's relation: the area of W and the integrals of W dt, which H contains.
        whole, speed = joined(increments), direction * c
        W, H, A = np.asarray(whole.W), np.asarray(whole.H), np.asarray(whole.A)
        B = W + speed * duration
        area = A[:, 0, 1] + duration * (speed[1] * H[:, 0] - speed[0] * H[:, 1])
        third = y0[2] + area + 0.5 * (y0[0] * B[:, 1] - y0[1] * B[:, 0])
        return bent(np.stack([y0[0] + B[:, 0], y0[1] + B[:, 1], third], axis=1))

    def diffusion(t: float, x: Array) -> Array:
        xp = array_namespace(x)
        y = xp.sinh(curvature * x) / curvature if curvature else x
        one, zero = xp.ones_like(y[:, 0]), xp.zeros_like(y[:, 0])
        rows = [xp.stack(row, axis=1) for row in ([one, zero], [zero, one], [-0.5 * y[:, 1], 0.5 * y[:, 0]])]
        return xp.stack(rows, axis=1) / xp.cosh(curvature * x)[..., None]

    def derivative(t: float, x: Array) -> Array:
        xp, g = array_namespace(x), diffusion(t, x)
        # Derivatives of 1 / cosh(kappa x_i) and of G: only dG_31/dy_2 and dG_32/dy_1 are nonzero, dy_k/dx_k =
        # cosh.
        cosh, eye = xp.cosh(curvature * x), asarray_like(np.eye(3), x)
        own = -curvature * xp.tanh(curvature * x)[:, :, None, None] * g[..., None] * eye[:, None, :]
        turn = np.zeros((3, 2, 3))
        turn[2, 0, 1], turn[2, 1, 0] = -0.5, 0.5
        return own + asarray_like(turn, x) * cosh[:, None, None, :] / cosh[:, :, None, None]

    def drift(t: float, x: Array) -> Array:
        xp, g = array_namespace(x), diffusion(t, x)
        bend = correction * xp.sum(g * g, axis=2) * xp.tanh(curvature * x)
        return xp.matmul(g, asarray_like(c, x)) - bend

    model = SDE(drift, diffusion, "general", calculus, noise_dim=2, diffusion_derivative=derivative)
    return SDEProblem(model, bent(y0), t_span, exact, "HA", "heisenberg")
