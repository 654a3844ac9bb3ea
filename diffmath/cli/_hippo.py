"""``python -m diffmath hippo``: the memory of a measure, derived exactly, as text, LaTeX or a picture.

Nothing is looked up: the matrices come from the measure's basis and weight each time.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from diffmath import symbolic
from diffmath.cli._command import command_parser
from diffmath.cli._figure import figure_for
from diffmath.cli._files import check_folder

__all__ = ["MEASURES", "add_command", "latex"]

# The options that each measure takes; those marked True it needs.
MEASURES: dict[str, dict[str, bool]] = {
    "legs": {},
    "jacs": {"beta": True},
    "legt": {},
    "lagt": {"alpha": False, "beta": False, "timescale": False},
    "fout": {"as_published": False},
    "foud": {"retention": True},
    "fous": {},
}

_DESCRIPTION = """\
examples:
  python -m diffmath hippo --measure legt --order 6 --latex
  python -m diffmath hippo --measure jacs --beta 1/2 --order 4
  python -m diffmath hippo --measure lagt --beta 0 --order 5 --plot kernels.png

Derives the linear equation of a HiPPO memory from its measure, exactly, and says how it closes: exactly, by
an assumption about the end of the window, or truncated. Numbers are read exactly: 0.1 and 1/10 are the same;
a negative fraction is written --alpha=-1/2.
"""

_HELP = {
    "alpha": "lagt: power of the age, in (-1, 1) (default: 0)",
    "beta": "jacs: power of the position, above -1; lagt: rate of the weight, at least 0 (default: 1)",
    "timescale": "lagt: unit of the age (default: 1)",
    "retention": "foud: what is left of a memory one window later, in [0, 1)",
}
_CLOSURES = {
    "exact": "exact",
    "end": "exact, but for the forgotten end of the window, which its series stands for",
}


def add_command(commands: Any) -> None:
    """Add `hippo` to the parser."""
    parser = command_parser(
        commands,
        "hippo",
        run,
        usage="--measure NAME --order N [options]",
        help="the matrices of a HiPPO memory, derived exactly",
        text=_DESCRIPTION,
    )
    parser.add_argument("--measure", choices=MEASURES, required=True, help="what is remembered")
    parser.add_argument("--order", type=int, metavar="N", required=True, help="number of coefficients")
    for name, text in _HELP.items():
        parser.add_argument(f"--{name}", type=Fraction, metavar="X", help=text)
    parser.add_argument(
        "--as-published", action="store_true", default=None, help="fout: the end as the HiPPO paper closed it"
    )
    parser.add_argument("--latex", action="store_true", help="print LaTeX instead of text")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the first kernels (.png, .svg, .pdf)")


def run(options: argparse.Namespace) -> int:
    """Derive, print, draw."""
    figure = None if options.plot is None else figure_for(options.plot)
    check_folder(options.plot, "--plot")
    measure = _measure(options)
    found = symbolic.hippo_closure(measure, options.order)
    print(latex(found) if options.latex else _text(measure, found))
    if figure is not None:
        _draw(measure, options.order, float(options.timescale or 1), figure.add_subplot())
        figure.savefig(options.plot, dpi=150, bbox_inches="tight")
    return 0


def _measure(options: argparse.Namespace) -> symbolic.Measure:
    known = {name for takes in MEASURES.values() for name in takes}
    given = {name: getattr(options, name) for name in sorted(known) if getattr(options, name) is not None}
    takes = MEASURES[options.measure]
    flags = {name: "--" + name.replace("_", "-") for name in known}
    for name in given:
        if name not in takes:
            listed = ", ".join(flags[name] for name in takes) or "no option"
            raise ValueError(f"{flags[name]} does not fit {options.measure}, which takes {listed}")
    for name, needed in takes.items():
        if needed and name not in given:
            raise ValueError(f"{options.measure} needs {flags[name]}")
    maker = getattr(symbolic, options.measure)
    return maker if isinstance(maker, symbolic.Measure) else maker(**given)


def _text(measure: symbolic.Measure, found: symbolic.HippoClosure) -> str:
    import sympy

    def pretty(matrix: Any) -> str:
        can = "utf" in (sys.stdout.encoding or "").lower()
        return str(sympy.pretty(matrix, use_unicode=can, wrap_line=False))

    closure = _CLOSURES.get(found.closure) or f"truncated, by a residual of norm {sympy.N(found.residual, 3)}"
    window = "" if measure.memory == "scaled" else f"\nage        from 0 to {measure.length} units of time"
    return (
        f"measure    {measure.name}, {measure.memory}{window}\n"
        f"equation   {found.equation}\n"
        f"closure    {closure}\n"
        f"gauge      orthonormal basis\n\n"
        f"A =\n{pretty(found.A)}\n\nB =\n{pretty(found.B)}"
    )


def latex(found: symbolic.HippoClosure) -> str:
    """Return the equation and its matrices as the lines of a LaTeX display.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> from diffmath.cli._hippo import latex
    >>> print(latex(symbolic.hippo_closure(symbolic.legs, 1)))
    \\begin{aligned}
      t\\,c'(t) &= A\\,c(t) + B\\,u(t) \\\\
      A &= \\left[\\begin{matrix}-1\\end{matrix}\\right] \\\\
      B &= \\left[\\begin{matrix}1\\end{matrix}\\right]
    \\end{aligned}
    """
    import sympy

    clock = "t\\," if found.equation.startswith("t") else ""
    lines = (
        f"{clock}c'(t) &= A\\,c(t) + B\\,u(t)",
        f"A &= {sympy.latex(found.A)}",
        f"B &= {sympy.latex(found.B)}",
    )
    return "\\begin{aligned}\n  " + " \\\\\n  ".join(lines) + "\n\\end{aligned}"


def _draw(measure: symbolic.Measure, order: int, timescale: float, ax: Any) -> None:
    """The kernels g_n w of the first coefficients, up to six, over the measure."""
    import sympy

    s, count = sympy.Symbol("s", positive=True), min(order, 6)
    # Without an end of age: Laguerre functions oscillate up to 4 n timescales and fade beyond.
    span = float(measure.length) if measure.length.is_finite else 4.0 * count * timescale
    points = (np.arange(1000) + 0.5) * (span / 1000)
    formulas = [measure.basis(n, s) * measure.weight(s) for n in range(count)]
    kernels = symbolic.lower(formulas, (s,), sympy.Symbol("t"))
    for n, values in enumerate(kernels(0.0, points[:, None]).T):
        ax.plot(points, values, lw=1.4, label=f"n = {n}")
    ax.legend(frameon=False, fontsize=9)
    ax.set_title(f"{measure.name}: kernels")
    ax.set_xlabel("position in the past (1 is now)" if measure.memory == "scaled" else "age (0 is now)")
    ax.set_ylabel("kernel")
