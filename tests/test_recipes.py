"""The recipes of CONTRIBUTING.md, run on a copy of the library: their additions work and are proven."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Recipes")[2]

BLOCK = re.compile(r"^ *```(?:python|toml)\n *# (append to|new file) (\S+)\n(.*?)^ *```$", re.M | re.S)
EXPORT = re.compile(r"In `(\S+?)`, import `(\w+)` from `([\w.]+)` and add it to `__all__`")

# What must hold after a recipe, as a program.
CHECKS = {
    "Add a Runge-Kutta method": """
        import sys
        from diffmath import ode
        from diffmath.testing import assert_order, linear_ode
        assert_order(ode.kutta3.step, linear_ode(dim=2, seed=1), order=3, two_sided=True)
        assert ode.solve(lambda t, x: -x, 1.0, [0, 1], method="kutta3", substeps=9).success
        solution = ode.solve(lambda t, x: -x, 1.0, [0, 1], method=ode.kutta3, substeps=9, dense=True)
        assert abs(solution.dense(0.5) - 0.6065) < 1e-3
    """,
    "Add an SDE scheme": """
        from diffmath import sde
        from diffmath.testing import assert_strong_order, curved_sde, logistic_sde
        assert_strong_order(sde.drift_heun, logistic_sde(), order=1.0, paths=200)
        assert_strong_order(sde.drift_heun, curved_sde(), order=0.5, paths=500)
    """,
    "Add a sampler": """
        import numpy as np
        from diffmath import diffusion
        process, mean, variance = diffusion.vp(), 1.0, 0.3
        target = diffusion.GaussianMixture(weights=[1.0], means=[[mean]], covariances=[variance])
        x = np.array([[0.7], [-1.1]])

        def standard(x, t):  # the flow of a Gaussian keeps the standardised state
            a, s = process.alpha(t), process.sigma(t)
            return (x - a * mean) / np.sqrt(a * a * variance + s * s)

        def error(steps):
            times = np.linspace(0.8, 0.2, steps + 1)
            found = diffusion.sample(process, target.score(process), x, times, method="lawson_euler")
            return float(np.abs(standard(found, 0.2) - standard(x, 0.8)).max())

        errors = np.array([error(2**k) for k in range(5, 10)])
        orders = np.log2(errors[:-1] / errors[1:])
        assert np.all(np.abs(orders - 1) < 0.15), (errors, orders)
    """,
    "Add a measure": """
        import numpy as np, sympy
        from diffmath import statespace as ss, symbolic
        measure = symbolic.Measure(
            name="warped",
            basis=lambda n, s: sympy.sqrt(2 * n + 1) * sympy.legendre(n, 2 * sympy.exp(-s) - 1),
            weight=lambda s: sympy.exp(-s),
            memory="translated",
            length=sympy.oo,
        )
        A, B = symbolic.derive_hippo(measure, 4)
        np.testing.assert_allclose(ss.warped(4).A, np.array(A, dtype=float), rtol=1e-15)
        np.testing.assert_allclose(ss.warped(4).B, np.array(B, dtype=float)[:, 0], rtol=1e-15)
        u, system = np.random.default_rng(0).standard_normal(200), ss.warped(6, timescale=20.0)
        exact = ss.project(system, u)
        np.testing.assert_allclose(ss.memorize(system, u, ss.zoh)[-1], exact, atol=1e-13)
        y = np.exp(-np.arange(201) / 20.0)  # the first two kernels, over the cells
        cells = -np.diff(np.stack([y, np.sqrt(3) * (y**2 - y)]), axis=1)
        np.testing.assert_allclose(exact[:2], cells @ u[::-1], atol=1e-13)
        age = np.arange(10)
        read = ss.reconstruct(system, np.array([0.5, 0.5 / np.sqrt(3), 0, 0, 0, 0]), 1 - age / 20)
        np.testing.assert_allclose(read, np.exp(-age / 20), atol=1e-14)
    """,
    "Add a numba twin": """
        import array_api_strict as strict
        import numpy as np
        import diffmath as dm
        from diffmath.statespace._recurrence.leaky import leaky_sum
        for dtype in (np.float64, np.float32):
            u = np.random.default_rng(0).standard_normal(1000).astype(dtype)
            found = leaky_sum(u, 0.9)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, leaky_sum.reference(u, 0.9), atol=100 * np.finfo(dtype).eps)
        assert leaky_sum.kernel_for(u).__module__ == "diffmath.kernels.numba.statespace"
        assert leaky_sum.kernel_for(strict.asarray([1.0])) is None
        with dm.reference_only():
            assert leaky_sum.kernel_for(u) is None
    """,
}


def recipes() -> dict[str, str]:
    """Return the recipes by their titles."""
    parts = re.split(r"^### (.*)\n", TEXT.partition("\n## ")[0], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def carry_out(recipe: str, copy: Path) -> set[str]:
    """Change the copy as the recipe says; return the files that changed."""
    changed = set()
    for action, file, body in BLOCK.findall(recipe):
        place, text = copy / file, textwrap.dedent(body)
        assert place.exists() == (action == "append to"), f"{action} {file}"
        before = place.read_text(encoding="utf-8") + "\n\n" if place.exists() else ""
        place.write_text(before + text, encoding="utf-8")
        changed.add(file)
    for file, name, module in EXPORT.findall(recipe):
        place = copy / file
        text = place.read_text(encoding="utf-8")
        head = f'from {module} import {name}\n\n__all__ = [\n    "{name}",'
        assert text.count("__all__ = [\n") == 1
        place.write_text(text.replace("__all__ = [\n", head + "\n"), encoding="utf-8")
        changed.add(file)
    return changed


def test_every_recipe_is_checked():
    assert set(recipes()) == set(CHECKS)


# Every check in one process: the library is imported, and its kernels are compiled, once for all recipes.
RUN = """
import contextlib, json, sys, traceback
sys.path.insert(0, "docs")
import diffmath, solver_pages
said = {}
for title, check in json.load(sys.stdin).items():
    try:  # kernels are compiled anew in a copy, which takes longer than the array code of the other recipes
        with contextlib.nullcontext() if "numba" in title else diffmath.reference_only():
            exec(check, {"__name__": "check"})
    except BaseException:
        said[title] = traceback.format_exc()
for package in ("ode", "sde", "diffusion"):
    assert set(solver_pages.NOTES[package]) == set(solver_pages.methods(package))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what went wrong, by recipe, in a copy of the library where all of them are carried out."""
    copy = tmp_path_factory.mktemp("recipes")
    shutil.copytree(ROOT / "diffmath", copy / "diffmath")
    (copy / "docs").mkdir()
    for name in ("solver_notes.toml", "solver_pages.py"):
        shutil.copy2(ROOT / "docs" / name, copy / "docs" / name)
    for title, recipe in recipes().items():
        changed = carry_out(recipe, copy)
        assert 1 <= len(changed) <= 3, (title, changed)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        input=json.dumps({title: textwrap.dedent(check) for title, check in CHECKS.items()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("title", CHECKS)
def test_a_recipe_works(title, outcomes):
    assert title not in outcomes, outcomes[title]
