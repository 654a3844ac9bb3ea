"""Run the instructions of a plan on arrays; a kernel runs all of them on a few rows at a time."""

from __future__ import annotations

from typing import Any

from diffmath import random
from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.sde._brownian.instructions import Do, Plan
from diffmath.sde._noise import weighted_sums

__all__ = ["run_plan"]


@accelerated
def run_plan(inputs: Array, plan: Plan, first_row: int) -> tuple[Array, Array]:
    """Run a plan.

    Parameters
    ----------
    inputs : array, shape (inputs, 3, batch, ...)
        (W, H, K) of the known nodes; with zero inputs the array still gives the shape.
    plan : Plan
        The instructions.
    first_row : int
        Number of the first row.

    Returns
    -------
    increments, kept : array, shapes (increments, order, batch, ...) and (kept, 3, batch, ...)
    """
    xp, shape = array_namespace(inputs), tuple(inputs.shape[2:])
    draw = random.RowStream(random.normal, shape, like=inputs, first_row=first_row)
    registers: list[Any] = [None] * plan.registers
    emitted: list[Any] = [None] * plan.increments
    kept: list[Any] = [None] * plan.kept

    def normals(line: int, entries: int) -> list[Any]:
        z = draw(random.Key(*map(int, plan.keys[line])), (entries, *shape[1:]))
        return [z[:, i, ...] for i in range(entries)]

    for line, (kind, a, b, d, e, d_entries, e_entries) in enumerate(plan.steps.tolist()):
        if kind == Do.LOAD:
            registers[d] = [inputs[a, i, ...] for i in range(3)]
        elif kind == Do.EMIT:
            emitted[d] = xp.stack(registers[a][: plan.order])
        elif kind == Do.KEEP:
            kept[d] = xp.stack(registers[a])
        else:
            x = [] if kind == Do.ROOT else registers[a]
            y = registers[b] if kind == Do.JOIN else normals(line, max(d_entries, e_entries))
            for register, entries, weights in zip(
                (d, e), (d_entries, e_entries), plan.weights[line], strict=True
            ):
                if register >= 0:
                    registers[register] = _mixed(x, y, weights[:entries])
    nothing = xp.reshape(inputs[:0, ...], (0, 3, *shape))
    return xp.stack(emitted), xp.stack(kept) if kept else nothing


def _mixed(x: list[Any], y: list[Any], weights: Any) -> list[Any]:
    """Return weighted sums of the available entries of both operands."""
    columns = [*range(len(x)), *range(3, 3 + len(y))]
    return weighted_sums(weights[:, columns], [*x, *y])
