"""The basis of a memory: the row of numbers that reads one moment of the past."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array
from diffmath.statespace._structure import Measure, ignore_overflow, refuse_overflow
from diffmath.statespace._system import StateSpace, require_measure

__all__ = ["basis", "read_rows"]


@on_its_device
def basis(system: StateSpace, t: Any) -> Array:
    r"""Return the basis functions of a memory, which read its states at moments of the past.

    .. math:: \hat u(t) = \sum_n g_n(t)\,c_n

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states with a measure, in any gauge.
    t : array, shape (times,)
        Moments of the past as in `reconstruct`; 1 is now. Host numbers, or an array of the library and the
        device of the system.

    Returns
    -------
    array, shape (times, n)
        Row i reads the memory at ``t[i]`` and can be used as an output C. In the dtype and on the device of
        the system.

    Raises
    ------
    TypeError
        Not a StateSpace, or `t` on another device.
    ValueError
        A system without a measure, a `t` outside the remembered range, or a value that is not finite.
    SolveError
        The polynomials overflow.

    Notes
    -----
    With :math:`t = 1 - age/length`, where the length is the elapsed time, `theta` or `timescale`:

    ============================= ===============================================================
    measure                       :math:`g_n(t)`
    ============================= ===============================================================
    `legs`, `legt`                :math:`\sqrt{2n+1}\,P_n(2t-1)`
    `jacs`                        :math:`\sqrt{2n+\beta+1}\,P_n^{(0,\beta)}(2t-1)`
    `lagt`, :math:`s = 1 - t`     :math:`\sqrt{\zeta\,n!/\Gamma(n+\alpha+1)}\,L_n^{(\alpha)}(s)\,
                                  s^\alpha e^{-(1-\beta)s/2}`
    `fout`, `foud`                1, :math:`\sqrt2\cos 2\pi(1-t)`, :math:`\sqrt2\sin 2\pi(1-t)`, ...
    `fous`                        1, :math:`\sqrt2\cos 2\pi t`, :math:`\sqrt2\sin 2\pi t`, ...
    ============================= ===============================================================

    In another gauge, :math:`c' = \Lambda c`, the rows are :math:`g\,\Lambda^{-1}`. Three-term recurrences and
    rotations compute them in O(n times). A host `t` is evaluated in double precision for every dtype.

    Examples
    --------
    One memory with two outputs, the value at the old end of the window and the value half a window ago:

    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> window = ss.legt(3, theta=100.0)
    >>> ss.basis(window, [0.5]).round(3)
    array([[ 1.   ,  0.   , -1.118]])
    >>> window.with_output(ss.basis(window, [0.0, 0.5]))
    StateSpace(order=3, continuous, legt, tridiagonal-inverse, outputs=2, float64)
    """
    measure = require_measure(system, "basis")
    rows = read_rows(measure, system.order, t, system.A, "system.A")
    return refuse_overflow("the basis", rows, "read smaller ages")


def read_rows(measure: Measure, order: int, t: Any, like: Array, name: str) -> Array:
    """Return the basis (times, order) in the gauge of the measure, on the device of `like`."""
    if not compat.is_array_api_obj(t) or compat.is_numpy_array(t):
        t = np.array(t)
    else:
        array_namespace(like, t, names=[name, "t"])
    t = check_array("t", t, ndim=1)
    _refuse_outside(measure, t)
    # The caller reports an overflow.
    with ignore_overflow():
        rows = measure.rows_to_gauge(measure.basis(order, t))
        if compat.is_numpy_array(rows):
            return asarray_like(rows, like)
        return array_namespace(rows).astype(rows, like.dtype, copy=False)


def _refuse_outside(measure: Measure, t: Array) -> None:
    inside, required = measure.readable(t)
    if not all_true(inside):
        xp = array_namespace(t)
        i = int(xp.argmin(xp.astype(inside, xp.int8)))
        raise ValueError(f"t must {required}; t[{i}] is {float(t[i])}")
