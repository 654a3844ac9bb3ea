"""The way back: the history that the states of a memory stand for."""

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
        Moments of the past; 1 is now. The length is the time elapsed (`legs`, `jacs`, `fous`) or the window
        `theta` (`legt`, `fout`), and t in [0, 1] with 0 its oldest end; or the `timescale` of `lagt`, and t
        any number up to 1. `foud` folds the past into one window, t in [0, 1]. Host numbers, or an array of
        the library and on the device of `c`.

    Returns
    -------
    array, shape (..., times)
        Values, in the dtype and on the device of `c`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or `t` on another device than `c`.
    ValueError
        A discrete system or one without a measure, shapes that do not fit, `t` outside of what is
        remembered, a value not finite.
    SolveError
        The values overflow.

    Notes
    -----
    Half-sample convention: a sample is the signal on a whole cell, so compare it with the value at the
    midpoint of its cell: sample k of L at ``(k + 0.5) / L`` of an elapsed history, the sample of age j (0 is
    the last) at ``1 - (j + 0.5) * dt / length`` of a window or a fading past. Reading at the edges shifts the
    signal by half a sample and hides the accuracy of the memory behind that shift.

    What n coefficients resolve (errors are root mean squares relative to the signal's):

    - `legs`, `legt`: of a wave of W periods in the history or the window, n above :math:`\pi W`; from there
      the error falls faster than any power of n, and n = 4W + 10 leaves less than 1e-6 for W up to 50. It is
      ten times as large at the ends, where the polynomials reach :math:`\sqrt{2n+1}`. A jump leaves ripples
      everywhere. So do `jacs`, but the larger beta, the worse at the beginning of the history.
    - `fout`: n above 2W + 1 for waves that are periodic in the window. For others the joint of the two ends
      is a jump: the error falls like :math:`n^{-1/2}`, away from the ends like 1/n; at the ends themselves
      the series tends to the mean of the two. So do `foud` and `fous`.
    - `lagt` with ``beta=0``: of a wave of angular frequency :math:`\omega` that lasts to the age a,
      n above :math:`(a/p)((\omega p)^2 + 1/4)` for the timescale p. The best is :math:`p = 1/(2\omega)`,
      where that is :math:`\omega a`; n half as large again leaves less than 1e-2 for :math:`\omega a` from
      60 on. With ``beta=1`` an error at the age a counts :math:`e^{-a/p}`: trust it for a few timescales,
      the polynomials grow without bound beyond.

    O(n times) for the basis functions, by recurrences, and one matrix product; see `basis`.

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

    The last 20 samples, by a window of 20:

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
