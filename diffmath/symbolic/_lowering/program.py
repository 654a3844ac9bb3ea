"""Array programs: a formula as a list of instructions that runs on any array library.

An instruction is an operation and its operands. There is no generated source text, so a program can be
pickled and sent to a worker process. `diffmath.symbolic.lower` writes programs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, default_float
from diffmath._core.typing import Array, Time

__all__ = ["ArrayFunction", "Instruction"]

# An operation and the numbers of its registers; or "literal" and one float, never a register number: to
# Python 2 == 2.0. Registers hold t, the columns of the state, then the result of each instruction.
Instruction: TypeAlias = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, repr=False)
class ArrayFunction:
    """A formula as a callable ``function(t, x)`` on arrays of any library, from `lower`.

    Parameters
    ----------
    dim : int
        Number of state variables.
    shape : tuple of int
        Shape of the result per row.
    instructions : tuple of (str, tuple)
        Operations with the registers of their operands; ``("literal", (value,))`` is a number.
    outputs : tuple of int
        Registers of the result, flattened.
    formula : str
        The formula as text, for messages.

    Notes
    -----
    The result is not finite where the formula is not, without a warning; the solvers report it. If `t` is a
    number, parts that depend on time only are computed once, as float64 numbers.

    Examples
    --------
    >>> import numpy as np, sympy
    >>> from diffmath import symbolic
    >>> x, t = sympy.symbols("x t")
    >>> cubic = symbolic.lower(x - x**3, (x,), t)
    >>> cubic, cubic(0.0, np.array([[2.0], [3.0]]))
    (ArrayFunction(t, x -> -x**3 + x), array([ -6., -24.]))
    """

    dim: int
    shape: tuple[int, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    formula: str

    def __repr__(self) -> str:
        return f"ArrayFunction({self.formula})"

    def __call__(self, t: Time, x: Array) -> Array:
        """Evaluate the formula.

        Parameters
        ----------
        t : float or array, shape (batch, 1)
            Time, or one time per row, in the library of `x`.
        x : array, shape (batch, dim)
            State.

        Returns
        -------
        array, shape (batch, *shape)
            In the dtype and on the device of `x`.
        """
        xp = array_namespace(x, names=["x"])
        if x.ndim < 1 or x.shape[-1] != self.dim:
            raise ValueError(f"x must have shape (batch, {self.dim}); got {tuple(x.shape)}")
        if xp.isdtype(x.dtype, ("integral", "bool")):
            x = xp.astype(x, default_float(x))
        if not xp.isdtype(x.dtype, "real floating"):
            raise TypeError(f"x must be real; got dtype {x.dtype}")
        registers: list[Any] = [_time_column(t, x), *(x[..., i] for i in range(self.dim))]
        # Both branches of a Piecewise are computed and one is kept: NumPy must not warn about the other.
        with np.errstate(all="ignore"):
            for operation, operands in self.instructions:
                if operation == "literal":
                    registers.extend(operands)
                else:
                    registers.append(_apply(operation, [registers[o] for o in operands], x, xp))
        columns = [_full_column(registers[o], x, xp) for o in self.outputs]
        # One column that was computed here needs no copy; a column of the state does.
        fresh = len(columns) == 1 and self.outputs[0] > self.dim
        together = columns[0] if fresh else xp.stack(columns, axis=-1)
        return xp.reshape(together, (*x.shape[:-1], *self.shape))


def _time_column(t: Time, x: Array) -> Any:
    """Return a number unchanged, and times per row (batch, 1) as a column (batch,) in the dtype of `x`."""
    if isinstance(t, Real) or (compat.is_numpy_array(t) and t.ndim == 0):
        return float(t)
    per_row = (*x.shape[:-1], 1)
    xp = array_namespace(x, t, names=["x", "t"])
    if tuple(t.shape) not in ((), per_row):
        raise ValueError(f"t must be a number, or one time per row of shape {per_row}; got {tuple(t.shape)}")
    t = xp.astype(t, x.dtype)
    return t[..., 0] if t.ndim else t


def _full_column(value: Any, x: Array, xp: Any) -> Array:
    rows = tuple(x.shape[:-1])
    if isinstance(value, float):
        return xp.full(rows, value, dtype=x.dtype, device=compat.device(x))
    return value if tuple(value.shape) == rows else xp.broadcast_to(value, rows)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "negative": operator.neg, "pow": operator.pow, "less": operator.lt, "less_equal": operator.le,
    "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip
_NUMPY: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in (
        "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "divide",
        "equal", "exp", "less", "less_equal", "log", "logical_and", "logical_not", "logical_or", "maximum",
        "minimum", "multiply", "negative", "not_equal", "pow", "sign", "sin", "sinh", "sqrt", "subtract",
        "tan", "tanh", "where",
    )
}  # fmt: skip


def _apply(operation: str, values: list[Any], x: Array, xp: Any) -> Any:
    """Execute one instruction; numbers are Python numbers, so that float32 arrays stay float32."""
    if all(isinstance(value, float | bool) for value in values):
        return _NUMPY[operation](*map(_float64, values)).item()
    if operation in _OPERATORS:
        return _OPERATORS[operation](*values)
    dtypes = {bool: xp.bool, float: x.dtype}
    arrays = [asarray_like(v, x, dtypes[type(v)]) if isinstance(v, float | bool) else v for v in values]
    return getattr(xp, operation)(*arrays)


def _float64(value: float | bool) -> Any:
    return value if isinstance(value, bool) else np.float64(value)
