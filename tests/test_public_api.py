"""The public API: `__all__` is complete, every name is documented, nothing heavy is imported."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from types import ModuleType

import pytest

import diffmath

PACKAGES = [name for name in diffmath.__all__ if isinstance(getattr(diffmath, name), ModuleType)]


def _public(package: str) -> list[tuple[str, object]]:
    module = importlib.import_module(f"diffmath.{package}")
    return [(name, getattr(module, name)) for name in module.__all__]


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_exist_and_are_complete(package: str) -> None:
    module = importlib.import_module(f"diffmath.{package}")
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and getattr(value, "__module__", "").startswith("diffmath")
        and value.__module__ != "diffmath._core.lazy"
    }
    assert defined <= set(module.__all__), defined - set(module.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(package: str) -> None:
    module = importlib.import_module(f"diffmath.{package}")
    assert (module.__doc__ or "").strip()
    for name, value in _public(package):
        if inspect.isclass(value) or inspect.isroutine(value):
            text = inspect.getdoc(value) or ""
            assert len(text.splitlines()) >= 3, f"{package}.{name} has no docstring"
            assert "Examples" in text or package == "testing", f"{package}.{name} has no example"
            assert not re.search(r"^ *[A-Z][a-z]+ -{3}", text, re.M), f"{package}.{name}: a heading in a line"


def test_every_public_name_has_one_path() -> None:
    seen: dict[int, str] = {}
    for package in PACKAGES:
        for name, value in _public(package):
            if inspect.isclass(value) or inspect.isfunction(value):
                assert id(value) not in seen, f"{package}.{name} is also {seen[id(value)]}"
                seen[id(value)] = f"{package}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_alone_in_a_fresh_process(package: str) -> None:
    """No sub-package relies on another having been imported first."""
    subprocess.run([sys.executable, "-W", "error", "-c", f"import diffmath.{package}"], check=True)


def test_import_is_light() -> None:
    """`import diffmath` brings in NumPy and nothing heavier."""
    code = "import sys, diffmath; print([m for m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for heavy in (
        "scipy",
        "sympy",
        "numba",
        "hypothesis",
        "matplotlib",
        "torch",
        "jax",
        "cupy",
        "tqdm",
        "rich",
    ):
        assert f"'{heavy}'" not in loaded, heavy


def test_solvers_do_not_import_sympy() -> None:
    """Tableaux are proven in exact rationals: SymPy loads only when a symbolic name is used."""
    code = "import sys, diffmath.ode, diffmath.sde, diffmath.diffusion; print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = diffmath.nothing
