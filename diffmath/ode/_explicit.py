"""Explicit Runge-Kutta methods: one stepper for every tableau, and the classical tableaux."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diffmath._typing import Array, Drift, Time
from diffmath.ode._tableau import Tableau

__all__ = ["ExplicitRungeKutta", "dopri5", "euler", "heun", "midpoint", "rk4"]


@dataclass(frozen=True, repr=False)
class ExplicitRungeKutta:
    r"""Step with an explicit Runge-Kutta tableau.

    Parameters
    ----------
    tableau : Tableau
        Proven coefficients.

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

    def __post_init__(self) -> None:
        if not isinstance(self.tableau, Tableau):
            raise TypeError(f"tableau must be an ode.Tableau; got {type(self.tableau).__name__}")

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.tableau.name

    @property
    def order(self) -> int:
        """Order of accuracy."""
        return self.tableau.order

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, None without an error estimate."""
        return self.tableau.embedded_order

    @property
    def reference(self) -> str:
        """Where the coefficients come from."""
        return self.tableau.reference

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
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")
        first = f(t, x) if slope is None else slope
        slopes = self._slopes(f, t, x, dt, first, self.tableau.stages)
        x_new = x + _increment(dt, self._b, slopes)
        return x_new, _increment(dt, self._b_error, slopes), slopes[-1] if self.tableau.is_fsal else None

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
    def _c(self) -> tuple[float, ...]:
        return _floats(self.tableau.c or ())

    def __repr__(self) -> str:
        return repr(self.tableau).replace("Tableau", "ExplicitRungeKutta", 1)


def _floats(row: Iterable[Any]) -> tuple[float, ...]:
    return tuple(map(float, row))


def _increment(dt: Time, weights: tuple[float, ...], slopes: list[Array]) -> Array:
    """Weighted sum of the slopes known so far, times dt; zero weights cost nothing.

    The step goes into the weights first: it is the smaller product, and large slopes do not overflow.
    """
    terms = [(weight * dt) * slope for weight, slope in zip(weights, slopes, strict=False) if weight != 0.0]
    return sum(terms[1:], start=terms[0]) if terms else 0.0 * slopes[0]


def _method(name: str, a: Any, b: Any, order: int, reference: str, **embedded: Any) -> ExplicitRungeKutta:
    return ExplicitRungeKutta(Tableau(name=name, a=a, b=b, order=order, reference=reference, **embedded))


euler = _method("euler", [[]], [1], 1, "Euler (1768), Institutiones Calculi Integralis")

midpoint = _method("midpoint", [[], ["1/2"]], [0, 1], 2, "Runge (1895), Math. Ann. 46, 167-178")

heun = _method("heun", [[], [1]], ["1/2", "1/2"], 2, "Heun (1900), Z. Math. Phys. 45, 23-38")

rk4 = _method(
    "rk4",
    [[], ["1/2"], [0, "1/2"], [0, 0, 1]],
    ["1/6", "1/3", "1/3", "1/6"],
    4,
    "Kutta (1901), Z. Math. Phys. 46, 435-453",
)

dopri5 = _method(
    "dopri5",
    [
        [],
        ["1/5"],
        ["3/40", "9/40"],
        ["44/45", "-56/15", "32/9"],
        ["19372/6561", "-25360/2187", "64448/6561", "-212/729"],
        ["9017/3168", "-355/33", "46732/5247", "49/176", "-5103/18656"],
        ["35/384", 0, "500/1113", "125/192", "-2187/6784", "11/84"],
    ],
    ["35/384", 0, "500/1113", "125/192", "-2187/6784", "11/84", 0],
    5,
    "Dormand & Prince (1980), J. Comput. Appl. Math. 6, 19-26, table 2",
    b_error=["71/57600", 0, "-71/16695", "71/1920", "-17253/339200", "22/525", "-1/40"],
    embedded_order=4,
)
