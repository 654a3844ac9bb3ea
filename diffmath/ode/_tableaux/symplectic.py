r"""Tableaux of symplectic splitting methods: fractions of drifts and kicks, with a proven order.

.. math:: H(q, p) = T(p) + V(q), \qquad q' = v(p) = \partial_p T, \qquad p' = F(q) = -\partial_q V

Source: Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, sections II.5, III.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffmath._core.counts import check_count
from diffmath.ode._tableaux.algebraic import as_fraction, number_row
from diffmath.ode._tableaux.proof import slack_of
from diffmath.symbolic import splitting_conditions

__all__ = ["SplittingTableau"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SplittingTableau:
    r"""The coefficients of a splitting method, with a proven order.

    .. math:: q \leftarrow q + a_i h\, v(p), \qquad p \leftarrow p + b_i h\, F(q), \qquad i = 1, \dots, m

    Parameters
    ----------
    name : str
        Name of the method in messages.
    drifts : sequence, shape (m,)
        Fractions :math:`a_i` of the step; the i-th drift comes before the i-th kick.
    kicks : sequence, shape (m,)
        Fractions :math:`b_i`. For a method that begins with a kick, begin with a drift 0; for one that ends
        with a drift, end with a kick 0.
    order : int
        The conditions of all Lyndon words up to this length are checked in exact arithmetic.
    digits : int, optional
        For fractions written as decimals: every condition must hold to ``10**-digits``, at least 20. By
        default conditions must hold exactly.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A float coefficient: write 1, "1/3", ``Fraction(1, 3)``, or an exact algebraic number.
    ValueError
        Shapes do not fit, or an order condition fails; the message names the first, with its residual.

    Notes
    -----
    The step is symplectic for any coefficients. If the coefficients are symmetric (`is_symmetric`), it is
    also time reversible, and its order is even.

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
        slack = slack_of(self.name, self.digits)
        object.__setattr__(self, "drifts", drifts)
        object.__setattr__(self, "kicks", kicks)
        for word, residual in splitting_conditions(self.steps, self.order):
            if abs(as_fraction(residual)) > slack:
                raise ValueError(
                    f"{self.name} claims order {self.order}, but the condition of the word {word} fails: "
                    f"residual {_text(residual)}"
                )

    @property
    def steps(self) -> tuple[tuple[str, Any], ...]:
        """Drifts ("A") and kicks ("B") in the order in which they are taken, without those of length 0."""
        pairs = zip(self.drifts, self.kicks, strict=True)
        steps = [step for a, b in pairs for step in (("A", a), ("B", b))]
        return tuple(step for step in steps if step[1] != 0)

    @property
    def is_symmetric(self) -> bool:
        """Whether the sequence of steps is symmetric: then a backward step undoes a step."""
        return self.steps == self.steps[::-1]

    def nfe(self, steps: int) -> int:
        """Evaluations of the force in `steps` steps."""
        return check_count("steps", steps, 0) * sum(letter == "B" for letter, _ in self.steps)

    def report(self) -> str:
        """Return every order condition with its residual, one per line.

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
