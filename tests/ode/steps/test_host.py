"""Trial steps by kernels: the times that f gets, for states with any number of axes, and inside a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._stepping.tolerance import Tolerance
from diffmath._stepping.trial import SlopeState

host = pytest.importorskip("diffmath.ode._steps.host")
pytest.importorskip("numba")

T, DT = np.array([0.5, 2.0]), np.array([0.25, 0.125])
SHAPES = [(2, 1), (2, 3), (2, 2, 2), (2, 1, 2, 2)]


def attempted(method: Any, x: Any, own_clocks: bool) -> tuple[Any, list[Any]]:
    """Try one step of x' = t x; return the outcome, and the times of all calls of f so far and later."""
    times: list[Any] = []

    def f(t: Any, x: Any) -> Any:
        times.append(t)
        return t * x

    attempt = host.KernelAttempt(f, method, Tolerance(1e-4, 1e-7), own_clocks)
    t, dt = (T, DT) if own_clocks else (T[:1], DT[:1])
    return attempt(t, dt, x, SlopeState()), times


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_has_its_own_time(shape: Any, dtype: str) -> None:
    """One time a row, with an axis for every axis of the state, in its precision: nodes 0, 1/2, 3/4, 1."""
    x = np.linspace(1.0, 2.0, np.prod(shape)).reshape(shape).astype(dtype)
    found, times = attempted(ode.bosh3, x, True)
    assert len(times) == 4
    for t, node in zip(times, (0.0, 0.5, 0.75, 1.0), strict=True):
        assert t.shape == (2, *(1,) * (len(shape) - 1))
        assert t.dtype == dtype
        np.testing.assert_array_equal(t.reshape(2), T + node * DT)
    for row in (0, 1):  # each row is that of a batch of one with its clock
        alone = host.KernelAttempt(lambda t, x: t * x, ode.bosh3, Tolerance(1e-4, 1e-7), False)
        single = alone(T[row : row + 1], DT[row : row + 1], x[row : row + 1], SlopeState())
        # Sums of four products in both; the times are rounded to the precision of the state in one only.
        np.testing.assert_allclose(found.x[row], single.x[0], rtol=8 * np.finfo(dtype).eps)
        assert found.error[row] == pytest.approx(single.error[0], rel=1e-3 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("own_clocks", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_without_an_extension_the_slope_of_the_end_is_evaluated_there(shape: Any, own_clocks: bool) -> None:
    """The last stage of vern7 is not the slope at the end of the step; that of dopri5 is."""
    x = np.linspace(1.0, 2.0, np.prod(shape)).reshape(shape)
    for method, calls in ((ode.vern7, 1), (ode.dopri5, 0)):
        found, times = attempted(replace(method, extension=None), x, own_clocks)
        before = len(times)
        inside = found.dense()
        assert len(times) == before + calls
        end = np.broadcast_to(times[-1], (2,)) if not own_clocks else times[-1].reshape(2)
        np.testing.assert_array_equal(end, T + DT if own_clocks else (T + DT)[[0, 0]])
        ends = inside(np.array([0, 1, 0, 1]), np.array([0.0, 0.0, 1.0, 1.0]))
        np.testing.assert_allclose(ends, np.concatenate([x, found.x]), rtol=1e-14)


@pytest.mark.parametrize("own_clocks", [False, True])
def test_further_stages_are_evaluated_at_their_nodes(own_clocks: bool) -> None:
    """The extension of dop853 has three more stages: at 0.1, 0.2 and 7/9 (Hairer, Norsett & Wanner, II.6)."""
    found, times = attempted(ode.dop853, np.ones((2, 2, 2)), own_clocks)
    before = len(times)
    inside = found.dense()
    assert len(times) == before + 3
    for t, node in zip(times[before:], (0.1, 0.2, 7 / 9), strict=True):
        wanted = T + node * DT if own_clocks else (T + node * DT)[0]
        np.testing.assert_allclose(np.ravel(t), wanted, rtol=1e-15)
    # x = exp((t^2 - t0^2) / 2): the interpolant has order 7, and the step is 1/4 or 1/8.
    rows, theta = np.array([0, 1]), np.array([0.3, 0.6])
    start, step = (T, DT) if own_clocks else (T[[0, 0]], DT[[0, 0]])
    exact = np.exp(((start + theta * step) ** 2 - start**2) / 2)
    np.testing.assert_allclose(inside(rows, theta)[:, 0, 0], exact, rtol=1e-9)
