"""Runge-Kutta samplers on flows: orders up to both ends of time, inversion, evaluations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, ode

FLOW = diffusion.flow()


def uniform(steps: int) -> Any:
    return np.linspace(1.0, 0.0, steps + 1)


@pytest.mark.parametrize(
    "method",
    [
        diffusion.rf_solver, diffusion.fireflow, diffusion.runge_kutta(method=ode.bosh3),
        diffusion.runge_kutta, diffusion.runge_kutta(coordinate="theta"),
    ],
    ids=lambda m: m.name,
)  # fmt: skip
def test_order_from_pure_noise_to_the_data(method: Any, exact: Any, measured: Any) -> None:
    errors = exact.errors(method, (48, 96, 192), uniform, FLOW)
    assert abs(measured(errors) - method.order) < 0.15, errors


@pytest.mark.parametrize("coordinate", ["sigma", "flow", "theta"])
@pytest.mark.parametrize("tableau", [ode.midpoint, ode.rk4], ids=lambda m: m.tableau.name)
def test_order_inside(coordinate: Any, tableau: Any, exact: Any, measured: Any) -> None:
    method = diffusion.runge_kutta(method=tableau, coordinate=coordinate)
    errors = exact.errors(method, (48, 96, 192))
    assert abs(measured(errors) - method.order) < 0.15, errors


def test_euler_is_ddim(exact: Any, measured: Any) -> None:
    times = diffusion.log_snr_times(exact.process, 10)
    assert diffusion.euler.step(exact.process, times, 3) == diffusion.ddim.step(exact.process, times, 3)
    assert abs(measured(exact.errors(diffusion.euler, (96, 192))) - 1) < 0.15


@pytest.mark.parametrize(
    "method", [diffusion.rf_solver, diffusion.fireflow, diffusion.euler], ids=lambda m: m.name
)
@pytest.mark.parametrize("process", [FLOW, diffusion.vp()], ids=["flow", "vp"])
def test_a_point_is_exact(method: Any, process: Any, exact: Any) -> None:
    point = diffusion.from_denoiser(lambda x, t: 0 * x + 0.7, process)
    found = diffusion.sample(process, point, exact.start, [process.t_max, 0.4, 0.1, 0.0], method=method)
    np.testing.assert_allclose(found, 0.7, rtol=1e-13)  # a few roundings


@pytest.mark.parametrize(("method", "order"), [(diffusion.rf_solver, 3), (diffusion.euler, 1)])
def test_the_reversed_grid_inverts(method: Any, order: int, exact: Any) -> None:
    """The midpoint rule is symmetric up to the third order, Euler's rule is not."""
    model = diffusion.from_denoiser(exact.target.denoiser(FLOW), FLOW)
    x, errors = exact.target.sample(diffusion_key(), 50, like=np.empty(0)), []
    for steps in (40, 80):
        times = np.linspace(0.9, 0.05, steps + 1)
        noise = diffusion.sample(FLOW, model, x, times[::-1], method=method)
        errors.append(np.abs(diffusion.sample(FLOW, model, noise, times, method=method) - x).max())
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.35, errors


def diffusion_key() -> Any:
    from diffmath import random

    return random.key(4)


def test_evaluations(exact: Any) -> None:
    calls: list[float] = []

    def flow(x: Any, t: float) -> Any:
        calls.append(t)
        return -x

    model = diffusion.from_flow(flow, FLOW)
    for method, count in ((diffusion.fireflow, 6), (diffusion.rf_solver, 10)):
        calls.clear()
        run = diffusion.trajectory(FLOW, model, exact.start, uniform(5), method=method)
        assert len(calls) == count == method.nfe(5) == run.stats["evaluations"]
    assert diffusion.fireflow.nfe(0) == 0


def test_messages() -> None:
    with pytest.raises(TypeError, match=r"method must have an explicit tableau, such as ode.rk4; got"):
        diffusion.runge_kutta(method=ode.radau5)
    with pytest.raises(ValueError, match="coordinate must be one of sigma, flow, theta; got 'time'"):
        diffusion.runge_kutta(coordinate="time")  # type: ignore[arg-type]
