"""Planned iterations, as on a device, give the solutions, counts and failures of those that are followed."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from array_api_compat import array_namespace

from diffmath import ode
from diffmath._newton import plan, stages

MU = [[1.0], [30.0], [1000.0]]
SPEED = [[1.0], [10.0], [100.0]]


def van_der_pol(t, x, mu):
    """Rows from not stiff to very stiff."""
    x1, x2 = x[:, 0:1], x[:, 1:2]
    return array_namespace(x).concat([x2, mu * ((1 - x1 * x1) * x2 - x1)], axis=1)


def robertson(t, x, speed):
    a, b, c = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    first, last = speed * (1e4 * b * c - 0.04 * a), speed * (3e7 * b * b)
    return array_namespace(x).concat([first, -first - last, last], axis=1)


PROBLEMS = {
    "van der Pol": (van_der_pol, MU, [2.0, 0.0], 0.5),
    "Robertson": (robertson, SPEED, [1.0, 0.0, 0.0], 10.0),
}
RUNS = [
    ("van der Pol", "kvaerno5", {"rtol": 1e-3}),
    ("Robertson", "radau5", {"rtol": 1e-2, "atol": 1e-8}),
    ("van der Pol", "sdirk2", {"substeps": 5}),
    ("van der Pol", "radau5", {"rtol": 1e-4, "batch": "shared"}),
    ("Robertson", "kvaerno3", {"rtol": 1e-3}),
    ("van der Pol", "kvaerno5", {"rtol": 1e-6}),
]
LIGHT = 3  # the first ones; the others run nightly


def solve(send, name, method, options):
    f, rows, x0, stop = PROBLEMS[name]
    x0, rows = send(np.tile(x0, (3, 1))), send(np.array(rows))
    method = getattr(ode, method)
    return ode.solve(f, x0, [0.0, stop / 3, stop], method=method, parameters=rows, **options)


@functools.cache
def followed(run):
    """The solution on the host, by NumPy."""
    return solve(np.asarray, *RUNS[run])


@pytest.fixture
def planned(xp, monkeypatch):
    """Plan the iterations wherever the arrays live; the list says of every attempt whether it was enough."""
    if xp.name in ("torch", "jax"):
        pytest.skip("minutes; the judgement itself is tested with these libraries in test_convergence")
    settled = []
    settle = stages.Stages.settle

    def noting(self, *args):
        settled.append(settle(self, *args))
        return settled[-1]

    monkeypatch.setattr(stages, "is_off_host", lambda x: True)
    monkeypatch.setattr(stages.Stages, "settle", noting)
    return settled


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(k, id=f"{problem}-{method}", marks=[pytest.mark.slow] if k >= LIGHT else [])
        for k, (problem, method, _) in enumerate(RUNS)
    ],
)
def test_planned_iterations_give_the_solution_of_the_host(xp, planned, monkeypatch, run):
    with monkeypatch.context() as host:
        host.setattr(stages, "is_off_host", lambda x: False)
        expected = followed(run)
    planned.clear()
    found = solve(xp.asarray, *RUNS[run])
    # A rate is a power, and its last place may differ between libraries; 1e-9 is far below the tolerance.
    np.testing.assert_allclose(xp.numpy(found.x), expected.x, rtol=1e-9, atol=1e-12)
    names = ["steps"] if "substeps" in RUNS[run][2] else ["steps", "rejected"]
    if not {"substeps", "batch"} & set(RUNS[run][2]):
        names.append("evaluations")
    for name in names:
        np.testing.assert_array_equal(found.stats[name], expected.stats[name])
    assert planned.count(True) > 8
    assert planned.count(False) <= 0.3 * planned.count(True)


def test_an_attempt_is_repeated_until_its_iterations_are_enough(xp, planned, monkeypatch):
    with monkeypatch.context() as host:
        host.setattr(stages, "is_off_host", lambda x: False)
        expected = followed(0)
    planned.clear()
    monkeypatch.setattr(plan, "_FIRST", 1)
    found = solve(xp.asarray, *RUNS[0])
    assert planned[:2] == [False, True]  # one iteration, then two
    np.testing.assert_allclose(xp.numpy(found.x), expected.x, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(
        found.stats["evaluations"], expected.stats["evaluations"]
    )  # of each row alone
    assert found.stats["calls"] > expected.stats["calls"]


def _lost(t, x):
    """The first row is at rest; of the second, the iteration diverges; the third leaves the domain of f."""
    xp = array_namespace(x)
    root = -4 * xp.sqrt(xp.where(x > 0, x, xp.full_like(x, np.nan)))
    return xp.where(x > 10, -1e20 * (x - 30.0), xp.where(x > 1, -1e20 * (x - 2.0), root))


def _jacobian(t, x):
    xp = array_namespace(x)
    return xp.where(x > 10, 0.0 * x, xp.where(x > 1, 0.0 * x - 1e20, 0.0 * x - 4.0))[:, :, None]


@pytest.mark.parametrize(
    ("method", "options"), [("radau5", {"rtol": 1e-3, "min_step": 1e-3}), ("kvaerno5", {"substeps": 3})]
)
def test_rows_fail_for_the_same_reason(xp, planned, options, method):
    f = ode.WithJacobian(_lost, _jacobian)
    x0, times = xp.asarray(np.array([[2.0], [20.0], [1.0]])), [1e3, 1e3 + 1]
    with np.errstate(all="ignore"):
        found = ode.solve(f, x0, times, method=getattr(ode, method), on_failure="return", **options)
    assert found.row_status == ("ok", "newton_failed", "nonfinite")
    np.testing.assert_array_equal(xp.numpy(found.x)[:, 0], 2.0)


def _cubic(t, x):
    return -x * x * x


def test_a_row_that_may_not_iterate_further_has_failed(xp, planned, monkeypatch):
    method = replace(ode.sdirk2, newton=ode.Newton(max_iterations=2))
    x0 = np.array([[0.0], [3.0]])
    options = {"method": method, "substeps": 2, "on_failure": "return"}
    with monkeypatch.context() as host:
        host.setattr(stages, "is_off_host", lambda x: False)
        assert ode.solve(_cubic, x0, [0.0, 1.0], **options).row_status == ("ok", "newton_failed")
    planned.clear()
    found = ode.solve(_cubic, xp.asarray(x0), [0.0, 1.0], **options)
    assert found.row_status == ("ok", "newton_failed")
    assert False not in planned


def test_a_step_alone_solves_its_equations_too(xp, planned):
    """Without a solver that fetches along, the attempt fetches by itself."""
    x = xp.asarray(np.array([[1.0], [3.0]]))
    first = ode.radau5.attempt(_cubic, ode.radau5.init(_cubic, 0.0, x), 0.0, x, 0.5)
    attempts = len(planned)
    assert planned == [False] * (attempts - 1) + [True]
    assert attempts > 1
    assert max(first.state.plan.needed) > 3
    again = ode.radau5.attempt(_cubic, first.state, 0.5, first.x, 0.5)
    assert planned[attempts:] == [True]
    assert np.isfinite(xp.numpy(again.x)).all()
