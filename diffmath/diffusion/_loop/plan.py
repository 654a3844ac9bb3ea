"""The steps of a run, checked before its first evaluation, and what is said of a value that is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffmath._arrays.host_numbers import host_times
from diffmath._core.typing import Array
from diffmath._stepping.failures import nonfinite_rows
from diffmath.diffusion._methods import Method, Step, is_finite
from diffmath.diffusion._process import DENOISER, Process, conversion

__all__ = ["check_times", "checked_plan", "complaint", "denoised", "evaluations_of"]


def check_times(process: Process, times: Any, method: Method) -> list[float]:
    """Return host times at which the method can start and the process is defined."""
    grid = [float(t) for t in host_times(times)]
    if min(grid) < 0 or max(grid) > process.t_max:
        raise ValueError(f"times must lie in [0, t_max={process.t_max:g}]; got {grid[0]:g} ... {grid[-1]:g}")
    if grid[0] < grid[-1] and method.needs_key:
        raise ValueError(
            f"{method.name} runs from noise to data: times must decrease; got {grid[0]:g} -> {grid[-1]:g}"
        )
    alpha, sigma = process.marginal(grid[0])
    if alpha == 0 and method.form == "noise":
        raise ValueError(
            f"{method.name} is made of the noise, so times must start where alpha > 0; alpha is 0 at "
            f"times[0]={grid[0]:g}: start below it, or use a method of the form velocity or flow"
        )
    if sigma == 0 and method.form == "data":
        raise ValueError(
            f"times must start where sigma > 0; sigma is 0 at times[0]={grid[0]:g}: "
            f"start at t_min={process.t_min:g}"
        )
    return grid


def denoised(method: Method, process: Process, x: Array, t: float, prediction: Array) -> Array:
    """Return the denoised data from an evaluation in the form of the method."""
    if method.prediction is DENOISER:
        return prediction
    per_x, per_prediction = conversion(method.prediction, DENOISER, process, t)
    return per_x * x + per_prediction * prediction


def evaluations_of(plan: Sequence[Step], n: int) -> int:
    """Return how often a step calls the model, in a run from the first step or from a state before it."""
    step = plan[n]
    return len(step.stages) + (step.evaluates and not (n > 0 and plan[n - 1].carries))


def checked_plan(process: Process, grid: list[float], method: Method) -> list[Step]:
    """Return all steps, with coefficients and histories that have been checked."""
    plan: list[Step] = []
    available = 0
    for n in range(len(grid) - 1):
        step = _checked_step(process, grid, n, method)
        available += step.evaluates and not (n and plan[-1].carries)
        if step.history > available:
            raise ValueError(
                f"{method.name}: step {n} uses {step.history} evaluations, but only {available} exist at "
                "that step"
            )
        available += step.carries
        plan.append(step)
    return plan


def _checked_step(process: Process, grid: list[float], n: int, method: Method) -> Step:
    step = method.step(process, grid, n)
    if not isinstance(step, Step):
        raise TypeError(f"{method.name}.step must return a diffusion.Step; got {type(step).__name__}")
    if not is_finite(step):
        raise ValueError(f"{method.name}: the coefficients of step {n} must be finite; got {step}")
    for stage in step.stages:
        zero = method.form == "data" and process.marginal(stage.t)[1] == 0
        if not 0 <= stage.t <= process.t_max or zero:
            raise ValueError(
                f"{method.name}: step {n} must evaluate the model where 0 <= t <= {process.t_max:g} and "
                f"sigma > 0; got t={stage.t}"
            )
    if step.noises and method.clock is None:
        raise ValueError(f"{method.name}: step {n} has noise, so the method needs a clock")
    return step


def complaint(
    method: Method, grid: list[float], n: int, evaluated: list[tuple[float, Array]], new: Array
) -> str:
    """Return what is not finite, where, and in which rows: the first evaluation of the step, or the step."""
    step = f"step {n} of {len(grid) - 1}"
    for t, denoised in evaluated:
        if rows := nonfinite_rows(denoised):
            return (
                f"the model returned a value that is not finite at t={t:g} ({step}) in {rows}; the states up "
                "to that step are attached"
            )
    return (
        f"the step of {method.name} overflowed at t={grid[n]:g} ({step}) in {nonfinite_rows(new)}; take "
        "smaller steps or a float64 x_T"
    )
