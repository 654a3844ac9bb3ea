r"""Initial value problems with known solutions, small enough to be solved ten times in a test.

Linear problems are drawn from a seed and a structure, never from data: eigenvalues stay away from zero and
infinity, so that the error of every method is measurable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.callables import check_dynamics
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Array, Drift, Time

__all__ = ["ODEProblem", "Spectrum", "linear_ode"]

Matrix = npt.NDArray[np.float64]
Spectrum = Literal["decay", "growth", "oscillation", "spiral", "defective"]

_DOMAIN = "testing.linear_ode"


@dataclass(frozen=True, eq=False)
class ODEProblem:
    r"""An initial value problem whose solution is known.

    .. math:: \frac{dx}{dt} = f(t, x), \qquad x(t_0) = x_0

    Parameters
    ----------
    f : callable
        ``f(t, x)``, (batch, dim) -> (batch, dim); `t` a float or one per row, (batch, 1).
    x0 : numpy.ndarray, shape (batch, dim)
        Initial states.
    t_span : (float, float)
        First and last time.
    exact : callable
        ``exact(t)`` -> numpy.ndarray, shape (batch, dim): the solution at the float `t`.
    lipschitz : float
        A Lipschitz constant of f in x, or the size of its Jacobian along the solution: the inverse of a time.
    name : str
        Name of the problem in messages.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.testing import ODEProblem
    >>> x0 = np.ones((1, 1))
    >>> ODEProblem(lambda t, x: -x, x0, (0.0, 1.0), lambda t: x0 * np.exp(-t), lipschitz=1.0, name="decay")
    ODEProblem(decay, t: 0 -> 1, x0: (1, 1))
    """

    f: Drift
    x0: Matrix
    t_span: tuple[float, float]
    exact: Callable[[float], Matrix]
    lipschitz: float
    name: str = "problem"

    def __post_init__(self) -> None:
        check_dynamics(self.f, "f")
        if not callable(self.exact):
            raise TypeError(f"exact must be a callable exact(t); got {type(self.exact).__name__}")
        if np.ndim(self.x0) != 2:
            raise ValueError(f"x0 must have shape (batch, dim); got {np.shape(self.x0)}")
        if not (math.isfinite(self.lipschitz) and self.lipschitz > 0):
            raise ValueError(f"lipschitz must be finite and positive; got {self.lipschitz}")
        start, stop = self.t_span
        if not (math.isfinite(start) and math.isfinite(stop) and start != stop):
            raise ValueError(f"t_span must be two different finite times; got {self.t_span}")

    def __repr__(self) -> str:
        shape = tuple(self.x0.shape)
        return f"ODEProblem({self.name}, t: {self.t_span[0]:g} -> {self.t_span[1]:g}, x0: {shape})"


def linear_ode(
    *,
    dim: int,
    seed: int,
    spectrum: Spectrum = "decay",
    frequency: float | None = 1.0,
    batch: int = 1,
    t0: float = 0.0,
    duration: float = 1.0,
) -> ODEProblem:
    r"""Return a linear problem with its exact solution, from a seed and a structure.

    .. math:: \frac{dx}{dt} = A x + b \cos(\omega t)

    Parameters
    ----------
    dim : int
        Size of the state, at least 1.
    seed : int
        Seed of A, b and the initial states.
    spectrum : {"decay", "growth", "oscillation", "spiral", "defective"}
        Kind of the eigenvalues of A: negative; positive; imaginary pairs; complex pairs that decay; one
        negative eigenvalue in a single Jordan block. With an odd dimension, one eigenvalue is real.
    frequency : float, optional
        Angular frequency of the forcing; 0 is a constant forcing, None is none.
    batch : int
        Number of initial states.
    t0, duration : float
        The problem runs from `t0` to ``t0 + duration``.

    Returns
    -------
    ODEProblem
        Its f works on arrays of any library.

    Raises
    ------
    ValueError
        `dim` or `batch` below 1, an unknown spectrum, a duration of 0 or a time that is not finite.

    Notes
    -----
    Moduli of the eigenvalues lie in [0.5, 2]. A = Q (D + N) Q^T with Q orthogonal and N strictly triangular,
    so A need not be normal. The exact solution is the matrix exponential of the autonomous system of the
    state, cos and sin [1]_, accurate to a few units of round-off.

    References
    ----------
    .. [1] Al-Mohy & Higham (2009), A new scaling and squaring algorithm for the matrix exponential,
       SIAM J. Matrix Anal. Appl. 31, 970-989 (as in `scipy.linalg.expm`).

    Examples
    --------
    >>> from diffmath.testing import linear_ode
    >>> problem = linear_ode(dim=2, seed=0, spectrum="oscillation")
    >>> problem
    ODEProblem(linear_ode(dim=2, seed=0, spectrum='oscillation', frequency=1.0, ...), t: 0 -> 1, x0: (1, 2))
    >>> bool(abs(problem.exact(0.0) - problem.x0).max() < 1e-15)
    True
    """
    if dim < 1 or batch < 1:
        raise ValueError(f"dim and batch must be at least 1; got dim={dim} and batch={batch}")
    if not (math.isfinite(t0) and math.isfinite(t0 + duration) and duration != 0):
        raise ValueError(
            f"t0 and duration must be finite, duration not 0; got t0={t0} and duration={duration}"
        )
    if spectrum not in get_args(Spectrum):
        raise ValueError(f"spectrum must be one of {get_args(Spectrum)}; got {spectrum!r}")
    matrix = _system_matrix(dim, seed, spectrum)
    x0, force = _draw(seed, "x0", (batch, dim)), _draw(seed, "force", (1, dim))
    x0 += np.sign(x0) * 0.5  # away from zero, so that errors are measurable
    force = 0.0 * force if frequency is None else force + np.sign(force) * 0.5
    omega = 0.0 if frequency is None else float(frequency)

    def f(t: Time, x: Array) -> Array:
        xp = array_namespace(x)
        linear = xp.matmul(x, asarray_like(matrix.T, x))
        return linear + elementary(t).cos(omega * t) * asarray_like(force, x)

    return ODEProblem(
        f=f,
        x0=x0,
        t_span=(t0, t0 + duration),
        exact=_exact_linear(matrix, force[0], omega, x0, t0),
        lipschitz=float(np.linalg.norm(matrix, 2)),
        name=f"linear_ode(dim={dim}, seed={seed}, spectrum={spectrum!r}, frequency={frequency}, ...)",
    )


def _system_matrix(dim: int, seed: int, spectrum: Spectrum) -> Matrix:
    """Build A = Q (D + N) Q^T from its real Schur form."""
    moduli = 0.5 + 1.5 * np.abs(np.sin(_draw(seed, "moduli", (dim,))))  # in [0.5, 2]
    if spectrum == "defective":
        blocks = np.diag(np.full(dim, -moduli[0])) + np.diag(np.ones(dim - 1), 1)
    else:
        blocks = np.triu(0.5 * _draw(seed, "coupling", (dim, dim)), 1)
        blocks[np.arange(dim), np.arange(dim)] = moduli if spectrum == "growth" else -moduli
    if spectrum in ("oscillation", "spiral"):
        for i in range(0, dim - 1, 2):
            real = 0.0 if spectrum == "oscillation" else -0.3 * moduli[i]
            blocks[i : i + 2, i : i + 2] = [[real, moduli[i]], [-moduli[i], real]]
    q, _ = np.linalg.qr(_draw(seed, "rotation", (dim, dim)))
    return np.asarray(q @ blocks @ q.T)


def _draw(seed: int, what: str, shape: tuple[int, ...]) -> Matrix:
    key = random.fold_in(random.fold_in(random.key(seed), _DOMAIN), what)
    return np.array(random.normal(key, shape, like=np.empty(0)))


def _exact_linear(
    matrix: Matrix, force: Matrix, omega: float, x0: Matrix, t0: float
) -> Callable[[float], Matrix]:
    """Solve x' = A x + b u with u = cos(omega t), v = sin(omega t) as further states."""
    dim = len(matrix)
    system = np.zeros((dim + 2, dim + 2))
    system[:dim, :dim] = matrix
    system[:dim, dim] = force
    system[dim:, dim:] = [[0.0, -omega], [omega, 0.0]]
    clock = np.broadcast_to([math.cos(omega * t0), math.sin(omega * t0)], (len(x0), 2))
    start = np.concatenate([x0, clock], axis=1)

    def exact(t: float) -> Matrix:
        from scipy.linalg import expm  # slow to import, and needed only here

        flow: Any = expm((t - t0) * system)
        return np.asarray((start @ flow.T)[:, :dim])

    return exact
