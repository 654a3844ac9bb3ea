"""Reconstruction: the history that the states of a memory represent."""

from __future__ import annotations

from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.typing import Array
from diffmath.statespace._memory.basis import read_rows
from diffmath.statespace._structure import ignore_overflow, refuse_overflow
from diffmath.statespace._system import StateSpace, require_measure

__all__ = ["reconstruct"]


@on_its_device
def reconstruct(system: StateSpace, c: Array, t: Any) -> Array:
    r"""Evaluate a remembered history.

    .. math:: \hat u(t) = \sum_n c_n\,g_n(t), \qquad t = 1 - \frac{\text{age}}{\text{length}}

    Parameters
    ----------
    system : StateSpace
        Continuous system of n states with a measure (`legs`, `legt`, `lagt`, ...), in any gauge.
    c : array, shape (..., n)
        Coefficients, as `memorize` and `project` return them.
    t : array, shape (times,)
        Moments of the past; 1 is now. For `legs`, `jacs` and `fous` the length is the elapsed time, and for
        `legt` and `fout` the window `theta`; t lies in [0, 1], and 0 is the oldest end. For `lagt` the length
        is the `timescale`, and t is any number up to 1. `foud` folds the past into one window, and t lies in
        [0, 1]. Host numbers, or an array of the library and the device of `c`.

    Returns
    -------
    array, shape (..., times)
        Values, in the dtype and on the device of `c`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or `t` on another device than `c`.
    ValueError
        A discrete system, a system without a measure, shapes that do not fit, a `t` outside the remembered
        range, or a value that is not finite.
    SolveError
        The values overflow.

    Notes
    -----
    *Half-sample convention.* A sample is the signal on a whole cell. Compare it with the value at the
    midpoint of its cell: ``(k + 0.5) / L`` for sample k of L of an elapsed history, and
    ``1 - (j + 0.5) * dt / length`` for the sample of age j (0 is the last) of a window or a fading past.
    Values at the edges of cells are shifted by half a sample, and this shift exceeds the error of the memory.

    *Resolution* of n coefficients (errors are root mean squares, relative to that of the signal):

    - `legs`, `legt`: a wave of W periods in the history or the window needs n above :math:`\pi W`. Beyond
      that the error falls faster than any power of n: n = 4W + 10 leaves less than 1e-6 for W up to 50. The
      error is ten times as large at the ends, where the polynomials reach :math:`\sqrt{2n+1}`. A jump causes
      ripples everywhere. `jacs` behaves in the same way, but is less accurate at the beginning of the history
      as beta grows.
    - `fout`, `foud`, `fous`: a wave that is periodic in the window needs n above 2W + 1. Other signals have a
      jump where the two ends meet: the error falls like :math:`n^{-1/2}`, and like 1/n away from the ends. At
      the ends the series converges to the mean of both.
    - `lagt` with ``beta=0``: a wave of angular frequency :math:`\omega` up to the age a needs n above
      :math:`(a/p)((\omega p)^2 + 1/4)` for the timescale p. The best timescale is :math:`p = 1/(2\omega)`,
      which needs n above :math:`\omega a`; 1.5 times this n leaves less than 1e-2 for :math:`\omega a` from
      60 on. With ``beta=1`` an error at the age a has the weight :math:`e^{-a/p}`. The result is accurate for
      a few timescales; beyond them the polynomials grow without bound.

    The basis functions take O(n times), by recurrences, and one matrix product follows; see `basis`.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> midpoints = (np.arange(100) + 0.5) / 100
    >>> c = ss.project(ss.legs(3), 1.0 + midpoints**2)
    >>> ss.reconstruct(ss.legs(3), c, [0.0, 0.5, 1.0]).round(3)
    array([1.  , 1.25, 2.  ])

    The last 20 samples, from a window of 20:

    >>> u = np.sin(0.2 * np.arange(200))
    >>> window = ss.legt(12, theta=20)
    >>> c = ss.memorize(window, u, ss.zoh, every=200)[-1]
    >>> ages = np.arange(20) + 0.5
    >>> bool(abs(ss.reconstruct(window, c, 1 - ages / 20) - u[:-21:-1]).max() < 0.05)
    True
    """
    measure = require_measure(system, "reconstruct")
    c = check_array("c", c)
    if not c.ndim or c.shape[-1] != system.order:
        raise ValueError(f"c must have shape (..., {system.order}) to fit the system; got {tuple(c.shape)}")
    rows = read_rows(measure, system.order, t, c, "c")
    with ignore_overflow():
        values = (c @ array_namespace(c).matrix_transpose(rows))[None, ...]
    return refuse_overflow("the reconstruction", values, "scale c down, or read smaller ages")[0, ...]
