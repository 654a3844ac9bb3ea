"""The public edge of the SDE solvers: what is checked once, before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._callables import check_result, guarded
from diffmath._models import SDE
from diffmath._tracing import all_true
from diffmath._typing import Array

__all__ = ["as_sde", "noise_shape"]


def as_sde(model: Any) -> SDE:
    """Return an SDE of callables, lowering a symbolic one."""
    if isinstance(model, SDE):
        return model
    lowered = model.lower() if callable(getattr(model, "lower", None)) else None
    if not isinstance(lowered, SDE):
        raise TypeError(f"model must be an sde.SDE or a symbolic.SDE; got {type(model).__name__}")
    return lowered


def noise_shape(model: SDE, t: float, x: Array) -> tuple[int, int]:
    """Call drift and diffusion once, check what they return, and tell the shape of an increment.

    Raises
    ------
    TypeError
        A result of another library, or that would change its dtype; a state modified in place.
    ValueError
        A result of the wrong shape for the declared noise.
    """
    _probe("drift", model.drift, t, x, tuple(x.shape))
    matrix = model.noise in ("commutative", "general")
    g = _probe("diffusion", model.diffusion, t, x, None)
    if g.ndim == 3 and model.noise in ("diagonal", "scalar"):
        raise ValueError(
            f"diffusion(t, x) of {model.noise} noise must return shape {tuple(x.shape)}; got "
            f"{tuple(g.shape)}: a matrix per row is noise='general' (or 'commutative', 'additive')"
        )
    if matrix or g.ndim == 3:
        width = model.noise_dim or (g.shape[2] if g.ndim == 3 else x.shape[1])
        check_result("diffusion(t, x)", g, x, (*x.shape, width))
        _probe_derivative(model, t, x, (*g.shape, x.shape[1]))
        return x.shape[0], width
    check_result("diffusion(t, x)", g, x)
    _probe_derivative(model, t, x, x.shape if model.noise == "diagonal" else (*x.shape, x.shape[1]))
    return x.shape[0], 1 if model.noise == "scalar" else x.shape[1]


def _probe_derivative(model: SDE, t: float, x: Array, shape: tuple[int, ...]) -> None:
    if model.diffusion_derivative is not None and model.noise != "additive":
        _probe("diffusion_derivative", model.diffusion_derivative, t, x, tuple(shape))


def _probe(role: str, function: Any, t: float, x: Array, shape: tuple[int, ...] | None) -> Array:
    lent = 1.0 * x  # a copy that torch can differentiate: the user's own array stays as it is
    with np.errstate(all="ignore"):  # what is not finite is found after the step, and reported
        result = guarded(function, role, t, t, lent)
    call = f"{role}(t, x)"
    check_result(call, result, x, getattr(result, "shape", None) if shape is None else shape)
    if not all_true(lent == x):
        raise TypeError(f"{role} must not modify its state x; it did at t={t!r}: work on a copy")
    if result.dtype != x.dtype:
        raise TypeError(
            f"{call} must keep the precision of the state, {x.dtype}; got {result.dtype}: create its "
            "constants with dtype=x.dtype, or convert the initial state"
        )
    return result
