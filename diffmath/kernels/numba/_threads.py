"""Plain threads over shares of work, for kernels that release the interpreter lock.

numba's own pools do not survive a fork, and its fallback aborts when two threads enter it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba

__all__ = ["share_out", "shares_of"]

Share = TypeVar("Share")


def share_out(work: Callable[[Share], None], shares: Sequence[Share]) -> None:
    """Call `work` on every share, on ``numba.get_num_threads()`` threads, this one among them."""
    if len(shares) == 1:
        work(shares[0])
        return
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


def shares_of(total: int, unit: int, worth: int) -> list[tuple[int, int]]:
    """Cut `total` into one share a thread, in multiples of `unit`, none of which is less than `worth`."""
    most = max(1, total // max(1, worth))
    threads = min(numba.get_num_threads(), most) if most > 1 else 1
    size = -(-total // (threads * unit)) * unit
    return [(first, min(first + size, total)) for first in range(0, total, max(1, size))]
