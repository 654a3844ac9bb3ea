r"""Grids spaced in powers and quantiles of the noise level: Karras, (poly)exponential and Beta.

.. math:: y_n = \bigl(y_T^{1/\rho} + u_n (y_0^{1/\rho} - y_T^{1/\rho})\bigr)^\rho, \qquad
   \ln y_n = \ln y_0 + (1 - u_n)^\rho \ln(y_T / y_0), \qquad u_n = n/N

Source: Karras et al. (2022), arXiv:2206.00364, eq. 5; Lee et al. (2024), arXiv:2407.12173, for the Beta
quantiles.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv

from diffmath.diffusion._grids.variables import Times, Variable, spaced, two_ends
from diffmath.diffusion._process import Process

__all__ = ["beta_times", "exponential_times", "karras_times", "polyexponential_times"]


def karras_times(
    process: Process,
    steps: int,
    *,
    rho: float = 7.0,
    on: Variable = "sigma",
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    r"""Return times whose noise levels have equally spaced roots.

    .. math:: \tilde\sigma_n = \Bigl(\tilde\sigma_{\max}^{1/\rho} + \frac nN
       \bigl(\tilde\sigma_{\min}^{1/\rho} - \tilde\sigma_{\max}^{1/\rho}\bigr)\Bigr)^\rho,
       \qquad \tilde\sigma = \sigma / \alpha

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1.
    rho : float
        Positive; greater values put more steps at low noise.
    on : {"sigma", "fraction", "angle", "time"}
        The noise level: :math:`\sigma/\alpha`; or :math:`\sigma/(\alpha + \sigma)`, the sigma of `flow`,
        which is finite where alpha is 0; or another variable.
    t_start, t_end : float, optional
        First and last time, exactly; by default `t_max` and `t_min`. `t_end` may be 0. ``t_start < t_end``
        gives the increasing grid for encoding.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        Invalid `rho`, `on`, steps or times, an infinite noise level at one of them, or so many steps that two
        times are the same number.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, eq. 5.

    Examples
    --------
    >>> from diffmath.diffusion import edm, flow
    >>> [round(float(t), 3) for t in karras_times(edm(), 4)]
    [80.0, 17.528, 2.515, 0.17, 0.002]
    >>> karras_times(flow(), 2, on="fraction", rho=2.0, t_end=0.0)
    array([1.  , 0.25, 0.  ])
    """
    _check_rho(rho)
    ends = two_ends(process, steps, t_start, t_end)
    return spaced(
        process, ends, on, lambda a, b: np.linspace(a ** (1 / rho), b ** (1 / rho), steps + 1) ** rho
    )


def exponential_times(
    process: Process,
    steps: int,
    *,
    on: Variable = "sigma",
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    """Return times whose noise levels are a geometric sequence.

    Parameters, returns and errors are those of `karras_times`. On "sigma" the grid is `log_snr_times`, up to
    rounding.

    Examples
    --------
    >>> from diffmath.diffusion import edm, flow
    >>> exponential_times(edm(t_min=0.01, t_max=100.0), 4).round(4)
    array([1.e+02, 1.e+01, 1.e+00, 1.e-01, 1.e-02])
    >>> exponential_times(flow(t_min=1 / 64), 3, on="fraction")
    array([1.      , 0.25    , 0.0625  , 0.015625])
    """
    return polyexponential_times(process, steps, rho=1.0, on=on, t_start=t_start, t_end=t_end)


def polyexponential_times(
    process: Process,
    steps: int,
    *,
    rho: float = 1.0,
    on: Variable = "sigma",
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    r"""Return times whose logarithms of noise levels are spaced by a power.

    .. math:: \ln\tilde\sigma_n = \ln\tilde\sigma_{\min} + \Bigl(1 - \frac nN\Bigr)^\rho
       \ln(\tilde\sigma_{\max} / \tilde\sigma_{\min})

    Parameters, returns and errors are those of `karras_times`; `t_end` is above 0.

    References
    ----------
    .. [1] Crowson (2022), k-diffusion, ``get_sigmas_polyexponential``.

    Examples
    --------
    >>> from diffmath.diffusion import edm
    >>> polyexponential_times(edm(t_min=0.01, t_max=100.0), 2, rho=2.0).round(4)
    array([1.e+02, 1.e-01, 1.e-02])
    """
    _check_rho(rho)
    ends = two_ends(process, steps, t_start, t_end)
    if min(ends) == 0 or on == "log_snr":
        raise ValueError(
            f"the logarithm of {on} has no value at one of t={max(ends):g} and t={min(ends):g}; space a "
            "positive variable, and end at t_min and append 0.0: np.append(times, 0.0)"
        )
    ramp = np.linspace(1.0, 0.0, steps + 1) ** rho
    return spaced(process, ends, on, lambda a, b: b * (a / b) ** ramp)


def beta_times(
    process: Process,
    steps: int,
    *,
    a: float = 0.6,
    b: float = 0.6,
    on: Variable = "time",
    t_start: float | None = None,
    t_end: float | None = None,
) -> Times:
    r"""Return times at quantiles of a Beta distribution, dense at both ends.

    .. math:: y_n = y_0 + (y_T - y_0)\, F^{-1}_{\mathrm{Beta}(a, b)}\Bigl(1 - \frac nN\Bigr)

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1.
    a, b : float
        Parameters of the distribution, positive. 0.6 and 0.6 are those of the paper; 0.5 and 0.7 are known as
        "beta57".
    on : {"time", "sigma", "fraction", "angle", "log_snr"}
        What is spaced: the time (the index of a discrete model, as in the paper and ComfyUI), or a noise
        level (:math:`\sigma/\alpha`, as in diffusers; for a flow, "fraction").
    t_start, t_end : float, optional
        First and last time, exactly; by default `t_max` and `t_min`. `t_end` may be 0 unless `on` is
        "log_snr".

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        Invalid parameters, steps or times, or an infinite value at one of them.

    Notes
    -----
    Times are not rounded to indices, so none is repeated.

    References
    ----------
    .. [1] Lee et al. (2024), Beta sampling is all you need, arXiv:2407.12173, section 3.

    Examples
    --------
    >>> from diffmath.diffusion import vp
    >>> beta_times(vp(), 4, t_end=0.0).round(3)
    array([1.   , 0.824, 0.5  , 0.176, 0.   ])
    """
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise ValueError(f"a and b must be positive and finite; got a={a}, b={b}")
    ends = two_ends(process, steps, t_start, t_end)
    quantiles = betaincinv(a, b, np.linspace(1.0, 0.0, steps + 1))
    return spaced(process, ends, on, lambda noisy, clean: clean + (noisy - clean) * quantiles)


def _check_rho(rho: float) -> None:
    if not 0 < rho < math.inf:
        raise ValueError(f"rho must be positive and finite; got {rho}")
