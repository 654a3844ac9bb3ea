"""The pages under docs/inside tell what a call does: the functions they name are called, in that order."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from diffmath import diffusion, ode, random, sde

PAGES = Path(__file__).parent.parent / "docs" / "inside"


def solve_an_ode():
    ode.solve(lambda t, x: -x, np.ones((2, 1)), [0.0, 1.0, 2.0])


def solve_an_sde():
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.5 + 0.1 * x, noise="diagonal")
    sde.solve(model, np.ones((2, 1)), [0.0, 0.5, 1.0], method=sde.euler_maruyama, key=random.key(0))


def sample():
    process = diffusion.vp()
    score = diffusion.GaussianMixture(weights=[1.0], means=[[0.0]], covariances=[0.5]).score(process)
    times = diffusion.log_snr_times(process, 4)
    diffusion.sample(process, score, np.ones((2, 1)), times, method="sde_dpmpp_2m", key=random.key(0))


CALLS = {"ode_solve": solve_an_ode, "sde_solve": solve_an_sde, "diffusion_sample": sample}


def told(page: str) -> list[str]:
    """The functions that begin the numbered lines of a page."""
    return re.findall(r"^\d+\. `(diffmath[\w.]+)`", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.M)


def called(function: Callable[[], None]) -> list[str]:
    """The functions of diffmath that a call calls, each where it is called first."""
    seen: dict[str, None] = {}

    def note(frame, event, argument):
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("diffmath"):
            seen.setdefault(f"{module}.{frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return list(seen)


@pytest.mark.parametrize("page", CALLS)
def test_the_functions_of_a_page_are_called_in_its_order(page):
    names, seen = told(page), called(CALLS[page])
    assert len(names) >= 10
    assert not set(names) - set(seen)
    assert names == sorted(names, key=seen.index)


def test_the_check_sees_a_function_out_of_order():
    names, seen = told("diffusion_sample"), called(sample)
    swapped = [names[1], names[0], *names[2:]]
    assert swapped != sorted(swapped, key=seen.index)


def test_every_page_is_checked():
    assert {path.stem for path in PAGES.glob("*.md")} - {"index"} == set(CALLS)
