"""Sphinx configuration: every page of the site runs when it is built, and a warning is an error."""

from __future__ import annotations

import html
import importlib
import inspect
import sys
from pathlib import Path

import sympy
from sympy.core._print_helpers import Printable

import diffmath

sys.path.insert(0, str(Path(__file__).parent))
import solver_pages

project = "diffmath"
author = "The diffmath developers"
copyright = "2026, " + author
version = release = diffmath.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
# Folders of pages that run; the gallery writes what becomes of each to `auto_` and its name.
PAGES = ["tutorials", "how_to", "theory", "gallery"]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", *PAGES, "**/sg_execution_times.rst"]
html_theme = "pydata_sphinx_theme"
html_title = "diffmath"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "show_prev_next": True}
html_static_path: list[str] = []

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"  # a name in single quotes is a link where it can be, and code anyway
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
autodoc_typehints = "none"  # shapes and units stand in the docstrings; `Array` is any library's array
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
# Numbered references ("References" sections) are not always cited in the text above them.
# `SDE` in a list of parameters may be that of `sde` or of `symbolic`; the text says which.
suppress_warnings = ["ref.footnote", "ref.python", "config.cache"]

sphinx_gallery_conf = {
    "examples_dirs": PAGES,
    "gallery_dirs": [f"auto_{folder}" for folder in PAGES],
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1000,
    "image_scrapers": ("matplotlib",),
}


def _typeset(formula: Printable) -> str:
    return f'<div class="math notranslate nohighlight">\\[{html.escape(sympy.latex(formula))}\\]</div>'


# A formula that ends a block of a page is typeset, as a notebook does.
Printable._repr_html_ = _typeset


def write_package_pages(folder: Path) -> None:
    """Write one page a sub-package from its `__all__`: autosummary does not see names that load late."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in ("random", "symbolic", "statespace", "ode", "sde", "diffusion", "fokker_planck", "testing",
                    "data", "plot"):  # fmt: skip
        module = importlib.import_module(f"diffmath.{package}")
        sections: dict[str, list[str]] = {"Classes": [], "Functions": [], "Objects": [], "Modules": []}
        own_pages = solver_pages.methods(package) if package in solver_pages.NOTES else {}
        for name in module.__all__:
            value = getattr(module, name)
            if name in own_pages:
                continue
            kind = (
                "Classes"
                if inspect.isclass(value)
                else "Functions"
                if inspect.isroutine(value)
                else "Objects"
            )
            sections["Modules" if inspect.ismodule(value) else kind].append(name)
        title = f"diffmath.{package}"
        lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", "",
                 f".. currentmodule:: {title}", ""]  # fmt: skip
        lines += solver_pages.write_pages(package, folder) if own_pages else []
        for section, names in sections.items():
            if names:
                lines += [f".. rubric:: {section}", "", ".. autosummary::", "   :toctree:", ""]
                lines += [f"   {name}" for name in names] + [""]
        (folder / f"{title}.rst").write_text("\n".join(lines))


write_package_pages(Path(__file__).parent / "reference" / "generated")
