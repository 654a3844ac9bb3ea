"""A sampler: a named rule for the coefficients of every step, with its orders and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from diffmath._core.counts import check_count
from diffmath._core.named import named
from diffmath.diffusion._methods.step import Step
from diffmath.diffusion._process import Process

__all__ = ["Clock", "Method", "StepRule", "as_method"]

StepRule = Callable[[Process, Sequence[float], int], Step]
Clock = Callable[[Process, Sequence[float]], list[float]]


@dataclass(frozen=True)
class Method:
    """A sampler: the coefficients of its steps, its orders and its cost.

    A call returns a method with other parameters, ``diffusion.ddim(eta=1)``. Parameters that are not given
    keep their values, so a call without arguments returns an equal method.

    Parameters
    ----------
    name : str
    order : int
        Order of convergence: of the trajectory (deterministic), strong (stochastic).
    weak_order : int
        Order of the distribution.
    reference : str
        Source of the method.
    step : callable
        ``step(process, times, n)`` -> `Step`, on the host.
    clock : callable, optional
        ``clock(process, times)``: the variance clock of the Brownian path that drives a stochastic method;
        None for a deterministic one. It is increasing, has one interval for each normal of a step, and ends
        earlier if the last steps have no noise.
    evaluations : int
        Model evaluations of a step: 1, and 1 for each stage. A step that carries an evaluation to the next
        makes one less, except the first step of a run.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> def hold(process, times, n):
    ...     return diffusion.Step(decay=1.0, weights=(0.0,))
    >>> diffusion.Method("hold", order=0, weak_order=0, reference="none", step=hold)
    Method(hold, order=0, weak_order=0)
    """

    name: str
    order: int
    weak_order: int
    reference: str
    step: StepRule
    clock: Clock | None = None
    evaluations: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        check_count("evaluations", self.evaluations)

    def __call__(self) -> Method:
        """Return the method itself: it has no parameters."""
        return self

    @property
    def needs_key(self) -> bool:
        """Whether the method is stochastic."""
        return self.clock is not None

    def nfe(self, steps: int) -> int:
        """Return the number of model evaluations of `steps` steps: `evaluations` times `steps`."""
        return self.evaluations * check_count("steps", steps, 0)

    def __repr__(self) -> str:
        return f"Method({self.name}, order={self.order}, weak_order={self.weak_order})"


def as_method(method: Any) -> Method:
    """Return a method that is given as an object or by its name."""
    method = named(method, "diffmath.diffusion", lambda value: isinstance(value, Method))
    if not isinstance(method, Method):
        raise TypeError(
            "method must be a diffusion Method such as diffusion.dpmpp_2m, or its name; got "
            f"{type(method).__name__}"
        )
    return method
