"""Curves: a signal and its reconstruction, errors per order, paths over time, samples against a density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.fokker_planck import DensitySolution
from diffmath.plot._style import COLORS, CYCLE, Axes, host, new_axes, tidy

__all__ = ["convergence", "ensemble", "reconstruction", "solution"]

# Number of points of a curve that is drawn from a dense output.
_POINTS = 400


def reconstruction(
    t: Array,
    u: Array,
    u_hat: Array,
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "t",
    ylabel: str = "u",
    label: str = "reconstruction",
) -> Axes:
    """Draw a signal and its reconstruction by a memory.

    Parameters
    ----------
    t, u, u_hat : array, shape (times,)
        Times, the signal, and its reconstruction at these times.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    title, xlabel, ylabel, label : str
        The texts; `label` names the reconstruction.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import plot
    >>> t = np.linspace(0, 1, 50)
    >>> ax = plot.reconstruction(t, np.sin(6 * t), 6 * t)
    >>> [line.get_label() for line in ax.lines]
    ['signal', 'reconstruction']
    """
    times, signal, rebuilt = (host(n, v, (1,)) for n, v in (("t", t), ("u", u), ("u_hat", u_hat)))
    ax = new_axes(ax)
    ax.plot(times, signal, color=COLORS["grey"], lw=1.0, label="signal")
    ax.plot(times, rebuilt, color=COLORS["blue"], lw=1.6, label=label)
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, xlabel=xlabel, ylabel=ylabel)


def convergence(
    sizes: Array,
    errors: Mapping[str, Array],
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "order",
    ylabel: str = "error",
) -> Axes:
    """Draw errors against a size (order, steps, ...), both logarithmic, one line per method.

    Parameters
    ----------
    sizes : array, shape (sizes,)
    errors : mapping of str to array, shape (sizes,)
        Positive errors by the name of the method.
    ax, title, xlabel, ylabel
        As in `reconstruction`.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import plot
    >>> ax = plot.convergence(np.array([8, 16]), {"memory": np.array([0.2, 0.1])})
    >>> ax.get_xscale(), ax.get_yscale()
    ('log', 'log')
    """
    x = host("sizes", sizes, (1,))
    ax = new_axes(ax)
    for i, (name, values) in enumerate(errors.items()):
        # Each later line is thinner, so that coinciding curves stay visible.
        style = {"marker": "os^Dv*"[i % 6], "ms": 7 - 1.5 * min(i, 2), "lw": 2.4 - 0.8 * min(i, 2)}
        ax.plot(x, host(name, values, (1,)), color=CYCLE[i % len(CYCLE)], label=name, **style)
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(x, [f"{value:g}" for value in x])
    ax.minorticks_off()
    _label_short_range(ax)
    ax.grid(axis="y", color="0.9", lw=0.8)
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, xlabel=xlabel, ylabel=ylabel)


def _label_short_range(ax: Axes) -> None:
    """Label 1, 2 and 5 if the errors span few powers of ten, which would leave at most one label."""
    low, high = ax.get_ylim()
    if high > 30 * low:
        return
    ticks = [m * 10.0**k for k in range(-320, 308) for m in (1, 2, 5) if low <= m * 10.0**k <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])


def solution(
    result: Solution, *, component: int = 0, rows: int = 50, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw the result of a solver: one component of the state over time, one line per row of the batch.

    Parameters
    ----------
    result : Solution
        From `ode.solve`, `sde.solve` or `diffusion.trajectory`. Solutions with dense output are drawn from
        it; those with two times from the natural steps, if these were saved. Rows are drawn up to where they
        ended.
    component : int
        Index into the flattened state of a row.
    rows : int
        Maximum number of rows to draw; the first rows are drawn.
    ax, title
        As in `reconstruction`; the title states the status if the solve failed.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        A component that the state does not have.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import Solution, plot
    >>> paths = Solution(t=np.linspace(0, 1, 3), x=np.zeros((3, 5, 2)))
    >>> len(plot.solution(paths, component=1).lines)
    5
    """
    t, states = _curve(result)
    x = host("solution.x", states, tuple(range(2, 9)))
    x = x.reshape(*x.shape[:2], -1)
    if not -x.shape[2] <= component < x.shape[2]:
        raise ValueError(f"component must be an index of a state of size {x.shape[2]}; got {component}")
    shown = x[:, :rows, component]
    ax = new_axes(ax)
    faint = 1.0 if shown.shape[1] <= 6 else max(0.25, 6 / shown.shape[1])
    colors = CYCLE if shown.shape[1] <= 6 else (COLORS["blue"],)
    for i in range(shown.shape[1]):
        ax.plot(*_until_its_end(result, t, shown, i), color=colors[i % len(colors)], lw=1.2, alpha=faint)
    if not result.success:
        title = f"{title} (stopped: {result.status})".strip()
    return tidy(ax, title=title, xlabel="t", ylabel=f"x[{component}]")


def _curve(result: Solution) -> tuple[Any, Array]:
    """Times and states for the curve: from the dense output, the natural steps, or the saved times."""
    if result.dense is not None and len(result.t) > 0:
        ends = np.ravel(result.t[-1]) if result.t_end is None else np.ravel(result.t_end)
        first = float(np.ravel(result.t[0])[0])
        last = ends[np.argmax(np.abs(ends - first))] if len(ends) else first
        times = np.linspace(first, last, _POINTS)
        return times, result.dense(times)
    if result.curve is not None:
        return result.curve()
    return result.t, result.x


def _until_its_end(result: Solution, t: Any, shown: Any, row: int) -> tuple[Any, Any]:
    """The points of a row up to its end; after a terminal event, saved states repeat the event state."""
    times, values = t if t.ndim == 1 else t[:, row], shown[:, row]
    if result.t_end is None or not len(times):
        return times, values
    ends = np.ravel(result.t_end)
    end = float(ends[min(row, len(ends) - 1)])
    first = float(times[0])
    past = np.abs(times - first) > abs(end - first)
    if not past.any():
        return times, values
    k = int(np.argmax(past))
    return np.append(times[:k], end), np.append(values[:k], values[k])


def ensemble(
    points: Array,
    centres: Array | DensitySolution,
    p: Array | None = None,
    *,
    ax: Axes | None = None,
    bins: int = 80,
    title: str = "",
    xlabel: str = "x",
    labels: tuple[str, str] = ("ensemble", "Fokker-Planck density"),
) -> Axes:
    """Draw the histogram of one-dimensional samples and the density that they should follow.

    Parameters
    ----------
    points : array, shape (n,) or (n, 1)
    centres, p : array, shape (cells,)
        Positions and density. Or only `centres`, the result of `fokker_planck.solve`: its last density is
        drawn.
    ax, title, xlabel
        As in `reconstruction`.
    bins : int
        Number of bars between the smallest and the largest sample.
    labels : (str, str)
        Names of the samples and of the density.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Positions without a density, or a solution together with a density.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import plot
    >>> ax = plot.ensemble(np.linspace(0, 1, 100), np.linspace(0, 1, 5), np.ones(5), bins=10)
    >>> len(ax.patches), len(ax.lines)
    (1, 1)
    """
    if isinstance(centres, DensitySolution):
        if p is not None:
            raise TypeError("a solution of fokker_planck.solve has its own density; got p as well")
        p, centres = centres.p[-1], centres.grid.centers
    if p is None:
        raise TypeError("ensemble takes centres and p, or a solution of fokker_planck.solve")
    values = host("points", points, (1, 2)).ravel()
    ax = new_axes(ax)
    style: dict[str, Any] = {"histtype": "stepfilled", "color": COLORS["sky"], "alpha": 0.55}
    ax.hist(values, bins=bins, density=True, label=labels[0], **style)
    ax.plot(host("centres", centres, (1,)), host("p", p, (1,)), color=COLORS["ink"], lw=1.6, label=labels[1])
    margin = 0.04 * (np.ptp(values) or 1.0)
    ax.set_xlim(values.min() - margin, values.max() + margin)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, xlabel=xlabel, ylabel="density")
