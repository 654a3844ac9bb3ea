"""The main job on real data: remember a signal, sample digits, and check that the samples are right.

`run` does what ``python -m diffmath demo`` shows: three parts, each a frozen `Part` with its numbers, figures
and checks, and a one-page HTML report. One file per part; `_report` writes the page.
"""

from diffmath.demo._part import CheckRow, Figure, Part, Settings
from diffmath.demo._run import DemoResult, run

__all__ = ["CheckRow", "DemoResult", "Figure", "Part", "Settings", "run"]
