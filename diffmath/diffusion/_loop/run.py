"""A run of a sampler: what is checked before its first evaluation, its state, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.namespace import all_finite, check_array, same_kind
from diffmath._core.progress import progress_bar
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop.noise import update_noises
from diffmath.diffusion._loop.plan import check_times, checked_plan, complaint, denoised
from diffmath.diffusion._loop.traced import host_standin, is_traced_run
from diffmath.diffusion._methods import Method, Step, as_method, take_step
from diffmath.diffusion._model import Model, WatchedModel, as_model
from diffmath.diffusion._process import Process, remembering
from diffmath.random import Key

__all__ = ["Callback", "Run", "SamplerState", "begin"]

Callback = Callable[[int, float, Array, Array], None]


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

    Notes
    -----
    Given in place of `x_T` to `sample`, `trajectory` or `steps`, with the model, times, method and key of its
    run, it continues the run, bit for bit. It can be pickled.

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

    def __repr__(self) -> str:
        shape = tuple(self.x.shape)
        return f"SamplerState({self.method}, n={self.n}, t={self.t:.3g}, x: {shape}, known={len(self.known)})"


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

    def states(
        self, callback: Callback | None = None, progress: bool = False
    ) -> Iterator[tuple[Array, tuple[Array, ...], str]]:
        """Yield the state and the known evaluations after each step, and what is wrong with a last one."""
        grid, plan, watched = self.grid, self.plan, self.watched
        x, known, first = self.start.x, self.start.known, self.start.n
        depth = max(step.history for step in plan)
        for n in progress_bar(range(first, len(plan)), enabled=progress, description=self.method.name):
            step, t = plan[n], grid[n]
            watched.latest.clear()
            if step.evaluates and not (n and plan[n - 1].carries):
                known = (watched(x, t), *known)
            known = known[:depth]
            if callback is not None:
                data = denoised(self.method, self.process, x, t, known[0]) if step.evaluates else None
                callback(n, t, x, data)
            noise = next(self.noises, None) or (None,) * (1 + len(step.stages))
            x, known = take_step(step, watched, x, known, noise)
            if not all_finite(x):
                yield x, known, complaint(self.method, grid, n, watched.latest, x)
                return
            yield x, known[:depth], ""


def begin(
    process: Process,
    model: Model | Score,
    x: Array | SamplerState,
    times: Any,
    method: Method | str,
    key: Key | None,
) -> Run:
    """Check the arguments of a run, and make its plan and its noise."""
    model = as_model(model, process)
    same_process = model.process is process
    given = x if isinstance(x, SamplerState) else None
    x = check_array("x_T" if given is None else "x of the state", x if given is None else given.x, min_ndim=2)
    method = as_method(method)
    process = remembering(process)
    grid = check_times(process, times, method)
    method = method.for_steps(len(grid) - 1)
    plan = checked_plan(process, grid, method)
    start = SamplerState(0, grid[0], x, (), method.name) if given is None else given
    if given is not None:
        _check_state(given, grid, plan, method)
    traced = is_traced_run(model, x, start.t)
    noises = update_noises(process, grid, plan, method, key, host_standin(x) if traced else x)
    for _ in range(start.n):
        next(noises, None)
    watched = WatchedModel(model, process if same_process else model.process, method.prediction)
    return Run(process, model, method, grid, plan, start, noises, watched, traced)


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
