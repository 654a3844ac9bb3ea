r"""Grids with equal steps in time, in its square root, in log-SNR, or in the angle of noise and data.

.. math:: t_n = t(y_n), \qquad y_n = y_T + \frac{n}{N} (y_0 - y_T)

Exponential integrators depend on time only through :math:`\lambda = \ln(\alpha/\sigma)`, so equal steps in
:math:`\lambda` suit them (Lu et al. 2022, arXiv:2206.00927, section 3.3); equal steps in
:math:`\arctan(\sigma/\alpha)` also reach both ends.
"""

from __future__ import annotations

import math

import numpy as np

from diffmath.diffusion._grids.variables import Times, spaced, two_ends
from diffmath.diffusion._process import Process

__all__ = ["kl_optimal_times", "log_snr_times", "quadratic_times", "uniform_times"]


def log_snr_times(
    process: Process, steps: int, *, t_start: float | None = None, t_end: float | None = None
) -> Times:
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
        `steps` below 1, times outside [0, t_max], an infinite log-SNR at one of them, or so many steps that
        two times are the same number.

    Notes
    -----
    Append 0.0 to end at the data: ``np.append(times, 0.0)``. This is the rule for every grid whose variable
    is infinite at t = 0; the others take ``t_end=0.0``.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, section 3.3 and appendix D.4.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> log_snr_times(vp(), 4).round(3)
    array([1.   , 0.722, 0.305, 0.032, 0.001])
    """
    ends = two_ends(process, steps, t_start, t_end)
    return spaced(process, ends, "log_snr", lambda a, b: np.linspace(a, b, steps + 1))


def uniform_times(
    process: Process, steps: int, *, t_start: float | None = None, t_end: float | None = None
) -> Times:
    """Return equally spaced times, decreasing from noise to data.

    Parameters, returns and errors are those of `log_snr_times`; `t_end` may be 0.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> uniform_times(vp(), 4, t_end=0.0)
    array([1.  , 0.75, 0.5 , 0.25, 0.  ])
    """
    ends = two_ends(process, steps, t_start, t_end)
    return spaced(process, ends, "time", lambda a, b: np.linspace(a, b, steps + 1))


def quadratic_times(
    process: Process,
    steps: int,
    *,
    power: float = 2.0,
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    r"""Return times whose square roots are equally spaced.

    .. math:: t_n = \Bigl(t_T^{1/p} + \frac nN \bigl(t_0^{1/p} - t_T^{1/p}\bigr)\Bigr)^p, \qquad p = 2

    Parameters, returns and errors are those of `log_snr_times`; `t_end` may be 0.

    Parameters
    ----------
    power : float
        p, positive; 1 gives `uniform_times`.

    References
    ----------
    .. [1] Song, Meng & Ermon (2021), DDIM, arXiv:2010.02502, appendix D.2.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> quadratic_times(vp(), 4, t_end=0.0)
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    ])
    """
    if not 0 < power < math.inf:
        raise ValueError(f"power must be positive and finite; got {power}")
    ends = two_ends(process, steps, t_start, t_end)
    return spaced(
        process,
        ends,
        "time",
        lambda a, b: np.linspace(a ** (1 / power), b ** (1 / power), steps + 1) ** power,
    )


def kl_optimal_times(
    process: Process,
    steps: int,
    *,
    sigma_data: float = 1.0,
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    r"""Return times that are equally spaced in the angle :math:`\arctan(\sigma / (c\,\alpha))`.

    .. math:: \frac{\sigma_n}{\alpha_n} = c\tan\Bigl(\bigl(1 - \tfrac nN\bigr)
       \arctan\frac{\tilde\sigma_{\max}}c + \tfrac nN \arctan\frac{\tilde\sigma_{\min}}c\Bigr)

    Parameters, returns and errors are those of `log_snr_times`; `t_end` may be 0, and `t_start` a time where
    alpha is 0, since the angle is finite there.

    Parameters
    ----------
    sigma_data : float
        c, positive.

    Notes
    -----
    For data :math:`\mathcal N(0, c^2 I)` the law of N Euler steps (`ddim`) has the least Kullback-Leibler
    divergence from that of the exact flow on this grid [1]_. The angle does not depend on the process.

    References
    ----------
    .. [1] Sabour, Fidler & Kreis (2024), Align your steps, arXiv:2404.14507, theorem 3.1.

    Examples
    --------
    >>> from diffmath.diffusion import flow, vp_cosine
    >>> kl_optimal_times(flow(), 4, t_end=0.0).round(4)
    array([1.    , 0.7071, 0.5   , 0.2929, 0.    ])
    >>> kl_optimal_times(vp_cosine(0.0), 4, t_end=0.0).round(4)
    array([1.  , 0.75, 0.5 , 0.25, 0.  ])
    """
    if not 0 < sigma_data < math.inf:
        raise ValueError(f"sigma_data must be positive and finite; got {sigma_data}")
    ends = two_ends(process, steps, t_start, t_end)

    def angles(noisy: float, clean: float) -> Times:
        first, last = (math.atan2(math.sin(end), sigma_data * math.cos(end)) for end in (noisy, clean))
        equal = np.linspace(first, last, steps + 1)
        found: Times = np.arctan2(sigma_data * np.sin(equal), np.cos(equal))
        return found

    return spaced(process, ends, "angle", angles)
