r"""A linear measurement with Gaussian noise.

.. math:: y = H x_0 + \sigma_y n, \qquad n \sim \mathcal N(0, I)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.host_numbers import check_host
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, real_dtype, same_kind
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._conditional.operators import (
    MatrixOperator,
    Operator,
    PairOperator,
    SelectOperator,
    flat,
)
from diffmath.diffusion._exact import frozen

__all__ = ["LinearMeasurement", "check_measurement"]


@dataclass(frozen=True, eq=False, repr=False)
class LinearMeasurement:
    r"""A linear measurement of the data with Gaussian noise: what conditional sampling conditions on.

    .. math:: y = H x_0 + \sigma_y n, \qquad n \sim \mathcal N(0, I)

    Parameters
    ----------
    H : array_like or tuple of callables
        One of:

        - host numbers, shape (m, d), that multiply the flattened state;
        - a boolean mask of the shape of one state: y is the state where it is true (imputation, inpainting);
        - ``(forward, adjoint)``, callables on batches, (batch, \*state_shape) -> (batch, \*shape of y) and
          back.

    y : array_like
        One measurement for all rows, or one per row. With a matrix, shape (m,) or (batch, m). With a mask,
        shape \*state or (batch, \*state); entries where the mask is false are ignored and may be nan. With
        callables, (batch, ...) always, where a batch of 1 serves all rows. Host numbers, or an array of the
        library of the states.
    noise : float
        Standard deviation :math:`\sigma_y` of the noise, not negative (`Target.posterior` has its square).
        Scale rows of H and y if it differs between them.
    state_shape : tuple of int, optional
        Shape of one state, required with callables.

    Raises
    ------
    TypeError
        A wrong kind of H, y, noise, or a missing `state_shape`.
    ValueError
        Shapes that do not fit, an empty mask, values that are not finite, negative noise, callables that are
        not linear or not adjoint (tried with two random vectors).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> mean_of_two = diffusion.LinearMeasurement([[0.5, 0.5]], [1.0], noise=0.1)
    >>> mean_of_two
    LinearMeasurement(m=1, noise=0.1)
    >>> mean_of_two.residual(np.array([[1.0, 2.0]]))
    array([[-0.5]])
    >>> diffusion.LinearMeasurement([True, False], [3.0, np.nan], noise=0.1).residual(np.array([[1.0, 2.0]]))
    array([[2.]])
    """

    H: Any
    y: Any
    noise: float
    state_shape: tuple[int, ...] | None = None
    operator: Operator = field(init=False)
    _values: Array = field(init=False)

    def __post_init__(self) -> None:
        noise = check_number("noise", self.noise)
        if not 0 <= noise < math.inf:
            raise ValueError(f"noise must be finite and not negative; got {noise}")
        y = self.y if compat.is_array_api_obj(self.y) else np.asarray(self.y, dtype=np.float64)
        operator = _operator(self.H, y, self.state_shape)
        values = _measured(operator, y)
        if isinstance(operator, PairOperator):
            operator.check(values)
        for name, value in {"noise": noise, "operator": operator, "_values": values}.items():
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        """Number m of measurements of one state."""
        return self.operator.size

    @property
    def is_single(self) -> bool:
        """Whether there is one measurement for all rows."""
        return int(self._values.shape[0]) == 1

    def residual(self, x: Array) -> Array:
        r"""Return :math:`y - Hx`, shape (batch, m), for states of shape (batch, \*state).

        Examples
        --------
        >>> import numpy as np
        >>> LinearMeasurement([[2.0]], [1.0], noise=0.1).residual(np.array([[1.0], [0.5]])).T
        array([[-1.,  0.]])
        """
        return self.values_like(x) - self.operator.forward(x)

    def log_likelihood(self, x: Array) -> Array:
        r"""Return :math:`\ln\mathcal N(y; Hx, \sigma_y^2 I)` for each state, shape (batch,).

        Raises
        ------
        ValueError
            No noise: then there is no density.

        Examples
        --------
        >>> import numpy as np
        >>> LinearMeasurement([[1.0]], [1.0], noise=1.0).log_likelihood(np.array([[1.0]])).round(3)
        array([-0.919])
        """
        if self.noise == 0:
            raise ValueError("the log-likelihood needs noise > 0; got noise=0")
        residual, variance = self.residual(x), self.noise**2
        squares = array_namespace(residual).sum(residual**2, axis=1) / variance
        return -0.5 * (squares + self.size * math.log(2 * math.pi * variance))

    def values_like(self, x: Array) -> Array:
        """Return y, shape (1, m) or (batch, m), in the library and precision of the states x."""
        if math.prod(x.shape[1:]) != self.operator.dim:
            raise ValueError(
                f"the measurement is of states with {self.operator.dim} entries; got a state of shape "
                f"{tuple(x.shape[1:])}"
            )
        if self._values.shape[0] not in (1, x.shape[0]):
            raise ValueError(
                f"y must be one measurement, or one per row; got {self._values.shape[0]} for {x.shape[0]} "
                "rows"
            )
        if compat.is_numpy_array(self._values):
            return asarray_like(self._values, x)
        same_kind("y", self._values, "the state", x)
        return array_namespace(x).astype(self._values, real_dtype(x), copy=False)

    def __repr__(self) -> str:
        return f"LinearMeasurement(m={self.size}, noise={self.noise:g})"


def check_measurement(measurement: Any) -> LinearMeasurement:
    """Refuse what is not a `LinearMeasurement`."""
    if not isinstance(measurement, LinearMeasurement):
        raise TypeError(
            "measurement must be a diffusion.LinearMeasurement(H, y, noise); "
            f"got {type(measurement).__name__}"
        )
    return measurement


def _operator(H: Any, y: Array, state_shape: tuple[int, ...] | None) -> Operator:
    if isinstance(H, tuple) and len(H) == 2 and all(map(callable, H)):
        if state_shape is None:
            raise TypeError("with callables, pass state_shape=, the shape of one state")
        if y.ndim < 2:
            raise ValueError(
                f"with callables y must have shape (batch, ...); got {tuple(y.shape)}: add y[None]"
            )
        return PairOperator(H[0], H[1], tuple(state_shape), tuple(y.shape[1:]))
    if callable(H):
        raise TypeError("H must be a matrix, a mask or a pair (forward, adjoint); got one callable")
    check_host("H", H)
    try:
        found = np.array(H)
    except ValueError as error:
        raise ValueError(f"H must be a matrix (m, d) or a boolean mask: {error}") from None
    if found.dtype.kind == "b":
        if not found.any() or found.ndim == 0:
            raise ValueError("a mask must be true somewhere, and have the shape of one state")
        return SelectOperator(found)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"H must hold numbers or booleans; got dtype {found.dtype}")
    if found.ndim != 2 or 0 in found.shape or not np.all(np.isfinite(found)):
        raise ValueError(f"H must be a finite matrix of shape (m, d); got shape {found.shape}")
    return MatrixOperator(frozen(found.astype(np.float64)))


def _measured(operator: Operator, y: Array) -> Array:
    """Return y as rows of measurements, (1, m) or (batch, m)."""
    if isinstance(operator, MatrixOperator):
        rows = y[None, :] if y.ndim == 1 else y
        if rows.ndim != 2 or rows.shape[1] != operator.size:
            raise ValueError(
                f"y must have shape ({operator.size},) or (batch, {operator.size}); got {tuple(y.shape)}"
            )
    elif isinstance(operator, SelectOperator):
        shape = operator.mask.shape
        rows = y[None, ...] if tuple(y.shape) == shape else y
        if tuple(rows.shape[1:]) != shape:
            raise ValueError(
                f"y must have the shape of the mask, {shape}, or (batch, *that); got {tuple(y.shape)}"
            )
        rows = operator.forward(rows)
    else:
        rows = flat(y)
    return check_array("y", rows)
