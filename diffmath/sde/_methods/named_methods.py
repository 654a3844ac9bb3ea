"""The method argument of a call: a method, its name, or a user's object with the attributes of one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from diffmath._arrays.models import Noise
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


# Attributes of a user's object that become parameters of `Method` if it has them.
_OPTIONAL = tuple(part.name for part in fields(Method) if part.init and part.name not in ("step", "orders"))


def as_method(method: Any) -> Method:
    """Return a method object; a string is looked up by name, an object with a step and orders is wrapped.

    Raises
    ------
    TypeError
        Neither a method, nor a string, nor an object with `orders` (or `order`) and `step` or `attempt`.
    ValueError
        A string that is not the name of a method; the message has similar names.

    Examples
    --------
    >>> from diffmath.sde._methods.named_methods import as_method
    >>> as_method("milstein")
    Method(milstein, diagonal: strong 1, weak 1)
    >>> class Mine:
    ...     order = 0.5
    ...
    ...     def step(self, model, t, x, dt, dW):
    ...         return x + dt * model.drift(t, x) + model.diffusion(t, x) * dW
    >>> as_method(Mine())
    Method(Mine, diagonal: strong 0.5, weak 0.5)
    """
    found = named(method, "diffmath.sde", lambda value: isinstance(value, Method), foreign=_FOREIGN)
    if isinstance(found, Method):
        return found
    if isinstance(found, type):
        raise TypeError(f"method is an object, not a class; got {found.__name__}: pass {found.__name__}()")
    step = found if callable(getattr(found, "attempt", None)) else getattr(found, "step", None)
    if step is None or not (hasattr(found, "orders") or hasattr(found, "order")):
        raise TypeError(
            "method must be a method object such as sde.milstein, its name, 'milstein', or an object with "
            f"step (or attempt) and orders (or order); got {type(found).__name__}"
        )
    orders = getattr(found, "orders", None)
    if orders is None:  # a bound of the error along paths also bounds that of expectations
        orders = dict.fromkeys(get_args(Noise), (found.order, found.order))
    given = {name: getattr(found, name) for name in _OPTIONAL if hasattr(found, name)}
    return Method(**{"name": type(found).__name__, **given}, step=step, orders=orders)
