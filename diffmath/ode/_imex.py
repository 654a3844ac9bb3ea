"""Additive Runge-Kutta methods, kencarp3 and kencarp4: the stiff part of f implicitly, the rest explicitly.

When to use: f splits into a stiff part whose Jacobian is cheap (diffusion, fast relaxation) and a part that
is not stiff but dear or awkward to differentiate (advection, a network). Where both parts are stiff, use a
fully implicit method; where the stiff part is linear and diagonal, an exponential method solves it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from diffmath._typing import Array, Drift, Time
from diffmath.ode._imex_tableau import AdditiveTableau
from diffmath.ode._implicit_tableau import floats
from diffmath.ode._jacobian import needs_differences
from diffmath.ode._models import Split, structured
from diffmath.ode._newton import Linearised, Newton, Stages, increment, linearise

__all__ = ["AdditiveRungeKutta", "kencarp3", "kencarp4"]


@dataclass(frozen=True, repr=False)
class AdditiveRungeKutta:
    r"""Step an `ode.Split`: its implicit part by an ESDIRK method, the explicit one explicitly.

    Parameters
    ----------
    tableau : AdditiveTableau
        Proven coefficients.
    newton : Newton, optional
        How the equations of a stage are solved.

    Notes
    -----
    The Jacobian is that of the implicit part alone: give it by making that part an `ode.WithJacobian`. A row
    costs :math:`O(n^3)` per step, and per stage one evaluation of the explicit part and two to four of
    the implicit one. Stiffness may reduce the order; if the implicit part is linear, it hardly does.

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

    jacobian_error: ClassVar[float] = 100.0  # how much too large a given one may be where a solve begins

    def __post_init__(self) -> None:
        for name, kind in (("tableau", AdditiveTableau), ("newton", Newton)):
            if not isinstance(getattr(self, name), kind):
                given = type(getattr(self, name)).__name__
                raise TypeError(f"{name} must be an ode.{kind.__name__}; got {given}")

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.tableau.name

    @property
    def order(self) -> int:
        """Order of accuracy, for any split."""
        return self.tableau.order

    @property
    def embedded_order(self) -> int:
        """Order of the embedded solution."""
        return self.tableau.embedded_order

    @property
    def reference(self) -> str:
        """Where the coefficients come from."""
        return self.tableau.reference

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        r"""Advance by one step.

        Parameters
        ----------
        f : Split
            Its parts are called as ``part(t, x)`` -> array like `x`.
        t, dt : float
            Time and step, negative to go backwards; or arrays, one per row, that broadcast against `x`.
        x : array, shape (batch, \*state)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, \*state)
            State at ``t + dt``; NaN in rows where the Newton iteration failed.

        Raises
        ------
        TypeError
            f is not split.
        """
        stages, slopes, _ = self._solve(f, t, x, dt)
        return stages.ended(x + increment(self._b, slopes))

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Array | None]:
        r"""Advance by one step and estimate its error.

        Parameters
        ----------
        f, t, x, dt
            As for `step`; the slope of the whole f is of no use, since its parts are needed.

        Returns
        -------
        x_new, error : array, shape (batch, \*state)
            State at ``t + dt`` and the estimate of its local error, NaN in rows where the iteration failed.
        slope_new : None
            As above.
        """
        stages, slopes, linear = self._solve(f, t, x, dt)
        error = linear.solve(self._gamma, increment(self._b_error, slopes))
        return stages.ended(x + increment(self._b, slopes)), stages.ended(error), None

    def _solve(self, f: Drift, t: Time, x: Array, dt: Time) -> tuple[Stages, list[Array], Linearised]:
        """Return the iterations' record, the scaled slopes of the whole f, and h J of the implicit part."""
        split = structured(f, Split, self.name)
        first = split.implicit(t, x)
        linear = linearise(split.implicit, t, x, dt, first if needs_differences(split.implicit) else None)
        stages, explicit, slopes = Stages.begin(linear, f), list[Array](), list[Array]()
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
        return stages, slopes, linear

    # Exact numbers become floats once, each correctly rounded.
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

    def __repr__(self) -> str:
        return repr(self.tableau).replace("AdditiveTableau", "AdditiveRungeKutta", 1)


def _method(
    name: str, explicit: Any, implicit: Any, embedded: Sequence[Any], order: int, section: str, tolerance: str
) -> AdditiveRungeKutta:
    gamma = Fraction(implicit[1][0])
    b = [*map(Fraction, implicit[-1]), gamma]
    tableau = AdditiveTableau(
        name=name,
        explicit=explicit,
        implicit=[[], *([*row, gamma] for row in implicit[1:])],
        b=b,
        b_error=[x - Fraction(y) for x, y in zip(b, embedded, strict=True)],
        order=order,
        embedded_order=order - 1,
        tolerance=tolerance,
        reference=f"Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, {section}",
    )
    return AdditiveRungeKutta(tableau)


# Coefficients that are roots are printed as quotients of thirteen digits each: right to 1e-24.
kencarp3 = _method(
    "kencarp3",
    [
        [],
        ["1767732205903/2027836641118"],
        ["5535828885825/10492691773637", "788022342437/10882634858940"],
        ["6485989280629/16251701735622", "-4246266847089/9704473918619", "10755448449292/10357097424841"],
    ],
    [
        [],
        ["1767732205903/4055673282236"],
        ["2746238789719/10658868560708", "-640167445237/6845629431997"],
        ["1471266399579/7840856788654", "-4482444167858/7529755066697", "11266239266428/11593286722821"],
    ],
    [
        "2756255671327/12835298489170", "-10771552573575/22201958757719", "9247589265047/10645013368117",
        "2193209047091/5459859503100",
    ],
    3,
    "ARK3(2)4L[2]SA",
    "1e-23",
)  # fmt: skip

kencarp4 = _method(
    "kencarp4",
    [
        [],
        ["1/2"],
        ["13861/62500", "6889/62500"],
        [
            "-116923316275/2393684061468", "-2731218467317/15368042101831", "9408046702089/11113171139209",
        ],
        [
            "-451086348788/2902428689909", "-2682348792572/7519795681897", "12662868775082/11960479115383",
            "3355817975965/11060851509271",
        ],
        [
            "647845179188/3216320057751", "73281519250/8382639484533", "552539513391/3454668386233",
            "3354512671639/8306763924573", "4040/17871",
        ],
    ],
    [
        [],
        ["1/4"],
        ["8611/62500", "-1743/31250"],
        ["5012029/34652500", "-654441/2922500", "174375/388108"],
        ["15267082809/155376265600", "-71443401/120774400", "730878875/902184768", "2285395/8070912"],
        ["82889/524892", 0, "15625/83664", "69875/102672", "-2260/8211"],
    ],
    [
        "4586570599/29645900160", 0, "178811875/945068544", "814220225/1159782912", "-3700637/11593932",
        "61727/225920",
    ],
    4,
    "ARK4(3)6L[2]SA",
    "1e-23",
)  # fmt: skip
