r"""Grids of flow models, in the fraction of noise :math:`\sigma/(\alpha + \sigma)`, the time of `flow`.

.. math:: \text{shift:}\quad y' = \frac{s y}{1 + (s - 1) y} \;\Leftrightarrow\; \lambda' = \lambda - \ln s

Source: Esser et al. (2024), arXiv:2403.03206, section 5.3.2, for the shift; Polyak et al. (2024),
arXiv:2410.13720, for the linear-quadratic grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index

import numpy as np

from diffmath.diffusion._grids.variables import Times, decreasing, spaced, times_at, two_ends, value_at
from diffmath.diffusion._process import Process

__all__ = ["bong_tangent_times", "linear_quadratic_times", "shift_of_tokens", "shifted_times"]


def shifted_times(
    process: Process, times: Sequence[float] | Times, shift: float = 3.0, *, terminal: float | None = None
) -> Times:
    r"""Shift a grid towards noise, as large images need.

    .. math:: y' = \frac{s y}{1 + (s - 1) y}, \qquad
       y'' = 1 - (1 - y') \frac{1 - y_{\text{end}}}{1 - y'_{\text{last}}}

    with y the fraction of noise :math:`\sigma/(\alpha + \sigma)`, the time of `flow`.

    Parameters
    ----------
    process : Process
    times : sequence of float
        A decreasing grid; 0 may be its last time.
    shift : float
        s, positive; 1 changes nothing. It divides the ratio :math:`\alpha/\sigma` by s.
    terminal : float, optional
        :math:`y_{\text{end}}`: stretches the shifted grid so that its last fraction (the last but one if the
        grid ends at 0) becomes this one.

    Returns
    -------
    numpy.ndarray, shape of `times`

    Raises
    ------
    ValueError
        Times that are not decreasing, a shift that is not positive, a terminal fraction outside (0, 1), a
        stretch of pure noise, or a noise level that the process does not reach.

    Notes
    -----
    The shift is applied once. Two shifts are one by the product; some schedulers shift sigma_min twice. The
    same noise levels are found on every process.

    References
    ----------
    .. [1] Esser et al. (2024), arXiv:2403.03206, eq. 23.

    Examples
    --------
    >>> from diffmath.diffusion import flow, uniform_times
    >>> times = uniform_times(flow(), 4, t_end=0.0)
    >>> shifted_times(flow(), times, 3.0)
    array([1.  , 0.9 , 0.75, 0.5 , 0.  ])
    >>> shifted_times(flow(), times, 3.0, terminal=0.1).round(3)
    array([1.  , 0.82, 0.55, 0.1 , 0.  ])
    """
    grid = decreasing(np.asarray(times, dtype=np.float64))
    if not 0 < shift < math.inf:
        raise ValueError(f"shift must be positive and finite; got {shift}")
    y = np.asarray([value_at(process, float(t), "fraction") for t in grid])
    y = shift * y / ((1 - y) + shift * y)
    if terminal is not None:
        y = _stretched(y, terminal)
    most = value_at(process, process.t_max, "fraction")
    if y[0] > most * (1 + 1e-14):
        raise ValueError(
            f"the shifted grid starts at the fraction {y[0]:.6g} of noise; {process!r} ends at {most:.6g}: "
            "start the grid at a later time or use a smaller shift"
        )
    return decreasing(np.asarray(times_at(process, y.tolist(), "fraction", (0.0, process.t_max))))


def shift_of_tokens(
    tokens: int, *, low: tuple[float, float] = (256, 0.5), high: tuple[float, float] = (4096, 1.15)
) -> float:
    r"""Return the shift for a number of image tokens, :math:`e^\mu` with :math:`\mu` linear in it.

    .. math:: \ln s = \mu_0 + (\mu_1 - \mu_0) \frac{n - n_0}{n_1 - n_0}

    Parameters
    ----------
    tokens : int
        n, at least 1.
    low, high : tuple of float
        :math:`(n_0, \mu_0)` and :math:`(n_1, \mu_1)`; the defaults are those of Flux.

    Returns
    -------
    float
        For `shifted_times`.

    Raises
    ------
    ValueError
        Fewer than one token, or two equal numbers of tokens.

    References
    ----------
    .. [1] Black Forest Labs (2024), flux, ``sampling.get_lin_function``.

    Examples
    --------
    >>> round(shift_of_tokens(4096), 4)
    3.1582
    """
    if index(tokens) < 1:
        raise ValueError(f"tokens must be at least 1; got {tokens}")
    if low[0] == high[0]:
        raise ValueError(f"low and high need two numbers of tokens; got {low} and {high}")
    return math.exp(low[1] + (high[1] - low[1]) * (tokens - low[0]) / (high[0] - low[0]))


def linear_quadratic_times(
    process: Process,
    steps: int,
    *,
    threshold: float = 0.025,
    linear_steps: int | None = None,
    t_start: float | None = None,
    t_end: float | None = 0.0,
) -> Times:
    r"""Return times with small equal steps at high noise, and growing steps after them.

    .. math:: p_n = \frac{n}{L} h \;(n \le L), \qquad p_{L + j} = h + \frac{j}{L} h + c j^2, \qquad
       y_n = y_T + (y_0 - y_T)\,p_n

    with h the threshold, L the number of linear steps, and c such that the last p is 1.

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1.
    threshold : float
        h in (0, 1), the part of the way that the linear steps go.
    linear_steps : int, optional
        L, by default half of the steps.
    t_start, t_end : float, optional
        First and last time, exactly; by default `t_max` and 0. The noise levels are those of `flow`.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        Invalid arguments, or a threshold so great that the quadratic part would turn back.

    References
    ----------
    .. [1] Polyak et al. (2024), Movie Gen, arXiv:2410.13720, inference.

    Examples
    --------
    >>> from diffmath.diffusion import flow
    >>> linear_quadratic_times(flow(), 4)
    array([1.    , 0.9875, 0.975 , 0.725 , 0.    ])
    """
    ends = two_ends(process, steps, t_start, t_end)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1); got {threshold}")
    linear = steps // 2 if linear_steps is None else index(linear_steps)
    if steps == 1:
        return spaced(process, ends, "fraction", lambda a, b: np.asarray([a, b]))
    if not 1 <= linear < steps:
        raise ValueError(f"linear_steps must lie in [1, steps); got {linear_steps} of {steps}")
    n, rest = np.arange(steps + 1.0), steps - linear
    curvature = (1 - threshold * steps / linear) / rest**2
    part = threshold * n / linear + curvature * np.maximum(n - linear, 0.0) ** 2
    part[-1] = 1.0
    return spaced(process, ends, "fraction", lambda a, b: a + (b - a) * part)


def bong_tangent_times(
    process: Process,
    steps: int,
    *,
    middle: float = 0.5,
    t_start: float | None = None,
    t_end: float | None = 0.0,
) -> Times:
    r"""Return times along two arctangents, from noise to a middle and from there to the data.

    .. math:: g(i) = \tfrac12 - \tfrac1\pi \arctan\Bigl(\frac{8}{N} (i - p)\Bigr), \qquad
       N = \text{steps} + 2, \; m = \lfloor 0.6 N \rfloor

    each rescaled to its ends: the first with p = m on i = 0, ..., m - 1, whose last value is left out, the
    second with p = 0 on i = 0, ..., N - m - 1.

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1; one step goes from end to end.
    middle : float
        Where the two parts meet, in (0, 1) of the way between the fractions of noise at the ends.
    t_start, t_end : float, optional
        First and last time, exactly; by default `t_max` and 0. The noise levels are those of `flow`.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        Invalid arguments.

    References
    ----------
    .. [1] ClownsharkBatwing (2025), RES4LYF, scheduler "bong_tangent".

    Examples
    --------
    >>> from diffmath.diffusion import flow
    >>> bong_tangent_times(flow(), 4).round(3)
    array([1.   , 0.857, 0.5  , 0.117, 0.   ])
    """
    ends = two_ends(process, steps, t_start, t_end)
    if not 0 < middle < 1:
        raise ValueError(f"middle must lie in (0, 1); got {middle}")
    if steps == 1:
        return spaced(process, ends, "fraction", lambda a, b: np.asarray([a, b]))
    total = steps + 2
    first = total * 3 // 5
    way = np.append(
        middle + (1 - middle) * _arctangent(first, first, total)[:-1],
        middle * _arctangent(total - first, 0, total),
    )
    return spaced(process, ends, "fraction", lambda a, b: b + (a - b) * way)


def _arctangent(length: int, pivot: int, total: int) -> Times:
    g = 0.5 - np.arctan(8.0 / total * (np.arange(length) - pivot)) / math.pi
    scaled: Times = (g - g[-1]) / (g[0] - g[-1])
    return scaled


def _stretched(y: Times, terminal: float) -> Times:
    if not 0 < terminal < 1:
        raise ValueError(f"terminal must lie in (0, 1); got {terminal}")
    last = y[y > 0][-1]
    if last == 1:
        raise ValueError(
            "the only time above 0 is pure noise, which cannot be stretched; use two steps or no terminal"
        )
    stretched: Times = np.where(y > 0, 1 - (1 - y) * (1 - terminal) / (1 - last), 0.0)
    return stretched
