r"""One step of a stochastic differential equation, as a pure function; a method is a step with its facts.

The Brownian increment `dW` is an argument, with variance ``abs(dt)``. A negative `dt` runs backwards: the
noise is then adapted to decreasing time, as in the reverse-time equation of Anderson (1982), and the Ito
integral takes g at the later end of every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from diffmath._arrays import array_namespace
from diffmath._models import SDE, Calculus, Noise
from diffmath._typing import Array

__all__ = ["Method", "euler_maruyama", "euler_maruyama_step", "milstein", "milstein_step"]

Step = Callable[[SDE, float, Array, float, Array], Array]


@dataclass(frozen=True)
class Method:
    """A fixed-step method: one step, and what is known about it.

    Parameters
    ----------
    name : str
        For messages and the command line.
    step : callable
        ``step(model, t, x, dt, dW)``: the state at ``t + dt``.
    strong_order : float
        Order of the pathwise error for every noise in `noises`.
    strong_order_additive : float
        The same, where g does not depend on x.
    weak_order : float
        Order of the error of expectations.
    noises : tuple of str
        Classes of noise for which the orders hold; others are refused.
    calculi : tuple of str
        Calculi accepted for noise that is not additive (for additive noise they agree).
    reference : str
        Where it is from.
    needs_derivative : bool
        Whether ``model.diffusion_derivative`` is called (for noise that is not additive).
    evaluations : int
        Calls of the drift per step.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.milstein
    Method(milstein, strong order 1, weak order 1)
    >>> sde.milstein.nfe(200)
    200
    """

    name: str
    step: Step
    strong_order: float
    strong_order_additive: float
    weak_order: float
    noises: tuple[Noise, ...] = get_args(Noise)
    calculi: tuple[Calculus, ...] = get_args(Calculus)
    reference: str = ""
    needs_derivative: bool = False
    evaluations: int = 1

    def nfe(self, steps: int) -> int:
        """Return the number of drift evaluations per path of `steps` steps."""
        return self.evaluations * steps

    def check(self, model: SDE) -> None:
        """Refuse a model for which the orders of this method would not hold.

        Raises
        ------
        TypeError
            The derivative of the diffusion is needed and missing.
        ValueError
            A noise or a calculus that the method does not accept.
        """
        if model.noise not in self.noises:
            raise ValueError(
                f"{self.name} needs noise in {self.noises}; got {model.noise!r}: its iterated integrals come "
                "with Levy areas in a later version, use sde.euler_maruyama"
            )
        if model.noise == "additive":
            return
        if model.calculus not in self.calculi:
            raise ValueError(
                f"{self.name} solves SDEs in the calculus {self.calculi}; got {model.calculus!r}: add the "
                "correction g g'/2 to the drift (symbolic.SDE.to_ito does; subtract it for decreasing times) "
                "or use sde.milstein for diagonal noise"
            )
        if self.needs_derivative and model.diffusion_derivative is None:
            raise TypeError(
                f"{self.name} needs diffusion_derivative(t, x), dg_i/dx_i of shape (batch, dim); got None: "
                "give it to SDE(...), let symbolic.SDE(...).lower() derive it, or use sde.euler_maruyama"
            )

    def __repr__(self) -> str:
        return f"Method({self.name}, strong order {self.strong_order:g}, weak order {self.weak_order:g})"


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
    return x + dt * model.drift(t, x) + _against(model.diffusion(t, x), dW)


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
    euler = x + dt * model.drift(t, x) + _against(g, dW)
    if model.noise == "additive":
        return euler
    assert model.diffusion_derivative is not None, "Method.check has refused this model"
    iterated = dW * dW - abs(dt) if model.calculus == "ito" else dW * dW
    return euler + 0.5 * g * model.diffusion_derivative(t, x) * iterated


def _against(g: Array, dW: Array) -> Array:
    """Let g meet the increment: elementwise, or as a matrix per row."""
    if g.ndim == dW.ndim:
        return g * dW
    return array_namespace(g).matmul(g, dW[..., None])[..., 0]


euler_maruyama = Method(
    name="euler_maruyama",
    step=euler_maruyama_step,
    strong_order=0.5,
    strong_order_additive=1.0,
    weak_order=1.0,
    calculi=("ito",),
    reference="Kloeden & Platen (1992), section 10.2",
)

milstein = Method(
    name="milstein",
    step=milstein_step,
    strong_order=1.0,
    strong_order_additive=1.0,
    weak_order=1.0,
    noises=("additive", "diagonal"),
    reference="Kloeden & Platen (1992), section 10.3",
    needs_derivative=True,
)
