"""The Rosenbrock methods for stiff problems, each with a continuous extension.

When to use which: `rosenbrock23` at loose tolerances (1e-2 to 1e-4), `rodas5p` at tighter ones. They need an
accurate Jacobian at every step (finite differences are accurate enough, an old Jacobian is not) and the time
derivative of f. If the Jacobian is expensive, implicit Runge-Kutta methods, which work with an approximate
one, may cost less.

Inside a step they have orders 2 and 4 as published, from their stages only, and stay bounded for any
stiffness of f.
"""

from __future__ import annotations

import itertools
from typing import Any

from diffmath.ode._implicit.rosenbrock import Rosenbrock
from diffmath.ode._tableaux import (
    ContinuousExtension,
    RosenbrockTableau,
    from_transformed,
    number_row,
    root_of,
)

__all__ = ["rodas5p", "rosenbrock23"]


def _rosenbrock23() -> Rosenbrock:
    root = root_of(-2, 0, 1, near="1.4")
    d, e = 1 / (2 + root), 6 + root
    tableau = RosenbrockTableau(
        name="rosenbrock23",
        alpha=[[], ["1/2"], [0, 1]],
        gamma=[[d], [-d, d], [d * (e - 2), -d * e, d]],
        b=[0, 1, 0],
        b_error=["-1/6", "1/3", "-1/6"],
        order=2,
        embedded_order=3,
        reference="Shampine & Reichelt (1997), SIAM J. Sci. Comput. 18, 1-22, section 3.1",
    )
    # The source's polynomials theta (1 - theta) / (1 - 2 d) and theta (theta - 2 d) / (1 - 2 d).
    scale = 1 / (1 - 2 * d)
    weights: list[Any] = [[scale, -scale], [-2 * d * scale, scale], [0, 0]]
    return Rosenbrock(tableau, ContinuousExtension(tableau=tableau, weights=weights, order=2))


rosenbrock23 = _rosenbrock23()

_RODAS5P_A = [
    [],
    ["3.0"],
    ["2.849394379747939", "0.45842242204463923"],
    ["-6.954028509809101", "2.489845061869568", "-10.358996098473584"],
    ["2.8029986275628964", "0.5072464736228206", "-0.3988312541770524", "-0.04721187230404641"],
    [
        "-7.502846399306121", "2.561846144803919", "-11.627539656261098", "-0.18268767659942256",
        "0.030198172008377946",
    ],
]  # fmt: skip
_RODAS5P_C = [
    [],
    ["-14.155112264123755"],
    ["-17.97296035885952", "-2.859693295451294"],
    ["147.12150275711716", "-1.41221402718213", "71.68940251302358"],
    ["165.43517024871676", "-0.4592823456491126", "42.90938336958603", "-5.961986721573306"],
    [
        "24.854864614690072", "-3.0009227002832186", "47.4931110020768", "5.5814197821558125",
        "-0.6610691825249471",
    ],
    [
        "30.91273214028599", "-3.1208243349937974", "77.79954646070892", "34.28646028294783",
        "-19.097331116725623", "-28.087943162872662",
    ],
    [
        "37.80277123390563", "-3.2571969029072276", "112.26918849496327", "66.9347231244047",
        "-40.06618937091002", "-54.66780262877968", "-9.48861652309627",
    ],
]  # fmt: skip
# Inside the step, x + theta (m + (1 - theta) (H_1 + theta H_2 + theta^2 H_3)).u, with u the transformed
# stages.
_RODAS5P_H = [
    [
        "25.948786856663858", "-2.5579724845846235", "10.433815404888879", "-2.3679251022685204",
        "0.524948541321073", "1.1241088310450404", "0.4272876194431874", "-0.17202221070155493",
    ],
    [
        "-9.91568850695171", "-0.9689944594115154", "3.0438037242978453", "-24.495224566215796",
        "20.176138334709044", "15.98066361424651", "-6.789040303419874", "-6.710236069923372",
    ],
    [
        "11.419903575922262", "2.8879645146136994", "72.92137995996029", "80.12511834622643",
        "-52.072871366152654", "-59.78993625266729", "-0.15582684282751913", "4.883087185713722",
    ],
]  # fmt: skip


def _rodas5p() -> Rosenbrock:
    """Stiffly accurate: the last stage is the error estimate, its argument the embedded solution."""
    last = _RODAS5P_A[-1]
    m: list[Any] = [*last, 1, 1, 1]
    a = [*_RODAS5P_A, [*last, 1], [*last, 1, 1]]
    tableau = from_transformed(
        "rodas5p", "0.21193756319429014", a, _RODAS5P_C, m, [0, 0, 0, 0, 0, 0, 0, 1],
        order=5,
        embedded_order=4,
        # Coefficients up to 165 are printed to sixteen digits.
        tolerance="1e-13",
        reference="Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P, BIT 63, 27",
    )  # fmt: skip
    # The power theta^k has H_k - H_(k-1), with H_0 = -m and H_4 = 0.
    parts = [[-value for value in number_row("m", m)], *_RODAS5P_H, [0] * 8]
    columns = [
        tableau.transform_back([high - low for low, high in zip(*pair, strict=True)])
        for pair in itertools.pairwise(number_row("H", row) for row in parts)
    ]
    extension = ContinuousExtension(tableau=tableau, weights=list(zip(*columns)), order=4, digits=12)
    return Rosenbrock(tableau, extension)


rodas5p = _rodas5p()
