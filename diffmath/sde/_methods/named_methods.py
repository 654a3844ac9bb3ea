"""Look up a method of this package by its name."""

from __future__ import annotations

from typing import Any

from diffmath._core.named import named
from diffmath.sde._methods.method import Method

__all__ = ["as_method"]

# Names in other libraries.
_FOREIGN = {
    "em": "use 'euler_maruyama'.",
    "euler": "use 'euler_maruyama'.",
    "srk": "use 'sriw1' for diagonal or scalar noise, 'sra1' for additive noise.",
    "srk1w1": "use 'sriw1'.",
    "rkmil": "use 'derivative_free_milstein'.",
    "itomilstein": "use 'milstein'.",
    "stratonovichmilstein": "use 'milstein', which takes both calculi.",
    "log_ode": "use 'milstein_levy'.",
    "lambaeulerheun": "use 'euler_heun'.",
}


def as_method(method: Any) -> Method:
    """Return a method object; a string is looked up by name.

    Raises
    ------
    TypeError
        Neither a method nor a string.
    ValueError
        A string that is not the name of a method; the message has similar names.

    Examples
    --------
    >>> from diffmath.sde._methods.named_methods import as_method
    >>> as_method("milstein")
    Method(milstein, diagonal: strong 1, weak 1)
    """
    found = named(method, "diffmath.sde", lambda value: isinstance(value, Method), foreign=_FOREIGN)
    if not isinstance(found, Method):
        raise TypeError(
            "method must be a method object such as sde.milstein, or its name, 'milstein'; got "
            f"{type(found).__name__}"
        )
    return found
