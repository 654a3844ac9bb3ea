"""Time per step of samplers without the model: ours (NumPy with numba, PyTorch) against the peers.

Run it with ``python tests/benchmarks/bench_diffusion_speed.py [--rounds N] [--only NAME]``. The model returns
one of two stored arrays in turn, so that it costs nothing. Ours is the whole call of `sample`, its
coefficients and checks included; of diffusers only the calls of `step` are timed. Times are the best of
interleaved rounds in one process: processor time on one thread, wall time on two.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numba
import numpy as np
import torch
from _peers import sampling_module
from _timing import best_times

import diffmath as dm
from diffmath import diffusion

STEPS = 20
PROCESS = diffusion.vp()
TIMES = diffusion.log_snr_times(PROCESS, STEPS)
Case = Callable[[], object]


def stored(like: Any) -> Callable[..., Any]:
    """Return a model that returns two stored arrays in turn."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(tuple(like.shape)).astype(np.float32) for _ in range(2)]
    results = itertools.cycle(values if type(like) is np.ndarray else [torch.from_numpy(v) for v in values])
    return lambda x, t: next(results)


def ours(method: Any, x: Any, wrap: Any = diffusion.from_noise) -> Case:
    """Return a run of ours."""
    model, key = wrap(stored(x), PROCESS), dm.random.key(0)
    return lambda: diffusion.sample(PROCESS, model, x, TIMES, method=method, key=key)


def hf(cls: Any, x: Any, **options: Any) -> Case:
    """Return the steps of a scheduler of diffusers, as shipped."""
    scheduler, model = cls(**options), stored(x)
    generator = torch.Generator().manual_seed(0)
    more = {"generator": generator} if "sde" in str(options.get("algorithm_type")) else {}
    scheduler.set_timesteps(STEPS)

    def run() -> object:
        scheduler._step_index = None
        for name in ("lower_order_nums",):
            if hasattr(scheduler, name):
                setattr(scheduler, name, 0)
        state = x
        with torch.no_grad():
            for t in scheduler.timesteps:
                state = scheduler.step(model(state, t), t, state, return_dict=False, **more)[0]
        return state

    return run


def k(name: str, x: Any) -> Case:
    """Return a sampler of k-diffusion, with its denoiser."""
    sample, model = getattr(sampling_module(), f"sample_{name}"), stored(x)
    sigmas = torch.tensor([PROCESS.sigma(float(t)) / PROCESS.alpha(float(t)) for t in TIMES])

    def run() -> object:
        with torch.no_grad():
            return sample(lambda x, sigma: model(x, sigma), x, sigmas, disable=True)

    return run


def cases(shape: tuple[int, ...]) -> dict[str, tuple[dict[str, Case], Case]]:
    """Return, by comparison, our calls and the peer's."""
    import diffusers as d

    d.utils.logging.set_verbosity_error()
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    y = torch.from_numpy(x)
    multi = d.DPMSolverMultistepScheduler
    peers = {
        "2M, diffusers": (diffusion.dpmpp_2m, diffusion.from_noise, hf(multi, y)),
        "2M, k-diffusion": (diffusion.dpmpp_2m, diffusion.from_denoiser, k("dpmpp_2m", y)),
        "DDIM, diffusers": (diffusion.ddim, diffusion.from_noise, hf(d.DDIMScheduler, y)),
        "Euler, diffusers": (diffusion.euler, diffusion.from_noise, hf(d.EulerDiscreteScheduler, y)),
        "Euler, k-diffusion": (diffusion.euler, diffusion.from_denoiser, k("euler", y)),
        "SDE-2M, diffusers": (
            diffusion.sde_dpmpp_2m,
            diffusion.from_noise,
            hf(multi, y, algorithm_type="sde-dpmsolver++"),
        ),
    }
    return {
        name: ({"NumPy": ours(method, x, wrap), "torch": ours(method, y, wrap)}, peer)
        for name, (method, wrap, peer) in peers.items()
    }


def copies(shape: tuple[int, ...], dtype: Any = np.float32) -> Case:
    """Return np.copyto of as many bytes as one step of 2M must move: three states read, one written."""
    a, b = np.ones((2, *shape), dtype), np.ones((2, *shape), dtype)
    return lambda: np.copyto(a, b)


def compare(shape: tuple[int, ...], threads: int, rounds: int, only: str = "") -> None:
    """Print times per step and ratios."""
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    print(f"\nshape {shape}, float32, {threads} thread{'s' * (threads > 1)}: microseconds per step\n")
    print("| sampler, peer | peer | NumPy | ratio | torch | ratio |\n|---|---|---|---|---|---|")
    for name, (mine, peer) in cases(shape).items():
        if name.startswith(only):
            best = best_times({"peer": peer, **mine}, rounds, clock)
            us = {case: 1e6 * value / STEPS for case, value in best.items()}
            print(
                f"| {name} | {us['peer']:.0f} | {us['NumPy']:.0f} | {us['peer'] / us['NumPy']:.1f} "
                f"| {us['torch']:.0f} | {us['peer'] / us['torch']:.1f} |"
            )


def against_copies(shape: tuple[int, ...], rounds: int) -> None:
    """Print the time of a step of 2M, its data predicted, over that of copying as many bytes."""
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    case = ours(diffusion.dpmpp_2m, x, diffusion.from_denoiser)
    best = best_times({"ours": case, "copy": copies(shape)}, rounds, time.process_time)
    step = best["ours"] / STEPS
    print(f"\n2M at {shape}, 1 thread: {1e3 * step:.2f} ms a step, {step / best['copy']:.2f} times np.copyto")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    np.ones(
        2**25 - 2**20, np.uint8
    )  # freed at once: from now on the C library gives no pages back between calls
    compare((4096, 64), 1, options.rounds, options.only)
    if (os.cpu_count() or 1) > 1:
        compare((4096, 64), 2, options.rounds, "2M, diffusers")
    against_copies((4, 3, 512, 512), options.rounds)


if __name__ == "__main__":
    main()
