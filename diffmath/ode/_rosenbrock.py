"""Rosenbrock methods for stiff problems: one linear system per stage, and no iteration.

When to use which: `rosenbrock23` at loose tolerances (1e-2 to 1e-4), `rodas5p` at tighter ones. They want an
accurate Jacobian at every step (differences do, a stale one does not) and the time derivative of f; where the
Jacobian is dear, the implicit Runge-Kutta methods, which iterate with any, may cost less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import array_api_compat as compat

from diffmath._typing import Array, Drift, Time
from diffmath.ode._algebraic import as_fraction, root_of
from diffmath.ode._implicit_tableau import floats
from diffmath.ode._jacobian import time_derivative
from diffmath.ode._newton import Stages, increment, linearise
from diffmath.ode._rosenbrock_tableau import RosenbrockTableau, from_transformed

__all__ = ["Rosenbrock", "rodas5p", "rosenbrock23"]


@dataclass(frozen=True, repr=False)
class Rosenbrock:
    r"""Step with a Rosenbrock tableau, for stiff problems.

    Parameters
    ----------
    tableau : RosenbrockTableau
        Proven coefficients.

    Notes
    -----
    A step costs one Jacobian (n evaluations of f where `ode.WithJacobian` does not give it), one time
    derivative (one evaluation, or none where it is given), one inverse of an n x n matrix per row, and one
    evaluation and product per stage. The order holds for an exact Jacobian; with differences the error they
    bring is about ``sqrt(eps) h^2`` a step, below tolerances of 1e-9. Memory: ``batch * n**2``. No row
    influences another; a row whose matrix is singular gets NaN, so that adaptive solves halve its step.

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

    jacobian_error: ClassVar[float] = 0.01  # relative, of a given one where a solve begins: more is refused

    def __post_init__(self) -> None:
        if not isinstance(self.tableau, RosenbrockTableau):
            raise TypeError(f"tableau must be an ode.RosenbrockTableau; got {type(self.tableau).__name__}")

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.tableau.name

    @property
    def order(self) -> int:
        """Order of accuracy; stiffness may reduce it."""
        return self.tableau.order

    @property
    def embedded_order(self) -> int | None:
        """Order behind the error estimate, which errs as its next power of the step; None without one."""
        embedded = self.tableau.embedded_order
        return None if embedded is None else min(embedded, self.order)

    @property
    def reference(self) -> str:
        """Where the coefficients come from."""
        return self.tableau.reference

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        r"""Advance by one step.

        Parameters
        ----------
        f : callable
            ``f(t, x)`` -> array like `x`; an `ode.WithJacobian` brings its derivatives.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, \*state)
            State at ``t + dt``; NaN in rows whose matrix is singular or not finite.
        """
        u, ended = self._stages(f, t, x, dt, None)
        return ended(x + increment(self._m, u))

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Array | None]:
        r"""Advance by one step and estimate its error.

        Parameters
        ----------
        f, t, x, dt
            As for `step`.
        slope : array, shape (batch, \*state), optional
            ``f(t, x)`` where it is known already.

        Returns
        -------
        x_new, error : array, shape (batch, \*state)
            State at ``t + dt`` and the estimate of its local error.
        slope_new : None
            No stage is f at the new state.

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")
        u, ended = self._stages(f, t, x, dt, slope)
        return ended(x + increment(self._m, u)), ended(increment(self._m_error, u)), None

    def _stages(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None
    ) -> tuple[list[Array], Callable[[Array], Array]]:
        r"""Solve ``(I - gamma h J) u_i = gamma h (f_i + gamma_i h f_t) + gamma sum_j c_ij u_j``.

        Also return what puts NaN into rows whose Jacobian is not finite.
        """
        slope = f(t, x) if slope is None else slope
        linear = linearise(f, t, x, dt, slope)
        in_time = dt * time_derivative(f, t, x, dt, slope) if _moves(dt) else 0.0 * x
        gamma, u = self._gamma, list[Array]()
        for a_row, c_row, alpha, gamma_i in zip(self._a, self._c, self._alpha, self._gammas, strict=True):
            value = slope if not u else f(t + alpha * dt, x + increment(a_row, u))
            right = gamma * (dt * (value + gamma_i * in_time))
            u.append(linear.solve(gamma, right + gamma * increment(c_row, u)))
        return u, Stages.begin(linear).ended

    # Exact numbers become floats once, each correctly rounded.
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

    def __repr__(self) -> str:
        return repr(self.tableau).replace("RosenbrockTableau", "Rosenbrock", 1)


def _moves(dt: Time) -> bool:
    return bool(compat.is_array_api_obj(dt)) or dt != 0


def _rosenbrock23() -> Rosenbrock:
    root = root_of(-2, 0, 1, near="1.4")
    d, e = 1 / (2 + root), 6 + root
    tableau = RosenbrockTableau(
        name="rosenbrock23",
        alpha=[[], ["1/2"], [0, 1]],
        gamma=[[d], [-d, d], [d * (e - 2), -d * e, d]],
        b=[0, 1, 0],
        b_error=["-1/6", "1/3", "-1/6"],
        order=2,
        embedded_order=3,
        reference="Shampine & Reichelt (1997), SIAM J. Sci. Comput. 18, 1-22, section 3.1",
    )
    return Rosenbrock(tableau)


rosenbrock23 = _rosenbrock23()

_RODAS5P_A = [
    [],
    ["3.0"],
    ["2.849394379747939", "0.45842242204463923"],
    ["-6.954028509809101", "2.489845061869568", "-10.358996098473584"],
    ["2.8029986275628964", "0.5072464736228206", "-0.3988312541770524", "-0.04721187230404641"],
    [
        "-7.502846399306121", "2.561846144803919", "-11.627539656261098", "-0.18268767659942256",
        "0.030198172008377946",
    ],
]  # fmt: skip
_RODAS5P_C = [
    [],
    ["-14.155112264123755"],
    ["-17.97296035885952", "-2.859693295451294"],
    ["147.12150275711716", "-1.41221402718213", "71.68940251302358"],
    ["165.43517024871676", "-0.4592823456491126", "42.90938336958603", "-5.961986721573306"],
    [
        "24.854864614690072", "-3.0009227002832186", "47.4931110020768", "5.5814197821558125",
        "-0.6610691825249471",
    ],
    [
        "30.91273214028599", "-3.1208243349937974", "77.79954646070892", "34.28646028294783",
        "-19.097331116725623", "-28.087943162872662",
    ],
    [
        "37.80277123390563", "-3.2571969029072276", "112.26918849496327", "66.9347231244047",
        "-40.06618937091002", "-54.66780262877968", "-9.48861652309627",
    ],
]  # fmt: skip


def _rodas5p() -> Rosenbrock:
    """Stiffly accurate: the embedded solution is the argument of the last stage, the estimate that stage."""
    last = _RODAS5P_A[-1]
    a = [*_RODAS5P_A, [*last, 1], [*last, 1, 1]]
    tableau = from_transformed(
        "rodas5p", "0.21193756319429014", a, _RODAS5P_C, [*last, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1],
        order=5,
        embedded_order=4,
        # Sixteen digits are printed, of coefficients up to 165.
        tolerance="1e-13",
        reference="Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P, BIT 63, 27",
    )  # fmt: skip
    return Rosenbrock(tableau)


rodas5p = _rodas5p()
