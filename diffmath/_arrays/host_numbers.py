"""Numbers that stay on the host: times, grids, parameters as lists or NumPy arrays."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import library_name

__all__ = ["check_host", "host_times"]


def check_host(name: str, values: Any, why: str = "") -> None:
    """Refuse, by name, an array of another library than NumPy where host numbers are required.

    Examples
    --------
    >>> from diffmath._arrays.host_numbers import check_host
    >>> check_host("p0", [0.5, 0.5])
    """
    if compat.is_array_api_obj(values) and not compat.is_numpy_array(values):
        raise TypeError(
            f"{name} must be a list or a NumPy array of host numbers; got an array of "
            f"{library_name(compat.array_namespace(values))}: {why}copy them there explicitly"
        )


def host_times(
    times: Any, name: str = "times", *, min_length: int = 2, what: str = "times"
) -> npt.NDArray[np.float64]:
    """Return `times` as a strictly monotone host float64 vector, increasing or decreasing.

    `what` is the word for its numbers in messages, where they are no times.

    Raises
    ------
    TypeError
        `times` lives on a device; times are host numbers (only the state lives on the device).
    ValueError
        Wrong shape, too few, not finite, or not strictly monotone; the first bad index is named.

    Examples
    --------
    >>> from diffmath._arrays.host_numbers import host_times
    >>> host_times([0, 0.5, 1])
    array([0. , 0.5, 1. ])
    """
    check_host(name, times, f"{what} stay on the host, ")
    values = np.asarray(times)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be real numbers; got dtype {values.dtype}")
    values = values.astype(np.float64)
    if values.ndim != 1 or len(values) < min_length:
        raise ValueError(f"{name} must be a vector of at least {min_length} {what}; got shape {values.shape}")
    _refuse_non_monotone(name, values)
    return values


def _refuse_non_monotone(name: str, values: npt.NDArray[np.float64]) -> None:
    if len(values) == 2 and values[0] != values[1] and math.isfinite(float(values[1]) - float(values[0])):
        return  # as mostly
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{name} must be finite; {name}[{bad[0]}] is {values[bad[0]]}")
    with np.errstate(over="ignore"):
        steps, span = np.diff(values), np.ptp(values) if len(values) else 0.0
    if not np.isfinite(span):
        raise ValueError(f"{name} must span a finite range in float64; got {values[0]} to {values[-1]}")
    if not steps.size:
        return
    bad = np.flatnonzero(np.sign(steps) != (np.sign(steps[0]) or 1.0))
    if bad.size:
        i = int(bad[0])
        raise ValueError(
            f"{name} must be strictly monotone; {name}[{i}]={values[i]} and {name}[{i + 1}]={values[i + 1]}"
        )
