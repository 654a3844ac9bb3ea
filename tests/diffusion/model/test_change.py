"""change_process against exact models of both processes, at the ends too, for every parametrisation."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.0, 0.0]], [0.1, 0.3])
X = np.array([[0.3, -1.0], [2.0, 0.1]])
WITH_NOISE = [diffusion.vp_cosine(), diffusion.flow(), diffusion.vp_sigmoid()]  # reach alpha = 0
ALL = [*WITH_NOISE, diffusion.vp(), diffusion.edm(), diffusion.ve(), diffusion.sub_vp()]
KINDS = ("denoiser", "noise", "score", "velocity", "flow")


def wrapped(kind: str, process: diffusion.Process) -> diffusion.Model:
    """The exact model, given in a parametrisation."""
    exact = TARGET.denoiser(process)
    return getattr(diffusion, f"from_{kind}")(getattr(exact, kind), process)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("old", WITH_NOISE, ids=repr)
@pytest.mark.parametrize("new", ALL, ids=repr)
def test_the_changed_model_is_the_model_of_the_other_process(
    old: diffusion.Process, new: diffusion.Process, kind: str
) -> None:
    changed = diffusion.change_process(wrapped(kind, old), new)
    for t in (0.02 * new.t_max, 0.5 * new.t_max, 0.97 * new.t_max):
        exact = TARGET.denoiser(new)
        for name in KINDS:
            got, wanted = getattr(changed, name)(X, t), getattr(exact, name)(X, t)
            # 1e-9: a noise gives D with the factor sigma/alpha (up to 1e3), D the noise with its inverse.
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["denoiser", "velocity", "flow"])
def test_pure_noise(kind: str) -> None:
    """At alpha = 0 the denoiser is the mean of the data, whatever the process."""
    old, new = diffusion.vp_cosine(), diffusion.flow()
    for model, process in ((wrapped(kind, old), new), (wrapped(kind, new), old)):
        changed = diffusion.change_process(model, process)
        np.testing.assert_allclose(
            changed.denoiser(X, 1.0), np.broadcast_to(TARGET.mean, X.shape), rtol=1e-12
        )


def test_the_data() -> None:
    changed = diffusion.change_process(TARGET.denoiser(diffusion.vp()), diffusion.flow())
    np.testing.assert_allclose(changed.denoiser(X, 0.0), X, rtol=1e-15)


def test_one_time_per_row(xp: Any) -> None:
    new, t = diffusion.flow(), np.array([0.2, 0.8])
    model = TARGET.denoiser(diffusion.vp_cosine())
    discrete = diffusion.from_betas(diffusion.betas("squaredcos_cap_v2", 40))  # times found on the host
    for own in (model, TARGET.denoiser(discrete)):
        changed = diffusion.change_process(own, new)
        got = xp.numpy(changed.denoiser(xp.asarray(X), xp.asarray(t)))
        wanted = [TARGET.denoiser(new).denoiser(X[i : i + 1], float(t[i]))[0] for i in range(2)]
        np.testing.assert_allclose(got, wanted, rtol=1e-10)
        divergence = xp.numpy(changed.divergence(xp.asarray(X), xp.asarray(t)))
        wanted = [TARGET.denoiser(new).divergence(X[i : i + 1], float(t[i]))[0] for i in range(2)]
        np.testing.assert_allclose(divergence, wanted, rtol=1e-10)


def test_the_divergence_of_every_parametrisation() -> None:
    new = diffusion.flow()
    for kind in ("score", "denoiser"):
        changed = diffusion.change_process(getattr(TARGET, kind)(diffusion.vp()), new)
        assert changed.has_divergence
        got, wanted = (m.flow_divergence(X, 0.4) for m in (changed, TARGET.score(new)))
        np.testing.assert_allclose(got, wanted, rtol=1e-11)
    plain = diffusion.from_noise(lambda x, t: x, diffusion.vp())
    assert not diffusion.change_process(plain, new).has_divergence


def test_samples_of_a_changed_model() -> None:
    """The same noise levels with the same exact model are the same trajectory, up to the scale of x."""
    old, new = diffusion.vp(), diffusion.flow(t_min=1e-3)
    levels = diffusion.log_snr_times(new, 12, t_start=0.98)
    own = [old.time_of_log_snr(new.log_snr(float(t))) for t in levels]
    x = X * new.sigma(0.98)
    changed = diffusion.change_process(TARGET.denoiser(old), new)
    got = diffusion.sample(new, changed, x, levels, method=diffusion.dpmpp_2m)
    scale = new.alpha(0.98) / old.alpha(own[0])
    on_old = diffusion.sample(old, TARGET.denoiser(old), x / scale, own, method=diffusion.dpmpp_2m)
    np.testing.assert_allclose(got, on_old * new.alpha(levels[-1]) / old.alpha(own[-1]), rtol=1e-10)


def test_it_can_be_sent_to_workers() -> None:
    changed = diffusion.change_process(TARGET.denoiser(diffusion.vp()), diffusion.flow())
    again = pickle.loads(pickle.dumps(changed))
    np.testing.assert_array_equal(again.denoiser(X, 0.5), changed.denoiser(X, 0.5))


def test_refusals() -> None:
    model = TARGET.denoiser(diffusion.vp())
    with pytest.raises(TypeError, match=r"change_process needs a Model, .*; got function"):
        diffusion.change_process(lambda x, t: x, diffusion.vp())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"process must be a diffmath.diffusion.Process; got str"):
        diffusion.change_process(model, "flow")  # type: ignore[arg-type]
    changed = diffusion.change_process(model, diffusion.flow())
    with pytest.raises(
        ValueError, match=r"ends at a log-SNR of -5.0\d*; Process\('flow'.* has more noise at t=1"
    ):
        changed.denoiser(X, 1.0)
    with pytest.raises(ValueError, match=r"has more noise at some t"):
        changed.denoiser(X, np.array([0.5, 0.9999]))
