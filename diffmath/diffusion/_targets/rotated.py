r"""A target in other coordinates: rotated, mirrored, moved.

.. math:: x_0 = Q y_0 + b, \qquad \nabla\log p_t(x) = Q\,\nabla\log p_t^{(y)}\big(Q^T(x - \alpha b)\big),
   \qquad D(x) = Q D^{(y)}\big(Q^T(x - \alpha b)\big) + b

White noise is white in any orthonormal axes, so everything stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray, Marginal, Measurement, frozen, host_parameter, send
from diffmath.diffusion._targets.rows import Rows, row_product
from diffmath.diffusion._targets.target import Target
from diffmath.random import Key

__all__ = ["Rotated"]


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Rotated(Target):
    r"""A target of y in the coordinates :math:`x = Q y + b`.

    Parameters
    ----------
    target : Target
        The law of y.
    rotation : array_like, shape (d, d)
        Orthogonal matrix Q.
    shift : array_like, shape () or (d,)
        The vector b.

    Raises
    ------
    TypeError
        `target` is no target, or other arguments are not host numbers.
    ValueError
        Shapes that do not fit, or a matrix that is not orthogonal to 1e-12.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> box = Rotated(diffusion.Uniform([0.0, 0.0], [1.0, 2.0]), [[0.0, -1.0], [1.0, 0.0]], shift=[5.0, 0.0])
    >>> box
    Rotated(Uniform(dim=2))
    >>> box.mean
    array([4. , 0.5])
    """

    target: Target
    rotation: HostArray
    shift: HostArray
    _inverse: HostArray

    def __init__(self, target: Target, rotation: npt.ArrayLike, shift: npt.ArrayLike = 0.0) -> None:
        if not isinstance(target, Target):
            raise TypeError(f"target must be a target; got {type(target).__name__}")
        d = target.dim
        q = host_parameter("rotation", rotation, f"({d}, {d})", (2,))
        b = host_parameter("shift", shift, f"() or ({d},)", (0, 1))
        if q.shape != (d, d) or b.shape != (d,)[: b.ndim]:
            raise ValueError(
                f"rotation and shift must have shapes ({d}, {d}) and () or ({d},); "
                f"got {q.shape} and {b.shape}"
            )
        error = float(np.abs(q.T @ q - np.eye(d)).max())
        if error > 1e-12:
            raise ValueError(
                f"rotation must be orthogonal; rotation.T @ rotation differs from the identity by {error:.3g}"
            )
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "rotation", q)
        object.__setattr__(self, "shift", frozen(np.array(np.broadcast_to(b, (d,)))))
        object.__setattr__(self, "_inverse", frozen(np.ascontiguousarray(q.T)))

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return self.target.dim

    @property
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""
        return np.asarray(self.rotation @ self.target.mean + self.shift)

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        return np.asarray(self.rotation @ self.target.covariance @ self.rotation.T)

    @property
    def _width(self) -> int:
        return self.target._width

    @property
    def _smooth(self) -> bool:
        return self.target._smooth

    @property
    def _has_density(self) -> bool:
        return self.target._has_density

    @property
    def _rough(self) -> str:
        return self.target._rough

    @property
    def _bounded(self) -> bool:
        return self.target._bounded

    def _to(self, x: Array, alpha: Any) -> Array:
        return row_product(x - alpha * send(self.shift, x), send(self.rotation, x))

    def _back(self, y: Array) -> Array:
        """Return Q y, without the shift."""
        return row_product(y, send(self._inverse, y))

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _RotatedRows:
        return _RotatedRows(self, self.target._rows(self._to(x, alpha), alpha, sigma))

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        y = self.target._sample_data(key, n, like)
        return self._back(y) + send(self.shift, y)

    def _no_flow(self) -> str:
        return self.target._no_flow()

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        y, change = self.target._flow(self._to(x, start[0]), start, end)
        return self._back(y) + end[0] * send(self.shift, x), change

    def _measured(self, measurement: Measurement) -> tuple[Target, float]:
        found, log_evidence = self.target._measured(measurement.moved(self.shift, self.rotation))
        return Rotated(found, self.rotation, self.shift), log_evidence

    def __repr__(self) -> str:
        return f"Rotated({self.target!r})"


class _RotatedRows:
    """The rows of the inner target, with vectors turned back."""

    def __init__(self, target: Rotated, inner: Rows) -> None:
        self.target, self.inner = target, inner

    def log_density(self) -> Array:
        return self.inner.log_density()

    def score(self) -> Array:
        return self.target._back(self.inner.score())

    def denoiser(self) -> Array:
        found = self.target._back(self.inner.denoiser())
        return found + send(self.target.shift, found)

    def divergence(self) -> Array:
        return self.inner.divergence()

    def denoiser_divergence(self) -> Array:
        return self.inner.denoiser_divergence()

    def denoiser_along(self, v: Array) -> Array:
        return self.target._back(self.inner.denoiser_along(self.target._to(v, 0.0)))
