r"""Guidance with a factor per row: rescaled to the spread of the conditional prediction, and CFG-Zero*.

Source: Lin et al. (2023), arXiv:2305.08891, section 3.4; Fan et al. (2025), arXiv:2503.18886.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time
from diffmath.diffusion._guidance.pair import (
    Pair,
    Scale,
    check_form,
    check_scale,
    guided_by,
    row_dot,
    scale_at,
)
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import FLOW, row_times

__all__ = ["cfg_rescale", "cfg_zero_star"]


def cfg_rescale(
    conditional: Model, unconditional: Model, scale: Scale, *, phi: float = 0.7, form: str = "denoiser"
) -> Model:
    r"""Guide by `cfg`, and restore the spread of each row to that of the conditional prediction.

    .. math:: D_w = D_u + w (D_c - D_u), \qquad
       D = \phi\,\frac{\mathrm{std}(D_c)}{\mathrm{std}(D_w)}\,D_w + (1 - \phi)\,D_w

    with the standard deviation over the entries of a row.

    Parameters
    ----------
    conditional, unconditional, scale
        As for `cfg`.
    phi : float
        Between 0 (`cfg`) and 1; 0.7 in the paper.
    form : {"denoiser", "noise", "velocity", "flow", "score"}
        The form on which it acts. Libraries act on whatever the network predicts: name that form to
        reproduce them.

    Returns
    -------
    Model
        In the parametrisation `form`.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; `phi` outside [0, 1], an unknown form. Calling the model with one entry per row, whose
        spread is 0, is a ValueError.

    Notes
    -----
    Cost: one evaluation of each model. Rows do not influence each other. A row of :math:`D_w` whose entries
    are all equal is left as it is. The factor also moves the mean of a row towards 0.

    References
    ----------
    .. [1] Lin et al. (2023), Common diffusion noise schedules and sample steps are flawed, arXiv:2305.08891,
       section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.flow()
    >>> right = diffusion.from_denoiser(lambda x, t: 0.0 * x + np.array([1.0, -1.0]), process)
    >>> none = diffusion.from_denoiser(lambda x, t: 0.0 * x, process)
    >>> diffusion.cfg_rescale(right, none, 3.0)(np.zeros((1, 2)), 0.5).round(12)   # cfg: [[3, -3]]
    array([[ 1.6, -1.6]])
    """
    if not 0 <= check_number("phi", phi) <= 1:
        raise ValueError(f"phi must be in [0, 1]; got {phi}")
    pair = conditional, unconditional
    return guided_by(_Rescaled(*pair, check_scale(scale), check_form(form), float(phi)))


def cfg_zero_star(
    conditional: Model, unconditional: Model, scale: Scale, *, times: Any = None, zero_steps: int = 0
) -> Model:
    r"""Guide the flow as CFG-Zero* does.

    .. math:: u = s\,u_u + w\,(u_c - s\,u_u), \qquad s = \frac{\langle u_c, u_u\rangle}{\|u_u\|^2}

    per row, and u = 0 in the first steps.

    Parameters
    ----------
    conditional, unconditional, scale
        As for `cfg`; but w = 0 is the unconditional flow times s. The method was made for flow matching
        (`flow`).
    times : sequence of float, shape (steps + 1,), optional
        The decreasing times of the sampler, required if `zero_steps` is not 0.
    zero_steps : int
        Number of first steps with u = 0: those that start at t > ``times[zero_steps]``. The paper's are
        about 4 % of the steps.

    Returns
    -------
    Model
        A flow.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; times that do not decrease; `zero_steps` that is not between 0 and the number of steps.

    Notes
    -----
    Cost: one evaluation of each model, none where u = 0. Rows do not influence each other; a row with
    :math:`u_u = 0` has s = 0. On `flow`, a step of `ddim` with u = 0 leaves the state as it is. With a
    fixed number of zeroed steps, their span of time shrinks as steps grow, and the result tends to that of
    ``zero_steps=0`` at order 1, whatever the method; with a fixed share of the steps it does not.

    References
    ----------
    .. [1] Fan et al. (2025), CFG-Zero*: improved classifier-free guidance for flow matching models,
       arXiv:2503.18886.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.flow()
    >>> right = diffusion.from_flow(lambda x, t: 0.0 * x + np.array([2.0, 1.0]), process)
    >>> both = diffusion.from_flow(lambda x, t: 0.0 * x + np.array([1.0, 0.0]), process)
    >>> times = diffusion.uniform_times(process, 25, t_end=0.0)
    >>> guided = diffusion.cfg_zero_star(right, both, 3.0, times=times, zero_steps=1)
    >>> guided(np.zeros((1, 2)), 1.0), guided(np.zeros((1, 2)), times[1])
    (array([[0., 0.]]), array([[2., 3.]]))
    """
    zero_above = _zero_above(times, zero_steps)
    return guided_by(_ZeroStar(conditional, unconditional, check_scale(scale), FLOW, zero_above))


def _zero_above(times: Any, steps: int) -> float:
    """Return the time above which the flow is 0."""
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise TypeError(f"zero_steps must be an integer; got {type(steps).__name__}")
    if not steps:
        return math.inf
    if times is None:
        raise TypeError("zero_steps needs the times of the sampler: times=times")
    grid = host_times(times)
    if grid[0] < grid[-1]:
        raise ValueError(f"times must decrease from noise to data; got {grid[0]:g} -> {grid[-1]:g}")
    if not 0 < steps < len(grid):
        raise ValueError(
            f"zero_steps must be between 0 and the number of steps, {len(grid) - 1}; got {steps}"
        )
    return float(grid[steps])


@dataclass(frozen=True, eq=False)
class _Rescaled(Pair):
    phi: float

    def __call__(self, x: Array, t: Time) -> Array:
        if math.prod(x.shape[1:]) == 1:
            raise ValueError("cfg_rescale needs at least two entries per row, or their spread is 0; use cfg")
        to, start = self.predictions(x, t)
        guided = start + scale_at(self.scale, t, x) * (to - start)
        if not self.phi:
            return guided
        xp = array_namespace(guided)
        wanted, spread = _spread(to), _spread(guided)
        ratio = xp.where(spread > 0, wanted, xp.ones_like(wanted)) / xp.where(
            spread > 0, spread, xp.ones_like(spread)
        )
        return (self.phi * ratio + (1 - self.phi)) * guided


@dataclass(frozen=True, eq=False)
class _ZeroStar(Pair):
    zero_above: float

    def __call__(self, x: Array, t: Time) -> Array:
        xp, at = array_namespace(x), row_times(t, x)
        if isinstance(at, float) and at > self.zero_above:
            return xp.zeros_like(x)
        to, start = self.predictions(x, t)
        length = row_dot(start, start)
        start = row_dot(to, start) / xp.where(length > 0, length, xp.ones_like(length)) * start
        guided = start + scale_at(self.scale, t, x) * (to - start)
        if isinstance(at, float) or self.zero_above == math.inf:
            return guided
        return xp.where(at > self.zero_above, xp.zeros_like(guided), guided)


def _spread(values: Array) -> Array:
    """Return the standard deviation over the entries of each row."""
    ones = array_namespace(values).ones_like(values)
    count = math.prod(values.shape[1:])
    centred = values - row_dot(values, ones) / count
    return array_namespace(values).sqrt(row_dot(centred, centred) / count)
