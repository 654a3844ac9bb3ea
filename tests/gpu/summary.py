"""Put the parts of `run.sh` together, as results.json and as a table; fail if a part did."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

TIMEOUT, LEFT_OUT = 124, 77  # what timeout(1) exits with, and what a part that did not run is noted with


def read(out: Path) -> list[dict[str, Any]]:
    """Return one record for every part, with the counts of its tests where it has any."""
    lines = (out / "parts.tsv").read_text(encoding="utf-8").splitlines()
    return [_record(out, *line.split("\t")) for line in lines]


def _record(out: Path, name: str, code: str, seconds: str, limit: str) -> dict[str, Any]:
    status = {0: "passed", TIMEOUT: "out of time", LEFT_OUT: "skipped"}.get(int(code), "failed")
    record: dict[str, Any] = {"part": name, "status": status, "seconds": int(seconds), "limit": int(limit)}
    report = out / f"{name}.xml"
    if report.exists():
        suites = list(ET.parse(report).getroot().iter("testsuite"))
        for count in ("tests", "failures", "errors", "skipped"):
            record[count] = sum(int(suite.get(count, 0)) for suite in suites)
        if record["tests"] == record["skipped"]:
            record["status"] = "skipped"
    return record


def table(records: list[dict[str, Any]]) -> str:
    """Return the records as a table."""
    columns = ("part", "status", "seconds", "limit", "tests", "failures", "errors", "skipped")
    rows = [[str(record.get(column, "")) for column in columns] for record in records]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(columns), ["---"] * len(columns), *rows])


def main(out: Path) -> int:
    """Write both files, print the table, and say whether all parts passed or were skipped."""
    records = read(out)
    (out / "results.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text(table(records) + "\n", encoding="utf-8")
    print(table(records))
    return int(any(record["status"] in ("failed", "out of time") for record in records))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
