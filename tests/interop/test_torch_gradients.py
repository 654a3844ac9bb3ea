"""PyTorch differentiates solves through the steps that they took: against central differences."""

from __future__ import annotations

import os

import numpy as np
import pytest

import diffmath as dm
from diffmath import diffusion, ode, sde

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )
torch = pytest.importorskip("torch")

KEY = dm.random.key(1)
X0 = torch.tensor([[1.0, 0.5], [-0.3, 0.2]], dtype=torch.float64)
RATE = torch.tensor(0.7, dtype=torch.float64)
PROCESS = diffusion.vp()
TIMES = diffusion.log_snr_times(PROCESS, 8)


def oscillator(rate):
    def f(t, x):
        push = 0.3 * (t[:, 0] if isinstance(t, torch.Tensor) and t.ndim else t)
        return torch.stack([x[:, 1], -x[:, 0] - rate * x[:, 1] ** 2 + push], dim=1)

    return f


def difference(value, step):
    """Of `value(x0, rate)`, in the first component of row 1 and in the rate."""
    change = torch.zeros_like(X0)
    change[1, 0] = step
    with torch.no_grad():
        by_state = (value(X0 + change, RATE) - value(X0 - change, RATE)) / (2 * step)
        by_rate = (value(X0, RATE + step) - value(X0, RATE - step)) / (2 * step)
    return float(by_state), float(by_rate)


def assert_gradient(run, *, step=1e-5, atol=1e-8):
    def value(x0, rate):
        return torch.sum(torch.sin(run(x0, rate)))

    x0, rate = X0.clone().requires_grad_(), RATE.clone().requires_grad_()
    by_state, by_rate = torch.autograd.grad(value(x0, rate), (x0, rate))
    got, expected = (float(by_state[1, 0]), float(by_rate)), difference(value, step)
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)
    assert min(map(abs, expected)) > 100 * atol  # a gradient of zero would show nothing


@pytest.mark.parametrize("method", ["rk4", "dopri5", "dop853", "implicit_euler", "kvaerno5", "radau5"])
def test_torch_differentiates_fixed_steps_of_an_ode(method):
    # Central differences err by step^2 and eps / step: some 1e-10.
    assert_gradient(lambda x, r: ode.solve(oscillator(r), x, [0.0, 1.0], method=method, substeps=5).x[-1])


@pytest.mark.parametrize("method", ["rosenbrock23", "rodas5p"])
def test_torch_differentiates_rosenbrock_steps_to_the_digits_of_their_jacobian(method):
    """A Jacobian by differences has half the digits, and so has its derivative."""
    assert_gradient(
        lambda x, r: ode.solve(oscillator(r), x, [0.0, 1.0], method=method, substeps=5).x[-1], atol=5e-6
    )


@pytest.mark.parametrize("batch", ["rows", "shared"])
@pytest.mark.parametrize("method", ["dopri5", "dop853", "kvaerno5"])
def test_torch_differentiates_adaptive_steps_of_an_ode(method, batch):
    """The step sizes count as constants: their effect is within the tolerance."""
    options = {"method": method, "batch": batch, "rtol": 1e-9, "atol": 1e-11}
    # The error of the solve, 1e-9, over the step of the differences, 1e-4; far less was measured (4e-9).
    assert_gradient(
        lambda x, r: ode.solve(oscillator(r), x, [0.0, 1.0], **options).x[-1], step=1e-4, atol=1e-6
    )


def test_torch_differentiates_states_between_the_steps_of_an_ode():
    def run(x, r):
        return ode.solve(oscillator(r), x, [0.0, 0.33, 0.77, 1.0], rtol=1e-9, atol=1e-11).x[1:3]

    assert_gradient(run, step=1e-4, atol=1e-6)


def test_torch_gradient_of_a_linear_ode_is_the_closed_form():
    rate = RATE.clone().requires_grad_()
    end = ode.solve(lambda t, x: -rate * x, X0, [0.0, 2.0], rtol=1e-10, atol=1e-12).x[-1]
    (gradient,) = torch.autograd.grad(end.sum(), rate)
    expected = -2.0 * float(torch.exp(-2.0 * RATE)) * float(X0.sum())
    assert abs(float(gradient) - expected) < 1e-8  # 100 tolerances


def noisy(rate, calculus="ito"):
    return sde.SDE(
        lambda t, x: torch.sin(x) - rate * t * x,
        lambda t, x: 0.3 * torch.cos(rate * x),
        calculus=calculus,
        diffusion_derivative=lambda t, x: -0.3 * rate * torch.sin(rate * x),
    )


@pytest.mark.parametrize(
    "method", ["euler_maruyama", "milstein", "sriw1", "implicit_euler_maruyama", "heun", "reversible_heun"]
)
def test_torch_differentiates_an_sde_along_its_path(method):
    """One key is one path, also for the differences."""
    calculus = "stratonovich" if "heun" in method else "ito"

    def run(x, r):
        times = np.linspace(0, 1, 4)
        return sde.solve(noisy(r, calculus), x, times, method=method, key=KEY, substeps=2).x[-1]

    assert_gradient(run)


def test_torch_differentiates_adaptive_steps_of_an_sde():
    """The steps that were taken; the tolerance is loose so that the differences take the same."""
    assert_gradient(
        lambda x, r: sde.solve_adaptive(
            noisy(r), x, [0.0, 1.0], method="milstein", key=KEY, rtol=1e-3, atol=1e-3
        ).x[-1]
    )


def sampled(x_T, width, method, **options):
    model = diffusion.from_denoiser(lambda x, t: torch.tanh(width * x) * (1.0 - 0.3 * t), PROCESS)
    key = KEY if getattr(diffusion, method).needs_key else None
    return diffusion.sample(PROCESS, model, x_T, TIMES, method=method, key=key, **options)


@pytest.mark.parametrize("method", ["ddim", "dpmpp_2m", "sde_dpmpp_2m", "euler_maruyama"])
def test_torch_differentiates_samples_where_it_is_asked_to(method):
    assert_gradient(lambda x, r: sampled(x, r, method, with_gradient=True))


def test_torch_samples_keep_no_graph_by_default():
    width = RATE.clone().requires_grad_()
    assert not sampled(X0, width, "ddim").requires_grad
    assert sampled(X0, width, "ddim", with_gradient=True).requires_grad


def test_torch_differentiates_a_likelihood():
    def run(x, r):
        model = diffusion.from_score(lambda x, t: -r * x + 0.1 * torch.sin(x), PROCESS)
        return 0.1 * diffusion.log_likelihood(PROCESS, model, x, rtol=1e-8, atol=1e-8, with_gradient=True)

    # The tolerance of the solve over the step of the differences, and its square.
    assert_gradient(run, step=1e-3, atol=1e-5)
