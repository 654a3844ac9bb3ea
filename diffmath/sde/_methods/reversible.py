r"""The reversible Heun method: one evaluation per step, and steps that can be undone exactly.

.. math::
    \hat x_{n+1} &= 2 x_n - \hat x_n + f(t_n, \hat x_n)\,dt + g(t_n, \hat x_n)\,dW, \\
    x_{n+1} &= x_n + \tfrac12 \bigl(f(t_n, \hat x_n) + f(t_{n+1}, \hat x_{n+1})\bigr) dt
        + \tfrac12 \bigl(g(t_n, \hat x_n) + g(t_{n+1}, \hat x_{n+1})\bigr) dW

The shadow :math:`\hat x` begins at :math:`x_0` and is the state of the method, with f and g at the shadow.
When to use: Stratonovich equations whose drift is expensive, or whose path must be reversed without storing
it. When not: anything stiff or strongly damped, where the shadow grows and the method is unstable.

Source: Kidger, Foster, Li & Lyons (2021), Efficient and accurate gradients for neural SDEs, arXiv:2105.13493,
algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.scheme import Scheme
from diffmath.sde._methods.steppers import apply_diffusion
from diffmath.sde._methods.trial import Trial

__all__ = ["ReversibleStep", "reversible_heun"]


@dataclass(eq=False, slots=True)
class Shadow:
    """The state of the method: the shadow of the state of the equation, and f and g there."""

    x: Array
    f: Array
    g: Array


@dataclass(frozen=True)
class ReversibleStep(Scheme):
    r"""The step of the reversible Heun method, whose state is a shadow of the state of the equation.

    Notes
    -----
    `init` returns the shadow of the first step, the state itself; called as ``step(model, t, x, dt, noise)``,
    it takes this first step. One evaluation of the drift and of the diffusion per step, and one at the start.

    *Equal steps.* The distance :math:`d = \hat x - x` of the shadow obeys

    .. math:: d_{n+1} = -d_n - \tfrac12 \bigl(g(\hat x_{n+1}) - g(\hat x_n)\bigr)\,dW_n + O(h^{3/2}),

    where the middle term is about :math:`-\tfrac12 g' g\,dW_n^2`. The alternating sum of these terms is small
    for steps of equal size. For alternately long and short steps it grows with the elapsed time, however
    small the steps are, and the method does not converge: `solve` with such times is wrong, and
    `solve_adaptive` refuses the method.

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
    >>> state = sde.reversible_heun.init(growth, 0.0, x)
    >>> trial = sde.reversible_heun.attempt(growth, state, 0.0, x, 0.01, dW)
    >>> trial.x, trial.state.x
    (array([[1.105]]), array([[1.1]]))
    """

    @property
    def equal_steps(self) -> bool:
        """Whether the method converges only for steps of equal size: yes."""
        return True

    def init(self, model: SDE, t: float, x: Array) -> Shadow:
        """Return the shadow of the first step: the state itself."""
        return Shadow(x, model.drift(t, x), model.diffusion(t, x))

    def attempt(
        self, model: SDE, state: Shadow, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step, as described in the notes of `Method`; it has no error estimate."""
        f, g = state.f, state.g
        shadow = 2.0 * x - state.x + dt * f + apply_diffusion(g, noise)
        ahead = Shadow(shadow, model.drift(t + dt, shadow), model.diffusion(t + dt, shadow))
        moved = x + 0.5 * (dt * (f + ahead.f) + apply_diffusion(g, noise) + apply_diffusion(ahead.g, noise))
        return Trial(moved, None, ahead)


reversible_heun = Method(
    name="reversible_heun",
    step=ReversibleStep(),
    orders={
        **dict.fromkeys(("additive", "diagonal", "scalar", "commutative"), (1.0, 1.0)),
        "general": (0.5, 1.0),
    },
    calculi=("stratonovich",),
    reference="Kidger, Foster, Li & Lyons (2021), arXiv:2105.13493, algorithm 1",
)
