"""``python -m diffmath hippo``: the memory of a measure, derived exactly, as text, LaTeX or a figure.

No matrices are stored: they are derived from the measure's basis and weight each time.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from diffmath import plot, symbolic
from diffmath.cli._command import JSON_HELP, command_parser, print_json
from diffmath.cli._figure import figure_for
from diffmath.cli._files import check_folder
from diffmath.cli._latex import latex

__all__ = ["MEASURES", "add_command"]

# The options of each measure; those marked True are required.
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

Derives the linear equation of a HiPPO memory from its measure, exactly, and states how it closes: exactly,
with an approximation at the end of the window, or truncated. Numbers are read exactly: 0.1 and 1/10 are the
same; a negative fraction is written --alpha=-1/2.
"""

_HELP = {
    "alpha": "lagt: power of the age, in (-1, 1) (default: 0)",
    "beta": "jacs: power of the position, above -1; lagt: rate of the weight, at least 0 (default: 1)",
    "timescale": "lagt: unit of the age (default: 1)",
    "retention": "foud: the fraction of a memory that remains one window later, in [0, 1)",
}
_CLOSURES = {
    "exact": "exact",
    "end": "exact, except for the end of the window, which is approximated by its series",
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
        "--as-published", action="store_true", default=None, help="fout: the end closure of the HiPPO paper"
    )
    parser.add_argument(
        "--latex", action="store_true", help="print LaTeX; entries that do not fit on a line become dots"
    )
    parser.add_argument("--json", action="store_true", help=f"{JSON_HELP}, entries as exact expressions")
    parser.add_argument("--whole", action="store_true", help="with --latex: print every entry")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the first kernels (.png, .svg, .pdf)")


def run(options: argparse.Namespace) -> int:
    """Derive, print, draw."""
    if options.whole and not options.latex:
        raise ValueError("--whole needs --latex; the text output always has every entry")
    if options.json and options.latex:
        raise ValueError("--json and --latex are alternatives; give only one of them")
    figure = None if options.plot is None else figure_for(options.plot)
    check_folder(options.plot, "--plot")
    measure = _measure(options)
    found = symbolic.hippo_closure(measure, options.order)
    if options.json:
        print_json(_summary(measure, found))
    else:
        print(latex(found, whole=options.whole) if options.latex else _text(measure, found))
    if figure is not None:
        plot.basis(measure, min(options.order, 6), kernels=True, ax=figure.add_subplot())
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


def _summary(measure: symbolic.Measure, found: symbolic.HippoClosure) -> dict[str, Any]:
    """Return the result for JSON: matrices as lists of rows, entries as SymPy prints them ("sqrt(3)/2")."""
    matrices = {"A": found.A, "B": found.B, "gauge": found.gauge}
    return {
        "measure": measure.name,
        "memory": measure.memory,
        "equation": found.equation,
        "closure": found.closure,
        "residual": str(found.residual),
        **{name: [[str(entry) for entry in row] for row in m.tolist()] for name, m in matrices.items()},
    }


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
