"""Tableaux of the families driven by W and the space-time Levy area H.

Source: Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from diffmath.sde._tableaux.coefficients import Layout
from diffmath.sde._tableaux.tableau import Claim, Conditions, StochasticTableau
from diffmath.symbolic import additive_noise_conditions, stratonovich_conditions

__all__ = ["AdditiveNoiseTableau", "StratonovichTableau"]

_HALF = Fraction(3, 2)


@dataclass(frozen=True, kw_only=True, repr=False)
class AdditiveNoiseTableau(StochasticTableau):
    r"""The coefficients of a method for additive noise driven by (W, H), for `AdditiveRungeKutta`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference
        As for `StochasticTableau`.
    coefficients : mapping
        alpha, betaW, betaH, c1, A0, BW and BH, which must satisfy `symbolic.additive_noise_conditions`. The
        diffusion is evaluated at the nodes c1, whose number may differ from that of the stages. Optional:
        alpha_embedded, the weights of an embedded solution of order 1; c0, different times for the drift, for
        methods of order 1.
    order : str or Fraction, optional
        1 or 3/2, the default.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, equations (5.8) and (6.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.sea.step.tableau
    AdditiveNoiseTableau(sea, strong order 1 for additive noise, 1 stage)
    """

    # The evaluations of an additive diffusion do not depend on the stages.
    layout: ClassVar[Layout] = Layout(
        vectors=("alpha", "betaW", "betaH", "c1"),
        matrices=("A0", "BW", "BH"),
        optional=("alpha_embedded", "c0"),
        at_nodes=("betaW", "betaH", "c1", "BW", "BH"),
        full=("BW", "BH"),
    )
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(1), _HALF)
    claim: ClassVar[str] = "strong order {} for additive noise"

    def conditions(self) -> Conditions:
        """Return the conditions of the claimed strong order for additive noise."""
        return additive_noise_conditions(self.coefficients, Fraction(self.order or _HALF))

    def claims(self) -> list[Claim]:
        """Return every claim with its conditions, including that of the embedded solution."""
        main, *rest = super().claims()
        if not self.has_estimate:
            return [main, *rest]
        embedded = additive_noise_conditions(_embedded(self.coefficients), 1)
        return [main, ("embedded strong order 1", embedded), *rest]

    @property
    def has_estimate(self) -> bool:
        """Whether there is an embedded solution."""
        return "alpha_embedded" in self.coefficients


@dataclass(frozen=True, kw_only=True, repr=False)
class StratonovichTableau(StochasticTableau):
    r"""The coefficients of a method for Stratonovich noise driven by (W, H), for `StratonovichRungeKutta`.

    Parameters
    ----------
    name, deterministic_order, tolerance, reference
        As for `StochasticTableau`.
    coefficients : mapping
        alpha, betaW, betaH, A0, BW and BH, which must satisfy `symbolic.stratonovich_conditions` and the
        conditions of strong order 3/2 for additive noise. Optional: alpha_embedded and betaW_embedded, the
        weights of an embedded solution of order 1.
    order : str or Fraction, optional
        1 or 3/2, the default.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, equations (6.1) and (6.2).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.slow_rk.step.tableau
    StratonovichTableau(slow_rk, strong order 3/2 for scalar Stratonovich noise, 7 stages)
    """

    layout: ClassVar[Layout] = Layout(
        vectors=("alpha", "betaW", "betaH"),
        matrices=("A0", "BW", "BH"),
        optional=("alpha_embedded", "betaW_embedded"),
    )
    provable: ClassVar[tuple[Fraction, ...]] = (Fraction(1), _HALF)
    claim: ClassVar[str] = "strong order {} for scalar Stratonovich noise"

    def conditions(self) -> Conditions:
        """Return the conditions of the claimed strong order for scalar noise."""
        return stratonovich_conditions(self.coefficients, Fraction(self.order or _HALF))

    def claims(self) -> list[Claim]:
        """Return every claim with its conditions: scalar noise, additive noise, the embedded solution."""
        main, *rest = super().claims()
        additive = stratonovich_conditions(self.coefficients, _HALF, additive=True)
        found = [main, ("strong order 3/2 for additive noise", additive)]
        if self.has_estimate:
            without_H = {**_embedded(self.coefficients), "betaH": (Fraction(0),) * self.stages}
            found.append(("embedded strong order 1", stratonovich_conditions(without_H, 1)))
        return [*found, *rest]

    @property
    def has_estimate(self) -> bool:
        """Whether there is an embedded solution."""
        return "alpha_embedded" in self.coefficients


def _embedded(coefficients: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coefficients with the weights of the embedded solution instead of those of the step."""
    weights = {name: value for name, value in coefficients.items() if name.endswith("_embedded")}
    return {**coefficients, **{name.removesuffix("_embedded"): value for name, value in weights.items()}}
