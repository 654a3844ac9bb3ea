"""Parts of closed forms that several measures use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._structure import Vector, legendre, legendre_scales

__all__ = ["legendre_basis", "root_of_products", "scaled_functions"]


def root_of_products(squares: Vector) -> Vector:
    """Return the root of the exact product of each pair, instead of the product of two rounded roots."""
    root: Vector = np.sqrt(np.outer(squares, squares))
    return root


def scaled_functions(values: Iterator[Array], scales: Any) -> Array:
    """Return the first functions of a sequence, (times, order), each times its scale."""
    rows = [float(scale) * value for scale, value in zip(scales, values, strict=False)]
    return array_namespace(rows[0]).stack(rows, axis=-1)


def legendre_basis(order: int, t: Array) -> Array:
    """Return sqrt(2n+1) P_n(2t-1), shape (times, order)."""
    scales = np.sqrt(2.0 * np.arange(order) + 1.0) * legendre_scales(order)
    return scaled_functions(legendre(2.0 * t - 1.0), scales)
