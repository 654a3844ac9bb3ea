"""Samplers with parameters: what a call changes, equality, pickling, documentation, messages."""

from __future__ import annotations

import inspect
import pickle

import pytest

from diffmath import diffusion
from diffmath.diffusion._methods.preset import Preset

PRESETS = [value for name in diffusion.__all__ if isinstance(value := getattr(diffusion, name), Preset)]


@pytest.mark.parametrize("method", PRESETS, ids=lambda m: m.name)
def test_every_preset_is_itself_when_called_without_arguments(method: Preset[...]) -> None:
    assert method() == method
    assert hash(method()) == hash(method)
    assert pickle.loads(pickle.dumps(method)) == method
    assert (method.__doc__ or "").strip()
    assert "Examples" in (method.__doc__ or "")
    assert "``" not in method.name
    assert method.reference
    keywords = inspect.signature(method).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in keywords)


def test_parameters_that_are_not_given_keep_their_values() -> None:
    method = diffusion.sde_dpmpp_2m(tau=0.5)(variant="taylor")
    assert method == diffusion.sde_dpmpp_2m(variant="taylor", tau=0.5)
    assert method != diffusion.sde_dpmpp_2m(variant="taylor")
    assert method.name == "sde_dpmpp_2m(tau=0.5):taylor"
    assert pickle.loads(pickle.dumps(method)) == method
    assert method != "sde_dpmpp_2m"


def test_messages() -> None:
    with pytest.raises(TypeError, match="ddim has no parameter 'tau'; its parameters: eta"):
        diffusion.ddim(tau=1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"parameters of ddim are set by name; got \(1.0,\)"):
        diffusion.ddim(1.0)  # type: ignore[call-arg]
