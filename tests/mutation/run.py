"""Mutation testing: change one operator, number or condition of the source, and see whether a test fails.

`nox -s mutation` draws a fixed sample of the mutants that cosmic-ray knows for the files below. It runs the
tests that mirror the file of each, and prints the share that is killed, and the survivors. The runs are forks
of a process that has imported everything but diffmath: NumPy, SciPy, SymPy and numba take seconds to import.
"""

from __future__ import annotations

import argparse
import ast
import concurrent.futures
import difflib
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A file and the tests that mirror it; the doctests of the file run as well.
TARGETS: dict[str, tuple[str, ...]] = {
    "diffmath/_arrays/accelerate.py": (
        "tests/arrays/test_accelerate.py",
        "tests/test_foundation.py",
        "tests/arrays/test_host_sharing.py",
    ),
    "diffmath/_arrays/namespace.py": (
        "tests/arrays/test_namespace.py",
        "tests/test_foundation.py",
        "tests/test_host_arguments.py",
    ),
    "diffmath/_arrays/host_numbers.py": ("tests/arrays/test_namespace.py", "tests/test_host_arguments.py"),
    "diffmath/_arrays/scalars.py": ("tests/arrays/test_namespace.py",),
    "diffmath/_arrays/bound.py": ("tests/arrays/test_bound.py",),
    "diffmath/_arrays/diffusion_shape.py": ("tests/sde/test_shapes.py", "tests/sde/loop/test_solve.py"),
    "diffmath/_arrays/callables.py": (
        "tests/arrays/test_callables.py",
        "tests/test_foundation.py",
        "tests/diffusion/model/test_model.py",
        "tests/ode/test_hostile.py",
    ),
    "diffmath/_core/numbers.py": ("tests/core/test_numbers.py",),
    "diffmath/_core/counts.py": ("tests/test_foundation.py", "tests/statespace/memory/test_memory.py"),
    "diffmath/_arrays/expm.py": (
        "tests/arrays/test_expm.py",
        "tests/ode/exponential/test_linear.py",
        "tests/sde/loop/test_exact.py",
    ),
    "diffmath/_core/flags.py": ("tests/core/test_flags.py",),
    "diffmath/_core/html.py": ("tests/core/test_html.py",),
    "diffmath/_core/lazy.py": ("tests/test_foundation.py", "tests/test_public_api.py"),
    "diffmath/_arrays/models.py": ("tests/sde/loop/test_solve.py", "tests/sde/methods/test_method.py"),
    "diffmath/_core/named.py": ("tests/core/test_named.py",),
    "diffmath/_arrays/phi.py": ("tests/arrays/test_phi.py",),
    "diffmath/_core/progress.py": ("tests/test_foundation.py",),
    "diffmath/_core/solution.py": ("tests/test_foundation.py", "tests/core/test_html.py"),
    "diffmath/_core/step_cache.py": ("tests/core/test_step_cache.py",),
    "diffmath/random/_distributions.py": (
        "tests/random/test_distributions.py",
        "tests/random/test_streams.py",
    ),
    "diffmath/random/_key.py": ("tests/random/test_key.py",),
    "diffmath/random/_philox.py": ("tests/random/test_philox.py", "tests/random/test_distributions.py"),
    "diffmath/random/_streams.py": ("tests/random/test_streams.py",),
    "diffmath/random/_transform.py": ("tests/random/test_distributions.py",),
    "diffmath/_stepping/clocks.py": ("tests/stepping/test_clocks.py", "tests/ode/steps/test_adaptive.py"),
    "diffmath/_stepping/control.py": ("tests/stepping/test_control.py", "tests/ode/steps/test_adaptive.py"),
    "diffmath/_stepping/tolerance.py": ("tests/stepping/test_tolerance.py", "tests/stepping/test_control.py"),
    "diffmath/_stepping/diagnosis.py": (
        "tests/stepping/test_diagnosis.py",
        "tests/ode/test_hostile_explicit.py",
    ),
    "diffmath/_stepping/failures.py": ("tests/stepping/test_failures.py", "tests/ode/test_hostile.py"),
    "diffmath/_stepping/watcher.py": ("tests/stepping/test_watcher.py", "tests/ode/test_hostile.py"),
    "diffmath/_newton/newton.py": ("tests/newton/test_newton.py", "tests/ode/implicit/test_implicit.py"),
    "diffmath/_newton/convergence.py": ("tests/newton/test_convergence.py", "tests/newton/test_newton.py"),
    "diffmath/_newton/plan.py": ("tests/newton/test_plan.py",),
    "diffmath/_newton/stages.py": ("tests/newton/test_stages.py", "tests/newton/test_newton.py"),
    "diffmath/_stepping/fetch.py": ("tests/stepping/test_fetch.py", "tests/newton/test_stages.py"),
    "diffmath/_stepping/one_clock.py": (
        "tests/stepping/test_clocks.py",
        "tests/ode/steps/test_small.py",
        "tests/ode/problem/test_single.py",
    ),
    "diffmath/_stepping/trial.py": (
        "tests/stepping/test_trial.py",
        "tests/ode/test_own_method.py",
        "tests/ode/steps/test_adaptive.py",
    ),
    "diffmath/ode/_steps/attempt.py": (
        "tests/ode/steps/test_attempt.py",
        "tests/ode/test_own_method.py",
        "tests/ode/steps/test_adaptive.py",
        "tests/ode/loop/test_dense.py",
    ),
    "diffmath/ode/_steps/host.py": (
        "tests/ode/steps/test_host.py",
        "tests/ode/steps/test_interpolant.py",
        "tests/ode/steps/test_small.py",
        "tests/ode/steps/test_adaptive.py",
        "tests/ode/loop/test_dense.py",
    ),
    "diffmath/ode/_steps/interpolant.py": (
        "tests/ode/steps/test_interpolant.py",
        "tests/ode/loop/test_dense.py",
        "tests/ode/test_own_method.py",
    ),
    "diffmath/ode/_steps/outcome.py": (
        "tests/ode/steps/test_outcome.py",
        "tests/ode/steps/test_adaptive.py",
        "tests/ode/test_own_method.py",
    ),
    "diffmath/ode/_steps/small.py": (
        "tests/ode/steps/test_small.py",
        "tests/ode/steps/test_interpolant.py",
        "tests/ode/problem/test_single.py",
    ),
    "diffmath/ode/_steps/sums.py": (
        "tests/ode/steps/test_sums.py",
        "tests/ode/steps/test_small.py",
        "tests/ode/problem/test_single.py",
    ),
    "diffmath/sde/_loop/adaptive.py": ("tests/sde/loop/test_adaptive.py", "tests/sde/loop/test_descent.py"),
    "diffmath/sde/_noise/area.py": ("tests/sde/noise/test_area.py", "tests/sde/noise/test_levy.py"),
    "diffmath/sde/_noise/bridge.py": ("tests/sde/noise/test_bridge.py", "tests/sde/brownian/test_path.py"),
    "diffmath/sde/_model/commutes.py": (
        "tests/sde/model/test_declared.py",
        "tests/sde/methods/test_milstein.py",
    ),
    "diffmath/sde/_loop/descent.py": ("tests/sde/loop/test_descent.py", "tests/sde/loop/test_adaptive.py"),
    "diffmath/sde/_loop/groups.py": (
        "tests/sde/loop/test_groups.py",
        "tests/sde/loop/test_descent.py",
        "tests/sde/loop/test_adaptive.py",
    ),
    "diffmath/sde/_noise/levy.py": ("tests/sde/noise/test_levy.py", "tests/sde/noise/test_area.py"),
}

KILLED = ("killed", "timeout")

PRELOADED = (
    "numpy", "scipy.linalg", "scipy.sparse", "scipy.special", "scipy.stats", "scipy.integrate", "sympy",
    "numba", "hypothesis", "pytest", "mpmath", "array_api_compat.numpy", "array_api_strict",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change that cosmic-ray makes: occurrence number `occurrence` of an operator in a file."""

    path: str
    operator: str
    occurrence: int
    line: int


@dataclass(frozen=True)
class Verdict:
    """The result of the tests for a mutant, and its change."""

    mutant: Mutant
    outcome: str  # "killed", "survived", "timeout", "untested"
    seconds: float
    change: str


def mutants_of(path: str) -> list[Mutant]:
    """Return all mutants of a file, except those inside annotations, which are never evaluated."""
    import cosmic_ray.plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    source = (ROOT / path).read_text(encoding="utf-8")
    unevaluated, nodes, found = _annotations(source), list(ast_nodes(get_ast(source))), []
    for name in cosmic_ray.plugins.operator_names():
        kind = cosmic_ray.plugins.get_operator(name)
        if kind.arguments():
            continue
        positions = [start for node in nodes for start, _ in kind().mutation_positions(node)]
        found += [
            Mutant(path, name, occurrence, line)
            for occurrence, (line, column) in enumerate(positions)
            if not any(first <= (line, column) < last for first, last in unevaluated)
        ]
    return found


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    parts: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        parts.append(getattr(node, "annotation", None))
        parts.append(getattr(node, "returns", None))
    return [((p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)) for p in parts if p is not None]


def sample(number: int, seed: int) -> list[Mutant]:
    """Return a fixed random sample of the mutants of all targets."""
    everything = [mutant for path in TARGETS if (ROOT / path).exists() for mutant in mutants_of(path)]
    print(f"{len(everything)} mutants in {len(TARGETS)} files", flush=True)
    return random.Random(seed).sample(everything, min(number, len(everything)))


def examine(tree: str, mutants: list[Mutant], deadline: float) -> list[Verdict]:
    """Run mutants one after another in a copy of the project, until the deadline."""
    os.chdir(tree)
    sys.path.insert(0, tree)
    for name in PRELOADED:
        __import__(name)
    sys.modules["numba"].njit(lambda x: x + x)(1.0)  # what numba imports when it compiles for the first time
    limits: dict[str, float | None] = {}
    verdicts = []
    for mutant in mutants:
        if mutant.path not in limits:
            sys.dont_write_bytecode = False  # what is compiled now is not compiled for every mutant
            code, seconds = _tests(mutant.path, 300.0)
            log = Path("mutation.log").read_text(encoding="utf-8")
            if code != "survived":
                print(f"the tests of {mutant.path} fail without a mutant ({code}):\n{log}", file=sys.stderr)
            limits[mutant.path] = None if code != "survived" else 10.0 + 4.0 * min(seconds, 20.0)
        if time.time() > deadline:
            break
        # A mutant of the same size, made in the same second as another, would not be compiled.
        sys.dont_write_bytecode = True
        limit = limits[mutant.path]
        broken = Verdict(mutant, "untested", 0.0, "its tests fail without it")
        verdicts.append(broken if limit is None else _examine(mutant, limit))
        print(json.dumps(asdict(verdicts[-1])), file=sys.stderr, flush=True)
    return verdicts


def _examine(mutant: Mutant, limit: float) -> Verdict:
    import cosmic_ray.plugins
    from cosmic_ray.mutating import mutate_code

    file = Path(mutant.path)
    source = file.read_text(encoding="utf-8")
    changed = mutate_code(source, cosmic_ray.plugins.get_operator(mutant.operator)(), mutant.occurrence)
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
    change = " ".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))
    file.write_text(changed, encoding="utf-8")
    try:
        outcome, seconds = _tests(mutant.path, limit)
    finally:
        file.write_text(source, encoding="utf-8")
    return Verdict(mutant, outcome, seconds, change)


def _tests(path: str, limit: float) -> tuple[str, float]:
    """Run the tests of a file in a fork; return the outcome, and how long a core worked.

    The limit is one of work, so that other work on the machine kills no mutant. One that waits for nothing
    ends after ten times as long.
    """
    start, child = time.time(), os.fork()
    if child == 0:
        _run_tests(path, limit)
    while time.time() - start < 10.0 * limit:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            exhausted = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
            passed = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
            outcome = "timeout" if exhausted else "survived" if passed else "killed"
            return outcome, used.ru_utime + used.ru_stime
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout", time.time() - start


def _run_tests(path: str, limit: float) -> None:
    """Run pytest in this process, and end it."""
    code = 3
    try:
        os.setpgid(0, 0)
        log = os.open("mutation.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        resource.setrlimit(
            resource.RLIMIT_AS, (12 << 30, 12 << 30)
        )  # a mutant may ask for any amount of memory
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 5))
        tests = [test for test in TARGETS[path] if Path(test).exists()]
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        # What was imported ahead is not rewritten, which pytest warns of.
        warnings = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        # The file last: pytest would load it a second time before its package is imported.
        code = int(pytest.main([*options, *warnings, *tests, path], plugins=[_KillersFirst(path)]))
    except BaseException:  # noqa: BLE001 (a fork must not return into the loop of its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _KillersFirst:
    """Run first the tests that killed other mutants of the file: the first failure ends the run."""

    def __init__(self, path: str) -> None:
        self._notes = Path("killers-" + path.replace("/", "-")).absolute()
        known = self._notes.read_text(encoding="utf-8") if self._notes.exists() else ""
        self._known = Counter(known.splitlines())

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -self._known[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._notes.open("a", encoding="utf-8") as notes:
                notes.write(report.nodeid + "\n")


def copy_of_the_project(folder: Path) -> str:
    """Copy what the tests need, compiled kernels included."""
    for name in ("diffmath", "tests", "docs", "pyproject.toml", "noxfile.py", "README.md", "CHANGELOG.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("_build", ".nox"))
        else:
            shutil.copy2(source, folder / name)
    return str(folder)


def read_verdicts(file: Path) -> list[Verdict]:
    """Return the verdicts that a run has written to its standard error."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]
    return [Verdict(Mutant(**line.pop("mutant")), **line) for line in lines]


def report(verdicts: list[Verdict], seconds: float) -> dict[str, Any]:
    """Return the score, by file and in all, and the survivors."""
    ran, killed = Counter(v.mutant.path for v in verdicts), Counter[str]()
    for verdict in verdicts:
        killed[verdict.mutant.path] += verdict.outcome in KILLED
    survivors = [
        {**asdict(v.mutant), "change": v.change} for v in verdicts if v.outcome not in ("killed", "timeout")
    ]
    return {
        "mutants": len(verdicts),
        "killed": sum(killed.values()),
        "by timeout": sum(v.outcome == "timeout" for v in verdicts),
        "score": round(sum(killed.values()) / max(1, len(verdicts)), 3),
        "minutes": round(seconds / 60, 1),
        "files": {path: f"{killed[path]} of {ran[path]}" for path in sorted(ran)},
        "survivors": sorted(survivors, key=lambda s: (s["path"], s["line"])),
    }


def main() -> int:
    """Draw, run and print; exit with 1 if fewer than the required share are killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=600, help="mutants in the sample")
    parser.add_argument("--seed", type=int, default=2026, help="of the sample")
    parser.add_argument("--minutes", type=float, default=58.0, help="stop after this long")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--required", type=float, default=0.85, help="least share killed")
    parser.add_argument("--known", type=Path, default=None, help="verdicts of an earlier run, one a line")
    parser.add_argument("--out", type=Path, default=None, help="write the report as JSON")
    options = parser.parse_args()
    start = time.time()
    drawn = sample(options.number, options.seed)
    known = [] if options.known is None else read_verdicts(options.known)
    drawn = [mutant for mutant in drawn if mutant not in {verdict.mutant for verdict in known}]
    with tempfile.TemporaryDirectory() as folder:
        trees = [copy_of_the_project(Path(folder, str(k))) for k in range(options.workers)]
        # In the order of the draw, so that what has run by the deadline is a random sample too.
        shares = [drawn[k :: options.workers] for k in range(options.workers)]
        deadline = start + 60.0 * options.minutes
        with concurrent.futures.ProcessPoolExecutor(options.workers) as pool:
            parts = list(pool.map(examine, trees, shares, [deadline] * options.workers))
    result = report([*known, *(verdict for part in parts for verdict in part)], time.time() - start)
    text = json.dumps(result, indent=2)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(f"{result['killed']} killed, {result['mutants'] - result['killed']} survived")
    return 0 if result["score"] >= options.required else 1


if __name__ == "__main__":
    sys.exit(main())
