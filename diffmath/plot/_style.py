"""The style: one colour-blind-safe palette, few lines, readable labels; applied to one axes at a time."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from diffmath._arrays.namespace import to_numpy

__all__ = ["COLORS", "CYCLE", "Axes", "host", "new_axes", "new_figure", "tidy"]

# A Matplotlib Axes: Matplotlib is an extra, so its types are not imported.
Axes = Any

# Okabe & Ito (2008): distinguishable with every common colour vision, and in print.
COLORS = MappingProxyType(
    {
        "blue": "#0072B2",
        "orange": "#E69F00",
        "green": "#009E73",
        "red": "#D55E00",
        "purple": "#CC79A7",
        "sky": "#56B4E9",
        "ink": "#222222",
        "grey": "#8A8A8A",
    }
)
# Colours of adjacent curves, in order.
CYCLE = tuple(COLORS[name] for name in ("blue", "red", "green", "purple", "orange", "sky"))


def new_axes(ax: Axes | None, *, width: float = 6.4, height: float = 4.0) -> Axes:
    """Return `ax`, or the axes of a new figure of that size in inches.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Examples
    --------
    >>> from diffmath import plot
    >>> ax = plot.new_figure().add_subplot()
    >>> plot.new_axes(ax) is ax
    True
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise _missing() from None
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def new_figure(*, width: float = 6.4, height: float = 4.0) -> Any:
    """Return an empty figure of that size in inches, outside pyplot: for programs that only save files.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Examples
    --------
    >>> from diffmath import plot
    >>> figure = plot.new_figure(width=3, height=2)
    >>> figure.add_subplot().get_title()
    ''
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise _missing() from None
    return Figure(figsize=(width, height), layout="constrained")


def _missing() -> ImportError:
    return ImportError('diffmath.plot needs Matplotlib; install it with: pip install "diffmath[plot]"')


def tidy(ax: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "") -> Axes:
    """Set the texts of an axes and remove unnecessary frame lines.

    Parameters
    ----------
    ax : matplotlib Axes
    title, xlabel, ylabel : str
        An empty text leaves the existing one.

    Returns
    -------
    matplotlib Axes
        `ax` itself.

    Examples
    --------
    >>> from diffmath import plot
    >>> plot.tidy(plot.new_figure().add_subplot(), xlabel="t").get_xlabel()
    't'
    """
    if title:
        ax.set_title(title, loc="left", fontsize=11, color=COLORS["ink"])
    if xlabel:
        ax.set_xlabel(xlabel, color=COLORS["ink"])
    if ylabel:
        ax.set_ylabel(ylabel, color=COLORS["ink"])
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(COLORS["grey"])
    ax.tick_params(colors=COLORS["ink"], labelsize=9)
    return ax


def host(name: str, values: Any, ndims: tuple[int, ...]) -> npt.NDArray[Any]:
    """Copy values to be drawn to the host, or refuse their shape by name."""
    array = to_numpy(values)
    if array.ndim not in ndims:
        wanted = " or ".join(map(str, ndims))
        raise ValueError(f"{name} must have {wanted} dimensions to be drawn; got shape {array.shape}")
    return array
