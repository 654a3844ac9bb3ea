r"""Division of a Brownian motion: Chen's relation joins two parts, the Gaussian bridge divides an interval.

Over an interval of length h let :math:`v = (W, H, K)` (see `Increment`); its entries are independent, with
covariance :math:`h D`, :math:`D = \mathrm{diag}(1, 1/12, 1/720)`. The interval is divided at the ratio r, and
:math:`q = 1 - r`. Splitting the defining integrals there gives Chen's relation, linear with triangular
matrices,

.. math:: v = A v_l + B v_r, \qquad
    A = \begin{pmatrix} 1 \\ q/2 & r \\ q(q-r)/12 & rq/2 & r^2 \end{pmatrix}, \quad
    B = \begin{pmatrix} 1 \\ -r/2 & q \\ r(r-q)/12 & -rq/2 & q^2 \end{pmatrix},

and since :math:`v_l` and :math:`v_r` are independent Gaussians, the left part given the whole is Gaussian
with

.. math:: \mathrm E[v_l \mid v] = M_l v, \quad M_l = r D A^T D^{-1}, \qquad
    \mathrm{Cov}(v_l \mid v) = h (r D - M_l D M_l^T) = h L L^T, \qquad M_r = q D B^T D^{-1}.

The parts must add up to the whole, so with the same normals z the noise of the right part is
:math:`-B^{-1} A L z`. This matrix is also triangular, hence it is minus the Cholesky factor of the right
covariance: the construction is symmetric in the two parts. The leading one or two rows and columns are the
bridges of (W) and of (W, H).

References
----------
.. [1] Foster (2020), Numerical approximations for stochastic differential equations, Oxford, chapter 6.
.. [2] Chen (1957), Integration of paths, geometric invariants and a generalized Baker-Hausdorff formula,
   Ann. of Math. 65, 163-178.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._core.typing import Array

__all__ = ["VARIANCES", "Split", "State", "chen_matrices", "divide", "join", "split", "weighted_sums"]

Matrix = npt.NDArray[np.floating[Any]]
State = tuple[Array, ...]  # (W,), (W, H) or (W, H, K)

VARIANCES = (1.0, 1.0 / 12.0, 1.0 / 720.0)  # of W, H, K over a unit of time


@dataclass(frozen=True, eq=False)
class Split:
    """The law of both parts given the whole: part = mean @ whole + sqrt(h) * noise @ z.

    Parameters
    ----------
    left, right : array, shape (order, order)
        Conditional means.
    left_noise, right_noise : array, shape (order, order)
        Lower triangular factors, multiplied by the same normals.
    """

    left: Matrix
    right: Matrix
    left_noise: Matrix
    right_noise: Matrix


def chen_matrices(r: float, order: int = 3) -> tuple[Matrix, Matrix]:
    """Return A and B of Chen's relation, whole = A left + B right; r may lie outside [0, 1]."""
    q = 1.0 - r
    left = [[1.0, 0.0, 0.0], [q / 2, r, 0.0], [q * (q - r) / 12, r * q / 2, r * r]]
    right = [[1.0, 0.0, 0.0], [-r / 2, q, 0.0], [r * (r - q) / 12, -r * q / 2, q * q]]
    return np.array(left)[:order, :order], np.array(right)[:order, :order]


@lru_cache(maxsize=4096)
def split(r: float, order: int = 3) -> Split:
    """Return the bridge of the first `order` of (W, H, K) at the ratio r, 0 < r < 1."""
    q = 1.0 - r
    a, b = chen_matrices(r, order)
    variances = np.array(VARIANCES[:order])
    left, right = (
        share * variances[:, None] * chen.T / variances for share, chen in ((r, a), (q, b))
    )  # fmt: skip
    # The factor of the shorter side is well conditioned; the longer side follows from Chen's relation.
    if r <= 0.5:
        noise = _factor(r, left, variances)
        return Split(left, right, noise, -np.linalg.solve(b, a @ noise))
    noise = -_factor(q, right, variances)
    return Split(left, right, -np.linalg.solve(a, b @ noise), noise)


def _factor(share: float, mean: Matrix, variances: Matrix) -> Matrix:
    return np.linalg.cholesky(np.diag(share * variances) - (mean * variances) @ mean.T)


def divide(whole: State, z: State, law: Split, root_h: float) -> tuple[State, State]:
    """Draw both parts of an interval of length root_h**2 from the whole and normals z."""
    return (
        _affine(law.left, whole, root_h * law.left_noise, z),
        _affine(law.right, whole, root_h * law.right_noise, z),
    )


def join(left: State, right: State, r: float) -> State:
    """Return the whole by Chen's relation; the left part has the share r of the length."""
    if len(left) == 1:
        return (left[0] + right[0],)
    a, b = chen_matrices(r, len(left))
    return _affine(a, left, b, right)


def _affine(a: Matrix, x: State, b: Matrix, y: State) -> State:
    return tuple(weighted_sums(np.hstack([a, b]), [*x, *y]))


def weighted_sums(weights: Matrix, values: list[Array]) -> list[Array]:
    """Return one weighted sum of the values for each row of weights.

    The sums are elementwise: the last bit of a matrix product might depend on the batch.
    """
    rows = []
    for row in weights:
        products = [v if c == 1.0 else float(c) * v for c, v in zip(row, values, strict=True) if c != 0.0]
        rows.append(sum(products[1:], start=products[0]))
    return rows
