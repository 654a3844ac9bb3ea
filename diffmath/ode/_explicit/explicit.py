"""Explicit Runge-Kutta methods: one stepper for every tableau."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import SlopeState, StageSum, Trial
from diffmath.ode._explicit.one_step import UNKNOWN, ContinuousMethod
from diffmath.ode._tableaux import ContinuousExtension, Tableau

__all__ = ["ExplicitRungeKutta"]

_Weights: TypeAlias = tuple[tuple[int, float], ...]  # index and weight
_Row: TypeAlias = tuple[float, _Weights]  # node and weights


class TableauArrays(NamedTuple):
    """Coefficients of a tableau in float64."""

    a: tuple[Rows, ...]
    b: Rows
    b_error: Rows
    b_error_low: Rows
    c: Rows


@dataclass(frozen=True, repr=False)
class ExplicitRungeKutta(ContinuousMethod):
    r"""Step with an explicit Runge-Kutta tableau.

    Parameters
    ----------
    tableau : Tableau
        Proven coefficients.
    extension : ContinuousExtension, optional
        The solution inside a step, with a proven order.

    Notes
    -----
    A step is a pure function of arrays of any library: nothing is stored between steps. Order of accuracy
    ``tableau.order``; cost ``nfe(1)`` evaluations per step.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.1, (1.8).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.rk4
    ExplicitRungeKutta(rk4, order 4, 4 stages)
    >>> ode.rk4.step(lambda t, x: x, 0.0, np.ones((1, 1)), 0.1)
    array([[1.10517083]])
    """

    tableau: Tableau
    extension: ContinuousExtension | None = None

    tableau_kind: ClassVar[type] = Tableau

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, one less than that of the estimate; None without an estimate."""
        return self.tableau.estimate_order

    def nfe(self, steps: int) -> int:
        """Evaluations of f in `steps` plain steps."""
        return self.tableau.nfe(steps)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        r"""Try a step.

        .. math:: x_{n+1} = x_n + h \sum_i b_i k_i, \qquad e = h \sum_i b^{\mathrm{error}}_i k_i

        Parameters
        ----------
        f : callable
            ``f(t, x)`` -> array like `x`.
        state : SlopeState
            ``f(t, x)`` if it is already known.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.
        estimate : bool
            Whether to estimate the error. Without it, a step evaluates no stage for the estimate, and does
            not keep the slopes for the state inside the step, each of which is as large as the state.

        Returns
        -------
        Trial
            With the slope at the new state if the tableau has it at no cost (FSAL). ``dense()`` costs one
            evaluation for each stage that only the extension needs.

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if not estimate:
            slopes = self._slopes(f, t, x, dt, state.slope, self._plain_rows)
            dense = None if self.extension is None else partial(self.inside, f, t, x, dt, None)
            return Trial(x + _increment(dt, self._b, slopes), None, UNKNOWN, dense)
        self._require_estimate()
        slopes = self._slopes(f, t, x, dt, state.slope, self._rows)
        x_new = x + _increment(dt, self._b, slopes)
        error = _increment(dt, self._b_error, slopes)
        if self.tableau.b_error_low is not None:
            error = steadied(error, _increment(dt, self._b_error_low, slopes))
        known = SlopeState(slopes[-1]) if self.tableau.is_fsal else UNKNOWN
        dense = None if self.extension is None else partial(self.inside, f, t, x, dt, slopes)
        return Trial(x_new, error, known, dense)

    def inside(self, f: Drift, t: Time, x: Array, dt: Time, slopes: list[Array] | None) -> StageSum:
        r"""Return the state inside a step from the slopes of all stages; None computes them again.

        .. math:: x(t + \theta h) = x_n + h \sum_i \Bigl(\sum_k w_{ik} \theta^k\Bigr) k_i
        """
        extension = self._proven_extension()
        slopes = self._slopes(f, t, x, dt, None, self._rows) if slopes is None else list(slopes)
        nodes = extension.nodes()
        for i in range(len(slopes), len(nodes)):
            row = _sparse(extension.a[i])
            slopes.append(f(t + float(nodes[i]) * dt, x + _increment(dt, row, slopes)))
        return StageSum(slopes, self.extension_weights, times_dt=True)

    def _slopes(
        self, f: Drift, t: Time, x: Array, dt: Time, first: Array | None, rows: tuple[_Row, ...]
    ) -> list[Array]:
        slopes = [f(t, x) if first is None else first]
        for c, row in rows:
            slopes.append(f(t + c * dt, x + _increment(dt, row, slopes)))
        return slopes

    @property
    def sparse(self) -> tuple[tuple[_Row, ...], _Weights, _Weights, _Weights]:
        """Rows of a step with an estimate, and the weights b, b_error and b_error_low."""
        return self._rows, self._b, self._b_error, self._b_error_low

    @cached_property
    def arrays(self) -> TableauArrays:
        """The tableau as NumPy arrays, for the kernels."""
        tableau = self.tableau
        b_error, low, c = tableau.b_error or (), tableau.b_error_low or (), tableau.c or ()
        rows = tuple(np.array(row, dtype=float) for row in tableau.a)
        return TableauArrays(rows, *(np.array(row, dtype=float) for row in (tableau.b, b_error, low, c)))

    # Fractions become floats once, each correctly rounded.
    @cached_property
    def _rows(self) -> tuple[_Row, ...]:
        """Node and weights of every stage except the first."""
        tableau = self.tableau
        return tuple(
            (float(c), _sparse(row)) for c, row in zip((tableau.c or ())[1:], tableau.a[1:], strict=True)
        )

    @cached_property
    def _plain_rows(self) -> tuple[_Row, ...]:
        return self._rows[: self.tableau.nfe(1) - 1]

    @cached_property
    def _b(self) -> _Weights:
        return _sparse(self.tableau.b)

    @cached_property
    def _b_error(self) -> _Weights:
        return _sparse(self.tableau.b_error or ())

    @cached_property
    def _b_error_low(self) -> _Weights:
        return _sparse(self.tableau.b_error_low or ())


def steadied(error: Array, low: Array) -> Array:
    """Return the first of two estimates, reduced where the second, of lower order, is larger.

    Hairer, Norsett & Wanner (1993), section II.10, use norms; component by component, no tolerance is needed.
    """
    xp = array_namespace(error)
    size, other = xp.abs(error), 0.1 * xp.abs(low)
    largest = xp.maximum(xp.maximum(size, other), float(xp.finfo(size.dtype).smallest_normal) + 0.0 * size)
    a, b = size / largest, other / largest
    return error * (a / xp.sqrt(xp.maximum(a * a + b * b, 0.5 + 0.0 * a)))


def _sparse(row: Iterable[Any]) -> _Weights:
    """Return the nonzero weights, each with its index, so that zero weights cost nothing."""
    return tuple((i, weight) for i, weight in enumerate(map(float, row)) if weight != 0.0)


def _increment(dt: Time, weights: _Weights, slopes: list[Array]) -> Array:
    """Weighted sum of the slopes, times dt.

    The weights are multiplied by the step first: the product is smaller, so large slopes do not overflow.
    """
    if not weights:
        return 0.0 * slopes[0]
    i, weight = weights[0]
    total = (weight * dt) * slopes[i]
    for i, weight in weights[1:]:
        total = total + (weight * dt) * slopes[i]
    return total
