"""The first programs of a newcomer, run with nothing installed but the required packages.

`python tests/bare/programs.py` needs no pytest, no numba and no Matplotlib. It runs the Python of the README,
the programs (a) to (d) and the command line, says what passed, and exits with 1 if anything fails. The light
suite tests the same programs in more detail (tests/test_programs.py).
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import sympy

import diffmath as dm
from diffmath import diffusion, sde, symbolic
from diffmath import fokker_planck as fp
from diffmath import statespace as ss

__all__ = ["program_a", "program_b", "program_c", "program_d"]

README = Path(__file__).parents[2] / "README.md"


def program_a() -> dict[str, Any]:
    """Derive, remember, reconstruct."""
    A, B = symbolic.derive_hippo(symbolic.legs, 4)  # exact SymPy matrices, from the measure
    u = np.sin(8 * np.linspace(0, 1, 1000)) + 0.5 * np.cos(21 * np.linspace(0, 1, 1000))
    c = ss.memorize(ss.legs(48), u, ss.bilinear)  # (1000, 48): row k after k+1 samples
    u_hat = ss.reconstruct(ss.legs(48), c[-1], np.linspace(0, 1, 200))

    assert A.shape == (4, 4)
    assert list(B) == [1, sympy.sqrt(3), sympy.sqrt(5), sympy.sqrt(7)]
    assert c.shape == (1000, 48)
    return {"u_hat": u_hat}


def program_b() -> dict[str, Any]:
    """S4: kernel, convolution, recurrence."""
    u = np.sin(8 * np.linspace(0, 1, 1000)) + 0.5 * np.cos(21 * np.linspace(0, 1, 1000))
    C = np.random.default_rng(0).standard_normal(64)
    system = ss.bilinear(ss.legs(64).with_output(C), 1 / 1024)
    K = ss.kernel(system, 1024)  # method chosen from the structure
    y = ss.convolve(u, K)  # FFT, causal
    y_rec = ss.simulate(system, u)

    assert K.shape == (1024,)
    # 1e-12 relative: rounding of 1000 recurrence steps against one FFT
    np.testing.assert_allclose(y, y_rec, rtol=0, atol=1e-12 * np.max(np.abs(y_rec)))
    return {"y": y, "y_rec": y_rec}


def program_c() -> dict[str, Any]:
    """Sample from any score."""
    process = diffusion.vp()  # beta from 0.1 to 20
    target = diffusion.GaussianMixture(
        weights=[0.3, 0.7], means=[[-2.0, 0.0], [2.0, 1.0]], covariances=[0.1, 0.2]
    )
    score = target.score(process)  # score(x, t); a user's own callable goes here
    key = dm.random.key(0)
    x_T = process.sample_prior(key, (4096, 2), like=np.empty(0))
    times = diffusion.log_snr_times(process, 20)
    x_ode = diffusion.sample(process, score, x_T, times, method=diffusion.dpmpp_2m)
    x_sde = diffusion.sample(process, score, x_T, times, method=diffusion.sde_dpmpp_2m, key=key)
    logp = diffusion.log_likelihood(process, score, x_ode, rtol=1e-6)

    assert x_ode.shape == x_sde.shape == (4096, 2)
    # The share of the right component is 0.7 +- 6 standard deviations (false-positive rate 2e-9) plus bias.
    for x in (x_ode, x_sde):
        assert abs(np.mean(x[:, 0] > 0) - 0.7) < 6 * np.sqrt(0.21 / 4096) + 0.01
    return {"process": process, "target": target, "x_ode": x_ode, "logp": logp}


def program_d() -> dict[str, Any]:
    """One symbolic SDE: paths, density, and the check that they agree."""
    key = dm.random.key(0)
    x, t = sympy.symbols("x t")
    well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[sympy.Rational(7, 10)]])
    operator = symbolic.fokker_planck_operator(well)  # SymPy expression in p(x, t)
    x0 = 0.3 * dm.random.normal(key, (100_000, 1), like=np.empty(0))
    paths = sde.solve(well.lower(), x0, np.linspace(0, 2, 201), method=sde.milstein, key=key)
    final = sde.ensemble(well, x0, t_span=(0.0, 2.0), steps=200, method="milstein", key=key)
    grid = fp.Grid.uniform((-4, 4), 400)
    density = fp.solve(well.lower(), fp.gaussian(grid, mean=0.0, std=0.3), [0.0, 2.0], grid)
    report = fp.check_samples(paths.x[-1], density.p[-1], grid, false_positive_rate=1e-3)
    assert report.passed, report

    np.testing.assert_array_equal(final, paths.x[-1])
    return {"operator": operator, "symbols": (x, t), "paths": paths, "density": density, "grid": grid}


def readme() -> None:
    """The Python of the README."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})


def command_info() -> None:
    """`diffmath info`, as text and as JSON."""
    assert dm.__version__ in _command("info")[1]
    assert json.loads(_command("info", "--json")[1])["diffmath"]["version"] == dm.__version__


def command_hippo() -> None:
    """`diffmath hippo`."""
    assert "closure    exact" in _command("hippo", "--measure", "legs", "--order", "3")[1]


def command_sample() -> None:
    """`diffmath sample`."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "points.npy"), Path(folder, "samples.npy")
        np.save(source, np.random.default_rng(0).standard_normal((100, 2)))
        errors = _command("sample", str(source), "--n", "50", "--steps", "8", "--out", str(out))[2]
        assert np.load(out).shape == (50, 2)
        assert "50 samples by dpmpp_2m" in errors
        assert "Warning" not in errors


def command_demo() -> None:
    """`diffmath demo` says in one line what to install, if Matplotlib is missing."""
    if importlib.util.find_spec("matplotlib"):
        return
    code, out, errors = _command("demo", "--quick", fails=True)
    assert code == 1, code
    assert out == "", out
    assert 'pip install "diffmath[plot]"' in errors, errors
    assert len(errors.strip().splitlines()) == 1, errors


def console_command() -> None:
    """`diffmath` is a command."""
    program = Path(sysconfig.get_path("scripts"), "diffmath")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"diffmath {dm.__version__}\n"


def _command(*arguments: str, fails: bool = False) -> tuple[int, str, str]:
    """Run `python -m diffmath`; return its exit code and what it printed and complained."""
    command = [sys.executable, "-m", "diffmath", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert fails or done.returncode == 0, done.stderr
    return done.returncode, done.stdout, done.stderr


PROGRAMS = (
    readme, program_a, program_b, program_c, program_d,
    command_info, command_hippo, command_sample, command_demo, console_command,
)  # fmt: skip


def main() -> int:
    """Run everything, print a line each, and return the exit code."""
    failed = 0
    for program in PROGRAMS:
        start = time.perf_counter()
        try:
            program()
        except Exception:  # noqa: BLE001 (whatever fails is reported, and the next program runs)
            traceback.print_exc()
            failed += 1
            verdict = "FAILED"
        else:
            verdict = "passed"
        print(f"{verdict}  {time.perf_counter() - start:5.1f} s  {program.__doc__}", flush=True)
    print(f"{len(PROGRAMS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
