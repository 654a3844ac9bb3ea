r"""The denoised data and products with the transpose of its Jacobian, for any model.

For an exact denoiser :math:`\partial D/\partial x = (\alpha/\sigma^2)\,\mathrm{Cov}[x_0 \mid x_t]` is
symmetric. That is used where a product with the transpose cannot be had otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import array_api_compat as compat

from diffmath._arrays.callables import check_result
from diffmath._arrays.gradients import is_tensor
from diffmath._arrays.namespace import array_namespace, expand_like
from diffmath._core.typing import Array, Time
from diffmath.diffusion._conditional.operators import flat
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import DENOISER, row_times

__all__ = ["Pullback", "denoised_and_pullback"]

# v -> (dD/dx)^T v, for v of the shape of the states.
Pullback = Callable[[Array], Array]


def denoised_and_pullback(model: Model, x: Array, t: Time) -> tuple[Array, Pullback]:
    """Return D and the function v -> (dD/dx)^T v.

    By the attribute ``vjp(x, t, v)`` of the model's function if it has one; else by automatic differentiation
    for tensors of PyTorch and arrays of JAX; else by central differences along v, which are (dD/dx) v: right
    where the Jacobian is symmetric. A product costs one evaluation, one backward pass, or two evaluations.
    """
    found = _own_and_pullback(model, x, t)
    if found is None:
        return model.denoiser(x, t), _Differences(model, x, t)
    prediction, pull = found
    per_x, per_prediction = model.conversion(DENOISER, row_times(t, x), model.process)
    return per_x * x + per_prediction * prediction, lambda v: per_x * v + pull(per_prediction * v)


def _own_and_pullback(model: Model, x: Array, t: Time) -> tuple[Array, Pullback] | None:
    """Return the own prediction of a model and the product with the transpose of its Jacobian."""
    vjp: Any = getattr(model.function, "vjp", None)
    if callable(vjp):
        return model(x, t), lambda v: check_result("vjp(x, t, v)", vjp(x, t, v), x)
    if is_tensor(x):
        transform: Any = sys.modules["torch"].func.vjp
    elif compat.is_jax_array(x):
        transform = sys.modules["jax"].vjp
    else:
        return None
    prediction, pull = transform(lambda at: model(at, t), x)
    return prediction, lambda v: pull(v)[0]


class _Differences:
    """Central differences of the denoised data along v."""

    def __init__(self, model: Model, x: Array, t: Time) -> None:
        self.model, self.x, self.t = model, x, t
        eps = float(array_namespace(x).finfo(x.dtype).eps)
        # D varies over distances of sigma; the cube root balances rounding and truncation.
        self.distance = eps ** (1 / 3) * model.process.marginal(row_times(t, x))[1]

    def __call__(self, v: Array) -> Array:
        xp = array_namespace(v)
        length = expand_like(xp.sqrt(xp.mean(flat(v) ** 2, axis=1)), v)
        length = xp.where(length > 0, length, xp.ones_like(length))
        move = self.distance * v / length
        change = self.model.denoiser(self.x + move, self.t) - self.model.denoiser(self.x - move, self.t)
        return change * (length / (2 * self.distance))
