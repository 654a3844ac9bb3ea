"""A sampler: a named rule for the coefficients of every step, with its orders and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from diffmath._core.counts import check_count
from diffmath._core.named import named
from diffmath._core.spoken import name_and_parameters
from diffmath.diffusion._methods.step import Step
from diffmath.diffusion._process import FORMS, Form, Parametrisation, Process

__all__ = ["Clock", "Method", "StepRule", "as_method"]

StepRule = Callable[[Process, Sequence[float], int], Step]
Clock = Callable[[Process, Sequence[float]], list[float]]


@dataclass(frozen=True)
class Method:
    r"""A sampler: the coefficients of its steps, its orders and its cost.

    A call returns a method with other parameters, ``diffusion.ddim(eta=1)``. Parameters that are not given
    keep their values, so a call without arguments returns an equal method.

    Parameters
    ----------
    name : str
    order : int
        Order of convergence from a cold start on the user's grid, first and last steps included: of the
        trajectory (deterministic), strong (stochastic).
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
    evaluations : int or callable
        Model evaluations of a step: 1, and 1 for each stage. A step that carries an evaluation to the next
        makes one less, except the first step of a run. ``evaluations(steps)`` gives those of a run whose
        first or last steps differ.
    form : {"data", "noise", "velocity", "flow"}
        What the weights multiply: the denoised data D, the noise E, the velocity
        :math:`\alpha E - \sigma D`, or the flow E - D of a straight path. A velocity and a flow are regular
        at alpha = 0 and sigma = 0. A denoiser does not determine the noise at sigma = 0; a score or a noise
        does not determine the data at alpha = 0.
    end_order : int, optional
        Order on grids that reach alpha = 0 or sigma = 0, if it is less than `order`; their steps in
        :math:`\arctan(\sigma/\alpha)` are to shrink like 1/n.

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
    _: KW_ONLY
    evaluations: int | Callable[[int], int] = 1
    form: Form = "data"
    end_order: int | None = None

    def __post_init__(self) -> None:
        if not callable(self.evaluations):
            check_count("evaluations", self.evaluations)
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}; got {self.form!r}")

    def __call__(self) -> Method:
        """Return the method itself: it has no parameters."""
        return self

    @property
    def needs_key(self) -> bool:
        """Whether the method is stochastic."""
        return self.clock is not None

    def for_steps(self, steps: int) -> Method:
        """Return the method of a run of so many steps: itself, except for `auto`, which chooses one."""
        return self

    def nfe(self, steps: int) -> int:
        """Return the number of model evaluations of `steps` steps.

        A run from alpha = 0 or to sigma = 0 makes fewer where its first or its last step needs no stages;
        ``trajectory(...).stats["evaluations"]`` is the number of a run.
        """
        steps = check_count("steps", steps, 0)
        return self.evaluations(steps) if callable(self.evaluations) else self.evaluations * steps

    @property
    def prediction(self) -> Parametrisation:
        """The parametrisation of the form."""
        return FORMS[self.form]

    def __repr__(self) -> str:
        return f"Method({self.name}, order={self.order}, weak_order={self.weak_order})"


def as_method(method: Any) -> Method:
    """Return a method that is given as an object or by its name, ``"heun"`` or ``"ddim(eta=0.5)"``."""
    name, parameters = name_and_parameters(method) if isinstance(method, str) else (method, {})
    method = named(name, "diffmath.diffusion", lambda value: isinstance(value, Method))
    if parameters:
        if type(method) is Method:
            raise TypeError(f"{name} has no parameters; got {parameters}")
        return method(**parameters)  # type: ignore[no-any-return]
    if not isinstance(method, Method):
        raise TypeError(
            "method must be a diffusion Method such as diffusion.dpmpp_2m, or its name; got "
            f"{type(method).__name__}"
        )
    return method
