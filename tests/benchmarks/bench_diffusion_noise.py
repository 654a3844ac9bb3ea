"""Distribution of stochastic samplers (tau = 1) at equal model evaluations: ours against the peers.

The data are N(0.7, c), for which every sampler is an affine map of start and noise; its mean and variance are
found to rounding, without Monte Carlo (`_noise.py`). Prints, for each number of evaluations, the geometric
mean over c = 0.0025, 0.25, 4 and four grids of W2/sqrt(c), for our best setting and the best single peer.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from _noise import Task, noisy_peers
from _panel import GRIDS, geometric_mean

from diffmath import diffusion

BUDGETS, GOALS = (8, 16, 32, 64, 128), (1.0, 0.5, 0.3, 0.3, 0.35)
TASKS = [Task(c, grid) for c in (0.0025, 0.25, 4.0) for grid in GRIDS]
OURS = {
    f"adams(data, {nodes}, P{p}C{c})": diffusion.adams(
        form="data", nodes=nodes, tau=1.0, predictor=p, corrector=c, starter="ramp"
    )
    for nodes in ("log_norm", "log_snr", "sigma", "flow", "theta")
    for p, c in ((1, 0), (1, 2), (2, 0), (2, 2), (2, 3), (3, 0), (3, 3), (3, 4), (4, 5))
} | {
    "sde_dpmpp_2m": diffusion.sde_dpmpp_2m,
    "sde_dpmpp_3m": diffusion.sde_dpmpp_3m,
    "seeds_2": diffusion.seeds_2,
    "seeds_3": diffusion.seeds_3,
    "er_sde": diffusion.er_sde,
}


def ours(method: Any, budget: int) -> float:
    """Return the mean of a method of ours over the tasks."""
    steps = budget
    while steps > 1 and method.nfe(steps) > budget:
        steps -= 1
    results = [task.run(method, steps) for task in TASKS]
    assert all(count <= budget for _, count in results), results
    return geometric_mean([distance for distance, _ in results])


def theirs(sampler: Any, budget: int) -> float:
    """Return the mean of a peer over the tasks."""
    found = []
    for task in TASKS:
        distance, count = task.run_peer(sampler, budget)
        if count > budget:  # two calls a step
            distance, count = task.run_peer(sampler, budget // 2)
        assert count <= budget, count
        found.append(distance)
    return geometric_mean(found)


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    peers: dict[int, dict[str, float]] = {budget: {} for budget in BUDGETS}
    for name, sampler in noisy_peers().items():
        for budget in BUDGETS:
            try:
                peers[budget][name] = theirs(sampler, budget)
            except (IndexError, ValueError, RuntimeError, AssertionError, TypeError) as error:
                print(f"# {name} at {budget}: {type(error).__name__}: {error}", file=sys.stderr)
    print("| evaluations | best peer | its W2/sqrt(c) | our best setting | ratio | goal | adams, log_norm |")
    print("|---|---|---|---|---|---|---|")
    for budget, goal in zip(BUDGETS, GOALS, strict=True):
        found = {name: ours(method, budget) for name, method in OURS.items()}
        peer, best = min(peers[budget], key=peers[budget].__getitem__), min(found, key=found.__getitem__)
        named = min((name for name in found if "log_norm" in name), key=found.__getitem__)
        least = peers[budget][peer]
        print(
            f"| {budget} | {peer} | {least:.2e} | {best} | {found[best] / least:.2f} | {goal} "
            f"| {named[-6:-1].strip()}: {found[named] / least:.2f} |"
        )
        if "--all" in sys.argv:
            for name, value in sorted({**found, **peers[budget]}.items(), key=lambda pair: pair[1]):
                print(f"#   {name}: {value:.3e}")


if __name__ == "__main__":
    main()
