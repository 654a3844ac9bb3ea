"""Memory of a PyTorch run, network passes of a likelihood, and growth with dimension and batch.

Run it with ``python tests/benchmarks/bench_diffusion_scale.py``. The peak of the resident memory is read from
Linux (``/proc/self``), which also resets it, so the parts run on Linux only.
"""

from __future__ import annotations

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
from _timing import best_times
from scipy.integrate import solve_ivp

from diffmath import diffusion, random

PROCESS = diffusion.vp()


def peak(call: Callable[[], object]) -> float:
    """Return the peak of the resident memory during a call, above that before it, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    call()
    return _resident("VmHWM") - before


def _resident(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def memory(method: str = "dpmpp_2m", channels: int = 16) -> tuple[float, float, float]:
    """Return the peaks of one call of the network and of 40 steps with it, and a state, in MiB."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers: list[Any] = []
    for a, b in ((3, channels), (channels, channels), (channels, channels), (channels, 3)):
        layers += [torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.SiLU()]
    network = torch.nn.Sequential(*layers[:-1])
    x = torch.randn(4, 3, 256, 256)
    times = diffusion.log_snr_times(PROCESS, 40)
    model = diffusion.from_noise(lambda x, t: network(x), PROCESS)

    def once() -> object:
        with torch.no_grad():
            return network(x)

    def run() -> object:
        return diffusion.sample(PROCESS, model, x, times, method=method)

    once()
    diffusion.sample(PROCESS, model, x, times[:3], method=method)  # loads the kernels
    return peak(once), peak(run), x.numel() * 4 / 2**20


def likelihood(rtol: float = 1e-5) -> tuple[float, int, float, int]:
    """Return error and network passes: ours, and RK45 on the ODE in time with the exact divergence."""
    rng = np.random.default_rng(0)
    target = diffusion.GaussianMixture([0.5, 0.3, 0.2], rng.standard_normal((3, 64)), [0.3, 0.2, 0.4])
    x = target.sample(random.key(0), 8, like=np.empty(0), process=PROCESS, t=PROCESS.t_min)
    exact, score, passes = target.log_density(x, PROCESS, PROCESS.t_min), target.score(PROCESS), 0

    class Counted:
        def __call__(self, x: Any, t: float) -> Any:
            nonlocal passes
            passes += 1
            return score(x, t)

        def divergence(self, x: Any, t: float) -> Any:
            nonlocal passes
            passes += 1
            return score.divergence(x, t)

    found = diffusion.log_likelihood(PROCESS, Counted(), x, rtol=rtol, atol=rtol, prior=target)
    ours = float(np.abs(found - exact).max()), passes
    model = diffusion.from_score(score, PROCESS)

    def drift(t: float, z: Any) -> Any:
        state = z.reshape(8, 65)[:, :64]
        return np.concatenate([model.flow(state, t), model.flow_divergence(state, t)[:, None]], 1).ravel()

    start = np.concatenate([x, np.zeros((8, 1))], 1).ravel()
    path = solve_ivp(drift, (PROCESS.t_min, PROCESS.t_max), start, method="RK45", rtol=rtol, atol=rtol)
    end = path.y[:, -1].reshape(8, 65)
    theirs = target.log_density(end[:, :64], PROCESS, PROCESS.t_max) + end[:, 64]
    return *ours, float(np.abs(theirs - exact).max()), 2 * path.nfev


def growth(rounds: int = 7) -> dict[str, float]:
    """Return the exponents of the time of a run in batch and dimension, from 2^20 to 2^23 numbers."""
    numba.set_num_threads(1)
    times = diffusion.log_snr_times(PROCESS, 5)
    model = diffusion.from_noise(lambda x, t: x, PROCESS)
    sizes = [1, 2, 4, 8]
    cases: dict[str, Callable[[], object]] = {}
    for k in sizes:
        for name, shape in (("batch", (2**14 * k, 64)), ("dimension", (64, 2**14 * k))):
            x = np.ones(shape, np.float32)
            cases[f"{name} {k}"] = lambda x=x: diffusion.sample(PROCESS, model, x, times, method="dpmpp_2m")
    best = best_times(cases, rounds, time.process_time)
    return {
        name: float(np.polyfit(np.log(sizes), np.log([best[f"{name} {k}"] for k in sizes]), 1)[0])
        for name in ("batch", "dimension")
    }


def main() -> None:
    """Print the figures."""
    # Freed arrays go back to the system, and do not count.
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    for method in ("dpmpp_2m", "unipc"):
        network, run, state = memory(method)
        more = (run - network) / state
        print(f"{method}: one call {network:.1f} MiB, 40 steps {run:.1f} MiB, {more:.2f} states more")
    mine, passes, theirs, other = likelihood()
    print(f"likelihood: error {mine:.1e} with {passes} passes; RK45 in time {theirs:.1e} with {other}")
    for name, exponent in growth().items():
        print(f"growth in {name}: exponent {exponent:.2f}")


if __name__ == "__main__":
    main()
