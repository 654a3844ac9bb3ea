"""One step of a sampler as data: linear updates of the state from evaluations of the model and from noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._process import (
    Combination,
    checked_combination,
    linear_combination,
    nested_combination,
)

__all__ = ["Stage", "Step", "take_step"]

# F(x, t), the model in the form of the method: the denoised data, the noise, ...
Prediction = Callable[[Array, float], Array]


@dataclass(frozen=True)
class Stage:
    r"""A further evaluation of the model within a step, and the update that uses it.

    .. math:: y_k = \mathrm{decay}\,x_n + \sum_j \mathrm{weights}_j F_{-j} + \sum_i \mathrm{noise}_i z_i,
       \qquad F_0 = F(y_{k-1}, t)

    Parameters
    ----------
    t : float
        Time at which the model is evaluated, at the state that the previous update produced.
    decay : float
        Factor of the state at the start of the step.
    weights : tuple of float
        Factors of the evaluations, in the form of the method, the latest first: of this one, of earlier ones
        in the step, of earlier steps.
    noise : float or tuple of float
        Factors of the unit normals of the step.

    Examples
    --------
    The second half of Heun's method in sigma, from 2 to 1, where alpha is 1:

    >>> from diffmath import diffusion
    >>> diffusion.Stage(1.0, 0.25, (0.5, 0.25))
    Stage(t=1.0, decay=0.25, weights=(0.5, 0.25), noise=0.0)
    """

    t: float
    decay: float
    weights: tuple[float, ...]
    noise: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "t", check_number("t of a stage", self.t))
        _check_update(self)


@dataclass(frozen=True)
class Step:
    r"""One step as data.

    .. math:: y_0 = \mathrm{decay}\,x_n + \sum_j \mathrm{weights}_j F_{-j} + \sum_i \mathrm{noise}_i z_i,
       \qquad F_0 = F(x_n, t_n)

    F is the model in the form of the method (`Method.form`), by default the denoised data. The new state is
    :math:`y_0`, or the state after the last of the `stages` (a second evaluation, a corrector).

    Parameters
    ----------
    decay : float
        Factor of the state.
    weights : tuple of float
        Factors of the evaluations: of this step, of the last step, and so on.
    noise : float or tuple of float
        Factor of one unit normal, or of several, one for each piece of the method's clock in the step.
    stages : tuple of Stage
        Further evaluations, each followed by an update that starts from the state at the start of the step.
    carries : bool
        Whether the last stage's evaluation serves as the first of the next step, which then makes none (for
        example, a corrector that is not evaluated again). Later steps see only the first evaluation of each
        step.
    evaluates : bool
        Whether the step begins with an evaluation at its start. A step that adds noise before its first
        evaluation, which is then that of a stage, does not. Its weights refer to earlier steps alone; later
        steps see of it what it carries, if anything.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_2m.step(diffusion.vp(), [0.5, 0.0], 0)   # the last step is the denoised data
    Step(decay=0.0, weights=(1.0,), noise=0.0)
    """

    decay: float
    weights: tuple[float, ...]
    noise: float | tuple[float, ...] = 0.0
    stages: tuple[Stage, ...] = ()
    carries: bool = False
    evaluates: bool = True

    def __post_init__(self) -> None:
        _check_update(self)
        if type(self.stages) is tuple and not self.stages and not self.carries:  # as mostly
            return
        if not isinstance(self.stages, tuple | list) or not all(isinstance(v, Stage) for v in self.stages):
            raise TypeError(f"stages must be a tuple of diffusion.Stage; got {self.stages!r}")
        object.__setattr__(self, "stages", tuple(self.stages))
        if self.carries and not self.stages:
            raise ValueError("a step that carries an evaluation to the next must have stages; got none")

    @property
    def updates(self) -> tuple[Step | Stage, ...]:
        """The updates of the state, in order: the step's own, and those of its stages."""
        return (self, *self.stages)

    @property
    def evaluations(self) -> int:
        """Number of evaluations the weights refer to, not counting earlier steps: one, plus one per stage."""
        return self.evaluates + len(self.stages)

    @property
    def history(self) -> int:
        """Number of first evaluations the weights refer to: its own, if it has one, and earlier ones."""
        if not self.stages:  # most steps, of which a run has many
            return len(self.weights)
        return max(len(update.weights) - k for k, update in enumerate(self.updates))

    @property
    def noises(self) -> int:
        """How many unit normals the step needs."""
        if self.noise == 0.0 and not self.stages:
            return 0
        used = (k + 1 for u in self.updates for k, factor in enumerate(factors(u.noise)) if factor)
        return max(used, default=0)

    def __repr__(self) -> str:
        more = f", stages={self.stages}, carries={self.carries}" if self.stages else ""
        more += "" if self.evaluates else ", evaluates=False"
        return f"Step(decay={self.decay}, weights={self.weights}, noise={self.noise}{more})"


def _check_update(update: Step | Stage) -> None:
    """Turn the coefficients of an update into floats and tuples of floats, or refuse them."""
    weights = update.weights
    if type(weights) is tuple and {float}.issuperset(map(type, (update.decay, update.noise, *weights))):
        return  # as mostly
    object.__setattr__(update, "decay", check_number("decay", update.decay))
    given: dict[str, Any] = {"weights": update.weights, "noise": update.noise}
    for name, value in given.items():
        if isinstance(value, tuple | list):
            object.__setattr__(update, name, tuple(check_number(name, number) for number in value))
        elif name == "weights":
            raise TypeError(f"weights must be a tuple of numbers; got {type(value).__name__}")
        else:
            object.__setattr__(update, name, check_number(name, value))


def factors(noise: float | tuple[float, ...]) -> tuple[float, ...]:
    """Return the factors of the unit normals."""
    return noise if isinstance(noise, tuple) else (noise,)


def take_step(
    step: Step,
    predict: Prediction,
    x: Array,
    known: tuple[Any, ...],
    noises: Sequence[Array | None],
) -> tuple[Array, tuple[Array, ...], bool]:
    """Return the state after a step, the evaluations that the next begins with, and whether it is finite.

    `known` holds the first evaluations of this step and of earlier ones, the latest first, which may be a
    combination of x and what the model returned; `noises` holds the noise of each update.
    """
    latest = known[0] if known else None
    if isinstance(latest, Combination):
        if not step.stages and step.weights:  # one pass computes both
            factors, (_, _, *others) = _terms(step, x, known, noises[0])
            value, y, finite = nested_combination(latest, factors, others)
            return y, (value, *known[1:]), finite
        known = (latest.value(), *known[1:])
    update: Step | Stage = step
    inner = known
    for stage, noise in zip(step.stages, noises, strict=False):
        y = linear_combination(*_terms(update, x, inner, noise))
        update, inner = stage, (predict(y, stage.t), *inner)
    y, finite = checked_combination(*_terms(update, x, inner, noises[-1]))
    return y, (inner[0], *known) if step.carries else known, finite


def _terms(
    update: Step | Stage, x: Array, known: Sequence[Any], noise: Array | None
) -> tuple[tuple[float, ...], tuple[Any, ...]]:
    """Return the factors and the arrays whose sum is the update."""
    weights = update.weights[: len(known)]
    if noise is None:
        return (update.decay, *weights), (x, *known[: len(weights)])
    return (update.decay, *weights, 1.0), (x, *known[: len(weights)], noise)


def is_finite(step: Step) -> bool:
    """Whether all coefficients of a step are finite."""
    if not all(map(math.isfinite, (step.decay, *step.weights, *factors(step.noise)))):
        return False
    return not step.stages or all(
        math.isfinite(number)
        for stage in step.stages
        for number in (stage.decay, *stage.weights, *factors(stage.noise))
    )
