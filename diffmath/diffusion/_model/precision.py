"""A network that computes in another precision than the state of a sampler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from diffmath._arrays.callables import check_model
from diffmath._arrays.namespace import array_namespace, check_precision, library_name
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._model.model import Model

__all__ = ["computing_in", "network_dtype"]

_DTYPES = ("float16", "bfloat16", "float32", "float64")


def network_dtype(network: Score, dtype: Any) -> Score:
    r"""Adapt a network that computes in another dtype than that of the state.

    .. math:: (x, t) \mapsto \mathrm{network}(\mathrm{round}(x), t)

    Parameters
    ----------
    network : callable
        ``network(x, t)``, shape (batch, \*state) -> (batch, \*state). An attribute ``divergence(x, t)``, if
        it has one, is adapted too.
    dtype : dtype or str
        What the network gets: "float16", "bfloat16", "float32", "float64", or a dtype of this name, such as
        ``torch.bfloat16``.

    Returns
    -------
    callable
        ``model(x, t)``, which rounds x to `dtype`, and returns the result of the network in the dtype of x.

    Raises
    ------
    TypeError
        Not a callable of two arguments, or one that takes time first; a `Model` (adapt the network before
        wrapping); at a call, a library of arrays that does not have the dtype.
    ValueError
        Another dtype.

    Notes
    -----
    Samplers need a state in float32 or float64: in half precision the errors of the steps add up to more than
    the error of a network. `t` is passed on unchanged, so ``batch_time(network_dtype(network, dtype))`` gives
    the network times in the dtype of the state, and ``network_dtype(batch_time(network), dtype)`` times that
    are rounded like x. PyTorch and JAX differentiate through the conversions.

    References
    ----------
    .. [1] Micikevicius et al. (2018), Mixed precision training, arXiv:1710.03740.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> half = diffusion.network_dtype(lambda x, t: x / 3, "float16")
    >>> half(np.ones((1, 1)), 0.5)   # 1/3 to 11 bits
    array([[0.33325195]])
    """
    if hasattr(network, "kind") and hasattr(network, "process"):
        raise TypeError(
            f"network_dtype needs the network itself; got {network!r}: wrap the network first, as in "
            "from_noise(network_dtype(network, dtype), process)"
        )
    check_model(network, "network")
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", None) or str(dtype)
    name = name.rpartition(".")[2]  # torch.bfloat16
    if name not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}; got {dtype!r}")
    return _adapted(network, name)


def computing_in(model: Model, dtype: str) -> Model:
    """Return a model whose function gets x in this dtype, and whose results have that of the state."""
    return replace(model, function=_adapted(model.function, dtype))


def _adapted(network: Score, dtype: str) -> Score:
    divergence = getattr(network, "divergence", None)
    if callable(divergence):
        return _NetworkDtypeWithDivergence(network, dtype, divergence)
    return _NetworkDtype(network, dtype)


class _NetworkDtype:
    """A class, not a closure, so that it can be sent to worker processes."""

    def __init__(self, network: Score, dtype: str) -> None:
        self.network, self.dtype = network, dtype

    def __call__(self, x: Array, t: Time) -> Array:
        return self._called(self.network, x, t)

    def _called(self, function: Callable[..., Array], x: Array, t: Time) -> Array:
        xp = array_namespace(x)
        dtype = getattr(xp, self.dtype, None)
        if dtype is None:
            raise TypeError(f"{library_name(xp)} has no {self.dtype}: give network_dtype another dtype")
        check_precision("dtype of network_dtype", dtype, xp)
        found = function(xp.astype(x, dtype, copy=False), t)
        return array_namespace(found).astype(found, x.dtype, copy=False)


class _NetworkDtypeWithDivergence(_NetworkDtype):
    def __init__(self, network: Score, dtype: str, divergence: Callable[[Array, Any], Array]) -> None:
        super().__init__(network, dtype)
        self._divergence = divergence

    def divergence(self, x: Array, t: Time) -> Array:
        return self._called(self._divergence, x, t)
