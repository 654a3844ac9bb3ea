r"""Node coordinates: in which variable the polynomial runs that replaces the prediction.

============ ======================================= ==============================================
name         coordinate                              infinite where
============ ======================================= ==============================================
log_snr      :math:`\ln(\alpha/\sigma)`              alpha = 0, sigma = 0
sigma        :math:`\sigma/\alpha`                   alpha = 0
flow         :math:`\sigma/(\alpha + \sigma)`        nowhere
theta        :math:`\arctan(\sigma/\alpha)`          nowhere
log_norm     :math:`\ln(1 + \sigma^2/\alpha^2)`      alpha = 0
time         t of the process                        nowhere
============ ======================================= ==============================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from diffmath.diffusion._multistep.forms import Level
from diffmath.diffusion._process import Process

__all__ = ["NODES", "Nodes", "coordinate", "is_infinite", "lagrange"]

Nodes = Literal["log_snr", "sigma", "flow", "theta", "log_norm", "time"]
NODES: tuple[Nodes, ...] = get_args(Nodes)
Vector = npt.NDArray[np.float64]


def is_infinite(nodes: Nodes, at: Level) -> bool:
    """Whether a coordinate is infinite at a noise level."""
    if nodes == "log_snr":
        return at.alpha == 0 or at.sigma == 0
    return nodes in ("sigma", "log_norm") and at.alpha == 0


def coordinate(nodes: Nodes, alpha: Any, sigma: Any, log_snr: Any, near_data: bool, process: Process) -> Any:
    """Return the coordinate at noise levels, given up to a common factor of alpha and sigma.

    Bounded coordinates are measured from the end that is nearer, where they are accurate.
    """
    if nodes == "log_snr":
        return log_snr
    if nodes == "sigma":
        return sigma / alpha
    if nodes == "log_norm":
        return np.log1p((sigma / alpha) ** 2)
    if nodes == "time":
        return process.time_of_log_snr(log_snr)
    if nodes == "flow":
        return sigma / (alpha + sigma) if near_data else -alpha / (alpha + sigma)
    return np.arctan2(sigma, alpha) if near_data else -np.arctan2(alpha, sigma)


def lagrange(nodes: Sequence[float], at: Vector) -> Vector:
    """Return the values of the Lagrange polynomials of the nodes, shape (nodes, points)."""
    known = np.asarray(nodes, dtype=np.float64)
    count = len(known)
    gaps = known[:, None] - known[None, :]
    np.fill_diagonal(gaps, 1.0)
    factors = np.broadcast_to(at[None, None, :] - known[None, :, None], (count, count, len(at))).copy()
    factors[np.arange(count), np.arange(count)] = 1.0
    values: Vector = factors.prod(axis=1) / gaps.prod(axis=1)[:, None]
    return values
