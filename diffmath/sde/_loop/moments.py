r"""Mean and covariance of linear SDEs over time, exact up to rounding, and higher moments.

With Y = (1, X), :math:`dY = \tilde A Y\,dt + \sum_l \tilde B_l Y\,dW_l`. By Ito's formula every tensor power
satisfies a linear equation,

.. math:: \frac{d}{dt} \mathrm E[Y^{\otimes p}] = \Bigl( \sum_i \tilde A^{(i)}
    + \sum_{i < j} \sum_l \tilde B_l^{(i)} \tilde B_l^{(j)} \Bigr) \mathrm E[Y^{\otimes p}],

where (i) means the action on the i-th factor. Since :math:`Y_0 = 1`, power p contains all moments up to p.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.expm import expm
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.sde._model import LinearSDE, Matrix

__all__ = ["Moments", "moments", "raw_moments"]

_LARGEST = 4096  # unknowns of a moment equation: the cost of its exponential is cubic


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance at given times.

    Parameters
    ----------
    t : numpy.ndarray, shape (times,)
        Host times.
    mean : array, shape (times, \\*batch, dim)
        Means.
    covariance : array, shape (times, \\*batch, dim, dim)
        Covariances, symmetric.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.moments(sde.LinearSDE(A=[[0.0]], b=[[1.0]]), np.zeros(1), [0.0, 2.0])
    Moments(t: 0 -> 2 (2 times), mean: (2, 1))
    """

    t: npt.NDArray[np.float64]
    mean: Array
    covariance: Array

    def __repr__(self) -> str:
        return (
            f"Moments(t: {self.t[0]:g} -> {self.t[-1]:g} ({len(self.t)} times), "
            f"mean: {tuple(self.mean.shape)})"
        )


def moments(
    model: LinearSDE | Any, mean: Array, times: npt.ArrayLike, *, covariance: Array | None = None
) -> Moments:
    r"""Return mean and covariance of a linear SDE over time.

    .. math::
        \dot m &= A m + a, \\
        \dot C &= A C + C A^\top
            + \sum_l \bigl( B_l C B_l^\top + (B_l m + b_l)(B_l m + b_l)^\top \bigr)

    (Ito; a Stratonovich equation is converted: :math:`\tilde A + \tfrac12 \sum_l \tilde B_l^2` on (1, X)).

    Parameters
    ----------
    model : LinearSDE or symbolic.SDE
        A symbolic equation must be linear; this is proven.
    mean : array, shape (dim,) or (batch, dim)
        Mean at ``times[0]``.
    times : array_like, shape (times,)
        Strictly monotone host times. Decreasing times run backwards as in `solve`: the noise is adapted to
        decreasing time, and adds to the covariance.
    covariance : array, shape (dim, dim) or (batch, dim, dim), optional
        Covariance at ``times[0]``, symmetric; zero by default.

    Returns
    -------
    Moments
        In the dtype and on the device of `mean`; the exponentials are computed on the host in float64.

    Raises
    ------
    TypeError
        A model of another type; arrays of two libraries.
    ValueError
        A model that is not linear; shapes that do not fit; a covariance that is not symmetric; times so long
        that moments overflow.

    Notes
    -----
    Exact up to rounding for any A, also if it is singular or unstable. One exponential of a matrix of size
    :math:`2 (\mathrm{dim} + 1)^2` per time, from ``times[0]``, so errors do not accumulate. C is computed
    alongside :math:`m m^\top` and not as a difference of second moments, so a large mean costs no digits. Use
    it as an exact reference for weak errors without Monte Carlo. For other equations:
    `diffmath.fokker_planck`, or samples.

    References
    ----------
    .. [1] Arnold (1974), Stochastic Differential Equations, section 8.5.
    .. [2] Van Loan (1978), Computing integrals involving the matrix exponential, IEEE TAC 23, 395-404.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> ou = sde.LinearSDE(A=[[-1.0]], b=[[1.0]])
    >>> found = sde.moments(ou, np.array([2.0]), [0.0, 0.5, 1.0])
    >>> bool(np.allclose(found.covariance[:, 0, 0], (1 - np.exp(-2 * found.t)) / 2))
    True
    """
    linear, at = _linear(model), host_times(times, min_length=1)
    mean, covariance = _initial(linear, mean, covariance)
    n, xp = linear.dim, array_namespace(mean)
    drift, noise = _elapsed(linear, at)
    identity = np.eye(n + 1)
    both = np.kron(drift, identity) + np.kron(identity, drift)
    spread = sum((np.kron(B, B) for B in noise), start=np.zeros_like(both))
    # (C, m m^T) together: the random and the deterministic part of the second moments.
    block = np.block([[both + spread, spread], [np.zeros_like(both), both]])
    steps = np.abs(at - at[0])
    flow, propagate = _exponentials(steps, drift), _exponentials(steps, block)
    one = asarray_like(np.ones((*mean.shape[:-1], 1)), mean)
    y = xp.concat([one, mean], axis=-1)
    moved = (asarray_like(flow, mean) @ xp.reshape(y, (-1, n + 1, 1))[:, None, ...])[..., 1:, 0]
    start = _pairs(covariance, y, n)
    found = (asarray_like(propagate[:, : (n + 1) ** 2], mean) @ start[:, None, :, None])[..., 0]
    C = xp.reshape(found, (*found.shape[:2], n + 1, n + 1))[..., 1:, 1:]
    C = 0.5 * (C + xp.matrix_transpose(C))
    shape = tuple(mean.shape[:-1])
    return Moments(
        at,
        xp.reshape(xp.permute_dims(moved, (1, 0, 2)), (len(at), *shape, n)),
        xp.reshape(xp.permute_dims(C, (1, 0, 2, 3)), (len(at), *shape, n, n)),
    )


def raw_moments(model: LinearSDE | Any, x: npt.ArrayLike, times: npt.ArrayLike, order: int) -> Matrix:
    r"""Return all mixed moments of a linear SDE that starts from a point, up to an order.

    .. math:: M_{i_1 \dots i_p}(t) = \mathrm E[Y_{i_1} \cdots Y_{i_p}], \qquad Y = (1, X(t))

    Parameters
    ----------
    model : LinearSDE or symbolic.SDE
        As for `moments`.
    x : array_like, shape (dim,)
        The initial state, a host vector.
    times : array_like, shape (times,)
        As for `moments`.
    order : int
        p, at least 1; ``(dim + 1)**p`` is at most 4096.

    Returns
    -------
    numpy.ndarray, shape (times, dim + 1, ..., dim + 1)
        Symmetric in the last p axes; index 0 means the factor 1, index i means :math:`X_i` (from 1).

    Raises
    ------
    TypeError, ValueError
        As for `moments`; an order too large.

    Notes
    -----
    Exact up to rounding; central moments computed from these lose digits if the mean is large. One
    exponential of size ``(dim + 1)**p`` per time.

    References
    ----------
    .. [1] Arnold (1974), Stochastic Differential Equations, section 8.5.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> wiener = sde.LinearSDE(A=[[0.0]], b=[[1.0]])
    >>> sde.raw_moments(wiener, [0.0], [0.0, 2.0], 4)[1, 1, 1, 1, 1]  # 3 t^2
    np.float64(12.0...)
    """
    linear, at = _linear(model), host_times(times, min_length=1)
    order, size = check_count("order", order), linear.dim + 1
    if size**order > _LARGEST:
        raise ValueError(f"order must keep (dim + 1)**order at most {_LARGEST}; got {size}**{order}")
    point = np.asarray(x)
    if point.dtype.kind not in "fiu":
        raise TypeError(f"x must be real host numbers; got dtype {point.dtype}")
    point = point.astype(np.float64)
    if point.shape != (linear.dim,) or not np.isfinite(point).all():
        raise ValueError(f"x must be finite, of shape ({linear.dim},); got {point.shape}")
    drift, noise = _elapsed(linear, at)
    total = np.zeros((size**order, size**order))
    for i in range(order):
        total += _acting({i: drift}, order, size)
    for i, j in combinations(range(order), 2):
        for B in noise:
            total += _acting({i: B, j: B}, order, size)
    start = np.ones(1)
    for _ in range(order):
        start = np.kron(start, np.append(1.0, point))
    found = _exponentials(np.abs(at - at[0]), total) @ start
    return np.asarray(found.reshape(len(at), *[size] * order))


def _acting(factors: dict[int, Matrix], order: int, size: int) -> Matrix:
    """Return the Kronecker product of `order` matrices: the given ones, and identities elsewhere."""
    product: Any = np.ones((1, 1))
    for i in range(order):
        product = np.kron(product, factors.get(i, np.eye(size)))
    return np.asarray(product)


def _linear(model: Any) -> LinearSDE:
    return model if isinstance(model, LinearSDE) else LinearSDE.from_symbolic(model)


def _elapsed(linear: LinearSDE, times: npt.NDArray[np.float64]) -> tuple[Matrix, Matrix]:
    """Return the Ito matrices of (1, X) as a function of the elapsed time."""
    drift, noise = linear.augmented()
    drift = -drift if times[-1] < times[0] else drift
    if linear.calculus == "stratonovich":
        drift = drift + 0.5 * (noise @ noise).sum(axis=0)
    return drift, noise


def _exponentials(steps: npt.NDArray[np.float64], generator: Matrix) -> Matrix:
    with np.errstate(all="ignore"):
        found = np.stack([expm(h * generator) for h in steps])
    if not np.isfinite(found).all():
        raise ValueError("times must be near enough for the moments not to overflow: end earlier")
    return found


def _initial(linear: LinearSDE, mean: Array, covariance: Array | None) -> tuple[Array, Array]:
    n = linear.dim
    mean = check_array("mean", mean, min_ndim=1) if getattr(mean, "ndim", 1) else mean
    if mean.ndim not in (1, 2) or mean.shape[-1] != n:
        raise ValueError(f"mean must have shape ({n},) or (batch, {n}); got {tuple(mean.shape)}")
    xp = array_namespace(mean)
    shape = (*mean.shape, n)
    if covariance is None:
        return mean, asarray_like(np.zeros(shape), mean)
    covariance = check_array("covariance", covariance)
    array_namespace(mean, covariance, names=["mean", "covariance"])
    if tuple(covariance.shape) not in (shape, (n, n)):
        raise ValueError(f"covariance must have shape {shape}; got {tuple(covariance.shape)}")
    if 0 in covariance.shape:
        return mean, covariance
    size = float(xp.max(xp.abs(covariance)))
    if float(xp.max(xp.abs(covariance - xp.matrix_transpose(covariance)))) > 1e-5 * size:
        raise ValueError("covariance must be symmetric; use (C + C.T) / 2")
    least = float(xp.min(xp.linalg.eigvalsh(covariance)))
    if least < -1e-5 * size:
        raise ValueError(f"covariance must be positive semidefinite; its least eigenvalue is {least:.3g}")
    return mean, xp.broadcast_to(xp.astype(covariance, mean.dtype), shape)


def _pairs(covariance: Array, y: Array, n: int) -> Array:
    """Return vec(C) and vec(m m^T) of (1, X), shape (rows, 2 (n + 1)^2)."""
    xp = array_namespace(y)
    y = xp.reshape(y, (-1, n + 1))
    rows = y.shape[0]
    C = xp.reshape(covariance, (rows, n, n))
    C = xp.concat([asarray_like(np.zeros((rows, n, 1)), y), C], axis=2)
    C = xp.concat([asarray_like(np.zeros((rows, 1, n + 1)), y), C], axis=1)
    square = y[:, :, None] * y[:, None, :]
    return xp.concat([xp.reshape(part, (rows, (n + 1) ** 2)) for part in (C, square)], axis=1)
