"""Tableaux of the weak families: Roessler's, and Tang & Xiao's.

Sources: Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738; Tang & Xiao (2017), BIT 57, 241-260.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from diffmath.sde._tableaux.coefficients import Layout
from diffmath.sde._tableaux.tableau import Conditions, StochasticTableau
from diffmath.symbolic import tang_xiao_conditions, weak_conditions

__all__ = ["TangXiaoTableau", "WeakTableau"]


@dataclass(frozen=True, kw_only=True, repr=False)
class WeakTableau(StochasticTableau):
    r"""The coefficients of a method of weak order 2 for Ito noise, Roessler's family, for `WeakStep`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference, order
        As for `StochasticTableau`; the order is 2.
    coefficients : mapping
        alpha, beta1 to beta4, A0, B0, A1, B1, A2 and B2, which must satisfy `symbolic.weak_conditions`. B2
        may be full: the last stages use all evaluations of the other stages.

    References
    ----------
    .. [1] Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738, equation (3.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.dri1.step.tableau
    WeakTableau(dri1, weak order 2 for Ito noise, 3 stages)
    """

    layout: ClassVar[Layout] = Layout(
        vectors=("alpha", "beta1", "beta2", "beta3", "beta4"),
        matrices=("A0", "B0", "A1", "B1", "A2", "B2"),
        full=("B2",),
    )
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(2),)
    claim: ClassVar[str] = "weak order {} for Ito noise"

    def conditions(self) -> Conditions:
        """Return the conditions of weak order 2."""
        return weak_conditions(self.coefficients)


@dataclass(frozen=True, kw_only=True, repr=False)
class TangXiaoTableau(StochasticTableau):
    r"""The coefficients of a method of weak order 2 for Ito noise, Tang & Xiao's family, for `TangXiaoStep`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference, order
        As for `StochasticTableau`; the order is 2.
    coefficients : mapping
        alpha, beta0, beta1, A0, B0, A1, B1 and B2, which must satisfy `symbolic.tang_xiao_conditions`.

    References
    ----------
    .. [1] Tang & Xiao (2017), BIT 57, 241-260, equation (3).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.w2ito1.step.tableau
    TangXiaoTableau(w2ito1, weak order 2 for Ito noise, 3 stages)
    """

    layout: ClassVar[Layout] = Layout(
        vectors=("alpha", "beta0", "beta1"), matrices=("A0", "B0", "A1", "B1", "B2")
    )
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(2),)
    claim: ClassVar[str] = "weak order {} for Ito noise"

    def conditions(self) -> Conditions:
        """Return the conditions of weak order 2."""
        return tang_xiao_conditions(self.coefficients)
