r"""Guidance in an interval of noise levels, and the grid that has its ends as nodes.

Guidance helps in the middle of sampling and harms at its start (Kynkaanniemi et al. 2024, arXiv:2404.07724).
The noise level is :math:`\sigma_t/\alpha_t`, which means the same on every process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time
from diffmath.diffusion._guidance.pair import check_models, predict
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process, row_times

__all__ = ["guidance_interval", "interval_times"]


def guidance_interval(guided: Model, base: Model, sigma_low: float, sigma_high: float) -> Model:
    r"""Use one model in an interval of noise levels, and another outside it.

    .. math:: p(x, t) = \begin{cases} p_{\mathrm{guided}}(x, t) &
       \sigma_{\mathrm{low}} < \sigma_t/\alpha_t \le \sigma_{\mathrm{high}} \\
       p_{\mathrm{base}}(x, t) & \text{otherwise} \end{cases}

    Parameters
    ----------
    guided, base : Model
        Two models of one process, such as ``cfg(conditional, unconditional, 3.0)`` and ``conditional``.
    sigma_low, sigma_high : float
        The ends of the interval, in the noise level :math:`\sigma/\alpha` (sigma of `edm`), with
        0 <= sigma_low < sigma_high; sigma_high may be inf.

    Returns
    -------
    Model
        In the parametrisation of `base`.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; ends that are not ordered.

    Notes
    -----
    Cost: that of the model in use, unless `t` is an array of one time per row (or JAX traces it): then both
    are evaluated.

    The prediction jumps at the ends. A jump inside a step, or between the evaluations that a step combines,
    is an error of order 1: nothing to `ddim`, but the order of `dpmpp_2m`. With the ends on the grid
    (`interval_times`), methods that evaluate only at the start of a step and inside it keep their order.
    Methods that use earlier steps (or evaluate at the end of a step) keep it in three runs, with `base`, the
    guided model and `base`: the example of `interval_times` shows how. In one run on that grid, `dpmpp_2m`
    extrapolates the whole jump: leave its times as they are if it must be one run.

    References
    ----------
    .. [1] Kynkaanniemi et al. (2024), Applying guidance in a limited interval improves sample and
       distribution quality in diffusion models, arXiv:2404.07724.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.edm()
    >>> one = diffusion.from_denoiser(lambda x, t: 0.0 * x + 1.0, process)
    >>> zero = diffusion.from_denoiser(lambda x, t: 0.0 * x, process)
    >>> some = diffusion.guidance_interval(one, zero, 0.2, 5.0)
    >>> [float(some(np.zeros((1, 1)), sigma)[0, 0]) for sigma in (5.1, 5.0, 0.3, 0.2)]
    [0.0, 1.0, 1.0, 0.0]
    """
    check_models(guided=guided, base=base)
    ends = _interval(base.process, sigma_low, sigma_high)
    return Model(base.kind, _Interval(guided, base, *ends), base.process)


def interval_times(
    process: Process, times: Any, sigma_low: float, sigma_high: float
) -> npt.NDArray[np.float64]:
    r"""Return a grid with the times at which the noise level is `sigma_low` and `sigma_high`.

    Parameters
    ----------
    process : Process
    times : sequence of float, shape (steps + 1,)
        Times of a sampler, decreasing or increasing.
    sigma_low, sigma_high : float
        As for `guidance_interval`. An end outside the grid changes nothing.

    Returns
    -------
    numpy.ndarray, shape (steps + 1 + added,)
        The nearest inner time is moved to each end, so that no step becomes very short. A time is added only
        where that is the first or last time, or one that was moved already.

    Raises
    ------
    TypeError
        Not a `Process`; times that are not host numbers.
    ValueError
        Ends that are not ordered; times that are not strictly monotone.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.edm()
    >>> times = interval_times(process, [80.0, 20.0, 4.0, 1.0, 0.25, 0.05], 0.2, 5.0)
    >>> [float(t) for t in times.round(12)]
    [80.0, 20.0, 5.0, 1.0, 0.2, 0.05]

    Three runs, in each of which the model is smooth:

    >>> good = diffusion.GaussianMixture([1.0], [[1.0]], [0.3]).denoiser(process)
    >>> weak = diffusion.GaussianMixture([1.0], [[0.8]], [0.5]).denoiser(process)
    >>> x = np.array([[30.0]])
    >>> guided = diffusion.autoguidance(good, weak, 2.0)
    >>> for model, part in ((good, times[:3]), (guided, times[2:5]), (good, times[4:])):
    ...     x = diffusion.sample(process, model, x, part, method="dpmpp_2m")
    >>> x.round(2)
    array([[1.24]])
    """
    if not isinstance(process, Process):
        raise TypeError(f"process must be a diffmath.diffusion.Process; got {type(process).__name__}")
    grid = host_times(times)
    rising = grid[0] < grid[-1]
    found = list(grid if rising else grid[::-1])
    inner = found[1:-1]
    for end in _interval(process, sigma_low, sigma_high):
        if end in found or not found[0] < end < found[-1]:
            continue
        near = min(found, key=lambda t: abs(t - end))
        if near in inner:
            found.remove(near)
        found.append(end)
        found.sort()
    return np.array(found if rising else found[::-1])


def _interval(process: Process, low: float, high: float) -> tuple[float, float]:
    """Return the times at which the noise level is `low` and `high`; 0 and inf for those it never has."""
    if not 0 <= check_number("sigma_low", low) < check_number("sigma_high", high):
        raise ValueError(f"need 0 <= sigma_low < sigma_high; got {low} and {high}")
    return _time_of_level(process, float(low)), _time_of_level(process, float(high))


def _time_of_level(process: Process, level: float) -> float:
    if level == 0:
        return 0.0
    alpha, sigma = process.marginal(process.t_max)
    if level * alpha > sigma:
        return math.inf
    alpha, sigma = process.marginal(0.0)
    if level * alpha <= sigma:
        return 0.0
    return float(process.time_of_log_snr(-math.log(level)))


@dataclass(frozen=True, eq=False)
class _Interval:
    guided: Model
    base: Model
    above: float
    to: float

    def __call__(self, x: Array, t: Time) -> Array:
        at, kind = row_times(t, x), self.base.kind
        # 1e-6: an end that was rounded, also to single precision, is still the end.
        inside = (at > self.above * (1 + 1e-6)) & (at <= self.to * (1 + 1e-6))
        if isinstance(at, float):
            return predict(self.guided if inside else self.base, kind, x, t)
        return array_namespace(x).where(inside, predict(self.guided, kind, x, t), self.base(x, t))
