r"""Does noise that is declared commutative commute? Looked at where a solve begins, before its first step.

.. math:: \sum_k g_{ki}\, \partial_k g_{dj} = \sum_k g_{kj}\, \partial_k g_{di} \quad \forall\, d, i, j

A symbolic SDE proves it (`symbolic.SDE.is_commutative`); callables can only be asked at points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays import array_namespace, asarray_like, real_dtype, to_numpy
from diffmath._models import SDE
from diffmath._typing import Array

__all__ = ["refuse_false_commutativity"]

HostArray = npt.NDArray[Any]

# The more rows, the more places to look at; a false declaration shows almost everywhere.
_ROWS = 8

# Derivatives that are given, or found by differences in single precision, agree to this.
_CLOSE = 1e-3


def refuse_false_commutativity(model: SDE, t: float, x: Array, method: Any) -> None:
    """Refuse noise whose columns do not commute at the initial states, if the method relies on it.

    Raises
    ------
    ValueError
        The brackets of two columns differ by more than differences of g can err.
    """
    relies = method.orders.get("commutative", (None,))[0] != method.orders.get("general", (None,))[0]
    if model.noise != "commutative" or not relies or x.shape[0] == 0:
        return
    x = x[:_ROWS, :]
    with np.errstate(all="ignore"):  # what is not finite is found by the step
        along, allowed = _derivatives(model, t, x)
    bracket = along - np.swapaxes(along, 2, 3)
    worst = np.abs(bracket).max(axis=(1, 2, 3), initial=0.0)
    bad = np.flatnonzero(worst > allowed + _CLOSE * np.abs(along).max(axis=(1, 2, 3), initial=0.0))
    if bad.size:
        row = int(bad[0])
        _, i, j = np.unravel_index(int(np.abs(bracket[row]).argmax()), bracket.shape[1:])
        raise ValueError(
            f"noise is declared commutative, but columns {i} and {j} of the diffusion do not commute at the "
            f"initial state of row {row} (t={t:g}): their bracket is {worst[row]:.3g}. Declare it 'general' "
            "and use sde.milstein_levy, or a method of strong order 1/2"
        )


def _derivatives(model: SDE, t: float, x: Array) -> tuple[HostArray, HostArray]:
    """Return L^i g_dj as a host array (rows, d, i, j), and what differences may err by in each row."""
    xp, g = array_namespace(x), model.diffusion(t, x)
    eps, host_g, host_x = float(xp.finfo(real_dtype(x)).eps), to_numpy(g), to_numpy(x)
    scale = np.maximum(np.abs(host_x).max(axis=1), 1.0)
    error = np.abs(host_g).max(axis=(1, 2)) ** 2 / scale  # of round-off in g, and of its third derivative
    if model.diffusion_derivative is not None:
        slopes = to_numpy(model.diffusion_derivative(t, x))
        return np.einsum("bdjk,bki->bdij", slopes, host_g), eps * error
    columns = []
    for i in range(g.shape[2]):
        # A step of the size that balances eps / step against step^2, in the direction of the column.
        length = np.abs(host_g[:, :, i]).max(axis=1)
        step = asarray_like(eps ** (1 / 3) * scale / np.where(length > 0, length, 1.0), x)[:, None]
        ahead, behind = (model.diffusion(t, x + sign * step * g[:, :, i]) for sign in (1.0, -1.0))
        columns.append(to_numpy((ahead - behind) / (2.0 * step[..., None])))
    return np.stack(columns, axis=2), 1e3 * eps ** (2 / 3) * error
