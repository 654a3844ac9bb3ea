r"""The reversible Heun method: one evaluation per step, and steps that can be undone exactly.

.. math::
    \hat x_{n+1} &= 2 x_n - \hat x_n + f(t_n, \hat x_n)\,dt + g(t_n, \hat x_n)\,dW, \\
    x_{n+1} &= x_n + \tfrac12 \bigl(f(t_n, \hat x_n) + f(t_{n+1}, \hat x_{n+1})\bigr) dt
        + \tfrac12 \bigl(g(t_n, \hat x_n) + g(t_{n+1}, \hat x_{n+1})\bigr) dW

The shadow :math:`\hat x` begins at :math:`x_0` and is carried from step to step, with f and g at the shadow.
When to use: Stratonovich equations whose drift is expensive, or whose path must be reversed without storing
it. When not: anything stiff or strongly damped, where the shadow grows and the method is unstable.

Source: Kidger, Foster, Li & Lyons (2021), Efficient and accurate gradients for neural SDEs, arXiv:2105.13493,
algorithm 1.
"""

from __future__ import annotations

from typing import NamedTuple

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.steppers import apply_diffusion

__all__ = ["ReversibleMethod", "reversible_heun"]


class Shadow(NamedTuple):
    """The data carried from step to step: the shadow, and f and g there."""

    x: Array
    f: Array
    g: Array


class ReversibleMethod(Method):
    """A `Method` whose steps carry a shadow of the state.

    Parameters
    ----------
    name, step, orders, ...
        As for `Method`; `step` is the first step of a run, whose shadow is the state itself.

    Notes
    -----
    `begin` returns what the first step carries; `step_carrying` takes it and returns it for the next step.
    Both are pure functions. One evaluation of the drift and of the diffusion per step, and one at the start.

    References
    ----------
    .. [1] Kidger, Foster, Li & Lyons (2021), arXiv:2105.13493, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.reversible_heun
    Method(reversible_heun, diagonal: strong 1, weak 1)
    >>> growth = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: x, calculus="stratonovich")
    >>> x, dW = np.ones((1, 1)), np.full((1, 1), 0.1)
    >>> carried = sde.reversible_heun.begin(growth, 0.0, x)
    >>> x, carried = sde.reversible_heun.step_carrying(growth, 0.0, x, 0.01, dW, carried)
    >>> x
    array([[1.105]])
    """

    carries = True

    def begin(self, model: SDE, t: float, x: Array) -> Shadow:
        """Return the shadow of the first step: the state itself."""
        return Shadow(x, model.drift(t, x), model.diffusion(t, x))

    def step_carrying(
        self, model: SDE, t: float, x: Array, dt: float, noise: Array, carried: Shadow
    ) -> tuple[Array, Shadow]:
        """Return the state at ``t + dt``, and the data that the next step carries."""
        shadow, f, g = carried
        shadow = 2.0 * x - shadow + dt * f + apply_diffusion(g, noise)
        ahead = Shadow(shadow, model.drift(t + dt, shadow), model.diffusion(t + dt, shadow))
        return x + 0.5 * (
            dt * (f + ahead.f) + apply_diffusion(g, noise) + apply_diffusion(ahead.g, noise)
        ), ahead


def _first_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    """The first step of a run, whose shadow is the state itself: a step of Heun's method."""
    return reversible_heun.step_carrying(model, t, x, dt, dW, reversible_heun.begin(model, t, x))[0]


reversible_heun = ReversibleMethod(
    name="reversible_heun",
    step=_first_step,
    orders={
        **dict.fromkeys(("additive", "diagonal", "scalar", "commutative"), (1.0, 1.0)),
        "general": (0.5, 1.0),
    },
    calculi=("stratonovich",),
    reference="Kidger, Foster, Li & Lyons (2021), arXiv:2105.13493, algorithm 1",
)
