"""Sphinx configuration: every page of the site runs when it is built, and a warning is an error."""

from __future__ import annotations

import diffmath

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
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", "sg_execution_times.rst"]
html_theme = "pydata_sphinx_theme"
html_title = "diffmath"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "show_prev_next": True}
html_static_path: list[str] = []

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
autosummary_ignore_module_all = False  # the public names are those of __all__
autodoc_typehints = "none"  # shapes and units stand in the docstrings; `Array` is any library's array
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
# Numbered references ("References" sections) are not always cited in the text above them.
suppress_warnings = ["ref.footnote", "config.cache"]

sphinx_gallery_conf = {
    "examples_dirs": ["tutorials"],
    "gallery_dirs": ["auto_tutorials"],
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1000,
    "image_scrapers": ("matplotlib",),
}
