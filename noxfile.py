"""The one way to run anything: `nox -l` lists the sessions, `nox -s NAME` runs one."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "virtualenv"

# The deep-learning frameworks are never pulled in by accident: only `interop` and `bench` name them, as the
# release whose CPU build is meant; a range would bring the multi-gigabyte CUDA build.
TORCH = "torch==2.13.0"
LIGHT = ["pytest", "--numprocesses", "auto", "--dist", "worksteal", "--durations=20", "--durations-min=5"]
KERNELS = [
    *sorted(Path("diffmath", "kernels", "numba").glob("*.py")),
    Path("diffmath", "_stepping", "one_clock.py"),  # which the kernels of the clocks compile
]
STATE = hashlib.sha256(b"".join(path.read_bytes() for path in KERNELS)).hexdigest()[:12]
# A worker for each core: threads of BLAS would wait for those of the others, at three times the cost. The
# threads of diffmath's own kernels stay as they are. Compiled kernels are shared by workers and sessions, and
# belong to one state of all kernels: numba sees a change of the file of a kernel, not of what it calls.
SUITE = {
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_CACHE_DIR": str(Path(".nox", "numba", STATE).absolute()),
}
DOCS = Path("docs")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# Seconds that the sessions of the gate may take on two quiet cores, each as `.ci/run` runs it: `docs` beside
# `bare`, `lint`, `types` and `double`, and the other two alone. A session that needs more is made cheaper, or
# another one is; the sum is not raised.
BUDGETS = {"tests": 330, "docs": 190, "bare": 60, "lint": 5, "types": 20, "double": 60, "interop": 200}
GATE = 720
TOOK = Path(".nox", "took")

# Hundreds of processes import the same files: their byte code is kept, also where the shell's setting is not
# to. Without it, collecting the tests takes three times as long. pip does not compile: what is imported
# compiles itself, and most of what is installed is never imported.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
PIP = ("--no-compile",)


def budgeted(run: Callable[[nox.Session], None]) -> Callable[[nox.Session], None]:
    """Write down how long a session of the gate took."""

    @functools.wraps(run)
    def timed(session: nox.Session) -> None:
        start = time.perf_counter()
        run(session)
        TOOK.mkdir(parents=True, exist_ok=True)
        (TOOK / run.__name__).write_text(str(time.perf_counter() - start))

    return timed


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the library (editable) with extras, and the named dependency groups of pyproject.toml."""
    target = f".[{extras}]" if extras else "."
    requirements = [
        line
        for group in groups
        for line in nox.project.load_toml("pyproject.toml")["dependency-groups"][group]
    ]
    session.install(*PIP, "-e", target, *requirements)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job on real data; writes figures and a report to ./diffmath-demo (or --out DIR)."""
    install(session, extras="all")
    session.run("python", "-m", "diffmath", "demo", *session.posargs)


@nox.session
@budgeted
def tests(session: nox.Session) -> None:
    """Run the light suite: NumPy, read-only NumPy and array-api-strict; no deep-learning framework."""
    install(session, "test")
    session.run(*LIGHT, *session.posargs, env=SUITE)


@nox.session
@budgeted
def bare(session: nox.Session) -> None:
    """Run a newcomer's first programs without extras, on this Python and every other one from 3.11 on."""
    for version in PYTHONS:
        python = interpreter(version)
        if python is None:
            session.log(f"Python {version}: NOT ON THIS MACHINE, so its programs did not run")
            continue
        start = time.perf_counter()
        run_bare(session, python, Path(session.create_tmp(), f"bare-{version}"))
        session.log(f"Python {version}: passed in {time.perf_counter() - start:.0f} s, installation included")


def run_bare(session: nox.Session, python: str, folder: Path) -> None:
    """Install the library alone into a new environment of this Python, and run the programs there."""
    inside = new_environment(session, python, folder, ".")
    session.run(inside, "tests/bare/programs.py", external=True)


def new_environment(session: nox.Session, python: str, folder: Path, *packages: str) -> str:
    """Make an environment of another Python than the session's; return the path of its Python."""
    session.run(python, "-m", "venv", "--clear", str(folder), external=True)
    inside = str(next(folder.glob("[bS]*/python*")).parent / "python")
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    session.run(inside, *pip, *PIP, *packages, external=True)
    return inside


def interpreter(version: str) -> str | None:
    """Return the path of a Python of this version that works, from PATH or from pyenv, or None."""
    name = f"python{version}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders += [path / "bin" for path in sorted(pyenv.glob(f"versions/{version}*"))]
    for candidate in [folder / name for folder in folders if (folder / name).exists()]:
        # A shim of pyenv may exist and run nothing; a system's Python may lack ensurepip.
        asked = [str(candidate), "-c", "import ensurepip, sys; print(sys.executable)"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    return None


@nox.session
@budgeted
def interop(session: nox.Session) -> None:
    """Run the array tests (those with the `xp` fixture) with PyTorch and JAX arrays as well."""
    install(session, "test")
    # Alone and exactly pinned, so that no other requirement can choose another build of it.
    session.install(*PIP, TORCH)
    session.install(*PIP, "jax>=0.5")
    selection = session.posargs or ["-k", "torch or jax", "tests"]
    # Two thirds of what JAX costs is compilation. What one worker has compiled, the other reads.
    compiled = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(Path(session.create_tmp(), "jax").absolute()),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    session.run(*LIGHT, *selection, env=SUITE | compiled | plain_codegen(session) | {"DIFFMATH_INTEROP": "1"})


def plain_codegen(session: nox.Session) -> dict[str, str]:
    """Let XLA compile thousands of small programs at half the cost, where this release knows how.

    Its fusion emitters make faster programs, which tests of one call do not need. An unknown flag would end
    the process, so it is tried first.
    """
    flags = {"XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false"}
    asked = [str(Path(session.bin, "python")), "-c", "import jax; jax.numpy.ones(1)"]
    known = subprocess.run(asked, env={**os.environ, **flags}, capture_output=True, check=False)
    return flags if known.returncode == 0 else {}


@nox.session
@budgeted
def double(session: nox.Session) -> None:
    """Run the array tests on a double of CuPy (tests/double): its refusals and costs, on no GPU."""
    install(session, "test")
    selection = session.posargs or ["tests"]
    session.run(*LIGHT, *selection, env=SUITE | {"DIFFMATH_CUPY_DOUBLE": "1"})


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the light suite with the lowest direct versions that pyproject.toml admits."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    lowest = [requirement.replace(">=", "==") for requirement in project["dependencies"]]
    install(session, "test")
    session.install(*lowest, "numba==0.61.*")
    session.run(*LIGHT, *session.posargs, env=SUITE)


@nox.session
@budgeted
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    install_only(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
@budgeted
def types(session: nox.Session) -> None:
    """Check types with mypy --strict."""
    install(session, "types", "lint")
    session.run("mypy")


def install_only(session: nox.Session, group: str) -> None:
    """Install a dependency group without the library."""
    session.install(*PIP, *nox.project.load_toml("pyproject.toml")["dependency-groups"][group])


@nox.session
@budgeted
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build/html, executing every example; warnings are errors."""
    install(session, "docs")
    shutil.rmtree(DOCS / "reference" / "generated", ignore_errors=True)
    build = ("sphinx-build", "-W", "--keep-going", "-b", "html", str(DOCS), str(DOCS / "_build" / "html"))
    session.run(*build, env=SUITE)
    session.log(f"open {DOCS / '_build' / 'html' / 'index.html'}")


@nox.session(venv_backend="none")
def budget(session: nox.Session) -> None:
    """Print what each session of the gate may take and what it took (`-- SECONDS`: the gate as a whole)."""
    rows = [
        (name, BUDGETS[name], float((TOOK / name).read_text())) for name in BUDGETS if (TOOK / name).exists()
    ]
    if session.posargs:
        rows.append(("the gate", GATE, float(session.posargs[0])))
    print(f"{'session':10}{'budget':>10}{'took':>10}")
    for name, allowed, took in rows:
        print(f"{name:10}{allowed:8d} s{took:8.0f} s{'   OVER ITS BUDGET' if took > allowed else ''}")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks (`nox -s bench -- random` for one); ratios to the peers of the same run."""
    install(session, "bench")
    session.install(*PIP, "--no-deps", "k-diffusion==0.1.1.post1")  # only its sampling.py is read
    names = session.posargs or [
        p.stem.removeprefix("bench_") for p in sorted(Path("tests/benchmarks").glob("bench_*.py"))
    ]
    for name in names:
        for script in sorted(Path("tests/benchmarks").glob(f"bench_{name}*.py")):
            session.run("python", str(script))


@nox.session
def nightly(session: nox.Session) -> None:
    """Run everything, slow tests included, with ten times the Hypothesis examples, freshly drawn."""
    install(session, "test")
    session.install("scikit-learn", "statsmodels")  # they carry the originals of the data that ship
    session.run(*LIGHT, *session.posargs, env=SUITE | {"DIFFMATH_PROFILE": "nightly"})


@nox.session
def mutation(session: nox.Session) -> None:
    """Change 600 places of the numerical core one by one; count the changes that a test sees (nightly)."""
    install(session, "test")
    session.install("cosmic-ray>=8.3")
    session.run("python", "tests/mutation/run.py", *session.posargs)


@nox.session
def pythons(session: nox.Session) -> None:
    """Run the light suite on every other Python from 3.11 on that the machine has (nightly)."""
    for version in PYTHONS:
        python = interpreter(version)
        if python is None or version == platform.python_version().rpartition(".")[0]:
            session.log(f"Python {version}: {'not on this machine' if python is None else 'that of `tests`'}")
            continue
        folder = Path(session.create_tmp(), f"suite-{version}")
        groups = nox.project.load_toml("pyproject.toml")["dependency-groups"]["test"]
        inside = new_environment(session, python, folder, "-e", ".", *groups)
        session.run(inside, "-m", *LIGHT, *session.posargs, env=SUITE, external=True)


@nox.session
def gpu(session: nox.Session) -> None:
    """Run the array tests and tests/gpu on CuPy; needs a CUDA device (extra cuda13, or DIFFMATH_CUDA=12)."""
    install(session, "test", extras=f"cuda{os.environ.get('DIFFMATH_CUDA', '13')}")
    session.run("pytest", "-k", "cupy or gpu", "tests", *session.posargs, env={"DIFFMATH_GPU": "1"})
