"""A Brownian motion over one step, as methods use it: the increment W, and its Levy areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diffmath._core.typing import Array
from diffmath.sde._noise.area import join_areas
from diffmath.sde._noise.bridge import join

__all__ = ["Increment", "change_arrays", "chen"]


@dataclass(frozen=True, eq=False)
class Increment:
    r"""A Brownian motion over one step: its increment, and the integrals that higher-order methods need.

    With :math:`h = |dt|` and the bridge :math:`\beta_r = W_{s,r} - \frac{r-s}{h} W` over the step,

    .. math:: H = \frac1h \int \beta_r\,dr \sim \mathcal N(0, \tfrac{h}{12}), \qquad
        K = \frac1{h^2} \int \beta_r \Bigl(\frac{s+t}2 - r\Bigr) dr \sim \mathcal N(0, \tfrac{h}{720}), \qquad
        A_{ij} = \frac12 \int (W_i\,dW_j - W_j\,dW_i)

    Parameters
    ----------
    dt : float
        Step, negative for decreasing time.
    W : array, shape (batch, noise_dim)
        Increment, of variance h.
    H, K : array, shape (batch, noise_dim), optional
        Space-time and space-time-time Levy areas over h, independent of W and of each other.
    A : array, shape (batch, noise_dim, noise_dim), optional
        Levy areas, antisymmetric, of variance :math:`h^2/4`.

    Notes
    -----
    The iterated integral :math:`I_{10} = \int W_{s,r}\,dr = h (W/2 + H)`.

    References
    ----------
    .. [1] Foster, Oberhauser & Lyons (2020), An optimal polynomial approximation of Brownian motion, SIAM J.
       Numer. Anal. 58, 1393-1421.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.Increment(0.1, np.zeros((4, 1)), H=np.zeros((4, 1)))
    Increment(dt=0.1, W: (4, 1), with H)
    """

    dt: float
    W: Array
    H: Array | None = None
    K: Array | None = None
    A: Array | None = None

    def __repr__(self) -> str:
        more = [name for name in "HKA" if getattr(self, name) is not None]
        terms = f", with {', '.join(more)}" if more else ""
        return f"Increment(dt={self.dt:g}, W: {tuple(self.W.shape)}{terms})"


def change_arrays(increment: Increment, change: Callable[[Array], Array] | None) -> Increment:
    """Return the same increment with `change` applied to every array; for None, nothing is changed."""
    if change is None:
        return increment
    H, K, A = (None if part is None else change(part) for part in (increment.H, increment.K, increment.A))
    return Increment(increment.dt, change(increment.W), H, K, A)


def chen(first: Increment, second: Increment) -> Increment:
    r"""Return the increment over two adjacent intervals, by Chen's relation.

    .. math::
        W = W_1 + W_2, \qquad H = r H_1 + q H_2 + \tfrac12 (q W_1 - r W_2), \qquad
        A = A_1 + A_2 + \tfrac12 (W_1 W_2^T - W_2 W_1^T),

        K = r^2 K_1 + q^2 K_2 + \tfrac12 r q (H_1 - H_2) + \tfrac1{12} (q - r) (q W_1 - r W_2)

    with the shares :math:`r = dt_1 / (dt_1 + dt_2)` and :math:`q = 1 - r`.

    Parameters
    ----------
    first, second : Increment
        Increments over adjacent intervals of one path, in this order; their `dt` may differ, also in sign.

    Returns
    -------
    Increment
        The increment over both intervals, with the areas that both have; K also needs H.

    Raises
    ------
    TypeError
        An argument is not an `Increment`.
    ValueError
        The steps cancel, so that the whole interval has length zero; the increments differ in shape.

    Notes
    -----
    The result is exact: the integrals that define the areas are split at the common time. The operation is
    associative, so any number of increments may be combined in any grouping.

    References
    ----------
    .. [1] Chen (1957), Integration of paths, geometric invariants and a generalized Baker-Hausdorff formula,
       Ann. of Math. 65, 163-178.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> up = sde.Increment(0.5, np.array([[1.0]]), H=np.array([[0.0]]))
    >>> down = sde.Increment(0.5, np.array([[-1.0]]), H=np.array([[0.0]]))
    >>> sde.chen(up, down).H  # the mean of a tent of height 1
    array([[0.5]])
    """
    for name, part in (("first", first), ("second", second)):
        if not isinstance(part, Increment):
            raise TypeError(f"{name} must be an Increment; got {type(part).__name__}: add arrays of W with +")
    dt = first.dt + second.dt
    if dt == 0.0:
        raise ValueError(f"dt must not cancel: {first.dt} and {second.dt} add up to zero")
    if tuple(first.W.shape) != tuple(second.W.shape):
        raise ValueError(
            f"W must have one shape in both; got {tuple(first.W.shape)} and {tuple(second.W.shape)}"
        )
    order = min(_order(first), _order(second))
    left, right = (
        tuple(entry for entry in (part.W, part.H, part.K)[:order] if entry is not None)
        for part in (first, second)
    )
    W, H, K = (*join(left, right, first.dt / dt), None, None)[:3]
    A = None
    if first.A is not None and second.A is not None:
        A = join_areas(first.A, second.A, first.W, second.W)
    return Increment(dt, W, H, K, A)


def _order(increment: Increment) -> int:
    """Return how many of W, H, K the increment has, counted from the first."""
    if increment.H is None:
        return 1
    return 2 if increment.K is None else 3
