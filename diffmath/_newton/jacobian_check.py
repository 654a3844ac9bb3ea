"""Check derivatives given by the user against f, once at the start of a solve.

A Rosenbrock method with a wrong Jacobian loses its order, and its error estimate is wrong too. Newton's
iteration tolerates errors, but a Jacobian that is far too large stops it at once. One product of the Jacobian
with a direction, compared with a central difference of f, detects both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like, real_dtype, to_numpy
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import flat_size, jacobian, time_derivative
from diffmath._newton.problems import Split, WithJacobian

__all__ = ["check_derivatives"]

Host: TypeAlias = npt.NDArray[Any]

# Allowed effect of roundoff on f, in units in the last place of its terms.
_GRAINS = 64.0

# Slopes of f over a short and a long step that differ by more than this fraction are not used.
_AGREE = 0.25

# A component that is zero gives no scale: try changes smaller by this factor, this many times.
_DOWN, _RUNGS = 1e-6, 4

_ADVICE = (
    "correct it, leave it out (differences take its place), or use an implicit method that iterates, for "
    "which an approximate Jacobian is enough (ode.kvaerno5)"
)


def check_derivatives(f: Drift, method: Any, t: Time, x: Array, dt: Time, slope: Array) -> None:
    """Refuse a given Jacobian or time derivative that does not match f at the start of the solve.

    ``method.jacobian_error`` is the allowed error relative to its products; at 1 or above, a Jacobian is
    refused only if it is too large by that factor. Two evaluations of f for a correct Jacobian, and two for a
    time derivative; more before one is refused. Nothing is refused at a jump or kink of f, or at a point
    where f is not finite or raises.

    Raises
    ------
    ValueError
        The message shows the derivative and the difference.
    """
    allowed = getattr(method, "jacobian_error", None)
    model = getattr(f, "model", f)
    if isinstance(model, Split):
        f = model = model.implicit
    if allowed is None or not isinstance(model, WithJacobian) or not math.prod(x.shape):
        return
    begin = _Begin(f, t, x, dt, f(t, x) if f is model else slope)
    if model.jacobian is not None:
        found = _wrong(begin, _along_state(begin, begin.matrix()), allowed)
        _refuse("jacobian(t, x)", "a small change of x", found, t, x.shape[0])
    if model.time_derivative is not None and allowed < 1:
        rate = to_numpy(time_derivative(f, t, x, dt, slope)).reshape(begin.shape)
        found = _wrong(begin, _along_time(begin, rate, 0.0 * begin.size), allowed)
        if found is not None:  # otherwise f is a small difference of large numbers, as its Jacobian shows
            noise = np.einsum("bij,bj->bi", np.abs(begin.matrix()), begin.size)
            found = _wrong(begin, _along_time(begin, rate, noise), allowed)
        _refuse("time_derivative(t, x)", "a short time", found, t, x.shape[0])


class _Begin(NamedTuple):
    """The point at which the derivatives are checked."""

    f: Drift
    t: Time
    x: Array
    dt: Time
    slope: Array

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], flat_size(self.x)

    @property
    def size(self) -> Host:
        return np.asarray(np.abs(to_numpy(self.x).reshape(self.shape)))

    @property
    def eps(self) -> float:
        return float(array_namespace(self.x).finfo(real_dtype(self.x)).eps)

    def matrix(self) -> Host:
        return to_numpy(jacobian(self.f, self.t, self.x, self.dt, self.slope))

    def at(self, t: Time, x: Array) -> Host:
        return to_numpy(self.f(t, x)).reshape(self.shape)


# The length of the step, f after and before it, the predicted change, the size of its terms, and the size
# that determines the roundoff.
Trial: TypeAlias = tuple[Any, Host, Host, Host, Host, Host]


def _wrong(begin: _Begin, trials: Iterator[Trial], allowed: float) -> tuple[int, int, Any, Any] | None:
    """Return row, component, change and prediction if a derivative is wrong in every trial."""
    here, grain = to_numpy(begin.slope).reshape(begin.shape), _GRAINS * begin.eps
    suspect: Any = True
    shown: list[tuple[Host, Host]] = []
    slopes: list[tuple[Host, Host]] = []
    with np.errstate(all="ignore"):
        try:
            for length, after, before, predicted, parts, noise in trials:
                central = (after - before) / 2
                crooked = np.abs(after - 2 * here + before)  # curvature, a kink, a jump or noise
                # For a whole row: terms that cancel in one component are often large in another.
                floor = grain * (noise + np.abs(here)).max(axis=1, keepdims=True)
                excess = np.abs(central - predicted) - crooked - floor
                scale = np.maximum(np.abs(central), parts)
                if allowed >= 1:  # not for a single component, which may be simplified on purpose
                    scale = np.abs(central).max(axis=1, keepdims=True)
                suspect = suspect & np.isfinite(excess) & (excess > allowed * scale)
                shown.append((central, predicted))
                slopes.append((central / length, floor / np.abs(length)))
                if len(slopes) == 2:
                    suspect = suspect & _agree(*slopes)
                if not suspect.any():
                    return None
        except Exception:  # noqa: BLE001  f may raise at points that the solution never reaches
            return None
    row, component = (int(i) for i in np.argwhere(suspect)[0])
    return row, component, *(values[row, component] for values in shown[0])


def _agree(one: tuple[Host, Host], other: tuple[Host, Host]) -> Host:
    """Whether two steps along one line give the same slope of f; otherwise f is noisy or not resolved."""
    (slope, floor), (second, low) = one, other
    agree: Host = np.abs(slope - second) <= _AGREE * np.maximum(np.abs(slope), np.abs(second)) + floor + low
    return agree


def _along_state(begin: _Begin, matrix: Host) -> Iterator[Trial]:
    noise = np.einsum("bij,bj->bi", np.abs(matrix), begin.size)
    for share, change in _changes(begin):
        step = asarray_like(change.reshape(begin.x.shape), begin.x, begin.x.dtype)
        after, before = (begin.at(begin.t, begin.x + sign * step) for sign in (1.0, -1.0))
        predicted = np.einsum("bij,bj->bi", matrix, change)
        parts = np.einsum("bij,bj->bi", np.abs(matrix), np.abs(change))
        yield share, after, before, predicted, parts, noise


def _along_time(begin: _Begin, rate: Host, noise: Host) -> Iterator[Trial]:
    """Fractions of the planned step, only forwards: before the start, f may not exist.

    The value before the start is extrapolated by the parabola through three values, so the difference of both
    sides is as accurate as a central one.
    """
    here = to_numpy(begin.slope).reshape(begin.shape)
    for share in (1e-3, 1e-1, 1e-5):
        later = begin.t + share * begin.dt
        length: Any = later - begin.t  # after rounding
        after, further = begin.at(later, begin.x), begin.at(later + length, begin.x)
        before = 3 * (here - after) + further
        length = to_numpy(length).reshape(-1, 1) if compat.is_array_api_obj(length) else length
        predicted = rate * length
        yield length, after, before, predicted, np.abs(predicted), noise


def _changes(begin: _Begin) -> Iterator[tuple[float, Host]]:
    """Changes of every component, deterministic but without a pattern, that x represents exactly."""
    (batch, n), base = begin.shape, begin.size
    moved = np.abs(to_numpy(begin.dt * begin.slope)).reshape(batch, n)
    size = np.maximum(np.maximum(base, moved), 1e-6 * base.max(axis=1, keepdims=True))
    size = np.where(np.isfinite(size) & (size > np.sqrt(np.finfo(base.dtype).tiny)), size, 1.0)
    index = np.arange(n)
    weights = (0.5 + 0.5 * (index * 0.6180339887 % 1)) * np.where(index * 0.4142135624 % 1 < 0.5, 1, -1)
    small, large = begin.eps ** (1 / 3), begin.eps ** (1 / 6)
    ladder = [(small, size), (large, size)]
    ladder += [(small, np.where(base > 0, base, size * _DOWN**k)) for k in range(1, _RUNGS + 1)]
    here = to_numpy(begin.x).reshape(batch, n).real
    for share, sizes in ladder:
        change = (share * weights * sizes).astype(base.dtype)
        yield share, (here + change) - here


def _refuse(role: str, what: str, found: tuple[int, int, Any, Any] | None, t: Time, batch: int) -> None:
    if found is None:
        return
    row, component, change, predicted = found
    which = f"component {component} of f" if batch == 1 else f"component {component} of row {row} of f"
    time: Any = to_numpy(t).reshape(-1)[row] if compat.is_array_api_obj(t) else t
    raise ValueError(
        f"{role} does not fit f at t={time:g}: over {what}, {which} changes "
        f"by {change:.5g}, but {role} says {predicted:.5g}: {_ADVICE}"
    )
