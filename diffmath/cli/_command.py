"""Shared parts of all command parsers: examples first, and the common options."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["JSON_HELP", "command_parser", "has_bars", "print_json", "program"]

JSON_HELP = "print the results as JSON"


def program() -> str:
    """Return the name under which this command line was started: ``diffmath`` or ``python -m diffmath``."""
    return "diffmath" if Path(sys.argv[0]).stem == "diffmath" else "python -m diffmath"


def command_parser(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], *, usage: str, help: str, text: str
) -> argparse.ArgumentParser:
    """Add a command to the sub-parsers `commands`; `run` takes its options and returns the exit code.

    `usage` follows the command's name; `text` is its description, which begins with examples.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        prog=f"{program()} {name}",
        usage=f"{program()} {name} {usage}",
        help=help,
        description=text.replace("python -m diffmath", program()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=run)
    return parser


def has_bars() -> bool:
    """Whether progress bars can be shown: without tqdm, a command runs without them."""
    return importlib.util.find_spec("tqdm") is not None


def print_json(values: Any) -> None:
    """Print results on standard output as one JSON document; NaN and infinities are refused, not printed."""
    print(json.dumps(values, indent=2, allow_nan=False))
