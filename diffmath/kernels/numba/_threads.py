"""Plain threads over shares of work, for kernels that release the interpreter lock.

numba's own pools do not survive a fork, and its fallback aborts when two threads enter it at once. The helper
threads wait between calls, because starting one takes longer than most kernels run. The results do not depend
on the threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numba
from numba.np.ufunc import parallel

__all__ = ["share_out", "shares_of"]

Share = TypeVar("Share")

_pools: dict[int, ThreadPoolExecutor] = {}  # by process: a parent's threads do not run in its child


def share_out(work: Callable[[Share], None], shares: Sequence[Share]) -> None:
    """Call `work` on every share, on the threads that numba may use, including this one."""
    if len(shares) == 1:
        work(shares[0])
        return
    left = iter(shares)

    def take() -> None:
        for share in left:  # threads take the remaining shares: a late thread delays none
            work(share)

    helping = _call(take, min(_threads(), len(shares)) - 1)
    try:
        take()
    finally:  # a thread that has not begun by now has no work left
        begun = [future for future in helping if not future.cancel()]
    for future in begun:
        future.result()


def _threads() -> int:
    """Return ``numba.get_num_threads()`` without starting the pool of numba.

    The start of an OpenMP pool sets the number of threads of all OpenMP code in the process, that of PyTorch
    too. Only ``numba.set_num_threads``, which starts the pool itself, makes the number another one.
    """
    return int(numba.get_num_threads() if parallel._is_initialized else numba.config.NUMBA_NUM_THREADS)


def _call(take: Callable[[], None], helpers: int) -> list[Future[None]]:
    if helpers < 1:
        return []
    pool = _pools.get(os.getpid())
    if pool is None:
        pool = _pools.setdefault(
            os.getpid(), ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS - 1, "diffmath")
        )
    try:
        return [pool.submit(take) for _ in range(helpers)]
    except RuntimeError:  # the interpreter is shutting down and starts no threads
        return []


def shares_of(total: int, unit: int, worth: int) -> list[tuple[int, int]]:
    """Split `total` into one share per thread, each a multiple of `unit` and at least `worth`."""
    most = max(1, total // max(1, worth))
    threads = min(_threads(), most) if most > 1 else 1
    size = -(-total // (threads * unit)) * unit
    return [(first, min(first + size, total)) for first in range(0, total, max(1, size))]
