"""Fixed steps under a JAX transformation: noise drawn beforehand, and one loop of the compiled program.

The key is a host value, so NumPy draws all noise before the trace reaches the loop, and the noise enters as
constants with the same numbers as in an eager run. Times also stay on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, real_dtype
from diffmath._arrays.tracing import UNCHECKED, common_step, host_read_errors, makes_traced, scan_loop
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.sde._methods import Method
from diffmath.sde._model import Prepared
from diffmath.sde._noise import Increment, WeakIncrement

__all__ = ["host_like", "is_traced_run", "refuse_traced_run", "traced_solution"]

# (arrays for all steps, step axis first; a function that builds the noise of a step from its parts and dt)
Stacked = tuple[Any, Callable[[Any, Any], Any]]


def is_traced_run(model: SDE, x: Array, t: float) -> bool:
    """Whether JAX traces a run: its state, or arrays that drift or diffusion close over."""
    return makes_traced(x, lambda: model.drift(t, x), lambda: model.diffusion(t, x))


def refuse_traced_run(model: SDE, x: Array, t: float, why: str) -> None:
    """Refuse a run that JAX traces if its steps depend on numbers.

    Raises
    ------
    TypeError
        The state, the drift or the diffusion is traced.
    """
    if is_traced_run(model, x, t):
        raise TypeError(
            f"x0 or the model is traced by JAX (jit, vmap or grad), but {why}: use fixed steps, "
            "sde.solve(..., substeps=...), or call it outside the transformation"
        )


def host_like(x: Array) -> Array:
    """Return an empty NumPy array in the precision of `x`, for drawing noise."""
    return np.empty(0, dtype=np.dtype(real_dtype(x)))


def traced_solution(
    prepared: Prepared, saved: Any, clock: Any, method: Method, noises: Iterable[Any], substeps: int
) -> Solution:
    """Return the states at the times `saved`, in a loop over `clock` that JAX traces once."""
    model, x = prepared.model, prepared.x
    parts, rebuild = _stacked(list(noises), method)
    host, common = np.dtype(real_dtype(x)), common_step(clock)

    def step(carry: Any, inputs: Any) -> tuple[Any, None]:
        t, dt, part = inputs
        dt = dt if common is None else common
        return _step(method, model, t, dt, rebuild(part, dt), carry, unpack), None

    first = method.init(model, float(clock[0]), x)
    unpack = _unpacking(first)

    def interval(carry: Any, inputs: Any) -> tuple[Any, Array]:
        carry, _ = scan_loop(step, carry, inputs)
        return carry, carry[0]

    def cut(values: Any) -> Any:
        return values.reshape(len(saved) - 1, substeps, *values.shape[1:])

    inputs = (
        cut(clock[:-1].astype(host)),
        cut(np.diff(clock).astype(host)),
        {k: cut(v) for k, v in parts.items()},
    )
    states = scan_loop(interval, (x, _packed(first)), inputs)[1]
    steps = len(clock) - 1
    return Solution(
        t=saved,
        x=prepared.shaped(array_namespace(x).concat([x[None, ...], states])),
        message=UNCHECKED,
        stats={"steps": steps, "evaluations": method.nfe(steps)},
    )


def _packed(state: Any) -> tuple[Any, ...]:
    """Return the entries of the state of a method, which JAX can carry through a loop."""
    if is_dataclass(state):
        return tuple(getattr(state, field.name) for field in fields(state))
    return (state,)


def _unpacking(state: Any) -> Callable[[tuple[Any, ...]], Any]:
    """Return the inverse of `_packed` for states like this one."""
    if not is_dataclass(state):
        return lambda parts: parts[0]
    names = [field.name for field in fields(state)]
    return lambda parts: replace(state, **dict(zip(names, parts, strict=True)))  # type: ignore[type-var]


def _step(
    method: Method, model: SDE, t: Any, dt: Any, noise: Any, carry: tuple[Array, Any], unpack: Any
) -> Any:
    x, parts = carry
    try:
        trial = method.attempt(model, unpack(parts), t, x, dt, noise, estimate=False)
    except host_read_errors() as error:
        raise TypeError(
            f"method={method.name}, or the model, reads numbers on the host, which JAX does not have while "
            "it traces (jit, vmap or grad): use jax.numpy for the time, equal steps, and an explicit method "
            "such as sde.euler_maruyama or sde.milstein; or call it outside the transformation"
        ) from error
    if trial.x.dtype != x.dtype:
        raise TypeError(
            f"a step of {method.name} must keep the precision of x0, {x.dtype}; got {trial.x.dtype}"
        )
    return trial.x, _packed(trial.state)


def _stacked(noises: list[Any], method: Method) -> Stacked:
    """Return the noise of all steps as host arrays, and a function that builds the noise of one step."""
    first = noises[0]
    if isinstance(first, np.ndarray):
        return {"W": np.stack(noises)}, lambda part, dt: part["W"]
    if isinstance(first, Increment):
        names = [name for name in "WHKA" if getattr(first, name) is not None]
        parts = {name: np.stack([getattr(noise, name) for noise in noises]) for name in names}
        return parts, lambda part, dt: Increment(dt, **part)
    if isinstance(first, WeakIncrement):
        m = first.W.shape[1]
        width = 1 + m * (m - 1) // 2  # the first, then all pairs; a narrower draw is a prefix
        signs = np.stack([noise.draw(width) for noise in noises])
        parts = {"W": np.stack([noise.W for noise in noises]), "signs": signs}
        return parts, lambda part, dt: WeakIncrement(dt, part["W"], lambda n: part["signs"][:, :n])
    raise TypeError(
        f"method={method.name} draws {type(first).__name__}, which a JAX transformation (jit, vmap or grad) "
        "cannot be given step by step: use brownian_increments or levy_increments"
    )
