"""Stale compiled kernels: numba checks the file of a kernel, not the files of the kernels that it calls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["forget_stale_kernels"]


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
