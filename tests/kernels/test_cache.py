"""Compiled kernels are forgotten when any source that they may call is newer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from typing import Any

import numba
import pytest

from diffmath.kernels.numba import _normals_single
from diffmath.kernels.numba._cache import forget_stale_kernels
from diffmath.kernels.numba.ode import combine, estimate


def test_kernels_older_than_a_source_are_deleted(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    source = tmp_path / "a.py"
    source.write_text("")
    os.utime(source, ns=(10**18, 10**18))
    for name, age in (("old.nbi", -1), ("old.1.nbc", -1), ("new.nbi", 1), ("module.pyc", -1)):
        file = tmp_path / "__pycache__" / name
        file.write_text("")
        os.utime(file, ns=(10**18 + age, 10**18 + age))
    forget_stale_kernels(tmp_path, [source])
    assert sorted(f.name for f in (tmp_path / "__pycache__").iterdir()) == ["module.pyc", "new.nbi"]


def test_a_folder_without_kernels_and_a_missing_source_are_fine(tmp_path):
    forget_stale_kernels(tmp_path, [tmp_path / "nothing.py"])
    forget_stale_kernels(tmp_path / "nothing", [])


def test_a_changed_callee_is_compiled_anew(tmp_path):
    """Two files, one calling the other: numba alone keeps the caller's old answer."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    callee, caller = package / "callee.py", package / "caller.py"
    caller.write_text(
        textwrap.dedent("""
            import numba
            from package.callee import answer

            @numba.njit(cache=True)
            def call():
                return answer()
        """)
    )
    forget = "from pathlib import Path; from diffmath.kernels.numba._cache import forget_stale_kernels as f\n"
    forget += "p = Path('package'); f(p, p.glob('*.py'))\n"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}

    def answer(number, time, before=""):
        callee.write_text(f"import numba\n\n@numba.njit(cache=True)\ndef answer():\n    return {number}\n")
        os.utime(callee, ns=(time, time))
        code = before + "from package.caller import call; print(call())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return int(done.stdout)

    later = caller.stat().st_mtime_ns + 10**12  # newer than what is compiled in this test
    assert answer(1, caller.stat().st_mtime_ns) == 1
    assert answer(2, later) == 1  # numba alone
    assert answer(2, later, forget) == 2


@pytest.mark.parametrize("kernel", [combine, estimate])
def test_no_two_processes_write_one_file(kernel):
    """numba takes the first free number of its index, which another process may take at the same time."""
    names = {kernel._cache._cache_file._data_name(1) for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("ode.") and name.endswith(".nbc") for name in names)


def test_what_one_process_compiles_another_loads(tmp_path):
    """Signatures compiled by two processes that saw an empty index both keep their own machine code."""
    (tmp_path / "kernel.py").write_text(
        "from diffmath.kernels.numba._cache import compiled_by\n\n"
        "@compiled_by()\ndef double(x):\n    return x + x\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}

    def run(values, before=""):
        code = f"from kernel import double\n{before}\nprint([double(x) for x in {values}], "
        code += "sum(double.stats.cache_hits.values()))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    blind = "double._cache._cache_file._load_index = lambda: {}"  # as if the other had not saved yet
    assert run([1], blind) == "[2] 0"
    assert run([1.5], blind) == "[3.0] 0"
    assert len(list(tmp_path.rglob("*.nbc"))) == 2
    assert run([1, 1.5]) in ("[2, 3.0] 1", "[2, 3.0] 2")  # one entry of the index may be lost, none is wrong


@pytest.mark.parametrize("word", [numba.uint64, numba.uint32])
def test_two_functions_of_a_kernel_differ_by_more_than_their_number(word):
    """The number counts the functions of a process; in code of two processes it may be that of another.

    With equal names, normals of 53 bits, two per block, were drawn by the function for 32 bits, four per
    block: beyond the end of the array.
    """

    def both(words: Any, out: Any, rows: Any, stream: Any, following: Any) -> None:
        _normals_single.next_normals_53(words, out, rows, rows, stream, stream, stream, following)
        _normals_single.next_normals_32(words, out, rows, rows, stream, stream, stream, following)

    kernel = numba.njit(both)
    out = numba.float64[::1] if word is numba.uint64 else numba.float32[::1]
    kernel.compile((word[::1], out, numba.uint64[::1], numba.uint64, word[::1]))
    (code,) = kernel.inspect_llvm().values()
    named = [name for name in set(re.findall(r"@(_ZN[A-Za-z0-9_.]+)\(", code)) if "normals" in name]
    without_numbers = [re.sub(r"B\d+v\d+", "", name) for name in named]
    assert len(without_numbers) >= 4
    assert len(set(without_numbers)) == len(without_numbers)
