"""Threads of the kernels: all shares are done, errors arrive, forks and many callers do no harm."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba")
import numba

from diffmath import random
from diffmath.kernels.numba._threads import share_out, shares_of


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_every_share_is_done_once(count):
    done = []
    share_out(done.append, range(count))
    assert sorted(done) == list(range(count))


def test_helpers_do_help():
    if numba.get_num_threads() < 2:
        pytest.skip("one thread")
    names = set()

    def work(share):
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    share_out(work, range(20))
    assert len(names) > 1


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_in_any_thread_arrives(bad):
    def work(share):
        time.sleep(0.002)
        if share == bad:
            raise MemoryError(f"share {share}")

    with pytest.raises(MemoryError, match=f"share {bad}"):
        share_out(work, range(10))
    test_every_share_is_done_once(5)


def test_many_callers_at_once_and_calls_within_calls():
    total, lock = [0], threading.Lock()

    def add(share):
        with lock:
            total[0] += share

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: share_out(lambda _: share_out(add, range(10)), range(4)), range(20)))
    assert total[0] == 20 * 4 * 45


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_process_has_threads_of_its_own():
    shape = (4000, 64)
    expected = random.normal(random.key(0), shape, like=np.empty(0))
    child = os.fork()
    if child == 0:
        same = np.array_equal(random.normal(random.key(0), shape, like=np.empty(0)), expected)
        os._exit(0 if same else 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, 9)
    pytest.fail("the child process hangs")


def test_shares_cover_all_in_whole_units():
    for total, unit, worth in ((0, 128, 10), (1, 128, 10), (1000, 128, 10), (100_000, 128, 2**13)):
        shares = shares_of(total, unit, worth)
        assert [i for first, last in shares for i in range(first, last)] == list(range(total))
        assert all(first % unit == 0 for first, _ in shares)
        assert len(shares) <= max(1, numba.get_num_threads())
    assert len(shares_of(1000, 128, 1001)) == 1


def test_kernels_do_not_start_the_pool_of_numba():
    """An OpenMP pool, once started, sets the number of threads of PyTorch as well."""
    program = """
import numpy as np, diffmath as dm
from numba.np.ufunc import parallel
dm.random.normal(dm.random.key(0), (1000, 300), like=np.empty(0))
assert parallel._is_initialized is False
import numba
numba.set_num_threads(1)
from diffmath.kernels.numba._threads import shares_of
assert len(shares_of(10**6, 1, 1)) == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True)
