"""The PyTorch and JAX code that the site shows without running it, run where these libraries are."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest

from diffmath import statespace as ss

PAGES = Path(__file__).parent.parent / "docs" / "how_to"
PAGE = PAGES / "plot_3_s4_kernel.py"


def _block(library: str, page: Path = PAGE) -> str:
    text = re.sub(r"^# ?", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text)
    (found,) = (block for block in blocks if f"import {library}" in block)
    return textwrap.dedent(found)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_code_of_the_page_runs(library):
    code = _block(library)
    assert "gradient" in code or "backward" in code
    if not os.environ.get("DIFFMATH_INTEROP"):
        pytest.skip("only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident")
    pytest.importorskip(library)
    names = {"ss": ss}
    exec(compile(code, str(PAGE), "exec"), names)
    if library == "jax":  # that the two agree is the point of the page
        both = ss.convolve(names["u"], names["C"] @ names["K_states"])
        # float32: a few eps of the sum of 1024 products.
        assert float(abs(names["layer"](names["C"], names["u"]) - both).max()) < 1e-4


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_code_of_the_page_on_derivatives_runs(library):
    """Its assertions are the test: closed forms, and what lanes and rows see of the noise."""
    page = PAGES / "plot_6_differentiate.py"
    code = _block(library, page)
    assert code.count("assert ") >= 2
    if not os.environ.get("DIFFMATH_INTEROP"):
        pytest.skip("only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident")
    pytest.importorskip(library)
    if library == "jax":  # alone it would run in single precision as well; other tests have switched x64 on
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    exec(compile(code, str(page), "exec"), {})


@pytest.mark.skipif(not os.environ.get("DIFFMATH_INTEROP"), reason="only with DIFFMATH_INTEROP=1")
def test_torch_differentiates_what_the_page_says():
    """C, D, u and, in a diagonal kernel, poles, weights and steps: against central differences."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, dtype=torch.float64):
        return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()

    def layer(C, D, u):
        return ss.convolve(u, ss.kernel(ss.bilinear(ss.legs(4).with_output(C, D), 0.1), 20))

    def diagonal(poles, weights, dt):
        return ss.diagonal_kernel(-(poles**2) + 1j, weights, 20, dt=dt**2 + 0.1)

    # gradcheck compares every entry, to 1e-5 absolute.
    assert torch.autograd.gradcheck(layer, (draw(2, 4), draw(2), draw(20, 2)))
    assert torch.autograd.gradcheck(diagonal, (draw(2, 3), draw(2, 3, dtype=torch.complex128), draw(2)))


@pytest.mark.parametrize(("library", "page"), [("torch", "run_1_pytorch.py"), ("jax", "run_2_jax.py")])
def test_the_page_on_networks_runs(library, page):
    """It trains a network and samples from it; its assertions are the test."""
    code = (PAGES / page).read_text(encoding="utf-8")
    assert code.count("assert ") >= 5
    if not os.environ.get("DIFFMATH_INTEROP"):
        pytest.skip("only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident")
    module = pytest.importorskip(library)
    if library == "torch":
        exec(compile(code, page, "exec"), {"__name__": page})
        return
    before = module.config.jax_enable_x64  # other tests have switched it on; a reader has not
    module.config.update("jax_enable_x64", False)
    try:
        exec(compile(code, page, "exec"), {"__name__": page})
    finally:
        module.config.update("jax_enable_x64", before)
