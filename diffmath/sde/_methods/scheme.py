"""The step of a method as an object: the base of those of this package, and the checks of a user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from diffmath._arrays.callables import check_part
from diffmath._arrays.models import SDE
from diffmath._core.flags import check_flag
from diffmath._core.typing import Array
from diffmath._stepping.trial import check_rows
from diffmath.sde._methods.trial import Inside, Trial

__all__ = ["Attempting", "Scheme", "attempting"]


class Attempting(Protocol):
    """The interface of a step with a state, an estimate or parts; see the notes of `Method`."""

    def init(self, model: SDE, t: float, x: Array) -> Any:
        """Return the state of the method at the start of a solve."""
        ...

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step."""
        ...


class Scheme(ABC):
    """A step that is an object of this package, which can also be called as a function."""

    @property
    def has_estimate(self) -> bool:
        """Whether `attempt` estimates the error."""
        return False

    @property
    def equal_steps(self) -> bool:
        """Whether the method converges only for steps of equal size."""
        return False

    def init(self, model: SDE, t: float, x: Array) -> Any:
        """Return the state of the method at the start of a solve: None, the method has no state."""
        return None

    @abstractmethod
    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step, as described in the notes of `Method`."""

    def __call__(self, model: SDE, t: float, x: Array, dt: float, noise: Any) -> Array:
        """Return the state at ``t + dt`` after the first step of a solve, like `x` of shape (batch, dim)."""
        return self.attempt(model, self.init(model, t, x), t, x, dt, noise, estimate=False).x


def attempting(step: Any) -> Attempting | None:
    """Return a step with the interface of the solvers, a user's own with checks; None for a function.

    Raises
    ------
    TypeError
        A class instead of an object; `has_estimate` or `equal_steps` is not True or False.
    """
    if isinstance(step, Scheme):
        return step
    if not callable(getattr(step, "attempt", None)):
        return None
    if isinstance(step, type):
        raise TypeError(f"step is an object, not a class; got {step.__name__}: pass {step.__name__}()")
    for name in ("has_estimate", "equal_steps"):
        check_flag(name, getattr(step, name, False))
    return _Checked(step)


class _Checked:
    """A user's object with `attempt`."""

    def __init__(self, step: Any) -> None:
        self._step = step
        self.has_estimate: bool = getattr(step, "has_estimate", False)
        self.equal_steps: bool = getattr(step, "equal_steps", False)

    def init(self, model: SDE, t: float, x: Array) -> Any:
        begin = getattr(self._step, "init", None)
        return None if begin is None else check_rows("init(model, t, x)", begin(model, t, x), x)

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        role = "attempt(model, state, t, x, dt, noise)"
        trial = self._step.attempt(model, state, t, x, dt, noise, estimate=estimate)
        if not isinstance(trial, Trial):
            raise TypeError(f"{role} must return an sde.Trial; got {type(trial).__name__}")
        check_part(role, trial.x, x)
        if estimate and self.has_estimate:
            if trial.error is None:
                raise TypeError(f"{role} must estimate the error of a method that has_estimate; got None")
            check_part(f"{role}: the error", trial.error, x)
        check_rows(role, trial.state, x)
        return trial if trial.dense is None else replace(trial, dense=partial(_checked_dense, trial.dense, x))


def _checked_dense(dense: Any, x: Array) -> Inside:
    at = dense()
    if not callable(at):
        raise TypeError(f"dense() of a trial must return a callable at(dt, noise); got {type(at).__name__}")
    return lambda dt, noise: check_part("dense()(dt, noise)", at(dt, noise), x)
