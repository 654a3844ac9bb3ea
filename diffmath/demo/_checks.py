"""Part 3: check it. Paths against their density, samplers against their target, and a wrong score.

Every check is a Kolmogorov-Smirnov distance against a threshold with a stated false-positive rate. The wrong
score must be rejected; otherwise the checks would prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from diffmath import fokker_planck as fp
from diffmath import plot, random, sde, symbolic
from diffmath.demo._digits import Digits, Sampled, draw_samples
from diffmath.demo._part import CheckRow, Figure, Part, Settings, save

__all__ = ["check_everything"]

HostArray = npt.NDArray[np.float64]

# Each check rejects a correct result with this probability.
FALSE_POSITIVE_RATE = 1e-6
# Largest accepted bias of a distribution function, for a sampler with a finite number of steps.
TOLERANCE = 0.01

_CODE = """\
import numpy as np, sympy
import diffmath as dm
from diffmath import symbolic, sde, fokker_planck as fp
x, t = sympy.symbols("x t")
well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[sympy.Rational(7, 10)]])
symbolic.fokker_planck_operator(well)                # the equation of its density, derived
key = dm.random.key(0)
x0 = 0.3 * dm.random.normal(key, (100_000, 1), like=np.empty(0))
final = sde.ensemble(well, x0, t_span=(0.0, 2.0), steps=200, method="milstein", key=key)
grid = fp.Grid.uniform((-4, 4), 400)
density = fp.solve(well.lower(), fp.gaussian(grid, mean=0.0, std=0.3), [0.0, 2.0], grid)
print(fp.check_samples(final, density.p[-1], grid, false_positive_rate=1e-6, tolerance=1e-3))
"""


@dataclass(frozen=True)
class _Well:
    """The double well: its Fokker-Planck equation as text, paths, final states, and its density."""

    equation: str
    times: HostArray
    snapshots: HostArray
    grid: fp.Grid
    density: HostArray


def check_everything(plane: Sampled, images: Sampled, settings: Settings) -> Part:
    """Run part 3 on the samples of part 2, on a double well, and on a wrong score."""
    well = _double_well(settings)
    checked = fp.check_samples(
        well.snapshots[-1],
        well.density[-1],
        well.grid,
        false_positive_rate=FALSE_POSITIVE_RATE,
        tolerance=1e-3,
    )
    rows = [_row(f"double well: {len(well.snapshots[-1])} paths against their density", checked, True)]
    for sampled in (plane, images):
        rows += _sampler_rows(sampled, "exact score", True)
    for sampled in (plane, images):
        rows += _sampler_rows(_with_wrong_score(sampled, settings), "score times 2", False)
    wrong = sum(not row.as_it_must_be for row in rows)
    return Part(
        title="Check it: paths, samplers, and a score that is wrong on purpose",
        text=(
            "One SDE, written once in SymPy, is run as paths and solved as a density, and the two agree; so "
            "do both samplers and the exact law of the digits. The same check rejects the same samplers when "
            "their score is doubled, so that its approval means something."
            if not wrong
            else f"{wrong} VERDICTS ARE WRONG: see the table."
        ),
        numbers=(
            ("density of the double well", well.equation),
            ("false-positive rate of each check", f"{FALSE_POSITIVE_RATE:g}"),
            ("accepted bias of a distribution function", f"{TOLERANCE:g} (samplers), 0.001 (paths)"),
        ),
        figures=(_draw(well, rows, settings),),
        code=_CODE,
        checks=tuple(rows),
    )


def _row(name: str, found: fp.Check, must_pass: bool) -> CheckRow:
    verdict: str = "rejected" if found.failed else found.verdict
    right = found.verdict == ("passed" if must_pass else "failed")
    if not right:
        verdict += ": WRONG VERDICT"
    elif not must_pass:
        verdict += ", as it must be"
    return CheckRow(name, f"{found.statistic:.4f}", f"{found.threshold:.4f}", verdict, right)


def _sampler_rows(sampled: Sampled, score: str, must_pass: bool) -> list[CheckRow]:
    """Compare projections of the samples on principal directions with the exact law at the last time."""
    target, end = sampled.digits.target, float(sampled.times[-1])
    # Directions of the largest variance of the data, where the clusters are: random ones look Gaussian in
    # 64-D.
    directions = np.linalg.eigh(target.covariance)[1].T[::-1][:16]
    rows = []
    for name, points in sampled.samples.items():
        found = fp.check_projections(
            points,
            lambda direction: target.projected_cdf(direction, sampled.process, end),
            directions=directions,
            false_positive_rate=FALSE_POSITIVE_RATE,
            tolerance=TOLERANCE,
        )
        rows.append(_row(f"{sampled.digits.name} digits, {score}: {name}", found, must_pass))
    return rows


def _with_wrong_score(sampled: Sampled, settings: Settings) -> Sampled:
    """Sample again, from the same noise, with a score that is too large by a factor of 2."""
    digits: Digits = sampled.digits
    exact = digits.target.score(sampled.process)

    def doubled(x: Any, t: float) -> Any:
        return 2.0 * exact(x, t)

    return draw_samples(digits, len(sampled.prior), settings, model=doubled)


def _double_well(settings: Settings) -> _Well:
    x, t = sympy.symbols("x t")
    well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[sympy.Rational(7, 10)]])
    model, key = well.lower(), random.fold_in(random.key(settings.seed), "demo.well")
    x0 = 0.3 * random.normal(key, (settings.size(100_000, 5_000), 1), like=np.empty(0))
    times = np.array([0.0, 0.5, 1.0, 2.0])
    paths = sde.solve(model, x0, times, method=sde.milstein, key=key, substeps=64, progress=settings.progress)
    grid = fp.Grid.uniform((-4, 4), 400)
    density = fp.solve(model, fp.gaussian(grid, mean=0.0, std=0.3), times, grid)
    equation = f"dp/dt = {symbolic.fokker_planck_operator(well)}"
    return _Well(equation, times, paths.x[:, :, 0], grid, density.p)


def _draw(well: _Well, rows: list[CheckRow], settings: Settings) -> Figure:
    figure = plot.new_figure(width=9.0, height=3.6)
    panels = figure.subplots(1, len(well.times) - 1, sharey=True)
    for i, ax in enumerate(panels, start=1):
        plot.ensemble(
            well.snapshots[i],
            well.grid.centers,
            well.density[i],
            ax=ax,
            title=f"t = {well.times[i]:g}",
            labels=(f"{well.snapshots.shape[1]:,} paths", "Fokker-Planck density"),
        )
        ax.set(xlim=(-2.4, 2.4), ylim=(0, 1.12 * well.density[1:].max()))
        ax.get_legend().remove()
        if i > 1:
            ax.set_ylabel("")
    entries = panels[0].get_legend_handles_labels()
    figure.legend(*entries, loc="upper right", ncols=2, frameon=False, fontsize=9)
    title = (
        f"One SDE, written once: its paths and its density {'agree' if rows[0].as_it_must_be else 'DIFFER'}"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=plot.COLORS["ink"])
    caption = (
        "The double well dx = (x - x^3) dt + 0.7 dW. Filled: histogram of the paths. Line: density. At the "
        f"last time their distribution functions differ by {rows[0].statistic} at most (threshold "
        f"{rows[0].threshold}): {rows[0].verdict}."
    )
    return save(figure, settings, "density", caption)
