r"""Linear stochastic differential equations as matrices."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from diffmath._arrays.models import Calculus

__all__ = ["LinearSDE"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class LinearSDE:
    r"""A linear stochastic differential equation with constant coefficients.

    .. math:: dX = (A X + a)\,dt + \sum_{l=1}^d (B_l X + b_l)\,dW_l

    Parameters
    ----------
    A : array_like, shape (dim, dim)
        Drift matrix, on the host; it may be singular or unstable.
    a : array_like, shape (dim,), optional
        Constant drift; zero by default.
    B : array_like, shape (noise_dim, dim, dim), optional
        Multiplicative noise, one matrix for each Brownian motion; zero by default.
    b : array_like, shape (noise_dim, dim), optional
        Additive noise: row l is the coefficient of W_l; zero by default.
    calculus : {"ito", "stratonovich"}
        Calculus of the integral against dW.

    Raises
    ------
    TypeError
        Entries that are not real numbers.
    ValueError
        Shapes that do not fit, entries that are not finite, neither `B` nor `b`, an unknown calculus.

    Notes
    -----
    Ornstein-Uhlenbeck processes have B = 0 (:math:`b = G^T` for :math:`G\,dW`), geometric Brownian motions
    a = 0 and b = 0. `moments` solves for moments exactly.

    References
    ----------
    .. [1] Arnold (1974), Stochastic Differential Equations, chapter 8.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.LinearSDE(A=[[-1.0]], b=[[0.5]])
    LinearSDE(dim=1, noise_dim=1, additive, ito)
    >>> import sympy
    >>> from diffmath import symbolic
    >>> x, t = sympy.symbols("x t")
    >>> stock = symbolic.SDE(state=[x], time=t, drift=[0.3 * x], diffusion=[[0.2 * x]])
    >>> sde.LinearSDE.from_symbolic(stock).B
    array([[[0.2]]])
    """

    A: Matrix
    a: Matrix | None = None
    B: Matrix | None = None
    b: Matrix | None = None
    calculus: Calculus = "ito"

    def __post_init__(self) -> None:
        if self.calculus not in get_args(Calculus):
            raise ValueError(f"calculus must be one of {get_args(Calculus)}; got {self.calculus!r}")
        if self.B is None and self.b is None:
            raise ValueError("B or b must be given: without noise this is an ODE, see ode.Linear")
        A = _real("A", self.A, 2)
        noise = self.b if self.B is None else self.B
        n, d = A.shape[0], len(_real("B" if self.b is None else "b", noise, None))
        for name, shape in (("A", (n, n)), ("a", (n,)), ("B", (d, n, n)), ("b", (d, n))):
            value = getattr(self, name)
            array = np.zeros(shape) if value is None else _real(name, value, len(shape))
            if array.shape != shape:
                raise ValueError(
                    f"{name} must have shape {shape} for A of shape {A.shape}; got {array.shape}"
                )
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def noise_dim(self) -> int:
        """Number of Brownian motions."""
        assert self.b is not None, "it is an array once built"
        return len(self.b)

    @property
    def dim(self) -> int:
        """Number of state variables."""
        return len(self.A)

    @classmethod
    def from_symbolic(cls, equation: Any) -> LinearSDE:
        """Return the matrices of a `symbolic.SDE`.

        Parameters
        ----------
        equation : symbolic.SDE
            Linear in the state, free of the time, without open parameters.

        Raises
        ------
        TypeError
            Not a symbolic.SDE.
        ValueError
            An entry that is not proven to be linear in the state and free of the time, or a parameter without
            a value; the message names it.
        """
        from diffmath.symbolic import SDE  # imports SymPy, which the solvers do not need

        if not isinstance(equation, SDE):
            raise TypeError(
                f"model must be an sde.LinearSDE or a symbolic.SDE; got {type(equation).__name__}: formulas "
                "are needed to see that it is linear"
            )
        if equation.parameters:
            named = ", ".join(map(str, equation.parameters))
            raise ValueError(f"parameters must have numbers; got {named}: use equation.subs")
        (A, a), *columns = (
            (np.array(matrix, np.float64), np.array(constant, np.float64)[:, 0])
            for matrix, constant in equation.affine_coefficients()
        )
        B, b = (np.array([column[i] for column in columns]) for i in (0, 1))
        return cls(A, a, B, b, equation.calculus)

    def augmented(self) -> tuple[Matrix, Matrix]:
        """Return the matrices of Y = (1, X), which satisfies a linear equation without constants."""
        n, d = self.dim, self.noise_dim
        drift, noise = np.zeros((n + 1, n + 1)), np.zeros((d, n + 1, n + 1))
        drift[1:, 0], drift[1:, 1:] = self.a, self.A
        noise[:, 1:, 0], noise[:, 1:, 1:] = self.b, self.B
        return drift, noise

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        kind = "multiplicative" if np.any(self.B) else "additive"
        return f"LinearSDE(dim={self.dim}, noise_dim={self.noise_dim}, {kind}, {self.calculus})"


def _real(name: str, value: Any, ndim: int | None) -> Matrix:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    if array.ndim != ndim and (ndim is not None or array.ndim == 0):
        raise ValueError(f"{name} must have {ndim or 'its'} dimensions; got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return np.array(array, dtype=np.float64)
