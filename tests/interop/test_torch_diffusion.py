"""PyTorch networks as models: saved arrays, derivatives, and messages for inputs of the wrong kind."""

from __future__ import annotations

import os

import numpy as np
import pytest

from diffmath import diffusion, random

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
torch = pytest.importorskip("torch")

PROCESS = diffusion.vp()
TIMES = diffusion.log_snr_times(PROCESS, 8)
KEY = random.key(0)


class Network(torch.nn.Module):
    """Noise of data N(0, 1), as a layer with weights would give it; `t` as a tensor, one time per row."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2, dtype=torch.float64)

    def forward(self, x, t):
        return self.layer(torch.cat([x, t[:, None]], dim=1))


NETWORK = Network()
MODEL = diffusion.from_noise(diffusion.batch_time(NETWORK), PROCESS)


def start(**options):
    return torch.linspace(-1, 1, 10, dtype=torch.float64, **options).reshape(5, 2)


@pytest.mark.parametrize("method", ["dpmpp_2m", "sde_dpmpp_2m"])
@pytest.mark.parametrize("run", [diffusion.sample, diffusion.trajectory])
def test_no_graph_is_kept_unless_asked_for(run, method):
    """Tensors that a graph saves: none by default, one input of the layer per step with gradients."""
    packed = []
    for keep in (False, True):
        packed.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda x: packed.append(x.shape), lambda x: x):
            found = run(PROCESS, MODEL, start(), TIMES, method=method, key=KEY, with_gradient=keep)
        assert getattr(found, "x", found).requires_grad is keep
        assert packed.count((5, 3)) == (len(TIMES) - 1 if keep else 0)
        assert keep or not packed
    assert torch.is_grad_enabled()


def test_gradients_of_a_sample_are_those_of_differences():
    def last(x, weight):
        model = diffusion.from_noise(
            diffusion.batch_time(lambda x, t: torch.cat([x, t[:, None]], dim=1) @ weight), PROCESS
        )
        return diffusion.sample(PROCESS, model, x, TIMES, method="dpmpp_2m", with_gradient=True)

    weight = NETWORK.layer.weight.detach().T.clone().requires_grad_()
    # gradcheck compares every entry, to 1e-5 absolute.
    assert torch.autograd.gradcheck(last, (start().requires_grad_(), weight))


def test_a_model_that_differentiates_inside_works_without_a_graph():
    """A score from an energy: its own gradient is taken under enable_grad, as guidance does."""

    def score(x, t):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(-0.5 * (x**2).sum(), x)[0]

    x = diffusion.sample(PROCESS, score, start(), TIMES, method="ddim")
    wanted = diffusion.sample(PROCESS, lambda x, t: -x, start(), TIMES, method="ddim")
    torch.testing.assert_close(x, wanted)


class Quartic:
    """A score that is no gradient of a Gaussian, and its divergence by autograd, without enable_grad."""

    def __call__(self, x, t):
        return -x - 0.1 * x**3

    def divergence(self, x, t):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(self(x, t).sum(), x)
        return slope.sum(dim=1)


def test_a_divergence_by_autograd_needs_no_graph():
    def by_autograd(x):
        return diffusion.log_likelihood(PROCESS, Quartic(), x, divergence="exact", rtol=1e-8, atol=1e-8)

    value = by_autograd(0.5 * start())
    assert not value.requires_grad
    plain = diffusion.log_likelihood(
        PROCESS, lambda x, t: -x - 0.1 * x**3, 0.5 * start(), divergence="differences", rtol=1e-8, atol=1e-8
    )
    torch.testing.assert_close(value, plain, rtol=0, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(by_autograd(0.5 * start()), value)


def test_log_likelihood_is_differentiated_if_asked():
    options = {"divergence": "differences", "rtol": 1e-6, "atol": 1e-6}
    x = (0.5 * start())[:2].requires_grad_()
    assert not diffusion.log_likelihood(PROCESS, lambda x, t: -x, x, **options).requires_grad
    value = diffusion.log_likelihood(PROCESS, lambda x, t: -x, x, with_gradient=True, **options)
    (slope,) = torch.autograd.grad(value.sum(), x)
    # N(0, 1) is kept by vp: the gradient of its log-density is -x, to the tolerance of the solver.
    torch.testing.assert_close(slope, -x.detach(), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "network", [diffusion.batch_time(NETWORK), lambda x, t: x.unsqueeze(0), lambda x, t: torch.sin(x)]
)
def test_a_numpy_state_for_a_network_is_explained(network):
    with pytest.raises(TypeError, match=r"numpy\.ndarray, .* PyTorch network, give .*like=torch") as caught:
        diffusion.sample(PROCESS, network, np.ones((5, 2)), TIMES, method="ddim")
    assert isinstance(caught.value.__cause__, TypeError | AttributeError)


@pytest.mark.parametrize(
    "network",
    [
        NETWORK,
        lambda x, t: x * torch.sin(t)[:, None],
        lambda x, t: x * t.view(-1, 1),
        lambda x, t: torch.cat([x, t], dim=1),
        lambda x, t: x * t[:, None],
    ],
)
def test_a_network_that_wants_an_array_for_t_is_told_how(network):
    with pytest.raises(
        TypeError, match=r"t=1.0, a Python float, .*diffusion\.batch_time\(network\)"
    ) as caught:
        diffusion.sample(PROCESS, network, start(), TIMES, method="ddim")
    assert isinstance(caught.value.__cause__, TypeError | AttributeError)


def test_a_bug_of_the_network_stays_its_own():
    def broken(x, t):
        return x + "a"

    with pytest.raises(TypeError) as caught:
        diffusion.sample(PROCESS, broken, start(), TIMES, method="ddim")
    assert "batch_time" not in str(caught.value)
    assert caught.value.__notes__ == ["raised by score(x, t) at t=1.0"]


@pytest.mark.parametrize(
    ("state", "dtype"), [("float32", "model"), ("float32", "float64"), ("float64", "model")]
)
def test_a_network_in_bfloat16_under_a_state_in_float32_or_float64(state, dtype):
    torch.manual_seed(0)
    exact, low = Network(), Network()
    low.load_state_dict(exact.state_dict())
    low = diffusion.network_dtype(diffusion.batch_time(low.to(torch.bfloat16)), torch.bfloat16)
    x = start().to(getattr(torch, state))
    found = diffusion.trajectory(
        PROCESS, diffusion.from_noise(low, PROCESS), x, TIMES, method="dpmpp_2m", dtype=dtype, statistics=True
    )
    assert found.x.dtype == x.dtype
    wanted = diffusion.sample(
        PROCESS, diffusion.from_noise(diffusion.batch_time(exact), PROCESS), start(), TIMES, method="dpmpp_2m"
    )
    error = torch.linalg.norm(found.x[-1].double() - wanted) / torch.linalg.norm(wanted)
    assert 1e-5 < error < 0.03  # 8 bits, 4e-3 of each evaluation
    with pytest.raises(RuntimeError, match="dtype"):  # what PyTorch says without the adapter
        diffusion.sample(PROCESS, diffusion.batch_time(low.network.network), x, TIMES, method="ddim")


def test_gradients_pass_through_a_state_in_float64():
    def last(dtype):
        x = start().float().requires_grad_()
        y = diffusion.sample(
            PROCESS, lambda x, t: -torch.sin(x), x, TIMES, method="ddim", dtype=dtype, with_gradient=True
        )
        y.sum().backward()
        return x.grad

    assert last("float64").dtype == torch.float32
    torch.testing.assert_close(last("float64"), last("model"))  # 1.3e-6 relative, of eight steps in float32
