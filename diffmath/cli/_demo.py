"""``python -m diffmath demo``: the main workflow on real data, with figures, a report and checks."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffmath import demo, plot
from diffmath.cli._command import JSON_HELP, command_parser, has_bars, print_json

__all__ = ["add_command"]

_DESCRIPTION = """\
examples:
  python -m diffmath demo
  python -m diffmath demo --out /tmp/demo --quiet

Compresses 43 years of CO2 into a memory, samples handwritten digits by the probability-flow ODE and by the
reverse SDE, and checks paths, samplers and a score that is wrong on purpose. Writes figures and report.html;
takes about a minute on two cores. Exits with 1 if any verdict is not the expected one.
"""


def add_command(commands: Any) -> None:
    """Add `demo` to the parser."""
    parser = command_parser(
        commands, "demo", run, usage="[options]", help="the main workflow on real data", text=_DESCRIPTION
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("diffmath-demo"),
        metavar="DIR",
        help="folder for figures and report (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all noise (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small sizes: the same steps, poor pictures")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    parser.add_argument("--quiet", action="store_true", help="no progress bars and no messages")


def run(options: argparse.Namespace) -> int:
    """Run the demo and print its summary."""
    plot.new_figure()  # without Matplotlib this refuses in a moment; `demo.run` loads SymPy first
    quiet = bool(options.quiet)
    result = demo.run(
        options.out,
        quick=options.quick,
        progress=not quiet and has_bars(),
        seed=options.seed,
        announce=None if quiet else lambda text: print(text, file=sys.stderr, flush=True),
    )
    if options.json:
        print_json(_summary(result))
    else:
        _print_summary(result)
    if not result.passed:
        print("diffmath: error: a check has the wrong verdict; see the table", file=sys.stderr)
    return 0 if result.passed else 1


def _summary(result: demo.DemoResult) -> dict[str, Any]:
    return {
        "passed": result.passed,
        "seconds": round(result.seconds, 1),
        "report": str(result.report),
        "parts": [{"title": part.title, "seconds": round(part.seconds, 1)} for part in result.parts],
        "checks": [dataclasses.asdict(row) for row in result.checks],
    }


def _print_summary(result: demo.DemoResult) -> None:
    checks = [(row.check, row.statistic, row.threshold, row.verdict) for row in result.checks]
    _print_table(("check", "statistic", "threshold", "verdict"), checks)
    _print_table(("part", "seconds"), [(part.title, f"{part.seconds:.1f}") for part in result.parts])
    print(f"report: {result.report}   ({result.seconds:.0f} s in all)")


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: by rich on a terminal that has it, in aligned columns otherwise."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            pass
        else:
            table = Table(*header)
            for row in rows:
                table.add_row(*row)
            Console().print(table)
            return
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    for line in [header, *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print()
