"""Accuracy of samplers at equal model evaluations: ours against diffusers and k-diffusion, as shipped.

Prints, for each number of evaluations, the geometric mean over the eight cells of the panel of the error of
the best setting of ours, of `auto`, and of the best single peer; then `auto` outside the panel.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from _panel import CELLS, Cell, geometric_mean, other_cells
from _peers import diffusers_samplers, k_samplers

from diffmath import diffusion

BUDGETS = (8, 16, 32, 64, 128)
OURS = {
    "auto": diffusion.auto,
    **{
        f"adams({form}, {nodes}, P{p}C{c}{', last=2' if last else ''})": diffusion.adams(
            form=form, nodes=nodes, predictor=p, corrector=c, starter="ramp", last=last
        )
        for form, nodes in (("flow", "theta"), ("velocity", "theta"), ("flow", "flow"), ("velocity", "flow"))
        for p, c in ((2, 3), (3, 4), (4, 5))
        for last in (None, 2)
    },
    "dpmpp_2m": diffusion.dpmpp_2m,
    "heun": diffusion.heun,
}


def steps_within(evaluations: object, budget: int) -> int:
    """Return the most steps whose evaluations fit the budget."""
    steps = budget
    while steps > 1 and evaluations(steps) > budget:  # type: ignore[operator]
        steps -= 1
    return steps


def peer_errors(cells: list[Cell]) -> dict[str, dict[int, float]]:
    """Return the panel means of all peers, by evaluations; a peer that fails in a cell is left out."""
    found: dict[str, dict[int, float]] = {}
    for name, sampler in {**k_samplers(), **diffusers_samplers()}.items():
        for budget in BUDGETS:
            try:
                found.setdefault(name, {})[budget] = geometric_mean(
                    [_within(cell, sampler, budget) for cell in cells]
                )
            except (IndexError, ValueError, RuntimeError, AssertionError) as error:
                print(f"# {name} at {budget}: {type(error).__name__}", file=sys.stderr)
    return found


def _within(cell: Cell, sampler: object, budget: int) -> float:
    error, count = cell.run_peer(sampler, budget)
    if count > budget:  # two calls a step
        error, count = cell.run_peer(sampler, budget // 2)
    assert count <= budget, count
    return error


def our_errors(cells: list[Cell], methods: dict[str, diffusion.Method]) -> dict[str, dict[int, float]]:
    """Return the panel means of methods of ours, by evaluations."""
    found: dict[str, dict[int, float]] = {}
    for name, method in methods.items():
        for budget in BUDGETS:
            results = [cell.run(method, steps_within(method.nfe, budget)) for cell in cells]
            assert all(count <= budget for _, count in results), (name, budget, results)
            found.setdefault(name, {})[budget] = geometric_mean([error for error, _ in results])
    return found


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    peers, ours = peer_errors(CELLS), our_errors(CELLS, OURS)
    print("| evaluations | best peer | its error | our best setting | ratio | auto | auto / our best |")
    print("|---|---|---|---|---|---|---|")
    for budget in BUDGETS:
        peer = min((name for name in peers if budget in peers[name]), key=lambda name: peers[name][budget])
        best = min((name for name in ours if name != "auto"), key=lambda name: ours[name][budget])
        theirs, mine, auto = peers[peer][budget], ours[best][budget], ours["auto"][budget]
        ratios = f"{mine / theirs:.2f} | {auto / theirs:.2f} | {auto / mine:.2f}"
        print(f"| {budget} | {peer} | {theirs:.2e} | {best} | {ratios} |")
    print("\nOutside the panel:\n\n| evaluations | our best setting | auto / our best |\n|---|---|---|")
    others = our_errors(other_cells(), OURS)
    for budget in BUDGETS:
        best = min((name for name in others if name != "auto"), key=lambda name: others[name][budget])
        print(f"| {budget} | {best} | {others['auto'][budget] / others[best][budget]:.2f} |")


if __name__ == "__main__":
    main()
