"""`discrete_time`: the index of each time, as integers or as real numbers, per row."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

X = np.linspace(-1.0, 1.0, 6).reshape(3, 2)


class Recorder:
    """A network that stores its indices."""

    def __init__(self) -> None:
        self.indices: list[Any] = []

    def __call__(self, x: Any, i: Any) -> Any:
        self.indices.append(i)
        return -x

    def divergence(self, x: Any, i: Any) -> Any:
        self.indices.append(i)
        return 0.0 * x[:, 0] - 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_discrete_time_is_its_index(dtype: str, xp: Any) -> None:
    network, N = Recorder(), 1000
    x = xp.asarray(np.zeros((N, 1)), dtype)
    times = xp.asarray((np.arange(N) + 1) / N, dtype)
    diffusion.discrete_time(network, N)(x, times)
    (found,) = network.indices
    assert xp.xp.isdtype(found.dtype, "signed integer")
    np.testing.assert_array_equal(xp.numpy(found), np.arange(N))
    diffusion.discrete_time(network, N, mode="interpolated")(x, times)
    assert network.indices[1].dtype == x.dtype
    # N eps in the precision of the times
    atol = 1e-12 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(xp.numpy(network.indices[1]), np.arange(N), atol=atol)


def test_times_between_and_beyond() -> None:
    network = Recorder()
    rounded, real = (diffusion.discrete_time(network, 10, mode=mode) for mode in ("rounded", "interpolated"))  # type: ignore[arg-type]
    for t, nearest, exact in (
        (0.349, 2, 2.49),
        (0.351, 3, 2.51),
        (0.0, 0, 0.0),
        (0.03, 0, 0.0),
        (1.2, 9, 9.0),
    ):
        network.indices.clear()
        rounded(X, t)
        real(X, t)
        np.testing.assert_array_equal(network.indices[0], [nearest] * 3)
        np.testing.assert_allclose(network.indices[1], [exact] * 3, atol=1e-12)


def test_a_sampler_on_discrete_times_calls_the_indices() -> None:
    network, N = Recorder(), 20
    model = diffusion.from_score(diffusion.discrete_time(network, N), diffusion.vp())
    times = (np.array([19, 14, 7, 2]) + 1) / N
    diffusion.sample(diffusion.vp(), model, X, times, method="ddim")
    assert [int(i[0]) for i in network.indices] == [19, 14, 7]


def test_the_divergence_is_adapted_too() -> None:
    network = Recorder()
    model = diffusion.discrete_time(network, 10)
    np.testing.assert_array_equal(model.divergence(X, 0.5), [-2.0] * 3)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(network.indices[-1], [4, 4, 4])
    assert not hasattr(diffusion.discrete_time(lambda x, i: x, 10), "divergence")


def test_it_can_be_sent_to_another_process() -> None:
    model = pickle.loads(pickle.dumps(diffusion.discrete_time(Recorder(), 10)))
    np.testing.assert_array_equal(model(X, 0.5), -X)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(TypeError, match=r"as in from_noise\(discrete_time\(network, 1000\), process\)"):
        diffusion.discrete_time(diffusion.from_noise(lambda x, t: x, diffusion.vp()), 1000)
    with pytest.raises(TypeError, match=r"a network is called as network\(x, t\)"):
        diffusion.discrete_time(lambda timestep, x: x, 1000)
    with pytest.raises(ValueError, match="N must be at least 1; got 0"):
        diffusion.discrete_time(Recorder(), 0)
    with pytest.raises(TypeError, match="integer"):
        diffusion.discrete_time(Recorder(), 1000.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode must be 'rounded' or 'interpolated'; got 'nearest'"):
        diffusion.discrete_time(Recorder(), 10, mode="nearest")  # type: ignore[arg-type]
