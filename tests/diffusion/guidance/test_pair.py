"""What all guidances share: libraries, dtypes, times per row, rows that do not interact, and refusals."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESS = diffusion.flow()
X = np.linspace(-2.0, 2.0, 30).reshape(5, 2, 3) + np.sin(np.arange(30.0)).reshape(5, 2, 3)
TIMES = np.array([0.9, 0.75, 0.5, 0.3, 0.0])
Model = diffusion.Model


def conditional(x: Any, t: Any) -> Any:
    return 0.5 * x + x * x - 0.25


def unconditional(x: Any, t: Any) -> Any:
    return 0.25 * x * x * x - 0.5 * x


C = diffusion.from_velocity(conditional, PROCESS)
U = diffusion.from_noise(unconditional, PROCESS)

GUIDANCES: dict[str, Callable[[Model, Model], Model]] = {
    "cfg": lambda c, u: diffusion.cfg(c, u, 2.5),
    "autoguidance": lambda c, u: diffusion.autoguidance(c, u, 2.5),
    "cfg(t)": lambda c, u: diffusion.cfg(c, u, lambda t: 1 + 2 * t),
    "classifier": lambda c, u: diffusion.classifier_guidance(u, lambda x, t: -x, 2.0),
    "cfg_pp": lambda c, u: diffusion.cfg_pp(c, u, 0.6, TIMES),
    "cfg_rescale": lambda c, u: diffusion.cfg_rescale(c, u, 2.5),
    "cfg_zero_star": lambda c, u: diffusion.cfg_zero_star(c, u, 2.5, times=TIMES, zero_steps=1),
    "apg": lambda c, u: diffusion.apg(c, u, 2.5, eta=0.25, max_norm=1.0),
    "tangential": lambda c, u: diffusion.tangential_cfg(c, u, 2.5),
    "interval": lambda c, u: diffusion.guidance_interval(c, u, 0.5, 3.0),
    "threshold": lambda c, u: diffusion.threshold(u, 0.5, quantile=0.7),
}
each = pytest.mark.parametrize("name", GUIDANCES)


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_and_dtype(name: str, dtype: str, xp: Any) -> None:
    guided, x = GUIDANCES[name](C, U), xp.asarray(X, dtype)
    for t in (0.9, 0.3):
        found = guided(x, t)
        assert found.dtype == x.dtype
        assert found.shape == X.shape
        rtol = 2e-5 if dtype == "float32" else 1e-13  # a projection and a quotient, some 50 eps
        np.testing.assert_allclose(xp.numpy(found), guided(X, t), rtol=rtol, atol=rtol)


@each
def test_one_time_per_row(name: str, xp: Any) -> None:
    guided, x = GUIDANCES[name](C, U), xp.asarray(X)
    times = np.array([0.9, 0.5, 0.3, 0.75, 0.9])
    rows = xp.numpy(guided(x, xp.asarray(times)))
    for i, t in enumerate(times):
        np.testing.assert_allclose(rows[i], guided(X, float(t))[i], rtol=1e-12, atol=1e-13)


@each
def test_rows_do_not_interact(name: str) -> None:
    """Bit for bit, whatever the other rows are and however many."""
    guided = GUIDANCES[name](C, U)
    whole = guided(X, 0.5)
    for rows in (slice(0, 1), slice(2, 5), [4, 0], [3]):
        np.testing.assert_array_equal(guided(X[rows], 0.5), whole[rows])
    other = X.copy()
    other[1:] = 1e6
    np.testing.assert_array_equal(guided(other, 0.5)[0], whole[0])


@each
def test_a_sampler_takes_it(name: str) -> None:
    guided = GUIDANCES[name](C, U)
    found = diffusion.sample(PROCESS, guided, X, TIMES, method="ddim")
    # The same steps by hand.
    x = X
    for n, t in enumerate(TIMES[:-1]):
        step = diffusion.ddim.step(PROCESS, TIMES, n)
        x = step.decay * x + step.weights[0] * guided.denoiser(x, float(t))
    np.testing.assert_array_equal(found, x)


def steeper(t: Any) -> Any:
    return 1 + 2 * t


@pytest.mark.parametrize("kind", ["score", "denoiser", "noise"])
@pytest.mark.parametrize("name", GUIDANCES)
def test_it_can_be_sent_to_another_process(name: str, kind: str) -> None:
    u = getattr(diffusion, f"from_{kind}")(unconditional, PROCESS)
    guided = GUIDANCES[name](C, u)
    if name == "cfg(t)":
        guided = diffusion.cfg(C, u, steeper)
    if name == "classifier":
        guided = diffusion.classifier_guidance(u, conditional, 2.0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(guided)).score(X, 0.5), guided.score(X, 0.5))


@pytest.mark.parametrize("name", sorted(GUIDANCES.keys() - {"classifier", "threshold"}))
def test_what_is_no_model_or_of_another_process_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"must be a diffusion.Model, as from_noise\(.*; got function"):
        GUIDANCES[name](C, unconditional)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must be models of one process; got Process\('flow'.*Process\('vp"):
        GUIDANCES[name](C, diffusion.from_noise(unconditional, diffusion.vp()))


@pytest.mark.parametrize("make", [diffusion.cfg_rescale, diffusion.apg, diffusion.tangential_cfg])
def test_an_unknown_form_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"form must be one of 'denoiser', 'noise', .*; got 'x0'"):
        make(C, U, 2.0, form="x0")
    for form in ("denoiser", "noise", "velocity", "flow", "score"):
        assert make(C, U, 2.0, form=form).kind.name == form


def test_scales_are_numbers_or_functions() -> None:
    with pytest.raises(TypeError, match="scale must be a number; got str"):
        diffusion.cfg(C, U, "3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale must be finite; got inf"):
        diffusion.autoguidance(C, U, float("inf"))
    with pytest.raises(ValueError, match=r"scale\(t\) at t=0.5 must be finite; got nan"):
        diffusion.cfg(C, U, lambda t: t * float("nan"))(X, 0.5)
    rows = diffusion.cfg(C, U, lambda t: 2)(X, np.full(5, 0.5))  # a constant, whatever the times
    np.testing.assert_allclose(rows, diffusion.cfg(C, U, 2.0)(X, 0.5), rtol=1e-13)
    # np.float64 from the function does not promote a single state.
    found = diffusion.cfg(C, U, lambda t: np.float64(2.0))(X.astype(np.float32), 0.5)
    assert found.dtype == np.float32
