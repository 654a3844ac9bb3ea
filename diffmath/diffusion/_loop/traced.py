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
from diffmath.diffusion._methods import Step
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
    model: Model, x: Array, grid: list[float], plan: Sequence[Step], noises: Iterator[Array], *, keep: bool
) -> Solution:
    """Return the result of `trajectory` (or `sample`, without `keep`) by a loop that JAX traces once."""
    depth, host = max(len(step.weights) for step in plan), np.dtype(real_dtype(x))
    inputs = _constants(model, grid, plan, noises, depth, host)
    xp = array_namespace(x)
    past = tuple(xp.zeros_like(x) for _ in range(depth - 1))  # their weights are zero until they exist
    (last, _), states = scan_loop(_body(model, keep), (x, past), inputs)
    kept = xp.concat([x[None, ...], states]) if keep else last[None, ...]
    stats = {"evaluations": len(plan), "steps": len(plan)}
    return Solution(t=np.asarray(grid if keep else grid[-1:]), x=kept, message=UNCHECKED, stats=stats)


def _constants(
    model: Model, grid: list[float], plan: Sequence[Step], noises: Iterator[Array], depth: int, host: Any
) -> dict[str, Any]:
    """Return what the steps need, step first, as arrays of NumPy."""
    pairs = np.array([model.conversion(DENOISER, t, model.process) for t in grid[:-1]])
    constants: dict[str, Any] = {
        "t": np.asarray(grid[:-1]),
        "per_x": pairs[:, 0],
        "per_prediction": pairs[:, 1],
        "decay": np.array([step.decay for step in plan]),
        "weights": np.array([[*step.weights, *(0.0,) * (depth - len(step.weights))] for step in plan]),
    }
    drawn = list(noises)
    if drawn:  # the last steps may have none
        rest = np.zeros((len(plan) - len(drawn), *drawn[0].shape))
        constants["noise"] = np.concatenate([np.stack(drawn), rest])
    return {name: values.astype(host) for name, values in constants.items()}


def _body(model: Model, keep: bool) -> Callable[..., Any]:
    def step(carry: tuple[Array, tuple[Array, ...]], inputs: dict[str, Array]) -> tuple[Any, Any]:
        x, past = carry
        try:
            prediction = model(x, inputs["t"])
        except host_read_errors() as error:
            error.add_note("JAX traces this call: x and t have no numbers here; use jax.numpy, not math")
            raise
        denoised = inputs["per_x"] * x + inputs["per_prediction"] * prediction
        known = (array_namespace(x).astype(denoised, x.dtype, copy=False), *past)
        new = inputs["decay"] * x
        for j, values in enumerate(known):
            new = new + inputs["weights"][j] * values
        if "noise" in inputs:
            new = new + inputs["noise"]
        return (new, known[: len(past)]), new if keep else None

    return step
