r"""One step of a stochastic differential equation, as a pure function.

The Brownian increment `dW` is an argument, with variance ``abs(dt)``. A negative `dt` runs backwards: the
noise is then adapted to decreasing time, as in the reverse-time equation of Anderson (1982), and the Ito
integral takes g at the later end of every step.

When to use Euler-Maruyama: expectations of modest accuracy with any Ito noise, and as a baseline. When not:
for paths, where Milstein's term is worth its cost if the noise commutes, and `sra1` has order 3/2 at twice
the cost if it is additive; for accurate expectations, where `dri1` has order 2; for stiff drifts, which need
`implicit_euler_maruyama`.
"""

from __future__ import annotations

from typing import Any

from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method

__all__ = ["apply_diffusion", "euler_maruyama", "euler_maruyama_step", "root_of"]


def euler_maruyama_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    r"""Advance an Ito SDE by one Euler-Maruyama step.

    .. math:: x_{t+dt} = x_t + f(t, x_t)\,dt + g(t, x_t)\,dW

    Parameters
    ----------
    model : SDE
        Ito SDE, or one with additive noise.
    t, dt : float
        Time and step; a negative `dt` runs backwards.
    x : array, shape (batch, dim)
        State at `t`.
    dW : array, shape (batch, dim) or (batch, noise_dim)
        Brownian increment, variance ``abs(dt)``; (batch, 1) for scalar noise.

    Returns
    -------
    array, shape (batch, dim)
        State at ``t + dt``, in the dtype and on the device of `x`.

    Notes
    -----
    Strong order 1/2 (1 for additive noise), weak order 1 [1]_. One evaluation of f and of g. Nothing is
    checked here; `solve` checks once, before the first step.

    References
    ----------
    .. [1] Kloeden & Platen (1992), section 10.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.sde import SDE, euler_maruyama_step
    >>> decay = SDE(drift=lambda t, x: -x, diffusion=lambda t, x: 0.0 * x)
    >>> euler_maruyama_step(decay, 0.0, np.ones((1, 1)), 0.1, np.zeros((1, 1)))
    array([[0.9]])
    """
    return x + dt * model.drift(t, x) + apply_diffusion(model.diffusion(t, x), dW)


def apply_diffusion(g: Array, dW: Array) -> Array:
    """Multiply g by the increment: elementwise, or by a matrix per row."""
    if g.ndim == dW.ndim:
        return g * dW
    return array_namespace(g).matmul(g, dW[..., None])[..., 0]


def root_of(h: Any) -> Any:
    """Return the square root of the step length, which is a float or a number traced by JAX."""
    return elementary(h).sqrt(h)


euler_maruyama = Method(
    name="euler_maruyama",
    step=euler_maruyama_step,
    orders={
        "additive": (1.0, 1.0),
        "diagonal": (0.5, 1.0),
        "scalar": (0.5, 1.0),
        "commutative": (0.5, 1.0),
        "general": (0.5, 1.0),
    },
    calculi=("ito",),
    reference="Kloeden & Platen (1992), section 10.2",
)
