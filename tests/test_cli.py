"""The command line: what goes to which stream, exit codes, every file format, every refusal."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import diffmath
from diffmath import demo, symbolic
from diffmath.cli import main
from diffmath.cli._choices import GRIDS, METHODS, PROCESSES
from diffmath.cli._sample import Sampling, sample_points


def _points(n: int = 60) -> Any:
    """Two clusters in the plane, far from 0 and of different scales, and a constant column."""
    z = np.random.default_rng(0).standard_normal((n, 3)) * [0.1, 30.0, 0.0]
    return z + np.where(np.arange(n)[:, None] % 2, [5.0, 1000.0, 7.0], [6.0, -1000.0, 7.0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "points.npy"
    np.save(path, _points())
    return path


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"diffmath {diffmath.__version__}\n"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("examples:") < text.index("commands:")
    assert "exit codes" in text
    for command in ("demo", "sample", "samplers", "hippo", "info"):
        assert main([command, "--help"]) == 0
        assert f"python -m diffmath {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["sample"], ["sample", "x.npy", "--method", "magic"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "error:" in err


def test_info_names_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for fact in (diffmath.__version__, np.__version__, "cupy", "torch", "jax", "cpus", "numba", "python"):
        assert fact in text


def test_info_imports_no_framework() -> None:
    code = (
        "import sys; from diffmath.cli import main; main(['info']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'jax', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_samples_in_every_format(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points, source, out = _points(), tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    if kind == "npy":
        np.save(source, points)
    elif kind == "npz":
        np.savez(source, points=points)
    else:
        np.savetxt(source, points, delimiter=",", header="width,height,depth", comments="")
    picture = tmp_path / "picture.png"
    arguments = ["sample", str(source), "--n", "50", "--steps", "8", "--seed", "3", "--quiet"]
    assert main([*arguments, "--out", str(out), "--plot", str(picture)]) == 0
    assert capsys.readouterr() == ("", "")
    if kind == "csv":
        samples = np.loadtxt(out, delimiter=",")
    else:
        samples = np.load(out) if kind == "npy" else np.load(out)["samples"]
    expected, _ = sample_points(points, Sampling(n=50, steps=8, seed=3))
    # savetxt writes 18 digits, so the points and hence the samples are the same numbers.
    assert np.array_equal(samples, expected)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_samples_go_to_standard_output_and_messages_to_standard_error(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(file), "--n", "5", "--steps", "4"]) == 0
    out, err = capsys.readouterr()
    samples = np.array([[float(text) for text in line.split(",")] for line in out.splitlines()])
    assert np.array_equal(samples, sample_points(_points(), Sampling(n=5, steps=4))[0])
    assert "60 points of dimension 3" in err


@pytest.mark.parametrize("method", METHODS)
def test_every_method_samples(method: str) -> None:
    samples, _ = sample_points(_points(), Sampling(method=method, n=3, steps=4))
    assert samples.shape == (3, 3)
    assert np.all(np.isfinite(samples))


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m", "euler_maruyama"])
def test_samples_follow_the_points(method: str) -> None:
    """Both clusters are found, in the file's units; the constant column stays constant."""
    samples, width = sample_points(_points(400), Sampling(method=method, n=2000, steps=60))
    assert width < 0.3
    assert np.all(samples[:, 2] == 7.0)
    near = samples[:, 0] < 5.5
    # 2000 fair coins: a share outside 0.5 +- 0.06 has probability 1e-7.
    assert abs(near.mean() - 0.5) < 0.06
    # Between the clusters nothing is said; at them the two columns belong together.
    clear = np.abs(samples[:, 0] - 5.5) > 0.2
    assert np.all((samples[:, 1] > 0)[clear] == near[clear])
    assert clear.mean() > 0.98


def test_the_seed_names_the_samples(file: Path) -> None:
    one, two, other = (sample_points(_points(), Sampling(n=4, steps=4, seed=seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_all_columns_constant() -> None:
    samples, _ = sample_points(np.full((5, 2), 0.1), Sampling(n=3, steps=3))
    assert np.array_equal(samples, np.full((3, 2), 0.1))


def test_a_column_without_header_and_one_dimensional_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1\n2\n\n3\n")
    out = tmp_path / "y.npy"
    assert main(["sample", str(path), "--n", "7", "--steps", "3", "--quiet", "--out", str(out)]) == 0
    assert np.load(out).shape == (7, 1)


def _write(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.npy", None, "no file"),
        ("points.txt", "1,2\n", "must end in .npy, .npz, .csv; got 'points.txt'"),
        ("points.npy", b"not numpy", "cannot be read as a NumPy file"),
        ("points.npy", b"", "cannot be read as a NumPy file"),
        ("points.npz", b"not a zip", "cannot be read as a NumPy file"),
        ("points.npy", np.array([{}], dtype=object), "objects are not read"),
        ("points.npy", np.ones((3, 2), dtype=complex), "must hold real numbers; got dtype complex128"),
        ("points.npy", np.array(["a", "b"]), "must hold real numbers"),
        ("points.npy", np.ones((3, 2, 2)), r"rows of points, shape (n, dim); got shape (3, 2, 2)"),
        ("points.npy", np.ones((3, 0)), "rows of points"),
        ("points.npy", np.ones((1, 2)), "at least 2 points; got 1"),
        ("points.npy", np.array([[1, 2], [np.nan, 1], [1, np.inf], [1, 1]]), "in rows 1, 2 (counted from 0)"),
        ("points.npy", np.full((30, 1), np.nan), "rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."),
        ("points.npy", np.array([[1.0, 1e308], [2.0, -1e308]]), "column 1 exceeds it: change its unit"),
        ("points.npz", {"a": np.ones(3), "b": np.ones(3)}, "it holds: a, b: choose by --array NAME"),
        ("points.npz", {}, "it holds: none"),
        ("points.csv", "", "at least 2 points; got none"),
        ("points.csv", "a,b\n", "at least 2 points; got none"),
        ("points.csv", "a,b\n1,2\n3\n", "row 1 has 1 values, row 0 has 2"),
        ("points.csv", "1,2\n3,x\n", "row 1 (counted from 0) holds 'x', not a number"),
        ("points.csv", "1,2\n3,\n4,5\n", "NaN or infinite in row 1 (counted from 0)"),
        ("points.csv", b"\xff\xfe\x00", "cannot be read as CSV text"),
    ],
)
def test_files_that_cannot_be_used(
    name: str, content: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", _write(tmp_path, name, content)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("diffmath: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n", "0"], "--n must be at least 1; got 0"),
        (["--steps", "0"], "steps must be at least 1; got 0"),
        (["--bandwidth", "-1"], "bandwidth must be finite and not negative; got -1.0"),
        (["--out", "samples.txt"], "--out must end in .npy, .npz, .csv; got 'samples.txt'"),
        (["--plot", "picture.docx"], "--plot must end in one of"),
        (["--array", "a"], "--array names an array of an .npz file"),
        (["--out", "no/such/folder/x.npy"], "no folder"),
        (["--bandwidth", "11"], "--bandwidth must be at most 10 standard deviations; got 11.0"),
    ],
)
def test_options_that_cannot_be_used(
    options: list[str], message: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(file), "--quiet", "--steps", "2", *options]) == 2
    assert message in capsys.readouterr().err


def test_one_array_of_several_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path, "two.npz", {"a": np.ones((3, 2)), "b": _points()})
    assert main(["sample", path, "--array", "b", "--n", "2", "--steps", "2", "--quiet"]) == 0
    assert main(["sample", path, "--array", "c"]) == 2
    assert "has no array 'c'; it holds: a, b" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["sample", str(file), "--n", "2", "--plot", "x.png"]) == 1
    assert 'pip install "diffmath[plot]"' in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main(["sample", str(tmp_path / "absent.npy"), "--debug"])


def test_a_closed_pipe_ends_quietly(file: Path) -> None:
    command = f"{sys.executable} -m diffmath sample {file} --n 20000 --steps 2 --quiet | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_tiny_values_are_not_taken_for_constants() -> None:
    """Their squares underflow: the samples are the same numbers in another unit."""
    points = _points()[:, :2]
    large, _ = sample_points(points, Sampling(n=50))
    tiny, _ = sample_points(points * 2.0**-700, Sampling(n=50))
    np.testing.assert_allclose(tiny * 2.0**700, large, rtol=1e-12)


@pytest.mark.parametrize("option", ["--out", "--plot"])
def test_a_missing_folder_is_refused_before_the_work(
    option: str,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: Any) -> Any:
        raise AssertionError("the work was begun")

    monkeypatch.setattr("diffmath.cli._sample.sample_points", fails)
    name = "x.npy" if option == "--out" else "x.png"
    assert main(["sample", str(file), option, str(tmp_path / "none" / name)]) == 2
    assert f"{option}: no folder" in capsys.readouterr().err
    (tmp_path / name).mkdir()
    assert main(["sample", str(file), option, str(tmp_path / name)]) == 2
    assert f"{option} must name a file" in capsys.readouterr().err


def test_too_many_samples_for_the_memory_are_a_message(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(file), "--n", str(10**13)]) == 1
    assert capsys.readouterr().err.startswith("diffmath: error: Unable to allocate")


def test_hippo_derives_the_matrices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hippo", "--measure", "jacs", "--beta", "0.5", "--order", "1"]) == 0
    text = capsys.readouterr().out
    assert "jacs(beta=1/2), scaled" in text
    assert "t c' = A c + B u" in text
    assert "closure    exact\n" in text
    assert "[-3/2]" in text
    assert main(["hippo", "--measure", "fous", "--order", "3"]) == 0
    assert "truncated, by a residual of norm 2.02" in capsys.readouterr().out
    assert main(["hippo", "--measure", "legt", "--order", "2"]) == 0
    assert "exact, except for the end of the window" in capsys.readouterr().out


def test_hippo_prints_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hippo", "--measure", "legt", "--order", "2", "--latex"]) == 0
    assert capsys.readouterr().out == (
        "\\begin{aligned}\n"
        "  c'(t) &= A\\,c(t) + B\\,u(t) \\\\\n"
        "  A &= \\left[\\begin{matrix}-1 & \\sqrt{3}\\\\- \\sqrt{3} & -3\\end{matrix}\\right] \\\\\n"
        "  B &= \\left[\\begin{matrix}1\\\\\\sqrt{3}\\end{matrix}\\right]\n"
        "\\end{aligned}\n"
    )


def _rows(display: str, name: str) -> list[list[str]]:
    body = re.search(rf"  {name} &= .*?begin.*?matrix}}(.*?)\\end", display)
    assert body is not None
    return [row.split(" & ") for row in body[1].split("\\\\")]


def test_hippo_cuts_wide_matrices_by_dots(capsys: pytest.CaptureFixture[str]) -> None:
    """What a line of text holds is kept, the last row and column with it, and every row has every column."""
    assert main(["hippo", "--measure", "legt", "--order", "12", "--latex"]) == 0
    display = capsys.readouterr().out
    A, B = _rows(display, "A"), _rows(display, "B")
    assert {len(row) for row in A} == {len(A)} == {len(B)} == {9}
    assert A[-2] == ["\\vdots"] * 7 + ["\\ddots", "\\vdots"]
    assert all(row[-2] == "\\cdots" for row in (*A[:-2], A[-1]))
    assert (A[0][:2], A[-1][-1]) == (["-1", "\\sqrt{3}"], "-23")
    assert [row[0] for row in B[-2:]] == ["\\vdots", "\\sqrt{23}"]


def test_hippo_prints_every_entry_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond amsmath's ten columns of a matrix, an array."""
    assert main(["hippo", "--measure", "lagt", "--order", "12", "--latex", "--whole"]) == 0
    display = capsys.readouterr().out
    assert "dots" not in display
    rows = re.search(r"A &= .*array}{c{12}}(.*?)\\end{array}", display)
    assert rows is not None
    assert [len(row.split(" & ")) for row in rows[1].split("\\\\")] == [12] * 12
    assert main(["hippo", "--measure", "legs", "--order", "2", "--whole"]) == 2
    assert "--whole needs --latex" in capsys.readouterr().err


@pytest.mark.parametrize(("measure", "order", "columns"), [
    ("legs", 1, 1), ("legs", 2, 2), ("legs", 3, 3), ("legt", 8, 8), ("legt", 9, 9), ("legt", 10, 9),
    ("fout", 11, 10),
])  # fmt: skip
def test_hippo_keeps_narrow_matrices_whole(
    measure: str, order: int, columns: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hippo", "--measure", measure, "--order", str(order), "--latex"]) == 0
    display = capsys.readouterr().out
    assert len(_rows(display, "A")[0]) == columns
    assert ("\\ddots" in display) == (columns < order)


@pytest.mark.parametrize("options", [
    ["legs"], ["jacs", "--beta", "1/2"], ["legt"], ["fout", "--as-published"], ["foud", "--retention", "0.6"],
    ["fous"], ["lagt", "--alpha", "-0.5"], ["lagt", "--alpha=-1/2", "--beta", "0", "--timescale", "2"],
    ["lagt", "--alpha", "1/3"],
])  # fmt: skip
def test_hippo_draws_every_measure(options: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "kernels.png"
    assert main(["hippo", "--order", "3", "--plot", str(picture), "--measure", *options]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("options", "message"), [
    (["legs", "--order", "0"], "order must be at least 1; got 0"),
    (["legs", "--order", "2", "--beta", "1"], "--beta does not fit legs, which takes no option"),
    (["legt", "--order", "2", "--as-published"], "--as-published does not fit legt"),
    (["fout", "--order", "3", "--beta", "1"], "--beta does not fit fout, which takes --as-published"),
    (["jacs", "--order", "2"], "jacs needs --beta"),
    (["foud", "--order", "3"], "foud needs --retention"),
    (["jacs", "--order", "2", "--beta", "-1"], "beta must be greater than -1"),
    (["jacs", "--order", "2", "--beta", "x"], "invalid Fraction value: 'x'"),
    (["magic", "--order", "2"], "invalid choice: 'magic'"),
    (["legs", "--order", "2", "--plot", "x.docx"], "--plot must end in one of"),
    (["legs", "--order", "2", "--plot", "no/folder/x.png"], "--plot: no folder"),
])  # fmt: skip
def test_hippo_refuses(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hippo", "--measure", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run a command with --json; return what it printed, read back."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_of_info(capsys: pytest.CaptureFixture[str]) -> None:
    facts = _printed(capsys, "info")
    assert facts["diffmath"]["version"] == diffmath.__version__
    assert facts["required packages"]["numpy"] == np.__version__


def test_json_of_hippo_reads_back_as_the_exact_matrices(capsys: pytest.CaptureFixture[str]) -> None:
    found = _printed(capsys, "hippo", "--measure", "legs", "--order", "3")
    A, B = symbolic.derive_hippo(symbolic.legs, 3)
    for name, exact in (("A", A), ("B", B)):
        assert sympy.Matrix([[sympy.sympify(entry) for entry in row] for row in found[name]]) == exact
    assert (found["measure"], found["closure"], found["residual"]) == ("legs", "exact", "0")
    assert main(["hippo", "--measure", "legs", "--order", "3", "--json", "--latex"]) == 2


def test_json_of_sample(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("sample", str(file), "--n", "5", "--steps", "4", "--quiet")
    printed = _printed(capsys, *asked)
    expected, width = sample_points(_points(), Sampling(n=5, steps=4))
    assert np.array_equal(printed["samples"], expected)
    assert (printed["bandwidth"], printed["method"], printed["n"]) == (width, "dpmpp_2m", 5)
    out = tmp_path / "new.npy"
    assert _printed(capsys, *asked, "--out", str(out))["out"] == str(out)
    assert np.array_equal(np.load(out), expected)


def test_a_command_loads_only_what_it_needs(file: Path) -> None:
    code = (
        "import sys; from diffmath.cli import main; sys.modules['matplotlib'] = None; "
        "asked = [['--version'], ['info', '--json'], ['sample', FILE, '--quiet'], ['demo']]; "
        "codes = [main(words) for words in asked]; "
        "heavy = {'sympy', 'diffmath.demo._run'}; print(codes, heavy & {*sys.modules}, file=sys.stderr)"
    )
    code = code.replace("FILE", repr(str(file)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "diffmath[plot]" in done.stderr
    assert done.stderr.splitlines()[-1] == "[0, 0, 0, 1] set()"


def test_the_name_it_was_started_by(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/diffmath"])
    assert main(["sample", "--help"]) == 0
    text = capsys.readouterr().out
    assert "diffmath sample my.npy" in text
    assert "python -m" not in text


def _hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let an import of these packages fail, as where they are not installed."""

    class Hidden:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name.partition(".")[0] in names:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in [module for module in sys.modules if module.partition(".")[0] in names]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in names else found(name, *a)
    )


def test_commands_run_quietly_without_tqdm_and_rich(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo's parts, which take a minute of a core, run nightly; here they answer at once."""
    _hide(monkeypatch, "tqdm", "rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["sample", str(file), "--n", "5", "--steps", "4"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1  # the message, and no bar

    def run(out: Path, *, progress: bool, announce: Any, **options: Any) -> demo.DemoResult:
        assert not progress
        announce("1 of 3: a part")
        row = demo.CheckRow("a check", "2", "1", "rejected, as it must be", True)
        return demo.DemoResult((demo.Part("a part", "", (), (), "", (row,)),), out / "report.html", 1.0)

    monkeypatch.setattr(demo, "run", run)
    assert main(["demo", "--quick", "--out", str(tmp_path / "demo")]) == 0
    out, err = capsys.readouterr()
    assert "rejected, as it must be" in out
    assert err == "1 of 3: a part\n"


@pytest.mark.slow
def test_the_whole_demo_runs_quietly_without_tqdm_and_rich(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _hide(monkeypatch, "tqdm", "rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["demo", "--quick", "--out", str(tmp_path / "demo")]) == 0
    out, err = capsys.readouterr()
    assert "rejected, as it must be" in out
    assert [line[:6] for line in err.splitlines()] == ["1 of 3", "2 of 3", "3 of 3"]


def test_the_demo_says_in_one_line_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _hide(monkeypatch, "matplotlib")
    assert main(["demo", "--quick", "--out", str(tmp_path / "demo")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert 'pip install "diffmath[plot]"' in err
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_samples(process: str) -> None:
    samples, _ = sample_points(_points(), Sampling(process=process, grid="uniform", n=3, steps=4))
    assert samples.shape == (3, 3)
    assert np.all(np.isfinite(samples))


@pytest.mark.parametrize("grid", GRIDS)
def test_every_grid_samples(grid: str) -> None:
    process = "vp_sigmoid" if grid == "discrete" else "vp"
    parameters = "(N=100)" if grid == "discrete" else ""
    steps = 10 if grid == "ays" else 4
    asked = Sampling(process=process, grid=f"{grid}{parameters}", n=3, steps=steps)
    assert np.all(np.isfinite(sample_points(_points(), asked)[0]))


def test_names_have_parameters(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--process", "edm(t_max=50)", "--grid", "karras(rho=5)", "--method", "ddim(eta=0.5)"]
    assert main(["sample", str(file), "--n", "3", "--steps", "4", "--json", "--quiet", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["process"], found["grid"], found["method"]) == (
        "edm(t_max=50)",
        "karras(rho=5)",
        "ddim(eta=0.5)",
    )
    for option, text, message in (
        ("--grid", "karas", "--grid must be an object of diffmath.diffusion or its name; got 'karas_times'"),
        ("--grid", "karras(r=1)", "the parameters are process, steps, rho"),
        ("--process", "vq", "--process must be an object of diffmath.diffusion or its name; got 'vq'"),
        ("--method", "ddim(tau=1)", "the parameters are eta"),
    ):
        assert main(["sample", str(file), "--n", "3", "--steps", "4", option, text]) == 2
        assert message in capsys.readouterr().err


def test_samplers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samplers"]) == 0
    text = capsys.readouterr().out
    assert all(any(line.startswith(f"{name} ") for line in text.splitlines()) for name in METHODS)
    assert "processes: " in text
    assert main(["samplers", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} == set(METHODS)
    assert main(["samplers", "--peer", "ComfyUI"]) == 0
    assert "dpmpp_2m_sde_heun" in capsys.readouterr().out
