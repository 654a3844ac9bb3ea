r"""The divergence of the velocity: exact, by differences along coordinates, or by random directions.

.. math:: \nabla\cdot v = \sum_i e_i^T J e_i = E\,[z^T J z], \qquad z_i = \pm 1

Source: Hutchinson (1990); Grathwohl et al. (2019), arXiv:1810.01367, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import VELOCITY
from diffmath.random import Key, fold_in, normal

__all__ = ["DivergenceKind", "Traces", "traces"]

DivergenceKind = Literal["auto", "exact", "differences", "hutchinson"]

# (x, t) -> the divergence of the velocity, shape (batch, estimates).
Traces = Callable[[Array, float], Array]


def traces(model: Model, x: Array, kind: DivergenceKind, probes: int, key: Key | None) -> tuple[Traces, int]:
    """Return the function that gives the divergence of the velocity, and its number of estimates."""
    if kind not in ("auto", "exact", "differences", "hutchinson"):
        raise ValueError(f"divergence must be 'auto', 'exact', 'differences' or 'hutchinson'; got {kind!r}")
    if kind == "exact" and not model.has_divergence:
        raise TypeError(
            f"divergence='exact' needs a {model.kind.name} with an attribute divergence(x, t), shape "
            "(batch,); use divergence='differences' or 'hutchinson'"
        )
    if kind == "exact" or (kind == "auto" and model.has_divergence):
        return lambda state, t: model.divergence_of(VELOCITY, state, t)[:, None], 1
    if kind != "hutchinson":
        return lambda state, t: _differences(model, state, t)[:, None], 1
    if key is None:
        raise TypeError("divergence='hutchinson' is stochastic; pass key=dm.random.key(0)")
    xp, count = array_namespace(x), check_count("probes", probes)
    # The same directions on the whole path, so that every estimate is that of one smooth integrand.
    directions = [_rademacher(fold_in(fold_in(key, "diffusion.likelihood"), i), x) for i in range(count)]
    return lambda state, t: xp.stack([_along(model, state, t, z) for z in directions], axis=1), count


def _rademacher(key: Key, x: Array) -> Array:
    xp = array_namespace(x)
    z = normal(key, tuple(x.shape), like=x)
    return xp.where(z < 0, -xp.ones_like(z), xp.ones_like(z))


def _differences(model: Model, x: Array, t: float) -> Array:
    """Trace of the Jacobian: one pair of evaluations per coordinate, always with the same batch size."""
    xp = array_namespace(x)
    dim = math.prod(x.shape[1:])
    position = xp.reshape(xp.arange(dim, device=device(x)), (1, *x.shape[1:]))
    total = xp.zeros((x.shape[0],), dtype=x.dtype, device=device(x))
    for i in range(dim):
        basis = xp.broadcast_to(xp.astype(position == i, x.dtype), x.shape)
        total = total + _along(model, x, t, basis, reach=1.0)
    return total


def _along(model: Model, x: Array, t: float, z: Array, reach: float | None = None) -> Array:
    """Return z . J z by a central difference of the velocity; `reach` is the length of z.

    p_t is smooth on the scale sigma_t. A step of eps^(1/3) sigma_t balances truncation and rounding errors.
    """
    xp = array_namespace(x)
    reach = math.sqrt(math.prod(x.shape[1:])) if reach is None else reach
    step = float(xp.finfo(x.dtype).eps) ** (1 / 3) * model.process.marginal(t)[1] / reach
    slope = (model.velocity(x + step * z, t) - model.velocity(x - step * z, t)) / (2 * step)
    return xp.sum(xp.reshape(slope * z, (x.shape[0], -1)), axis=1)
