"""The figure of a command's ``--plot FILE``; a file name that it cannot be saved to is refused first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffmath import plot

__all__ = ["figure_for"]


def figure_for(path: Path) -> Any:
    """Return an empty figure; refuse a file name that it cannot be saved to."""
    figure = plot.new_figure(width=6.0, height=5.0)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"--plot must end in one of .{', .'.join(sorted(known))}; got {path.name!r}")
    return figure
