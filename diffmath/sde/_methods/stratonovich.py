r"""Stratonovich methods without derivatives: Euler-Heun, Heun's and the midpoint method.

They average the diffusion over the step and therefore solve Stratonovich equations: no correction of the
drift is needed, and the chain rule holds in the limit. Strong order 1 if the noise commutes, 1/2 in general
(Levy areas are not used). When to use which: `euler_heun` if the drift is expensive, `heun` or `midpoint` if
drift errors matter (order 2 as the noise vanishes). For additive noise, methods of strong order 3/2 cost no
more.

Source: Ruemelin (1982), Numerical treatment of stochastic differential equations, SIAM J. Numer. Anal. 19,
604-613.
"""

from __future__ import annotations

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.steppers import apply_diffusion

__all__ = ["euler_heun", "heun", "midpoint"]


def euler_heun_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    r"""Advance by one step :math:`x + f\,dt + \tfrac12 (g(t, x) + g(t + dt, x + g\,dW))\,dW`."""
    g = model.diffusion(t, x)
    noise = apply_diffusion(g, dW)
    return (
        x + dt * model.drift(t, x) + 0.5 * (noise + apply_diffusion(model.diffusion(t + dt, x + noise), dW))
    )


def heun_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    r"""Advance by one step of the trapezoidal rule in f dt + g dW, predicted by Euler's."""
    slope = dt * model.drift(t, x) + apply_diffusion(model.diffusion(t, x), dW)
    ahead = x + slope
    return x + 0.5 * (
        slope + dt * model.drift(t + dt, ahead) + apply_diffusion(model.diffusion(t + dt, ahead), dW)
    )


def midpoint_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    r"""Advance by one step with the slope at the middle, predicted by half an Euler step."""
    half = x + 0.5 * (dt * model.drift(t, x) + apply_diffusion(model.diffusion(t, x), dW))
    middle = t + 0.5 * dt
    return x + dt * model.drift(middle, half) + apply_diffusion(model.diffusion(middle, half), dW)


_ORDERS = {
    **dict.fromkeys(("additive", "diagonal", "scalar", "commutative"), (1.0, 1.0)), "general": (0.5, 1.0)
}  # fmt: skip

euler_heun = Method(
    name="euler_heun",
    step=euler_heun_step,
    orders=_ORDERS,
    calculi=("stratonovich",),
    reference="Ruemelin (1982), SIAM J. Numer. Anal. 19, 604-613",
)

heun = Method(
    name="heun",
    step=heun_step,
    orders=_ORDERS,
    calculi=("stratonovich",),
    reference="Ruemelin (1982), SIAM J. Numer. Anal. 19, 604-613",
    evaluations=2,
)

midpoint = Method(
    name="midpoint",
    step=midpoint_step,
    orders=_ORDERS,
    calculi=("stratonovich",),
    reference="Ruemelin (1982), SIAM J. Numer. Anal. 19, 604-613",
    evaluations=2,
)
