"""The page of array libraries says nothing without a test: every cell names tests that exist and are run."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "array_libraries.md").read_text(encoding="utf-8")
LIBRARIES = ("NumPy", "PyTorch", "JAX", "CuPy", "array-api-strict")
KINDS = ("works", "fast", "traced", "not")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(library):
    """The cells of the table of a library: kind, statement, and tests."""
    section = PAGE.split(f"\n## {library}\n")[1].split("\n## ")[0]
    found = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [(cells[0].strip(), cells[1].strip(), TEST.findall(cells[2])) for cells in found[1:]]


CELLS = [(library, *row) for library in LIBRARIES for row in rows(library)]


@cache
def functions(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_says_what_works_is_fast_is_traced_and_is_not(library):
    assert [kind for kind in KINDS if kind not in {row[0] for row in rows(library)}] == []
    assert {row[0] for row in rows(library)} <= set(KINDS)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell[0]}: {cell[2][:40]}")
def test_every_cell_has_tests_of_its_library(cell):
    library, _, says, tests = cell
    assert says
    assert tests
    for path, name in tests:
        function = functions(path).get(name)
        assert function is not None, f"{path} has no {name}"
        arguments = {argument.arg for argument in function.args.args}
        stem = Path(path).stem
        # Framework tests stand in files or under names of their own, or get every library as `xp` or `send`.
        if library in ("PyTorch", "JAX"):
            short = {"PyTorch": "torch", "JAX": "jax"}[library]
            assert {"xp", "send"} & arguments or short in stem or short in name


def test_the_page_claims_no_gpu():
    section = PAGE.split("\n## CuPy\n")[1].split("\n## ")[0]
    assert "never run on a GPU" in section
    assert all(
        says.startswith("on the double") for kind, says, _ in rows("CuPy") if kind in ("works", "fast")
    )


def test_the_reader_sees_a_missing_test():
    assert TEST.findall("`tests/a_b.py::test_it`, `tests/c/d.py::test_x`") == [
        ("tests/a_b.py", "test_it"),
        ("tests/c/d.py", "test_x"),
    ]
    assert "test_it" not in functions("tests/arrays/test_tracing.py")


@pytest.mark.skipif(not os.environ.get("DIFFMATH_INTEROP"), reason="only with DIFFMATH_INTEROP=1")
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_framework_tests_of_the_page_are_collected(library, request):
    """Those of torch and jax, in the session that runs them: it has collected them itself."""
    if ROOT / "tests" not in {Path(argument).resolve() for argument in request.config.args}:
        pytest.skip("only a session over all of tests/ has collected them")
    title = {"torch": "PyTorch", "jax": "JAX"}[library]
    named = {f"{path}::{name}" for cell in CELLS if cell[0] == title for path, name in cell[3]}
    ids = {item.nodeid.partition("[")[0] for item in request.session.items if library in item.nodeid}
    assert named
    assert sorted(named - ids) == []
