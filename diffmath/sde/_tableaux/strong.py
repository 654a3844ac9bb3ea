"""Tableaux of Roessler's strong families: SRA for additive noise, also implicit, and SRI for Ito noise.

Source: Roessler (2010), SIAM J. Numer. Anal. 48, 922-952.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from diffmath.sde._tableaux.coefficients import Layout
from diffmath.sde._tableaux.tableau import Conditions, StochasticTableau
from diffmath.symbolic import sra_conditions, sri_conditions

__all__ = ["ImplicitSRATableau", "SRATableau", "SRITableau"]

_SRA = Layout(vectors=("alpha", "beta1", "beta2", "c1"), matrices=("A0", "B0"))


@dataclass(frozen=True, kw_only=True, repr=False)
class SRATableau(StochasticTableau):
    r"""The coefficients of an explicit method of strong order 3/2 for additive noise, for `SRA`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference, order
        As for `StochasticTableau`; the order is 3/2.
    coefficients : mapping
        alpha, beta1, beta2, c1, A0 and B0, which must satisfy `symbolic.sra_conditions`.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (5.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.SRATableau(
    ...     name="wrong",
    ...     coefficients={
    ...         "alpha": ["1/3", "2/3"], "A0": [[], ["3/4"]], "B0": [[], ["1/2"]],
    ...         "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1],
    ...     },
    ...     deterministic_order=2,
    ... )
    Traceback (most recent call last):
        ...
    ValueError: wrong claims strong order 3/2 for additive noise, but alpha.B0(e) = 1 fails: residual -2/3
    """

    layout: ClassVar[Layout] = _SRA
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(3, 2),)
    claim: ClassVar[str] = "strong order {} for additive noise"

    def conditions(self) -> Conditions:
        """Return the conditions of strong order 3/2 for additive noise."""
        return sra_conditions(self.coefficients)

    @property
    def has_estimate(self) -> bool:
        """True: the distance to an embedded Euler step."""
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class ImplicitSRATableau(StochasticTableau):
    r"""The coefficients of an SRA method with a diagonal in A0, for `ImplicitSRA`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference, order
        As for `StochasticTableau`; the order is 3/2.
    coefficients : mapping
        alpha, beta1, beta2, c1, A0 (lower triangular) and B0, which must satisfy `symbolic.sra_conditions`.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (5.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.skencarp.step.tableau
    ImplicitSRATableau(skencarp, strong order 3/2 for additive noise, 4 stages)
    """

    layout: ClassVar[Layout] = _SRA._replace(diagonal=("A0",))
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(3, 2),)
    claim: ClassVar[str] = "strong order {} for additive noise"

    def conditions(self) -> Conditions:
        """Return the conditions of strong order 3/2 for additive noise."""
        return sra_conditions(self.coefficients)

    @property
    def has_estimate(self) -> bool:
        """True: the distance to an embedded Euler step, damped."""
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class SRITableau(StochasticTableau):
    r"""The coefficients of a method of strong order 3/2 for diagonal and scalar Ito noise, for `SRI`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference, order
        As for `StochasticTableau`; the order is 3/2.
    coefficients : mapping
        alpha, beta1 to beta4, A0, B0, A1 and B1, which must satisfy `symbolic.sri_conditions`.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (6.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.sriw1.step.tableau
    SRITableau(sriw1, strong order 3/2 for diagonal and scalar Ito noise, 4 stages)
    """

    layout: ClassVar[Layout] = Layout(
        vectors=("alpha", "beta1", "beta2", "beta3", "beta4"), matrices=("A0", "B0", "A1", "B1")
    )
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(3, 2),)
    claim: ClassVar[str] = "strong order {} for diagonal and scalar Ito noise"

    def conditions(self) -> Conditions:
        """Return the conditions of strong order 3/2."""
        return sri_conditions(self.coefficients)

    @property
    def has_estimate(self) -> bool:
        """True: the distance to an embedded step of strong order 1."""
        return True
