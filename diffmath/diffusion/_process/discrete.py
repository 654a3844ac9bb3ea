r"""Processes of discrete models: from betas or from cumulative alphas, and with zero terminal SNR.

.. math:: \bar\alpha_i = \prod_{j \le i} (1 - \beta_j), \quad t_i = \frac{i + 1}{N}, \qquad
   a' = (a - a_T) \frac{a_0}{a_0 - a_T}, \quad a = \sqrt{\bar\alpha}

Source: Ho, Jain & Abbeel (2020), arXiv:2006.11239; Lin et al. (2024), arXiv:2305.08891, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import log, logistic
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.table import HostArray, Interpolation, Table
from diffmath.diffusion._process.times import functions_of
from diffmath.diffusion._process.vanishing import Preserving

__all__ = ["DiscreteProcess", "from_alphas_cumprod", "from_betas", "zero_terminal_snr"]


@dataclass(frozen=True, eq=False, repr=False)
class DiscreteProcess(Process):
    """A process that has known noise levels at the times (i + 1)/N."""

    alphas_cumprod: Any = None
    interpolation: Interpolation = "smooth"

    @property
    def cell(self) -> float:
        """The distance 1/N of two nodes."""
        return 1 / len(self.alphas_cumprod)


def from_betas(
    betas: Sequence[float] | HostArray, interpolation: Interpolation = "smooth"
) -> DiscreteProcess:
    r"""Return the process of a discrete model with N betas, in continuous time.

    .. math:: \alpha(t_i)^2 = \prod_{j \le i} (1 - \beta_j), \qquad t_i = \frac{i + 1}{N}, \qquad
       \alpha^2 + \sigma^2 = 1

    Parameters
    ----------
    betas : sequence of float, shape (N,)
        In (0, 1); the last may be 1. `betas` has those of other libraries.
    interpolation : {"smooth", "log_alpha", "log_sigma"}
        Between the nodes: a monotone interpolant of the log-SNR with a continuous derivative;
        :math:`\ln\alpha` linear in time (DPM-Solver); :math:`\ln(\sigma/\alpha)` linear in time
        (k-diffusion).

    Returns
    -------
    Process
        With `t_min` 1/N, the time of index 0, and `t_max` 1, that of index N - 1; and with the attribute
        `alphas_cumprod`.

    Raises
    ------
    TypeError
        Values that are not numbers.
    ValueError
        Not one row of numbers in (0, 1), or an unknown interpolation.

    Notes
    -----
    All interpolants agree at the nodes. The linear ones have kinks there, by which methods that resolve time
    (Runge-Kutta in t) fall to order 2. On [0, 1/N], below index 0, alpha^2 goes to 1 exponentially, so that t
    = 0 is the data: it is not index 0.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 4.
    .. [2] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, appendix D.2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> process = from_betas(diffusion.betas("scaled_linear"))
    >>> process
    Process('discrete(1000, smooth)', t: 0.001 -> 1)
    >>> round(process.alpha(0.001) ** 2, 6), round(process.alpha(1.0) ** 2, 4)
    (0.99915, 0.0047)
    """
    found = _row("betas", betas)
    if not (np.all(found[:-1] < 1) and np.all(found > 0) and found[-1] <= 1):
        raise ValueError(f"betas must lie in (0, 1), of which the last may be 1; got {_worst(found)}")
    with np.errstate(divide="ignore"):
        return _process(-np.cumsum(np.log1p(-found)), interpolation)


def from_alphas_cumprod(
    alphas_cumprod: Sequence[float] | HostArray, interpolation: Interpolation = "smooth"
) -> DiscreteProcess:
    r"""Return the process of a discrete model with known :math:`\bar\alpha_i`, in continuous time.

    Parameters
    ----------
    alphas_cumprod : sequence of float, shape (N,)
        Strictly decreasing in (0, 1); the last may be 0 (zero terminal SNR).
    interpolation : {"smooth", "log_alpha", "log_sigma"}
        As in `from_betas`. Where the last is 0, alpha goes to 0 linearly on the last cell.

    Returns
    -------
    Process

    Raises
    ------
    TypeError
        Values that are not numbers.
    ValueError
        Not one row of decreasing numbers in (0, 1), or an unknown interpolation.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 4.

    Examples
    --------
    >>> process = from_alphas_cumprod([0.9, 0.5, 0.0])
    >>> process.marginal(1.0), round(process.alpha(2 / 3) ** 2, 12)
    ((0.0, 1.0), 0.5)
    """
    found = _row("alphas_cumprod", alphas_cumprod)
    if not (0 < found[0] < 1 and found[-1] >= 0 and np.all(np.diff(found) < 0)):
        raise ValueError(
            "alphas_cumprod must be strictly decreasing numbers in (0, 1), of which the last may be 0; got "
            f"{found}"
        )
    with np.errstate(divide="ignore"):
        return _process(-np.log(found), interpolation)


@overload
def zero_terminal_snr(schedule: Process) -> Process: ...
@overload
def zero_terminal_snr(schedule: Sequence[float] | HostArray) -> HostArray: ...


def zero_terminal_snr(schedule: Any) -> Any:
    r"""Rescale a variance-preserving schedule so that it ends with pure noise.

    .. math:: \alpha' = (\alpha - \alpha_T) \frac{\alpha_0}{\alpha_0 - \alpha_T}, \qquad
       \sigma'^2 = 1 - \alpha'^2

    Parameters
    ----------
    schedule : Process or sequence of float
        A process with :math:`\alpha^2 + \sigma^2 = 1`, or a table :math:`\bar\alpha_i` for
        `from_alphas_cumprod`. In a discrete process and a table, :math:`\alpha_0` is that of index 0.

    Returns
    -------
    Process or numpy.ndarray
        As `schedule`.

    Raises
    ------
    TypeError
        Neither a process nor numbers.
    ValueError
        A process that does not preserve the variance, one that ends with pure noise already, or a table that
        is not decreasing.

    Notes
    -----
    A model that predicts the noise or the score cannot start at alpha = 0; one that predicts the data, v or
    the flow can.

    References
    ----------
    .. [1] Lin et al. (2024), Common diffusion noise schedules and sample steps are flawed, arXiv:2305.08891,
       algorithm 1.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> zero_terminal_snr(diffusion.vp(0.1, 5.0)).marginal(1.0)
    (0.0, 1.0)
    >>> zero_terminal_snr([0.81, 0.25, 0.01]).round(4)
    array([0.81  , 0.2025, 0.    ])
    """
    if isinstance(schedule, DiscreteProcess):
        return from_alphas_cumprod(zero_terminal_snr(schedule.alphas_cumprod), schedule.interpolation)
    if not isinstance(schedule, Process):
        roots = np.sqrt(_row("alphas_cumprod", schedule))
        _check_fall(roots[0], roots[-1])
        rescaled: HostArray = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
        return rescaled
    for q in (0.0, 0.3, 1.0):
        alpha, sigma = schedule.marginal(q * schedule.t_max)
        if abs(alpha**2 + sigma**2 - 1) > 1e-9:
            raise ValueError(
                f"zero_terminal_snr needs alpha^2 + sigma^2 = 1; {schedule!r} has {alpha**2 + sigma**2:.6g} "
                f"at t={q * schedule.t_max:g}"
            )
    _check_fall(*(schedule.marginal(t)[0] for t in (0.0, schedule.t_max)))
    curve = _Rescaled(schedule)
    return curve.process(f"zero_terminal_snr({schedule.name})", schedule.t_min, schedule.t_max)


@dataclass(frozen=True)
class _Rescaled(Preserving):
    """A process with its last alpha taken away; 1 - alpha = sigma^2 / (1 + alpha) keeps sigma exact."""

    process_before: Process

    @property
    def least(self) -> float:
        return float(self.process_before.alpha(self.process_before.t_max))

    def alpha(self, t: Time) -> Any:
        return (self.process_before.alpha(t) - self.least) / (1 - self.least)

    def sigma(self, t: Time) -> Any:
        alpha, sigma = self.process_before.alpha(t), self.process_before.sigma(t)
        below_one = sigma**2 / (1 + alpha) / (1 - self.least)
        return elementary(t).sqrt(below_one * (2 - below_one))

    def d_alpha(self, t: Time) -> Any:
        return self.process_before.d_alpha(t) / (1 - self.least)

    def loss(self, t: Time) -> Any:
        return -self.alpha(t) * self.d_alpha(t)

    def log_snr(self, t: Time) -> Any:
        return log(self.alpha(t)) - log(self.sigma(t))

    def time_of_log_snr(self, lam: Time) -> Any:
        data, noise = logistic(2 * lam), logistic(-2 * lam)
        after = elementary(lam).sqrt(data)
        below_one = noise / (1 + after) * (1 - self.least)
        before = self.least + after * (1 - self.least)
        lam_before = log(before) - (log(below_one) + log(1 + before)) / 2
        return self.process_before.time_of_log_snr(lam_before)


def _process(totals: HostArray, interpolation: Interpolation) -> DiscreteProcess:
    if interpolation not in ("smooth", "log_alpha", "log_sigma"):
        raise ValueError(f"interpolation must be 'smooth', 'log_alpha' or 'log_sigma'; got {interpolation!r}")
    if not (totals[0] < math.inf and np.all(np.diff(totals) > 0)):
        raise ValueError(
            "the noise levels must differ: 1 - beta or alphas_cumprod is a repeated number in float64"
        )
    table = Table(totals, interpolation)
    return DiscreteProcess(
        **functions_of(table),
        t_min=1 / table.length if table.length > 1 else 0.5,
        t_max=1.0,
        name=f"discrete({table.length}, {interpolation})",
        alphas_cumprod=np.exp(-totals),
        interpolation=interpolation,
    )


def _row(name: str, values: Any) -> HostArray:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be numbers on the host, shape (N,); got {type(values).__name__}"
        ) from None
    if found.ndim != 1 or found.size == 0 or not np.all(np.isfinite(found)):
        raise ValueError(f"{name} must be finite numbers of shape (N,); got shape {found.shape}")
    return found


def _worst(values: HostArray) -> str:
    i = int(np.argmax(np.abs(values - 0.5)))
    return f"{values[i]} at index {i}"


def _check_fall(first: float, last: float) -> None:
    if not 0 < last < first:
        raise ValueError(
            f"the schedule must fall from alpha = {first:g} to a smaller one above 0; it ends at {last:g}"
        )
