"""Every number of arXiv in the source is in the list of citations, beside the author whom the list names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "citations.md"
NUMBER = r"\d{4}\.\d{4,5}"


def listed() -> dict[str, tuple[str, ...]]:
    """Authors, title, year, where cited and what it was checked against, by number."""
    rows = re.findall(rf"^\| ({NUMBER}) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len({number for number, _ in rows}) == len(rows)
    return {number: tuple(cell.strip() for cell in rest.split("|")) for number, rest in rows}


def cited() -> list[tuple[str, Path, str]]:
    """Number, file and the text before it, for every citation of the package, the docs and the README."""
    files = [*(ROOT / "diffmath").rglob("*.py"), ROOT / "README.md", ROOT / "CITATION.cff"]
    for kind in ("*.py", "*.md", "*.toml"):
        files += (ROOT / "docs").rglob(kind)
    found = []
    for path in files:
        if path == PAGE or "generated" in path.parts or "_build" in path.parts:
            continue
        text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        matches = re.finditer(rf"(?:ar[xX]iv:? ?|arxiv\.org/(?:abs|pdf)/)({NUMBER})", text)
        found += [(m[1], path, text[max(0, m.start() - 250) : m.start()]) for m in matches]
    return found


LISTED, CITED = listed(), cited()


def test_the_list_and_the_source_have_the_same_numbers() -> None:
    assert len(CITED) > 40
    assert {number for number, _, _ in CITED} == set(LISTED)


def misattributed(citations: list[tuple[str, Path, str]]) -> list[str]:
    """What is wrong with each citation that does not stand beside its first author."""
    wrong = []
    for number, path, before in citations:
        plain = unicodedata.normalize("NFKD", before).encode("ascii", "ignore").decode()
        if number not in LISTED:
            wrong.append(f"{path.name}: arXiv:{number} is not in the list")
        elif LISTED[number][0].split(",")[0] not in plain:
            wrong.append(f"{path.name}: arXiv:{number} is by {LISTED[number][0]}")
    return wrong


def test_a_number_stands_beside_its_first_author() -> None:
    assert not misattributed(CITED)


def test_the_list_says_where_a_work_is_cited() -> None:
    for number, row in LISTED.items():
        places = {
            path.relative_to(ROOT / "diffmath").parts[0]
            for found, path, _ in CITED
            if found == number and path.is_relative_to(ROOT / "diffmath")
        }
        assert set(row[3].split(", ")) == places, number


def test_every_entry_is_complete_and_dated_by_its_number() -> None:
    for number, (authors, title, year, _, source) in LISTED.items():
        assert authors, number
        assert title, number
        assert source, number
        assert year == f"20{number[:2]}", number  # numbers begin with the year and month of the first version


def test_a_wrong_number_would_be_seen() -> None:
    """SEEDS, 2305.14267, was once cited as SA-Solver; and SA-Solver is by Xue, not by Lu."""
    seeds, solver = misattributed(
        [
            ("2305.14267", PAGE, "Xue et al. (2023), SA-Solver, "),
            ("2309.05019", PAGE, "Lu et al. (2022), "),
        ]
    )
    assert "2305.14267 is by Gonzalez" in seeds
    assert "2309.05019 is by Xue" in solver
