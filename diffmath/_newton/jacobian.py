r"""Jacobians of a batch, (batch, n, n): given, constant, or by finite differences, few for a sparse pattern.

Source: Curtis, Powell & Reid (1974), On the estimation of sparse Jacobian matrices, J. Inst. Math. Appl. 13,
117-119: columns that share no row are perturbed together.

A right-hand side in SymPy has all its derivatives: `ode.from_sympy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.callables import check_result, guarded
from diffmath._arrays.namespace import array_namespace, asarray_like, device, real_dtype
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.matrices import as_state, dense, is_sparse
from diffmath._newton.problems import Linear, WithJacobian
from diffmath._stepping.watcher import refuse_modified

__all__ = ["colour_columns", "flat_size", "jacobian", "needs_differences", "per_row", "time_derivative"]


def flat_size(x: Array) -> int:
    """Return the number n of components of a row."""
    return math.prod(x.shape[1:])


def per_row(dt: Time, x: Array, ndim: int) -> Time:
    """Return a step shaped to multiply arrays with `ndim` axes: a float, or (batch, 1, ...)."""
    if not compat.is_array_api_obj(dt):
        return dt
    return array_namespace(x).reshape(dt, (-1,) + (1,) * (ndim - 1))


def needs_differences(f: Drift) -> bool:
    """Whether the Jacobian of f is computed by differences, which begin with ``f(t, x)``."""
    model = getattr(f, "model", f)
    return not (isinstance(model, Linear) or (isinstance(model, WithJacobian) and model.jacobian is not None))


def jacobian(f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None) -> Array:
    r"""Return :math:`\partial f_i / \partial x_j` of every row at ``(t, x)``.

    Parameters
    ----------
    f : callable
        ``f(t, x)``; the Jacobian of an `ode.WithJacobian` or the matrix of an `ode.Linear` behind it is used
        if there is one.
    t, dt : float, or array that broadcasts against `x`
        Time, and the planned step, which sets the size of the changes of components that are zero.
    x : array, shape (batch, \*state)
        State; n is the number of components of a row, and their order is that of the flattened row.
    slope : array, shape (batch, \*state), optional
        ``f(t, x)`` if it is known.

    Returns
    -------
    array, shape (batch, n, n)

    Raises
    ------
    TypeError, ValueError
        A given Jacobian or pattern of the wrong kind, dtype or shape.

    Notes
    -----
    Forward differences with a separate increment for every row and component, ``sqrt(eps) * max(|x_j|, |dt
    f_j|, 1e-6 max|x|)``. The relative error is about ``sqrt(eps)``, which does not affect a simplified Newton
    iteration. Cost: n evaluations of f, or as many as the pattern has colours (3 for a tridiagonal one), and
    one more if `slope` is not known. A complex state is perturbed along the real axis, which is correct if f
    is holomorphic; write an f that is not (it uses ``conj`` or ``abs``) in real parts.
    """
    model, n = getattr(f, "model", f), flat_size(x)
    shape = (x.shape[0], n, n)
    if isinstance(model, Linear):
        return array_namespace(x).broadcast_to(as_state("A", dense(model.A), x), shape)
    pattern = model.sparsity if isinstance(model, WithJacobian) else None
    if isinstance(model, WithJacobian) and model.jacobian is not None:
        if not callable(model.jacobian):
            return _constant(model.jacobian, x, shape)
        role = "jacobian(t, x)"
        given = _given(model.jacobian, role, t, x, shape)
        if given.dtype != x.dtype:
            raise TypeError(f"{role} must return the dtype of the state, {x.dtype}; got {given.dtype}")
        return given
    if pattern is not None and pattern.shape != (n, n):
        raise ValueError(
            f"sparsity must have shape ({n}, {n}) for a state of {n} components; got {pattern.shape}"
        )
    return _differences(f, t, x, dt, f(t, x) if slope is None else slope, pattern)


def time_derivative(f: Drift, t: Time, x: Array, dt: Time, slope: Array) -> Array:
    r"""Return :math:`\partial f / \partial t` of every row, by a difference towards ``t + dt``.

    One evaluation of f, never beyond the step; `slope` is ``f(t, x)``. A given derivative
    (`ode.WithJacobian`) is used instead.
    """
    model = getattr(f, "model", f)
    if isinstance(model, WithJacobian) and model.time_derivative is not None:
        return _given(model.time_derivative, "time_derivative(t, x)", t, x, x.shape)
    xp, root = array_namespace(x), _root_eps(x)
    if not compat.is_array_api_obj(t) and not compat.is_array_api_obj(dt):
        later = t + math.copysign(min(root * max(abs(t), abs(dt), root), abs(dt)), dt)
        return (f(later, x) - slope) / (later - t or 1.0)
    t = t if compat.is_array_api_obj(t) else t + 0 * dt
    dt = t * 0 + dt
    size = xp.minimum(root * (xp.maximum(xp.abs(t), xp.abs(dt)) + root), xp.abs(dt))
    later = t + size * xp.where(dt < 0, -xp.ones_like(t), xp.ones_like(t))
    # A row that has ended has step 0, by which nothing must be divided.
    return (f(later, x) - slope) / xp.where(later == t, xp.ones_like(t), later - t)


def _given(function: Drift, role: str, t: Time, x: Array, shape: tuple[int, ...]) -> Array:
    """Return a derivative given by the user, checked; it must not modify its state."""
    xp = array_namespace(x)
    before = xp.astype(x, x.dtype, copy=True)
    result = guarded(function, role, t, t, x)
    result = _constant(dense(result), x, shape) if is_sparse(result) else check_result(role, result, x, shape)
    refuse_modified(role, x, before)
    return result


def _constant(matrix: Array, x: Array, shape: tuple[int, ...]) -> Array:
    """Return one Jacobian for all rows."""
    if tuple(matrix.shape) != shape[1:]:
        raise ValueError(f"jacobian must have shape {shape[1:]}; got {tuple(matrix.shape)}")
    return array_namespace(x).broadcast_to(as_state("jacobian", matrix, x), shape)


def colour_columns(pattern: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the group of every column, such that the columns of a group share no row (greedy, in order).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._newton.jacobian import colour_columns
    >>> colour_columns(np.tri(5, k=1, dtype=bool) & ~np.tri(5, k=-2, dtype=bool))
    array([0, 1, 2, 0, 1])
    """
    groups: list[npt.NDArray[np.bool_]] = []  # the rows used by each group
    colours = np.zeros(pattern.shape[1], dtype=np.intp)
    for j, column in enumerate(pattern.T):
        colour = next((k for k, taken in enumerate(groups) if not (taken & column).any()), len(groups))
        if colour == len(groups):
            groups.append(np.zeros(pattern.shape[0], dtype=bool))
        groups[colour] |= column
        colours[j] = colour
    return colours


@lru_cache(maxsize=32)
def _colours(pattern: bytes, n: int) -> npt.NDArray[np.intp]:
    return colour_columns(np.frombuffer(pattern, dtype=bool).reshape(n, n))


def _root_eps(x: Array) -> float:
    return math.sqrt(float(array_namespace(x).finfo(real_dtype(x)).eps))


def _differences(
    f: Drift, t: Time, x: Array, dt: Time, slope: Array, pattern: npt.NDArray[np.bool_] | None
) -> Array:
    xp, batch, n = array_namespace(x), x.shape[0], flat_size(x)
    if n == 0 or batch == 0:
        return xp.zeros((batch, n, n), dtype=x.dtype, device=device(x))
    base = xp.reshape(x, (batch, n))
    change = _increments(base, xp.abs(xp.reshape(dt * slope, (batch, n))))
    colours = None if pattern is None else _colours(np.ascontiguousarray(pattern).tobytes(), n)
    columns = [
        (xp.reshape(f(t, xp.reshape(base + change * chosen, x.shape)) - slope, (batch, n)))
        for chosen in _selections(colours, x, n)
    ]
    spread, divisor = xp.stack(columns, axis=2), xp.expand_dims(change, axis=1)
    if colours is None:
        return spread / divisor
    spread = xp.take(spread, xp.asarray(colours, device=device(x)), axis=2) / divisor
    return spread * asarray_like(pattern, x, x.dtype)


def _increments(x: Array, change: Array) -> Array:
    """Return a change of every component that x can represent exactly, scaled to its own variation."""
    xp = array_namespace(x)
    info = xp.finfo(real_dtype(x))
    size = xp.maximum(xp.abs(x), change)
    size = xp.maximum(size, 1e-6 * xp.max(xp.abs(x), axis=1, keepdims=True))
    # A row that is zero everywhere gives no scale.
    size = xp.where(size > math.sqrt(float(info.smallest_normal)), size, xp.ones_like(size))
    return (x + _root_eps(x) * size) - x


def _selections(colours: npt.NDArray[np.intp] | None, x: Array, n: int) -> Iterator[Any]:
    """Yield the components that are changed together: by colour, or one at a time (no copy to the device)."""
    if colours is None:
        unit = array_namespace(x).eye(n, dtype=x.dtype, device=device(x))
        yield from (unit[j, :] for j in range(n))
        return
    for colour in range(int(colours.max()) + 1):
        yield asarray_like((colours == colour).astype(float), x, x.dtype)
