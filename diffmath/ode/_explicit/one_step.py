"""Common base of the methods of this package: a proven tableau, which names them, and dense output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import SlopeState, StageSum, Trial
from diffmath.ode._tableaux import ContinuousExtension

__all__ = ["UNKNOWN", "ContinuousMethod", "StagedMethod", "TableauMethod", "check_kind"]

# The state of a method without a known slope.
UNKNOWN = SlopeState()


@dataclass(frozen=True, repr=False, eq=False)
class TableauMethod:
    """A method that is defined by its tableau, with its name and orders."""

    tableau: Any

    tableau_kind: ClassVar[type]

    def __post_init__(self) -> None:
        check_kind("tableau", self.tableau, self.tableau_kind)

    @property
    def name(self) -> str:
        """Name of the method."""
        return str(self.tableau.name)

    @property
    def order(self) -> int:
        """Order of accuracy, for steps that resolve the solution; stiffness may reduce it."""
        return int(self.tableau.order)

    @cached_property
    def nodes(self) -> tuple[float, ...]:
        """Fractions of a step at which f is evaluated."""
        return tuple(map(float, self.tableau.c or ()))

    @property
    def reference(self) -> str:
        """Source of the coefficients."""
        return str(self.tableau.reference)

    def __repr__(self) -> str:
        return repr(self.tableau).replace(self.tableau_kind.__name__, type(self).__name__, 1)


class StagedMethod(TableauMethod, ABC):
    """A method of stages: one `attempt` gives the step, its error and the state inside it."""

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, one less than that of the estimate; None without an estimate."""
        embedded: int | None = self.tableau.embedded_order
        return embedded

    @property
    @abstractmethod
    def dense_order(self) -> int | None:
        """Order inside a step; None or 0 if the stages do not determine it."""

    @property
    def is_stiffly_accurate(self) -> bool:
        """Whether a step of any length ends on the solution that a stiff component follows.

        The state inside the step does not have this property, so `solve` lands on save times.
        """
        return bool(getattr(self.tableau, "is_stiffly_accurate", False))

    def init(self, f: Drift, t: Time, x: Array) -> SlopeState:
        """Return the state of the method at the start of a solve: the slope there."""
        return SlopeState(f(t, x))

    @abstractmethod
    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step.

        Parameters
        ----------
        f : callable
            ``f(t, x)`` -> array like `x`, with the structure that the method needs.
        state : SlopeState
            ``f(t, x)`` if it is known, from `init` or the previous trial.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.
        estimate : bool
            Whether to estimate the error.

        Returns
        -------
        Trial
            State at ``t + dt``, its error, the slope there if it is known at no cost, and ``dense()``. All
            are NaN in rows where the equations of an implicit method could not be solved.

        Raises
        ------
        TypeError
            The tableau has no error weights but `estimate` is true; f lacks the structure.
        """

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        r"""Advance by one step.

        Parameters
        ----------
        f, t, x, dt
            As for `attempt`.

        Returns
        -------
        array, shape (batch, \*state)
            State at ``t + dt``, in the dtype and on the device of `x`.
        """
        return self.attempt(f, UNKNOWN, t, x, dt, estimate=False).x

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Array | None]:
        r"""Advance by one step and estimate its error: `attempt` as a tuple.

        Parameters
        ----------
        f, t, x, dt
            As for `attempt`.
        slope : array, shape (batch, \*state), optional
            ``f(t, x)`` if it is already known.

        Returns
        -------
        x_new, error : array, shape (batch, \*state)
            State at ``t + dt``, and the estimate of its local error, of order ``embedded_order + 1`` in `dt`.
        slope_new : array, shape (batch, \*state), or None
            ``f(t + dt, x_new)`` if it is known at no cost.

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        trial = self.attempt(f, SlopeState(slope), t, x, dt)
        return trial.x, trial.error, trial.state.slope

    def _require_estimate(self) -> None:
        """Refuse to estimate an error without weights for it."""
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")


class ContinuousMethod(StagedMethod):
    r"""A method with a continuous extension: the state inside a step is a sum of its stages.

    Its stages are slopes times the step (or other multiples that fit the weights of the extension):

    .. math:: x(t + \theta h) = x_n + \sum_i \Bigl(\sum_k w_{ik} \theta^k\Bigr) z_i
    """

    extension: ContinuousExtension | None  # a field that each method adds after its own

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extension is not None and self.extension.tableau != self.tableau:
            raise ValueError(f"the extension must be one of the tableau {self.name}")

    @property
    def dense_order(self) -> int | None:
        """Order of the continuous extension, None without one."""
        return None if self.extension is None else self.extension.order

    @cached_property
    def extension_weights(self) -> Rows:
        """Polynomials of the weights of the stages, shape (stages, degree)."""
        return np.array(self._proven_extension().matrix())

    def _dense(self, scaled_stages: Callable[[], Sequence[Array]]) -> Callable[[], StageSum] | None:
        """Return a function for the state inside a step, from scaled stages; None without an extension."""
        if self.extension is None:
            return None
        return lambda: StageSum(scaled_stages(), self.extension_weights, times_dt=False)

    def _proven_extension(self) -> ContinuousExtension:
        if self.extension is None:
            raise TypeError(f"{self.name} has no continuous extension")
        return self.extension


def check_kind(name: str, value: Any, kind: type) -> None:
    """Refuse an object that is not of this class of `diffmath.ode`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be an ode.{kind.__name__}; got {type(value).__name__}")
