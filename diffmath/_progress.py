"""Progress bars: tqdm behind one function, off by default in library calls, on in the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress_bar"]

T = TypeVar("T")


def progress_bar(
    steps: Iterable[T], *, enabled: bool, description: str = "", total: int | None = None
) -> Iterable[T]:
    """Iterate over `steps`, showing a bar on standard error if `enabled`.

    Parameters
    ----------
    steps : iterable
        What is iterated over; handed back unchanged if not `enabled`.
    enabled : bool
        Whether to show the bar. Needs tqdm (``pip install "diffmath[cli]"``).
    description : str
        Text in front of the bar.
    total : int, optional
        Number of steps, where `steps` has no length.

    Returns
    -------
    iterable
        The same items in the same order.

    Raises
    ------
    ImportError
        If `enabled` and tqdm is not installed.

    Examples
    --------
    >>> from diffmath._progress import progress_bar
    >>> list(progress_bar(range(3), enabled=False))
    [0, 1, 2]
    """
    if not enabled:
        return steps
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError('progress=True needs tqdm; install it with: pip install "diffmath[cli]"') from None
    bar: Iterator[T] = tqdm(steps, desc=description, total=total, leave=False, dynamic_ncols=True)
    return bar
