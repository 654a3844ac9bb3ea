"""Explicit Runge-Kutta methods: one stepper for every tableau."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath.ode._explicit.one_step import ContinuousMethod
from diffmath.ode._tableaux import ContinuousExtension, Tableau

__all__ = ["ExplicitRungeKutta"]


@dataclass(frozen=True, repr=False)
class ExplicitRungeKutta(ContinuousMethod):
    r"""Step with an explicit Runge-Kutta tableau.

    Parameters
    ----------
    tableau : Tableau
        Proven coefficients.
    extension : ContinuousExtension, optional
        The solution inside a step, proven likewise.

    Notes
    -----
    A step is a pure function of arrays of any library: nothing is stored between steps. Order of accuracy
    ``tableau.order``; cost ``nfe(1)`` evaluations a step.

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
    scaled_stages: ClassVar[bool] = False

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, one less than that of the estimate; None without an estimate."""
        return self.tableau.estimate_order

    def nfe(self, steps: int) -> int:
        """Evaluations of f in `steps` plain steps."""
        return self.tableau.nfe(steps)

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        r"""Advance by one step.

        .. math:: x_{n+1} = x_n + h \sum_i b_i k_i

        Parameters
        ----------
        f : callable
            ``f(t, x)`` -> array like `x`.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, \*state)
            State at ``t + dt``.
        """
        slopes = self._slopes(f, t, x, dt, f(t, x), self.tableau.nfe(1))
        return x + _increment(dt, self._b, slopes)

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Array | None]:
        r"""Advance by one step and estimate its error.

        .. math:: e = h \sum_i b^{\mathrm{error}}_i k_i

        Parameters
        ----------
        f, t, x, dt
            As for `step`.
        slope : array, shape (batch, \*state), optional
            ``f(t, x)`` where it is known already.

        Returns
        -------
        x_new, error : array, shape (batch, \*state)
            State at ``t + dt``, and the estimate of its local error, of order ``embedded_order + 1`` in `dt`.
        slope_new : array, shape (batch, \*state), or None
            ``f(t + dt, x_new)`` where the tableau has it for free (FSAL).

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        x_new, error, slope_new, _ = self.step_with_stages(f, t, x, dt, slope)
        return x_new, error, slope_new

    def step_with_stages(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Array | None, list[Array]]:
        """Do as `step_with_error`, and return the slopes of all stages besides, for `inside`."""
        self._require_estimate()
        slopes = self.slopes(f, t, x, dt, slope)
        x_new = x + _increment(dt, self._b, slopes)
        error = _increment(dt, self._b_error, slopes)
        if self.tableau.b_error_low is not None:
            error = steadied(error, _increment(dt, self._b_error_low, slopes))
        return x_new, error, slopes[-1] if self.tableau.is_fsal else None, slopes

    def staged_step(self, f: Drift, t: Time, x: Array, dt: Time) -> tuple[Array, None]:
        """Do as `step`: a plain step keeps no slopes, for they are as large as the state, each."""
        return self.step(f, t, x, dt), None

    def slopes(self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None) -> list[Array]:
        """Return the slopes of all stages of a step."""
        return self._slopes(f, t, x, dt, f(t, x) if slope is None else slope, self.tableau.stages)

    def inside(
        self, f: Drift, t: Time, x: Array, dt: Time, stages: list[Array] | None
    ) -> tuple[list[Array], Rows]:
        r"""Return what interpolates inside a step: slopes, and the polynomials of their weights.

        .. math:: x(t + \theta h) = x_n + h \sum_i \Bigl(\sum_k w_{ik} \theta^k\Bigr) k_i

        Parameters
        ----------
        f, t, x, dt
            As for `step`.
        stages : list of array, or None
            Those that `step_with_stages` returned; None makes them anew.

        Returns
        -------
        slopes : list of array, shape (batch, \*state)
            With those of the extension, which cost one evaluation each.
        weights : numpy.ndarray, shape (slopes, degree)
            w.

        Raises
        ------
        TypeError
            The method has no continuous extension.
        """
        extension = self._proven_extension()
        slopes, nodes = self.slopes(f, t, x, dt) if stages is None else list(stages), extension.nodes()
        for i in range(len(slopes), len(nodes)):
            row = _floats(extension.a[i])
            slopes.append(f(t + float(nodes[i]) * dt, x + _increment(dt, row, slopes)))
        return slopes, self.extension_weights

    def _slopes(self, f: Drift, t: Time, x: Array, dt: Time, first: Array, stages: int) -> list[Array]:
        slopes = [first]
        for c, row in zip(self._c[1:stages], self._a[1:stages], strict=True):
            slopes.append(f(t + c * dt, x + _increment(dt, row, slopes)))
        return slopes

    # Fractions become floats once, each correctly rounded.
    @cached_property
    def _a(self) -> tuple[tuple[float, ...], ...]:
        return tuple(_floats(row) for row in self.tableau.a)

    @cached_property
    def _b(self) -> tuple[float, ...]:
        return _floats(self.tableau.b)

    @cached_property
    def _b_error(self) -> tuple[float, ...]:
        return _floats(self.tableau.b_error or ())

    @cached_property
    def _b_error_low(self) -> tuple[float, ...]:
        return _floats(self.tableau.b_error_low or ())

    @cached_property
    def _c(self) -> tuple[float, ...]:
        return _floats(self.tableau.c or ())


def steadied(error: Array, low: Array) -> Array:
    """Return the first of two estimates, divided where the second, of lower order, is the larger.

    Hairer, Norsett & Wanner (1993), section II.10, who do so with the norms; component by component, the
    estimate needs no tolerance.
    """
    xp = array_namespace(error)
    size, other = xp.abs(error), 0.1 * xp.abs(low)
    largest = xp.maximum(xp.maximum(size, other), float(xp.finfo(size.dtype).smallest_normal) + 0.0 * size)
    a, b = size / largest, other / largest
    return error * (a / xp.sqrt(xp.maximum(a * a + b * b, 0.5 + 0.0 * a)))


def _floats(row: Iterable[Any]) -> tuple[float, ...]:
    return tuple(map(float, row))


def _increment(dt: Time, weights: tuple[float, ...], slopes: list[Array]) -> Array:
    """Weighted sum of the slopes known so far, times dt; zero weights cost nothing.

    The step goes into the weights first: it is the smaller product, and large slopes do not overflow.
    """
    terms = [(weight * dt) * slope for weight, slope in zip(weights, slopes, strict=False) if weight != 0.0]
    return sum(terms[1:], start=terms[0]) if terms else 0.0 * slopes[0]
