r"""The action of a matrix exponential, without forming it: exp(tA) x by products with A.

Source: Al-Mohy & Higham (2011), Computing the action of the matrix exponential, with an application to
exponential integrators, SIAM J. Sci. Comput. 33, 488-511, algorithm 3.2 without its norm estimates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.callables import check_result
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    check_array,
    device,
    real_dtype,
    to_numpy,
)
from diffmath._core.counts import check_count
from diffmath._core.typing import Array, Time
from diffmath._newton.matrices import as_state

__all__ = ["expm_multiply"]

# theta_m for m = 5, 10, ..., 55: at this norm the truncated Taylor series of degree m is the exponential of a
# matrix that differs by at most one unit roundoff, of float64 and of float32. A test derives the values.
_DEGREES = range(5, 60, 5)
_THETA = {
    "double": (
        0.002400876358, 0.1441829762, 0.6410835233, 1.438252597, 2.428582524, 3.539666349, 4.728347346,
        5.96880263, 7.24506843, 8.546902046, 9.867496676,
    ),
    "single": (
        0.1308487165, 0.995184079, 2.217044395, 3.550926215, 4.926899844, 6.321082126, 7.723803812,
        9.130653881, 10.53944673, 11.94903664, 13.35880114,
    ),
}  # fmt: skip


@on_its_device
def expm_multiply(
    A: Any,
    x: Array,
    t: Time = 1.0,
    *,
    b: Array | None = None,
    norm: float | None = None,
    max_products: int = 100_000,
) -> Array:
    r"""Return :math:`e^{tA} x`, or the solution of x' = A x + b after a time t, by products with A.

    .. math:: e^{tA} x + t\, \varphi_1(tA)\, b \approx \Bigl(T_m(tA/s)\Bigr)^s x \quad\text{for } b = 0,
        \qquad T_m(z) = \sum_{j \le m} z^j / j!

    Parameters
    ----------
    A : array, shape (n, n), sparse matrix, or callable
        Matrix in the library of `x`, or on the host; a SciPy sparse matrix or array, for NumPy states; or
        ``A(x)``, the product for every row, shape (batch, n) -> (batch, n), which needs `norm`.
    x : array, shape (batch, n) or (n,)
        States, one per row, or one state.
    t : float or array, shape (batch, 1)
        Time, of any sign; one for all rows, or one per row.
    b : array, shape (n,), optional
        Constant forcing.
    norm : float, optional
        Upper bound of the 1-norm or the infinity norm of A; computed for a matrix, required with a callable.
    max_products : int
        Maximum number of products with A; a larger number is refused before the first product.

    Returns
    -------
    array, of the shape of `x`
        In the dtype of `x` and on its device; not finite if it overflows.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind, shape or size; a matrix so stiff that it would take more than
        `max_products`.

    Notes
    -----
    The result is exact for a matrix whose entries differ by a unit roundoff of the norm of A. Cost: about
    :math:`6\, |t|\, \lVert A - \mu I\rVert + 20` products, with :math:`\mu` the mean of the diagonal, and the
    memory of three states. Use it for a large sparse A or few states. For a small or very stiff A form the
    exponential: `exact` in `solve`.

    References
    ----------
    .. [1] Al-Mohy & Higham (2011), SIAM J. Sci. Comput. 33, 488-511, theorem 3.1 and table 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> ode.expm_multiply(turn, np.array([[1.0, 0.0]]), np.pi / 2).round(12)
    array([[ 0., -1.]])
    """
    if compat.is_array_api_obj(x) and x.ndim == 1:
        alone = expm_multiply(A, x[None, :], t, b=b, norm=norm, max_products=max_products)
        return alone[0, :]
    x = check_array("x", x, ndim=2, allow_complex=True)
    operator = _Operator(A, x, norm)
    xp, forcing = array_namespace(x), None
    if b is not None:
        forcing = as_state("b", check_array("b", b, allow_complex=True), x)
        if tuple(forcing.shape) != (x.shape[1],):
            raise ValueError(f"b must have shape ({x.shape[1]},); got {tuple(forcing.shape)}")
    longest = _longest(t)
    size = longest * (operator.norm + (0.0 if forcing is None else abs(operator.shift)))
    degree, steps = _plan(size, _THETA["double" if real_dtype(x) == xp.float64 else "single"])
    if degree * steps > check_count("max_products", max_products):
        raise ValueError(
            f"the action takes {degree * steps} products with A, since |t| * norm is {size:.3g}, more than "
            f"max_products={max_products}: form the exponential (ode.exact), or raise max_products"
        )
    step = t / steps
    if forcing is None:
        return _free(operator, x, step, degree, steps)
    return _forced(operator, x, step, forcing, degree, steps)


class _Operator:
    """Products with A - shift for every row, and an upper bound of its norm."""

    times: Callable[[Array], Array]
    norm: float

    def __init__(self, A: Any, x: Array, norm: float | None) -> None:
        self.shift: complex = 0.0
        if norm is not None and not (math.isfinite(norm) and norm >= 0):
            raise ValueError(f"norm must be finite and not negative; got {norm}")
        if hasattr(A, "tocsr"):
            self._of_sparse(A.tocsr(), x)
        elif compat.is_array_api_obj(A):
            self._of_matrix(A, x)
        elif callable(A):
            if norm is None:
                raise ValueError("norm is required if A is a callable: give an upper bound of the norm of A")
            self.times = lambda v: check_result("A(x)", A(v), x)
        else:
            raise TypeError(f"A must be a matrix or a callable A(x); got {type(A).__name__}")
        self.norm = self.norm if norm is None else norm + abs(self.shift)

    def _of_matrix(self, A: Array, x: Array) -> None:
        A = check_array("A", A, ndim=2, allow_complex=True)
        self._check(A, x, array_namespace(A).isdtype(A.dtype, "complex floating"))
        A = asarray_like(A, x, x.dtype) if compat.is_numpy_array(A) else A
        xp = array_namespace(A, x)
        n = A.shape[0]
        self.shift = complex(to_numpy(xp.linalg.trace(A))) / n if n else 0.0
        self.shift = self.shift if self.shift.imag else self.shift.real
        shifted = A - self.shift * xp.eye(n, dtype=A.dtype, device=device(A))
        sizes = to_numpy(xp.abs(shifted))
        self.norm = _smaller_norm(sizes.sum(axis=0), sizes.sum(axis=1))
        transposed = xp.matrix_transpose(shifted)
        self.times = lambda v: v @ transposed

    def _of_sparse(self, A: Any, x: Array) -> None:
        if not compat.is_numpy_array(x):
            raise TypeError(f"a sparse A needs NumPy states; got {type(x).__name__}")
        self._check(A, x, A.dtype.kind == "c")
        if not np.isfinite(A.data).all():
            raise ValueError("A must be finite")
        self.shift = A.diagonal().sum() / max(1, A.shape[0])
        sizes = abs(A)
        outer = abs(self.shift)  # |a_ii - mu| <= |a_ii| + |mu|: no sparse identity is built
        self.norm = outer + _smaller_norm(np.ravel(sizes.sum(axis=0)), np.ravel(sizes.sum(axis=1)))
        shift = self.shift
        self.times = lambda v: (A @ v.T).T.astype(v.dtype, copy=False) - v.dtype.type(shift) * v

    @staticmethod
    def _check(A: Any, x: Array, is_complex: bool) -> None:
        if tuple(A.shape) != (x.shape[1], x.shape[1]):
            raise ValueError(
                f"A must have shape (n, n), x (batch, n); got {tuple(A.shape)} and {tuple(x.shape)}"
            )
        if is_complex and not array_namespace(x).isdtype(x.dtype, "complex floating"):
            raise TypeError(f"A is complex ({A.dtype}); make x complex, its dtype is {x.dtype}")


def _smaller_norm(columns: Any, rows: Any) -> float:
    return float(min(columns.max(initial=0.0), rows.max(initial=0.0)))


def _longest(t: Time) -> float:
    if isinstance(t, int | float):
        longest = abs(float(t))
    else:
        longest = float(np.abs(to_numpy(t)).max(initial=0.0))
    if not math.isfinite(longest):
        raise ValueError("t must be finite")
    return longest


def _plan(size: float, theta: tuple[float, ...]) -> tuple[int, int]:
    """Return the degree and the number of steps that need the fewest products: s >= |t| norm / theta_m."""
    plans = ((m, max(1, math.ceil(size / limit))) for m, limit in zip(_DEGREES, theta, strict=True))
    return min(plans, key=lambda plan: plan[0] * plan[1])


def _free(operator: _Operator, x: Array, step: Any, degree: int, steps: int) -> Array:
    factor = _exp(operator.shift, step, x)
    for _ in range(steps):
        term = x
        for j in range(1, degree + 1):
            term = (step / j) * operator.times(term)
            x = x + term
        x = factor * x
    return x


def _forced(operator: _Operator, x: Array, step: Any, b: Array, degree: int, steps: int) -> Array:
    """The series of x' = A x + b: its first term is the slope, and every further term is a product with A.

    No shift is used, since a shifted forcing would not be constant.
    """
    for _ in range(steps):
        term = step * (operator.times(x) + operator.shift * x + b)
        x = x + term
        for j in range(2, degree + 1):
            term = (step / j) * (operator.times(term) + operator.shift * term)
            x = x + term
    return x


def _exp(shift: complex, step: Any, x: Array) -> Any:
    xp = array_namespace(x)
    if not shift:
        return 1.0
    if isinstance(step, int | float):
        factor = np.exp(np.asarray(shift * step))
        return complex(factor) if isinstance(shift, complex) else float(factor)
    return xp.exp(xp.astype(step, x.dtype) * shift)
