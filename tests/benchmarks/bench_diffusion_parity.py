"""Shared names of samplers against the peers in float64: the largest relative difference.

Each sampler runs as the peer and as ours on a mixture, on the `vp` log-SNR and `edm` Karras grids of the
panel, with the same noise where it is stochastic (the affine rows of `_noise.py`; there it is that
of W2/sqrt(c)). docs/benchmarks/diffusion_parity.md lists what differs, with a reason.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from _noise import Task, noisy_peers
from _panel import CELLS, Cell
from _peers import diffusers_samplers, k_samplers

from diffmath import diffusion

STEPS = 20
SHARED = {
    "k euler": "euler",
    "k heun": "heun",
    "k dpm_2": "dpm_2",
    "k lms": "lms(as_published=True)",
    "k dpmpp_2m": "dpmpp_2m",
    "k dpmpp_2s_ancestral, eta 0": "dpmpp_2s",
    "k dpmpp_3m_sde, eta 0": "sde_dpmpp_3m(tau=0.0, as_published=True)",
    "hf DPMSolverMultistep dpmsolver++ 2 midpoint": "dpmpp_2m",
    "hf DPMSolverMultistep dpmsolver++ 2 heun": "dpmpp_2m(variant='taylor')",
    "hf DPMSolverMultistep dpmsolver++ 3 midpoint": "dpmpp_3m(as_published=True)",
    "hf DPMSolverMultistep dpmsolver 2 midpoint": "dpm_solver_2m",
    "hf DPMSolverMultistep dpmsolver 2 heun": "dpm_solver_2m(variant='taylor')",
    "hf DPMSolverMultistep dpmsolver 3 midpoint": "dpm_solver_3m(as_published=True)",
    "hf UniPC 2 bh2": "unipc(as_published=True)",
    "hf UniPC 2 bh1": "unipc(variant='bh1', as_published=True)",
    "hf UniPC 3 bh2": "unipc(order=3, as_published=True)",
    "hf DEIS 2": "deis(order=2)",
    "hf DEIS 3": "deis(as_published=True)",
    "hf Euler": "euler",
    "hf Heun": "heun",
    "hf KDPM2": "dpm_2",
    "hf LMS": "lms(as_published=True)",
}
NOISY = {
    "k euler_ancestral": "euler_ancestral",
    "k dpm_2_ancestral": "dpm_2_ancestral",
    "k dpmpp_2s_ancestral": "dpmpp_2s_ancestral",
    "k dpmpp_sde": "dpmpp_sde",
    "k dpmpp_2m_sde": "sde_dpmpp_2m",
    "k dpmpp_2m_sde heun": "sde_dpmpp_2m(variant='taylor')",
    "k dpmpp_3m_sde": "sde_dpmpp_3m(as_published=True)",
    "hf multistep sde-dpmsolver++ 2 midpoint": "sde_dpmpp_2m",
    "hf multistep sde-dpmsolver++ 2 heun": "sde_dpmpp_2m(variant='taylor')",
    "hf SASolver P2C2": "sa_solver(predictor=2, corrector=2)",
    "hf SASolver P3C4": "sa_solver(predictor=3, corrector=4)",
}


def difference(cell: Cell, sampler: Any, method: str) -> float:
    """Return the largest difference of x/alpha, relative to the size of the peer's result."""
    process, times = cell.times(STEPS)
    kappas = np.array([process.sigma(float(t)) / process.alpha(float(t)) for t in times])
    start = cell.start(process, float(times[0]))
    theirs = sampler(cell.denoiser, start / process.alpha(float(times[0])), kappas)
    model = diffusion.from_denoiser(cell.target.denoiser(process), process)
    ours = diffusion.sample(process, model, start, times, method=method) / process.alpha(float(times[-1]))
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    cells = {
        grid: next(c for c in CELLS if c.name == f"three, {grid}") for grid in ("vp log-SNR", "edm Karras")
    }
    print("| peer | ours | vp log-SNR | edm Karras |\n|---|---|---|---|")
    peers = {**k_samplers(), **diffusers_samplers()}
    for name, method in SHARED.items():
        print(
            f"| {name} | {method} | "
            + " | ".join(_told(difference, c, peers[name], method) for c in cells.values())
            + " |"
        )
    noisy = noisy_peers()
    for name, method in NOISY.items():
        tasks = [Task(0.25, grid) for grid in cells]
        print(
            f"| {name} | {method} | "
            + " | ".join(_told(_of_law, t, noisy[name], method) for t in tasks)
            + " |"
        )


def _of_law(task: Task, sampler: Any, method: str) -> float:
    """Return the difference of the distances W2/sqrt(c) from the exact law."""
    ours, theirs = task.run(method, STEPS)[0], task.run_peer(sampler, STEPS)[0]
    return abs(ours - theirs)


def _told(measure: Any, *arguments: Any) -> str:
    try:
        return f"{measure(*arguments):.1e}"
    except (TypeError, ValueError, IndexError) as error:
        return f"{type(error).__name__}: {str(error)[:60]}"


if __name__ == "__main__":
    main()
