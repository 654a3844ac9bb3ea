"""Step with a Rosenbrock tableau: one linear system per stage, without an iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import array_api_compat as compat
import numpy as np

from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import time_derivative
from diffmath._newton.linearised import linearise
from diffmath._newton.newton import increment
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, ContinuousMethod
from diffmath.ode._tableaux import ContinuousExtension, RosenbrockTableau, as_fraction, floats

__all__ = ["Rosenbrock"]


@dataclass(frozen=True, repr=False)
class Rosenbrock(ContinuousMethod):
    r"""Step with a Rosenbrock tableau, for stiff problems.

    Parameters
    ----------
    tableau : RosenbrockTableau
        Proven coefficients.
    extension : ContinuousExtension, optional
        The solution inside a step, with a proven order; it costs no evaluation.

    Notes
    -----
    A step costs one Jacobian (n evaluations of f if `ode.WithJacobian` does not give it), one time derivative
    (one evaluation, or none if it is given), one inverse of an n x n matrix per row, and one evaluation and
    product per stage. The order holds for an exact Jacobian; with finite differences there is an additional
    error of about ``sqrt(eps) h^2`` per step, below tolerances of 1e-9. Memory: ``batch * n**2``. Rows do not
    affect each other; a row whose matrix is singular gets NaN, so that adaptive solves halve its step.

    References
    ----------
    .. [1] Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.7, (7.25).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.rodas5p
    Rosenbrock(rodas5p, order 5(4), 8 stages)
    >>> solution = ode.solve(lambda t, x: -1e6 * (x - np.cos(t)), np.zeros((1, 1)), [0.0, 1.0],
    ...                      method=ode.rodas5p)
    >>> solution.x[-1].round(5), bool(solution.stats["steps"][0] < 60)
    (array([[0.5403]]), True)
    """

    tableau: RosenbrockTableau
    extension: ContinuousExtension | None = None

    tableau_kind: ClassVar[type] = RosenbrockTableau
    jacobian_error: ClassVar[float] = 0.01  # relative error of a given Jacobian at the start; more is refused

    @property
    def embedded_order(self) -> int | None:
        """Order of the error estimate minus one; None without an estimate."""
        embedded = self.tableau.embedded_order
        return None if embedded is None else min(embedded, self.order)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step; the derivatives of f are taken from an `ode.WithJacobian`.

        Parameters
        ----------
        f, state, t, x, dt, estimate
            As for `ExplicitRungeKutta.attempt`.

        Returns
        -------
        Trial
            NaN in rows whose matrix is singular or not finite. No stage is f at the new state.

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if estimate:
            self._require_estimate()
        u, ended = self._stages(f, t, x, dt, state.slope)
        error = ended(increment(self._m_error, u)) if estimate else None
        dense = self._dense(lambda: [ended(stage) for stage in u])
        return Trial(ended(x + increment(self._m, u)), error, UNKNOWN, dense)

    @cached_property
    def nodes(self) -> tuple[float, ...]:
        """Fractions of a step at which f is evaluated."""
        return tuple(float(sum(map(float, row))) for row in self.tableau.alpha)

    @cached_property
    def extension_weights(self) -> Rows:
        """Weight polynomials of the transformed stages: those of the extension times gamma^-1."""
        columns = zip(*self._proven_extension().weights, strict=True)
        return np.array([floats(self.tableau.transform(column)) for column in columns]).T

    def _stages(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None
    ) -> tuple[list[Array], Callable[[Array], Array]]:
        r"""Solve ``(I - gamma h J) u_i = gamma h (f_i + gamma_i h f_t) + gamma sum_j c_ij u_j``.

        Also return an array that is NaN in rows whose Jacobian is not finite.
        """
        slope = f(t, x) if slope is None else slope
        linear = linearise(f, t, x, dt, slope)
        in_time = dt * time_derivative(f, t, x, dt, slope) if _moves(dt) else 0.0 * x
        gamma, u = self._gamma, list[Array]()
        for a_row, c_row, alpha, gamma_i in zip(self._a, self._c, self._alpha, self._gammas, strict=True):
            value = slope if not u else f(t + alpha * dt, x + increment(a_row, u))
            right = gamma * (dt * (value + gamma_i * in_time))
            u.append(linear.solve(gamma, right + gamma * increment(c_row, u)))
        return u, linear.ended

    # Exact numbers are converted to floats once, each correctly rounded.
    @cached_property
    def _a(self) -> tuple[tuple[float, ...], ...]:
        return tuple(floats(row) for row in self.tableau.transformed[0])

    @cached_property
    def _c(self) -> tuple[tuple[float, ...], ...]:
        return tuple(floats(row) for row in self.tableau.transformed[1])

    @cached_property
    def _m(self) -> tuple[float, ...]:
        return floats(self.tableau.transformed[2])

    @cached_property
    def _m_error(self) -> tuple[float, ...]:
        return floats(self.tableau.transformed[3])

    @cached_property
    def _gamma(self) -> float:
        return float(as_fraction(self.tableau.gamma[0][0]))

    @cached_property
    def _alpha(self) -> tuple[float, ...]:
        return floats(sum(row, start=Fraction(0)) for row in self.tableau.alpha)

    @cached_property
    def _gammas(self) -> tuple[float, ...]:
        return floats(sum(row, start=Fraction(0)) for row in self.tableau.gamma)


def _moves(dt: Time) -> bool:
    return bool(compat.is_array_api_obj(dt)) or dt != 0
