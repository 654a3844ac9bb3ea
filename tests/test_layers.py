"""The architecture as a test: floors, rooms and public names bound what a file imports; files stay small."""

from __future__ import annotations

import ast
import functools
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import diffmath

ROOT = Path(diffmath.__file__).parent

# Every package, and its floor. A file imports other packages of lower floors only, by their public names; the
# shared floors it imports by file. `symbolic` stands below `ode`: its order conditions need no SymPy.
FLOORS = {
    "_core": 0, "_arrays": 1, "random": 2, "data": 2, "_stepping": 3, "symbolic": 3, "_newton": 4,
    "statespace": 4, "ode": 5, "sde": 6, "diffusion": 7, "fokker_planck": 8, "testing": 9, "plot": 9,
    "demo": 10, "cli": 11, "__main__": 12,
}  # fmt: skip
SHARED = {"_core", "_arrays", "_stepping", "_newton"}

# The rooms of a package, from the lowest to the highest: a file imports lower rooms of its package only.
ROOMS = {
    "ode": (
        "_problem", "_tableaux", "_explicit", "_symplectic", "_implicit", "_exponential", "_steps", "_loop",
    ),
    "sde": ("_model", "_noise", "_brownian", "_tableaux", "_methods", "_srk", "_loop"),
    "statespace": (
        "_structure", "_system", "_discretize", "_recurrence", "_measures", "_hippo", "_diagonal", "_kernel",
        "_memory",
    ),
    "symbolic": ("_conditions", "_exact", "_hippo", "_lowering", "_operators"),
    "diffusion": (
        "_process",
        "_grids",
        "_model",
        "_exact",
        "_targets",
        "_paths",
        "_guidance",
        "_methods",
        "_singlestep",
        "_multistep",
        "_likelihood",
        "_loop",
        "_special",
        "_conditional",
        "_catalogue",
    ),
    "testing": ("_problems", "_orders"),
}  # fmt: skip
FILES = sorted(p for p in ROOT.rglob("*.py") if "kernels" not in p.parts)
Import = tuple[str, str]  # module, name
# One test of a rule for each package: a test for each of 500 files costs more than what it looks at.
every_package = pytest.mark.parametrize("package", ["__init__", *FLOORS])


def _module(path: Path) -> str:
    return ".".join(["diffmath", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _files(package: str, among: list[Path]) -> list[Path]:
    """The files of a package, or the one file of the library that is named so; at least one."""
    found = [p for p in among if p.relative_to(ROOT).parts[0] in (package, f"{package}.py")]
    assert found
    return found


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _room(module: str) -> str:
    """The room of a module, or ""."""
    parts = module.split(".")
    return parts[2] if len(parts) > 2 and parts[2] in ROOMS.get(parts[1], ()) else ""


@functools.cache
def _is_module(module: str) -> bool:
    place = ROOT.joinpath(*module.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").exists()


@functools.cache
def _imports(path: Path) -> list[Import]:
    """What a file imports of diffmath, also inside functions, but not under TYPE_CHECKING."""
    found: list[Import] = []
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
            found += [(alias.name, "") for alias in node.names if alias.name.startswith("diffmath")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("diffmath"):
            found += [_resolved(str(node.module), alias.name) for alias in node.names]
    return found


def _resolved(module: str, name: str) -> Import:
    """`from diffmath import ode` imports diffmath.ode; `from diffmath.ode import solve` the name of it."""
    inside = f"{module}.{name}"
    return (inside, "") if _is_module(inside) and not _exports(module, name) else (module, name)


@functools.cache
def _exports(module: str, name: str) -> bool:
    """Whether a package or a room has this name in its `__all__`."""
    place = ROOT.joinpath(*module.split(".")[1:], "__init__.py")
    return module != "diffmath" and place.exists() and name in _all(place)


@functools.cache
def _all(init: Path) -> frozenset[str]:
    module = importlib.import_module(_module(init))
    return frozenset(getattr(module, "__all__", ()))


def _fault(module: str, imported: Import) -> str | None:
    """Why a file may not import this, or None."""
    target, name = imported
    own, other = _package(module), _package(target)
    if not other or module == "diffmath":
        return None
    if own != other:
        if FLOORS[other] >= FLOORS[own]:
            return "not on a lower floor"
        private = other not in SHARED and (target.count(".") > 1 or (name and not _exports(target, name)))
        return "not a public name of another package" if private else None
    mine, theirs = _room(module), _room(target)
    if mine == theirs or module == f"diffmath.{own}":
        return None
    if not theirs:
        return None if not mine else "a room imports no loose file of its package"
    if mine and ROOMS[own].index(theirs) >= ROOMS[own].index(mine):
        return "not a lower room"
    public = target == f"diffmath.{own}.{theirs}" and _exports(target, name)
    return None if public else "not in the `__all__` of the room"


@every_package
def test_a_file_imports_lower_floors_lower_rooms_and_public_names(package: str) -> None:
    faults = [
        f"{_module(path)} imports {i[0]} {i[1]}: {why}"
        for path in _files(package, FILES)
        for i in _imports(path)
        if (why := _fault(_module(path), i))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "imported", "why"),
    [
        ("diffmath.ode._loop.solve", ("diffmath.diffusion", "sample"), "not on a lower floor"),
        ("diffmath.sde._loop.solve", ("diffmath.ode._loop.solve", "solve"), "not a public name"),
        ("diffmath.sde._loop.solve", ("diffmath.ode", "unheard_of"), "not a public name"),
        ("diffmath.ode._tableaux.proof", ("diffmath.ode._explicit", "Method"), "not a lower room"),
        ("diffmath.ode._loop.solve", ("diffmath.ode._tableaux.proof", "prove"), "not in the `__all__`"),
    ],
)
def test_the_layer_check_sees_each_fault(module: str, imported: Import, why: str) -> None:
    assert why in str(_fault(module, imported))


def test_the_layer_check_sees_an_import_hidden_in_a_function(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from diffmath.diffusion import sample\n")
    assert _imports(bad) == [("diffmath.diffusion", "sample")]


def test_every_package_has_a_floor_and_every_room_a_place() -> None:
    packages = {p.name for p in ROOT.iterdir() if p.is_dir() and (p / "__init__.py").exists()} - {"kernels"}
    assert packages | {"__main__"} == set(FLOORS)
    assert {p.name for p in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}
    for package, rooms in ROOMS.items():
        loose = {p.stem for p in (ROOT / package).glob("*.py")} - {"__init__"}
        folders = {p.name for p in (ROOT / package).iterdir() if (p / "__init__.py").exists()}
        assert folders == set(rooms), package
        assert all(not name.startswith("_") for name in loose), loose


@pytest.mark.parametrize("room", [f"{package}/{room}" for package in ROOMS for room in ROOMS[package]])
def test_a_room_has_two_to_fourteen_files_and_says_what_belongs_in_it(room: str) -> None:
    files = {p.stem for p in (ROOT / room).glob("*.py")} - {"__init__"}
    assert 2 <= len(files) <= 14, sorted(files)
    assert not any(name.startswith("_") for name in files)
    text = ast.get_docstring(_tree(ROOT / room / "__init__.py")) or ""
    assert "Belongs here: " in text, room
    allowed = text.partition("May import: ")[2]
    package = room.split("/")[0]
    used = {_room(t) for f in files for t, _ in _imports(ROOT / room / f"{f}.py") if _package(t) == package}
    for other in used - {room.split("/")[1], ""}:
        assert f"`{other}`" in allowed or "other room" in allowed, f"{room} says not that it imports {other}"


@pytest.mark.parametrize("floor", sorted(SHARED))
def test_a_shared_floor_is_a_room_too(floor: str) -> None:
    files = {p.stem for p in (ROOT / floor).glob("*.py")} - {"__init__"}
    assert 2 <= len(files) <= 14, sorted(files)
    text = ast.get_docstring(_tree(ROOT / floor / "__init__.py")) or ""
    assert f"Floor {FLOORS[floor]}" in text
    assert "Belongs here: " in text


def test_the_tests_of_a_room_mirror_its_files() -> None:
    """tests/ode/loop/test_solve.py is of diffmath/ode/_loop/solve.py, and so is test_solve_and_more.py."""
    shared = {name.strip("_"): ROOT / name for name in SHARED}
    rooms = {
        f"{package}/{room.strip('_')}": ROOT / package / room for package in ROOMS for room in ROOMS[package]
    }
    tests = Path(__file__).parent
    strays = [
        str(test.relative_to(tests))
        for folder, room in {**shared, **rooms}.items()
        for test in sorted((tests / folder).glob("test_*.py"))
        if not any(f"{test.stem}_".startswith(f"test_{file.stem}_") for file in room.glob("*.py"))
    ]
    assert not strays


def test_no_import_cycles() -> None:
    graph = {_module(path): {target for target, _ in _imports(path)} for path in FILES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        # The package itself stands for its public names, which lower floors define.
        for imported in graph.get(module, set()) - {"diffmath"}:
            visit(imported, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_functions_are_not_replaced_by_the_modules_that_define_them() -> None:
    """`ode.solve` stays a function when each module of diffmath has been imported, twice."""
    code = """
import importlib, inspect, pkgutil
import diffmath
names = [m.name for m in pkgutil.walk_packages(diffmath.__path__, "diffmath.") if "kernels" not in m.name]
packages = [importlib.import_module(f"diffmath.{p}") for p in diffmath._SUB_PACKAGES]
for name in names:
    if not name.endswith(("__main__", "strategies")):
        importlib.import_module(name)
for package in packages * 2:
    for name in package.__all__:
        value = getattr(package, name)
        assert not inspect.ismodule(value) or name == "strategies", f"{package.__name__}.{name} is a module"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_lazy_packages_import_for_type_checkers_alone() -> None:
    """A type that a file needs is imported, or lies in the wrong file; what hides it hides a circle."""
    hiding = [_module(p) for p in FILES if "TYPE_CHECKING" in p.read_text() and p.name != "__init__.py"]
    assert not hiding


def test_nobody_imports_a_private_name() -> None:
    """A name with an underscore belongs to its file: what two files use has a name without one."""
    private = [
        f"{_module(path)} imports {target} {name}"
        for path in FILES
        for target, name in _imports(path)
        if name.startswith("_") and not name.endswith("__")
    ]
    assert not private


def test_nobody_imports_a_kernel() -> None:
    for path in FILES:
        assert not any("kernels" in target for target, _ in _imports(path)), _module(path)


@pytest.mark.parametrize("package", ["__init__", "kernels", *FLOORS])
def test_files_and_functions_stay_readable(package: str) -> None:
    for path in _files(package, sorted(ROOT.rglob("*.py"))):
        assert len(path.read_text().splitlines()) <= 400, path
        _check_functions(path)


def _check_functions(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef):
            body = [
                s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            ]
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            limit = 70 if "kernels" in path.parts else 40
            assert lines <= limit, f"{path}, {node.name}: {lines} lines"


FORBIDDEN_CALLS = {"eval", "exec", "sympify", "parse_expr", "print"}


@every_package
def test_no_forbidden_calls(package: str) -> None:
    """No evaluation of text, no global random state, no stray printing outside the command line."""
    for path in _files(package, FILES):
        _check_calls(path)


def _check_calls(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "print" and FLOORS.get(_package(_module(path)), 0) >= FLOORS["demo"]:
                continue
            assert name not in FORBIDDEN_CALLS, f"{path}: {name} at line {node.lineno}"
            assert not name.startswith(("np.random.", "numpy.random.")), (
                f"{path}: {name} at line {node.lineno}"
            )
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}: bare except at line {node.lineno}"
