"""Progress bars by tqdm, off by default in library calls, on in the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from diffmath._core.flags import check_flag

__all__ = ["progress_bar"]

T = TypeVar("T")


def progress_bar(
    steps: Iterable[T], *, enabled: bool, description: str = "", total: int | None = None
) -> Iterable[T]:
    """Iterate over `steps`, with a bar on standard error if `enabled` and visible.

    A bar is visible on a terminal or in a notebook, not in a file or a pipe.

    Parameters
    ----------
    steps : iterable
        The items; returned unchanged if not `enabled`.
    enabled : bool
        Whether to show a bar. Needs tqdm (``pip install "diffmath[cli]"``).
    description : str
        Text in front of the bar.
    total : int, optional
        Number of steps, if `steps` has no length.

    Returns
    -------
    iterable
        The same items in the same order.

    Raises
    ------
    TypeError
        `enabled` is not a bool.
    ImportError
        A bar is requested but tqdm is not installed.

    Examples
    --------
    >>> from diffmath._core.progress import progress_bar
    >>> list(progress_bar(range(3), enabled=False))
    [0, 1, 2]
    """
    if not (check_flag("progress", enabled) and (_in_notebook() or _on_terminal())):
        return steps
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError('progress=True needs tqdm; install it with: pip install "diffmath[cli]"') from None
    bar: Iterator[T] = tqdm(steps, desc=description, total=total, leave=False, dynamic_ncols=True)
    return bar


def _on_terminal() -> bool:
    """Whether standard error is a terminal; it may be closed, or missing under a windowed Python."""
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, ValueError):
        return False


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, whose standard error is not a terminal but is shown."""
    ipython = sys.modules.get("IPython")
    shell = getattr(ipython, "get_ipython", lambda: None)()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
