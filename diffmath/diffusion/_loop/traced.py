"""Sampling under a JAX transformation: coefficients and noise on the host, and one loop of the program.

All time-dependent values (the coefficients of a step and of a conversion of the model, the noise) are
computed on the host before the trace reaches the loop, and enter as constants.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, real_dtype
from diffmath._arrays.tracing import UNCHECKED, host_read_errors, makes_traced, scan_loop
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.diffusion._methods import Step
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Parametrisation

__all__ = ["host_standin", "is_traced_run", "refuse_callback", "traced_solution"]


def is_traced_run(model: Model, x: Array, t: float) -> bool:
    """Whether JAX traces a run: its state, or arrays that the model closes over."""
    return makes_traced(x, lambda: model.function(x, t))


def refuse_callback(name: str, value: Any) -> None:
    """Refuse an option that reads numbers, since there are none."""
    if value is not None:
        raise TypeError(f"{name} needs numbers, which JAX does not have while it traces: leave it out")


def host_standin(x: Array) -> Array:
    """Return a NumPy array of the shape and precision of `x` that uses no memory, for drawing noise."""
    return np.broadcast_to(np.zeros((), dtype=np.dtype(real_dtype(x))), tuple(x.shape))


def traced_solution(
    model: Model,
    wanted: Parametrisation,
    x: Array,
    grid: list[float],
    plan: Sequence[Step],
    noises: Iterator[tuple[Array | None, ...]],
    places: Sequence[int],
) -> Solution:
    """Return the states at these places of the grid, in loops that JAX traces once.

    All states are outputs of the loops, some are rows of a buffer that each step overwrites in place. The
    last alone is neither.

    Consecutive steps of one shape are one loop: a method with starters, or a last step without a corrector,
    has two or three.
    """
    depth, host = max(1, *(step.history for step in plan)), np.dtype(real_dtype(x))
    xp, kept, drawn, evaluations = array_namespace(x), [x[None, ...]], list(noises), 0
    keep, last_alone = len(places) == len(grid), list(places) == [len(plan)]
    known = tuple(xp.zeros_like(x) for _ in range(depth))  # their weights are zero until they exist
    carry = (x, known, None if keep or last_alone else xp.stack([x] * len(places)))
    for first, last in _segments(plan):
        part, shape = plan[first:last], _shape(plan, first)
        noise = [*drawn[first:last], *[()] * (last - first)][: last - first]
        inputs = _constants(model, wanted, grid[first:last], part, noise, depth, host)
        if carry[2] is not None:
            inputs["row"] = np.array([bisect_left(places, n + 1) for n in range(first, last)])
        carry, states = scan_loop(_body(model, shape, keep), carry, inputs)
        evaluations += (last - first) * (shape.stages + shape.evaluates)
        kept.append(states)
    states = xp.concat(kept) if keep else carry[0][None, ...] if last_alone else carry[2]
    stats = {"evaluations": evaluations, "steps": len(plan)}
    return Solution(t=np.asarray([grid[n] for n in places]), x=states, message=UNCHECKED, stats=stats)


@dataclass(frozen=True)
class _Shape:
    """What steps of one loop have in common: further evaluations, one at the start, one carried over."""

    stages: int
    evaluates: bool
    carries: bool


def _shape(plan: Sequence[Step], n: int) -> _Shape:
    carried = n > 0 and plan[n - 1].carries
    return _Shape(len(plan[n].stages), plan[n].evaluates and not carried, plan[n].carries)


def _segments(plan: Sequence[Step]) -> list[tuple[int, int]]:
    """Return the ranges of consecutive steps of one shape."""
    starts = [n for n in range(len(plan)) if not n or _shape(plan, n) != _shape(plan, n - 1)]
    return list(zip(starts, [*starts[1:], len(plan)], strict=True))


def _constants(
    model: Model,
    wanted: Parametrisation,
    grid: list[float],
    plan: Sequence[Step],
    drawn: Sequence[tuple[Array | None, ...]],
    depth: int,
    host: Any,
) -> dict[str, Any]:
    """Return what the steps need, step first, then evaluation or update, as arrays of NumPy."""
    stages = len(plan[0].stages)
    times = [[t, *(stage.t for stage in step.stages)] for t, step in zip(grid, plan)]
    # The conversion at the start is not read, and may not exist, where no step begins with an evaluation.
    pairs = [
        [
            model.conversion(wanted, t, model.process) if k or step.evaluates else (0.0, 0.0)
            for k, t in enumerate(row)
        ]
        for step, row in zip(plan, times)
    ]
    updates = [step.updates for step in plan]
    constants: dict[str, Any] = {
        "t": np.array(times),
        "pairs": np.array(pairs),
        "decay": np.array([[update.decay for update in row] for row in updates]),
        "weights": np.array([[_filled(update.weights, depth + stages) for update in row] for row in updates]),
    }
    like = next((noise for row in drawn for noise in row if noise is not None), None)
    if like is not None:  # the last steps may have none
        constants["noise"] = np.zeros((len(plan), stages + 1, *like.shape))
        for n, row in enumerate(drawn):
            for k, noise in enumerate(row):
                constants["noise"][n, k] = 0.0 if noise is None else noise
    return {name: values.astype(host) for name, values in constants.items()}


def _filled(values: Sequence[float], length: int) -> list[float]:
    return [*values, *[0.0] * (length - len(values))]


def _predicted(model: Model, x: Array, t: Array, pair: Array) -> Array:
    """Return the evaluation in the form of the method, by a call that JAX traces."""
    try:
        prediction = model(x, t)
    except host_read_errors() as error:
        error.add_note("JAX traces this call: x and t have no numbers here; use jax.numpy, not math")
        raise
    return array_namespace(x).astype(pair[0] * x + pair[1] * prediction, x.dtype, copy=False)


def _body(model: Model, shape: _Shape, keep: bool) -> Callable[..., Any]:
    def step(carry: tuple[Array, tuple[Array, ...], Any], inputs: dict[str, Array]) -> tuple[Any, Any]:
        x, known, saved = carry
        if shape.evaluates:
            known = (_at(x, inputs, 0), *known[:-1])
        y, inner = _updated(x, known, inputs, 0), known
        for k in range(1, shape.stages + 1):
            inner = (_at(y, inputs, k), *inner)
            y = _updated(x, inner, inputs, k)
        kept = (inner[0], *known[:-1]) if shape.carries else known
        if saved is not None:  # the row of the next time to save; no row after the last
            saved = saved.at[inputs["row"]].set(y, mode="drop")
        return (y, kept, saved), y if keep else None

    def _at(x: Array, inputs: dict[str, Array], k: int) -> Array:
        return _predicted(model, x, inputs["t"][k], inputs["pairs"][k])

    return step


def _updated(x: Array, known: Sequence[Array], inputs: dict[str, Array], k: int) -> Array:
    new = inputs["decay"][k] * x
    for j, values in enumerate(known):  # zero weights included: one program for all
        new = new + inputs["weights"][k][j] * values
    return new + inputs["noise"][k] if "noise" in inputs else new
