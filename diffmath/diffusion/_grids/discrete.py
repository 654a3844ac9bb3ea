r"""The times of discrete models: N indices, of which a run visits some.

.. math:: t = \frac{i + 1}{N}, \qquad i \in \{0, \dots, N - 1\}

Source: Lin et al. (2024), arXiv:2305.08891, table 2, for linspace, leading and trailing; ComfyUI for simple,
sgm_uniform and ddim_uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Literal

import numpy as np

from diffmath._core.counts import check_count
from diffmath.diffusion._grids.variables import Times, decreasing
from diffmath.diffusion._process import DiscreteProcess, Process

__all__ = ["discrete_times"]

Spacing = Literal["leading", "trailing", "linspace", "simple", "sgm_uniform", "ddim_uniform"]


def discrete_times(
    process: Process,
    steps: int,
    *,
    spacing: Spacing = "trailing",
    offset: int = 0,
    N: int | None = None,
    t_end: float | None = 0.0,
) -> Times:
    r"""Return the times of indices of a discrete model, and the end of the last step.

    ============= ===========================================================================================
    trailing      round(N, N - N/n, ...) - 1
    leading       :math:`\lfloor N/n \rfloor (n - 1, \dots, 0)` + offset
    linspace      n equally spaced indices from N - 1 to 0, rounded
    simple        :math:`N - 1 - \lfloor i N/n \rfloor`, i = 0, ..., n - 1
    sgm_uniform   n + 1 equally spaced real indices from N - 1 to 0, of which the last is left out
    ddim_uniform  from 1 upwards in steps of :math:`\lfloor N/n \rfloor`, reversed
    ============= ===========================================================================================

    Parameters
    ----------
    process : Process
    steps : int
        n, from 1 to N.
    spacing : str
        A name of the table above.
    offset : int
        Added to the indices of "leading" (``steps_offset``).
    N : int, optional
        Number of indices; by default that of the table of the process (`from_betas`).
    t_end : float, optional
        End of the last step: 0.0 is the data (``set_alpha_to_one=True``), 1/N is index 0; None ends at the
        last index, without a further step.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)
        One time fewer with ``t_end=None``. "ddim_uniform" has more steps where n does not divide N, as its
        original has.

    Raises
    ------
    ValueError
        An unknown spacing, more steps than indices, indices outside 0 to N - 1, or a last step of length 0.

    Notes
    -----
    The previous time of a step is the next entry of this grid, not the time N // n indices below, by which
    some schedulers miss it.

    References
    ----------
    .. [1] Lin et al. (2024), Common diffusion noise schedules and sample steps are flawed, arXiv:2305.08891,
       table 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> process = diffusion.from_betas(diffusion.betas("scaled_linear"))
    >>> discrete_times(process, 4)
    array([1.  , 0.75, 0.5 , 0.25, 0.  ])
    >>> discrete_times(process, 4, spacing="leading", offset=1) * 1000 - 1
    array([751., 501., 251.,   1.,  -1.])
    """
    total = _length(process, N)
    if spacing not in _SPACINGS:
        raise ValueError(f"spacing must be one of {', '.join(map(repr, _SPACINGS))}; got {spacing!r}")
    if not 1 <= check_count("steps", steps, 0) <= total:
        raise ValueError(f"steps must lie in 1 to {total}, the number of indices; got {steps}")
    if offset and spacing != "leading":
        raise ValueError(f'offset is for spacing="leading"; got {offset} with {spacing!r}')
    indices = _SPACINGS[spacing](total, steps) + offset
    if not (indices[0] <= total - 1 and indices[-1] >= 0):
        raise ValueError(
            f"the indices must lie in 0 to {total - 1}; they are {indices[0]:g} to {indices[-1]:g}: use "
            "another offset"
        )
    times = (indices + 1) / total * process.t_max
    return decreasing(times if t_end is None else np.append(times, float(t_end)))


def _length(process: Process, given: int | None) -> int:
    if given is None:
        if not isinstance(process, DiscreteProcess):
            raise ValueError(f"{process!r} has no table of noise levels: pass N=1000, or use from_betas")
        return len(process.alphas_cumprod)
    if index(given) < 1:
        raise ValueError(f"N must be at least 1; got {given}")
    return given


def _trailing(total: int, steps: int) -> Times:
    # Not by repeated subtraction of N/n, which may reach a step too many.
    found: Times = np.round(total - np.arange(steps) * (total / steps)) - 1
    return found


def _leading(total: int, steps: int) -> Times:
    return np.arange(steps - 1.0, -1.0, -1.0) * float(total // steps)


def _linspace(total: int, steps: int) -> Times:
    found: Times = np.round(np.linspace(0.0, total - 1.0, steps))[::-1]
    return found


def _simple(total: int, steps: int) -> Times:
    found: Times = total - 1.0 - np.floor(np.arange(steps) * (total / steps))
    return found


def _sgm_uniform(total: int, steps: int) -> Times:
    return np.linspace(total - 1.0, 0.0, steps + 1)[:-1]


def _ddim_uniform(total: int, steps: int) -> Times:
    return np.arange(1.0, total, max(total // steps, 1))[::-1]


_SPACINGS: dict[str, Callable[[int, int], Times]] = {
    "leading": _leading,
    "trailing": _trailing,
    "linspace": _linspace,
    "simple": _simple,
    "sgm_uniform": _sgm_uniform,
    "ddim_uniform": _ddim_uniform,
}
