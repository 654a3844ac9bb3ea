"""Plain threads over shares of work, for kernels that release the interpreter lock.

numba's own pools do not survive a fork, and its fallback aborts when two threads enter it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba

__all__ = ["share_out"]

Share = TypeVar("Share")


def share_out(work: Callable[[Share], None], shares: Sequence[Share]) -> None:
    """Call `work` on every share, on ``numba.get_num_threads()`` threads, this one among them."""
    left = iter(shares)

    def take() -> None:
        for share in left:  # the threads take what is left, so that a late one holds up nobody
            work(share)

    helpers = min(numba.get_num_threads(), len(shares)) - 1
    if helpers < 1:
        take()
        return
    with ThreadPoolExecutor(helpers) as pool:
        futures = [pool.submit(take) for _ in range(helpers)]
        take()
        for future in futures:
            future.result()
