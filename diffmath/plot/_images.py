"""Grids of small images, and tables of checks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diffmath._core.typing import Array
from diffmath.plot._style import COLORS, Axes, host, new_axes, tidy

__all__ = ["checks", "images"]


def images(
    x: Array,
    *,
    shape: tuple[int, int] | None = None,
    columns: int = 10,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
    title: str = "",
    cmap: str = "gray_r",
) -> Axes:
    """Draw rows of numbers as a grid of images.

    Parameters
    ----------
    x : array, shape (n, height * width)
        One image per row, pixels row by row.
    shape : (int, int), optional
        Height and width; square by default.
    columns : int
        Images per line.
    limits : (float, float), optional
        Values drawn as the first and the last colour; by default the smallest and the largest value.
    ax, title
        As in `reconstruction`.
    cmap : str
        Name of a Matplotlib colour map.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        Rows that are not images of that shape.

    Examples
    --------
    >>> from diffmath import data, plot
    >>> ax = plot.images(data.digits().images[:20])
    >>> ax.images[0].get_array().shape
    (19, 91)
    """
    pixels = host("x", x, (2,))
    side = math.isqrt(pixels.shape[1])
    height, width = (side, side) if shape is None else shape
    if height * width != pixels.shape[1] or not len(pixels):
        raise ValueError(f"rows of {pixels.shape[1]} numbers are not images of shape ({height}, {width})")
    low, high = (float(pixels.min()), float(pixels.max())) if limits is None else limits
    lines = math.ceil(len(pixels) / columns)
    ax = new_axes(ax, width=0.6 * columns, height=0.6 * lines + 0.3)
    # One blank pixel around every image: NaN has the background colour.
    canvas = np.full((lines * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for i, row in enumerate(pixels):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        canvas[top : top + height, left : left + width] = row.reshape(height, width)
    ax.imshow(canvas, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_axis_off()
    return tidy(ax, title=title)


def checks(
    rows: Sequence[Sequence[str]],
    *,
    header: Sequence[str] = ("check", "statistic", "threshold", "verdict"),
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw a table of checks, verdicts in colour.

    Parameters
    ----------
    rows : sequence of sequences of str
        One row per check; the last column is the verdict, and one that begins with "reject" or "fail" is red.
    header : sequence of str
        Names of the columns.
    ax, title
        As in `reconstruction`.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from diffmath import plot
    >>> ax = plot.checks([("mean", "0.1", "0.3", "passed"), ("wrong mean", "0.9", "0.3", "rejected")])
    """
    ax = new_axes(ax, width=8.0, height=0.45 * (len(rows) + 1) + 0.3)
    ax.set_axis_off()
    widths = [max(len(str(line[i])) for line in [header, *rows]) for i in range(len(header))]
    table = ax.table(
        cellText=[list(map(str, row)) for row in rows],
        colLabels=list(header),
        colWidths=[width / sum(widths) for width in widths],
        cellLoc="left",
        loc="center",
        edges="horizontal",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.5)
    for (line, column), cell in table.get_celld().items():
        cell.set_edgecolor("0.85")
        if line == 0:
            cell.get_text().set_weight("bold")
        elif column == len(header) - 1:
            wrong = str(rows[line - 1][-1]).startswith(("reject", "fail"))
            cell.get_text().set_color(COLORS["red"] if wrong else COLORS["green"])
    return tidy(ax, title=title)
