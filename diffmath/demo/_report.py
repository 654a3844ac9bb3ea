"""The report: one self-contained HTML page with its figures, readable without network or scripts."""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import diffmath
from diffmath.demo._part import Figure, Part

__all__ = ["write_report"]

_STYLE = """\
body { font: 16px/1.55 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
img { width: 100%; } figure { margin: 1rem 0; } figcaption { color: #555; font-size: .9rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #ddd; }
pre { background: #f5f5f5; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
.right { color: #00694d; }
.wrong { color: #b30000; font-weight: bold; }
.small { color: #555; font-size: .9rem; }
"""

_DATA = (
    "Data: handwritten digits, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, "
    "doi:10.24432/C50P49, CC BY 4.0. CO2 at Mauna Loa: C. D. Keeling and T. P. Whorf (2004), CDIAC, "
    "public domain."
)


def write_report(path: Path, parts: Sequence[Part], seconds: float) -> Path:
    """Write the page and return its path."""
    head = (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>diffmath demo</title>\n<style>\n{_STYLE}</style></head><body>\n"
    )
    # Versions, machine and run time: the context of all numbers.
    context = (
        f"diffmath {diffmath.__version__}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}; {seconds:.0f} s in all."
    )
    body = "\n".join(_section(number, part) for number, part in enumerate(parts, start=1))
    page = (
        f"{head}<h1>What diffmath does, on real data</h1>\n<p class='small'>{escape(context)}</p>\n{body}\n"
        f"<p class='small'>{escape(_DATA)}</p>\n</body></html>\n"
    )
    path.write_text(page, encoding="utf-8")
    return path


def _section(number: int, part: Part) -> str:
    pieces = [
        f"<h2>{number}. {escape(part.title)}</h2>",
        f"<p>{escape(part.text)}</p>",
        *(_figure(figure) for figure in part.figures),
        _table(part.numbers),
        _checks(part),
        f"<p class='small'>{part.seconds:.1f} s. The same in code:</p>\n<pre>{escape(part.code)}</pre>",
    ]
    return "\n".join(piece for piece in pieces if piece)


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.path.read_bytes()).decode("ascii")
    caption = escape(figure.caption)
    return (
        f"<figure><img src='data:image/png;base64,{data}' alt=\"{caption}\">"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _checks(part: Part) -> str:
    if not part.checks:
        return ""
    rows = []
    for row in part.checks:
        kind = "right" if row.as_it_must_be else "wrong"
        cells = "".join(f"<td>{escape(text)}</td>" for text in (row.check, row.statistic, row.threshold))
        rows.append(f"<tr>{cells}<td class='{kind}'>{escape(row.verdict)}</td></tr>")
    header = "".join(f"<th>{name}</th>" for name in ("check", "statistic", "threshold", "verdict"))
    return f"<table><tr>{header}</tr>{''.join(rows)}</table>"


def _table(rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{escape(text)}</td>" for text in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
