r"""Check that a model is what it is declared to be, once at the start of a solve, with at most four calls.

.. math:: \text{additive: } \partial_k g = 0, \qquad \text{diagonal: } \partial_k g_i = 0 \; (k \ne i), \qquad
          \text{the derivative: } g(x + \delta) - g(x - \delta) = 2\, g'(x)\, \delta + O(\delta^3)

A method relies on the declaration: if it is false, the order is lower or the limit is wrong. For a symbolic
SDE the declaration is proven; callables can only be evaluated at points.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffmath._arrays.models import SDE
from diffmath._arrays.tracing import is_tracing
from diffmath._core.typing import Array
from diffmath.sde._model.commutes import refuse_false_commutativity
from diffmath.sde._model.edge import Probed
from diffmath.sde._model.initial_rows import CannotEvaluateError, Host, InitialRows
from diffmath.sde._model.langevin import Langevin

__all__ = ["check_declared"]

# A change of g by fewer units in the last place than this, of the largest entry of its row, is rounding.
_GRAINS = 16.0

# A change counts if it exceeds the difference of two calls at equal points by this factor.
_NOISE = 8.0

# A derivative with an error below this fraction of the change is not refused: networks in low precision are
# differentiated no more accurately.
_SHARE = 0.05

# Differences over a short and a long step that disagree by more than this fraction are not used.
_AGREE = 0.25

# If fewer entries than this have a slope, none is judged: it may be chance.
_RESOLVED = 0.75

_SKIP = "check=False skips this check"


def check_declared(model: SDE, t: float, x: Array, method: Any, probed: Probed) -> None:
    """Refuse a declaration that is false at the first rows, if the method relies on it.

    Raises
    ------
    ValueError
        Noise that is declared additive, diagonal or commutative but is not, or a wrong derivative.
    """
    if 0 in x.shape or isinstance(model, Langevin) or is_tracing(x, probed.g):
        return
    for whole in (False, True):
        initial = InitialRows(model, t, x, probed, whole=whole)
        try:
            with np.errstate(all="ignore"):  # values that are not finite are not judged
                _check(initial, method)
        except CannotEvaluateError:
            continue
        return


def _check(initial: InitialRows, method: Any) -> None:
    noise = initial.model.noise
    if noise == "additive":
        _check_additive(initial)
        return
    if noise == "diagonal" and _relies(method, noise) and initial.x.shape[1] > 1:
        _check_diagonal(initial)
    if initial.derivative is not None and method.needs_derivative:
        _check_derivative(initial, initial.derivative)
    if noise == "commutative" and _relies(method, noise):
        refuse_false_commutativity(initial)


def _relies(method: Any, noise: str) -> bool:
    """Whether a method has a higher order with this noise than with general noise; true for weak methods."""
    strong, _ = method.orders[noise]
    return strong is None or strong != method.orders.get("general", (None,))[0]


def _moved(initial: InitialRows, tag: str) -> Host:
    """Return points moved in every component by an eighth to a half, in either direction.

    In every second row the move is relative to the component; in the others to 1, since a state may begin far
    below its scale. Moves may be large: g must not depend at all on a component that it is independent of.
    """
    normals = initial.normals(tag, initial.x.shape[1])
    size = initial.size.copy()
    size[1::2] = np.maximum(size[1::2], 1.0)
    return initial.x + np.sign(normals) * (0.125 + 0.375 * np.abs(np.tanh(normals))) * size


def _differs(initial: InitialRows, one: Host, other: Host) -> Host:
    """Return where two diffusions differ by more than half the digits, in units of the tolerance."""
    entries = tuple(range(1, one.ndim))
    size = np.maximum(np.abs(one), np.abs(other))
    allowed = np.sqrt(initial.eps) * size + _GRAINS * initial.eps * size.max(axis=entries, keepdims=True)
    change = np.abs(one - other)
    seen = np.isfinite(change) & (change > allowed)
    return np.where(seen, change / np.where(allowed > 0, allowed, 1.0), 0.0)


def _beyond_noise(initial: InitialRows, change: Host) -> Host:
    """Return the changes that exceed the difference of two calls at the same points; takes one more call."""
    noise = _differs(initial, initial.g, initial.at(initial.x)).max(initial=0.0)
    return np.asarray(change > max(1.0, _NOISE * noise))


def _check_additive(initial: InitialRows) -> None:
    moved = initial.at(_moved(initial, "additive"))
    change = _differs(initial, initial.g, moved)
    if not change.any() or not (bad := _beyond_noise(initial, change)).any():
        return
    place = tuple(np.argwhere(bad)[0])
    raise ValueError(
        f"noise is declared additive, but the diffusion changes with the state: near the initial state of "
        f"row {initial.name(place[0])} (t={initial.t:g}) from {initial.g[place]:.5g} to {moved[place]:.5g}. "
        f"Declare it 'diagonal', 'scalar', 'commutative' or 'general'; {_SKIP}"
    )


def _check_diagonal(initial: InitialRows) -> None:
    """Move some components, then the others: the g of the unmoved components must not change."""
    first, after = _halves(initial), _moved(initial, "diagonal")
    some, all_ = initial.at(np.where(first, after, initial.x)), initial.at(after)
    change = np.where(first, _differs(initial, some, all_), _differs(initial, initial.g, some))
    if not change.any() or not (bad := _beyond_noise(initial, change)).any():
        return
    row, i = (int(k) for k in np.argwhere(bad)[0])
    before, now = (some, all_) if first[row, i] else (initial.g, some)
    raise ValueError(
        f"noise is declared diagonal, but component {i} of the diffusion changes with other components of "
        f"the state: near the initial state of row {initial.name(row)} (t={initial.t:g}) from "
        f"{before[row, i]:.5g} to {now[row, i]:.5g}. Declare it 'general' with a matrix per row, (batch, "
        "dim, dim), zero off the diagonal, or use a method that does not rely on it (sde.euler_maruyama); "
        f"{_SKIP}"
    )


def _halves(initial: InitialRows) -> Host:
    """Return half of the components per row; any two are separated in some row (up to 256 components)."""
    rows, n = initial.x.shape
    halves: Host = np.argsort(initial.normals("halves", n), axis=1) < n // 2
    for row in range(min(rows, (n - 1).bit_length())):
        halves[row] = (np.arange(n) >> row) & 1
    return halves


def _check_derivative(initial: InitialRows, derivative: Host) -> None:
    """Compare with central differences over short steps, and over long ones before refusing anything."""
    direction, trials = _along_noise(initial), list[_Trial]()
    suspect: Any = True
    for power in (1 / 3, 1 / 4):
        trials.append(_Trial.of(initial, derivative, initial.eps**power, direction))
        suspect = suspect & trials[-1].wrong
        if not suspect.any():
            return
    slopes, floors = (
        [trial.central / trial.length for trial in trials],
        sum(t.floor / t.length for t in trials),
    )
    suspect &= np.abs(slopes[0] - slopes[1]) <= _AGREE * np.maximum(*np.abs(slopes)) + floors
    # An error in one row of many may be noise that looks like a slope by chance.
    suspect &= suspect.sum(axis=0) >= trials[0].judged.sum(axis=0) / 2
    if not suspect.any():
        return
    place = tuple(np.argwhere(suspect)[0])
    inside = tuple(int(k) for k in place[1:])
    raise ValueError(
        f"diffusion_derivative(t, x) does not fit the diffusion: near the initial state of row "
        f"{initial.name(place[0])} (t={initial.t:g}), over a small change of x, entry "
        f"{inside if len(inside) > 1 else inside[0]} of the diffusion changes by "
        f"{trials[0].central[place]:.5g}, but the derivative says {trials[0].predicted[place]:.5g}. Correct "
        f"it, let symbolic.SDE(...).lower() derive it, or use sde.derivative_free_milstein; {_SKIP}"
    )


class _Trial(NamedTuple):
    """A central difference: its length, the measured and predicted change, round-off, and wrong entries."""

    length: float
    central: Host
    predicted: Host
    floor: Host
    judged: Host
    wrong: Host

    @classmethod
    def of(cls, initial: InitialRows, derivative: Host, length: float, direction: Host) -> _Trial:
        step = (initial.x + (length * direction).astype(initial.x.dtype)) - initial.x  # as rounded
        after, before = initial.at(initial.x + step), initial.at(initial.x - step)
        central, crooked = (after - before) / 2, np.abs(after - 2 * initial.g + before)
        sides = np.maximum(np.abs(after - initial.g), np.abs(before - initial.g))
        predicted, parts = _predicted(derivative, step), _predicted(np.abs(derivative), np.abs(step))
        entries = tuple(range(1, initial.g.ndim))
        floor = 4 * _GRAINS * initial.eps * np.abs(initial.g).max(axis=entries, keepdims=True)
        resolved, known = crooked <= sides / 2 + floor, np.isfinite(crooked)  # no kink, no jump, no noise
        if not known.any() or resolved[known].mean() < _RESOLVED:
            none = np.zeros(central.shape, dtype=bool)
            return cls(length, central, predicted, floor, none, none)
        off = np.abs(central - predicted) - crooked - floor - 4 * np.median(crooked[known])
        judged = resolved & np.isfinite(off) & (np.maximum(np.abs(central), parts) > 0)
        wrong = judged & (off > _SHARE * np.maximum(np.abs(central), parts))
        return cls(length, central, predicted, floor, judged, wrong)


def _along_noise(initial: InitialRows) -> Host:
    """Return the directions in which a step moves the state: along the noise, where methods use g'."""
    if initial.model.noise == "diagonal":
        normals = initial.normals("derivative", initial.x.shape[1])
        share = np.sign(normals) * (0.5 + 0.5 * np.abs(np.tanh(normals)))
        return np.where(initial.g != 0, share * initial.size, 0.0)
    along = initial.g
    if along.ndim == 3:
        along = np.einsum("bdj,bj->bd", along, initial.normals("derivative", along.shape[2]))
    largest = np.abs(along).max(axis=1, keepdims=True)
    size = np.abs(initial.x).max(axis=1, keepdims=True)
    return np.asarray(np.where(size > 0, size, 1.0) * along / np.where(largest > 0, largest, 1.0))


def _predicted(derivative: Host, step: Host) -> Host:
    """Return the change of g over a step: elementwise, or the product with the last axis."""
    if derivative.ndim == step.ndim:
        derivative, step = derivative[..., None], step[..., None]
        return np.asarray((derivative * step)[..., 0])
    found: Host = np.einsum("b...k,bk->b...", derivative, step)
    return found
