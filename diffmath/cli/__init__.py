"""The command line, ``diffmath`` or ``python -m diffmath``: one file per command.

Results go to standard output, as JSON with ``--json``; messages and progress bars go to standard error. The
exit code is 0 on success, 1 if the work itself failed (a numerical failure, a wrong verdict, a missing
optional package), and 2 for a command or an input that cannot be used. Errors are one line; ``--debug`` shows
the traceback.
"""

from diffmath.cli._main import main

__all__ = ["main"]
