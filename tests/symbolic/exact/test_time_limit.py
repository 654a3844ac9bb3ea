"""Searches that never end are refused, in every thread, and leave no exception behind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sympy

from diffmath.symbolic._exact import time_limit as _bounded
from diffmath.symbolic._exact.time_limit import bounded, simplified

x = sympy.Symbol("x")


def endless(formula):
    while True:
        formula.subs(x, 1)


def stubborn(formula):
    """Like code of SymPy that catches everything, once."""
    try:
        endless(formula)
    except BaseException:  # noqa: BLE001 (that is what is tested)
        endless(formula)


def test_results_and_exceptions_pass_through():
    assert bounded(sympy.limit, sympy.sin(x) / x, x, 0) == 1
    assert simplified(sympy.sin(x) ** 2 + sympy.cos(x) ** 2) == 1
    with pytest.raises(ZeroDivisionError):
        bounded(lambda formula: 1 / 0, x)


@pytest.mark.parametrize("search", [endless, stubborn])
def test_an_endless_search_is_refused(search, monkeypatch):
    monkeypatch.setattr(_bounded, "SECONDS", 0.1)
    start = time.thread_time()
    with pytest.raises(
        ValueError, match=rf"SymPy's {search.__name__} must end within 0.1 s; .* for x \+ 1: write"
    ):
        bounded(search, x + 1)
    assert time.thread_time() - start < 1.0


def test_each_thread_has_its_own_limit(monkeypatch):
    monkeypatch.setattr(_bounded, "SECONDS", 0.2)

    def refused(n):
        if n % 2:
            return bounded(sympy.diff, x**n, x) == n * x ** (n - 1)
        with pytest.raises(ValueError, match="must end within"):
            bounded(endless, x)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(refused, range(8)))


def test_nothing_is_left_behind(monkeypatch):
    """A limit that is reached just as the search ends raises nothing later; the watching threads end."""
    monkeypatch.setattr(_bounded, "SECONDS", 0.002)
    for _ in range(200):
        end = time.thread_time() + 0.002
        with contextlib.suppress(ValueError):
            bounded(lambda formula, end=end: [None for _ in iter(lambda: time.thread_time() < end, False)], x)
        sum(range(1000))
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline and any("watch" in t.name for t in threading.enumerate()):
        time.sleep(0.01)
    assert not [t.name for t in threading.enumerate() if "watch" in t.name]


def test_tracing_works_afterwards():
    """A debugger or a coverage tool sees the functions that follow: none hangs at its first line."""
    code = """
import sys, sympy
from diffmath.symbolic._exact import time_limit as _bounded
x = sympy.Symbol("x")
_bounded.simplified(x)
_bounded.SECONDS = 0.05
try:
    _bounded.bounded(lambda formula: [None for _ in iter(int, 1)], x)
except ValueError:
    pass
seen = []
sys.settrace(lambda frame, event, argument: seen.append(event))
(lambda: None)()
sys.settrace(None)
assert "call" in seen
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
