"""The demo, at its quick size: report, figures, verdicts, and that a wrong verdict is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffmath import demo
from diffmath.cli import main
from diffmath.demo import _checks, _memory, _sampling


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoResult:
    said: list[str] = []
    result = demo.run(tmp_path_factory.mktemp("demo") / "new" / "folder", quick=True, announce=said.append)
    assert [text[:6] for text in said] == ["1 of 3", "2 of 3", "3 of 3"]
    return result


def test_every_verdict_is_the_one_it_must_be(ran: demo.DemoResult) -> None:
    assert ran.passed
    assert len(ran.checks) == 9
    exact, wrong = ran.checks[:5], ran.checks[5:]
    assert all(row.verdict == "passed" for row in exact)
    assert all(row.verdict == "rejected, as it must be" and "score times 2" in row.check for row in wrong)
    assert all(float(row.statistic) <= float(row.threshold) for row in exact)
    assert all(float(row.statistic) > float(row.threshold) for row in wrong)


def test_report_and_figures(ran: demo.DemoResult) -> None:
    figures = [figure for part in ran.parts for figure in part.figures]
    assert [f.path.name for f in figures] == ["memory.png", "digits_plane.png", "digits.png", "density.png"]
    for figure in figures:
        assert figure.path.read_bytes().startswith(b"\x89PNG")
        assert figure.path.stat().st_size > 5_000
    page = ran.report.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert page.count("<h2>") == 3
    assert page.count("as it must be") == 4
    assert "<script" not in page
    assert "http" not in page.replace("content='width", "")  # nothing is loaded from anywhere
    assert "CC BY 4.0" in page


def test_the_numbers_of_part_1(ran: demo.DemoResult) -> None:
    numbers = dict(ran.parts[0].numbers)
    assert numbers["derived A, B and closed form, order 4"] == "largest difference 0.0e+00"
    errors = [float(v.split()[0]) for k, v in numbers.items() if k.startswith("reconstruction")]
    assert errors == sorted(errors, reverse=True)
    # The yearly cycle has an amplitude of about 3 ppm, hence an rms near 2: order 64 misses it, 256 has it.
    assert 1.5 < errors[3] < 2.5
    assert errors[5] < 0.6


def test_the_likelihoods_of_part_2(ran: demo.DemoResult) -> None:
    numbers = dict(ran.parts[1].numbers)
    held, control = (
        float(value.split()[0]) for name, value in numbers.items() if "nats" in value and "bits" in value
    )
    assert control < held - 50
    apart = numbers["probability flow against exact density, held-out"]
    # The prior leaves out alpha(1) x_0: 0.0066 times the norm of an image (about 7), times a few deviations.
    assert float(apart.split()[2]) < 0.25


@pytest.mark.parametrize("module", [_memory, _sampling, _checks], ids=["memory", "sampling", "checks"])
def test_the_code_in_the_report_runs(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code = module._CODE.replace("100_000", "2_000").replace("images[1500:]", "images[1500:1504]")
    names: dict[str, Any] = {}
    exec(code, names)
    if module is _memory:
        assert np.sqrt(np.mean((names["ppm_hat"] - names["ppm"]) ** 2)) < 2.1
    if module is _sampling:
        assert np.isfinite(names["log_p"]).all()
        assert names["by_ode"].shape == names["by_sde"].shape == (12, 64)
    if module is _checks:
        assert "passed" in capsys.readouterr().out


def test_the_command_prints_tables_and_exits_with_0(
    ran: demo.DemoResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "run", lambda out, **options: ran)
    assert main(["demo", "--quick", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "check" in out
    assert out.count("passed") == 5
    assert str(ran.report) in out
    assert err == ""


def test_a_wrong_verdict_is_exit_code_1(
    ran: demo.DemoResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that lets the wrong score pass, or that rejects the right one, fails the demo."""
    check = _checks.fp.Check("check_projections", 0.01, 0.05, 1e-6, 100, "passed")
    row = _checks._row("wrong score", check, must_pass=False)
    assert (row.as_it_must_be, row.verdict) == (False, "passed: WRONG VERDICT")
    part = demo.Part("title", "text", (), (), "", checks=(row,))
    monkeypatch.setattr(
        demo, "run", lambda out, **options: demo.DemoResult((part,), Path("report.html"), 0.0)
    )
    assert main(["demo"]) == 1
    assert "wrong verdict" in capsys.readouterr().err


def test_a_terminal_with_rich_gets_a_table(
    ran: demo.DemoResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(demo, "run", lambda out, **options: ran)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["demo", "--quiet"]) == 0
    assert "┃" in capsys.readouterr().out
