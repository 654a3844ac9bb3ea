"""The parser, the dispatch to one file per command, and what an error becomes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import diffmath
from diffmath._errors import SolveError
from diffmath.cli import _demo, _hippo, _info, _sample

__all__ = ["main"]

_EXAMPLES = """\
examples:
  python -m diffmath demo                        the main job on real data, with a report, in about a minute
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
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # argparse has printed its help (0) or its complaint (2)
        return int(end.code or 0)
    try:
        return int(options.command(options))
    except BrokenPipeError:
        # The reader (`head`, say) has all it wants; without this, Python complains while flushing.
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m diffmath",
        usage="python -m diffmath COMMAND [options]",
        description=f"{_EXAMPLES}\nThe verified numerics of diffusion and state-space models.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"diffmath {diffmath.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (_demo, _sample, _hippo, _info):
        module.add_command(commands)
    return parser
