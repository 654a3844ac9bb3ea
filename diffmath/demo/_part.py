"""The input of a part of the demo (`Settings`) and its result (`Part`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CheckRow", "Figure", "Part", "Settings", "save"]


@dataclass(frozen=True)
class Settings:
    """Where the demo writes its files, and how much it computes.

    Parameters
    ----------
    out : Path
        Folder of the figures and the report; made if it does not exist.
    quick : bool
        Small sizes, for tests: the same steps, too few samples for good pictures.
    progress : bool
        Whether to show progress bars.
    seed : int
        Seed of all noise.
    """

    out: Path
    quick: bool = False
    progress: bool = False
    seed: int = 0

    def size(self, full: int, quick: int) -> int:
        """Return the full or the quick size."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Figure:
    """A figure on disk and its caption."""

    path: Path
    caption: str


@dataclass(frozen=True)
class CheckRow:
    """One check: a statistic, its threshold, and whether the verdict is the expected one."""

    check: str
    statistic: str
    threshold: str
    verdict: str
    as_it_must_be: bool


@dataclass(frozen=True)
class Part:
    """A part of the demo: the result in two sentences, the numbers behind it, and the code to repeat it."""

    title: str
    text: str
    numbers: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    code: str
    checks: tuple[CheckRow, ...] = ()
    seconds: float = 0.0


def save(figure: Any, settings: Settings, name: str, caption: str) -> Figure:
    """Write a Matplotlib figure into the demo's folder as PNG."""
    path = settings.out / f"{name}.png"
    figure.savefig(path, dpi=130, bbox_inches="tight", pad_inches=0.08)
    return Figure(path, caption)
