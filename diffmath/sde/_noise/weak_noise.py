r"""The discrete random variables of weak methods of order 2: they match moments, not paths.

A three-point variable has the first five moments of a Brownian increment. A two-point variable
represents the remaining part of a Levy area. Both take finitely many values, so the expectation over a
step is a finite sum, and weak orders can be measured without sampling.

Source: Kloeden & Platen (1992), sections 14.2 and 15.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.sde._noise.area import antisymmetric

__all__ = ["WeakIncrement", "weak_increments"]


@dataclass(frozen=True, eq=False)
class WeakIncrement:
    r"""The discrete variables of one step of length h = abs(dt).

    .. math:: P(\hat W_k = \pm\sqrt{3h}) = \tfrac16, \quad P(\hat W_k = 0) = \tfrac23, \qquad
              P(S_{kl} = \pm 1) = P(\xi = \pm 1) = \tfrac12

    Parameters
    ----------
    dt : float
        Step, negative for decreasing time.
    W : array, shape (batch, noise_dim)
        Three-point variables, of variance h.
    draw : callable
        ``draw(width)``: independent signs, shape (batch, width); the first is xi, the others belong to the
        pairs k < l, row by row. Only steps that need signs draw them.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> noise = sde.WeakIncrement(0.1, np.zeros((4, 2)), draw=lambda width: np.ones((4, width)))
    >>> noise.pair_signs()[0]
    array([[ 0.,  1.],
           [-1.,  0.]])
    """

    dt: float
    W: Array
    draw: Callable[[int], Array] = field(repr=False)

    def sign(self) -> Array:
        """Return xi, shape (batch, 1)."""
        return self.draw(1)

    def pair_signs(self) -> Array:
        """Return S, shape (batch, noise_dim, noise_dim): antisymmetric, independent above the diagonal."""
        m = self.W.shape[1]
        return antisymmetric(self.draw(1 + m * (m - 1) // 2)[:, 1:], m)


def weak_increments(
    key: random.Key,
    clock: npt.ArrayLike,
    shape: tuple[int, int],
    *,
    like: Array,
    first_row: int = 0,
) -> Iterator[WeakIncrement]:
    r"""Iterate over the discrete variables of the steps of a clock.

    Parameters
    ----------
    key : Key
        Determines the variables.
    clock : array_like, shape (steps + 1,)
        Host times, strictly monotone.
    shape : (int, int)
        (batch, noise_dim).
    like : array
        An array with the library, device and precision of the result.
    first_row : int
        Number of the first row in a larger batch.

    Returns
    -------
    iterator of WeakIncrement
        One per step. The variables of step n depend only on (key, n, row); clocks with other steps share
        none.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type, or times that are not monotone.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> (noise,) = sde.weak_increments(dm.random.key(0), [0.0, 0.12], (1000, 1), like=np.empty(0))
    >>> np.unique(noise.W.round(12)).tolist()
    [-0.6, 0.0, 0.6]
    """
    times, weak_key = host_times(clock, "clock"), random.fold_in(key, "sde.weak")
    draw = random.RowStream(random.uniform, shape, like=like, first_row=first_row)
    return _iterate(weak_key, times, draw)


def _iterate(
    key: random.Key, times: npt.NDArray[np.float64], draw: Callable[..., Array]
) -> Iterator[WeakIncrement]:
    for n in range(len(times) - 1):
        dt, step_key = float(times[n + 1] - times[n]), random.fold_in(key, n)
        three, two = random.fold_in(step_key, "three"), random.fold_in(step_key, "two")
        yield WeakIncrement(dt, _three_points(draw(three), abs(dt)), _signs(draw, two))


def _signs(draw: Callable[..., Array], key: random.Key) -> Callable[[int], Array]:
    def signs(width: int) -> Array:
        u = draw(key, (width,))
        return array_namespace(u).where(u < 0.5, -1.0 + 0.0 * u, 1.0 + 0.0 * u)

    return signs


def _three_points(u: Array, h: float) -> Array:
    xp, size = array_namespace(u), math.sqrt(3.0 * h)
    zero = 0.0 * u
    return xp.where(u < 1 / 6, zero - size, xp.where(u > 5 / 6, zero + size, zero))
