r"""Milstein's method for every class of noise, Ito and Stratonovich, with derivatives of g or differences.

.. math::
    x_{t+dt} = x_t + f\,dt + g\,dW + \sum_{i,j} (L^i g_j)\, I_{ij}, \qquad
    L^i = \sum_k g_{ki} \partial_k, \qquad
    I_{ij} = \tfrac12 \bigl(W_i W_j - \delta_{ij} |dt|\bigr) + A_{ij}

without the :math:`\delta_{ij} |dt|` for Stratonovich noise. If the noise commutes,
:math:`L^i g_j = L^j g_i`, the Levy areas A drop out of the sum.

When to use: paths at order 1; `milstein` if the noise commutes, `milstein_levy` if it does not, and the
derivative-free methods if g' is not available. When not: additive noise, where they equal Euler-Maruyama
(`sra1` is better); only expectations (`dri1`); many digits with diagonal noise (`sriw1`).

Source: Kloeden & Platen (1992), sections 10.3 and 11.1.
"""

from __future__ import annotations

from typing import Any

from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, device
from diffmath._arrays.tracing import is_traced
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.steppers import apply_diffusion, root_of
from diffmath.sde._noise import Increment, levy_increments

__all__ = [
    "derivative_free_milstein", "derivative_free_milstein_levy", "milstein", "milstein_levy", "milstein_step"
]  # fmt: skip


def milstein_step(model: SDE, t: float, x: Array, dt: float, noise: Any) -> Array:
    r"""Advance an SDE by one Milstein step.

    .. math::
        x_{t+dt} = x_t + f\,dt + g\,dW + \sum_{i,j,k} g_{ki}\, \partial_k g_j\, I_{ij}, \qquad
        I_{ij} = \tfrac12 \bigl(W_i W_j - \delta_{ij} |dt|\bigr) + A_{ij}

    without the :math:`\delta_{ij} |dt|` for Stratonovich noise.

    Parameters
    ----------
    model : SDE
        With `diffusion_derivative`, unless the noise is additive.
    t, dt : float
        Time and step; a negative `dt` runs backwards.
    x : array, shape (batch, dim)
        State at `t`.
    noise : array, shape (batch, noise_dim), or Increment
        Brownian increment, variance ``abs(dt)``; an `Increment` with Levy areas A for general noise.

    Returns
    -------
    array, shape (batch, dim)
        State at ``t + dt``, in the dtype and on the device of `x`.

    Notes
    -----
    Strong order 1, weak order 1 [1]_; without A, strong order 1/2 for noise that does not commute. One
    evaluation of f, of g and of its derivative. For additive noise the correction vanishes and this is the
    Euler-Maruyama step. Nothing is checked here; `solve` checks once.

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
    return _step(model, t, x, dt, noise, differences=False)


def _derivative_free_step(model: SDE, t: float, x: Array, dt: float, noise: Any) -> Array:
    return _step(model, t, x, dt, noise, differences=True)


def _step(model: SDE, t: float, x: Array, dt: float, noise: Any, *, differences: bool) -> Array:
    W = noise.W if isinstance(noise, Increment) else noise
    f, g = model.drift(t, x), model.diffusion(t, x)
    euler = x + dt * f + apply_diffusion(g, W)
    if model.noise == "additive":
        return euler
    if model.noise in ("diagonal", "scalar"):
        square = W * W - abs(dt) if model.calculus == "ito" else W * W
        along = _difference(model, t, x, dt, f, g, g) if differences else _slope(model, t, x, g)
        return euler + 0.5 * along * square
    iterated = _iterated(noise, dt, model.calculus == "ito")
    return euler + (_by_columns if differences else _by_derivative)(model, t, x, dt, f, g, iterated)


def _iterated(noise: Any, dt: float, ito: bool) -> Array:
    """Return I_ij, shape (batch, noise_dim, noise_dim)."""
    W, A = (noise.W, noise.A) if isinstance(noise, Increment) else (noise, None)
    iterated = 0.5 * W[:, :, None] * W[:, None, :]
    if ito:
        xp, m = array_namespace(W), W.shape[1]
        iterated = iterated - 0.5 * abs(dt) * xp.eye(m, dtype=W.dtype, device=device(W))[None, :, :]
    return iterated if A is None else iterated + A


def _slope(model: SDE, t: float, x: Array, g: Array) -> Array:
    """Return the derivative of g along itself, for diagonal and for scalar noise."""
    assert model.diffusion_derivative is not None, "Method.check has refused this model"
    derivative = model.diffusion_derivative(t, x)
    return g * derivative if model.noise == "diagonal" else apply_diffusion(derivative, g)


def _difference(
    model: SDE, t: float, x: Array, dt: float, f: Array, g: Array, direction: Array
) -> Array:  # fmt: skip
    """Return the derivative of g along a direction, by a difference over a step of the size of the noise.

    One-sided differences have errors of size sqrt(h). In the mean they cancel with W^2 - h, but not with W^2:
    for Stratonovich noise they would add a drift of order h^(3/2) and reduce the strong order to 1/2.
    """
    root = root_of(abs(dt))
    if not is_traced(root):
        root = root or 1.0
    if model.calculus == "ito":
        return (model.diffusion(t, x + dt * f + root * direction) - g) / root
    ahead, behind = model.diffusion(t, x + root * direction), model.diffusion(t, x - root * direction)
    return (ahead - behind) / (2.0 * root)


def _by_columns(
    model: SDE, t: float, x: Array, dt: float, f: Array, g: Array, iterated: Array
) -> Array:  # fmt: skip
    """Return sum_ij (L^i g_j) I_ij, with L^i g a difference along column i of g."""
    xp = array_namespace(g)
    terms = [
        xp.matmul(_difference(model, t, x, dt, f, g, g[:, :, i]), iterated[:, i, :, None])[..., 0]
        for i in range(g.shape[2])
    ]
    return sum(terms[1:], start=terms[0])


def _by_derivative(
    model: SDE, t: float, x: Array, dt: float, f: Array, g: Array, iterated: Array
) -> Array:  # fmt: skip
    """Return sum_ij sum_k g_ki (dg_j/dx_k) I_ij."""
    assert model.diffusion_derivative is not None, "Method.check has refused this model"
    xp, (batch, dim, m) = array_namespace(g), g.shape
    slopes = xp.matmul(xp.reshape(model.diffusion_derivative(t, x), (batch, dim * m, dim)), g)  # (d j, i)
    weights = xp.reshape(xp.matrix_transpose(iterated), (batch, m * m, 1))  # (j i)
    return xp.matmul(xp.reshape(slopes, (batch, dim, m * m)), weights)[..., 0]


_COMMUTING = dict.fromkeys(("additive", "diagonal", "scalar", "commutative"), (1.0, 1.0))

milstein = Method(
    name="milstein",
    step=milstein_step,
    orders=_COMMUTING,
    reference="Kloeden & Platen (1992), section 10.3",
    needs_derivative=True,
)

milstein_levy = Method(
    name="milstein_levy",
    step=milstein_step,
    orders={**_COMMUTING, "general": (1.0, 1.0)},
    reference="Kloeden & Platen (1992), section 10.3, (3.3)",
    needs_derivative=True,
    increments=levy_increments("A"),
)

derivative_free_milstein = Method(
    name="derivative_free_milstein",
    step=_derivative_free_step,
    orders=_COMMUTING,
    reference="Kloeden & Platen (1992), section 11.1; central differences for Stratonovich noise",
)

derivative_free_milstein_levy = Method(
    name="derivative_free_milstein_levy",
    step=_derivative_free_step,
    orders={**_COMMUTING, "general": (1.0, 1.0)},
    reference="Kloeden & Platen (1992), section 11.1; central differences for Stratonovich noise",
    increments=levy_increments("A"),
)
