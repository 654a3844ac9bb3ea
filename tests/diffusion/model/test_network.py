"""`batch_time`: one time per row, in the library, dtype and device of the state; and what exceptions mean."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESS = diffusion.vp()
X = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
TIMES = [1.0, 0.5, 0.1]


class Recorder:
    """A network that stores its arguments."""

    def __init__(self) -> None:
        self.times: list[Any] = []

    def __call__(self, x: Any, t: Any) -> Any:
        self.times.append(t)
        return -x

    def divergence(self, x: Any, t: Any) -> Any:
        self.times.append(t)
        return 0.0 * t - 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_row_gets_its_time(dtype: str, xp: Any) -> None:
    network, x = Recorder(), xp.asarray(X, dtype)
    model = diffusion.batch_time(network)
    diffusion.sample(PROCESS, model, x, TIMES, method="ddim")
    # Whether JAX traces what a model closes over is seen by one call more, at the first time.
    looked = [1.0] if xp.name == "jax" else []
    assert len(network.times) == len(looked) + len(TIMES) - 1
    for t, wanted in zip(network.times, looked + TIMES[:-1], strict=True):
        assert t.dtype == x.dtype
        np.testing.assert_array_equal(xp.numpy(t), np.full(3, wanted, dtype))
    rows = xp.asarray(np.array([0.1, 0.2, 0.3]), dtype)
    for given in (rows, xp.xp.reshape(rows, (3, 1))):
        model(x, given)
        np.testing.assert_array_equal(xp.numpy(network.times[-1]), xp.numpy(rows))


def test_times_that_are_no_array_of_the_state_are_refused_before_the_network() -> None:
    network = Recorder()
    model = diffusion.from_noise(diffusion.batch_time(network), PROCESS)
    for call in (model, model.noise, model.denoiser):
        with pytest.raises(
            TypeError, match=r"t must be an array \(NumPy, .*got list: wrap it, np.asarray\(t\)"
        ):
            call(X, [0.1, 0.2, 0.3])
        with pytest.raises(
            ValueError, match=r"t must be a number or one time per row, shape \(3,\); got \(2,\)"
        ):
            call(X, np.array([0.1, 0.2]))
    assert network.times == []


def test_the_divergence_is_adapted_too() -> None:
    network = Recorder()
    model = diffusion.batch_time(network)
    value = diffusion.log_likelihood(PROCESS, model, X, divergence="exact", rtol=1e-8, atol=1e-10)
    # N(0, I) is kept by vp; the prior is N(0, sigma_T^2), off by 4e-5 of a square of at most 1.
    wanted = -0.5 * np.sum(X**2, axis=1) - np.log(2 * np.pi)
    np.testing.assert_allclose(value, wanted, atol=1e-4)
    assert {np.shape(t) for t in network.times} == {(3,)}
    assert not hasattr(diffusion.batch_time(lambda x, t: x), "divergence")


def test_it_can_be_sent_to_another_process() -> None:
    model = pickle.loads(pickle.dumps(diffusion.batch_time(Recorder())))
    np.testing.assert_array_equal(model(X, 0.5), -X)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"wrap the network first, as in from_noise\(batch_time\(network\), process\)"
    ):
        diffusion.batch_time(diffusion.from_noise(lambda x, t: x, PROCESS))
    with pytest.raises(TypeError, match=r"a network is called as network\(x, t\)"):
        diffusion.batch_time(lambda t, x: x)
    with pytest.raises(TypeError, match="network must be a callable; got int"):
        diffusion.batch_time(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "network",
    [lambda x, t: x * t[:, None], lambda x, t: x * t.reshape(-1, 1), lambda x, t: x * len(t)],
    ids=["subscript", "attribute", "length"],
)
def test_a_network_that_wants_an_array_for_t_is_told_how(network: Any) -> None:
    """It was a raw TypeError or AttributeError of Python."""
    with pytest.raises(TypeError, match=r"score was called with t=1.0, a Python .*batch_time") as caught:
        diffusion.sample(PROCESS, network, X, TIMES, method="ddim")
    assert isinstance(caught.value.__cause__, TypeError | AttributeError)
    noise = diffusion.from_noise(network, PROCESS)
    with pytest.raises(TypeError, match=r"the noise was called with t=0\.5"):
        noise(X, 0.5)


def test_a_network_that_wants_a_tensor_is_told_how() -> None:
    def network(x: Any, t: float) -> Any:
        return x.unsqueeze(0)

    with pytest.raises(TypeError, match=r"of type numpy.ndarray, .* PyTorch network, give .* tensor"):
        diffusion.sample(PROCESS, network, X, TIMES, method="ddim")


@pytest.mark.parametrize(
    "error",
    [
        TypeError("mine"),
        TypeError("add requires arguments to have the same dtypes, got float64, float32"),
        AttributeError("'Net' object has no attribute 'w'"),
    ],
)
def test_other_exceptions_pass_through(error: Exception) -> None:
    def network(x: Any, t: float) -> Any:
        raise error

    with pytest.raises(type(error)) as caught:
        diffusion.sample(PROCESS, network, X, TIMES, method="ddim")
    assert caught.value is error
    assert error.__notes__[-1] == "raised by score(x, t) at t=1.0"
