"""A curved equation on the torus for every class of noise."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._arrays.models import Calculus
from diffmath.testing._problems.periodic_sde import PeriodicSDE

__all__ = ["periodic_sde"]


def periodic_sde(
    noise: Literal["additive", "diagonal", "scalar", "commutative", "general"], *, calculus: Calculus = "ito"
) -> PeriodicSDE:
    r"""Return a curved SDE on the torus with two coupled components and noise of this class.

    .. math:: dX_1 = (\tfrac25 \sin X_2 - \tfrac3{10} \sin X_1)\,dt + g_1(X)\,dW, \quad
              dX_2 = (\tfrac25 \cos X_1 - \tfrac15 \sin X_2)\,dt + g_2(X)\,dW

    Parameters
    ----------
    noise : {"additive", "diagonal", "scalar", "commutative", "general"}
        With "commutative", the columns of g are constant fields in other coordinates of the torus; with
        "general", their Lie bracket is not negligible anywhere that matters.
    calculus : {"ito", "stratonovich"}
        Calculus of the integrals.

    Returns
    -------
    PeriodicSDE
        With derivatives, and four waves as observables.

    Raises
    ------
    ValueError
        An unknown class.

    Examples
    --------
    >>> from diffmath.testing import periodic_sde
    >>> problem = periodic_sde("general")
    >>> problem
    PeriodicSDE(general noise, ito, dim 2, modes 12)
    >>> problem.resolution(1.0) < 1e-5
    True
    """
    return _problem(noise, calculus)


@cache
def _problem(noise: str, calculus: Calculus) -> PeriodicSDE:
    """Derive the problem once: it is immutable, and keeps the exact expectations that were requested."""
    import sympy

    from diffmath import symbolic

    x, y, t = sympy.symbols("x y t")
    families = _families(x, y)
    if noise not in families:
        raise ValueError(f"noise must be one of {tuple(families)}; got {noise!r}")
    drift = [(4 * sympy.sin(y) - 3 * sympy.sin(x)) / 10, (2 * sympy.cos(x) - sympy.sin(y)) / 5]
    model = symbolic.SDE([x, y], t, drift, families[noise], calculus).lower()
    return PeriodicSDE(model, np.array([0.3, -0.5]), _waves)


def _families(x: Any, y: Any) -> dict[str, Any]:
    from sympy import Rational, cos, sin

    half, small = Rational(1, 2), Rational(3, 10)
    # Constant fields, transformed by two shears of the torus, x + 3/10 sin y and y + 3/10 sin x.
    rows: list[list[Any]] = [[], []]
    for first, second in ((half, Rational(1, 5)), (Rational(-1, 5), Rational(2, 5))):
        moved = first + small * cos(y - small * sin(x)) * second
        rows[0].append(moved)
        rows[1].append(second + small * cos(x) * moved)
    return {
        "additive": [[half, Rational(1, 5)], [-small, Rational(2, 5)]],
        "diagonal": [[half + sin(x) / 4, 0], [0, (2 - cos(y)) / 5]],
        "scalar": [[half + sin(y) / 5], [small * cos(x) - Rational(2, 5)]],
        "commutative": rows,
        "general": [[half + sin(y) / 5, cos(x) / 5], [small * cos(x), half + sin(x + y) / 5]],
    }


def _waves(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x, y = points[:, 0], points[:, 1]
    return np.stack([np.cos(x), np.sin(y), np.sin(x + y), np.cos(2 * x - y)], axis=1)
