"""Values that JAX traces (`jit`, `vmap`, `grad`): they have a shape and a dtype, but no numbers on the host.

Nothing here imports JAX: where it is not loaded, nothing is traced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import array_api_compat as compat

__all__ = ["all_true", "is_traced", "is_tracing", "refuse_traced", "scan_loop"]


def is_traced(*values: Any) -> bool:
    """Whether JAX traces any of these values.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._tracing import is_traced
    >>> is_traced(np.zeros(2), 1.0, None)
    False
    """
    jax = sys.modules.get("jax")
    core = getattr(jax, "core", None)  # absent while JAX is being imported
    return core is not None and any(isinstance(value, core.Tracer) for value in values)


def is_tracing(*values: Any) -> bool:
    """Whether JAX traces what is computed from these values: it traces them, or it traces the caller.

    Inside `jit`, also the sum of two constants is traced.
    """
    if is_traced(*values):
        return True
    jax = sys.modules.get("jax")
    kind = getattr(jax, "Array", None)
    if jax is None or kind is None or not any(isinstance(value, kind) for value in values):
        return False
    return is_traced(jax.numpy.zeros(()))


def all_true(mask: Any) -> bool:
    """Whether all entries of a boolean array are true; a traced mask is not looked at and counts as true.

    Every check of values passes through here, so that a trace skips it. Shapes and dtypes are known under a
    trace and stay checked.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._tracing import all_true
    >>> all_true(np.array([True, False])), all_true(np.array([], dtype=bool))
    (False, True)
    """
    return is_traced(mask) or bool(compat.array_namespace(mask).all(mask))


def scan_loop(body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any) -> tuple[Any, Any]:
    """Run ``carry, output = body(carry, input)`` over the leading axis of `inputs`, as `jax.lax.scan` does.

    The body is traced once, whatever the number of steps: the time to compile does not grow with it. Inputs
    may be NumPy arrays, which enter the program as constants.
    """
    scan: Any = sys.modules["jax"].lax.scan
    last, outputs = scan(body, carry, inputs)
    return last, outputs


def refuse_traced(name: str, why: str, instead: str, *values: Any) -> None:
    """Refuse values that JAX traces, or would trace, where a computation must read numbers.

    Raises
    ------
    TypeError
        Any of `values` is traced; the message has the name, the reason and the remedy.
    """
    if is_tracing(*values):
        raise TypeError(f"{name} is traced by JAX (jit, vmap or grad), but {why}: {instead}")
