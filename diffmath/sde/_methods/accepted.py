"""Which models a method accepts, and the advice for the others."""

from __future__ import annotations

from typing import Any

from diffmath._arrays.models import SDE

__all__ = ["check_accepts"]

# The advice for a model whose noise a method does not accept; all of these take both calculi.
_ADVICE = {"additive": "sra1", "general": "milstein_levy", **dict.fromkeys(
    ("diagonal", "scalar", "commutative"), "milstein (sde.derivative_free_milstein without derivatives)"
)}  # fmt: skip


def check_accepts(method: Any, model: SDE) -> None:
    """Refuse a model for which the orders of a `Method` would not hold; see `Method.check`."""
    if model.noise not in method.orders:
        raise ValueError(
            f"{method.name} needs noise in {method.noises}; got {model.noise!r}: use "
            f"sde.{_ADVICE[model.noise]}, or a method whose `orders` name it"
        )
    if model.noise == "additive":
        return
    if model.calculus not in method.calculi:
        change = (
            "add the correction g g'/2 to the drift (symbolic.SDE.to_ito does; subtract it for "
            "decreasing times) or use sde.heun or sde.milstein"
            if model.calculus == "stratonovich"
            else "subtract the correction g g'/2 from the drift (symbolic.SDE.to_stratonovich does; add "
            "it for decreasing times) or use sde.euler_maruyama or sde.milstein"
        )
        raise ValueError(
            f"{method.name} solves SDEs in the calculus {method.calculi}; got {model.calculus!r}: {change}"
        )
    if method.needs_derivative and model.diffusion_derivative is None:
        raise TypeError(
            f"{method.name} needs diffusion_derivative(t, x), dg_i/dx_i of shape (batch, dim) for diagonal "
            "noise, dg/dx_k on a last axis for other noise; got None: give it to SDE(...), let "
            "symbolic.SDE(...).lower() derive it, or use sde.derivative_free_milstein"
        )
