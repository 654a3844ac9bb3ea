"""From continuous to discrete: how a step of size dt is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import array_api_compat as compat
import numpy as np

from diffmath._arrays import array_namespace
from diffmath._typing import Array
from diffmath.statespace._signal import quiet
from diffmath.statespace._statespace import StateSpace, check_step, require_continuous

__all__ = ["Discretization", "bilinear"]

Discretization: TypeAlias = Callable[[StateSpace, float], StateSpace]


def bilinear(system: StateSpace, dt: float) -> StateSpace:
    r"""Discretise by the trapezoidal rule, with the input held over the step.

    .. math:: \bar A = (I - \tfrac{dt}{2} A)^{-1} (I + \tfrac{dt}{2} A), \qquad
        \bar B = (I - \tfrac{dt}{2} A)^{-1}\, dt\, B, \qquad \bar C = C, \quad \bar D = D

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.

    Returns
    -------
    StateSpace
        Discrete system, to be run as :math:`x_k = \bar A x_{k-1} + \bar B u_k`, :math:`y_k = C x_k + D u_k`.

    Raises
    ------
    TypeError
        `system` is not a StateSpace or `dt` not a number.
    ValueError
        The system is discrete already, `dt` is not positive and finite or overflows with A, or 2/dt is an
        eigenvalue of A.

    Notes
    -----
    Second order in `dt` for the autonomous part; a stable A gives a stable :math:`\bar A` for every `dt`.
    One dense solve, O(n^3).

    This is the convention of S4 [1]_. Tustin's rule (``scipy.signal.cont2discrete(method="bilinear")``) has
    the same :math:`\bar A, \bar B` but changes C and D and delays the state by one sample, which averages
    neighbouring inputs: its transfer function is :math:`\tfrac{1 + w}{2} K(w)`, with K that of this system
    and :math:`w = z^{-1}` (for D = 0).

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.bilinear(ss.legs(2), 1.0).A.round(4)
    array([[ 0.3333,  0.    ],
           [-0.5774,  0.    ]])
    """
    require_continuous(system, "bilinear")
    dt = check_step(dt)
    xp = array_namespace(system.A)
    identity = xp.eye(system.order, dtype=system.A.dtype, device=compat.device(system.A))
    with quiet():
        half = (0.5 * dt) * system.A
        sides = xp.concat([identity + half, dt * system.B[:, None]], axis=1)
        if not bool(xp.all(xp.isfinite(sides))):
            raise ValueError(f"dt={dt:g} times A or B overflows {system.A.dtype}: choose a smaller dt")
        solved = _solve(identity - half, sides, dt)
    return replace(system, A=solved[:, :-1], B=solved[:, -1], dt=dt, structure="dense")


def _solve(matrix: Array, sides: Array, dt: float) -> Any:
    xp = array_namespace(matrix)
    try:
        solved = xp.linalg.solve(matrix, sides)
    except (np.linalg.LinAlgError, RuntimeError):  # NumPy's and PyTorch's words for singular
        solved = None
    if solved is None or not bool(xp.all(xp.isfinite(solved))):  # JAX and CuPy say it by nan
        raise ValueError(f"2/dt={2.0 / dt:g} is an eigenvalue of A: choose another dt")
    return solved
