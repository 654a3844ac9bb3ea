"""Discretization by one-step rules: the generalised bilinear family."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import all_true
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.statespace._discretize.last_input import lagged
from diffmath.statespace._structure import DENSE, ignore_overflow
from diffmath.statespace._system import Origin, StateSpace, check_step, require_continuous

__all__ = [
    "Discretization",
    "Policy",
    "backward_euler",
    "bilinear",
    "check_alpha",
    "check_policy",
    "forward_euler",
    "gbt",
]

Discretization: TypeAlias = Callable[[StateSpace, float], StateSpace]

# The treatment of C and D. s4: they are kept, and a state depends on the input of its own sample. scipy:
# those of scipy.signal.cont2discrete, whose state lags one sample.
Policy = Literal["s4", "scipy"]


@on_its_device
def gbt(system: StateSpace, dt: float, *, alpha: float, policy: Policy = "s4") -> StateSpace:
    r"""Discretise by the generalised bilinear rule: a mixture of explicit and implicit Euler.

    .. math:: \bar A = (I - \alpha\,dt\,A)^{-1} (I + (1 - \alpha)\,dt\,A), \qquad
        \bar B = (I - \alpha\,dt\,A)^{-1}\, dt\, B

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.
    alpha : float
        Implicit part: 0 is `forward_euler`, 1/2 is `bilinear`, 1 is `backward_euler`.
    policy : {"s4", "scipy"}
        ``s4`` keeps C and D, for :math:`x_k = \bar A x_{k-1} + \bar B u_k`, :math:`y_k = C x_k + D u_k`.
        ``scipy`` has the transfer function of ``scipy.signal.cont2discrete``, where the input of sample k
        affects the state of sample k + 1. Then :math:`\bar C = C (I - \alpha\,dt\,A)^{-1}`,
        :math:`\bar D = D + \alpha C \bar B`, and the last input is an additional, last state.

    Returns
    -------
    StateSpace
        Discrete system with n states, or n + 1 for the policy ``scipy``.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, or `dt` or `alpha` not a number.
    ValueError
        The system is already discrete, `dt` is not positive and finite, dt A overflows, `alpha` is outside
        [0, 1], 1/(alpha dt) is an eigenvalue of A, or the policy is unknown.

    Notes
    -----
    The rule is first order in `dt` for the autonomous part, and second order at alpha = 1/2. For alpha of 1/2
    and more, a stable A gives a stable :math:`\bar A` for every `dt`. The cost is one dense solve, O(n^3).

    For D = 0 the transfer functions of the two policies differ by a factor,
    :math:`H_{scipy} = (\alpha + (1 - \alpha) w) H_{s4}` with :math:`w = z^{-1}`: SciPy's rule averages
    neighbouring inputs. A system of policy ``s4`` keeps the continuous system as its `origin`, which makes
    `kernel` and `frequency_response` faster.

    References
    ----------
    .. [1] Zhang, Chen & Heath (2009), Generalised Bilinear Transformation, eq. 6.
    .. [2] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> decay = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    >>> [round(float(ss.gbt(decay, 0.5, alpha=alpha).A[0, 0]), 3) for alpha in (0, 0.5, 1)]
    [0.5, 0.6, 0.667]
    """
    return _step(system, dt, alpha, policy, "gbt")


@on_its_device
def forward_euler(system: StateSpace, dt: float, *, policy: Policy = "s4") -> StateSpace:
    r"""Discretise by the explicit Euler rule: `gbt` with alpha = 0.

    .. math:: \bar A = I + dt\,A, \qquad \bar B = dt\,B

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.
    policy : {"s4", "scipy"}
        How C and D are treated, and whether the state lags: see `gbt`.

    Returns
    -------
    StateSpace
        Discrete system.

    Raises
    ------
    TypeError, ValueError
        Like `gbt`.

    Notes
    -----
    First order, and stable only for small steps. For LegS of n states the powers of :math:`\bar A` stay below
    10 in the spectral norm for ``dt`` up to about 6 / n^2, and are unbounded for slightly larger steps.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO, appendix B.3.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.forward_euler(ss.legs(2), 0.5).A.round(4)
    array([[ 0.5  ,  0.   ],
           [-0.866,  0.   ]])
    """
    return _step(system, dt, 0.0, policy, "forward_euler")


@on_its_device
def backward_euler(system: StateSpace, dt: float, *, policy: Policy = "s4") -> StateSpace:
    r"""Discretise by the implicit Euler rule: `gbt` with alpha = 1.

    .. math:: \bar A = (I - dt\,A)^{-1}, \qquad \bar B = (I - dt\,A)^{-1}\, dt\,B

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.
    policy : {"s4", "scipy"}
        How C and D are treated, and whether the state lags: see `gbt`.

    Returns
    -------
    StateSpace
        Discrete system.

    Raises
    ------
    TypeError, ValueError
        Like `gbt`.

    Notes
    -----
    First order; stable for every `dt` if A is stable.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO, appendix B.3.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.backward_euler(ss.legs(2), 1.0).B.round(4)
    array([0.5   , 0.2887])
    """
    return _step(system, dt, 1.0, policy, "backward_euler")


@on_its_device
def bilinear(system: StateSpace, dt: float, *, policy: Policy = "s4") -> StateSpace:
    r"""Discretise by the trapezoidal rule: `gbt` with alpha = 1/2.

    .. math:: \bar A = (I - \tfrac{dt}{2} A)^{-1} (I + \tfrac{dt}{2} A), \qquad
        \bar B = (I - \tfrac{dt}{2} A)^{-1}\, dt\, B

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.
    policy : {"s4", "scipy"}
        ``s4`` keeps C and D, as in S4 [1]_. ``scipy`` is Tustin's rule: see `gbt`.

    Returns
    -------
    StateSpace
        Discrete system :math:`x_k = \bar A x_{k-1} + \bar B u_k`, :math:`y_k = C x_k + D u_k`.

    Raises
    ------
    TypeError, ValueError
        Like `gbt`.

    Notes
    -----
    Second order in `dt` for the autonomous part. A stable A gives a stable :math:`\bar A` for every `dt`. The
    cost is one dense solve, O(n^3).

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.bilinear(ss.legs(2), 1.0).A.round(4)
    array([[ 0.3333,  0.    ],
           [-0.5774,  0.    ]])
    """
    return _step(system, dt, 0.5, policy, "bilinear")


def _step(system: StateSpace, dt: float, alpha: float, policy: Policy, caller: str) -> StateSpace:
    require_continuous(system, caller)
    dt, alpha = check_step(dt), check_alpha(alpha)
    check_policy(policy)
    xp = array_namespace(system.A)
    identity = xp.eye(system.order, dtype=system.A.dtype, device=compat.device(system.A))
    with ignore_overflow():
        matrix = identity - (alpha * dt) * system.A
        sides = xp.concat([identity + ((1.0 - alpha) * dt) * system.A, dt * system.B[:, None]], axis=1)
        if not all_true(xp.isfinite(sides)):
            raise ValueError(f"dt={dt:g} times A or B overflows {system.A.dtype}: choose a smaller dt")
        solved = _solve(matrix, sides, alpha * dt)
        A, B = solved[:, :-1], solved[:, -1]
        if policy == "s4":
            source = replace(system, C=None, D=0.0)
            return replace(
                system, A=A, B=B, dt=dt, structure=DENSE, measure=None, origin=Origin(source, alpha)
            )
        if system.C is None:
            return lagged(system, A, B, None, 0.0, dt)
        C = xp.reshape(system.C, (-1, system.order))
        D = system.D + alpha * (system.C @ B)
        C = xp.matrix_transpose(_solve(xp.matrix_transpose(matrix), xp.matrix_transpose(C), alpha * dt))
    return lagged(system, A, B, xp.reshape(C, system.C.shape), D, dt)


def check_policy(policy: Any) -> None:
    """Refuse an unknown policy for C and D."""
    if policy not in get_args(Policy):
        raise ValueError(f"policy must be one of {get_args(Policy)}; got {policy!r}")


def check_alpha(alpha: Any) -> float:
    number = check_number("alpha", alpha)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"alpha must be in [0, 1]; got {alpha}")
    return number


def _solve(matrix: Array, sides: Array, step: float) -> Any:
    if not step:  # for the explicit rule the matrix is the identity
        return sides
    xp = array_namespace(matrix)
    try:
        solved = xp.linalg.solve(matrix, sides)
    except (np.linalg.LinAlgError, RuntimeError):  # raised by NumPy and PyTorch for a singular matrix
        solved = None
    if solved is None or not all_true(xp.isfinite(solved)):  # JAX and CuPy return nan
        inverse = 1.0 / step if step > 1.0 / 1.7e308 else math.inf
        raise ValueError(f"1/(alpha dt)={inverse:g} is an eigenvalue of A: choose another dt")
    return solved
