"""What a target knows at rows of states: the protocol of its exact quantities, and their helpers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._process import Process, row_times

__all__ = [
    "ExactModel", "Quantity", "Rows", "any_zero", "in_each_row", "per_row", "row_product", "row_sum",
    "take_rows",
]  # fmt: skip

Quantity = Literal["score", "denoiser", "divergence", "denoiser_divergence", "denoiser_along", "log_density"]

# Up to this many columns a product is a sum over them; above it is a product of BLAS for each row.
FEW_COLUMNS = 16


class Rows(Protocol):
    """The exact quantities of a target at rows x for (alpha, sigma), one pair or one per row.

    The divergences are those of the score and of the denoiser in x. `denoiser_along` is the product of the
    Jacobian of the denoiser, which is symmetric, and vectors.
    """

    def log_density(self) -> Array: ...
    def score(self) -> Array: ...
    def denoiser(self) -> Array: ...
    def divergence(self) -> Array: ...
    def denoiser_divergence(self) -> Array: ...
    def denoiser_along(self, v: Array) -> Array: ...


class _Evaluated(Protocol):
    def _evaluate(
        self, quantity: Quantity, x: Array, process: Process | None, t: Time, *along: Array
    ) -> Array: ...


@dataclass(frozen=True)
class ExactModel:
    """``score(x, t)`` or ``denoiser(x, t)`` of a target under a process, with its exact divergence."""

    target: _Evaluated
    process: Process
    value: Quantity
    trace: Quantity

    def __call__(self, x: Array, t: Time) -> Array:
        return self.target._evaluate(self.value, x, self.process, t)

    def divergence(self, x: Array, t: Time) -> Array:
        return self.target._evaluate(self.trace, x, self.process, t)

    def vjp(self, x: Array, t: Time, v: Array) -> Array:
        """Return the product of v and the Jacobian, which is symmetric, at sigma > 0; shape (batch, dim)."""
        along = self.target._evaluate("denoiser_along", x, self.process, t, v)
        if self.value == "denoiser":
            return along
        alpha, sigma = self.process.marginal(row_times(t, x))
        product: Array = (alpha * along - v) / sigma**2
        return product


def any_zero(value: Any) -> bool:
    """Whether a coefficient is 0, in any row."""
    return value == 0 if isinstance(value, float) else not all_true(value != 0)


def take_rows(value: Any, rows: slice) -> Any:
    """Return the coefficient of some rows, from a number or an array of shape (batch, 1)."""
    return value if isinstance(value, float) else value[rows, :]


def in_each_row(value: Any) -> Any:
    """Return a coefficient in the shape of a quantity with one number per row: (batch,)."""
    return value if isinstance(value, float) else value[:, 0]


def per_row(value: Any) -> Any:
    """Return a coefficient in the shape that broadcasts against (batch, component, dim)."""
    return value if isinstance(value, float) else value[:, :, None]


def row_product(x: Array, matrix: Array) -> Array:
    """Return x @ matrix for x of shape (batch, dim), or (batch, k, dim) and a matrix for each of the k.

    On the host a row does not depend on the others: a product of whole batches by BLAS rounds a row in a way
    that depends on their number.
    """
    xp = array_namespace(x)
    if not _on_host(x, xp):
        if matrix.ndim == 2:
            return x @ matrix
        return xp.permute_dims(xp.permute_dims(x, (1, 0, 2)) @ matrix, (1, 0, 2))
    if x.shape[-1] > FEW_COLUMNS:
        return (x[..., None, :] @ matrix)[..., 0, :]
    total = x[..., 0, None] * matrix[..., 0, :]
    for i in range(1, x.shape[-1]):
        total = total + x[..., i, None] * matrix[..., i, :]
    return total


def row_sum(values: Array, axis: int) -> Array:
    """Return the sum over axis 1 or 2, with a short axis term by term on the host, which is faster there."""
    xp = array_namespace(values)
    if values.shape[axis] > FEW_COLUMNS or not _on_host(values, xp):
        return xp.sum(values, axis=axis)
    terms = [values[:, i, ...] if axis == 1 else values[:, :, i] for i in range(values.shape[axis])]
    return sum(terms[1:], terms[0])


def _on_host(x: Array, xp: Any) -> bool:
    return bool(compat.is_numpy_array(x) or compat.is_array_api_strict_namespace(xp))


def log(value: Any, xp: Any) -> Any:
    """Return the logarithm of a number or an array."""
    return math.log(value) if isinstance(value, float) else xp.log(value)
