"""Step semilinear systems with an exponential Runge-Kutta tableau; phi-functions are cached per step size.

Source: Hochbruck & Ostermann (2010), Exponential integrators, Acta Numer. 19, 209-286.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diffmath._arrays.namespace import array_namespace
from diffmath._core.step_cache import StepCache
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.problems import Semilinear, structured
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, StagedMethod
from diffmath.ode._exponential.inside import Inside
from diffmath.ode._exponential.operators import Weights, combine
from diffmath.ode._tableaux import ExponentialTableau

__all__ = ["ExponentialRungeKutta"]


@dataclass(frozen=True, repr=False, eq=False)
class ExponentialRungeKutta(StagedMethod):
    r"""Step an `ode.Semilinear` with an exponential Runge-Kutta tableau; its linear part is exact.

    Parameters
    ----------
    tableau : ExponentialTableau
        Proven coefficients.

    Notes
    -----
    For states of shape (batch, n) or (batch, ..., n): L acts on the last axis. No linear system is solved,
    and the linear part does not limit the step by stability; for N = 0 the step is exact.

    Use it if L causes the stiffness, especially if L is diagonal: spectral discretisations of
    reaction-diffusion, Kuramoto-Sivashinsky or Korteweg-de Vries equations. If N is also stiff, use an
    implicit method; if nothing is stiff, `dopri5` is cheaper. If L is stiff and N does not satisfy the
    boundary conditions, the error has the stiff order, which may be below the classical order: then prefer a
    high `stiff_order`.

    Cost: ``nfe(1)`` evaluations of N per step, and about stages^2 / 2 products with functions of L. For a
    diagonal L, each step size needs phi-functions of n numbers; for a matrix, each node needs the exponential
    of a matrix of at most four times the size. They are cached for the last eight step sizes of each
    right-hand side, so fixed steps compute them once; adaptive steps with ``batch="rows"`` compute them per
    row and step. For a large matrix this is expensive: use fixed steps, or diagonalise L.

    Inside a step, the linear part is also exact: with the polynomial through the N of the stages that defines
    the weights,
    :math:`x(t + \theta h) = e^{\theta h L} x + h \sum_{ik} w_{ik} \theta^k \varphi_k(\theta h L) N_i`. Its
    order is proven (`dense_order`). It costs no evaluation, but phi-functions for every row and time, like a
    step.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2010), Acta Numer. 19, 209-286, section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> f = ode.Semilinear(np.array([-1.0, -1e6]), lambda t, x: np.cos(x))
    >>> x = ode.solve(f, np.ones((1, 2)), [0.0, 1.0], method=ode.hochbruck_ostermann, substeps=20).x[-1]
    >>> f"{x[0, 0]:.6f} {x[0, 1]:.4e}"
    '0.785938 1.0000e-06'
    """

    tableau: ExponentialTableau

    tableau_kind: ClassVar[type] = ExponentialTableau

    @property
    def stiff_order(self) -> int:
        """Order of accuracy for any stiffness of L."""
        return self.tableau.stiff_order

    @property
    def dense_order(self) -> int:
        """Order inside a step, by phi-functions of a partial step; 0 if the weights have no such form."""
        return self.tableau.dense_order

    def nfe(self, steps: int) -> int:
        """Evaluations of the nonlinear part in `steps` plain steps."""
        return self.tableau.nfe(steps)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        """Try a step of an `ode.Semilinear`.

        Parameters
        ----------
        f, t, dt, estimate
            As for `ExplicitRungeKutta.attempt`.
        state : SlopeState
            Not used: only the nonlinear part is needed.
        x : array, shape (batch, ..., n)
            State at `t`; not modified.

        Returns
        -------
        Trial
            Every state returned by ``dense()`` costs phi-functions of theta h L.

        Raises
        ------
        TypeError
            f is not an `ode.Semilinear`, or L is complex and `x` real; the tableau has no error weights.
        ValueError
            L does not fit the last axis of `x`.
        """
        if estimate:
            self._require_estimate()
        weights, rates = self._stages(f, t, x, dt, self.tableau.stages if estimate else self.tableau.nfe(1))
        x_new = combine(weights.ends[0](x), weights.b, rates)
        error = combine(None, weights.b_error, rates) if estimate else None
        dense = partial(self._inside, f, x, dt, rates) if self.dense_order else None
        return Trial(x_new, error, UNKNOWN, dense)

    def _inside(self, f: Drift, x: Array, dt: Time, rates: list[Array]) -> Inside:
        return Inside(structured(f, Semilinear, self.name).linear, x, dt, rates, self.tableau.continuation)

    def _stages(self, f: Drift, t: Time, x: Array, dt: Time, count: int) -> tuple[Weights, list[Array]]:
        model = structured(f, Semilinear, self.name)
        _check_fit(model.linear, x)

        def build() -> Weights:
            return Weights.of(self.tableau, model.linear, x, dt)

        # The cache is attached to the user's right-hand side, which lives longer than a step.
        weights = _CACHE.get(getattr(f, "model", f), self.tableau, dt, x, build)
        rates = [model.nonlinear(t, x)]
        for i in range(1, count):
            onward = weights.stages[i]  # None at the node 0
            stage = combine(x if onward is None else onward(x), weights.a[i], rates)
            rates.append(model.nonlinear(t + float(self.tableau.c[i]) * dt, stage))
        return weights, rates


_CACHE: StepCache[Weights] = StepCache()


def _check_fit(linear: Array, x: Array) -> None:
    if linear.shape[0] != x.shape[-1]:
        raise ValueError(
            f"linear must fit the last axis of the state; got {tuple(linear.shape)} and {tuple(x.shape)}"
        )
    kinds = [array_namespace(value).isdtype(value.dtype, "complex floating") for value in (linear, x)]
    if kinds == [True, False]:
        raise TypeError(f"linear is complex ({linear.dtype}); make x0 complex, its dtype is {x.dtype}")
