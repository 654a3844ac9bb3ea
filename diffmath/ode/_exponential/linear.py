"""Linear systems with constant coefficients, solved exactly in one step of any length.

Source: Moler & Van Loan (2003), Nineteen dubious ways to compute the exponential of a matrix, SIAM Rev. 45,
3-49.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, device, expand_like
from diffmath._arrays.phi import matrix_phis
from diffmath._core.counts import check_count
from diffmath._core.step_cache import StepCache
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.problems import Linear, structured
from diffmath._stepping.trial import Trial
from diffmath.ode._exponential.action import expm_multiply

__all__ = ["LinearExact", "exact"]

Form = Literal["matrix", "action"]


@dataclass(frozen=True)
class LinearExact:
    r"""Step an `ode.Linear` exactly.

    .. math:: x(t + h) = e^{hA} x(t) + h\, \varphi_1(hA)\, b

    Parameters
    ----------
    form : {"matrix", "action"}
        "matrix": form the exponential, once for every step size. "action": products with A (`expm_multiply`),
        for large A.

    Notes
    -----
    For states of shape (batch, n). The error is only rounding, for any step: `order` is infinite. A may be
    singular (h phi_1(hA) b is computed without an inverse), complex (with a complex state), and h negative.
    States inside a step (``dense``, events) are also exact. Events are detected between the ends of steps, so
    pass `substeps` if the solution can cross and return between two save times.

    Cost of "matrix": an exponential of a matrix of twice the size for every step size, cached for the last
    eight of each right-hand side, then one product per step. Use it for up to some hundred unknowns, for any
    stiffness; for a Semilinear system with a diagonal L and N = 0 any exponential method is exact and
    cheaper.

    References
    ----------
    .. [1] Moler & Van Loan (2003), SIAM Rev. 45, 3-49, method 3.
    .. [2] Al-Mohy & Higham (2011), SIAM J. Sci. Comput. 33, 488-511.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> falling = ode.Linear(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([0.0, -9.81]))
    >>> ode.solve(falling, np.array([[0.0, 0.0]]), [0.0, 2.0], method=ode.exact).x[-1]
    array([[-19.62, -19.62]])
    """

    form: Form = "matrix"

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ValueError(f"form must be 'matrix' or 'action'; got {self.form!r}")

    name = "exact"
    order = math.inf
    dense_order = math.inf
    embedded_order = None
    reference = "Moler & Van Loan (2003), SIAM Rev. 45, 3-49; Al-Mohy & Higham (2011)"

    def nfe(self, steps: int) -> int:
        """Evaluations of f: none."""
        return 0 * check_count("steps", steps, 0)

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Advance by one step.

        Parameters
        ----------
        f : Linear
            A and b.
        t, dt : float
            Time (not used) and step, negative to go backwards; or arrays of shape (batch, 1), one per row.
        x : array, shape (batch, n)
            State at `t`; not modified.

        Returns
        -------
        array, shape (batch, n)
            State at ``t + dt``, in the dtype and on the device of `x`.

        Raises
        ------
        TypeError
            f is not an `ode.Linear`, or A is complex and `x` real.
        ValueError
            A does not fit `x`, or is not finite.
        """
        model = structured(f, Linear, self.name)
        if self.form == "action":
            return expm_multiply(model.A, x, dt, b=model.b)
        _check_fit(model.A, model.b, x)
        propagator, push = _CACHE.get(
            getattr(f, "model", f), "exact", dt, x, lambda: _propagator(model, x, dt)
        )
        if isinstance(dt, int | float):
            moved = x @ propagator
        else:
            moved = (propagator @ x[..., None])[..., 0]
        return moved if push is None else moved + push

    def init(self, f: Drift, t: Time, x: Array) -> None:
        """Return the state of the method: none."""

    def attempt(self, f: Drift, state: None, t: Time, x: Array, dt: Time, *, estimate: bool = False) -> Trial:
        """Return the step, without an error, and the state inside it, which is also exact."""
        return Trial(self.step(f, t, x, dt), dense=lambda: partial(self._inside, f, t, x, dt))

    def _inside(self, f: Drift, t: Time, x: Array, dt: Time, rows: Any, theta: Any) -> Array:
        index = array_namespace(x).asarray(rows, device=device(x))
        start = array_namespace(x).take(x, index, axis=0)
        if isinstance(dt, int | float):
            part = asarray_like(dt * theta, x)
        else:
            own = array_namespace(x).take(array_namespace(x).reshape(dt, (x.shape[0],)), index, axis=0)
            part = asarray_like(theta, x) * own
        return self.step(f, t, start, expand_like(part, x))

    def __repr__(self) -> str:
        return f"LinearExact({self.form})"


def _propagator(model: Linear, x: Array, dt: Time) -> tuple[Array, Array | None]:
    """Return exp(dt A), transposed if it is the same for all rows, and dt phi_1(dt A) b."""
    matrix: Any = model.A
    A = check_array("A", matrix.toarray() if hasattr(matrix, "toarray") else matrix, allow_complex=True)
    b = None if model.b is None else check_array("b", model.b, allow_complex=True)
    step: Any = dt
    if not isinstance(dt, int | float):
        A, b, step = _like(A, x), _like(b, x), step[..., None]
    elif b is not None and not (compat.is_numpy_array(A) and compat.is_numpy_array(b)):
        A, b = _like(A, x), _like(b, x)
    # Host coefficients are used on the host in their own precision, and the result is copied once for many
    # steps.
    exponential, *rest = matrix_phis(step * A, 0 if b is None else 1)
    push = None if b is None else ((step * rest[0]) @ b[:, None])[..., 0]
    if isinstance(dt, int | float):
        exponential = array_namespace(exponential).matrix_transpose(exponential)
    return _like(exponential, x), _like(push, x)


def _like(value: Any, x: Array) -> Any:
    return asarray_like(value, x, x.dtype) if value is not None and compat.is_numpy_array(value) else value


def _check_fit(A: Array, b: Array | None, x: Array) -> None:
    if x.ndim != 2 or A.shape[0] != x.shape[1]:
        raise ValueError(f"A must have shape (n, n), x (batch, n); got {tuple(A.shape)} and {tuple(x.shape)}")
    for name, values in (("A", A), ("b", b)):
        dtype = getattr(values, "dtype", None)
        if "complex" in str(dtype) and not array_namespace(x).isdtype(x.dtype, "complex floating"):
            raise TypeError(f"{name} is complex ({dtype}); make x0 complex, its dtype is {x.dtype}")


_CACHE: StepCache[Any] = StepCache()

exact = LinearExact()
