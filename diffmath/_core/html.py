"""Results in notebooks: a short HTML table with escaped text; elsewhere `repr` is used."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["html_report"]

# Notebooks store every output. Limits of the escaped texts in bytes; all of them together stay below 5 kB.
_NAME, _VALUE, _TITLE, _NOTE = 60, 200, 200, 600
_MOST_ROWS = 12


def html_report(title: str, rows: Iterable[tuple[str, Any]], *, note: str = "") -> str:
    """Return a table of (name, value) under a title, as HTML of at most 5 kB.

    Parameters
    ----------
    title : str
        The kind of result and its status.
    rows : iterable of (str, object)
        Names and values; values are shown by `str` and truncated if they are long. Rows beyond the twelfth
        are counted, not shown.
    note : str
        A sentence below the table, such as a remedy.

    Returns
    -------
    str

    Examples
    --------
    >>> from diffmath._core.html import html_report
    >>> html_report("a < b", [("steps", 12)])
    '<table><caption>a &lt; b</caption><tr><th>steps</th><td>12</td></tr></table>'
    """
    found = list(rows)
    if len(found) > _MOST_ROWS:
        found = [*found[: _MOST_ROWS - 1], ("...", f"{len(found) - _MOST_ROWS + 1} more")]
    cells = "".join(
        f"<tr><th>{_cut(name, _NAME)}</th><td>{_cut(value, _VALUE)}</td></tr>" for name, value in found
    )
    below = f"<p>{_cut(note, _NOTE)}</p>" if note else ""
    return f"<table><caption>{_cut(title, _TITLE)}</caption>{cells}</table>{below}"


def _cut(value: Any, limit: int) -> str:
    """Escape a text, and truncate it to this many bytes."""
    text, parts, size = str(value), [], 0
    for character in text[: limit + 1]:
        parts.append(escape(character, quote=False))
        size += len(parts[-1].encode("utf-8", "replace"))
        if size > limit:
            return "".join(parts[:-4]) + "..."
    return "".join(parts)
