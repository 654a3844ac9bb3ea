"""The session for a GPU, as far as it can be tested without one: one skip, and how it sums itself up."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GPU = Path(__file__).parent / "gpu"


def test_without_a_device_the_session_is_one_skip():
    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed: the session may have a device")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "cupy or gpu", str(GPU)]
    command.append(str(Path(__file__).parent / "random" / "test_key.py"))
    found = subprocess.run(
        command, env={**os.environ, "DIFFMATH_GPU": "1"}, capture_output=True, text=True, timeout=240
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 skipped" in found.stdout
    assert "DIFFMATH_GPU=1, but CuPy is not installed" in found.stdout
    assert "passed" not in found.stdout


@pytest.mark.parametrize(
    ("code", "failures", "status", "ending"),
    [(0, 0, "passed", 0), (1, 1, "failed", 1), (124, 0, "out of time", 1), (77, 0, "skipped", 0)],
)
def test_the_summary_tells_how_a_part_ended(tmp_path, code, failures, status, ending):
    spec = importlib.util.spec_from_file_location("summary", GPU / "summary.py")
    summary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(summary)
    (tmp_path / "parts.tsv").write_text(f"arrays\t{code}\t12\t270\n")
    if code in (0, 1):
        suite = f'<testsuite tests="3" failures="{failures}" errors="0" skipped="1"/>'
        (tmp_path / "arrays.xml").write_text(f"<testsuites>{suite}</testsuites>")
    assert summary.main(tmp_path) == ending
    (record,) = json.loads((tmp_path / "results.json").read_text())
    assert (record["part"], record["status"], record["seconds"]) == ("arrays", status, 12)
    assert record.get("failures", 0) == failures
    assert f"| arrays | {status} | 12 | 270 |" in (tmp_path / "results.md").read_text()
