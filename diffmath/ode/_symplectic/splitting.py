"""Step separable Hamiltonian systems with a splitting tableau: alternating drifts and kicks.

Source: Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, sections II.5, V.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.problems import Separable, structured
from diffmath.ode._explicit import TableauMethod
from diffmath.ode._tableaux import SplittingTableau

__all__ = ["Splitting"]


@dataclass(frozen=True, repr=False, eq=False)
class Splitting(TableauMethod):
    r"""Step a separable Hamiltonian system with a splitting tableau.

    Parameters
    ----------
    tableau : SplittingTableau
        Proven coefficients.

    Notes
    -----
    For an `ode.Separable` with states of shape (batch, 2, n). The energy error stays bounded over
    exponentially long times if the step is constant. Therefore there is no error estimate, and `ode.solve`
    takes fixed steps: use equal intervals. Inside a step, ``solution.dense`` and events use the cubic through
    the ends and their slopes, of order 3, at two evaluations of f per step. If velocity or force depend on t,
    each is evaluated at the time to which the other has been advanced, which keeps the order.

    *When to use.* For Hamiltonian systems over many periods: `position_verlet` (one force per step) or
    `leapfrog` for low accuracy, `mclachlan2` and `mclachlan4` for smaller errors at the same cost as
    `leapfrog` and `yoshida4`, `yoshida6` for many digits. When not: a few periods to many digits (`dop853`),
    forces that depend on the velocity, variable steps.

    References
    ----------
    .. [1] Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, theorem IX.8.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> pendulum = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -np.sin(q))
    >>> ode.leapfrog.step(pendulum, 0.0, np.array([[[0.0], [1.0]]]), 0.1)
    array([[[0.1       ],
            [0.99500833]]])
    """

    tableau: SplittingTableau

    tableau_kind: ClassVar[type] = SplittingTableau

    def nfe(self, steps: int) -> int:
        """Evaluations of the force in `steps` steps."""
        return self.tableau.nfe(steps)

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Advance by one step.

        Parameters
        ----------
        f : Separable
            Velocity and force.
        t, dt : float
            Time and step, negative to go backwards; or arrays of shape (batch, 1, 1), one per row.
        x : array, shape (batch, 2, n)
            Positions ``x[:, 0]`` and momenta ``x[:, 1]``; not modified.

        Returns
        -------
        array, shape (batch, 2, n)
            State at ``t + dt``.
        """
        model = structured(f, Separable, self.name)
        if x.ndim < 3 or x.shape[1] != 2:
            raise ValueError(f"the state of a Separable has shape (batch, 2, n); got {tuple(x.shape)}")
        t, dt = _of_halves(t), _of_halves(dt)
        q, p = x[:, 0, ...], x[:, 1, ...]
        drifted, kicked = 0.0, 0.0  # fractions of the step by which positions and momenta have advanced
        for letter, share in self._steps:
            if letter == "A":
                q = q + (share * dt) * model.velocity(t + kicked * dt, p)
                drifted += share
            else:
                p = p + (share * dt) * model.force(t + drifted * dt, q)
                kicked += share
        return array_namespace(x).stack([q, p], axis=1)

    @cached_property
    def nodes(self) -> tuple[float, ...]:
        """Times reached by the other half of the state at every drift and kick, in fractions of a step."""
        come, found = {"A": 0.0, "B": 0.0}, []
        for letter, share in self._steps:
            found.append(come["B" if letter == "A" else "A"])
            come[letter] += share
        return tuple(found)

    @cached_property
    def _steps(self) -> tuple[tuple[str, float], ...]:
        return tuple((letter, float(share)) for letter, share in self.tableau.steps)


def _of_halves(t: Time) -> Time:
    """Times per row, shaped to broadcast against positions or momenta."""
    return t[:, 0, ...] if compat.is_array_api_obj(t) and t.ndim else t
