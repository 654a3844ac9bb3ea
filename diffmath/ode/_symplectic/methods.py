"""The symplectic splitting methods of the literature; every coefficient is proven when it is loaded."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from diffmath.ode._symplectic.splitting import Splitting
from diffmath.ode._tableaux import SplittingTableau, root_of

__all__ = ["composed", "leapfrog", "mclachlan2", "mclachlan4", "position_verlet", "yoshida4", "yoshida6"]


def _method(name: str, drifts: Any, kicks: Any, order: int, reference: str, **more: Any) -> Splitting:
    return Splitting(
        SplittingTableau(name=name, drifts=drifts, kicks=kicks, order=order, reference=reference, **more)
    )


def composed(weights: Sequence[Any]) -> dict[str, Any]:
    """Return drifts and kicks of a sequence of `position_verlet` steps with these fractions of the step."""
    halves = [weight / 2 for weight in weights]
    inner = [a + b for a, b in itertools.pairwise(halves)]
    return {"drifts": [halves[0], *inner, halves[-1]], "kicks": [*weights, 0]}


def _yoshida6_weights() -> list[Fraction]:
    # The printed solution A (14 decimals), refined to 64 digits on the generated conditions; the middle
    # weight follows from the sum.
    outer = [
        Fraction("0.7845136104775572638194976338663498757768244174514933845679477989"),
        Fraction("0.2355732133593581336847931829785346016864680821034011190034931310"),
        Fraction("-1.1776799841788710069464156809643157346392692526345984844753685138"),
    ]
    return [*outer, 1 - 2 * sum(outer, start=Fraction(0)), *reversed(outer)]


_HALF = Fraction(1, 2)
# The sum of squares of the two leading error coefficients is smallest here.
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
    **composed([_YOSHIDA4, 1 - 2 * _YOSHIDA4, _YOSHIDA4]),
    order=4,
    reference="Forest & Ruth (1990), Physica D 43, 105-117; Yoshida (1990), Phys. Lett. A 150, 262-268",
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
    **composed(_yoshida6_weights()),
    order=6,
    reference="Yoshida (1990), Phys. Lett. A 150, 262-268, table 1, solution A; refined to 64 digits",
    digits=60,
)
