"""A run of a sampler: what is checked before its first evaluation, its state, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from diffmath._arrays.namespace import (
    all_finite,
    array_namespace,
    check_array,
    check_precision,
    same_kind,
)
from diffmath._core.progress import progress_bar
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop.noise import update_noises
from diffmath.diffusion._loop.plan import check_times, checked_plan, complaint, denoised
from diffmath.diffusion._loop.traced import host_standin, is_traced_run
from diffmath.diffusion._methods import Method, Step, as_method, take_step
from diffmath.diffusion._model import Model, WatchedModel, as_model, computing_in
from diffmath.diffusion._process import Process, remembering
from diffmath.random import Key

__all__ = ["Callback", "Run", "SamplerState", "StateDtype", "begin"]

Callback = Callable[[int, float, Array, Array], None]
StateDtype = Literal["model", "float64"]


@dataclass(frozen=True, eq=False)
class SamplerState:
    r"""All that a run carries from one step to the next: made by `steps`, and continued by `sample`.

    Parameters
    ----------
    n : int
        How many steps have been taken.
    t : float
        The time reached, ``times[n]``.
    x : array, shape (batch, \*state)
        The state at `t`.
    known : tuple of array
        Evaluations that later steps use, the latest first, in the form of the method.
    method : str
        Name of the method.
    model_dtype : str, optional
        What the model gets if it is another dtype than that of `x`: "float32", of a run with
        ``dtype="float64"``.

    Notes
    -----
    Given in place of `x_T` to `sample`, `trajectory` or `steps`, with the model, times, method, key and dtype
    of its run, it continues the run, bit for bit. It can be pickled.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> times = diffusion.log_snr_times(process, 5)
    >>> run = diffusion.steps(process, lambda x, t: -x, np.ones((3, 2)), times, method="dpmpp_2m")
    >>> state = next(run)
    >>> state
    SamplerState(dpmpp_2m, n=1, t=0.786, x: (3, 2), known=1)
    >>> diffusion.sample(process, lambda x, t: -x, state, times, method="dpmpp_2m").shape
    (3, 2)
    """

    n: int
    t: float
    x: Array
    known: tuple[Array, ...]
    method: str
    model_dtype: str | None = None

    def __repr__(self) -> str:
        shape = tuple(self.x.shape)
        low = f", model_dtype={self.model_dtype}" if self.model_dtype else ""
        known = len(self.known)
        return f"SamplerState({self.method}, n={self.n}, t={self.t:.3g}, x: {shape}, known={known}{low})"


@dataclass(frozen=True)
class Run:
    """A run whose arguments have been checked: its start, its plan, and where it evaluates."""

    process: Process
    model: Model
    method: Method
    grid: list[float]
    plan: list[Step]
    start: SamplerState
    noises: Iterator[tuple[Array | None, ...]]
    watched: WatchedModel
    traced: bool

    def result(self, x: Array) -> Array:
        """Return a state in the dtype of the results."""
        return x if self.start.model_dtype is None else _as_dtype(x, self.start.model_dtype)

    def states(
        self, callback: Callback | None = None, progress: bool = False
    ) -> Iterator[tuple[Array, tuple[Array, ...], str]]:
        """Yield the state and the known evaluations after each step, and what is wrong with a last one."""
        grid, plan, watched = self.grid, self.plan, self.watched
        x, first = self.start.x, self.start.n
        known: tuple[Any, ...] = self.start.known
        depth, low = max(step.history for step in plan), self.start.model_dtype
        for n in progress_bar(range(first, len(plan)), enabled=progress, description=self.method.name):
            step, t = plan[n], grid[n]
            watched.latest.clear()
            if step.evaluates and not (n and plan[n - 1].carries):
                known = (watched.unconverted(x, t) if callback is None else watched(x, t), *known)
            known = known[:depth]
            if callback is not None:
                data = denoised(self.method, self.process, x, t, known[0]) if step.evaluates else None
                callback(n, t, x, data)
            noise = next(self.noises, None) or (None,) * (1 + len(step.stages))
            x, known, finite = take_step(step, watched, x, known, noise)
            seen = x if low is None else _as_dtype(x, low)  # by the model
            if not finite or (low is not None and not all_finite(seen)):
                yield x, known, complaint(self.method, grid, n, watched.latest, seen)
                return
            # One place is for the evaluation at the start of the next step, if it makes one.
            begins = n + 1 < len(plan) and plan[n + 1].evaluates and not step.carries
            known = known[: depth - begins]
            yield x, known, ""


def begin(
    process: Process,
    model: Model | Score,
    x: Array | SamplerState,
    times: Any,
    method: Method | str,
    key: Key | None,
    dtype: StateDtype,
) -> Run:
    """Check the arguments of a run, and make its plan and its noise."""
    if dtype not in ("model", "float64"):
        raise ValueError(
            f"dtype must be 'model', that of x_T, or 'float64', and concerns the state alone; got {dtype!r}"
        )
    model = as_model(model, process)
    same_process = model.process is process
    given = x if isinstance(x, SamplerState) else None
    x = check_array("x_T" if given is None else "x of the state", x if given is None else given.x, min_ndim=2)
    method = as_method(method)
    process = remembering(process)
    grid = check_times(process, times, method)
    method = method.for_steps(len(grid) - 1)
    plan = checked_plan(process, grid, method)
    if given is None:
        start = _first_state(x, grid[0], method, dtype)
    else:
        start = given
        _check_state(given, grid, plan, method)
        _check_dtype(given, dtype)
    if start.model_dtype is not None:
        model = computing_in(model, start.model_dtype)
    traced = is_traced_run(model, start.x, start.t)
    noises = update_noises(process, grid, plan, method, key, host_standin(start.x) if traced else start.x)
    for _ in range(start.n):
        next(noises, None)
    watched = WatchedModel(model, process if same_process else model.process, method.prediction)
    return Run(process, model, method, grid, plan, start, noises, watched, traced)


def _as_dtype(x: Array, dtype: str) -> Array:
    xp = array_namespace(x)
    # An overflow gives no warning here: the run ends with a message.
    with np.errstate(over="ignore"):
        return xp.astype(x, getattr(xp, dtype), copy=False)


def _first_state(x: Array, t: float, method: Method, dtype: StateDtype) -> SamplerState:
    """Return the state at the start, in the dtype of the state."""
    xp = array_namespace(x)
    if dtype == "model" or x.dtype == xp.float64:
        return SamplerState(0, t, x, (), method.name)
    check_precision("the state of dtype='float64'", xp.float64, xp)
    return SamplerState(0, t, _as_dtype(x, "float64"), (), method.name, "float32")


def _check_dtype(state: SamplerState, dtype: StateDtype) -> None:
    """Refuse to continue a state in another dtype than that of its run."""
    double = state.x.dtype == array_namespace(state.x).float64
    if state.model_dtype not in ((None, "float32") if double else (None,)):
        raise ValueError(f"model_dtype of a state is 'float32' for an x in float64, or None; got {state!r}")
    if (dtype == "model" and state.model_dtype) or (dtype == "float64" and not double):
        own = "float64" if state.model_dtype else "model"
        raise ValueError(
            f"the state is one of a run with dtype={own!r}; continue it with that: got dtype={dtype!r}"
        )


def _check_state(state: SamplerState, grid: list[float], plan: list[Step], method: Method) -> None:
    """Refuse a state that is not one of this run."""
    if state.method != method.name:
        raise ValueError(
            f"the state is one of {state.method}; continue it with that method: got {method.name}"
        )
    if not 0 <= state.n < len(plan) or grid[state.n] != state.t:
        raise ValueError(
            f"the state has taken {state.n} steps, to t={state.t}, which is not a time before the last of "
            f"these {len(grid)} times at that place: pass the times of its run"
        )
    for known in state.known:
        same_kind("x of the state", state.x, "known of the state", known)
        if known.shape != state.x.shape:
            raise ValueError(
                f"known of the state must have the shape of its x, {tuple(state.x.shape)}; got "
                f"{tuple(known.shape)}"
            )
    available = len(state.known)
    for n in range(state.n, len(plan)):
        available += plan[n].evaluates and not (n and plan[n - 1].carries)
        if plan[n].history > available:
            raise ValueError(
                f"step {n} of {method.name} uses {plan[n].history} evaluations, but the state has only "
                f"{len(state.known)}: pass it as `steps` made it"
            )
        available += plan[n].carries
