"""The exponential Runge-Kutta methods of the literature; every coefficient is proven when it is loaded."""

from __future__ import annotations

from typing import Any

from diffmath.ode._exponential.exponential import ExponentialRungeKutta
from diffmath.ode._tableaux import ExponentialTableau
from diffmath.symbolic import phi

__all__ = ["etd1", "etdrk2", "etdrk3", "etdrk4", "hochbruck_ostermann", "krogstad"]


def _method(name: str, **coefficients: Any) -> ExponentialRungeKutta:
    return ExponentialRungeKutta(ExponentialTableau(name=name, **coefficients))


_PHI1, _PHI2, _PHI3 = phi(1), phi(2), phi(3)
_HALF1, _HALF2, _HALF3 = phi(1, "1/2"), phi(2, "1/2"), phi(3, "1/2")
# The weights of Simpson's rule: integrals of the quadratic through 0, 1/2, 1.
_FIRST, _MIDDLE, _LAST = _PHI1 - 3 * _PHI2 + 4 * _PHI3, 4 * _PHI2 - 8 * _PHI3, 4 * _PHI3 - _PHI2

etd1 = _method(
    "etd1", a=[[]], b=[_PHI1], c=[0], order=1, stiff_order=1,
    reference="Certaine (1960); Hochbruck & Ostermann (2010), Acta Numer. 19, (2.13): exponential Euler",
)  # fmt: skip

etdrk2 = _method(
    "etdrk2", a=[[], [_PHI1]], b=[_PHI1 - _PHI2, _PHI2], c=[0, 1], order=2, stiff_order=2,
    b_error=[-_PHI2, _PHI2], embedded_order=1,
    reference="Cox & Matthews (2002), J. Comput. Phys. 176, 430-455, ETD2RK; embedded: etd1",
)  # fmt: skip

# Embedded: the rule of order 2 through 0 and 1/2.
etdrk3 = _method(
    "etdrk3", a=[[], [_HALF1 / 2], [-_PHI1, 2 * _PHI1]], b=[_FIRST, _MIDDLE, _LAST], c=[0, "1/2", 1],
    order=3, stiff_order=2, b_error=[_FIRST - _PHI1 + 2 * _PHI2, _MIDDLE - 2 * _PHI2, _LAST],
    embedded_order=2,
    reference="Cox & Matthews (2002), J. Comput. Phys. 176, 430-455, ETD3RK",
)  # fmt: skip

# The last stage uses exp(z/2) phi1(z/2) = 2 phi1(z) - phi1(z/2). With these nodes no other weights have order
# 3, so neither this method nor `krogstad` has an embedded method of that order.
etdrk4 = _method(
    "etdrk4", a=[[], [_HALF1 / 2], [0, _HALF1 / 2], [_PHI1 - _HALF1, 0, _HALF1]],
    b=[_FIRST, _MIDDLE / 2, _MIDDLE / 2, _LAST], c=[0, "1/2", "1/2", 1], order=4, stiff_order=2,
    reference="Cox & Matthews (2002), J. Comput. Phys. 176, 430-455, ETD4RK",
)  # fmt: skip

krogstad = _method(
    "krogstad",
    a=[[], [_HALF1 / 2], [_HALF1 / 2 - _HALF2, _HALF2], [_PHI1 - 2 * _PHI2, 0, 2 * _PHI2]],
    b=[_FIRST, _MIDDLE / 2, _MIDDLE / 2, _LAST], c=[0, "1/2", "1/2", 1], order=4, stiff_order=3,
    reference="Krogstad (2005), J. Comput. Phys. 203, 72-88, ETDRK4-B",
)  # fmt: skip

_A52 = _HALF2 / 2 - _PHI3 + _PHI2 / 4 - _HALF3 / 2
_A54 = _HALF2 / 4 - _A52

# The error estimate is our own: the last stage minus the mean of the two that it replaces, of order 3.
hochbruck_ostermann = _method(
    "hochbruck_ostermann",
    a=[
        [], [_HALF1 / 2], [_HALF1 / 2 - _HALF2, _HALF2], [_PHI1 - 2 * _PHI2, _PHI2, _PHI2],
        [_HALF1 / 2 - 2 * _A52 - _A54, _A52, _A52, _A54],
    ],
    b=[_FIRST, 0, 0, _LAST, _MIDDLE], c=[0, "1/2", "1/2", 1, "1/2"], order=4, stiff_order=4,
    b_error=[0, -_MIDDLE / 2, -_MIDDLE / 2, 0, _MIDDLE], embedded_order=3,
    reference="Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, 1069-1090, (5.19)",
)  # fmt: skip
