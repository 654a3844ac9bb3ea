"""Flow maps against the probability-flow ODE, solved by DOP853 with the exact velocity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import diffusion
from diffmath.diffusion import FlowMap

PROCESSES = [diffusion.vp(), diffusion.flow(), diffusion.edm()]
TARGETS = [
    diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]]),
    diffusion.Gaussian([0.5, -1.0], [0.3, 2.0]),
    diffusion.GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.3, 0.6]),
    diffusion.EmpiricalData([[-2.0], [0.0], [0.5]], 0.4, [0.2, 0.5, 0.3]),
    diffusion.Uniform([-1.0, 0.0], [2.0, 0.5]),
]
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
BLOCKS = diffusion.Product([*TARGETS[1:3], diffusion.Uniform([-1.0], [1.0])])
TARGETS.append(diffusion.Rotated(BLOCKS, TURN, 0.5))
# Each target under one process, and a mixture under all.
CASES = [(target, PROCESSES[1]) for target in TARGETS] + [(TARGETS[2], process) for process in PROCESSES]


def solved(target, process, x, s, t):
    """Integrate dx/dt = u and the divergence of u."""
    model, shape = target.denoiser(process), x.shape

    def rates(time, state):
        here = state[: x.size].reshape(shape)
        return np.concatenate([model.flow(here, time).ravel(), model.flow_divergence(here, time)])

    start = np.concatenate([x.ravel(), np.zeros(len(x))])
    end = solve_ivp(rates, (s, t), start, method="DOP853", rtol=1e-10, atol=1e-11).y[:, -1]
    return end[: x.size].reshape(shape), end[x.size :]


@pytest.mark.parametrize(("target", "process"), CASES, ids=repr)
def test_the_flow_solves_the_ode(target, process):
    x = np.linspace(-2, 2, 2 * target.dim).reshape(2, target.dim)
    flow = target.flow_map(process)
    for s, t in ((0.5 * process.t_max, 0.05), (0.05, 0.5 * process.t_max)):
        wanted, change = solved(target, process, x, s, t)
        # 1e-8: the tolerance of the reference, 1e-10, accumulated over its steps.
        np.testing.assert_allclose(flow(x, s, t), wanted, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(flow.log_det(x, s, t), change, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_ends_of_time_and_the_change_of_density(target):
    process = diffusion.flow()
    flow = target.flow_map(process)
    x = np.linspace(-1.5, 2, 4 * target.dim).reshape(4, target.dim)
    assert np.all(flow(x, 1.0, 1.0) == pytest.approx(x, rel=1e-14))
    data = flow(x, 1.0, 0.0)
    np.testing.assert_allclose(flow(data, 0.0, 1.0), x, rtol=1e-12, atol=1e-12)
    change = target.log_density(x, process, 1.0) - target.log_density(data)
    np.testing.assert_allclose(flow.log_det(x, 1.0, 0.0), change, rtol=1e-12, atol=1e-13)
    halfway = flow(x, 1.0, 0.4)
    np.testing.assert_allclose(flow(halfway, 0.4, 0.0), data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_a_row_does_not_depend_on_the_batch(target):
    flow, x = target.flow_map(PROCESSES[0]), np.linspace(-3, 3, 20 * target.dim).reshape(20, target.dim)
    for call in (flow, flow.log_det):
        alone = [call(x[i : i + 1], 0.8, 0.2) for i in range(20)]
        np.testing.assert_array_equal(call(x, 0.8, 0.2), np.concatenate(alone))


def test_a_gaussian_flows_in_any_library_and_quantiles_on_the_host(xp):
    x = np.linspace(-1, 1, 6).reshape(3, 2)
    flow = TARGETS[0].flow_map(PROCESSES[0])
    np.testing.assert_allclose(xp.numpy(flow(xp.asarray(x), 0.9, 0.1)), flow(x, 0.9, 0.1), rtol=1e-13)
    found = flow.log_det(xp.asarray(x, "float32"), 0.9, 0.1)
    assert found.shape == (3,)
    assert found.dtype == xp.xp.float32
    assert flow(xp.asarray(x[:0]), 0.9, 0.1).shape == (0, 2)
    line = TARGETS[2].flow_map(PROCESSES[0])
    if "numpy" in xp.name:
        low = line(xp.asarray(x[:, :1], "float32"), 0.9, 0.1)
        assert low.dtype == np.float32
        np.testing.assert_allclose(low, line(x[:, :1], 0.9, 0.1), rtol=1e-6)
        assert line(x[:0, :1], 0.9, 0.1).shape == (0, 1)
        return
    with pytest.raises(
        TypeError, match=r"x must be a list or a NumPy array .*quantiles are computed on the host"
    ):
        line(xp.asarray(x[:, :1]), 0.9, 0.1)


def test_what_has_no_flow_is_refused():
    plane = diffusion.GaussianMixture([1.0], [[0.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match=r"has no exact flow map: that of a mixture is known for dim 1"):
        plane.flow_map(PROCESSES[0])
    points = diffusion.EmpiricalData([[-1.0], [2.0]], bandwidth=0.0).flow_map(PROCESSES[0])
    assert points(np.zeros((1, 1)), 0.5, 1e-3).shape == (1, 1)
    for times in ((0.0, 0.5), (0.5, 0.0)):
        with pytest.raises(ValueError, match=r"has no density at sigma=0 \(time 0.0\)"):
            points(np.zeros((1, 1)), *times)
    line = TARGETS[2].flow_map(PROCESSES[0])
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 1\); got \(3, 2\)"):
        line(np.zeros((3, 2)), 0.5, 0.1)
    with pytest.raises(ValueError, match=r"x must be finite; x\[0, 0\] is nan"):
        line(np.full((1, 1), np.nan), 0.5, 0.1)
    assert isinstance(line, FlowMap)
    box = diffusion.Uniform([0.0], [1.0]).flow_map(PROCESSES[0])
    with pytest.raises(ValueError, match="x must lie inside the box at sigma=0"):
        box(np.array([[0.5], [1.5]]), 0.0, 0.5)
