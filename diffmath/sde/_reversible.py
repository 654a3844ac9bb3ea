r"""The reversible Heun method: one evaluation a step, and steps that can be undone exactly.

.. math::
    \hat x_{n+1} &= 2 x_n - \hat x_n + f(t_n, \hat x_n)\,dt + g(t_n, \hat x_n)\,dW, \\
    x_{n+1} &= x_n + \tfrac12 \bigl(f(t_n, \hat x_n) + f(t_{n+1}, \hat x_{n+1})\bigr) dt
        + \tfrac12 \bigl(g(t_n, \hat x_n) + g(t_{n+1}, \hat x_{n+1})\bigr) dW

The shadow :math:`\hat x` begins at :math:`x_0` and is carried from step to step, with f and g there. When to
use: Stratonovich equations whose drift is dear, or whose path must be retraced without storing it. When not:
anything stiff or strongly damped, where the shadow grows and the method is unstable.

Source: Kidger, Foster, Li & Lyons (2021), Efficient and accurate gradients for neural SDEs, arXiv:2105.13493,
algorithm 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from diffmath._models import SDE
from diffmath._typing import Array
from diffmath.sde._method import Method
from diffmath.sde._steppers import against

__all__ = ["ReversibleMethod", "reversible_heun"]


class _Shadow:
    """The step of one run: it remembers the shadow, and f and g there."""

    def __init__(self) -> None:
        self._carried: tuple[Array, Array, Array] | None = None

    def __call__(self, model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
        if self._carried is None:
            self._carried = x, model.drift(t, x), model.diffusion(t, x)
        shadow, f, g = self._carried
        shadow = 2.0 * x - shadow + dt * f + against(g, dW)
        ahead = model.drift(t + dt, shadow), model.diffusion(t + dt, shadow)
        self._carried = shadow, *ahead
        return x + 0.5 * (dt * (f + ahead[0]) + against(g, dW) + against(ahead[1], dW))


class ReversibleMethod(Method):
    """A `Method` whose steps carry a shadow of the state; every run has its own.

    Parameters
    ----------
    name, step, orders, ...
        As for `Method`; `step` is the first step of a run.

    Notes
    -----
    `started` gives a method for one run, whose `step` remembers the shadow. One evaluation of the drift and
    of the diffusion a step, and one at the start.

    References
    ----------
    .. [1] Kidger, Foster, Li & Lyons (2021), arXiv:2105.13493, algorithm 1.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.reversible_heun
    Method(reversible_heun, diagonal: strong 1, weak 1)
    """

    def started(self) -> Method:
        """Return the method for one run, from its first step to its last."""
        return replace(self, step=_Shadow())


def _first_step(model: SDE, t: float, x: Array, dt: float, dW: Any) -> Array:
    """The first step of a run, whose shadow is the state itself: a step of Heun's method."""
    return _Shadow()(model, t, x, dt, dW)


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
