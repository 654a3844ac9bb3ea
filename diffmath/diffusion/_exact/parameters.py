"""Parameters of targets: constants on the host, copied to devices when needed; and a softmax."""

from __future__ import annotations

import math
import weakref
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array

__all__ = ["LOG_2PI", "HostArray", "check_weights", "frozen", "host_parameter", "normalise", "send"]

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
    return frozen(array)


def check_weights(weights: HostArray) -> None:
    """Refuse weights that are not positive or do not sum to 1."""
    if np.any(weights <= 0):
        raise ValueError(f"weights must be positive; weights[{int(np.argmin(weights))}] is {weights.min()}")
    # 1e-9: weights written with 10 digits pass, counts and unnormalised weights do not.
    if abs(weights.sum() - 1) > 1e-9:
        raise ValueError(f"weights must sum to 1; they sum to {weights.sum()}: divide them by their sum")


def frozen(array: HostArray) -> HostArray:
    """Return the array, made read-only."""
    array.flags.writeable = False
    return array


# Copies on a GPU, by the identity of the parameter, for its lifetime.
_sent: dict[int, dict[Any, Array]] = {}


def send(values: HostArray, like: Array) -> Array:
    """Copy a parameter to the library, device and precision of `like`; to a GPU only once."""
    if not compat.is_cupy_array(like) or values.flags.writeable:
        return asarray_like(values, like)
    if id(values) not in _sent:
        _sent[id(values)] = {}
        weakref.finalize(values, _sent.pop, id(values), None)
    kept, kind = _sent[id(values)], (str(like.dtype), int(like.device))
    if kind not in kept:
        kept[kind] = asarray_like(values, like)
    return kept[kind]


def normalise(logits: Array, axis: int) -> tuple[Array, Array]:
    """Return the softmax and the log-sum-exp of `logits` along an axis."""
    xp = array_namespace(logits)
    top = xp.max(logits, axis=axis, keepdims=True)
    gap = logits - top
    # Weights below the root of the least normal number are set to 0; subnormal ones make products 10x slower.
    nothing = gap < 0.5 * math.log(float(xp.finfo(gap.dtype).smallest_normal))
    weights = xp.where(nothing, xp.zeros_like(gap), xp.exp(xp.where(nothing, xp.zeros_like(gap), gap)))
    total = xp.sum(weights, axis=axis, keepdims=True)
    return weights / total, xp.squeeze(top + xp.log(total), axis=axis)
