r"""Exact steps of linear SDEs: their law for additive noise, their solution for matrices that commute."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.expm import expm
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.counts import check_count
from diffmath._core.solution import Solution, finish
from diffmath._core.typing import Array
from diffmath.sde._loop.steps import nonfinite
from diffmath.sde._model import LinearSDE, Matrix, check_state
from diffmath.sde._noise import brownian_increments

__all__ = ["Transition", "solve_exact", "transition"]


@on_its_device
def solve_exact(
    model: LinearSDE | Any, x0: Array, times: npt.ArrayLike, *, key: random.Key, first_row: int = 0
) -> Solution:
    r"""Sample a linear SDE at given times without discretisation error.

    For additive noise (B = 0), with :math:`F = e^{hA}` and :math:`I = \int_0^h e^{(h - s) A} b^\top dW_s`,

    .. math:: X_{t+h} = F X_t + h \varphi_1(hA)\,a + I, \qquad
              I = \tfrac1h \mathrm{Cov}(I, W)\,W + R\,\zeta, \quad
              R R^\top = \mathrm{Cov}(I) - \tfrac1h \mathrm{Cov}(I, W)\,\mathrm{Cov}(I, W)^\top,

    and for matrices that all commute, with a = 0 and b = 0, as in geometric Brownian motion,

    .. math:: X_{t+h} = \exp\Bigl(\bigl(A - \tfrac12 \textstyle\sum_l B_l^2\bigr) h + \sum_l B_l W_l\Bigr) X_t

    (without the sum of squares in the Stratonovich calculus).

    Parameters
    ----------
    model : LinearSDE or symbolic.SDE
        Of one of these two kinds.
    x0 : array, shape (batch, dim)
        States at ``times[0]``.
    times : array_like, shape (times,)
        Host times, strictly monotone; decreasing times run backwards as in `solve`.
    key : Key
        Determines the Brownian paths.
    first_row : int
        Number of the first row in a larger batch.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, dim), in the dtype and on the device of `x0`.

    Raises
    ------
    TypeError
        A model of another type, or a key that is not a `Key`.
    ValueError
        A model that is not linear, or of neither of the two kinds.
    SolveError
        The state overflows; the valid prefix is attached.

    Notes
    -----
    *Shared path.* W is that of ``solve(..., times, key=key)``. For commuting matrices the states are the
    exact solution on that path, so strong errors of any method can be measured with them. For additive noise,
    the states and W have their exact joint law at the times. The part of the noise that W at these times does
    not determine is drawn separately for each step, so other times give other states.

    *Cost.* One product per step, and an exponential on the host for every step length that is not among the
    last 16 (a uniform clock has one); for commuting matrices that are not diagonal, one exponential per row.
    Use it as an exact reference and for every linear equation; for other equations use `solve`, and for only
    mean and covariance `moments`.

    References
    ----------
    .. [1] Gillespie (1996), Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral,
       Phys. Rev. E 54, 2084-2091.
    .. [2] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, (4.8.6).

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> ou = sde.LinearSDE(A=[[-1.0]], b=[[1.0]])
    >>> x = sde.solve_exact(ou, np.zeros((50_000, 1)), [0.0, 10.0], key=dm.random.key(0)).x
    >>> bool(abs(x[-1].var() - 0.5) < 0.02)
    True
    """
    linear = model if isinstance(model, LinearSDE) else LinearSDE.from_symbolic(model)
    x, at = check_state(x0), host_times(times)
    if x.shape[1] != linear.dim:
        raise ValueError(f"x0 must have shape (batch, {linear.dim}); got {tuple(x.shape)}")
    step = _stepper(linear, at, key, x, check_count("first_row", first_row, 0))
    states, message = [x], ""
    shape = x.shape[0], linear.noise_dim
    path_key = random.fold_in(key, "sde.path")
    with np.errstate(all="ignore"):
        for n, W in enumerate(brownian_increments(path_key, at, shape, like=x, first_row=first_row)):
            x = step(n, x, W)
            message = nonfinite(x, float(at[n + 1]), first_row, "the state is not finite")
            if message:
                break
            states.append(x)
    solution = Solution(
        t=at[: len(states)],
        x=array_namespace(x).stack(states),
        status="nonfinite" if message else "ok",
        message=message and f"{message}: the solution grows beyond the largest number; end earlier",
        stats={"steps": len(states) - 1, "evaluations": 0},
    )
    return finish(solution, "raise")


class Transition(NamedTuple):
    """A step of additive noise: ``F x + push + P W + R zeta`` with normals zeta."""

    F: Matrix
    push: Matrix
    P: Matrix
    R: Matrix


def transition(A: Matrix, a: Matrix, b: Matrix, h: float) -> Transition:
    """Return the exact step of length h > 0; `b` has shape (noise_dim, dim).

    The covariance of (X, W) is computed by Van Loan's exponential over a fraction of the step that is too
    short for growth, and by doubling: Q(2h) = Q(h) + F Q(h) F^T, a sum without cancellation for any A.
    """
    n, d = A.shape[0], len(b)
    drift = np.zeros((n + d, n + d))
    drift[:n, :n] = A
    G = np.concatenate([b.T, np.eye(d)])
    doublings = max(0, math.ceil(math.log2(max(1.0, h * np.abs(A).sum(axis=0).max()))))
    part = math.ldexp(h, -doublings)
    block = np.block([[-drift, G @ G.T], [np.zeros_like(drift), drift.T]])
    whole = expm(part * block)
    F = whole[n + d :, n + d :].T
    Q = F @ whole[: n + d, n + d :]
    for _ in range(doublings):
        Q = Q + F @ Q @ F.T
        F = F @ F
    pushed = expm(h * np.block([[A, a[:, None]], [np.zeros((1, n + 1))]]))
    P = Q[:n, n:] / h
    rest = Q[:n, :n] - h * P @ P.T
    if not np.isfinite(rest).all():  # an overflow; it will be detected in the states
        return Transition(pushed[:n, :n], pushed[:n, n], P, np.full((n, n), np.nan))
    values, vectors = np.linalg.eigh((rest + rest.T) / 2)
    return Transition(
        pushed[:n, :n], pushed[:n, n], P, (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    )


def _stepper(
    linear: LinearSDE, times: npt.NDArray[np.float64], key: random.Key, x: Array, first_row: int
) -> Callable[[int, Array, Array], Array]:
    """Return the step for the kind of the model, or refuse the model."""
    (drift, noise), sign = linear.augmented(), 1.0 if times[-1] > times[0] else -1.0
    A, a, B, b = sign * drift[1:, 1:], sign * drift[1:, 0], noise[:, 1:, 1:], noise[:, 1:, 0]
    if not B.any():
        return _additive(A, a, b, _lengths(times), key, x, first_row)
    matrices = [A, *B]
    commute = all(np.array_equal(M @ N, N @ M) for M, N in combinations(matrices, 2))
    if a.any() or b.any() or not commute:
        raise ValueError(
            "model must have additive noise, or matrices A and B that commute exactly, with a = 0 and b = 0; "
            f"got {linear!r}: use sde.moments for its mean and covariance, or sde.solve"
        )
    correction = 0.5 * (B @ B).sum(axis=0) if linear.calculus == "ito" else 0.0
    return _commuting(A - correction, B, _lengths(times))


def _lengths(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the step lengths; only one if they differ only by rounding of the times."""
    steps = np.abs(np.diff(times))
    mean = abs(times[-1] - times[0]) / len(steps)
    uniform = np.abs(steps - mean).max() <= 4 * np.spacing(np.abs(times).max())
    return np.full_like(steps, mean) if uniform else steps


def _additive(
    A: Matrix, a: Matrix, b: Matrix, steps: Any, key: random.Key, x: Array, first_row: int
) -> Callable[[int, Array, Array], Array]:
    draw = random.RowStream(random.normal, tuple(x.shape), like=x, first_row=first_row)
    tag = random.fold_in(key, "sde.exact")

    @lru_cache(maxsize=16)
    def parts(h: float) -> tuple[Array, ...]:
        return tuple(asarray_like(part, x) for part in transition(A, a, b, h))

    def step(n: int, x: Array, W: Array) -> Array:
        F, push, P, R = parts(float(steps[n]))
        zeta = draw(random.fold_in(tag, n))
        return _times(F, x) + push + _times(P, W) + _times(R, zeta)

    return step


def _commuting(A: Matrix, B: Matrix, steps: Any) -> Callable[[int, Array, Array], Array]:
    diagonal = not any((M - np.diag(np.diag(M))).any() for M in (A, *B))

    def step(n: int, x: Array, W: Array) -> Array:
        xp = array_namespace(x)
        if diagonal:
            rates, columns = (asarray_like(v, x) for v in (np.diag(A), np.diagonal(B, axis1=1, axis2=2).T))
            return xp.exp(rates * float(steps[n]) + _times(columns, W)) * x
        exponent = asarray_like(steps[n] * A, x)[None, ...]
        for l in range(len(B)):
            exponent = exponent + W[:, l, None, None] * asarray_like(B[l], x)
        return (expm(exponent) @ x[..., None])[..., 0]

    return step


def _times(matrix: Array, x: Array) -> Array:
    """Apply a matrix to every row, one row at a time: the same bits in any batch."""
    return array_namespace(x).matmul(matrix[None, ...], x[..., None])[..., 0]
