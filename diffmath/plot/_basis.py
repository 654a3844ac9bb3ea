"""The functions onto which a memory projects the past."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import symbolic
from diffmath._core.counts import check_count
from diffmath.plot._style import CYCLE, Axes, new_axes, tidy

__all__ = ["basis"]

_POINTS = 1000


def basis(
    measure: symbolic.Measure,
    count: int = 5,
    *,
    kernels: bool = False,
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    r"""Draw the first basis functions :math:`g_n` of a measure, or its kernels :math:`K_n = g_n w`.

    Parameters
    ----------
    measure : symbolic.Measure
        A shipped measure or your own.
    count : int
        Number of functions to draw, at least 1.
    kernels : bool
        Draw the kernels :math:`g_n w`, by which the input is multiplied, instead of :math:`g_n`, in which the
        past is reconstructed.
    ax, title
        As in `reconstruction`; the title is the name of the measure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Not a Measure, or `count` not an integer.
    ValueError
        `count` is below 1, or the measure has a symbolic parameter without a value.

    Notes
    -----
    Time runs from left to right, so the present is at the right: position 1 of a scaled measure or age 0 of a
    translated one. A measure of infinite age is drawn up to the age where its kernels hold less than a
    hundredth of their largest mass per octave of age. The real part of complex functions is drawn.

    Examples
    --------
    >>> from diffmath import plot, symbolic
    >>> ax = plot.basis(symbolic.legt, 3)
    >>> [line.get_label() for line in ax.lines]
    ['n = 0', 'n = 1', 'n = 2']
    """
    if not isinstance(measure, symbolic.Measure):
        raise TypeError(f"measure must be a symbolic.Measure; got {type(measure).__name__}")
    curves = _curves(measure, check_count("count", count), kernels)
    scaled = measure.memory == "scaled"
    span = float(measure.length) if measure.length.is_finite else _reach(measure, count)
    s = (np.arange(_POINTS) + 0.5) * (span / _POINTS)
    ax = new_axes(ax)
    for n, curve in enumerate(curves(0.0, s[:, None]).T):
        ax.plot(s, curve, color=CYCLE[n % len(CYCLE)], lw=1.5, label=f"n = {n}")
    ax.legend(frameon=False, fontsize=9)
    ax.set_xlim(*((0.0, span) if scaled else (span, 0.0)))
    where = "position in the past (1 is now)" if scaled else "age (0 is now)"
    return tidy(ax, title=title or measure.name, xlabel=where, ylabel="$g_n w$" if kernels else "$g_n$")


def _curves(measure: symbolic.Measure, count: int, kernels: bool) -> Any:
    """The functions, as a callable on arrays."""
    import sympy

    s = sympy.Symbol("s", positive=True)
    weight = measure.weight(s) if kernels else sympy.S.One
    formulas = [sympy.sympify(measure.basis(n, s)) * weight for n in range(count)]
    real = [sympy.re(f.expand(complex=True)) if f.has(sympy.I) else f for f in formulas]
    return symbolic.lower(real, (s,), sympy.Symbol("t"))


def _reach(measure: symbolic.Measure, count: int) -> float:
    """The age up to which the kernels hold at least a hundredth of their largest mass per octave."""
    ages: npt.NDArray[np.float64] = np.logspace(-9.0, 9.0, 2000)
    mass = ages * np.max(np.abs(_curves(measure, count, True)(0.0, ages[:, None])), axis=1)
    return float(ages[np.flatnonzero(mass >= 0.01 * np.max(mass))[-1]])
