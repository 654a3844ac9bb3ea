"""Values that JAX traces (`jit`, `vmap`, `grad`): they have a shape and a dtype, but no numbers on the host.

This file does not import JAX: if it is not loaded, nothing is traced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

__all__ = [
    "UNCHECKED",
    "HostReadError",
    "all_true",
    "branch",
    "common_step",
    "host_read_errors",
    "is_traced",
    "is_tracing",
    "makes_traced",
    "refuse_traced",
    "scan_loop",
]

# The message of a solution whose values were not checked.
UNCHECKED = "traced by JAX: no value was checked; check that x is finite"


class HostReadError(TypeError):
    """A computation tried to read numbers on the host of an array that JAX traces."""


def is_traced(*values: Any) -> bool:
    """Whether JAX traces any of these values.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.tracing import is_traced
    >>> is_traced(np.zeros(2), 1.0, None)
    False
    """
    jax = sys.modules.get("jax")
    core = getattr(jax, "core", None)  # absent while JAX is being imported
    return core is not None and any(isinstance(value, core.Tracer) for value in values)


def is_tracing(*values: Any) -> bool:
    """Whether JAX traces computations with these values: it traces the values or the caller.

    Inside `jit`, also the sum of two constants is traced.
    """
    if is_traced(*values):
        return True
    jax = sys.modules.get("jax")
    kind = getattr(jax, "Array", None)
    if jax is None or kind is None or not any(isinstance(value, kind) for value in values):
        return False
    return is_traced(jax.numpy.zeros(()))


def makes_traced(x: Any, *functions: Callable[[], Any]) -> bool:
    """Whether JAX traces the state `x`, the caller, or the result of one of the functions.

    A function may close over traced values: `grad` with respect to the parameters of a right-hand side. So
    every function is called, but only if `x` is a JAX array.
    """
    if is_tracing(x):
        return True
    kind = getattr(sys.modules.get("jax"), "Array", None)
    return kind is not None and isinstance(x, kind) and any(is_traced(function()) for function in functions)


def all_true(mask: Any) -> bool:
    """Whether all entries of a boolean array are true; a traced mask is not read and counts as true.

    All checks of values use this function, so that a trace skips them. Shapes and dtypes are known under a
    trace and are always checked.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.tracing import all_true
    >>> all_true(np.array([True, False])), all_true(np.array([], dtype=bool))
    (False, True)
    """
    if type(mask) is np.ndarray:
        return bool(np.count_nonzero(mask) == mask.size)  # several times faster than `all` for a few
    return is_traced(mask) or bool(compat.array_namespace(mask).all(mask))


def scan_loop(body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any) -> tuple[Any, Any]:
    """Run ``carry, output = body(carry, input)`` over the leading axis of `inputs`, like `jax.lax.scan`.

    The body is traced once or twice for any number of steps, so the compile time does not grow with it.
    Inputs may be NumPy arrays, which enter the program as constants.
    """
    scan: Any = sys.modules["jax"].lax.scan
    last, outputs = scan(body, carry, inputs)
    return last, outputs


def branch(condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """Return the result of one of two functions, which `jax.lax.cond` selects when the program runs."""
    return sys.modules["jax"].lax.cond(condition, yes, no)


def common_step(clock: npt.NDArray[np.float64]) -> float | None:
    """Return the step of a host clock that is uniform up to the rounding of its times, or None.

    Under a trace, a step that is a Python float lets a method compute with it on the host.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.tracing import common_step
    >>> common_step(np.linspace(0, 1, 11)), common_step(np.array([0.0, 0.1, 0.3]))
    (0.1, None)
    """
    step = float(clock[-1] - clock[0]) / (len(clock) - 1)
    grain = 4 * np.spacing(np.abs(clock).max())
    return step if bool(np.all(np.abs(np.diff(clock) - step) <= grain)) else None


def host_read_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that are raised when numbers are read on the host under a trace."""
    errors: Any = getattr(sys.modules.get("jax"), "errors", None)
    names = (
        "ConcretizationTypeError", "TracerArrayConversionError", "TracerIntegerConversionError",
        "NonConcreteBooleanIndexError",
    )  # fmt: skip
    found = (getattr(errors, name, None) for name in names)
    return (HostReadError, *(kind for kind in found if kind is not None))


def refuse_traced(name: str, why: str, instead: str, *values: Any) -> None:
    """Refuse values that JAX traces, or would trace, if a computation must read numbers.

    Raises
    ------
    TypeError
        Any of `values` is traced; the message has the name, the reason and the remedy.
    """
    if "jax" in sys.modules and is_tracing(*values):
        raise TypeError(f"{name} is traced by JAX (jit, vmap or grad), but {why}: {instead}")
