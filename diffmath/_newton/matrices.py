"""The matrices of structured right-hand sides: arrays of any library, or SciPy sparse matrices."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._core.typing import Array

__all__ = ["apply", "as_state", "check_matrix", "dense", "is_sparse"]


def is_sparse(value: Any) -> bool:
    """Whether a value is a SciPy sparse matrix or array."""
    return hasattr(value, "tocsr")


def dense(value: Any) -> Any:
    """Return a matrix in dense form."""
    return value.toarray() if is_sparse(value) else value


def check_matrix(name: str, value: Any, ndims: tuple[int, ...]) -> None:
    """Refuse a value that is not a vector or square matrix of finite numbers."""
    if not is_sparse(value):
        array_namespace(value, names=[name])  # raises if it is not an array
    if value.ndim not in ndims or (value.ndim == 2 and value.shape[0] != value.shape[1]):
        shapes = " or ".join("(n,)" if ndim == 1 else "(n, n)" for ndim in ndims)
        raise ValueError(f"{name} must have shape {shapes}; got {tuple(value.shape)}")
    if is_sparse(value):
        _refuse_infinite_entries(name, value)
    else:
        check_array(name, value, allow_complex=True)


def _refuse_infinite_entries(name: str, matrix: Any) -> None:
    entries = matrix.tocoo()
    bad = np.flatnonzero(~np.isfinite(entries.data))
    if bad.size:
        row, column = (int(where[bad[0]]) for where in (entries.row, entries.col))
        raise ValueError(f"{name} must be finite; {name}[{row}, {column}] is {entries.data[bad[0]]}")


def apply(name: str, matrix: Any, x: Array) -> Array:
    """Return L x for every row; a vector is a diagonal."""
    if matrix.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"{name} must have the size of the last axis of the state, {x.shape[-1]}; got shape "
            f"{tuple(matrix.shape)}"
        )
    if is_sparse(matrix):
        _check_kind(name, matrix, x)
        if not compat.is_numpy_array(x):
            raise TypeError(f"{name} is sparse, and multiplies NumPy states only: pass {name}.toarray()")
        return (matrix @ x.T).T.astype(x.dtype, copy=False)
    matrix = as_state(name, matrix, x)
    return matrix * x if matrix.ndim == 1 else x @ array_namespace(x).matrix_transpose(matrix)


def as_state(name: str, values: Array, x: Array) -> Array:
    """Convert host coefficients to the library and dtype of the state."""
    if not compat.is_numpy_array(values):
        return values
    _check_kind(name, values, x)
    return asarray_like(values, x, x.dtype)


def _check_kind(name: str, values: Any, x: Array) -> None:
    if values.dtype.kind == "c" and not array_namespace(x).isdtype(x.dtype, "complex floating"):
        raise TypeError(f"{name} is complex ({values.dtype}); make x0 complex, its dtype is {x.dtype}")
