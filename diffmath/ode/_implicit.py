"""Implicit Runge-Kutta methods for stiff problems: one stepper for all implicit tableaux, and the tableaux.

When to use which: `kvaerno3` at loose tolerances, `kvaerno5` at tight ones, `radau5` where the problem is
very stiff and its stiff part nonlinear (it keeps more of its order there); `implicit_euler` where only
stability matters or f has kinks; `trapezoid` for oscillations that must not be damped, never for very stiff
decay, which it makes ring; `sdirk2` is the cheapest that damps it. Where f is not stiff, an explicit method
costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from diffmath._arrays import array_namespace
from diffmath._typing import Array, Drift, Time
from diffmath.ode._algebraic import root_of
from diffmath.ode._implicit_tableau import ImplicitTableau, floats
from diffmath.ode._jacobian import needs_differences
from diffmath.ode._newton import Linearised, Newton, Stages, increment, linearise, slope_of

__all__ = [
    "ImplicitRungeKutta", "implicit_euler", "kvaerno3", "kvaerno5", "radau5", "sdirk2", "trapezoid"
]  # fmt: skip


@dataclass(frozen=True, repr=False)
class ImplicitRungeKutta:
    r"""Step with an implicit Runge-Kutta tableau, for stiff problems.

    Parameters
    ----------
    tableau : ImplicitTableau
        Proven coefficients.
    newton : Newton, optional
        How the equations of a step are solved.

    Notes
    -----
    Use it where the stability of an explicit method, not accuracy, dictates the step; elsewhere it costs more
    than it gains. Give the Jacobian (`ode.WithJacobian`) or its sparsity where you can: it is taken anew in
    every step, by n evaluations of f where it is not given. A row costs :math:`O((s n)^3)` per step, s being
    the size of the largest block of stages (1 for all but `radau5`, which has 3: one dense inverse of 3 n is
    simpler than the complex transformation, and at most 27/5 times its cost), and two to four evaluations of
    f per stage. Memory: ``batch * (s n)**2``.

    A row whose Newton iteration fails gets an infinite error, so that adaptive solves halve its step; with
    fixed steps it ends. No row influences another; `evaluations` counts the calls of f that a row waited for.

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

    jacobian_error: ClassVar[float] = 100.0  # how much too large a given one may be where a solve begins

    def __post_init__(self) -> None:
        for name, kind in (("tableau", ImplicitTableau), ("newton", Newton)):
            if not isinstance(getattr(self, name), kind):
                given = type(getattr(self, name)).__name__
                raise TypeError(f"{name} must be an ode.{kind.__name__}; got {given}")

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.tableau.name

    @property
    def order(self) -> int:
        """Order for steps that resolve the solution; stiffness may reduce it to the stage order."""
        return self.tableau.order

    @property
    def embedded_order(self) -> int | None:
        """Order of the embedded solution, None without an error estimate."""
        return self.tableau.embedded_order

    @property
    def reference(self) -> str:
        """Where the coefficients come from."""
        return self.tableau.reference

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        r"""Advance by one step.

        Parameters
        ----------
        f : callable
            ``f(t, x)`` -> array like `x`; an `ode.WithJacobian` brings its Jacobian.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, \*state)
            State at ``t + dt``; NaN in rows where the Newton iteration failed.
        """
        stages, _ = self._solve(f, t, x, dt, None, self._explicit_stages(self._b))
        return stages.ended(x + increment(self._b, stages.slopes))

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
            State at ``t + dt`` and the estimate of its local error, NaN in rows where the iteration failed.
        slope_new : array, shape (batch, \*state), or None
            The slope of the last stage where that is the new state (stiffly accurate tableaux).

        Raises
        ------
        TypeError
            The tableau has no error weights.
        """
        if self.tableau.b_error is None:
            raise TypeError(f"{self.name} has no error estimate (b_error); use step")
        stages, linear = self._solve(f, t, x, dt, slope, self._explicit_stages(self._b, self._b_error))
        error = increment(self._b_error, stages.slopes)
        if self.tableau.error_filter is not None:
            error = linear.solve(float(self.tableau.error_filter), error)
        x_new = stages.ended(x + increment(self._b, stages.slopes))
        # The slope of the equations, not f(x_new), which stiffness would multiply what Newton left over by.
        slope_new = slope_of(stages.slopes[-1], dt) if self.tableau.is_stiffly_accurate else None
        return x_new, stages.ended(error), slope_new

    def _solve(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None, needed: set[int]
    ) -> tuple[Stages, Linearised]:
        """Return the scaled slopes of all stages; explicit ones that are not `needed` are left zero."""
        # A slope handed on from the last step solves its equations, to the tolerance of Newton's iteration;
        # differences need f itself, or what was left over, times the stiffness, would be taken for a change.
        value = f(t, x) if needs_differences(f) or (slope is None and 0 in needed) else None
        linear = linearise(f, t, x, dt, value)
        slope = value if slope is None else slope
        stages = Stages.begin(linear, f)
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
        return stages, linear

    def _explicit_stages(self, *weights: Sequence[float]) -> set[int]:
        """The stages that a later stage or one of the weights refers to."""
        rows = (*self._a, *weights)
        return {j for j in range(self.tableau.stages) if any(row[j] != 0 for row in rows)}

    @cached_property
    def _matrices(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """The square of `a` that belongs to every block."""
        return tuple(
            tuple(self._a[i][block.start : block.stop] for i in block) for block in self.tableau.blocks
        )

    # Exact numbers become floats once, each correctly rounded.
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

    def __repr__(self) -> str:
        return repr(self.tableau).replace("ImplicitTableau", "ImplicitRungeKutta", 1)


def _method(name: str, a: Any, b: Any, order: int, reference: str, **options: Any) -> ImplicitRungeKutta:
    tableau = ImplicitTableau(name=name, a=a, b=b, order=order, reference=reference, **options)
    return ImplicitRungeKutta(tableau)


# The explicit first stage serves the estimate only: half the change of the slope over the step.
implicit_euler = _method(
    "implicit_euler",
    [[], [0, 1]],
    [0, 1],
    1,
    "Hairer & Wanner (1996), section IV.3; the estimate is the difference to the trapezoidal rule",
    b_error=["-1/2", "1/2"],
    embedded_order=1,
    error_filter=1,
)

trapezoid = _method(
    "trapezoid",
    [[], ["1/2", "1/2"]],
    ["1/2", "1/2"],
    2,
    "Hairer & Wanner (1996), section IV.3; the estimate is the difference to the implicit Euler method, of "
    "order 1, and so errs on the safe side",
    b_error=["1/2", "-1/2"],
    embedded_order=1,
    error_filter="1/2",
)


def _sdirk2() -> ImplicitRungeKutta:
    gamma = 1 - root_of(-2, 0, 1, near="1.4") / 2
    # The explicit first stage serves the estimate only: a multiple of the second divided difference of the
    # slope, by which the embedded solution is of order 3 for linear equations.
    scale = (3 * gamma * gamma - 2 * gamma * gamma * gamma - Fraction(1, 6)) / gamma
    return _method(
        "sdirk2",
        [[], [0, gamma], [0, 1 - gamma, gamma]],
        [0, 1 - gamma, gamma],
        2,
        "Alexander (1977), SIAM J. Numer. Anal. 14, 1006-1021, theorem 5; the estimate is our own",
        b_error=[scale / gamma, scale / (gamma * gamma - gamma), scale / (1 - gamma)],
        embedded_order=2,
        error_filter=gamma,
    )


sdirk2 = _sdirk2()


def _kvaerno3() -> ImplicitRungeKutta:
    # The root that makes the method L-stable: gamma^3 - 3 gamma^2 + 3/2 gamma - 1/6 = 0.
    g = root_of("-1/6", "3/2", -3, 1, near="0.436")
    embedded = [(-4 * g * g + 6 * g - 1) / (4 * g), (1 - 2 * g) / (4 * g), g]
    b = [(6 * g - 1) / (12 * g), 1 / (12 * g * (1 - 2 * g)), (1 - 6 * g + 6 * g * g) / (3 - 6 * g), g]
    return _method(
        "kvaerno3",
        [[], [g, g], embedded, b],
        b,
        3,
        "Kvaerno (2004), BIT 44, 489-502, method ESDIRK 3/2 a",
        b_error=[x - y for x, y in zip(b, [*embedded, Fraction(0)], strict=True)],
        embedded_order=2,
        error_filter=g,
    )


kvaerno3 = _kvaerno3()


def _kvaerno5() -> ImplicitRungeKutta:
    g = "0.26"
    embedded: list[Any] = [
        "0.1385564023126822495054973091161581456582", 0, "-0.04245337201752043098884399725982168512523",
        "0.02446657898003141965963581513879101305561", "0.6194303907248067618237108730048725264114", g,
    ]  # fmt: skip
    b: list[Any] = [
        "0.1365975117764029144062783844146127033921", 0, "-0.05496908796538376712487773114648630009105",
        "-0.04118626728321046868299776958296295741592", "0.6299330489901640319161060392667246534806",
        "0.06962479448202728948549107704811190063421", g,
    ]  # fmt: skip
    return _method(
        "kvaerno5",
        [
            [],
            [g, g],
            ["0.13", "0.8403332099679080963171360487915268154051", g],
            [
                "0.2237196147832050559163143898290529441991", "0.4767553231979969983278927937270874162429",
                "-0.06470895363112615133816161180658488282681", g,
            ],
            [
                "0.1664856432324832152535151725360430044452", "0.1045001884159172041151167240328967362455",
                "0.03631482272098715161651993758285203251909",
                "-0.1309070445107399857071749645700052401819", g,
            ],
            embedded,
            b,
        ],
        b,
        5,
        "Kvaerno (2004), BIT 44, 489-502, method ESDIRK 5/4; its 17 printed digits refined to 40 by Newton's "
        "iteration on the order conditions, stage order 2 and R(inf) = 0 (changes below 1e-17)",
        b_error=[Fraction(x) - Fraction(y) for x, y in zip(b, [*embedded, 0], strict=True)],
        embedded_order=4,
        error_filter=g,
        digits=38,
    )  # fmt: skip


kvaerno5 = _kvaerno5()


def _radau5() -> ImplicitRungeKutta:
    r = root_of(-6, 0, 1, near="2.4")
    b: list[Any] = [0, (16 - r) / 36, (16 + r) / 36, Fraction(1, 9)]
    # Hairer & Wanner's estimate, up to its factor: theirs is the real eigenvalue of A, 0.27489, which saves
    # them a factorisation; here nothing is shared, and a rational number close by does the same.
    scale = Fraction(11, 40)
    z: list[Any] = [(-13 - 7 * r) / 3, (-13 + 7 * r) / 3, Fraction(-1, 3)]
    a: list[list[Any]] = [
        [0, (88 - 7 * r) / 360, (296 - 169 * r) / 1800, (-2 + 3 * r) / 225],
        [0, (296 + 169 * r) / 1800, (88 + 7 * r) / 360, (-2 - 3 * r) / 225],
        b,
    ]
    # Given for the increments z of the stages; these are h A k.
    error = [scale * sum((z[i] * a[i][j] for i in range(3)), start=Fraction(0)) for j in range(1, 4)]
    return _method(
        "radau5",
        [[], *a],
        b,
        5,
        "Hairer & Wanner (1996), table IV.5.6; error estimate section IV.8, (8.20) and (8.21)",
        b_error=[scale, *error],
        embedded_order=3,
        error_filter=scale,
    )


radau5 = _radau5()
