"""Right-hand sides with structure: each is a plain f(t, x), and carries the parts that some methods need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import array_api_compat as compat
import numpy as np

from diffmath._arrays import array_namespace, asarray_like
from diffmath._callables import check_dynamics, check_part
from diffmath._typing import Array, Drift, Time

__all__ = ["Linear", "Semilinear", "Separable", "Split", "WithJacobian", "structured"]

Model = TypeVar("Model")


@dataclass(frozen=True, eq=False)
class WithJacobian:
    """A right-hand side with its Jacobian, for implicit methods.

    Parameters
    ----------
    f : callable
        ``f(t, x)``, shape (batch, n) -> (batch, n).
    jacobian : callable, optional
        ``jacobian(t, x)``: df_i/dx_j, shape (batch, n, n). Finite differences without it. Where a solve
        begins it is compared with a difference of f, and refused if it is wrong (see the notes).
    sparsity : numpy.ndarray of bool, shape (n, n), optional
        Where the Jacobian may differ from zero: finite differences then perturb columns that share no row
        together.
    time_derivative : callable, optional
        ``time_derivative(t, x)``: df/dt, shape (batch, n), which Rosenbrock methods use. A difference
        without it.

    Notes
    -----
    A Rosenbrock method with a wrong Jacobian errs, and so does its estimate. `solve` therefore looks at one
    product of a given Jacobian, by two evaluations of f at the start, and raises `ValueError` where it is off
    by more than 1 %. Implicit methods iterate with any that is roughly right; there it must be a hundred
    times too large to be refused. Kinks, jumps, noise and rounding of f decide nothing, nor do points where
    f fails.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> f = ode.WithJacobian(lambda t, x: -(x**2), lambda t, x: -2 * x[:, :, None])
    >>> f(0.0, np.array([[3.0]]))
    array([[-9.]])
    """

    f: Drift
    jacobian: Callable[[Time, Array], Array] | None = None
    sparsity: Any = None
    time_derivative: Drift | None = None

    def __post_init__(self) -> None:
        check_dynamics(self.f, "f")
        for role in ("jacobian", "time_derivative"):
            if getattr(self, role) is not None:
                check_dynamics(getattr(self, role), role)
        if self.sparsity is not None:
            pattern = np.asarray(self.sparsity)
            if pattern.ndim != 2 or pattern.shape[0] != pattern.shape[1]:
                raise ValueError(f"sparsity must be square, shape (n, n); got {pattern.shape}")
            object.__setattr__(self, "sparsity", pattern != 0)

    def __call__(self, t: Time, x: Array) -> Array:
        return self.f(t, x)


@dataclass(frozen=True, eq=False)
class Split:
    """A right-hand side in two parts, for methods that treat one explicitly and one implicitly.

    Parameters
    ----------
    explicit, implicit : callable
        ``part(t, x)``; f is their sum. The implicit one may be a `WithJacobian`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> f = ode.Split(explicit=lambda t, x: np.sin(x), implicit=lambda t, x: -100.0 * x)
    >>> f(0.0, np.ones((1, 1))).round(3)
    array([[-99.159]])
    """

    explicit: Drift
    implicit: Drift

    def __post_init__(self) -> None:
        check_dynamics(self.explicit, "explicit")
        check_dynamics(self.implicit, "implicit")

    def __call__(self, t: Time, x: Array) -> Array:
        return _part(self, "explicit", t, x) + _part(self, "implicit", t, x)


@dataclass(frozen=True, eq=False)
class Semilinear:
    r"""A stiff linear part and the rest, :math:`f(t, x) = L x + N(t, x)`, for exponential methods.

    Parameters
    ----------
    linear : array, shape (n,) or (n, n)
        L; its diagonal, or a matrix. Host arrays follow the state.
    nonlinear : callable
        ``nonlinear(t, x)``, shape (batch, n) -> (batch, n).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> f = ode.Semilinear(np.array([-1.0, -1e4]), lambda t, x: np.cos(x))
    >>> f(0.0, np.zeros((1, 2)))
    array([[1., 1.]])
    """

    linear: Array
    nonlinear: Drift

    def __post_init__(self) -> None:
        _check_matrix("linear", self.linear, (1, 2))
        check_dynamics(self.nonlinear, "nonlinear")

    def __call__(self, t: Time, x: Array) -> Array:
        return _apply("linear", self.linear, x) + _part(self, "nonlinear", t, x)


@dataclass(frozen=True, eq=False)
class Separable:
    r"""A separable Hamiltonian system, :math:`q' = v(p),\ p' = F(q)`, for symplectic methods.

    Parameters
    ----------
    velocity : callable
        ``velocity(t, p)``: :math:`\partial T/\partial p`, shape (batch, n) -> (batch, n).
    force : callable
        ``force(t, q)``: :math:`-\partial V/\partial q`.

    Notes
    -----
    The state is x of shape (batch, 2, n): positions ``x[:, 0]`` and momenta ``x[:, 1]``.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> pendulum = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -np.sin(q))
    >>> pendulum(0.0, np.array([[[0.0], [1.0]]]))
    array([[[ 1.],
            [-0.]]])
    """

    velocity: Drift
    force: Drift

    def __post_init__(self) -> None:
        check_dynamics(self.velocity, "velocity")
        check_dynamics(self.force, "force")

    def __call__(self, t: Time, x: Array) -> Array:
        if x.ndim < 3 or x.shape[1] != 2:
            raise ValueError(f"the state of a Separable has shape (batch, 2, n); got {tuple(x.shape)}")
        if compat.is_array_api_obj(t):
            t = t[:, 0, ...]
        q, p = x[:, 0, ...], x[:, 1, ...]
        return array_namespace(x).stack([_part(self, "velocity", t, p), _part(self, "force", t, q)], axis=1)


@dataclass(frozen=True, eq=False)
class Linear:
    r"""A linear system with constant coefficients, :math:`x' = A x + b`, which can be solved exactly.

    Parameters
    ----------
    A : array, shape (n, n)
        Host arrays follow the state; for states of NumPy also a sparse matrix or array of SciPy.
    b : array, shape (n,), optional

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.Linear(np.array([[0.0, 1.0], [-1.0, 0.0]]))(0.0, np.array([[1.0, 0.0]]))
    array([[ 0., -1.]])
    """

    A: Array
    b: Array | None = None

    def __post_init__(self) -> None:
        _check_matrix("A", self.A, (2,))
        if self.b is not None:
            _check_matrix("b", self.b, (1,))

    def __call__(self, t: Time, x: Array) -> Array:
        slope = _apply("A", self.A, x)
        return slope if self.b is None else slope + _as_state("b", self.b, x)


def structured(f: Any, kind: type[Model], method: str) -> Model:
    """Return the structured right-hand side behind f, or refuse one that a method cannot use."""
    model = getattr(f, "model", f)
    if not isinstance(model, kind):
        raise TypeError(
            f"{method} needs f as an ode.{kind.__name__}, whose parts it treats apart; got "
            f"{type(model).__name__}: write it so, or use ode.dopri5"
        )
    parts = getattr(f, "parts", None)
    counted: Model = model if parts is None else parts(model)
    return counted


def _part(model: Any, name: str, t: Time, x: Array) -> Array:
    """Call a part; what does not fit the state is refused by its name, not by the sum."""
    return check_part(f"{name}(t, x)", getattr(model, name)(t, x), x)


def _check_matrix(name: str, value: Any, ndims: tuple[int, ...]) -> None:
    if not (name == "A" and hasattr(value, "tocsr")):
        array_namespace(value, names=[name])  # or it is refused
    if value.ndim not in ndims or (value.ndim == 2 and value.shape[0] != value.shape[1]):
        shapes = " or ".join("(n,)" if ndim == 1 else "(n, n)" for ndim in ndims)
        raise ValueError(f"{name} must have shape {shapes}; got {tuple(value.shape)}")


def _apply(name: str, matrix: Array, x: Array) -> Array:
    """Return L x for every row; a vector is a diagonal."""
    if matrix.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"{name} must have the size of the last axis of the state; got shapes {tuple(matrix.shape)} and "
            f"{tuple(x.shape)}"
        )
    if not compat.is_array_api_obj(matrix):  # sparse
        return (matrix @ x.T).T.astype(x.dtype, copy=False)
    matrix = _as_state(name, matrix, x)
    return matrix * x if matrix.ndim == 1 else x @ array_namespace(x).matrix_transpose(matrix)


def _as_state(name: str, values: Array, x: Array) -> Array:
    """Send coefficients on the host to the library and dtype of the state."""
    if not compat.is_numpy_array(values):
        return values
    if values.dtype.kind == "c" and not array_namespace(x).isdtype(x.dtype, "complex floating"):
        raise TypeError(f"{name} is complex ({values.dtype}); make x0 complex, its dtype is {x.dtype}")
    return asarray_like(values, x, x.dtype)
