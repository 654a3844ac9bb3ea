"""Networks that were trained on N discrete times, as models of continuous time."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, Literal

from diffmath._arrays.callables import check_model
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._model.network import batch_time

__all__ = ["discrete_time"]

Mode = Literal["rounded", "interpolated"]


def discrete_time(network: Score, N: int, *, mode: Mode = "rounded") -> Score:
    r"""Adapt a network that needs the index of one of N discrete times.

    .. math:: (x, t) \mapsto \mathrm{network}(x, i), \qquad i = t N - 1 \in [0, N - 1], \quad t_i = (i + 1)/N

    Parameters
    ----------
    network : callable
        ``network(x, i)`` with x of shape (batch, \*state) and i of shape (batch,). An attribute
        ``divergence(x, i)``, if it has one, is adapted too.
    N : int
        Number of discrete times, 1000 for most networks.
    mode : {"rounded", "interpolated"}
        Whether the network gets the nearest index, as integers, or the real index, in the dtype of x. A
        network that embeds its time by sines accepts real indices. Rounding makes the model a step function
        of time, with N steps: the order of a method is lost where its steps are not much longer than 1/N,
        unless its times are discrete times. An index below 0 or above N - 1 becomes the end.

    Returns
    -------
    callable
        ``model(x, t)``, which takes a number or one time per row.

    Raises
    ------
    TypeError
        Not a callable of two arguments, or one that takes time first; a `Model` (adapt the network before
        wrapping); N that is not an integer.
    ValueError
        N below 1, an unknown mode.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, whose network takes one of 1000 times per row.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> def network(x, i):
    ...     return x * i[:, None]
    >>> x = np.ones((2, 1))
    >>> diffusion.discrete_time(network, 1000)(x, np.array([0.5, 0.7503])).T
    array([[499., 749.]])
    >>> diffusion.discrete_time(network, 1000, mode="interpolated")(x, np.array([0.5, 0.7503])).T.round(6)
    array([[499. , 749.3]])
    """
    if hasattr(network, "kind") and hasattr(network, "process"):
        raise TypeError(
            f"discrete_time needs the network itself; got {network!r}: wrap the network first, as in "
            "from_noise(discrete_time(network, 1000), process)"
        )
    check_model(network, "network")
    if index(N) < 1:
        raise ValueError(f"N must be at least 1; got {N}")
    if mode not in ("rounded", "interpolated"):
        raise ValueError(f"mode must be 'rounded' or 'interpolated'; got {mode!r}")
    divergence = getattr(network, "divergence", None)
    indexed = _Indexed(network, index(N), mode == "rounded")
    if callable(divergence):
        indexed = _IndexedWithDivergence(network, index(N), mode == "rounded", divergence)
    return batch_time(indexed)


class _Indexed:
    """A network of the index as one of the time; a class, not a closure, so that it can be sent on."""

    def __init__(self, network: Score, count: int, rounded: bool) -> None:
        self.network, self.count, self.rounded = network, count, rounded

    def __call__(self, x: Array, t: Time) -> Array:
        return self.network(x, self.indices(t))

    def indices(self, t: Array) -> Array:
        """Return the indices of times of shape (batch,)."""
        xp = array_namespace(t)
        real = xp.clip(t * self.count - 1, 0.0, self.count - 1.0)
        if not self.rounded:
            return real
        info = xp.__array_namespace_info__().default_dtypes(device=device(t))
        return xp.astype(xp.round(real), info["integral"])


class _IndexedWithDivergence(_Indexed):
    def __init__(
        self, network: Score, count: int, rounded: bool, divergence: Callable[[Array, Any], Array]
    ) -> None:
        super().__init__(network, count, rounded)
        self._divergence = divergence

    def divergence(self, x: Array, t: Time) -> Array:
        return self._divergence(x, self.indices(t))
