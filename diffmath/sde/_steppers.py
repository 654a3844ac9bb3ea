r"""One step of a stochastic differential equation, as a pure function.

The Brownian increment `dW` is an argument, with variance ``abs(dt)``. A negative `dt` runs backwards: the
noise is then adapted to decreasing time, as in the reverse-time equation of Anderson (1982), and the Ito
integral takes g at the later end of every step.
"""

from __future__ import annotations

from diffmath._arrays import array_namespace
from diffmath._models import SDE
from diffmath._typing import Array
from diffmath.sde._method import Method

__all__ = ["against", "euler_maruyama", "euler_maruyama_step", "milstein", "milstein_step"]


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
    checked here: `solve` does it once, before the first step.

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
    return x + dt * model.drift(t, x) + against(model.diffusion(t, x), dW)


def milstein_step(model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
    r"""Advance an SDE with additive or diagonal noise by one Milstein step.

    .. math::
        x_{t+dt} = x_t + f\,dt + g\,dW + \tfrac12\, g\, \partial_x g\,
        \begin{cases} dW^2 - |dt| & \text{Ito} \\ dW^2 & \text{Stratonovich} \end{cases}

    Parameters
    ----------
    model : SDE
        With `diffusion_derivative`, unless the noise is additive.
    t, dt : float
        Time and step; a negative `dt` runs backwards.
    x : array, shape (batch, dim)
        State at `t`.
    dW : array, shape (batch, dim), or (batch, noise_dim) for an additive matrix
        Brownian increment, variance ``abs(dt)``.

    Returns
    -------
    array, shape (batch, dim)
        State at ``t + dt``, in the dtype and on the device of `x`.

    Notes
    -----
    Strong order 1, weak order 1 [1]_. One evaluation of f, of g and of its derivative. For additive noise the
    correction vanishes and this is the Euler-Maruyama step. Nothing is checked here: `solve` does it once.

    References
    ----------
    .. [1] Kloeden & Platen (1992), section 10.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.sde import SDE, milstein_step
    >>> def one(t, x):
    ...     return 0.0 * x + 1.0
    >>> growth = SDE(drift=lambda t, x: 0.0 * x, diffusion=lambda t, x: x, diffusion_derivative=one)
    >>> milstein_step(growth, 0.0, np.ones((1, 1)), 0.04, np.full((1, 1), 0.2))
    array([[1.2]])
    """
    g = model.diffusion(t, x)
    euler = x + dt * model.drift(t, x) + against(g, dW)
    if model.noise == "additive":
        return euler
    assert model.diffusion_derivative is not None, "Method.check has refused this model"
    iterated = dW * dW - abs(dt) if model.calculus == "ito" else dW * dW
    return euler + 0.5 * g * model.diffusion_derivative(t, x) * iterated


def against(g: Array, dW: Array) -> Array:
    """Let g meet the increment: elementwise, or as a matrix per row."""
    if g.ndim == dW.ndim:
        return g * dW
    return array_namespace(g).matmul(g, dW[..., None])[..., 0]


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

milstein = Method(
    name="milstein",
    step=milstein_step,
    orders={"additive": (1.0, 1.0), "diagonal": (1.0, 1.0)},
    reference="Kloeden & Platen (1992), section 10.3",
    needs_derivative=True,
)
