r"""Symplectic splitting methods for separable Hamiltonian systems: drifts and kicks, proven and stepped.

.. math:: H(q, p) = T(p) + V(q), \qquad q' = v(p) = \partial_p T, \qquad p' = F(q) = -\partial_q V

Source: Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, sections II.5, V.3.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array, Drift, Time
from diffmath.ode._algebraic import as_fraction, number_row, root_of
from diffmath.ode._models import Separable, structured
from diffmath.ode._one_step import TableauMethod
from diffmath.symbolic._symplectic_conditions import splitting_conditions

__all__ = [
    "Splitting", "SplittingTableau", "leapfrog", "mclachlan2", "mclachlan4", "position_verlet", "yoshida4",
    "yoshida6",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SplittingTableau:
    r"""The coefficients of a splitting method, proven to have the order they claim.

    .. math:: q \leftarrow q + a_i h\, v(p), \qquad p \leftarrow p + b_i h\, F(q), \qquad i = 1, \dots, m

    Parameters
    ----------
    name : str
        What messages call the method.
    drifts : sequence, shape (m,)
        Shares :math:`a_i` of the step; the i-th drift comes before the i-th kick.
    kicks : sequence, shape (m,)
        Shares :math:`b_i`. Begin with a drift 0 for a method that kicks first, end with a kick 0 for one that
        drifts last.
    order : int
        Every condition of the Lyndon words up to this length is checked, in exact arithmetic.
    digits : int, optional
        For shares that are written as decimals: every condition must hold to ``10**-digits``, at least 20.
        Without it, exactly.
    reference : str
        Where the coefficients come from.

    Raises
    ------
    TypeError
        A float share: write 1, "1/3", ``Fraction(1, 3)``, or an exact algebraic number.
    ValueError
        Shapes do not fit, or an order condition fails: the first that does is named with its residual.

    Notes
    -----
    Whatever the coefficients, the step is symplectic. With coefficients that read the same backwards
    (`is_symmetric`) it is time reversible, and its order is even.

    References
    ----------
    .. [1] Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, section III.5.

    Examples
    --------
    >>> from diffmath import ode
    >>> ode.SplittingTableau(name="verlet", drifts=["1/2", "1/2"], kicks=[1, 0], order=2)
    SplittingTableau(verlet, order 2, 1 kick, symmetric)
    >>> ode.SplittingTableau(name="wrong", drifts=["1/2", "1/2"], kicks=["1/2", "1/2"], order=2)
    Traceback (most recent call last):
        ...
    ValueError: wrong claims order 2, but the condition of the word AB fails: residual 1/4
    """

    name: str
    drifts: Sequence[Any]
    kicks: Sequence[Any]
    order: int
    digits: int | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        drifts, kicks = number_row("drifts", self.drifts), number_row("kicks", self.kicks)
        if len(drifts) != len(kicks) or not drifts:
            raise ValueError(
                f"{self.name}: drifts and kicks must have one length m >= 1; got {len(drifts)} and "
                f"{len(kicks)}: pad with 0"
            )
        if self.digits is not None and (not isinstance(self.digits, int) or self.digits < 20):
            raise ValueError(
                f"{self.name}: digits must be an int of at least 20, beyond float64; got {self.digits!r}"
            )
        object.__setattr__(self, "drifts", drifts)
        object.__setattr__(self, "kicks", kicks)
        slack = 0 if self.digits is None else Fraction(1, 10**self.digits)
        for word, residual in splitting_conditions(self.steps, self.order):
            if abs(as_fraction(residual)) > slack:
                raise ValueError(
                    f"{self.name} claims order {self.order}, but the condition of the word {word} fails: "
                    f"residual {_text(residual)}"
                )

    @property
    def steps(self) -> tuple[tuple[str, Any], ...]:
        """Drifts ("A") and kicks ("B") in the order in which they are taken, those of length 0 left out."""
        pairs = zip(self.drifts, self.kicks, strict=True)
        steps = [step for a, b in pairs for step in (("A", a), ("B", b))]
        return tuple(step for step in steps if step[1] != 0)

    @property
    def is_symmetric(self) -> bool:
        """Whether the steps read the same backwards: then a step back undoes a step."""
        return self.steps == self.steps[::-1]

    def nfe(self, steps: int) -> int:
        """Evaluations of the force in `steps` steps."""
        return steps * sum(letter == "B" for letter, _ in self.steps)

    def report(self) -> str:
        """Return every order condition with its residual, one a line.

        Examples
        --------
        >>> from diffmath import ode
        >>> print(ode.leapfrog.tableau.report())
        leapfrog, order 2
          A   residual 0
          B   residual 0
          AB  residual 0
        """
        conditions = splitting_conditions(self.steps, self.order)
        lines = [f"  {word:{self.order}}  residual {_text(residual)}" for word, residual in conditions]
        return "\n".join([f"{self.name}, order {self.order}", *lines])

    def __repr__(self) -> str:
        kicks = self.nfe(1)
        symmetric = ", symmetric" if self.is_symmetric else ""
        return (
            f"SplittingTableau({self.name}, order {self.order}, {kicks} kick{'s' * (kicks > 1)}{symmetric})"
        )


def _text(residual: Any) -> str:
    return str(residual) if len(str(residual)) < 20 else f"{float(residual):.3g}"


@dataclass(frozen=True, repr=False, eq=False)
class Splitting(TableauMethod):
    r"""Step a separable Hamiltonian system with a splitting tableau.

    Parameters
    ----------
    tableau : SplittingTableau
        Proven coefficients.

    Notes
    -----
    For an `ode.Separable`, with states of shape (batch, 2, n). The energy error stays bounded over
    exponentially long times if the step is constant, so there is no error estimate, and `ode.solve` takes
    fixed steps: use equal intervals. If velocity or force depend on t, each sees the time to which the other
    has been advanced, which keeps the order.

    *When to use.* For Hamiltonian systems over many periods: `position_verlet` (one force a step) or
    `leapfrog` where a rough orbit will do, `mclachlan2` and `mclachlan4` for smaller errors at equal cost
    than `leapfrog` and `yoshida4`, `yoshida6` for many digits. When not: a few periods to many digits
    (`dop853`), forces that depend on the velocity, steps that must vary.

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
        drifted, kicked = 0.0, 0.0  # shares of the step that positions and momenta have taken so far
        for letter, share in self._steps:
            if letter == "A":
                q = q + (share * dt) * model.velocity(t + kicked * dt, p)
                drifted += share
            else:
                p = p + (share * dt) * model.force(t + drifted * dt, q)
                kicked += share
        return array_namespace(x).stack([q, p], axis=1)

    @cached_property
    def _steps(self) -> tuple[tuple[str, float], ...]:
        return tuple((letter, float(share)) for letter, share in self.tableau.steps)


def _of_halves(t: Time) -> Time:
    """Times per row, shaped for the positions alone."""
    return t[:, 0, ...] if compat.is_array_api_obj(t) else t


def _method(name: str, drifts: Any, kicks: Any, order: int, reference: str, **more: Any) -> Splitting:
    return Splitting(
        SplittingTableau(name=name, drifts=drifts, kicks=kicks, order=order, reference=reference, **more)
    )


def _composed(weights: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Drifts and kicks of a sequence of `position_verlet` steps, these shares of the step long."""
    halves = [weight / 2 for weight in weights]
    inner = [a + b for a, b in itertools.pairwise(halves)]
    return [halves[0], *inner, halves[-1]], [*weights, 0]


def _yoshida6_weights() -> list[Fraction]:
    # The printed solution A (14 decimals), refined to 64 on the generated conditions. The middle is the rest.
    outer = [
        Fraction("0.7845136104775572638194976338663498757768244174514933845679477989"),
        Fraction("0.2355732133593581336847931829785346016864680821034011190034931310"),
        Fraction("-1.1776799841788710069464156809643157346392692526345984844753685138"),
    ]
    return [*outer, 1 - 2 * sum(outer, start=Fraction(0)), *reversed(outer)]


_HALF = Fraction(1, 2)
# Where the squares of the two leading error coefficients have the least sum.
_MCLACHLAN2 = root_of(-5, 38, -72, 48, near="1/5")
_YOSHIDA4 = 1 / (2 - root_of(-2, 0, 0, 1, near="5/4"))
_SQRT19 = root_of(-19, 0, 1, near="13/3")
_MCLACHLAN4 = [(14 - _SQRT19) / 108, (20 - 7 * _SQRT19) / 108]

leapfrog = _method(
    "leapfrog", [0, 1], [_HALF, _HALF], 2, "Verlet (1967), Phys. Rev. 159, 98-103: the velocity form"
)

position_verlet = _method(
    "position_verlet", [_HALF, _HALF], [1, 0], 2, "Verlet (1967), Phys. Rev. 159, 98-103: the position form"
)

mclachlan2 = _method(
    "mclachlan2",
    [_MCLACHLAN2, 1 - 2 * _MCLACHLAN2, _MCLACHLAN2],
    [_HALF, _HALF, 0],
    2,
    "McLachlan (1995), SIAM J. Sci. Comput. 16, 151-168; the drift as the root of the cubic it minimises",
)

yoshida4 = _method(
    "yoshida4",
    *_composed([_YOSHIDA4, 1 - 2 * _YOSHIDA4, _YOSHIDA4]),
    4,
    "Forest & Ruth (1990), Physica D 43, 105-117; Yoshida (1990), Phys. Lett. A 150, 262-268",
)

mclachlan4 = _method(
    "mclachlan4",
    [
        *_MCLACHLAN4,
        _HALF - _MCLACHLAN4[0] - _MCLACHLAN4[1],
        _HALF - _MCLACHLAN4[0] - _MCLACHLAN4[1],
        *reversed(_MCLACHLAN4),
    ],
    ["2/5", "-1/10", "2/5", "-1/10", "2/5", 0],
    4,
    "McLachlan (1995), SIAM J. Sci. Comput. 16, 151-168, five stages",
)

yoshida6 = _method(
    "yoshida6",
    *_composed(_yoshida6_weights()),
    6,
    "Yoshida (1990), Phys. Lett. A 150, 262-268, table 1, solution A; decimals refined to 64 digits",
    digits=60,
)
