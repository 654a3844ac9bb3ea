"""Networks as models: time as one value per row, and explanations of exceptions from a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from diffmath._arrays.callables import annotate, check_model
from diffmath._arrays.gradients import is_tensor
from diffmath._arrays.namespace import array_namespace, device
from diffmath._arrays.tracing import is_traced
from diffmath._core.typing import Array, Score, Time

__all__ = ["batch_time", "call_network", "explain"]

# Messages of Python, NumPy, JAX and PyTorch for a float where an array was needed.
_FLOAT = re.compile(r"'(?:numpy\.)?float(?:64)?' object|(?:not|got|type) '?float\b|<class 'float'>")
# Their messages for an array where PyTorch needed a tensor.
_NO_TENSOR = re.compile(r"must be Tensor, not|expected Tensor|'[\w.]+' object has no attribute")


def batch_time(network: Score) -> Score:
    r"""Adapt a network that needs `t` as an array with one value per row.

    .. math:: (x, t) \mapsto \mathrm{network}(x, (t, \dots, t))

    Parameters
    ----------
    network : callable
        ``network(x, t)`` with x of shape (batch, \*state) and t of shape (batch,), as in most diffusion
        networks. An attribute ``divergence(x, t)``, if it has one, is adapted too.

    Returns
    -------
    callable
        ``model(x, t)``, which takes a number or one time per row; the network gets an array with the library,
        device and dtype of x.

    Raises
    ------
    TypeError
        Not a callable of two arguments, or one that takes time first; a `Model` (adapt the network before
        wrapping).

    Notes
    -----
    Samplers pass `t` as a Python float, since times are host values.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, whose network takes one time per row.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> def network(x, t):
    ...     return x * t[:, None]
    >>> diffusion.batch_time(network)(np.ones((2, 3)), 0.5)
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """
    if hasattr(network, "kind") and hasattr(network, "process"):
        raise TypeError(
            f"batch_time needs the network itself; got {network!r}: wrap the network first, as in "
            "from_noise(batch_time(network), process)"
        )
    check_model(network, "network")
    model = _BatchTime(network)
    divergence = getattr(network, "divergence", None)
    return _BatchTimeWithDivergence(network, divergence) if callable(divergence) else model


class _BatchTime:
    """A class, not a closure, so that it can be sent to worker processes."""

    def __init__(self, network: Score) -> None:
        self.network = network

    def __call__(self, x: Array, t: Time) -> Array:
        return self.network(x, _times_of_rows(x, t))


class _BatchTimeWithDivergence(_BatchTime):
    def __init__(self, network: Score, divergence: Callable[[Array, Any], Array]) -> None:
        super().__init__(network)
        self._divergence = divergence

    def divergence(self, x: Array, t: Time) -> Array:
        return self._divergence(x, _times_of_rows(x, t))


def _times_of_rows(x: Array, t: Time) -> Array:
    xp = array_namespace(x)
    if getattr(t, "ndim", 0):
        return xp.astype(xp.reshape(t, (-1,)), x.dtype, copy=False)
    value = t if is_traced(t) else float(t)
    return xp.full((x.shape[0],), value, dtype=x.dtype, device=device(x))


def call_network(function: Callable[..., Any], role: str, x: Array, t: Time) -> Any:
    """Call ``function(x, t)``; explain an exception that is caused by the type of x or t.

    Raises
    ------
    TypeError
        With the remedy, if the function needs a PyTorch tensor for x, or an array for t. Other exceptions
        propagate with the time attached as a note.
    """
    try:
        return function(x, t)
    except Exception as error:
        explain(error, role, x, t)
        raise


def explain(error: Exception, role: str, x: Array, t: Time) -> None:
    """Attach the time to an exception of a network; raise one with advice where the kind of x or t did it."""
    annotate(error, role, t)
    if isinstance(error, TypeError | AttributeError) and (advice := _advice(str(error), role, x, t)):
        raise TypeError(advice) from error


def _advice(message: str, role: str, x: Array, t: Time) -> str:
    """Return advice for a message, or an empty text if the types of x and t are not its cause."""
    name = role.partition("(")[0]
    if isinstance(t, float) and _FLOAT.search(message):
        return (
            f"the {name} was called with t={t!r}, a Python float, and could not use it ({message}). If it "
            "wants one time per row as an array, wrap the network first: diffusion.batch_time(network)"
        )
    owner = f"{type(x).__module__}.{type(x).__name__}"
    if _NO_TENSOR.search(message) and not is_tensor(x) and type(x).__name__ in message:
        return (
            f"the {name} was called with an array of type {owner}, and could not use it ({message}). If it "
            "is a PyTorch network, give the sampler a tensor: sample_prior(..., like=torch.empty(0)), or "
            "torch.from_numpy(x_T)"
        )
    return ""
