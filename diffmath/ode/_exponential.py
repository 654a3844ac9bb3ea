"""Step semilinear systems with an exponential Runge-Kutta tableau: phi-functions once for every step size.

Source: Hochbruck & Ostermann (2010), Exponential integrators, Acta Numer. 19, 209-286.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat as compat

from diffmath._arrays import array_namespace, asarray_like, check_array
from diffmath._phi import matrix_phis, phis
from diffmath._step_cache import StepCache
from diffmath._typing import Array, Drift, Time
from diffmath.ode._exponential_tableau import ExponentialTableau
from diffmath.ode._models import Semilinear, structured
from diffmath.ode._one_step import TableauMethod
from diffmath.symbolic._phi_sums import PhiSum, phi

__all__ = ["ExponentialRungeKutta"]


@dataclass(frozen=True, repr=False, eq=False)
class ExponentialRungeKutta(TableauMethod):
    r"""Step an `ode.Semilinear` with an exponential Runge-Kutta tableau; its linear part is exact.

    Parameters
    ----------
    tableau : ExponentialTableau
        Proven coefficients.

    Notes
    -----
    For states of shape (batch, n) or (batch, ..., n): L acts on the last axis. No linear system is solved
    and no step is too long for stability of the linear part; for N = 0 the step is exact.

    Use it where L carries the stiffness, above all if L is diagonal: spectral discretisations of
    reaction-diffusion, Kuramoto-Sivashinsky or Korteweg-de Vries equations. Where N is stiff too, use an
    implicit method; where nothing is stiff, `dopri5` is cheaper. An error of stiff order below the classical
    order is seen where L is stiff and N does not satisfy the boundary conditions: prefer a high `stiff_order`
    then.

    Cost: ``nfe(1)`` evaluations of N a step, and about stages^2 / 2 products with functions of L. For a
    diagonal L, phi-functions of n numbers a step size, for a matrix an exponential of a matrix of four times
    the size at most for every node. They are kept for the last eight step sizes of each right-hand side, so
    that fixed steps pay once; adaptive steps with ``batch="rows"`` pay once a row and step, which for a large
    matrix is much: take fixed steps there, or diagonalise L.

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
        """Order of accuracy however stiff L is."""
        return self.tableau.stiff_order

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution; None without an error estimate, for fixed steps alone."""
        return self.tableau.embedded_order

    @property
    def dense_order(self) -> int:
        """0: a polynomial does not follow a stiff transient, so that steps end on the save times."""
        return 0

    def nfe(self, steps: int) -> int:
        """Evaluations of the nonlinear part in `steps` plain steps."""
        return self.tableau.nfe(steps)

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Advance by one step.

        Parameters
        ----------
        f : Semilinear
            Linear and nonlinear part.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, ..., n)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, ..., n)
            State at ``t + dt``, in the dtype and on the device of `x`.

        Raises
        ------
        TypeError
            f is not an `ode.Semilinear`, or L is complex and `x` real.
        ValueError
            L does not fit the last axis of `x`.
        """
        weights, rates = self._stages(f, t, x, dt, self.tableau.nfe(1))
        return _combine(weights.ends[0], x, weights.b, rates)

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, None]:
        """Advance by one step and estimate its error.

        Parameters
        ----------
        f, t, x, dt
            As for `step`.
        slope : array, optional
            Not used.

        Returns
        -------
        x_new, error : array, shape (batch, ..., n)
            State at ``t + dt``, and the estimate of its local error.
        None
            The slope at the new state is not known.

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")
        weights, rates = self._stages(f, t, x, dt, self.tableau.stages)
        x_new = _combine(weights.ends[0], x, weights.b, rates)
        return x_new, _combine(None, x, weights.b_error, rates), None

    def _stages(self, f: Drift, t: Time, x: Array, dt: Time, count: int) -> tuple[_Weights, list[Array]]:
        model = structured(f, Semilinear, self.name)
        _check_fit(model.linear, x)

        def build() -> _Weights:
            return _Weights.of(self.tableau, model.linear, x, dt)

        # What is kept hangs on the right-hand side of the user, which outlives a step.
        weights = _CACHE.get(getattr(f, "model", f), self.tableau, dt, x, build)
        rates = [model.nonlinear(t, x)]
        for i in range(1, count):
            stage = _combine(weights.stages[i], x, weights.a[i], rates)
            rates.append(model.nonlinear(t + float(self.tableau.c[i]) * dt, stage))
        return weights, rates


@dataclass(frozen=True, eq=False)
class _Operator:
    """A function of h L: times the diagonal, the transposed matrix on the right, or one matrix a row."""

    values: Array
    kind: str  # "diagonal", "matrix", "rows"

    def __call__(self, x: Array) -> Array:
        if self.kind == "diagonal":
            return self.values * x
        return x @ self.values if self.kind == "matrix" else (self.values @ x[..., None])[..., 0]


@dataclass(frozen=True, eq=False)
class _Weights:
    """All coefficients of a tableau at one step size, times the step; None where they are 0."""

    stages: list[_Operator | None]
    ends: list[_Operator]
    a: list[list[_Operator | None]]
    b: list[_Operator | None]
    b_error: list[_Operator | None]

    @classmethod
    def of(cls, tableau: ExponentialTableau, linear: Array, x: Array, dt: Time) -> _Weights:
        """Evaluate the phi-functions that a tableau needs, every one once."""
        evaluate = _Evaluator(tableau, linear, x, dt)

        def row(values: Sequence[Any]) -> list[_Operator | None]:
            return [evaluate(value, times_dt=True) if value else None for value in values]

        return cls(
            stages=[evaluate(phi(0, c), times_dt=False) if c else None for c in tableau.c],
            ends=[evaluate(phi(0), times_dt=False)],
            a=[row(values) for values in tableau.a],
            b=row(tableau.b),
            b_error=row(tableau.b_error or ()),
        )


class _Evaluator:
    """Values of sums of phi-functions at h L."""

    def __init__(self, tableau: ExponentialTableau, linear: Array, x: Array, dt: Time) -> None:
        # A linear part on the host is evaluated there in its own precision, and sent: once for many steps.
        linear = check_array("linear", linear, allow_complex=True)
        self._one_step = isinstance(dt, int | float)
        if not self._one_step and compat.is_numpy_array(linear):
            linear = asarray_like(linear, x, x.dtype)
        self._like = x
        self._matrix = linear.ndim == 2
        self._dt: Any = dt if self._one_step or not self._matrix else dt[..., None]
        rows = (*tableau.a, tableau.b, tableau.b_error or ())
        keys = {key for row in rows for value in row if value for key in value.terms}
        keys |= {(0, c) for c in (*tableau.c, 1) if c}
        functions = matrix_phis if self._matrix else phis
        self._values = {
            c: functions(float(c) * self._dt * linear, max(k for k, scale in keys if scale == c))
            for c in {c for _, c in keys}
        }
        self._known: dict[PhiSum, _Operator] = {}

    def __call__(self, value: PhiSum, *, times_dt: bool) -> _Operator:
        if value not in self._known:
            total = sum(float(q) * self._values[c][k] for (k, c), q in value.terms.items())
            self._known[value] = self._operator(self._dt * total if times_dt else total)
        return self._known[value]

    def _operator(self, values: Any) -> _Operator:
        if not self._one_step:
            return _Operator(values, "rows" if self._matrix else "diagonal")
        if self._matrix:
            values = array_namespace(values).matrix_transpose(values)
        if compat.is_numpy_array(values):
            values = asarray_like(values, self._like, self._like.dtype)
        return _Operator(values, "matrix" if self._matrix else "diagonal")


_CACHE: StepCache[_Weights] = StepCache()


def _combine(
    first: _Operator | None, x: Array, weights: Sequence[_Operator | None], rates: Sequence[Array]
) -> Array:
    parts = [weight(rate) for weight, rate in zip(weights, rates, strict=False) if weight is not None]
    if first is not None:
        parts.insert(0, first(x))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _check_fit(linear: Array, x: Array) -> None:
    if linear.shape[0] != x.shape[-1]:
        raise ValueError(
            f"linear must fit the last axis of the state; got {tuple(linear.shape)} and {tuple(x.shape)}"
        )
    kinds = [array_namespace(value).isdtype(value.dtype, "complex floating") for value in (linear, x)]
    if kinds == [True, False]:
        raise TypeError(f"linear is complex ({linear.dtype}); make x0 complex, its dtype is {x.dtype}")
