"""Convert functions of one state to functions of a batch, row by row, with every result checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import array_api_compat as compat
import numpy as np

from diffmath._arrays.bound import Bindable, cut
from diffmath._arrays.callables import check_dynamics
from diffmath._arrays.namespace import array_namespace, asarray_like, real_dtype, to_numpy
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.matrices import dense

__all__ = ["Unbatched", "unbatched"]

# What functions of one state mostly return: NumPy reads it as it is.
_HOST = (list, np.ndarray, float, np.float64)


@dataclass(frozen=True)
class Unbatched(Bindable):
    """A function of one state, called for every row.

    `wanted` is the required result: the shape of a state, a number, or a Jacobian; None allows anything.
    Error messages use the words of `role`. A number as a state is a row with one component.
    """

    function: Callable[..., Any]
    role: str = "f(t, x)"
    wanted: Literal["state", "number", "matrix"] | None = None
    of_number: bool = False
    parameters: Any = None
    args: tuple[Any, ...] = ()

    def bound(self, parameters: Any, args: tuple[Any, ...], role: str) -> Unbatched:
        """Return the function bound to args and to parameters; every row gets its own parameters."""
        more = len(args) + (parameters is not None)
        check_dynamics(self.function, role, more=more)
        return Unbatched(self.function, self.role, self.wanted, self.of_number, parameters, args)

    def __call__(self, t: Time, x: Array) -> Array:
        batch = x.shape[0]
        if batch == 1 and type(t) is float:
            return self._row(t, x, 0)
        if not batch:  # no result whose shape is known: use that of the state
            return 0.0 * x
        one = isinstance(t, int | float) or not t.ndim  # a number, or a traced number in JAX
        times = [t] * batch if one else to_numpy(t).reshape(-1).tolist()
        values = [self._row(times[i], x, i) for i in range(batch)]
        return values[0] if batch == 1 else array_namespace(x).concat(values, axis=0)

    def _row(self, t: float, x: Array, i: int) -> Array:
        """Return the value for one row, as a batch of one."""
        state = x[i, 0] if self.of_number else x[i, ...]
        own = () if self.parameters is None else (cut(self.parameters, i),)
        value = self.function(t, state, *own, *self.args)
        if type(value) in _HOST and self.wanted == "state" and type(x) is np.ndarray:
            try:
                host = np.array(value)
            except ValueError:  # a list of lists of unequal lengths: refused below
                host = np.empty(0)
            if host.dtype == x.dtype and host.shape == state.shape:
                return host.reshape(1, 1) if self.of_number else host[None]
        return self._checked(value, state, x)[None, ...]

    def _checked(self, value: Any, state: Array, x: Array) -> Array:
        """Return what the function returned for a state of x as it is wanted, or refuse it."""
        value = self._as_array(value, x)
        if self.wanted is None:
            return value
        size = math.prod(x.shape[1:])
        shape = {"state": tuple(state.shape), "number": (), "matrix": (size, size)}[self.wanted]
        if tuple(value.shape) != shape and not math.prod(value.shape) == math.prod(shape) == 1:
            wanted = f"shape {shape}" if shape else "a number"
            raise ValueError(f"{self.role} must return {wanted}; got shape {tuple(value.shape)}")
        inside = {"state": tuple(x.shape[1:]), "number": (), "matrix": (size, size)}[self.wanted]
        return value if tuple(value.shape) == inside else array_namespace(x).reshape(value, inside)

    def _as_array(self, value: Any, x: Array) -> Array:
        """Return the result of the function in the library and precision of the batch."""
        value = dense(value)
        if not isinstance(x, np.ndarray):
            if _is_foreign(value):
                return value
            if isinstance(value, list | tuple) and any(map(_holds_foreign, value)):
                xp = array_namespace(x)
                return xp.stack([xp.astype(self._as_array(part, x), x.dtype) for part in value], axis=0)
        elif not isinstance(value, np.ndarray | np.generic | list | float) and _is_foreign(value):
            return value  # refused by a later check
        if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
            array_namespace(value, names=[f"the result of {self.role}"])  # masks and units are refused
        try:
            host = np.asarray(value)
        except ValueError:  # a list of lists of unequal lengths
            host = np.empty(0, dtype=object)
        is_event = host.ndim == 0 and self.wanted in (None, "number")
        real = self.wanted == "number" or not _is_complex(x)
        if host.dtype.kind not in "biufc" or (host.dtype.kind == "c" and real):
            like = "real numbers" if is_event else f"numbers like the state, {x.dtype}"
            kind = "None" if value is None else f"{type(value).__name__} of {host.dtype}"
            raise TypeError(f"{self.role} must return {like}; got {kind}")
        dtype = real_dtype(x) if is_event and host.dtype.kind != "c" else x.dtype
        return np.array(host, dtype=dtype) if isinstance(x, np.ndarray) else asarray_like(host, x, dtype)


def unbatched(function: Callable[..., Any]) -> Drift:
    """Convert a function of one state to a function of a batch, row by row.

    Parameters
    ----------
    function : callable
        ``function(t, x)`` of a float and one state, shape (\\*state): a right-hand side, a Jacobian or an
        event function as for scipy.integrate.solve_ivp. It may return a list or a number. If the solve has
        `parameters`, it gets the parameters of its row, and `args`.

    Returns
    -------
    callable
        ``f(t, x)`` of a batch, shape (batch, \\*state).

    Raises
    ------
    TypeError
        Not a callable, or a callable that takes the state first.

    Notes
    -----
    Cost: one call of the function per row. A function written for a batch is faster by about the number of
    rows.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> def pendulum(t, y):
    ...     return [y[1], -np.sin(y[0])]
    >>> ode.solve(ode.unbatched(pendulum), np.array([[1.0, 0.0], [2.0, 0.0]]), [0.0, 1.0]).x[-1].round(3)
    array([[ 0.6  , -0.755],
           [ 1.533, -0.953]])
    """
    check_dynamics(function, "f", more=None)
    return Unbatched(function)


def _is_foreign(value: Any) -> bool:
    return bool(compat.is_array_api_obj(value)) and not compat.is_numpy_array(value)


def _holds_foreign(value: Any) -> bool:
    """Whether a value is, or holds, an array that NumPy may not be able to read."""
    if isinstance(value, list | tuple):
        return any(map(_holds_foreign, value))
    return _is_foreign(value)


def _is_complex(x: Array) -> bool:
    return bool(array_namespace(x).isdtype(x.dtype, "complex floating"))
