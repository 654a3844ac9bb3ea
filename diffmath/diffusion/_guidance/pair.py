"""What the guidances share: models of one process, their forms, scales, and sums within a row."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from diffmath._arrays.namespace import array_namespace, expand_like
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import (
    DENOISER,
    FLOW,
    NOISE,
    SCORE,
    VELOCITY,
    Parametrisation,
    matches,
    row_times,
)

__all__ = [
    "Pair",
    "Scale",
    "check_finite",
    "check_form",
    "check_models",
    "check_scale",
    "guided_by",
    "predict",
    "row_dot",
    "scale_at",
]

# A number, or scale(t).
Scale = float | Callable[[Any], Any]

_FORMS = {kind.name: kind for kind in (DENOISER, NOISE, VELOCITY, FLOW, SCORE)}


def check_models(**models: Model) -> None:
    """Refuse what is not a `Model`, and models of different processes."""
    for name, model in models.items():
        if not isinstance(model, Model):
            raise TypeError(
                f"{name} must be a diffusion.Model, as from_noise(network, process) returns; "
                f"got {type(model).__name__}"
            )
    (first, model), *others = models.items()
    for name, other in others:
        if not matches(model.process, other.process):
            raise ValueError(
                f"{first} and {name} must be models of one process; got {model.process!r} and "
                f"{other.process!r}"
            )


def check_finite(name: str, value: Any) -> float:
    """Return a finite number as a float, or refuse it by `name`."""
    number = check_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite; got {number}")
    return number


def check_scale(scale: Any) -> Scale:
    """Return a scale: a finite number, or a function of time."""
    return scale if callable(scale) else check_finite("scale", scale)


def scale_at(scale: Scale, t: Time, x: Array) -> Any:
    """Return the scale at `t`: a float, or an array that broadcasts against `x` if `t` is one per row."""
    if not callable(scale):
        return scale
    at = row_times(t, x)
    found = scale(at)
    if isinstance(at, float) or isinstance(found, Real):  # a constant may ignore an array of times
        return check_finite(f"scale(t) at t={at:g}" if isinstance(at, float) else "scale(t)", found)
    return array_namespace(x).astype(found, x.dtype, copy=False)


def check_form(form: str) -> Parametrisation:
    """Return the parametrisation of this name."""
    if form not in _FORMS:
        raise ValueError(f"form must be one of {', '.join(map(repr, _FORMS))}; got {form!r}")
    return _FORMS[form]


def predict(model: Model, form: Parametrisation, x: Array, t: Time) -> Array:
    """Return the prediction of a model in any form."""
    prediction: Array = getattr(model, form.name)(x, t)
    return prediction


@dataclass(frozen=True, eq=False)
class Pair(ABC):
    """A guidance that acts on two predictions in one form; a class, so that it can be sent to workers."""

    conditional: Model
    unconditional: Model
    scale: Scale
    form: Parametrisation

    def predictions(self, x: Array, t: Time) -> tuple[Array, Array]:
        """Return the conditional and the unconditional prediction in the form of the guidance."""
        return predict(self.conditional, self.form, x, t), predict(self.unconditional, self.form, x, t)

    @abstractmethod
    def __call__(self, x: Array, t: Time) -> Array:
        """Return the guided prediction in the form of the guidance."""


def guided_by(guidance: Pair) -> Model:
    """Return the model of a guidance, having checked its pair."""
    check_models(conditional=guidance.conditional, unconditional=guidance.unconditional)
    return Model(guidance.form, guidance, guidance.conditional.process)


def row_dot(a: Array, b: Array) -> Array:
    """Return the inner product of each row of `a` with that of `b`, shaped to broadcast against them."""
    xp, shape = array_namespace(a, b), (a.shape[0], math.prod(a.shape[1:]))
    return expand_like(xp.sum(xp.reshape(a * b, shape), axis=1), a)
