r"""The flow of the probability-flow ODE on the line: the increasing map of quantiles.

.. math:: \Psi_{s \to t}(x) = F_t^{-1}(F_s(x)), \qquad F(x) = \sum_k w_k \Phi\Big(\frac{x - m_k}{d_k}\Big)

The flow preserves order and carries :math:`p_s` to :math:`p_t`, so it preserves the distribution function. No
ODE is solved. The root y of :math:`\sum_k w_k (\Phi(z_k(y)) - \Phi(z_k(x)))` is bracketed by the points that
have the same :math:`z_k` in a component. A component to the left of a point enters by its upper tail, one to
the right by its lower tail, so the sum keeps its relative accuracy in both tails and between far components.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from diffmath.diffusion._exact.line import LineMixture
from diffmath.diffusion._exact.roots import in_chunks, increasing_root

__all__ = ["Marginal", "mixture_map"]

Host = npt.NDArray[np.float64]
Marginal = tuple[float, float]  # alpha and sigma


def mixture_map(source: LineMixture, target: LineMixture, x: Host) -> Host:
    """Return the quantiles of `target` at the levels that x, shape (batch,), has in `source`.

    The two have the same weights; the points of a component with the same distance from its mean, in
    deviations, correspond.
    """
    return in_chunks(lambda rows: _map(source, target, rows), x, len(source.weights))


def _map(source: LineMixture, target: LineMixture, x: Host) -> Host:
    z = source.scaled(x)
    same = target.means + target.deviations * z
    level = _Level(target, z)
    scale = np.broadcast_to(target.deviations.min(), x.shape)
    return increasing_root(level, same.min(axis=1), same.max(axis=1), scale)


class _Level:
    """The excess of F_t(y) over the level of each row, and its derivative in y, up to a factor."""

    def __init__(self, target: LineMixture, z: Host) -> None:
        self.target, self.log_weights = target, np.log(target.weights)
        self.passed = z > 0
        self.log_tails, self.signs = self._tails(z)

    def _tails(self, z: Host) -> tuple[Host, Host]:
        """Return the logarithm of the smaller tail of each component, and its sign in F."""
        return self.log_weights + log_ndtr(-np.abs(z)), np.where(z > 0, -1.0, 1.0)

    def __call__(self, y: Host, rows: npt.NDArray[np.intp]) -> tuple[Host, Host]:
        z = self.target.scaled(y)
        log_tails, signs = self._tails(z)
        known = self.log_tails[rows]
        top = np.maximum(log_tails.max(axis=1), known.max(axis=1))[:, None]
        gained = np.exp(log_tails - top) * signs - np.exp(known - top) * self.signs[rows]
        # Components that lie between the level and y: 0 in most rows, exactly.
        crossed = (z > 0).astype(np.float64) - self.passed[rows]
        jump = (crossed * self.target.weights).sum(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            jump = np.where(jump == 0, 0.0, jump * np.exp(-top[:, 0]))
            slope = np.exp(self.target.log_terms(z) - top).sum(axis=1)
        return jump + gained.sum(axis=1), slope
