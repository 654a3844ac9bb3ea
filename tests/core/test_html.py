"""Reports in notebooks: escaped, short, and only where a notebook asks for them."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from diffmath import Solution, sde, testing
from diffmath import fokker_planck as fp
from diffmath._core.html import html_report

GRID = fp.Grid.uniform((-5, 5), 20)
MOTION = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
HOSTILE = "<script>alert('x')</script> & " * 400


class Tags(HTMLParser):
    """The tags of a text, which must all be closed, and what stands between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


REPORTS = {
    "Solution": Solution(np.arange(3.0), np.zeros((3, 2, 1)), stats={"steps": 2, "rejected": np.arange(9)}),
    "failed Solution": Solution(
        np.arange(3.0), np.zeros((3, 2, 1)), "nonfinite", HOSTILE, {HOSTILE: HOSTILE, "n": 1}
    ),
    "empty Solution": Solution(np.empty(0), np.zeros((0, 2, 1))),
    "DensitySolution": fp.solve(MOTION, fp.gaussian(GRID, 0.0, 1.0), [0.0, 0.1], GRID, steps=2),
    "Check": fp.check_cdf(np.linspace(0, 1, 500), lambda x: np.clip(x, 0, 1), false_positive_rate=1e-3),
    "undecided Check": fp.check_cdf(np.full(3, 0.5), lambda x: np.clip(x, 0, 1), false_positive_rate=1e-3),
    "StrongOrder": testing.StrongOrder((16, 32), (0.1, 0.05), 1.0, 0.01),
    "WeakOrder": testing.WeakOrder(tuple(4 * 2**k for k in range(40)), (0.1,) * 40, 1.0),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_shows_itself_in_a_notebook(name: str) -> None:
    text = REPORTS[name]._repr_html_()
    found = Tags(text)
    assert not found.open
    assert found.tags <= {"table", "caption", "tr", "th", "td", "p"}
    assert len(text.encode()) <= 5000
    assert name.split()[-1] in "".join(found.texts)


def test_a_notebook_is_shown_what_matters() -> None:
    assert "nonfinite" in REPORTS["failed Solution"]._repr_html_()
    assert "passed" in REPORTS["Check"]._repr_html_()
    assert "undecided" in REPORTS["undecided Check"]._repr_html_()
    texts = Tags(REPORTS["StrongOrder"]._repr_html_()).texts
    assert {"16", "32"} <= set(texts)
    assert any("5.00e-02" in text for text in texts)


def test_the_text_stays_the_text() -> None:
    """Without a notebook `repr` is shown, and no report has tags there."""
    for report in REPORTS.values():
        assert "<table" not in repr(report) + str(report)


def test_long_and_hostile_texts_stay_short_and_escaped() -> None:
    text = html_report(HOSTILE, [(HOSTILE, HOSTILE)] * 50, note=HOSTILE)
    assert len(text.encode()) <= 5000
    found = Tags(text)
    assert "script" not in found.tags
    assert "39 more" in found.texts
    assert html_report("é" * 9000, [], note="\ud800" * 9).startswith("<table>")


def test_a_short_text_is_not_cut() -> None:
    assert html_report("t", [("a", "x" * 200)]).count("x") == 200
    assert html_report("t", [("a", "x" * 201)]).count("x") < 200


@pytest.mark.parametrize(("part", "most"), [("name", 60), ("value", 200), ("title", 200), ("note", 600)])
def test_each_part_has_its_longest_text(part: str, most: int) -> None:
    """A text of so many bytes stays whole; of one more, its end is cut and marked."""

    def shown(size: int) -> str:
        text = "x" * size
        rows = [(text, "v")] if part == "name" else [("n", text)] if part == "value" else []
        report = html_report(text if part == "title" else "t", rows, note=text if part == "note" else "")
        return next(found for found in Tags(report).texts if "x" in found)

    assert shown(most) == "x" * most
    assert shown(most + 1).count("x") < most


@pytest.mark.parametrize(("rows", "shown", "more"), [(12, 12, ""), (13, 12, "2 more"), (40, 12, "29 more")])
def test_rows_beyond_the_twelfth_are_counted(rows: int, shown: int, more: str) -> None:
    text = html_report("t", [(f"n{i}", i) for i in range(rows)])
    assert text.count("<tr>") == shown
    assert f"n{shown - 1 - bool(more)}<" in text
    assert (f"<th>...</th><td>{more}</td>" in text) == bool(more)
