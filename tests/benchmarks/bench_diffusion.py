"""Samplers against a manual NumPy loop: the cost of DPM-Solver++ 2M without the model.

Run it with ``python tests/benchmarks/bench_diffusion.py [--rounds N]``; times are the best of rounds in one
process, on one row of four components, with a model that is one multiplication.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import best_times, python_calls

from diffmath import diffusion

STEPS = 100


def half(x: Any, t: float) -> Any:
    """A model that costs nothing."""
    return 0.5 * x


def by_hand(predicts_noise: bool) -> Callable[[], Any]:
    """Return the loop as one writes it for one process, its schedule being known."""
    process = diffusion.vp()
    times = diffusion.log_snr_times(process, STEPS)
    marginals = [process.marginal(float(t)) for t in times]

    def run() -> Any:
        x, previous = np.ones((1, 4)), None
        lam = [math.log(alpha / sigma) for alpha, sigma in marginals]
        for n in range(STEPS):
            (alpha, sigma), (alpha_next, sigma_next) = marginals[n], marginals[n + 1]
            prediction = half(x, times[n])
            denoised = (x - sigma * prediction) / alpha if predicts_noise else prediction
            h, mixed = lam[n + 1] - lam[n], denoised
            if previous is not None:
                r = (lam[n] - lam[n - 1]) / h
                mixed = (1 + 0.5 / r) * denoised - 0.5 / r * previous
            x = sigma_next / sigma * x - alpha_next * math.expm1(-h) * mixed
            previous = denoised
        return x

    return run


def cases() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """The timed calls: the sampler and the loop, for a model of the noise and one of the data."""
    process = diffusion.vp()
    times, x = diffusion.log_snr_times(process, STEPS), np.ones((1, 4))

    def sampler(wrap: Callable[..., Any]) -> Callable[[], Any]:
        model = wrap(half, process)
        return lambda: diffusion.sample(process, model, x, times, method=diffusion.dpmpp_2m)

    return {
        "noise": (sampler(diffusion.from_noise), by_hand(True)),
        "denoiser": (sampler(diffusion.from_denoiser), by_hand(False)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print(f"DPM-Solver++ 2M, one row, {STEPS} steps, without the model")
    for name, (ours, loop) in cases().items():
        best = best_times({"ours": ours, "loop": loop}, rounds)
        calls = python_calls(ours) / STEPS
        print(f"  {name:10}{1e6 * best['ours'] / STEPS:7.1f} us a step, {calls:.0f} Python calls, "
              f"{best['ours'] / best['loop']:.1f} times the loop (goal <= 5)")  # fmt: skip


if __name__ == "__main__":
    main()
