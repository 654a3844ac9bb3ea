r"""Check noise that is declared commutative, once at the start of a solve, before its first step.

.. math:: \sum_k g_{ki}\, \partial_k g_{dj} = \sum_k g_{kj}\, \partial_k g_{di} \quad \forall\, d, i, j

A symbolic SDE proves it (`symbolic.SDE.is_commutative`); callables can only be evaluated at points. The
bracket is bilinear, so two random combinations of the columns detect any two columns that do not commute.
This takes four calls for any number of columns, or none if the derivative is given.
"""

from __future__ import annotations

import numpy as np

from diffmath.sde._model.initial_rows import Host, InitialRows

__all__ = ["refuse_false_commutativity"]

# Relative tolerance for derivatives that are given, or differences in single precision.
_CLOSE = 1e-3

# Further error of differences, in units of eps^(2/3) |g|^2 / |x|: third derivatives and round-off.
_BENT = 1e3


def refuse_false_commutativity(initial: InitialRows) -> None:
    """Refuse noise whose columns do not commute at the initial states.

    Raises
    ------
    ValueError
        The bracket of two columns exceeds the error of the differences of g.
    """
    if initial.g.shape[2] < 2:
        return
    scale = np.maximum(np.abs(initial.x).max(axis=1), 1.0)
    error = np.abs(initial.g).max(axis=(1, 2)) ** 2 / scale
    if initial.derivative is not None:
        along = np.einsum("bdjk,bki->bdij", initial.derivative, initial.g)
        bracket, allowed = along - np.swapaxes(along, 2, 3), initial.eps * error
    else:
        along, bracket = _by_differences(initial, scale)
        allowed = _BENT * initial.eps ** (2 / 3) * error
    entries = tuple(range(1, bracket.ndim))
    worst = np.abs(bracket).max(axis=entries)
    bad = np.flatnonzero(worst > allowed + _CLOSE * np.abs(along).max(axis=tuple(range(1, along.ndim))))
    if not bad.size:
        return
    row = int(bad[0])
    named = "two combinations of the columns"
    if initial.derivative is not None or initial.g.shape[2] == 2:
        at = np.unravel_index(int(np.abs(bracket[row]).argmax()), bracket.shape[1:])
        i, j = (at[1], at[2]) if initial.derivative is not None else (0, 1)
        named = f"columns {i} and {j}"
    raise ValueError(
        f"noise is declared commutative, but {named} of the diffusion do not commute at the initial state "
        f"of row {initial.name(row)} (t={initial.t:g}): their bracket is {worst[row]:.3g}. Declare it "
        "'general' and use sde.milstein_levy, or a method of strong order 1/2; check=False skips this check"
    )


def _by_differences(initial: InitialRows, scale: Host) -> tuple[Host, Host]:
    """Return the derivatives of two combinations of the columns along each other, and their bracket."""
    rows, _, m = initial.g.shape
    u, w = (initial.normals(f"columns {k}", m) for k in (0, 1))
    if m == 2:
        u, w = np.tile([1.0, 0.0], (rows, 1)), np.tile([0.0, 1.0], (rows, 1))
    along = []
    for direction, other in ((u, w), (w, u)):
        v = np.einsum("bdj,bj->bd", initial.g, direction)
        length = np.abs(v).max(axis=1)
        # The step balances eps / step with step^2, in the direction of the column.
        step = (initial.eps ** (1 / 3) * scale / np.where(length > 0, length, 1.0))[:, None]
        ahead, behind = (initial.at(initial.x + sign * step * v) for sign in (1.0, -1.0))
        along.append(np.einsum("bdj,bj->bd", (ahead - behind) / (2.0 * step[..., None]), other))
    return np.stack(along, axis=2), along[0] - along[1]
