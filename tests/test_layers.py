"""The architecture as a test: dependencies point one way, files stay small, kernels stay hidden."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import diffmath

ROOT = Path(diffmath.__file__).parent

# A sub-package may import those on lower floors only. `symbolic` stands below `ode` because tableaux are
# validated by its rooted trees, which need no SymPy.
FLOORS = {
    "random": 0, "data": 0, "symbolic": 1, "statespace": 2, "ode": 2, "sde": 3,
    "diffusion": 4, "fokker_planck": 4, "testing": 5, "plot": 5, "demo": 6, "cli": 7, "__main__": 8,
}  # fmt: skip
FILES = sorted(p for p in ROOT.rglob("*.py") if "kernels" not in p.parts)


def _module(path: Path) -> str:
    return ".".join(["diffmath", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def _floor(module: str) -> int:
    part = module.split(".")[1] if "." in module else ""
    return FLOORS.get(part, 0)


@cache
def _tree(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once for all tests."""
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> frozenset[str]:
    """Modules of diffmath that a file imports, also inside functions, but not under TYPE_CHECKING."""
    found: set[str] = set()
    tree = _tree(path)
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("diffmath")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("diffmath"):
            found |= _resolve(node)
    return frozenset(found)


def _resolve(node: ast.ImportFrom) -> set[str]:
    """`from diffmath.ode import x` imports diffmath.ode; `from diffmath import ode` imports diffmath.ode."""
    base = Path(*str(node.module).split(".")[1:]) if "." in str(node.module) else Path()
    names = set()
    for alias in node.names:
        target = ROOT / base / alias.name
        is_module = target.is_dir() or target.with_suffix(".py").exists()
        names.add(f"{node.module}.{alias.name}" if is_module else str(node.module))
    return names


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_a_file_imports_lower_floors_only(path: Path) -> None:
    module = _module(path)
    own = module.split(".")[1] if "." in module else ""
    for imported in _imports(path):
        other = imported.split(".")[1] if "." in imported else ""
        if other == own or module == "diffmath":
            continue
        same_floor_zero = _floor(module) == 0 and _floor(imported) == 0
        assert _floor(imported) < _floor(module) or same_floor_zero, f"{module} imports {imported}"


def test_no_import_cycles() -> None:
    graph = {_module(path): _imports(path) for path in FILES}

    without_cycle: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in without_cycle:
            return
        for imported in graph.get(module, frozenset()) - {"diffmath"}:
            visit(imported, (*trail, module))
        without_cycle.add(module)

    for module in graph:
        visit(module, ())


def test_nobody_imports_a_kernel() -> None:
    for path in FILES:
        assert not any("kernels" in name for name in _imports(path)), _module(path)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=_module)
def test_files_and_functions_stay_readable(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef):
            body = [
                s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            ]
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            limit = 70 if "kernels" in path.parts else 40
            assert lines <= limit, f"{node.name}: {lines} lines"


FORBIDDEN_CALLS = {"eval", "exec", "sympify", "parse_expr", "print"}


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_no_forbidden_calls(path: Path) -> None:
    """No evaluation of text, no global random state, no stray printing outside the command line."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "print" and _floor(_module(path)) >= 6:
                continue
            assert name not in FORBIDDEN_CALLS, f"{name} at line {node.lineno}"
            assert not name.startswith(("np.random.", "numpy.random.")), f"{name} at line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except at line {node.lineno}"


def test_the_layer_check_sees_an_upward_import(tmp_path: Path) -> None:
    """The checker itself must reject: an upward import, hidden in a function, is found."""
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from diffmath.diffusion import sample\n")
    assert _imports(bad) == {"diffmath.diffusion"}
    assert _floor("diffmath.diffusion") > _floor("diffmath.ode._loop.solve")
