"""Run the parts one after another, time them, and write the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from diffmath import plot
from diffmath.demo._checks import check_everything
from diffmath.demo._digits import draw_samples, image_digits, plane_digits
from diffmath.demo._memory import remember
from diffmath.demo._part import CheckRow, Part, Settings
from diffmath.demo._report import write_report
from diffmath.demo._sampling import sample_digits

__all__ = ["DemoResult", "run"]


@dataclass(frozen=True)
class DemoResult:
    """The parts of the demo, the path of its report, and the run time."""

    parts: tuple[Part, ...]
    report: Path
    seconds: float

    @property
    def checks(self) -> tuple[CheckRow, ...]:
        """Every check of every part."""
        return tuple(row for part in self.parts for row in part.checks)

    @property
    def passed(self) -> bool:
        """Whether every verdict is the expected one, including the rejections of the wrong score."""
        return all(row.as_it_must_be for row in self.checks)


def run(
    out: Path | str = "diffmath-demo",
    *,
    quick: bool = False,
    progress: bool = False,
    seed: int = 0,
    announce: Callable[[str], None] | None = None,
) -> DemoResult:
    """Run the demo and write its figures and its report.

    Parameters
    ----------
    out : path
        Folder for the figures and ``report.html``; made if it does not exist.
    quick : bool
        Small sizes, for tests.
    progress : bool
        Show progress bars.
    seed : int
        Seed of all noise.
    announce : callable, optional
        ``announce(text)`` is called when a part begins.

    Returns
    -------
    DemoResult

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Examples
    --------
    >>> from diffmath import demo
    >>> demo.run("diffmath-demo").passed                                             # doctest: +SKIP
    True
    """
    plot.new_figure()  # raises here, before any work, if Matplotlib is missing
    settings = Settings(Path(out), quick, progress, seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    say = announce or (lambda text: None)
    begin = time.perf_counter()
    say("1 of 3: remember a real signal")
    parts = [_timed(begin, remember(settings))]
    say("2 of 3: sample from real data")
    start = time.perf_counter()
    plane = draw_samples(plane_digits(settings), settings.size(2000, 4000), settings)
    images = draw_samples(image_digits(settings), settings.size(2000, 3000), settings)
    parts.append(_timed(start, sample_digits(plane, images, settings)))
    say("3 of 3: check it, and a wrong score that must be rejected")
    start = time.perf_counter()
    parts.append(_timed(start, check_everything(plane, images, settings)))
    seconds = time.perf_counter() - begin
    report = write_report(settings.out / "report.html", parts, seconds)
    return DemoResult(tuple(parts), report, seconds)


def _timed(start: float, part: Part) -> Part:
    return replace(part, seconds=time.perf_counter() - start)
