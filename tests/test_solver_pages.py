"""Every method has a page that says when to use it and when not; its figures are those of the method."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from diffmath import diffusion, ode, sde

DOCS = Path(__file__).parent.parent / "docs"
PACKAGES = {"ode": ode, "sde": sde, "diffusion": diffusion}
_spec = importlib.util.spec_from_file_location("solver_pages", DOCS / "solver_pages.py")
pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pages)


@pytest.mark.parametrize("package", ["ode", "sde", "diffusion"])
def test_every_method_has_a_note_and_every_note_a_method(package):
    assert set(pages.NOTES[package]) == set(pages.methods(package))
    for name, note in pages.NOTES[package].items():
        assert set(note) == {"use", "not"}, name
        assert all(text.endswith(".") and len(text) >= 10 for text in note.values()), name


@pytest.mark.parametrize("package", ["ode", "sde", "diffusion"])
def test_notes_speak_of_what_exists(package):
    for name, note in pages.NOTES[package].items():
        for word in (*note["use"].split("`")[1::2], *note["not"].split("`")[1::2]):
            home, _, attribute = word.rpartition(".")
            module = PACKAGES.get(home or package)
            known = module is not None and attribute in module.__all__
            assert known or word in ("symbolic", "symbolic.SDE.lower"), (name, word)


def test_a_page_says_what_the_method_knows():
    text = pages.page("sde", "sra1", sde.sra1)
    assert "strong 1.5, weak 2" in text
    assert "**When to use it.**" in text
    assert "**When not.**" in text
    text = pages.page("ode", "kvaerno5", ode.kvaerno5)
    assert "   * - Order\n     - 5\n" in text
    assert f"   * - Order of the dense output\n     - {ode.kvaerno5.dense_order}\n" in text
    assert ode.kvaerno5.reference in text
    text = pages.page("diffusion", "sde_dpmpp_2m", diffusion.sde_dpmpp_2m)
    assert "   * - Order\n     - 1\n   * - Weak order\n     - 2\n" in text


def test_pages_are_written_and_listed(tmp_path):
    lines = pages.write_pages("ode", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"diffmath.ode.{name}.rst" for name in pages.methods("ode")
    }
    assert "   diffmath.ode.dopri5" in lines
    assert pages.write_pages("random", tmp_path) == []
