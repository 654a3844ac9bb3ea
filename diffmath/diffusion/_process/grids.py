r"""Time grids of samplers, from noise to data, on the host.

.. math:: \lambda_n = \lambda_T + \frac{n}{N} (\lambda_0 - \lambda_T), \qquad t_n = t(\lambda_n)

Exponential integrators depend on time only through :math:`\lambda = \ln(\alpha/\sigma)`, so equal steps in
:math:`\lambda` suit them (Lu et al. 2022, arXiv:2206.00927, section 3.3).
"""

from __future__ import annotations

from operator import index

import numpy as np
import numpy.typing as npt

from diffmath.diffusion._process.host_values import log_snr_at
from diffmath.diffusion._process.process import Process

__all__ = ["log_snr_times", "uniform_times"]


def log_snr_times(
    process: Process, steps: int, *, t_start: float | None = None, t_end: float | None = None
) -> npt.NDArray[np.float64]:
    r"""Return times that are equally spaced in log-SNR, decreasing from noise to data.

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1.
    t_start, t_end : float, optional
        First and last time, exactly; by default `t_max` and `t_min`. ``t_start < t_end`` gives the increasing
        grid for encoding.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        `steps` below 1, times outside (0, t_max], or an infinite log-SNR at one of them.

    Notes
    -----
    Append 0.0 to end at the data: ``np.append(times, 0.0)``.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, section 3.3 and appendix D.4.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> log_snr_times(vp(), 4).round(3)
    array([1.   , 0.722, 0.305, 0.032, 0.001])
    """
    start, end = _ends(process, steps, t_start, t_end)
    if min(start, end) == 0:
        raise ValueError("the log-SNR is infinite at t=0; end at t_min and append 0.0: np.append(times, 0.0)")
    ends = [log_snr_at(process, t) for t in (start, end)]
    if not np.all(np.isfinite(ends)):
        raise ValueError(
            f"the log-SNR is infinite at t={max(start, end):g}, where alpha is 0; start below it, or use "
            "uniform_times"
        )
    lam = np.linspace(ends[0], ends[1], steps + 1)
    inner = [float(process.time_of_log_snr(float(value))) for value in lam[1:-1]]
    return np.array([start, *inner, end])


def uniform_times(
    process: Process, steps: int, *, t_start: float | None = None, t_end: float | None = None
) -> npt.NDArray[np.float64]:
    """Return equally spaced times, decreasing from noise to data.

    Parameters, returns and errors are those of `log_snr_times`; `t_end` may be 0.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> uniform_times(vp(), 4, t_end=0.0)
    array([1.  , 0.75, 0.5 , 0.25, 0.  ])
    """
    start, end = _ends(process, steps, t_start, t_end)
    return np.linspace(start, end, steps + 1)


def _ends(process: Process, steps: int, start: float | None, end: float | None) -> tuple[float, float]:
    if index(steps) < 1:
        raise ValueError(f"steps must be at least 1; got {steps}")
    ends = (process.t_max if start is None else float(start), process.t_min if end is None else float(end))
    if not all(0 <= t <= process.t_max for t in ends) or ends[0] == ends[1]:
        raise ValueError(
            f"t_start and t_end must be two times in [0, {process.t_max:g}]; "
            f"got t_start={ends[0]}, t_end={ends[1]}"
        )
    return ends
