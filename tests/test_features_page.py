"""The page of features names what exists: every name on it is imported."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "features.md"
PACKAGES = ("statespace", "symbolic")


def _names(text: str) -> set[str]:
    """Names `package.name`, with or without a call, in code quotes or roles."""
    return set(re.findall(rf"`((?:{'|'.join(PACKAGES)})\.\w+)", text))


def test_the_pattern_finds_names():
    text = '| a | `statespace.legs`, `symbolic.fous <x>`, `statespace.gbt(system, "s4")`, `scipy.signal` |'
    assert _names(text) == {"statespace.legs", "symbolic.fous", "statespace.gbt"}


@pytest.mark.parametrize("name", sorted(_names(PAGE.read_text(encoding="utf-8"))))
def test_every_name_exists(name):
    package, attribute = name.split(".")
    module = importlib.import_module(f"diffmath.{package}")
    assert attribute in module.__all__
    assert getattr(module, attribute) is not None


def test_every_function_is_on_the_page():
    """Every function is on the page."""
    module = importlib.import_module("diffmath.statespace")
    functions = {name for name in module.__all__ if name[0].islower()}
    named = {name.split(".")[1] for name in _names(PAGE.read_text(encoding="utf-8"))}
    missing = sorted(functions - named)
    assert not missing, f"say in {PAGE.name} what these are for: {missing}"
