"""``python -m diffmath``: the command line."""

import sys

from diffmath.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
