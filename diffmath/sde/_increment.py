"""What a Brownian motion does over one step, as far as a method looks: W, and its Levy areas."""

from __future__ import annotations

from dataclasses import dataclass

from diffmath._typing import Array

__all__ = ["Increment"]


@dataclass(frozen=True, eq=False)
class Increment:
    r"""A Brownian motion over one step: its increment, and the integrals that higher orders need.

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
