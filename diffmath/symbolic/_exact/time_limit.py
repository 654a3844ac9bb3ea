"""A time limit for SymPy's limits, integrals and simplifications, which may not terminate."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import sympy

__all__ = ["SECONDS", "bounded", "simplified"]

P = ParamSpec("P")
R = TypeVar("R")

SECONDS = (
    20.0  # of the thread's own CPU time where the system tells it, so that a busy machine refuses no more
)


class _OutOfTimeError(BaseException):
    """Not an Exception, because SymPy catches many of those."""


def bounded(search: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call a function of SymPy, and refuse its formula if it takes more than `SECONDS` of CPU time.

    A second thread waits, and raises an exception in this one when the time is over. This does not slow SymPy
    down and, unlike signals, works in every thread and on every system.

    Raises
    ------
    ValueError
        The search did not end in time.

    Examples
    --------
    >>> import sympy
    >>> from diffmath.symbolic._exact.time_limit import bounded
    >>> x = sympy.Symbol("x")
    >>> bounded(sympy.limit, sympy.sin(x) / x, x, 0)
    1
    """
    limit = _Limit(threading.get_ident(), SECONDS)
    try:
        threading.Thread(target=limit.watch, daemon=True).start()
        try:
            return search(*arguments, **options)
        finally:
            limit.end()
    except _OutOfTimeError:
        limit.end()
    formula = str(arguments[0])
    shown = formula if len(formula) <= 100 else f"{formula[:100]}..."
    raise ValueError(
        f"SymPy's {search.__name__} must end within {SECONDS:g} s; it did not for {shown}: write the "
        "formula in a simpler form, or choose a smaller order"
    )


def simplified(expression: Any) -> Any:
    """Simplify under the time limit."""
    return bounded(sympy.simplify, expression)


class _Limit:
    """A time limit for one thread: `watch` runs in a second thread, `end` in the first."""

    def __init__(self, thread: int, seconds: float) -> None:
        self._thread, self._seconds = thread, seconds
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._start = self._clock()

    def watch(self) -> None:
        """Wait for the end, or raise in the watched thread when its time is over."""
        rest = self._seconds
        while not self._ended.wait(max(rest, 0.01)):
            with self._lock:
                rest = self._start + self._seconds - self._clock()
                if rest <= 0.0 and not self._ended.is_set():
                    error = ctypes.py_object(_OutOfTimeError)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), error)
                    rest = self._seconds  # again, should SymPy have caught it

    def end(self) -> None:
        """Stop the limit; an exception that was raised before arrives here at the latest."""
        # Nothing is ever taken back: CPython 3.11 would look for it at every call from then on, and never
        # come past the first line of a function that is traced.
        with self._lock:
            self._ended.set()

    def _clock(self) -> float:
        """Return the CPU time of the watched thread, or the wall time if the system does not provide it."""
        if hasattr(time, "pthread_getcpuclockid"):
            return time.clock_gettime(time.pthread_getcpuclockid(self._thread))
        return time.monotonic()
