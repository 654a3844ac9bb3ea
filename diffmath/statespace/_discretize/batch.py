"""Discretization of one system with many steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.expm import integrals
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, to_numpy
from diffmath._arrays.tracing import all_true
from diffmath._core.named import named
from diffmath._core.typing import Array
from diffmath.statespace._discretize.discretize import (
    Discretization,
    backward_euler,
    bilinear,
    check_alpha,
    forward_euler,
    gbt,
)
from diffmath.statespace._discretize.hold import foh, impulse, zoh
from diffmath.statespace._structure import ignore_overflow
from diffmath.statespace._system import StateSpace, require_continuous

__all__ = ["discretize_batch", "rule_of"]

# Numbers per block of matrices: 1 MiB, to stay in cache.
_BLOCK = 1 << 17
_RULES = (gbt, forward_euler, backward_euler, bilinear, zoh, foh, impulse)
_ALPHAS = ((forward_euler, 0.0), (bilinear, 0.5), (backward_euler, 1.0))


@on_its_device
def discretize_batch(
    system: StateSpace, dt: Any, method: Discretization | str = bilinear
) -> tuple[Array, Array]:
    r"""Return the matrices of a system for many discrete steps.

    .. math:: x_k = \bar A(dt_k)\, x_{k-1} + \bar B(dt_k)\, u_k

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states; its output is not used.
    dt : array or numbers, shape (...)
        Steps, positive: host numbers, or an array of the library and the device of the system.
    method : callable or str
        Discretization ``method(system, h)`` or its name, such as `bilinear`, ``"zoh"`` or
        ``partial(gbt, alpha=0.7)``.

    Returns
    -------
    A : array, shape (..., n, n)
        One matrix for each step.
    B : array, shape (..., n)
        One vector for each step. Both results are in the dtype and on the device of the system.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, `dt` not numbers, or `method` not callable.
    ValueError
        The system is already discrete, a step is not positive and finite, or `method` refuses it.

    Notes
    -----
    The results equal those of single calls to rounding. The generalised bilinear family, `zoh` and `impulse`
    (policy ``s4``) use stacked solves and exponentials, O(n^3) per step. Any other method is called once per
    step, and its matrices may be larger. The stack has steps times n^2 numbers. `simulate_events` runs a
    system over irregular times without it; for diagonal systems use `discretize_diagonal`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> A, B = ss.discretize_batch(ss.legs(2), np.array([[0.5, 1.0, 2.0]]), ss.bilinear)
    >>> A.shape, B.shape
    ((1, 3, 2, 2), (1, 3, 2))
    >>> bool(np.all(A[0, 1] == ss.bilinear(ss.legs(2), 1.0).A))
    True
    """
    require_continuous(system, "discretize_batch")
    method = rule_of(method)
    steps = _check_steps(dt, system)
    xp, alpha, shape = array_namespace(system.A), _alpha(method), tuple(steps.shape)
    steps = xp.reshape(steps, (-1,))
    if alpha is None and method is not zoh and method is not impulse:
        return _one_by_one(system, steps, method, shape)
    count, at_once = steps.shape[0], max(1, _BLOCK // (system.order + 1) ** 2)
    blocks = [steps[k : min(k + at_once, count)] for k in range(0, max(1, count), at_once)]
    with ignore_overflow():
        pairs = [
            _rational(system, h, alpha) if alpha is not None else _hold(system, h, method) for h in blocks
        ]
        A, B = (xp.concat(parts) for parts in zip(*pairs, strict=True))
        if not all_true(xp.isfinite(A)) or not all_true(xp.isfinite(B)):
            # The single call refuses a failing step with its message; otherwise only the stack failed.
            return _one_by_one(system, steps, method, shape)
    return xp.reshape(A, (*shape, *A.shape[1:])), xp.reshape(B, (*shape, *B.shape[1:]))


def rule_of(method: Any) -> Discretization:
    """Return a discretization, given as a callable or by its name."""
    rule: Discretization = named(method, "diffmath.statespace", lambda value: any(value is r for r in _RULES))
    if not callable(rule):
        raise TypeError(
            f"method must be a discretization, such as statespace.bilinear; got {type(rule).__name__}"
        )
    return rule


def _check_steps(dt: Any, system: StateSpace) -> Array:
    """Return the steps in the library, precision and on the device of the system."""
    if compat.is_array_api_obj(dt) and not compat.is_numpy_array(dt):
        array_namespace(system.A, dt, names=["system.A", "dt"])
        steps = array_namespace(dt).astype(check_array("dt", dt), system.A.dtype, copy=False)
    else:
        steps = asarray_like(check_array("dt", np.asarray(dt)), system.A)
    xp = array_namespace(steps)
    if not all_true(steps > 0.0):
        raise ValueError(f"dt must be positive; the least is {float(xp.min(steps)):g}")
    return steps


def _alpha(method: Discretization) -> float | None:
    """Return the implicit part of a generalised bilinear rule, or None."""
    if isinstance(method, partial) and method.func is gbt and set(method.keywords) == {"alpha"}:
        return check_alpha(method.keywords["alpha"])
    return next((alpha for rule, alpha in _ALPHAS if method is rule), None)


def _rational(system: StateSpace, steps: Array, alpha: float) -> tuple[Array, Array]:
    """Return the generalised bilinear step, `gbt`, for every dt; nan if a solve fails."""
    xp, h = array_namespace(system.A), steps[:, None, None]
    identity = xp.eye(system.order, dtype=system.A.dtype, device=compat.device(system.A))
    sides = xp.concat([identity + ((1.0 - alpha) * h) * system.A, h * system.B[:, None]], axis=-1)
    try:
        solved = xp.linalg.solve(identity - (alpha * h) * system.A, sides) if alpha else sides
    except (np.linalg.LinAlgError, RuntimeError):  # raised by NumPy and PyTorch for a singular matrix
        solved = sides * np.nan
    return solved[..., :-1], solved[..., -1]


def _hold(system: StateSpace, steps: Array, method: Discretization) -> tuple[Array, Array]:
    """Return the `zoh` or `impulse` step for every dt."""
    A, B = integrals(system.A, system.B, steps, 1)
    return A, B if method is zoh else steps[:, None] * system.B


def _one_by_one(
    system: StateSpace, steps: Array, method: Discretization, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    systems = [method(system, float(dt)) for dt in to_numpy(steps)]
    if not systems:
        raise ValueError("dt must hold at least one step for a method that is called step by step; got none")
    xp = array_namespace(system.A)
    A, B = xp.stack([s.A for s in systems]), xp.stack([s.B for s in systems])
    return xp.reshape(A, (*shape, *A.shape[1:])), xp.reshape(B, (*shape, *B.shape[1:]))
