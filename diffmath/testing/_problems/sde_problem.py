r"""A stochastic differential equation with a known solution along every Brownian path.

The solution is a function of Gaussian integrals :math:`\int \varphi(s)\,dW_s`, which the increments (W, H, K)
of a fine grid determine to third order, with a small constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.models import SDE
from diffmath.sde import Increment, chen

__all__ = ["NODES", "WEIGHTS", "SDEProblem", "elapsed", "gaussian_integral", "joined", "linear_flow"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SDEProblem:
    r"""A stochastic differential equation with an initial state, a time span, and optionally its solution.

    .. math:: dX = f(t, X)\,dt + g(t, X)\,dW, \qquad X_{t_0} = x_0

    Parameters
    ----------
    model : SDE
        The equation.
    x0 : array_like, shape (dim,)
        Initial state, of all paths.
    t_span : (float, float)
        First and last time; if they decrease, the equation runs backwards, as in `sde.solve`.
    exact : callable, optional
        ``exact(increments)`` takes the `sde.Increment` objects of a fine uniform grid over `t_span`, each of
        shape (paths, noise_dim), and returns the states at ``t_span[1]``, a NumPy array (paths, dim).
    terms : str
        Levy areas that `exact` uses, letters of "HKA".
    name : str
        Name of the problem in messages.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind; an initial state that is not a finite vector; equal or infinite times.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> from diffmath.testing import SDEProblem
    >>> noise = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> SDEProblem(noise, [0.0], (0.0, 1.0), exact=lambda increments: sum(i.W for i in increments), name="W")
    SDEProblem(W, additive noise, ito, t: 0 -> 1, dim 1)
    """

    model: SDE
    x0: npt.ArrayLike
    t_span: tuple[float, float]
    exact: Callable[[Sequence[Increment]], Matrix] | None = None
    terms: str = ""
    name: str = "problem"

    def __post_init__(self) -> None:
        if not isinstance(self.model, SDE):
            raise TypeError(f"model must be an sde.SDE; got {type(self.model).__name__}")
        start = np.asarray(self.x0, dtype=np.float64)
        if start.ndim != 1 or not np.isfinite(start).all():
            raise ValueError(f"x0 must be a finite vector, shape (dim,); got {self.x0!r}")
        object.__setattr__(self, "x0", start)
        if self.exact is not None and not callable(self.exact):
            raise TypeError(f"exact must be a callable exact(increments); got {type(self.exact).__name__}")
        first, last = self.t_span
        if not (math.isfinite(first) and math.isfinite(last) and first != last):
            raise ValueError(f"t_span must be two different finite times; got {self.t_span}")

    def __repr__(self) -> str:
        first, last = self.t_span
        return (
            f"SDEProblem({self.name}, {self.model.noise} noise, {self.model.calculus}, t: {first:g} -> "
            f"{last:g}, dim {len(np.asarray(self.x0))})"
        )


def elapsed(t_span: tuple[float, float]) -> tuple[float, float]:
    """Return the duration, and the direction of time: 1.0, or -1.0 for decreasing times."""
    return abs(t_span[1] - t_span[0]), math.copysign(1.0, t_span[1] - t_span[0])


def joined(increments: Sequence[Increment]) -> Increment:
    """Return the increment over the whole grid."""
    return reduce(chen, increments)


# Gauss-Legendre nodes and weights on [-1, 1], and the Legendre polynomials P0, P1, P2 at the nodes.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)
_LEGENDRE = np.polynomial.legendre.legvander(NODES, 2).T


def gaussian_integral(
    weight: Callable[[float], Matrix], increments: Sequence[Increment], duration: float
) -> Matrix:
    r"""Return :math:`\int_0^T \varphi(s)\,dW_s` for a matrix-valued weight of the elapsed time.

    On every interval, :math:`\varphi = \varphi_0 P_0 + \varphi_1 P_1 + \varphi_2 P_2 + O(h^3)` in Legendre
    polynomials, whose integrals are W, -2 H and 12 K: the error is :math:`O(h^3)`.

    Parameters
    ----------
    weight : callable
        ``weight(s)``, shape (dim, noise_dim).
    increments : sequence of Increment
        With H and K, of a uniform grid.
    duration : float
        The elapsed time T.

    Returns
    -------
    array, shape (paths, dim)
    """
    h = duration / len(increments)
    total: Any = 0.0
    for n, increment in enumerate(increments):
        values = np.stack([weight((n + 0.5 + 0.5 * node) * h) for node in NODES])
        # phi_k = (2 k + 1)/2 int phi P_k
        phi = [
            (k + 0.5) * np.tensordot(WEIGHTS * polynomial, values, 1)
            for k, polynomial in enumerate(_LEGENDRE)
        ]
        W, H, K = (np.asarray(term) for term in (increment.W, increment.H, increment.K))
        total = total + W @ phi[0].T - 2.0 * H @ phi[1].T + 12.0 * K @ phi[2].T
    return np.asarray(total)


def linear_flow(matrix: Matrix) -> Callable[[float], Matrix]:
    """Return ``flow(s) = exp(s matrix)`` for a matrix with distinct eigenvalues, of good condition."""
    values, vectors = np.linalg.eig(matrix)
    inverse = np.linalg.inv(vectors)
    return lambda s: np.real((vectors * np.exp(s * values)) @ inverse)
