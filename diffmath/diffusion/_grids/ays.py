r"""Align-your-steps grids: published tables of optimised noise levels.

.. math:: \ln\tilde\sigma_n = \text{table interpolated linearly in its logarithm at } n/N

Source: Sabour, Fidler & Kreis (2024), arXiv:2404.14507, table 3.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from diffmath.diffusion._grids.variables import Times, decreasing, two_ends
from diffmath.diffusion._process import Process

__all__ = ["ays_times"]

# Ratios sigma / alpha from noise to data, for ten steps.
_TABLES: dict[str, tuple[float, ...]] = {
    "sd1.5": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    "deepfloyd": (160.41, 8.081, 3.315, 1.885, 1.207, 0.785, 0.553, 0.293, 0.186, 0.030, 0.006),
    "svd": (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}


def ays_times(
    process: Process,
    steps: int = 10,
    *,
    table: Literal["sd1.5", "sdxl", "deepfloyd", "svd"] = "sd1.5",
    t_end: float | None = None,
) -> Times:
    r"""Return the times of a published table of optimised noise levels.

    .. math:: \tilde\sigma_n = \exp\bigl(\text{linear interpolation of } \ln\tilde\sigma\bigr), \qquad
       \tilde\sigma = \sigma/\alpha

    Parameters
    ----------
    process : Process
    steps : int
        Number of steps, at least 1; with 10 the table itself.
    table : {"sd1.5", "sdxl", "deepfloyd", "svd"}
        The model for which the levels were optimised: Stable Diffusion 1.5, SDXL, DeepFloyd-IF, Stable Video
        Diffusion.
    t_end : float, optional
        Replaces the last time; 0.0 ends at the data, as published implementations do.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        An unknown table, a process that does not reach its first level, an invalid `steps` or `t_end`.

    References
    ----------
    .. [1] Sabour, Fidler & Kreis (2024), Align your steps, arXiv:2404.14507, table 3 and section 3.2.

    Examples
    --------
    >>> from diffmath.diffusion import edm
    >>> ays_times(edm(), 5).round(3)
    array([14.615,  3.861,  1.886,  0.963,  0.399,  0.029])
    """
    if table not in _TABLES:
        raise ValueError(f"table must be one of {', '.join(map(repr, _TABLES))}; got {table!r}")
    _, end = two_ends(process, steps, None, t_end)
    levels = np.log(_TABLES[table])
    at = np.linspace(0.0, len(levels) - 1.0, steps + 1)
    lam = -np.interp(at, np.arange(len(levels)), levels)
    least = float(process.log_snr(process.t_max))
    if lam[0] < least - 1e-3:
        raise ValueError(
            f"the table {table!r} starts at sigma/alpha = {math.exp(-lam[0]):g}, and {process!r} ends at "
            f"{math.exp(-least):g}; use a process with more noise, or another grid"
        )
    # Tables are rounded to three decimals, by which the first level may exceed that of t_max.
    times = [min(float(process.time_of_log_snr(float(v))), process.t_max) for v in lam]
    return decreasing(np.asarray(times if t_end is None else [*times[:-1], end]))
