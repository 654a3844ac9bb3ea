"""The additive methods kencarp3 and kencarp4: the stiff part of f implicitly, the rest explicitly.

When to use: f splits into a stiff part whose Jacobian is cheap (diffusion, fast relaxation) and a nonstiff
part that is expensive or hard to differentiate (advection, a network). If both parts are stiff, use a fully
implicit method. If the stiff part is linear and diagonal, an exponential method solves it exactly.

Inside a step they have orders 2 and 3, from their stages only, and stay bounded for any stiffness of the
implicit part. An extension of order 3 exists for `kencarp3`, but it multiplies the remaining Newton error by
the stiffness.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from diffmath.ode._implicit.imex import AdditiveRungeKutta
from diffmath.ode._tableaux import AdditiveTableau, ContinuousExtension

__all__ = ["kencarp3", "kencarp4"]


def _method(
    name: str, explicit: Any, implicit: Any, embedded: Sequence[Any], order: int, section: str, dense: Any
) -> AdditiveRungeKutta:
    """Build a method and its extension, of one order less; `dense` holds the weight polynomials."""
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
        tolerance="1e-23",
        reference=f"Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, {section}",
    )
    extension = ContinuousExtension(tableau=tableau, weights=dense, order=order - 1, digits=23)
    return AdditiveRungeKutta(tableau, extension=extension)


# Coefficients that are roots are printed as quotients of thirteen-digit integers, correct to 1e-24. The
# extensions are our own and bounded for any stiffness of the implicit part. The remaining degrees of freedom
# satisfy, for kencarp3, the condition b.c^2 of order 3 (then only b.E(c) fails) and, for kencarp4, exactness
# for cubic solutions in the stiff limit. The printed extensions are also bounded, with three times the error
# inside a step.
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
    [
        [
            "1.1025331881751256660826861014", "-1.6421433033100798566814957078",
            "0.7272511394816780157601017726",
        ],
        [
            "1.7650559155930662524082188676", "-5.3160042519169973489599065338",
            "2.9556508627469761485038647409",
        ],
        [
            "-0.8223288484330897766499885376", "4.5600274800314959237115111580",
            "-2.7659087038766340235910112693",
        ],
        [
            "-1.0452602553351021418409164314", "2.3981200751955812819298910835",
            "-0.9169932983520201406729552442",
        ],
    ],
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
    [
        [
            "0.7225634345872352437389595271", "-1.0022391252335513680335951609",
            "0.4375919858079874776397047201",
        ],
        [0] * 3,
        [
            "0.9699987448805058436165440966", "-1.3561618494818311663439906840",
            "0.5729220451253260876920669686",
        ],
        [
            "-1.1421254587835481831771927797", "4.5328124056478239168371728057",
            "-2.7101216515549411536381630415",
        ],
        [
            "0.4232338544689010822168151703", "-2.0954231563917233416449649673",
            "1.3969487709278155610966433817",
        ],
        [
            "0.0263294248469060136048739766", "-0.0789882745407180408146219644",
            "0.3026588496938120272097479522",
        ],
    ],
)  # fmt: skip
