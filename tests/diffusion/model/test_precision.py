"""`network_dtype`: what a network gets and returns, and the samples of a network in half precision."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESS = diffusion.vp()
X = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
TIMES = diffusion.log_snr_times(PROCESS, 10)


class Recorder:
    """A network that stores the dtypes of its arguments."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, x: Any, t: Any) -> Any:
        self.seen.append((x.dtype, getattr(t, "dtype", None)))
        return -x

    def divergence(self, x: Any, t: Any) -> Any:
        self.seen.append((x.dtype, getattr(t, "dtype", None)))
        return -2.0 + 0.0 * x[:, 0]


@pytest.mark.parametrize("state", ["float32", "float64"])
def test_the_network_gets_its_dtype_and_the_state_keeps_its_own(state: str, xp: Any) -> None:
    for dtype in ("float32", xp.xp.float32):
        network, x = Recorder(), xp.asarray(X, state)
        model = diffusion.network_dtype(network, dtype)
        assert model(x, 0.5).dtype == x.dtype
        assert model.divergence(x, 0.5).dtype == x.dtype
        assert network.seen == [(xp.xp.float32, None)] * 2
        np.testing.assert_array_equal(xp.numpy(model(x, 0.5)), -X.astype(np.float32))


def test_times_are_rounded_only_inside() -> None:
    network = Recorder()
    diffusion.batch_time(diffusion.network_dtype(network, "float16"))(X, 0.5)
    diffusion.network_dtype(diffusion.batch_time(network), "float16")(X, 0.5)
    assert network.seen == [(np.float16, np.float64), (np.float16, np.float16)]


@pytest.mark.parametrize(
    ("state", "dtype"), [("float32", "model"), ("float32", "float64"), ("float64", "model")]
)
def test_samples_of_a_network_in_half_precision(state: str, dtype: Any) -> None:
    exact = diffusion.Gaussian([0.5, -0.5], 0.3 * np.eye(2)).denoiser(PROCESS)
    network = diffusion.network_dtype(
        lambda x, t: exact(x.astype(np.float64), t).astype(np.float16), np.float16
    )
    model, x = diffusion.from_denoiser(network, PROCESS), X.astype(state)
    found = diffusion.sample(PROCESS, model, x, TIMES, method="dpmpp_2m", dtype=dtype)
    assert found.dtype == state
    wanted = diffusion.sample(PROCESS, exact, X, TIMES, method="dpmpp_2m")
    # The input and the result of the network are rounded to 11 bits, 5e-4 relative.
    np.testing.assert_allclose(found, wanted, atol=3e-3)
    assert np.abs(found - wanted).max() > 1e-5


def test_it_can_be_sent_to_worker_processes() -> None:
    model = pickle.loads(pickle.dumps(diffusion.network_dtype(Recorder(), "float16")))
    np.testing.assert_array_equal(model(X, 0.5), -X.astype(np.float16))
    assert not hasattr(diffusion.network_dtype(lambda x, t: x, "float16"), "divergence")


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"dtype must be one of float16, bfloat16, .* got 'int8'"):
        diffusion.network_dtype(lambda x, t: x, "int8")
    with pytest.raises(ValueError, match="got <class 'int'>"):
        diffusion.network_dtype(lambda x, t: x, int)
    with pytest.raises(TypeError, match=r"network_dtype needs the network itself; .*wrap the network first"):
        diffusion.network_dtype(diffusion.from_noise(lambda x, t: x, PROCESS), "float16")
    with pytest.raises(TypeError, match=r"called as network\(x, t\), but its parameters are \(t, x\)"):
        diffusion.network_dtype(lambda t, x: x, "float16")
    with pytest.raises(TypeError, match="numpy has no bfloat16: give network_dtype another dtype"):
        diffusion.network_dtype(lambda x, t: x, "bfloat16")(X, 0.5)
