r"""What samplers share that are a plain loop over the times and return states: checks, evaluations, endings.

Such a loop has no decisions that depend on numbers of the state, so JAX can trace it: it is unrolled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffmath._arrays.callables import check_result, guarded
from diffmath._arrays.namespace import all_finite, array_namespace, asarray_like, check_array, same_kind
from diffmath._arrays.tracing import is_tracing
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array
from diffmath._stepping.failures import nonfinite_rows
from diffmath.diffusion._likelihood import checked_times
from diffmath.diffusion._loop import host_standin
from diffmath.diffusion._process import Process, log_snr_at
from diffmath.random import Key, fold_in, normal

__all__ = [
    "Pair", "as_pair", "check_steps", "decreasing_times", "evaluated", "finite_levels", "in_kind_of",
    "needed_key", "noises", "renoised", "step_noise",
]  # fmt: skip

Pair = tuple[Array, Array]
Evaluation = Callable[[Array, float], Array]


def in_kind_of(function: Evaluation, x: Array, t: float) -> Array:
    """Return an evaluation of a model in the dtype of x."""
    return array_namespace(x).astype(function(x, t), x.dtype, copy=False)


def check_steps(name: str, states: Pair | tuple[Array], before: Array, grid: list[float], n: int) -> None:
    """Raise if a state after step n is not finite; the error has the state before it."""
    for x in states:
        if all_finite(x):
            continue
        message = (
            f"{name}: the state is not finite after step {n} of {len(grid) - 1}, from t={grid[n]:g} to "
            f"t={grid[n + 1]:g}, in {nonfinite_rows(x)}: check the model there; the state before is attached"
        )
        kept = Solution(
            t=np.asarray(grid[n : n + 1]), x=before[None, ...], status="nonfinite", message=message,
            stats={"steps": n},
        )  # fmt: skip
        raise SolveError(message, kept)


def as_pair(name: str, x: Any) -> tuple[Array, Array | None]:
    """Return the two states of an argument that is a pair, or one state and None."""
    if not isinstance(x, tuple | list):
        return check_array(name, x, min_ndim=2), None
    if len(x) != 2:
        raise ValueError(f"{name} must be one state or a pair of states; got {len(x)}")
    first, second = (check_array(f"{name}[{k}]", state, min_ndim=2) for k, state in enumerate(x))
    same_kind(f"{name}[0]", first, f"{name}[1]", second)
    if first.shape != second.shape or first.dtype != second.dtype:
        raise ValueError(
            f"the states of the pair {name} must have one shape and dtype; got {tuple(first.shape)} "
            f"{first.dtype} and {tuple(second.shape)} {second.dtype}"
        )
    return first, second


def finite_levels(name: str, process: Process, grid: list[float]) -> tuple[list[float], list[float]]:
    """Return alpha and sigma/alpha at all times, which must be finite."""
    pairs = [process.marginal(t) for t in grid]
    for t, (alpha, _) in zip(grid, pairs, strict=True):
        if alpha == 0:
            raise ValueError(f"{name} needs alpha > 0 at all times; alpha is 0 at t={t:g}: start below it")
    return [alpha for alpha, _ in pairs], [sigma / alpha for alpha, sigma in pairs]


def step_noise(key: Key, domain: str, n: int, x: Array) -> Array:
    """Return unit normals like x for step n: row i depends on (key, n, i) alone."""
    drawn = fold_in(fold_in(key, domain), n)
    if not is_tracing(x):
        return normal(drawn, tuple(x.shape), like=x)
    return asarray_like(normal(drawn, tuple(x.shape), like=host_standin(x)), x)


def renoised(process: Process, x: Array, low: float, high: float, noise: Array) -> Array:
    r"""Return a state at `low`, noised to the higher time: the exact transition of the forward process.

    .. math:: x_t = \frac{\alpha_t}{\alpha_s} x_s + \sigma_t\sqrt{1 - e^{-2(\lambda_s - \lambda_t)}}\; z
    """
    (alpha_s, _), (alpha_t, sigma_t) = process.marginal(low), process.marginal(high)
    gap = log_snr_at(process, low) - log_snr_at(process, high)  # infinite from sigma = 0, or to alpha = 0
    return alpha_t / alpha_s * x + sigma_t * math.sqrt(-math.expm1(-2 * gap)) * noise


def needed_key(name: str, key: Key | None) -> Key:
    """Return the key of a stochastic sampler, or refuse None."""
    if key is None:
        raise TypeError(f"{name} is stochastic; pass key=dm.random.key(0)")
    return key


def decreasing_times(name: str, process: Process, times: Any) -> list[float]:
    """Return host times that decrease."""
    grid = checked_times(process, times)
    if grid[0] < grid[-1]:
        raise ValueError(
            f"{name} runs from noise to data: times must decrease; got {grid[0]:g} -> {grid[-1]:g}"
        )
    return grid


def evaluated(function: Callable[..., Array], role: str, x: Array, *times: float) -> Array:
    """Return the result of a user function of a state and times, checked, in the dtype of x."""
    found = check_result(role, guarded(function, role, times[0], x, *times), x)
    return array_namespace(x).astype(found, x.dtype, copy=False)


def noises(name: str, key: Key | None, x: Array, count: int) -> Iterator[Array]:
    """Return the noise of the steps that need it; a key is required if there are any."""
    if count <= 0:
        return iter(())
    known = needed_key(name, key)
    return (step_noise(known, f"diffusion.{name}", n, x) for n in range(count))
