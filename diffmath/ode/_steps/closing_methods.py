"""Methods with all nodes in [0, 1], for steps in which the nodes of another method would leave the solve.

`esdirk5` replaces implicit methods up to order 5. Inside a step it has order 4, is bounded for any stiffness
of f, and is a cubic where a stiff solution follows a slow one. `suzuki4` and `kahan_li6` replace symplectic
methods: all symplectic methods above order 2 have backward substeps, but these stay between the ends of the
step.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath.ode._implicit import ImplicitRungeKutta
from diffmath.ode._symplectic import Splitting, composed
from diffmath.ode._tableaux import ContinuousExtension, ImplicitTableau, SplittingTableau, root_of

__all__ = ["esdirk5", "kahan_li6", "suzuki4"]

# The conditions of order 4 leave two degrees of freedom at each power of theta. They are used for a bounded
# state inside a step as f becomes stiffer, and for cubic solutions in that limit. Solved in exact arithmetic.
_FIRST = [
    "1.8277112241122952279022368644", "-9.6300582718277992266650211575", "14.5428694666449247655708138621",
    "-6.7799884880391610261335155174",
]  # fmt: skip
_ESDIRK5_DENSE = [
    _FIRST,
    _FIRST,
    [
        "-0.9139893145584493882513591640", "3.5526223979092841574485266845",
        "-1.2618715842868137650769556479", "-1.1041250088137783224183571817",
    ],
    [
        "-1.9539215944031731502619346003", "16.3114269671649537211319408718",
        "-26.9337531111003036902930117741", "13.0084129108588113328169778722",
    ],
    [
        "0.2251313304635149400772237757", "-1.5663480051750921564603340766", "2.2046286859896148254742344934",
        "-0.5109959250451484729675585842",
    ],
    [
        "-0.3041684308504837797064008002", "3.4726975381183492402581211348",
        "-7.9807958354467320580131450843", "4.6499811173949270848930040221",
    ],
    [
        "0.2915255611240009223379970600", "-2.5102823543618965090482122994", "4.8860529115543851567672502888",
        "-2.4832961183164895700570350936",
    ],
]  # fmt: skip


def _esdirk5() -> ImplicitRungeKutta:
    g = "23/125"
    rows: list[Any] = [
        ["791020047304/3561426431547"],
        ["-158159076358/11257294102345", "-85517644447/5003708988389"],
        ["-1653327111580/4048416487981", "1514767744496/9099671765375", "14283835447591/12247432691556"],
        [
            "-4540011970825/8418487046959", "-1790937573418/7393406387169", "10819093665085/7266595846747",
            "4109463131231/7386972500302",
        ],
        [
            "-188593204321/4778616380481", "2809310203510/10304234040467", "1021729336898/2364210264653",
            "870612361811/2470410392208", "-1307970675534/8059683598661",
        ],
    ]  # fmt: skip
    embedded: list[Any] = [
        "-582099335757/7214068459310", "-582099335757/7214068459310", "615023338567/3362626566945",
        "3192122436311/6174152374399", "6156034052041/14430468657929", "-1011318518279/9693750372484",
        "1914490192573/13754262428401",
    ]  # fmt: skip
    a = [[], [g, g], *([row[0], *row, g] for row in rows)]  # the first two columns are equal
    b = a[-1]
    # The estimate is not filtered, as in `kvaerno5`: it stays bounded as f becomes stiffer.
    tableau = ImplicitTableau(
        name="esdirk5", a=a, b=b, order=5,
        b_error=[Fraction(x) - Fraction(y) for x, y in zip(b, embedded, strict=True)],
        embedded_order=4,
        digits=25,  # quotients of thirteen digits each
        reference="Kennedy & Carpenter (2019), Appl. Numer. Math. 146, 221-244, ESDIRK5(4)7L[2]SA2",
    )  # fmt: skip
    extension = ContinuousExtension(tableau=tableau, weights=_ESDIRK5_DENSE, order=4, digits=24)
    return ImplicitRungeKutta(tableau, extension=extension)


esdirk5 = _esdirk5()

_SUZUKI4 = 1 / (4 - root_of(-4, 0, 0, 1, near="8/5"))

suzuki4 = Splitting(
    SplittingTableau(
        name="suzuki4",
        **composed([_SUZUKI4, _SUZUKI4, 1 - 4 * _SUZUKI4, _SUZUKI4, _SUZUKI4]),
        order=4,
        reference="Suzuki (1990), Phys. Lett. A 146, 319-323",
    )
)


def _kahan_li6() -> Splitting:
    outer = [
        Fraction("0.39216144400731413927925056"),
        Fraction("0.33259913678935943859974864"),
        Fraction("-0.70624617255763935980996482"),
        Fraction("0.08221359629355080023149045"),
    ]
    middle = 1 - 2 * sum(outer, start=Fraction(0))
    return Splitting(
        SplittingTableau(
            name="kahan_li6",
            **composed([*outer, middle, *reversed(outer)]),
            order=6,
            digits=22,
            reference="Kahan & Li (1997), Math. Comp. 66, 1089-1099, s9odr6a",
        )
    )


kahan_li6 = _kahan_li6()
