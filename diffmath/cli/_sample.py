"""``python -m diffmath sample FILE``: new points like those in a file, by the exact score of their density.

The points are standardised per column and smoothed by a Gaussian kernel. The score of that density is exact
at every noise level, so all errors are those of the sampler. The samples are mapped back to the file's units.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import diffusion, plot, random
from diffmath.cli._choices import GRIDS, METHODS, PROCESSES, grid_of, method_of, process_of
from diffmath.cli._command import JSON_HELP, command_parser, has_bars, print_json
from diffmath.cli._figure import figure_for
from diffmath.cli._files import check_folder, check_format, load_points, save_points, write_csv

__all__ = ["Sampling", "add_command", "sample_points"]

_DESCRIPTION = """\
examples:
  python -m diffmath sample my.npy --process vp --method dpmpp_2m --steps 20 --n 10000 \\
      --out samples.npy --plot samples.png
  python -m diffmath sample my.csv --method sde_dpmpp_2m --seed 1 > samples.csv
  python -m diffmath sample my.npy --process edm --grid "karras(rho=5)" --method "ddim(eta=0.5)"

Draws new points like those in a file (.npy, .npz, .csv; rows are points) by a diffusion sampler with the
exact score of their Gaussian-kernel density. Columns are standardised first; a constant column is kept
unchanged. Without --out the samples go to standard output as CSV.
"""

_SHOW = " (default: %(default)s)"

HostArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sampling:
    """The options of `sample`, without the points."""

    process: str = "vp"
    method: str = "dpmpp_2m"
    grid: str = "log_snr"
    steps: int = 20
    n: int = 1000
    seed: int = 0
    bandwidth: float | None = None
    progress: bool = False


def add_command(commands: Any) -> None:
    """Add `sample` to the parser."""
    default = Sampling()
    parser = command_parser(
        commands,
        "sample",
        run,
        usage="FILE [options]",
        help="new points like those in a file",
        text=_DESCRIPTION,
    )
    parser.add_argument("file", type=Path, help=".npy, .npz or .csv; rows are points")
    parser.add_argument("--array", metavar="NAME", help="which array of an .npz file")
    parser.add_argument(
        "--process", metavar="NAME", default=default.process, help=f"{', '.join(PROCESSES)}{_SHOW}"
    )
    parser.add_argument(
        "--grid", metavar="NAME", default=default.grid, help=f"times: {', '.join(GRIDS)}{_SHOW}"
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        default=default.method,
        help=f"one of {len(METHODS)} samplers, which the command samplers lists{_SHOW}",
    )
    parser.add_argument("--steps", type=int, default=default.steps, help=f"sampler steps{_SHOW}")
    parser.add_argument("--n", type=int, default=default.n, help=f"number of samples{_SHOW}")
    parser.add_argument("--seed", type=int, default=default.seed, help=f"names the noise{_SHOW}")
    parser.add_argument(
        "--bandwidth",
        type=float,
        metavar="H",
        help="kernel width in standard deviations of each column (default: by leave-one-out likelihood)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=".npy, .npz or .csv (default: stdout)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw data and samples (.png, .svg, .pdf)")
    parser.add_argument("--json", action="store_true", help=f"{JSON_HELP} (the samples too, without --out)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no messages")


def run(options: argparse.Namespace) -> int:
    """Read, sample, write, draw."""
    if options.out is not None:
        check_format(options.out, "--out")
    figure = None if options.plot is None else figure_for(options.plot)
    for role, path in (("--out", options.out), ("--plot", options.plot)):
        check_folder(path, role)
    points = load_points(options.file, options.array)
    asked = Sampling(
        options.process, options.method, options.grid, options.steps, options.n, options.seed,
        options.bandwidth, progress=not options.quiet and has_bars(),
    )  # fmt: skip
    samples, width = sample_points(points, asked)
    if not options.quiet:
        rows, columns = points.shape
        message = f"{rows} points of dimension {columns}, bandwidth {width:.3g} standard deviations; "
        message += f"{len(samples)} samples by {asked.method}, {asked.steps} steps"
        print(message, file=sys.stderr)
    if options.out is not None:
        save_points(options.out, samples)
    if options.json:
        print_json(_summary(asked, samples, width, options.out))
    elif options.out is None:
        write_csv(sys.stdout, samples)
    if figure is not None:
        title = f"{len(samples)} samples, {asked.method}, {asked.steps} steps"
        plot.samples(samples, data=points, ax=figure.add_subplot(), title=title)
        figure.savefig(options.plot, dpi=150, bbox_inches="tight")
    return 0


def _summary(asked: Sampling, samples: HostArray, width: float, out: Path | None) -> dict[str, Any]:
    given = {name: getattr(asked, name) for name in ("process", "method", "grid", "steps", "n", "seed")}
    where = {"samples": samples.tolist()} if out is None else {"out": str(out)}
    return {**given, "bandwidth": width, **where}


def sample_points(points: HostArray, asked: Sampling) -> tuple[HostArray, float]:
    r"""Draw points like the given ones.

    Parameters
    ----------
    points : numpy.ndarray, shape (m, dim)
        Finite, at least two rows.
    asked : Sampling

    Returns
    -------
    samples : numpy.ndarray, shape (n, dim)
        In the units of `points`.
    bandwidth : float
        The kernel width that was used, in standard deviations of each column.

    Raises
    ------
    ValueError
        Options or values that are not usable.

    Notes
    -----
    The default width maximises the leave-one-out likelihood of the points. Sampling ends at `t_min` of the
    process, which adds noise of about 0.01 standard deviations.

    References
    ----------
    .. [1] Duin (1976), On the choice of smoothing parameters for Parzen estimators, IEEE Trans. Comput. 25.
    """
    if asked.n < 1:
        raise ValueError(f"--n must be at least 1; got {asked.n}")
    if asked.bandwidth is not None and asked.bandwidth > 10:
        # The initial noise must hide the data: alpha(t_max) h must be small compared with 1.
        raise ValueError(f"--bandwidth must be at most 10 standard deviations; got {asked.bandwidth}")
    centre, scale = _location_and_scale(points)
    constant = scale == 0
    standard = (points - centre) / np.where(constant, 1.0, scale)
    width = asked.bandwidth
    if width is None:
        width = 1.0 if constant.all() else diffusion.likely_bandwidth(standard[:, ~constant])
    process, method = process_of(asked.process), method_of(asked.method)
    times = grid_of(asked.grid, process, asked.steps)
    target = diffusion.EmpiricalData(standard, bandwidth=width)
    key = random.key(asked.seed)
    x_T = process.sample_prior(key, (asked.n, points.shape[1]), like=standard)
    model = diffusion.from_denoiser(target.denoiser(process), process)
    x = diffusion.sample(process, model, x_T, times, method=method, key=key, progress=asked.progress)
    return centre + scale * x, width


def _location_and_scale(points: HostArray) -> tuple[HostArray, HostArray]:
    """Mean and standard deviation per column; for a constant column, its value and exactly 0."""
    too_large = np.flatnonzero(np.abs(points).max(axis=0) > 1e150)
    if too_large.size:
        raise ValueError(
            f"values must be below 1e150, for their squares to be finite; column {too_large[0]} exceeds it: "
            "change its unit"
        )
    # In units of the range, relative to the first point: tiny squares are not lost, equal values stay equal.
    spread = np.ptp(points, axis=0)
    relative = (points - points[0]) / np.where(spread == 0, 1.0, spread)
    return points[0] + spread * relative.mean(axis=0), spread * relative.std(axis=0)
