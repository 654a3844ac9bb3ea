"""Sampling under a JAX transformation: coefficients and noise on the host, and one loop of the program.

All time-dependent values (the coefficients of a step and of a conversion of the model, the noise) are
computed on the host before the trace reaches the loop, and enter as constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, real_dtype
from diffmath._arrays.tracing import UNCHECKED, host_read_errors, makes_traced, scan_loop
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.diffusion._methods import Stage, Step
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import DENOISER

__all__ = ["host_standin", "is_traced_run", "refuse_callback", "traced_solution"]


def is_traced_run(model: Model, x: Array, t: float) -> bool:
    """Whether JAX traces a run: its state, or arrays that the model closes over."""
    return makes_traced(x, lambda: model.function(x, t))


def refuse_callback(callback: Any) -> None:
    """Refuse a callback, since there are no numbers to pass to it."""
    if callback is not None:
        raise TypeError("callback needs numbers, which JAX does not have while it traces: leave it out")


def host_standin(x: Array) -> Array:
    """Return a NumPy array of the shape and precision of `x` that uses no memory, for drawing noise."""
    return np.broadcast_to(np.zeros((), dtype=np.dtype(real_dtype(x))), tuple(x.shape))


def traced_solution(
    model: Model,
    x: Array,
    grid: list[float],
    plan: Sequence[Step],
    noises: Iterator[tuple[Array | None, ...]],
    *,
    keep: bool,
) -> Solution:
    """Return what `trajectory` (or `sample`, without `keep`) does, in a loop that JAX traces once."""
    depth, host = max(step.history for step in plan), np.dtype(real_dtype(x))
    stages, carries = max(len(step.stages) for step in plan), any(step.carries for step in plan)
    if carries and not all(step.carries and len(step.stages) == stages for step in plan[:-1]):
        raise TypeError("JAX traces one step for all: either all steps carry an evaluation, or none does")
    inputs = _constants(model, grid, plan, noises, (depth, stages), host)
    first = {name: inputs[name][0] for name in ("t", "per_x", "per_prediction")}
    xp = array_namespace(x)
    past = [xp.zeros_like(x) for _ in range(depth)]  # their weights are zero until they exist
    if carries:
        past[0] = _denoised(model, x, {name: values[0] for name, values in first.items()})
    (last, _), states = scan_loop(_body(model, stages, carries, keep), (x, tuple(past)), inputs)
    kept = xp.concat([x[None, ...], states]) if keep else last[None, ...]
    evaluations = len(plan) * (stages + (not carries)) + carries
    stats = {"evaluations": evaluations, "steps": len(plan)}
    return Solution(t=np.asarray(grid if keep else grid[-1:]), x=kept, message=UNCHECKED, stats=stats)


def _constants(
    model: Model,
    grid: list[float],
    plan: Sequence[Step],
    noises: Iterator[tuple[Array | None, ...]],
    sizes: tuple[int, int],
    host: Any,
) -> dict[str, Any]:
    """Return what the steps need, step first, then evaluation or update, as arrays of NumPy."""
    depth, stages = sizes
    updates = [_padded(step, t, stages) for step, t in zip(plan, grid)]
    times = [[t, *(update.t for update in row[1:])] for t, row in zip(grid, updates)]
    pairs = np.array([[model.conversion(DENOISER, t, model.process) for t in row] for row in times])
    constants: dict[str, Any] = {
        "t": np.array(times),
        "per_x": pairs[..., 0],
        "per_prediction": pairs[..., 1],
        "decay": np.array([[update.decay for update in row] for row in updates]),
        "weights": np.array([[_filled(update.weights, depth + stages) for update in row] for row in updates]),
    }
    drawn = list(noises)
    like = next((noise for row in drawn for noise in row if noise is not None), None)
    if like is not None:  # the last steps may have none
        constants["noise"] = np.zeros((len(plan), stages + 1, *like.shape))
        for n, row in enumerate(drawn):
            for k, noise in enumerate(_filled(row, stages + 1, row[-1])):
                constants["noise"][n, k] = 0.0 if noise is None else noise
    return {name: values.astype(host) for name, values in constants.items()}


def _padded(step: Step, t: float, stages: int) -> list[Any]:
    """Return the updates of a step, the last repeated by stages that weigh their evaluation by zero."""
    found: list[Any] = list(step.updates)
    while len(found) <= stages:
        last = found[-1]
        found.append(Stage(t, last.decay, (0.0, *last.weights), last.noise))
    return found


def _filled(values: Sequence[Any], length: int, fill: Any = 0.0) -> list[Any]:
    return [*values, *[fill] * (length - len(values))]


def _denoised(model: Model, x: Array, at: dict[str, Any]) -> Array:
    """Return the denoised data, by a call that JAX traces."""
    try:
        prediction = model(x, at["t"])
    except host_read_errors() as error:
        error.add_note("JAX traces this call: x and t have no numbers here; use jax.numpy, not math")
        raise
    denoised = at["per_x"] * x + at["per_prediction"] * prediction
    return array_namespace(x).astype(denoised, x.dtype, copy=False)


def _body(model: Model, stages: int, carries: bool, keep: bool) -> Callable[..., Any]:
    def step(carry: tuple[Array, tuple[Array, ...]], inputs: dict[str, Array]) -> tuple[Any, Any]:
        x, past = carry
        known = past if carries else (_at(x, inputs, 0), *past[:-1])
        y, inner = _updated(x, known, inputs, 0), known
        for k in range(1, stages + 1):
            inner = (_at(y, inputs, k), *inner)
            y = _updated(x, inner, inputs, k)
        kept = (inner[0], *known[:-1]) if carries else known
        return (y, kept), y if keep else None

    def _at(x: Array, inputs: dict[str, Array], k: int) -> Array:
        return _denoised(model, x, {name: inputs[name][k] for name in ("t", "per_x", "per_prediction")})

    return step


def _updated(x: Array, known: Sequence[Array], inputs: dict[str, Array], k: int) -> Array:
    new = inputs["decay"][k] * x
    for j, values in enumerate(known):
        new = new + inputs["weights"][k][j] * values
    return new + inputs["noise"][k] if "noise" in inputs else new
