"""Structured right-hand sides: each is a plain f(t, x) with the parts that some methods need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import array_api_compat as compat
import numpy as np

from diffmath._arrays.bound import Bindable, Structured
from diffmath._arrays.callables import check_dynamics, check_part
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.matrices import apply, as_state, check_matrix, dense, is_sparse

__all__ = ["Linear", "Semilinear", "Separable", "Split", "WithJacobian", "structured"]

Model = TypeVar("Model")


@dataclass(frozen=True, eq=False)
class WithJacobian(Structured):
    """A right-hand side with its Jacobian, for implicit methods.

    Parameters
    ----------
    f : callable
        ``f(t, x)``, shape (batch, n) -> (batch, n).
    jacobian : callable, array or sparse matrix, optional
        ``jacobian(t, x)``: df_i/dx_j, shape (batch, n, n), or one SciPy sparse matrix for all rows, shape (n,
        n). An array or sparse matrix (n, n) is a constant Jacobian. Finite differences by default. At the
        start of a solve it is compared with a difference of f, and refused if it is wrong (see the notes).
    sparsity : array_like or sparse matrix, shape (n, n), optional
        Entries of the Jacobian that may be nonzero: finite differences then perturb columns that share no row
        together.
    time_derivative : callable, optional
        ``time_derivative(t, x)``: df/dt, shape (batch, n), used by Rosenbrock methods. A finite difference by
        default.

    Notes
    -----
    If x0 is one state, all three get one state and return the result for one state: a Jacobian (n, n). If the
    solve has `parameters` or `args`, they get them like f. Sparse matrices are converted to dense ones, since
    the linear algebra of the methods is dense.

    With a wrong Jacobian, a Rosenbrock method and its error estimate are wrong. Therefore `solve` checks one
    product of a given Jacobian with two evaluations of f at the start, and raises `ValueError` if it is off
    by more than 1 %. Implicit methods converge with an approximate Jacobian; for them it is refused only if
    it is a hundred times too large. Kinks, jumps, noise and rounding of f do not cause a refusal, nor do
    points where f fails.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> f = ode.WithJacobian(lambda t, x: -(x**2), lambda t, x: -2 * x[:, :, None])
    >>> f(0.0, np.array([[3.0]]))
    array([[-9.]])
    """

    f: Drift
    jacobian: Callable[[Time, Array], Any] | Any = None
    sparsity: Any = None
    time_derivative: Drift | None = None

    def __post_init__(self) -> None:
        check_dynamics(self.f, "f", more=None)
        if callable(self.jacobian):
            check_dynamics(self.jacobian, "jacobian", more=None)
        elif isinstance(self.jacobian, str):
            raise TypeError(f"jacobian must be a callable or a matrix; got the string {self.jacobian!r}")
        elif self.jacobian is not None:
            check_matrix("jacobian", self.jacobian, (2,))
            object.__setattr__(self, "jacobian", dense(self.jacobian))
        if self.time_derivative is not None:
            check_dynamics(self.time_derivative, "time_derivative", more=None)
        if self.sparsity is not None:
            pattern = np.asarray(dense(self.sparsity))
            if pattern.dtype.kind not in "biufc":
                raise TypeError(f"sparsity must hold numbers or truth values; got dtype {pattern.dtype}")
            if pattern.ndim != 2 or pattern.shape[0] != pattern.shape[1]:
                raise ValueError(f"sparsity must be square, shape (n, n); got {pattern.shape}")
            object.__setattr__(self, "sparsity", pattern != 0)

    def __call__(self, t: Time, x: Array) -> Array:
        return self.f(t, x)


@dataclass(frozen=True, eq=False)
class Split(Structured):
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
        check_dynamics(self.explicit, "explicit", more=None)
        check_dynamics(self.implicit, "implicit", more=None)

    def __call__(self, t: Time, x: Array) -> Array:
        return _part(self, "explicit", t, x) + _part(self, "implicit", t, x)


@dataclass(frozen=True, eq=False)
class Semilinear(Structured):
    r"""A stiff linear part and the rest, :math:`f(t, x) = L x + N(t, x)`, for exponential methods.

    Parameters
    ----------
    linear : array or sparse matrix, shape (n,) or (n, n)
        L, a diagonal or a matrix. Host arrays are converted like the state; a sparse matrix becomes dense.
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
        check_matrix("linear", self.linear, (1, 2))
        if is_sparse(self.linear):
            object.__setattr__(self, "linear", dense(self.linear))
        check_dynamics(self.nonlinear, "nonlinear", more=None)

    def __call__(self, t: Time, x: Array) -> Array:
        return apply("linear", self.linear, x) + _part(self, "nonlinear", t, x)


@dataclass(frozen=True, eq=False)
class Separable(Structured):
    r"""A separable Hamiltonian system, :math:`q' = v(p),\ p' = F(q)`, for symplectic methods.

    Parameters
    ----------
    velocity : callable
        ``velocity(t, p)``: :math:`\partial T/\partial p`, shape (batch, n) -> (batch, n).
    force : callable
        ``force(t, q)``: :math:`-\partial V/\partial q`.

    Notes
    -----
    The state is x of shape (batch, 2, n): positions ``x[:, 0]`` and momenta ``x[:, 1]``. One state has shape
    (2, n), or (2,) for one position and one momentum, which are then numbers.

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
        check_dynamics(self.velocity, "velocity", more=None)
        check_dynamics(self.force, "force", more=None)

    def __call__(self, t: Time, x: Array) -> Array:
        axis = 0 if x.ndim < 3 else 1
        if x.ndim < 1 or x.shape[axis] != 2:
            raise ValueError(
                "the state of a Separable has shape (batch, 2, n), or (2, n) if it is one; got "
                f"{tuple(x.shape)}"
            )
        if compat.is_array_api_obj(t) and t.ndim:
            t = t[:, 0, ...]
        q, p = (x[(slice(None),) * axis + (i, ...)] for i in (0, 1))
        parts = [_part(self, "velocity", t, p), _part(self, "force", t, q)]
        return array_namespace(x).stack(parts, axis=axis)


@dataclass(frozen=True, eq=False)
class Linear(Structured):
    r"""A linear system with constant coefficients, :math:`x' = A x + b`, which can be solved exactly.

    Parameters
    ----------
    A : array, shape (n, n)
        Host arrays are converted like the state; for NumPy states also a SciPy sparse matrix or array.
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
        check_matrix("A", self.A, (2,))
        if self.b is not None:
            check_matrix("b", self.b, (1,))

    def __call__(self, t: Time, x: Array) -> Array:
        slope = apply("A", self.A, x)
        return slope if self.b is None else slope + as_state("b", self.b, x)


def structured(f: Any, kind: type[Model], method: str) -> Model:
    """Return the structured right-hand side behind f, or refuse one that a method cannot use."""
    model = getattr(f, "model", f)
    if not isinstance(model, kind):
        given = model
        while isinstance(given, Bindable) and hasattr(given, "function"):  # the user callable
            given = given.function
        raise TypeError(
            f"{method} needs f as an ode.{kind.__name__}, because it treats the parts separately; "
            f"got {type(given).__name__}: write f in this form, or use ode.dopri5"
        )
    parts = getattr(f, "parts", None)
    counted: Model = model if parts is None else parts(model)
    return counted


def _part(model: Any, name: str, t: Time, x: Array) -> Array:
    """Call a part; a result that does not fit the state is refused by the name of the part."""
    return check_part(f"{name}(t, x)", getattr(model, name)(t, x), x)
