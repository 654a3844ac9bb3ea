"""Implicit Runge-Kutta methods for stiff problems: one stepper for all implicit tableaux."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import needs_differences
from diffmath._newton.linearised import Linearised, linearise
from diffmath._newton.newton import Newton, increment, slope_of
from diffmath._newton.stages import Stages, until_solved
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, ContinuousMethod, check_kind
from diffmath.ode._tableaux import ContinuousExtension, ImplicitTableau, floats

__all__ = ["ImplicitRungeKutta"]


@dataclass(frozen=True, repr=False)
class ImplicitRungeKutta(ContinuousMethod):
    r"""Step with an implicit Runge-Kutta tableau, for stiff problems.

    Parameters
    ----------
    tableau : ImplicitTableau
        Proven coefficients.
    newton : Newton, optional
        Settings of the iteration that solves the equations of a step.
    extension : ContinuousExtension, optional
        The solution inside a step, with a proven order; it costs no evaluation. Without it, a cubic through
        the ends of the step and their slopes is used, which is inaccurate for stiff problems.

    Notes
    -----
    Use it if stability, not accuracy, limits the step of an explicit method; otherwise it costs more than it
    gains. Pass the Jacobian (`ode.WithJacobian`) or its sparsity if possible: it is computed in every step,
    with n evaluations of f if it is not given. A row costs :math:`O((s n)^3)` per step, where s is the size
    of the largest block of stages (1 for all except `radau5`, which has 3: one dense inverse of size 3 n is
    simpler than the complex transformation, and at most 27/5 times its cost), and two to four evaluations of
    f per stage. Memory: ``batch * (s n)**2``.

    A row whose Newton iteration fails gets an infinite error, so that adaptive solves halve its step; with
    fixed steps it ends. Rows do not affect each other; `evaluations` counts the calls of f that a row needed.

    References
    ----------
    .. [1] Hairer & Wanner (1996), Solving Ordinary Differential Equations II, sections IV.6 and IV.8.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.kvaerno5
    ImplicitRungeKutta(kvaerno5, order 5(4), 7 stages)
    >>> f = ode.WithJacobian(lambda t, x: -1e6 * (x - np.cos(t)), lambda t, x: np.full((1, 1, 1), -1e6))
    >>> solution = ode.solve(f, np.zeros((1, 1)), [0.0, 1.0], method=ode.kvaerno5)
    >>> solution.x[-1].round(5), bool(solution.stats["steps"][0] < 60)
    (array([[0.5403]]), True)
    """

    tableau: ImplicitTableau
    newton: Newton = field(default_factory=Newton)
    extension: ContinuousExtension | None = None

    tableau_kind: ClassVar[type] = ImplicitTableau
    jacobian_error: ClassVar[float] = 100.0  # factor by which a given Jacobian may be too large at the start

    def __post_init__(self) -> None:
        super().__post_init__()
        check_kind("newton", self.newton, Newton)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step; the Jacobian of f is taken from an `ode.WithJacobian`.

        Parameters
        ----------
        f, state, t, x, dt, estimate
            As for `ExplicitRungeKutta.attempt`.

        Returns
        -------
        Trial
            NaN in rows where the iteration failed. Its state has the slope of the last stage if that stage is
            the new state (stiffly accurate tableaux).

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if estimate:
            self._require_estimate()
        # A slope from the last step satisfies its equations up to the Newton tolerance. Finite differences
        # need f itself; otherwise the remaining error, times the stiffness, would be taken for a change of f.
        needed = self._explicit_stages(self._b, *([self._b_error] if estimate else []))
        first = needs_differences(f) or (state.slope is None and 0 in needed)
        value = f(t, x) if first else None
        linear = linearise(f, t, x, dt, value)
        slope = value if state.slope is None else state.slope

        def attempt(stages: Stages) -> Trial:
            self._solve(f, (t, x, dt), slope, needed, linear, stages)
            x_new = stages.ended(x + increment(self._b, stages.slopes))
            error, known = self._estimate(dt, linear, stages) if estimate else (None, UNKNOWN)
            return Trial(x_new, error, known, self._dense(stages.kept))

        return until_solved(linear, f, x, state, attempt)

    def _estimate(self, dt: Time, linear: Linearised, stages: Stages) -> tuple[Array, SlopeState]:
        """Return the estimate of the error, and the slope of the new state if it is known."""
        error = increment(self._b_error, stages.slopes)
        if self.tableau.error_filter is not None:
            error = linear.solve(float(self.tableau.error_filter), error)
        # The slope from the equations, not f(x_new), which would multiply the remaining Newton error by the
        # stiffness.
        known = SlopeState(slope_of(stages.slopes[-1], dt)) if self.tableau.is_stiffly_accurate else UNKNOWN
        return stages.ended(error), known

    def _solve(
        self, f: Drift, step: tuple[Time, Array, Time], slope: Array | None, needed: set[int],
        linear: Linearised, stages: Stages,
    ) -> None:  # fmt: skip
        """Append the scaled slopes of all stages; explicit stages that are not `needed` stay zero."""
        t, x, dt = step
        for block, matrix in zip(self.tableau.blocks, self._matrices, strict=True):
            times = [t + self._c[i] * dt for i in block]
            bases = [x + increment(self._a[i][: block.start], stages.slopes) for i in block]
            if any(map(any, matrix)):
                self.newton.solve(f, times, bases, dt, matrix, linear, stages)
            elif block.start not in needed:
                stages.slopes.append(array_namespace(x).zeros_like(x))
            else:
                first = slope is not None and block.start == 0
                stages.slopes.append(dt * (slope if first else f(times[0], bases[0])))

    def _explicit_stages(self, *weights: Sequence[float]) -> set[int]:
        """The stages used by a later stage or by one of the weights."""
        rows = (*self._a, *weights, *(() if self.extension is None else zip(*self.extension.matrix())))
        return {j for j in range(self.tableau.stages) if any(row[j] != 0 for row in rows)}

    @cached_property
    def _matrices(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """The square submatrix of `a` of every block."""
        return tuple(
            tuple(self._a[i][block.start : block.stop] for i in block) for block in self.tableau.blocks
        )

    # Exact numbers are converted to floats once, each correctly rounded.
    @cached_property
    def _a(self) -> tuple[tuple[float, ...], ...]:
        return tuple(floats(row) for row in self.tableau.a)

    @cached_property
    def _b(self) -> tuple[float, ...]:
        return floats(self.tableau.b)

    @cached_property
    def _b_error(self) -> tuple[float, ...]:
        return floats(self.tableau.b_error or ())

    @cached_property
    def _c(self) -> tuple[float, ...]:
        return floats(self.tableau.c)
