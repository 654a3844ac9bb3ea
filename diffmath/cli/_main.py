"""The parser, the dispatch to one file per command, and the conversion of errors to messages."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import diffmath
from diffmath._core.solution import SolveError
from diffmath.cli._command import program

__all__ = ["main"]

_COMMANDS = ("demo", "sample", "samplers", "hippo", "info")  # the files of this folder, with an underscore

_EXAMPLES = """\
examples:
  python -m diffmath demo                        the main workflow on real data, with a report; about a minute
  python -m diffmath sample my.npy --n 1000 --out new.npy --plot new.png
  python -m diffmath hippo --measure legt --order 6 --latex
  python -m diffmath info                        versions, array libraries, devices, threads

exit codes: 0 success, 1 the work failed, 2 a command or an input that cannot be used
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0 success; 1 the work failed; 2 a command or an input that cannot be used.

    Examples
    --------
    >>> from diffmath.cli import main
    >>> main(["--version"])
    diffmath ...
    0
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _parser(arguments).parse_args(arguments)
    except SystemExit as end:  # argparse has printed its help (0) or its error message (2)
        return int(end.code or 0)
    try:
        return int(options.command(options))
    except BrokenPipeError:
        # The reader (such as `head`) closed the pipe; without this, Python prints an error while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SolveError, ImportError, MemoryError) as error:
        return _complain(error, 1, options.debug)
    except (TypeError, ValueError, OSError) as error:
        return _complain(error, 2, options.debug)
    except KeyboardInterrupt:
        return _complain(RuntimeError("interrupted"), 1, False)


def _complain(error: BaseException, code: int, debug: bool) -> int:
    if debug:
        raise error
    print(f"diffmath: error: {error}", file=sys.stderr)
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    examples = _EXAMPLES.replace("python -m diffmath", program())
    parser = argparse.ArgumentParser(
        prog=program(),
        usage=f"{program()} COMMAND [options]",
        description=f"{examples}\nThe verified numerics of diffusion and state-space models.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"diffmath {diffmath.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in _needed(arguments):
        importlib.import_module(f"diffmath.cli._{name}").add_command(commands)
    return parser


def _needed(arguments: Sequence[str]) -> Sequence[str]:
    """Return the commands to load: `info` and `--version` need no SymPy."""
    if arguments[:1] == ["--version"]:
        return ()
    return [name for name in _COMMANDS if arguments[:1] == [name]] or _COMMANDS
