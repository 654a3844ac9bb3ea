"""What the parsers of all commands share: examples first, and the options that every command has."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["command_parser"]


def command_parser(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], *, usage: str, help: str, text: str
) -> argparse.ArgumentParser:
    """Add a command to the sub-parsers `commands`; `run` gets its options and returns the exit code.

    `usage` is what follows the command's name, `text` its description, which begins with examples.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        prog=f"python -m diffmath {name}",
        usage=f"python -m diffmath {name} {usage}",
        help=help,
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=run)
    return parser
