"""The compiled kernels on disk: numba's cache, safe for processes that compile at once and for updates.

numba numbers the files of a kernel's signatures. Two processes that compile two signatures at once take the
same number, and the index then calls machine code of another signature. It also looks for changes in the file
of a kernel only, not in the files of the kernels that it calls.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba

__all__ = ["compiled_by", "forget_stale_kernels"]


def compiled_by(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a kernel with these options of `numba.njit`, and keeps the result."""
    decorate = numba.njit(cache=True, **options)

    def compiled(function: Callable[..., Any]) -> Any:
        kernel = decorate(function)
        file: Any = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
        if hasattr(file, "_data_name_pattern"):  # an attribute of numba 0.68; without it, its own names stay
            stem, _, end = file._data_name_pattern.partition("{number:d}")
            file._data_name_pattern = _UniqueName(stem, end)
        return kernel

    return compiled


@dataclass(frozen=True)
class _UniqueName:
    """The pattern of a file's name, which numba formats with a number: here another name at every call."""

    stem: str
    end: str

    def format(self, *, number: int) -> str:
        """Return a name that no other process takes."""
        return f"{self.stem}{uuid.uuid4().hex}{self.end}"


def forget_stale_kernels(folder: Path, sources: Iterable[Path]) -> None:
    """Delete the compiled kernels in ``folder/__pycache__`` that are older than the newest source.

    A kernel that calls another one holds a copy of its machine code. After an update of the callee alone,
    numba would take the old copy, with the old signature. A folder that cannot be written keeps no kernels.
    """
    with contextlib.suppress(OSError):
        newest = max((source.stat().st_mtime_ns for source in sources), default=0)
        for kernel in (folder / "__pycache__").glob("*.nb?"):
            if kernel.stat().st_mtime_ns < newest:
                kernel.unlink(missing_ok=True)
