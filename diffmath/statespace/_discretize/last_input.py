"""Steps that use the previous input: it becomes an additional state, so that the system has no lag."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._system import StateSpace

__all__ = ["lagged", "with_last_input"]


def lagged(system: StateSpace, A: Array, B: Array, C: Array | None, D: Any, dt: float) -> StateSpace:
    r"""Return :math:`x_{k+1} = A x_k + B u_k`, :math:`y_k = C x_k + D u_k` as a system without lag.

    The previous input becomes a state: :math:`(x, u)_k` is a linear map of its predecessor and of
    :math:`u_k`.
    """
    return with_last_input(system, A, (B, 0.0 * B), C, D, dt)


def with_last_input(
    system: StateSpace, A: Array, B: tuple[Array, Array], C: Array | None, D: Any, dt: float
) -> StateSpace:
    r"""Return :math:`x_k = A x_{k-1} + B_1 u_{k-1} + B_2 u_k`, :math:`y_k = C x_k + D u_k`."""
    xp, before, now = array_namespace(A), *B
    one = xp.ones((1,), dtype=A.dtype, device=compat.device(A))
    bottom = xp.zeros((1, A.shape[0] + 1), dtype=A.dtype, device=compat.device(A))
    moved = xp.concat([xp.concat([A, before[:, None]], axis=1), bottom], axis=0)
    if C is not None:
        rows = xp.reshape(C, (-1, A.shape[0]))
        C = xp.reshape(xp.concat([rows, 0.0 * rows[:, :1]], axis=1), (*C.shape[:-1], A.shape[0] + 1))
    return StateSpace(moved, xp.concat([now, one]), C=C, D=D, dt=dt)
