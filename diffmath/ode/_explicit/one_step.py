"""What the methods of this package share: a proven tableau that names them, and the state inside a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath.ode._tableaux import ContinuousExtension

__all__ = ["ContinuousMethod", "StagedMethod", "TableauMethod", "check_kind"]


@dataclass(frozen=True, repr=False, eq=False)
class TableauMethod:
    """A method that is what its tableau says: names and orders come from there."""

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

    @property
    def reference(self) -> str:
        """Where the coefficients come from."""
        return str(self.tableau.reference)

    def __repr__(self) -> str:
        return repr(self.tableau).replace(self.tableau_kind.__name__, type(self).__name__, 1)


class StagedMethod(TableauMethod, ABC):
    """A method whose stages give the state inside a step."""

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, one less than that of the estimate; None without an estimate."""
        embedded: int | None = self.tableau.embedded_order
        return embedded

    @property
    @abstractmethod
    def dense_order(self) -> int | None:
        """Order inside a step; None or 0 where the stages do not tell."""

    @property
    def is_stiffly_accurate(self) -> bool:
        """Whether a step ends on what a stiff solution is slaved to, however long it is.

        The state inside the step does not have that virtue: `solve` then lands on save times.
        """
        return bool(getattr(self.tableau, "is_stiffly_accurate", False))

    @abstractmethod
    def staged_step(self, f: Drift, t: Time, x: Array, dt: Time) -> tuple[Array, list[Array] | None]:
        """Do as `step`, and return the stages besides; None where `inside` had better make them anew."""

    @abstractmethod
    def inside(self, f: Drift, t: Time, x: Array, dt: Time, stages: list[Array] | None) -> Any:
        """Return the state inside a step, a callable of rows and fractions; or what a sum of stages needs."""

    def _require_estimate(self) -> None:
        """Refuse to estimate an error without weights for it."""
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")


class ContinuousMethod(StagedMethod):
    r"""A method with a continuous extension: the state inside a step is a sum of its stages.

    Its stages are slopes times the step (or any multiples whose sums the weights of the extension are):

    .. math:: x(t + \theta h) = x_n + \sum_i \Bigl(\sum_k w_{ik} \theta^k\Bigr) z_i
    """

    extension: ContinuousExtension | None  # a field that each method puts behind its own

    # Whether stages are slopes times the step, not slopes.
    scaled_stages: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extension is not None and self.extension.tableau != self.tableau:
            raise ValueError(f"the extension must be one of the tableau {self.name}")

    @property
    def dense_order(self) -> int | None:
        """Order of the continuous extension, None without one."""
        return None if self.extension is None else self.extension.order

    def inside(
        self, f: Drift, t: Time, x: Array, dt: Time, stages: list[Array] | None
    ) -> tuple[list[Array], Rows]:
        r"""Return what interpolates inside a step: stages, and the polynomials of their weights.

        Parameters
        ----------
        f, t, x, dt
            As for `step`.
        stages : list of array, or None
            Those that `step_with_stages` or `staged_step` returned; None makes them anew.

        Returns
        -------
        stages : list of array, shape (batch, \*state)
            With those that only the extension needs, which cost one evaluation each.
        weights : numpy.ndarray, shape (stages, degree)
            w.

        Raises
        ------
        TypeError
            The method has no continuous extension.
        """
        if stages is None:
            _, stages = self.staged_step(f, t, x, dt)
        return stages or [], self.extension_weights

    @cached_property
    def extension_weights(self) -> Rows:
        """Polynomials of the weights of the stages, shape (stages, degree)."""
        return np.array(self._proven_extension().matrix())

    def _proven_extension(self) -> ContinuousExtension:
        if self.extension is None:
            raise TypeError(f"{self.name} has no continuous extension")
        return self.extension


def check_kind(name: str, value: Any, kind: type) -> None:
    """Refuse what is not of this kind of `diffmath.ode`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be an ode.{kind.__name__}; got {type(value).__name__}")
