"""``python -m diffmath info``: versions, array libraries, devices and threads; no framework is imported."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
from importlib import metadata
from typing import Any

import diffmath
from diffmath.cli._command import JSON_HELP, command_parser, print_json

__all__ = ["add_command"]

_REQUIRED = ("numpy", "scipy", "sympy", "array-api-compat")
_OPTIONAL = ("numba", "matplotlib", "rich", "tqdm", "hypothesis", "dask")
# Import name -> distributions that provide it.
_ARRAYS = {
    "numpy": ("numpy",),
    "cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
    "torch": ("torch",),
    "jax": ("jax",),
    "array_api_strict": ("array-api-strict",),
}


def add_command(commands: Any) -> None:
    """Add `info` to the parser."""
    parser = command_parser(
        commands,
        "info",
        run,
        usage="[--json]",
        help="versions, array libraries found, devices, threads",
        text="examples:\n  python -m diffmath info\n  python -m diffmath info --json",
    )
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def run(options: argparse.Namespace) -> int:
    """Print the facts, one per line or as JSON."""
    sections = {
        "diffmath": _this(),
        "required packages": [(name, _version(name) or "MISSING") for name in _REQUIRED],
        "optional packages": [(name, _version(name) or "not installed") for name in _OPTIONAL],
        "array libraries": [(name, _library(name, owners)) for name, owners in _ARRAYS.items()],
        "machine": _machine(),
    }
    if options.json:
        print_json({title: dict(facts) for title, facts in sections.items()})
        return 0
    for title, facts in sections.items():
        print(title)
        for name, value in facts:
            print(f"  {name:<20} {value}")
    return 0


def _this() -> list[tuple[str, str]]:
    return [
        ("version", diffmath.__version__),
        ("folder", os.path.dirname(diffmath.__file__)),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
    ]


def _machine() -> list[tuple[str, str]]:
    facts = [("system", f"{platform.system()} {platform.machine()}"), ("cpus", str(_cpus()))]
    if importlib.util.find_spec("numba"):
        import numba

        facts.append(("numba threads", f"{numba.get_num_threads()} of {numba.config.NUMBA_NUM_THREADS}"))
    threads = os.environ.get("OMP_NUM_THREADS")
    return [*facts, ("OMP_NUM_THREADS", threads or "not set")]


def _cpus() -> int:
    """CPUs this process may use, if the system reports it; otherwise all."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _version(*distributions: str) -> str | None:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _library(name: str, owners: tuple[str, ...]) -> str:
    if importlib.util.find_spec(name) is None:
        return "not installed"
    version = _version(*owners) or "unknown version"
    return f"{version}, {_cupy_devices()}" if name == "cupy" else version


def _cupy_devices() -> str:
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
        names = [cupy.cuda.runtime.getDeviceProperties(i)["name"].decode() for i in range(count)]
    except Exception as error:  # noqa: BLE001 (a broken driver fails in many ways; info must still print)
        return f"no usable device ({type(error).__name__})"
    return f"{count} device{'s' * (count != 1)}: {', '.join(names)}" if count else "no device"
