"""Weighted particles: log-weights, the effective sample size, systematic resampling, and their result.

Weights are one number per particle and stay on the host in float64, so they are equal on all backends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, device, to_numpy
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray
from diffmath.random import Key, fold_in, uniform

__all__ = ["Particles", "Population", "check_threshold", "systematic", "taken"]


@dataclass(frozen=True, eq=False, repr=False)
class Particles:
    r"""Weighted samples, as `feynman_kac` and `twisted` return them.

    .. math:: \mathrm E f(x) \approx \sum_i W_i f(x_i), \qquad \sum_i W_i = 1

    Parameters
    ----------
    x : array, shape (batch, \*state)
        The particles.
    weights : numpy.ndarray, shape (batch,)
        Normalised weights :math:`W_i`, on the host.
    log_evidence : float
        Logarithm of the estimate of the normalising constant; the estimate itself is unbiased for the chain
        of the sampler, its logarithm is not.
    ess : numpy.ndarray, shape (steps + 1,)
        Effective sample size :math:`1/\sum_i W_i^2` at each time, before a resampling there.
    resampled : numpy.ndarray of bool, shape (steps + 1,)
        Whether the particles were resampled at each time.
    ancestors : numpy.ndarray of int, shape (batch,)
        The row of `x_T` from which each particle descends. Few different ones mean few independent samples,
        whatever the last effective sample size.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process = diffusion.edm()
    >>> prior = diffusion.Gaussian([0.0], 1.0).denoiser(process)
    >>> x_T = process.sample_prior(random.key(0), (1000, 1), like=np.empty(0))
    >>> times = np.append(diffusion.log_snr_times(process, 400), 0.0)
    >>> found = diffusion.feynman_kac(process, prior, x_T, times, lambda x: x[:, 0], key=random.key(1))
    >>> found
    Particles(batch=1000, log_evidence=0.469, ess=650, resampled=1 of 402)
    >>> found.mean().round(1)                # exp(x) moves N(0, 1) to N(1, 1), with a log-evidence of 1/2
    array([1.])
    """

    x: Array
    weights: HostArray
    log_evidence: float
    ess: HostArray
    resampled: npt.NDArray[np.bool_]
    ancestors: npt.NDArray[np.int64]

    def mean(self) -> Array:
        r"""Return the weighted mean of the particles, shape \*state."""
        xp = array_namespace(self.x)
        shape = (self.x.shape[0],) + (1,) * (self.x.ndim - 1)
        weights = xp.asarray(self.weights.reshape(shape), dtype=self.x.dtype, device=device(self.x))
        return xp.sum(weights * self.x, axis=0)

    def resample(self, key: Key) -> Array:
        """Return as many particles of equal weight, drawn systematically; some are repeated."""
        rows = systematic(self.weights, fold_in(key, "diffusion.resample"))
        return taken(self.x, rows)

    def __repr__(self) -> str:
        return (
            f"Particles(batch={self.x.shape[0]}, log_evidence={self.log_evidence:.3g}, "
            f"ess={self.ess[-1]:.0f}, resampled={int(self.resampled.sum())} of {len(self.resampled)})"
        )


def systematic(weights: HostArray, key: Key) -> npt.NDArray[np.int64]:
    r"""Return the rows of n offspring: row i about :math:`n W_i` times, by one uniform number.

    The expected number of copies is exactly :math:`n W_i`, the actual one that rounded down or up.
    """
    n = len(weights)
    u = float(uniform(fold_in(key, "systematic"), (1,), like=np.empty(0))[0])
    ends = np.cumsum(weights)
    found = np.searchsorted(ends / ends[-1], (np.arange(n) + u) / n, side="right")
    return np.minimum(found, n - 1).astype(np.int64)


def taken(x: Array, rows: npt.NDArray[np.int64]) -> Array:
    """Return some rows of an array."""
    xp = array_namespace(x)
    return xp.take(x, xp.asarray(rows, device=device(x)), axis=0)


class Population:
    """The weights of a run: increments are added, and the particles resampled when few are effective."""

    def __init__(self, batch: int, threshold: float) -> None:
        if batch < 1:
            raise ValueError("particles are the rows of x_T, which must have at least one; got none")
        self.log_weights = np.full(batch, -math.log(batch))  # normalised
        self.threshold = threshold
        self.log_evidence = 0.0
        self.ess: list[float] = []
        self.resampled: list[bool] = []
        self.ancestors = np.arange(batch)

    def weigh(self, increments: Any, what: str, t: float) -> None:
        """Multiply the weights by exp(increments), shape (batch,).

        Raises
        ------
        ValueError
            Increments that are nan or +inf, or -inf in every row.
        """
        values = to_numpy(increments).astype(np.float64)
        if np.any(np.isnan(values) | (values == np.inf)):
            row = int(np.flatnonzero(np.isnan(values) | (values == np.inf))[0])
            raise ValueError(f"{what} must be a number or -inf; at t={t:g} it is {values[row]} in row {row}")
        total = self.log_weights + values
        top = float(np.max(total))
        if top == -np.inf:
            raise ValueError(
                f"{what} is -inf in every row at t={t:g}: no particle is possible; take more particles or a "
                "smoother reward"
            )
        log_sum = top + math.log(float(np.sum(np.exp(total - top))))
        self.log_evidence += log_sum
        self.log_weights = total - log_sum
        self.ess.append(1.0 / float(np.sum(self.weights**2)))
        self.resampled.append(False)

    @property
    def weights(self) -> HostArray:
        weights = np.exp(self.log_weights)
        return np.asarray(weights / weights.sum())

    def chosen(self, key: Key) -> npt.NDArray[np.int64] | None:
        """Return the rows to go on with, having reset the weights, or None to go on with all."""
        n = len(self.log_weights)
        if self.ess[-1] >= self.threshold * n:
            return None
        rows = systematic(self.weights, key)
        self.log_weights = np.full(n, -math.log(n))
        self.resampled[-1] = True
        self.ancestors = self.ancestors[rows]
        return rows

    def result(self, x: Array) -> Particles:
        return Particles(
            x, self.weights, self.log_evidence, np.array(self.ess), np.array(self.resampled), self.ancestors
        )


def check_threshold(threshold: Any) -> float:
    """Return a resampling threshold in [0, 1]."""
    value = check_number("threshold", threshold)
    if not 0 <= value <= 1:
        raise ValueError(f"threshold must be in [0, 1], as a share of the batch; got {value}")
    return value
