"""The method argument of a solve: an object with a step, a tableau, or a name of this package."""

from __future__ import annotations

from typing import Any, cast

from diffmath._core.named import named
from diffmath.ode._explicit.explicit import ExplicitRungeKutta
from diffmath.ode._explicit.method import Method
from diffmath.ode._tableaux import Tableau

__all__ = ["check_method"]

_STIFF = "for stiff problems use 'kvaerno5', 'radau5' or 'rodas5p'."
_FOREIGN = {
    "RK45": "SciPy's RK45 is 'dopri5' here.",
    "RK23": "SciPy's RK23 is 'bosh3' here.",
    "DOP853": "SciPy's DOP853 is 'dop853' here.",
    "Radau": "SciPy's Radau is 'radau5' here.",
    "BDF": f"there is no BDF method here: {_STIFF}",
    "LSODA": f"no method here changes between stiff and not: use 'dopri5'; {_STIFF}",
    "vode": f"there is no multistep method here: use 'dopri5'; {_STIFF}",
    "dopri8": "use 'dop853', of order 8.",
}


def check_method(method: Any) -> Method:
    """Return an object that has a step; refuse others.

    Examples
    --------
    >>> from diffmath.ode._explicit.named_methods import check_method
    >>> check_method("RK45")
    Traceback (most recent call last):
        ...
    ValueError: method must be an object of diffmath.ode or its name; got 'RK45': SciPy's RK45 is 'dopri5' ...
    """
    if type(method) is ExplicitRungeKutta:  # as mostly
        return method
    method = named(method, "diffmath.ode", _has_step, foreign=_FOREIGN)
    if isinstance(method, Tableau):
        return ExplicitRungeKutta(method)
    if isinstance(method, type):
        raise TypeError(f"method is an object, not a class; got {method.__name__}: pass {method.__name__}()")
    if not _has_step(method):
        raise TypeError(
            "method must be a name, a Tableau, or have step(f, t, x, dt) and order; got "
            f"{type(method).__name__}"
        )
    estimates = hasattr(method, "step_with_error") or hasattr(method, "attempt")
    if getattr(method, "embedded_order", None) is not None and not estimates:
        raise TypeError(f"method has an embedded_order but no step_with_error; got {type(method).__name__}")
    return cast(Method, method)


def _has_step(method: Any) -> bool:
    return (
        not isinstance(method, type) and callable(getattr(method, "step", None)) and hasattr(method, "order")
    )
