"""Step with an additive Runge-Kutta tableau: the stiff part of f implicitly, the rest explicitly."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import ClassVar

from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import needs_differences
from diffmath._newton.linearised import Linearised, linearise
from diffmath._newton.newton import Newton, increment
from diffmath._newton.problems import Split, structured
from diffmath._newton.stages import Stages, until_solved
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, ContinuousMethod, check_kind
from diffmath.ode._tableaux import AdditiveTableau, ContinuousExtension, floats

__all__ = ["AdditiveRungeKutta"]


@dataclass(frozen=True, repr=False)
class AdditiveRungeKutta(ContinuousMethod):
    r"""Step an `ode.Split`: its implicit part by an ESDIRK method, the explicit part explicitly.

    Parameters
    ----------
    tableau : AdditiveTableau
        Proven coefficients.
    newton : Newton, optional
        Settings of the iteration that solves the stage equations.
    extension : ContinuousExtension, optional
        The solution inside a step, with a proven order; it costs no evaluation.

    Notes
    -----
    The Jacobian is that of the implicit part only: to pass it, make that part an `ode.WithJacobian`. A row
    costs :math:`O(n^3)` per step, and per stage one evaluation of the explicit part and two to four of the
    implicit part. Stiffness may reduce the order; if the implicit part is linear, it hardly does.

    References
    ----------
    .. [1] Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.kencarp4
    AdditiveRungeKutta(kencarp4, order 4(3), 6 stages)
    >>> relax = np.array([[-1e4, 1e4], [1e4, -1e4]])  # fast towards x_1 = x_2
    >>> f = ode.Split(explicit=lambda t, x: -(x**2), implicit=lambda t, x: x @ relax)
    >>> solution = ode.solve(f, np.array([[2.0, 0.0]]), [0.0, 1.0], method=ode.kencarp4)
    >>> solution.x[-1].round(4), bool(solution.stats["steps"][0] < 60)
    (array([[0.5, 0.5]]), True)
    """

    tableau: AdditiveTableau
    newton: Newton = field(default_factory=Newton)
    extension: ContinuousExtension | None = None

    tableau_kind: ClassVar[type] = AdditiveTableau
    jacobian_error: ClassVar[float] = 100.0  # factor by which a given Jacobian may be too large at the start

    def __post_init__(self) -> None:
        super().__post_init__()
        check_kind("newton", self.newton, Newton)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step of an `ode.Split`, whose parts are called as ``part(t, x)`` -> array like `x`.

        Parameters
        ----------
        f, t, x, dt, estimate
            As for `ExplicitRungeKutta.attempt`.
        state : SlopeState
            The slope is not used: those of both parts are needed, not their sum.

        Returns
        -------
        Trial
            NaN in rows where the iteration failed.

        Raises
        ------
        TypeError
            f is not split.
        """
        split = structured(f, Split, self.name)
        first = split.implicit(t, x)
        linear = linearise(split.implicit, t, x, dt, first if needs_differences(split.implicit) else None)

        def attempt(stages: Stages) -> Trial:
            slopes = self._solve(split, (t, x, dt), first, linear, stages)
            # Not filtered by (I - h g J)^-1: the weights of these methods keep the estimate bounded as f
            # becomes stiffer, and a filter would hide the error of the explicit part along a slow solution.
            error = stages.ended(increment(self._b_error, slopes)) if estimate else None
            x_new = stages.ended(x + increment(self._b, slopes))
            return Trial(x_new, error, UNKNOWN, self._dense(partial(stages.kept, slopes)))

        return until_solved(linear, f, x, state, attempt)

    def _solve(
        self, split: Split, step: tuple[Time, Array, Time], first: Array, linear: Linearised, stages: Stages
    ) -> list[Array]:
        """Append the scaled slopes of the implicit part; return those of the whole f."""
        t, x, dt = step
        explicit, slopes = list[Array](), list[Array]()
        for i, c in enumerate(self._c):
            base = (
                x + increment(self._explicit[i], explicit) + increment(self._implicit[i][:i], stages.slopes)
            )
            state = base
            if i == 0:
                stages.slopes.append(dt * first)
            else:
                self.newton.solve(split.implicit, [t + c * dt], [base], dt, ((self._gamma,),), linear, stages)
                state = base + self._gamma * stages.slopes[-1]
            explicit.append(dt * split.explicit(t + c * dt, state))
            slopes.append(explicit[-1] + stages.slopes[-1])
        return slopes

    # Exact numbers are converted to floats once, each correctly rounded.
    @cached_property
    def _explicit(self) -> tuple[tuple[float, ...], ...]:
        return tuple(floats(row) for row in self.tableau.explicit)

    @cached_property
    def _implicit(self) -> tuple[tuple[float, ...], ...]:
        return tuple(floats(row) for row in self.tableau.implicit)

    @cached_property
    def _b(self) -> tuple[float, ...]:
        return floats(self.tableau.b)

    @cached_property
    def _b_error(self) -> tuple[float, ...]:
        return floats(self.tableau.b_error)

    @cached_property
    def _c(self) -> tuple[float, ...]:
        return floats(self.tableau.c)

    @cached_property
    def _gamma(self) -> float:
        return self._implicit[-1][-1]
