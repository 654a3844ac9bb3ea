"""Parameters of targets: frozen on the host, sent where they are needed; and the softmax they share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from diffmath._arrays import array_namespace, asarray_like
from diffmath._typing import Array

__all__ = ["LOG_2PI", "HostArray", "host_parameter", "normalise", "send"]

HostArray = npt.NDArray[np.float64]
LOG_2PI = math.log(2 * math.pi)


def host_parameter(name: str, values: npt.ArrayLike, shape: str, ndims: tuple[int, ...]) -> HostArray:
    """Return a finite host float64 copy of a target's parameter, or refuse it by name."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be host numbers (lists or NumPy), shape {shape}: {error}") from None
    if array.ndim not in ndims or array.size == 0:
        raise ValueError(f"{name} must have shape {shape}; got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} must be finite; {name}{np.argwhere(~np.isfinite(array))[0].tolist()} is not"
        )
    array.flags.writeable = False
    return array


def send(values: HostArray, like: Array) -> Array:
    """Send a parameter to the library, device and precision of `like`."""
    return asarray_like(values, like)


def normalise(logits: Array, axis: int) -> tuple[Array, Array]:
    """Return the softmax and the log-sum-exp of `logits` along an axis."""
    xp = array_namespace(logits)
    top = xp.max(logits, axis=axis, keepdims=True)
    gap = logits - top
    # Below the root of the least normal number a weight is nothing; subnormal ones make products 10x slower.
    nothing = gap < 0.5 * math.log(float(xp.finfo(gap.dtype).smallest_normal))
    weights = xp.where(nothing, xp.zeros_like(gap), xp.exp(xp.where(nothing, xp.zeros_like(gap), gap)))
    total = xp.sum(weights, axis=axis, keepdims=True)
    return weights / total, xp.squeeze(top + xp.log(total), axis=axis)
