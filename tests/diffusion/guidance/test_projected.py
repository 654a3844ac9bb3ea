"""Adaptive projected guidance and tangential damping, against their definitions by linear algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion

PROCESS = diffusion.flow()
RNG = np.random.default_rng(3)
C, U = RNG.standard_normal((2, 4, 2, 3))
FORMS = ("denoiser", "noise", "velocity", "flow", "score")


def constant(value: Any, form: str = "denoiser") -> diffusion.Model:
    model: diffusion.Model = getattr(diffusion, f"from_{form}")(lambda x, t: 0.0 * x + value, PROCESS)
    return model


def call(make: Any, *args: Any, c: Any = C, u: Any = U, form: str = "denoiser", **options: Any) -> Any:
    return make(constant(c, form), constant(u, form), *args, form=form, **options)(np.zeros_like(c), 0.5)


def paper_apg(c: Any, difference: Any, w: float, eta: float, r: float) -> Any:
    """Row by row, with vectors of NumPy."""
    rows = []
    for a, d in zip(c.reshape(len(c), -1), difference.reshape(len(c), -1), strict=True):
        d = d * min(1.0, r / np.linalg.norm(d))
        unit = a / np.linalg.norm(a)
        parallel = (d @ unit) * unit
        rows.append(a + (w - 1) * (d - parallel + eta * parallel))
    return np.reshape(rows, c.shape)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("eta", "r"), [(0.0, math.inf), (0.3, 1.5), (1.0, 0.5), (0.0, 100.0)])
def test_apg_is_the_published_formula(form: str, eta: float, r: float) -> None:
    found = call(diffusion.apg, 4.0, eta=eta, max_norm=r, form=form)
    np.testing.assert_allclose(found, paper_apg(C, C - U, 4.0, eta, r), rtol=1e-13, atol=1e-14)


@given(w=st.floats(-5.0, 20.0), seed=st.integers(0, 2**32 - 1))
def test_apg_without_projection_or_limit_is_cfg(w: float, seed: int) -> None:
    c, u = np.random.default_rng(seed).standard_normal((2, 3, 4))
    found = call(diffusion.apg, w, c=c, u=u, eta=1.0)
    cfg = diffusion.cfg(constant(c), constant(u), w)(np.zeros_like(c), 0.5)
    np.testing.assert_allclose(found, cfg, rtol=1e-13, atol=1e-13)
    # The limit bounds the push of a row.
    limited = call(diffusion.apg, w, c=c, u=u, eta=0.5, max_norm=0.1)
    assert np.all(np.linalg.norm(limited - c, axis=1) <= abs(w - 1) * 0.1 * (1 + 1e-12))


def test_apg_at_the_edges() -> None:
    np.testing.assert_array_equal(call(diffusion.apg, 1.0, max_norm=0.1), C)
    np.testing.assert_array_equal(call(diffusion.apg, 3.0, u=C, max_norm=0.1), C)  # no difference
    zero = np.zeros_like(C)  # no direction: nothing is parallel
    np.testing.assert_allclose(call(diffusion.apg, 3.0, c=zero), -2.0 * U)


def test_apg_step_has_momentum() -> None:
    """A run of three evaluations, by hand."""
    pairs, average, mine = RNG.standard_normal((3, 2, 4, 6)), None, np.zeros((4, 6))
    for c, u in pairs:
        mine = (c - u) - 0.75 * mine
        guided, average = diffusion.apg_step(
            c, u, 5.0, average=average, momentum=-0.75, eta=0.1, max_norm=2.0
        )
        np.testing.assert_allclose(average, mine, rtol=1e-14)
        np.testing.assert_allclose(guided, paper_apg(c, mine, 5.0, 0.1, 2.0), rtol=1e-13, atol=1e-14)


def test_apg_step_without_momentum_is_apg(xp: Any) -> None:
    guided, average = diffusion.apg_step(xp.asarray(C), xp.asarray(U), 4.0, eta=0.2, max_norm=1.0)
    np.testing.assert_allclose(xp.numpy(guided), call(diffusion.apg, 4.0, eta=0.2, max_norm=1.0), rtol=1e-13)
    np.testing.assert_array_equal(xp.numpy(average), C - U)
    again, _ = diffusion.apg_step(
        xp.asarray(C, "float32"),
        xp.asarray(U, "float32"),
        4.0,
        average=xp.asarray(C, "float32"),
        momentum=-0.5,
    )
    assert again.dtype == xp.xp.float32


def test_on_a_fine_grid_momentum_is_a_smaller_scale() -> None:
    average = None
    for _ in range(60):
        guided, average = diffusion.apg_step(C, U, 4.0, average=average, momentum=-0.5, eta=0.0)
    np.testing.assert_allclose(guided, call(diffusion.apg, 1 + 3 / 1.5), rtol=1e-12, atol=1e-13)


def svd_tangential(c: Any, u: Any, w: float) -> Any:
    rows = []
    for a, b in zip(c.reshape(len(c), -1), u.reshape(len(c), -1), strict=True):
        v = np.linalg.svd(np.stack([a, b]), full_matrices=False)[2][0]
        kept = (b @ v) * v
        rows.append(kept + w * (a - kept))
    return np.reshape(rows, c.shape)


@given(seed=st.integers(0, 2**32 - 1), ratio=st.sampled_from([1e-3, 0.5, 1.5, 1e3]))
def test_tangential_cfg_is_the_projection_on_the_first_singular_vector(seed: int, ratio: float) -> None:
    c, u = np.random.default_rng(seed).standard_normal((2, 3, 4))
    u = ratio * u
    found = call(diffusion.tangential_cfg, 3.0, c=c, u=u, form="noise")
    # The direction is as sensitive as the gap of the squared singular values is small.
    gap = min(
        -np.subtract(*np.linalg.svd(np.stack(p), compute_uv=False)[::-1] ** 2) for p in zip(c, u, strict=True)
    )
    size = max(1.0, ratio)
    np.testing.assert_allclose(
        found, svd_tangential(c, u, 3.0), atol=1e-13 * size**3 / abs(gap) + 1e-13 * size
    )


def test_tangential_cfg_on_score_and_noise_is_one_guidance() -> None:
    models = constant(C, "noise"), constant(U, "noise")
    by_noise = diffusion.tangential_cfg(*models, 2.0)
    by_score = diffusion.tangential_cfg(*models, 2.0, form="score")
    x = np.ones_like(C)
    np.testing.assert_allclose(by_noise.score(x, 0.3), by_score(x, 0.3), rtol=1e-12)
    by_data = diffusion.tangential_cfg(*models, 2.0, form="denoiser")
    assert not np.allclose(by_noise.score(x, 0.3), by_data.score(x, 0.3), rtol=1e-2)


def test_tangential_cfg_at_the_edges() -> None:
    np.testing.assert_allclose(call(diffusion.tangential_cfg, 1.0), C, rtol=1e-14)
    # Parallel predictions have no tangential part; zero ones have nothing to remove.
    np.testing.assert_allclose(call(diffusion.tangential_cfg, 3.0, u=0.5 * C), 2.0 * C, rtol=1e-14)
    np.testing.assert_array_equal(call(diffusion.tangential_cfg, 3.0, c=0.0 * C, u=0.0 * C), 0.0 * C)
    np.testing.assert_allclose(call(diffusion.tangential_cfg, 3.0, u=0.0 * C), 3.0 * C, rtol=1e-14)
    # Equal norms at right angles: no direction, so the whole stays.
    c, u = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(call(diffusion.tangential_cfg, 3.0, c=c, u=u), [[3.0, -2.0]])


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match=r"max_norm must be positive, or inf for no limit; got 0"):
        call(diffusion.apg, 2.0, max_norm=0.0)
    with pytest.raises(ValueError, match="max_norm must be positive, or inf for no limit; got nan"):
        call(diffusion.apg, 2.0, max_norm=math.nan)
    with pytest.raises(ValueError, match="eta must be finite"):
        call(diffusion.apg, 2.0, eta=math.nan)
    with pytest.raises(TypeError, match="eta must be a number; got str"):
        call(diffusion.apg, 2.0, eta="0")
    with pytest.raises(ValueError, match="momentum must be finite"):
        diffusion.apg_step(C, U, 2.0, momentum=math.inf)
    with pytest.raises(ValueError, match=r"must have one shape; got \(4, 2, 3\) and \(3, 2, 3\)"):
        diffusion.apg_step(C, U[:3], 2.0)
    with pytest.raises(
        ValueError, match=r"average must have the shape of conditional, \(4, 2, 3\); got \(3, 2, 3\)"
    ):
        diffusion.apg_step(C, U, 2.0, average=U[:3])
