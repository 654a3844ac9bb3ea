"""Checks at the public entry points of the SDE solvers, done once before the first step."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np

from diffmath._arrays.bound import check_args, check_parameters
from diffmath._arrays.callables import check_dynamics, check_result, guarded
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath._stepping.watcher import refuse_modified
from diffmath.sde._model.langevin import Langevin
from diffmath.sde._model.rows import Rows, take
from diffmath.sde._model.watched import Watched, watched

__all__ = ["Prepared", "Probed", "as_sde", "check_state", "noise_shape", "prepare", "probe"]


class Prepared(NamedTuple):
    r"""A model and its initial states in solver form: rows of shape (batch, n)."""

    model: SDE
    x: Array
    rows: Rows

    def shaped(self, x: Array) -> Array:
        r"""Return states (..., batch, n) in the user's shape, (..., batch, \*state)."""
        if len(self.rows.state) == 1:
            return x
        return array_namespace(x).reshape(x, (*x.shape[:-1], *self.rows.state))


def prepare(
    model: Any, x0: Array, parameters: Any = None, args: Any = (), *, some_rows: bool = False
) -> Prepared:
    r"""Check the initial states, (batch, \*state), and bind the callables of a model to their parameters."""
    model = as_sde(model, plain=False)
    x = check_array("x0", x0, min_ndim=2, some_rows=some_rows)
    if x.ndim > 2 and isinstance(model, Langevin):
        raise ValueError(f"x0 of a Langevin must have shape (batch, 2 n); got {tuple(x.shape)}")
    rows = Rows(
        tuple(x.shape[1:]),
        None if parameters is None else check_parameters(parameters, x.shape[0]),
        check_args(args),
    )
    flat = (x.shape[0], math.prod(rows.state))
    return Prepared(watched(model, rows), x if x.ndim == 2 else array_namespace(x).reshape(x, flat), rows)


def check_state(x0: Array) -> Array:
    """Return `x0` as finite floats of shape (batch, dim)."""
    x = check_array("x0", x0, min_ndim=2)
    if x.ndim != 2:
        raise ValueError(f"x0 must have shape (batch, dim); got {tuple(x.shape)}")
    return x


def as_sde(model: Any, *, plain: bool = True) -> SDE:
    r"""Return the SDE of a model that may be symbolic.

    Parameters
    ----------
    model : SDE or symbolic.SDE
        An SDE is returned as it is; a symbolic one is lowered to callables.
    plain : bool
        Whether to refuse a drift or diffusion of more arguments than (t, x).

    Returns
    -------
    SDE
        With callables ``drift(t, x)`` and ``diffusion(t, x)``.

    Raises
    ------
    TypeError
        Another kind of model; with `plain`, callables of data first or of more than two arguments.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import sde, symbolic
    >>> x, t = sympy.symbols("x t")
    >>> growth = symbolic.SDE(state=[x], time=t, drift=[x / 10], diffusion=[[x / 5]])
    >>> sde.as_sde(growth).noise
    'diagonal'
    """
    if not isinstance(model, SDE):
        lowered = model.lower() if callable(getattr(model, "lower", None)) else None
        if not isinstance(lowered, SDE):
            raise TypeError(f"model must be an sde.SDE or a symbolic.SDE; got {type(model).__name__}")
        return lowered
    if plain:
        for role in ("drift", "diffusion"):
            check_dynamics(getattr(model, role), role)
    return model


class Probed(NamedTuple):
    """The shape of an increment, and the diffusion and its derivative at the initial states."""

    shape: tuple[int, int]
    g: Array
    derivative: Array | None


def noise_shape(model: SDE, t: float, x: Array) -> tuple[int, int]:
    r"""Return the shape (batch, noise_dim) of a Brownian increment of a model.

    Drift and diffusion are called once, and what they return is checked.

    Parameters
    ----------
    model : SDE
        The equation.
    t : float
        Time of the calls.
    x : array, shape (batch, dim)
        States of the calls; not modified.

    Returns
    -------
    tuple of int
        noise_dim is dim for diagonal noise, 1 for scalar noise, and the number of columns of a matrix.

    Raises
    ------
    TypeError
        Another kind of model, time or state; a result of another library, or one that would change the
        dtype; a state modified in place.
    ValueError
        A state that is not finite or has no batch axis; a result of the wrong shape for the declared noise.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> model = sde.SDE(lambda t, x: -x, lambda t, x: np.ones((3, 2, 5)), noise="general")
    >>> sde.noise_shape(model, 0.0, np.zeros((3, 2)))
    (3, 5)
    """
    t = check_number("t", t)
    # A trace has no values to check; `check_array` checks the shape alone.
    return probe(as_sde(model), t, check_array("x", x, ndim=2)).shape


def probe(model: SDE, t: float, x: Array) -> Probed:
    """Call drift and diffusion once, check the results, and return the shape of an increment.

    Raises
    ------
    TypeError
        A result of another library, or one that would change the dtype; a state modified in place.
    ValueError
        A result of the wrong shape for the declared noise.
    """
    _probe("drift", model.drift, t, x, tuple(x.shape))
    matrix = model.noise in ("commutative", "general")
    g = _probe("diffusion", model.diffusion, t, x, None)
    _refuse_two_readings(model, t, x)
    motions = {"diagonal": x.shape[1], "scalar": 1}.get(model.noise)
    if model.noise_dim is not None and motions is not None and model.noise_dim != motions:
        raise ValueError(
            f"noise_dim must be {motions} for {model.noise} noise of {x.shape[1]} components, or None; got "
            f"{model.noise_dim}: a matrix per row is noise='general'"
        )
    if g.ndim == 3 and model.noise in ("diagonal", "scalar"):
        raise ValueError(
            f"diffusion(t, x) of {model.noise} noise must return shape {tuple(x.shape)}; got "
            f"{tuple(g.shape)}: a matrix per row is noise='general' (or 'commutative', 'additive')"
        )
    if matrix or g.ndim == 3:
        width = model.noise_dim or (g.shape[2] if g.ndim == 3 else x.shape[1])
        check_result("diffusion(t, x)", g, x, (*x.shape, width))
        return Probed((x.shape[0], width), g, _probe_derivative(model, t, x, (*g.shape, x.shape[1])))
    check_result("diffusion(t, x)", g, x)
    tail = x.shape if model.noise == "diagonal" else (*x.shape, x.shape[1])
    width = 1 if model.noise == "scalar" else x.shape[1]
    return Probed((x.shape[0], width), g, _probe_derivative(model, t, x, tail))


def _refuse_two_readings(model: SDE, t: float, x: Array) -> None:
    """Refuse a diffusion whose first axis could be the rows or the state, after a call with fewer or more
    rows.

    A matrix (dim, noise_dim) for all rows and a vector (batch, dim) per row have the same shape if there are
    as many rows as components. Only then one more call is made.
    """
    g, batch = model.diffusion, x.shape[0]
    if not isinstance(g, Watched) or g.rows is None or batch < 2 or batch != g.rows.state[0]:
        return
    found = g.shape_returned
    if not found or found[0] != batch or len(found) > 1 + len(g.rows.state):
        return
    # A number of rows that does not broadcast against `batch`.
    number = batch + 1 if batch < 8 else 7
    again = _shape_on(g, t, x, np.arange(number) % batch)
    follows = again is None or again[0] != batch  # a closure over arrays with one entry per row raises
    elementwise = model.noise in ("diagonal", "scalar") or (
        model.noise == "additive" and model.noise_dim is None
    )
    per_row = elementwise and len(found) == 1 + len(g.rows.state)
    if follows != per_row:
        means = "one row each" if follows else "the same for all rows"
        advice = (
            "give values for all rows a first axis of 1, and pass arrays with one row each as parameters="
            if not follows
            else "a number per row, for all its components, has shape (batch, 1)"
            if elementwise
            else "a matrix per row has shape (batch, dim, noise_dim); elementwise noise is 'diagonal'"
        )
        raise ValueError(
            f"diffusion(t, x) of {model.noise} noise returns shape {found} for {batch} rows of {batch} "
            f"components; its values are {means}, but this shape means the opposite: {advice}"
        )


def _shape_on(g: Watched, t: float, x: Array, rows: Any) -> tuple[int, ...] | None:
    """Return the shape that a diffusion returns for some rows, or None if the call fails."""
    assert g.rows is not None
    g.rows.choose(rows)
    try:
        with np.errstate(all="ignore"):
            return tuple(g.raw(t, take(x, rows)).shape)
    except Exception:  # noqa: BLE001  a function can raise anything for arrays that do not fit
        return None
    finally:
        g.rows.choose(None)


def _probe_derivative(model: SDE, t: float, x: Array, shape: tuple[int, ...]) -> Array | None:
    if model.diffusion_derivative is None or model.noise == "additive":
        return None
    return _probe("diffusion_derivative", model.diffusion_derivative, t, x, tuple(shape))


def _probe(role: str, function: Any, t: float, x: Array, shape: tuple[int, ...] | None) -> Array:
    lent = 1.0 * x  # a copy that torch can differentiate; the user's array stays unchanged
    with np.errstate(all="ignore"):  # values that are not finite are detected after the step and reported
        result = guarded(function, role, t, t, lent)
    call = f"{role}(t, x)"
    if not compat.is_array_api_obj(result):
        wanted = tuple(x.shape) if shape is None else shape
        raise TypeError(
            f"{call} must return an array of shape {wanted}, of the library and dtype of the state; got "
            f"{type(result).__name__}"
        )
    check_result(call, result, x, getattr(result, "shape", None) if shape is None else shape)
    refuse_modified(call, lent, x)
    if result.dtype != x.dtype:
        raise TypeError(
            f"{call} must keep the precision of the state, {x.dtype}; got {result.dtype}: create its "
            "constants with dtype=x.dtype, or convert the initial state"
        )
    return result
