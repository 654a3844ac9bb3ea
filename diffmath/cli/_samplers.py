"""``python -m diffmath samplers``: the samplers with their orders, costs and names in other libraries."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from diffmath import diffusion
from diffmath.cli._choices import GRIDS, PROCESSES
from diffmath.cli._command import JSON_HELP, command_parser, print_json

__all__ = ["add_command"]

_TEXT = """\
examples:
  python -m diffmath samplers
  python -m diffmath samplers --peer ComfyUI
  python -m diffmath samplers --json

Lists the samplers: order of the trajectory (strong order, with noise), order of the law, order on times that
reach alpha = 0 or sigma = 0, model evaluations of a step, and names in diffusers, k-diffusion and ComfyUI.
With --peer, lists the names of that library with ours.
"""


def add_command(commands: Any) -> None:
    """Add `samplers` to the parser."""
    parser = command_parser(
        commands,
        "samplers",
        run,
        usage="[options]",
        help="samplers: orders, costs, names elsewhere",
        text=_TEXT,
    )
    parser.add_argument(
        "--peer", choices=["diffusers", "k-diffusion", "ComfyUI"], help="the names of this library, with ours"
    )
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def run(options: argparse.Namespace) -> int:
    """Print the table, as text or as JSON."""
    rows: Any = diffusion.samplers() if options.peer is None else diffusion.names(options.peer)
    if options.json:
        print_json([asdict(row) for row in rows])
    elif options.peer is not None:
        print("\n".join(f"{row.theirs:<56} {row.ours:<36} {row.note}".rstrip() for row in rows))
    else:
        print(_table(rows))
    return 0


def _table(rows: Any) -> str:
    head = f"{'sampler':<22} {'order':>5} {'weak':>5} {'ends':>5} {'calls':>6} {'noise':>6}  names elsewhere"
    lines = [
        f"{row.name:<22} {row.order:>5} {row.weak_order:>5} {row.end_order:>5} {row.evaluations:>6g} "
        f"{'yes' if row.stochastic else 'no':>6}  {', '.join(_peers(row))}".rstrip()
        for row in rows
    ]
    return "\n".join([head, *lines, "", f"processes: {', '.join(PROCESSES)}", f"grids: {', '.join(GRIDS)}"])


def _peers(row: diffusion.SamplerRow) -> list[str]:
    """Return the names without the options in brackets, each once."""
    return list(dict.fromkeys(name.partition("[")[0] for name in row.peers))
