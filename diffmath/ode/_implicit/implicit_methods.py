"""The implicit Runge-Kutta methods of the literature, each with a continuous extension.

When to use which: `kvaerno3` at loose tolerances, `kvaerno5` at tight ones, `radau5` if the problem is very
stiff with a nonlinear stiff part (it keeps more of its order there); `implicit_euler` if only stability
matters or f has kinks; `trapezoid` for oscillations that must not be damped, never for very stiff decay,
which it turns into oscillations; `sdirk2` is the cheapest method that damps such decay. If f is not stiff, an
explicit method costs less.

Inside a step (``solution.dense``, events, ``save="read"``) they have orders 1 (`implicit_euler`), 2
(`trapezoid`, `sdirk2`), 3 (`kvaerno3`; `radau5`, by collocation) and 4 (`kvaerno5`), from their stages only.
On a stiff solution that follows a slow one, the extensions of `kvaerno3`, `kvaerno5` and `radau5` are cubics.
Away from it, the error inside a step of `trapezoid` and of the Kvaerno methods grows with the stiffness, like
that of the cubic through the ends and their slopes (for `trapezoid` the extension is that cubic: no other has
its order); the other methods stay bounded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath.ode._implicit.implicit import ImplicitRungeKutta
from diffmath.ode._tableaux import ContinuousExtension, ImplicitTableau, collocation_weights, root_of

__all__ = ["implicit_euler", "kvaerno3", "kvaerno5", "radau5", "sdirk2", "trapezoid"]


def _method(
    name: str, a: Any, b: Any, order: int, reference: str, *, dense: Any, dense_order: int, **options: Any
) -> ImplicitRungeKutta:
    """Build a method and its extension; `dense` holds the weight polynomials."""
    tableau = ImplicitTableau(name=name, a=a, b=b, order=order, reference=reference, **options)
    digits = options.get("digits")
    extension = ContinuousExtension(tableau=tableau, weights=dense, order=dense_order, digits=digits)
    return ImplicitRungeKutta(tableau, extension=extension)


# The explicit first stage serves only the estimate: half the change of the slope over the step.
implicit_euler = _method(
    "implicit_euler",
    [[], [0, 1]],
    [0, 1],
    1,
    "Hairer & Wanner (1996), section IV.3; the estimate is the difference to the trapezoidal rule",
    dense=[[0], [1]],
    dense_order=1,
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
    dense=collocation_weights([Fraction(0), Fraction(1)]),
    dense_order=2,
    b_error=["1/2", "-1/2"],
    embedded_order=1,
    error_filter="1/2",
)


def _sdirk2() -> ImplicitRungeKutta:
    gamma = 1 - root_of(-2, 0, 1, near="1.4") / 2
    # The explicit first stage serves only the estimate: a multiple of the second divided difference of the
    # slope, which gives the embedded solution order 3 for linear equations.
    scale = (3 * gamma * gamma - 2 * gamma * gamma * gamma - Fraction(1, 6)) / gamma
    return _method(
        "sdirk2",
        [[], [0, gamma], [0, 1 - gamma, gamma]],
        [0, 1 - gamma, gamma],
        2,
        "Alexander (1977), SIAM J. Numer. Anal. 14, 1006-1021, theorem 5; the estimate is our own",
        dense=[[0, 0], *collocation_weights([gamma, Fraction(1)])],
        dense_order=2,
        b_error=[scale / gamma, scale / (gamma * gamma - gamma), scale / (1 - gamma)],
        embedded_order=2,
        error_filter=gamma,
    )


sdirk2 = _sdirk2()


def _kvaerno3() -> ImplicitRungeKutta:
    # The estimate is not filtered, here and in `kvaerno5`: it is the difference of two stages at the end of
    # the step, each already divided by the stiff part; a second division would hide their error. The root
    # that makes the method L-stable: gamma^3 - 3 gamma^2 + 3/2 gamma - 1/6 = 0.
    g = root_of("-1/6", "3/2", -3, 1, near="0.436")
    embedded = [(-4 * g * g + 6 * g - 1) / (4 * g), (1 - 2 * g) / (4 * g), g]
    b = [(6 * g - 1) / (12 * g), 1 / (12 * g * (1 - 2 * g)), (1 - 6 * g + 6 * g * g) / (3 - 6 * g), g]
    a: list[list[Any]] = [[], [g, g], embedded, b]
    return _method(
        "kvaerno3",
        a,
        b,
        3,
        "Kvaerno (2004), BIT 44, 489-502, method ESDIRK 3/2 a",
        dense=_cubic_in_the_limit(collocation_weights([Fraction(0), 2 * g, Fraction(1)]), a, g),
        dense_order=3,
        b_error=[x - y for x, y in zip(b, [*embedded, Fraction(0)], strict=True)],
        embedded_order=2,
    )


def _cubic_in_the_limit(quadrature: Any, a: Any, gamma: Any) -> list[Any]:
    """Distribute the weights at the last node over the two stages there, so that d(theta).c^3 = theta^3.

    d are the weights of the stage states, with b = d a. In the stiff limit the stage states tend to the slow
    solution; by this condition its interpolation has an order higher by one.
    """
    nodes = [sum(row, start=Fraction(0)) for row in a]
    r: list[Any] = [Fraction(0)]
    for c, row in zip(nodes[1:], a[1:], strict=True):
        known = sum((x * y for x, y in zip(row, r, strict=False)), start=Fraction(0))
        r.append((c * c * c - known) / gamma)
    first, second, both = quadrature
    cube = [Fraction(0), Fraction(0), Fraction(1)]
    last = [(x - y * r[1] - z * r[2]) / (r[3] - r[2]) for x, y, z in zip(cube, second, both, strict=True)]
    return [first, second, [x - y for x, y in zip(both, last, strict=True)], last]


kvaerno3 = _kvaerno3()

# The conditions of order 4 leave two degrees of freedom at each power of theta: one satisfies d.c^3 = theta^3
# (see `_cubic_in_the_limit`), the other minimises the principal error, with the symmetries of the trees as
# weights. Solved in 60 digits.
_KVAERNO5_DENSE: list[Any] = [
    [
        1, "-2.1027513257340256203185196602633925080650", "1.7901136130306868392766659523097150290029",
        "-0.5889856899772822455663810017561890168503", "0.0382209144570239410145130941244791993045",
    ],
    [0] * 5,
    [
        0, "0.6464885416670553661173037123830560626765", "-1.2686529044603841843408256905779108036634",
        "0.3229947440926834347053515882742219188419", "0.2442005307352616163932926587741465220539",
    ],
    [
        0, "-1.6959664840515188238924965654392308302240", "4.5081741380755378468428720697968792167802",
        "-4.1343801604125715654232432911908807299666", "1.2809862391053420737898700172502693859946",
    ],
    [
        0, "3.4216015600894647468576189390508029520530", "-4.5283936576212456896513932039215674290638",
        "1.9416478799249172983104597870243492693727", "-0.2049227334029723236005794828868601388809",
    ],
    [
        0, "1.5413542972583290873073469122822580958909", "1.7414892038719526254416239496960166686663",
        "-6.9277266437079874419775204910894184661108", "3.7145079370597330187140407061592556021885",
    ],
    [
        0, "-1.8107265892293047560712533380134937723309", "-2.2427303928965474375689430773031326817252",
        "9.3864498700802405199513334087379170247190", "-5.0729928879543883263111369934212905706635",
    ],
]  # fmt: skip


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
        dense=_KVAERNO5_DENSE,
        dense_order=4,
        b_error=[Fraction(x) - Fraction(y) for x, y in zip(b, [*embedded, 0], strict=True)],
        embedded_order=4,
        digits=38,
    )  # fmt: skip


kvaerno5 = _kvaerno5()


def _radau5() -> ImplicitRungeKutta:
    r = root_of(-6, 0, 1, near="2.4")
    b: list[Any] = [0, (16 - r) / 36, (16 + r) / 36, Fraction(1, 9)]
    # Hairer & Wanner's estimate up to its factor. Theirs is the real eigenvalue of A, 0.27489, which saves a
    # factorisation in their code; nothing is shared here, and a rational number close to it works as well.
    scale = Fraction(11, 40)
    z: list[Any] = [(-13 - 7 * r) / 3, (-13 + 7 * r) / 3, Fraction(-1, 3)]
    a: list[list[Any]] = [
        [0, (88 - 7 * r) / 360, (296 - 169 * r) / 1800, (-2 + 3 * r) / 225],
        [0, (296 + 169 * r) / 1800, (88 + 7 * r) / 360, (-2 - 3 * r) / 225],
        b,
    ]
    # Given for the increments z of the stages, which are h A k.
    error = [scale * sum((z[i] * a[i][j] for i in range(3)), start=Fraction(0)) for j in range(1, 4)]
    return _method(
        "radau5",
        [[], *a],
        b,
        5,
        "Hairer & Wanner (1996), table IV.5.6; error estimate section IV.8, (8.20) and (8.21)",
        # The collocation polynomial. With the slope at the start it would have order 4 but grow with
        # stiffness.
        dense=[[0] * 3, *collocation_weights([(4 - r) / 10, (4 + r) / 10, Fraction(1)])],
        dense_order=3,
        b_error=[scale, *error],
        embedded_order=3,
        error_filter=scale,
    )


radau5 = _radau5()
