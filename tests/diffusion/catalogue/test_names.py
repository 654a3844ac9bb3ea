"""Names of other libraries lead to objects of ours, and the table of samplers is complete."""

from __future__ import annotations

import inspect

import pytest

from diffmath import diffusion
from diffmath._core.spoken import name_and_parameters
from diffmath.diffusion._methods import as_method

METHODS = [name for name in diffusion.__all__ if isinstance(getattr(diffusion, name), diffusion.Method)]


@pytest.mark.parametrize("row", [row for row in diffusion.names() if row.kind == "sampler"], ids=repr)
def test_a_name_of_a_sampler_is_one_that_sample_takes(row: diffusion.PeerName) -> None:
    name, _ = name_and_parameters(row.ours)
    if name in METHODS:
        assert isinstance(as_method(row.ours), diffusion.Method)
    else:
        assert callable(getattr(diffusion, name))


@pytest.mark.parametrize("row", [row for row in diffusion.names() if row.kind == "grid"], ids=repr)
def test_a_name_of_a_grid_is_a_function_with_these_parameters(row: diffusion.PeerName) -> None:
    name, parameters = name_and_parameters(row.ours)
    assert name.endswith("_times")
    assert set(parameters) <= set(inspect.signature(getattr(diffusion, name)).parameters)


def test_names_are_unique_and_may_be_filtered() -> None:
    rows = diffusion.names()
    assert len({(row.library, row.kind, row.theirs) for row in rows}) == len(rows)
    assert {row.library for row in rows} == {"diffusers", "k-diffusion", "ComfyUI"}
    assert {row.library for row in diffusion.names("ComfyUI")} == {"ComfyUI"}
    with pytest.raises(ValueError, match="library must be one of diffusers, k-diffusion, ComfyUI; got 'x'"):
        diffusion.names("x")  # type: ignore[arg-type]


def test_the_table_has_every_sampler() -> None:
    rows = diffusion.samplers()
    assert sorted(row.name for row in rows) == sorted(METHODS)
    for row in rows:
        method = getattr(diffusion, row.name)
        assert (row.order, row.weak_order, row.stochastic) == (
            method.order,
            method.weak_order,
            method.needs_key,
        )
        assert row.end_order <= row.order
        assert row.reference
    costs = {row.name: row.evaluations for row in rows}
    assert (costs["ddim"], costs["fireflow"], costs["heun"], costs["res_3s"]) == (1, 1, 2, 3)


def test_a_name_may_have_parameters() -> None:
    assert as_method("ddim(eta=0.5)") == diffusion.ddim(eta=0.5)
    assert as_method("heun") is diffusion.heun
    for text in ("ddim(0.5)", "ddim(eta=x)", "ddim(eta=0.5", "a.b(c=1)", "ddim(**{'eta': 1})"):
        with pytest.raises(ValueError, match=r"write a name with parameters as in 'ddim\(eta=0.5\)'; got"):
            as_method(text)
    with pytest.raises(TypeError, match="ddim has no parameter 'tau'; its parameters: eta"):
        as_method("ddim(tau=1)")
    with pytest.raises(ValueError, match="did you mean 'ddim'"):
        as_method("dimm(eta=1)")
    with pytest.raises(TypeError, match="euler_maruyama has no parameters"):
        as_method("euler_maruyama(eta=1)")
