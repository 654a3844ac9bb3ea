"""`sde.ensemble`: the last state of `solve`, for any chunks and workers."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, random, sde

KEY = random.key(8)


# Module-level functions, so that worker processes can import them.
def drift(t, x):
    return x - x**3 + 0.1 * t


def diffusion(t, x):
    return 0.2 + 0.1 * x


def diffusion_derivative(t, x):
    return 0.0 * x + 0.1


def explosion(t, x):
    return x**3


MODEL = sde.SDE(drift, diffusion, diffusion_derivative=diffusion_derivative)
SPAN = {"t_span": (0.0, 2.0), "steps": 12, "key": KEY}


def start(rows=101):
    return np.linspace(-1, 1, rows)[:, None] * np.ones((1, 2))


@given(
    rows=st.integers(0, 40),
    chunk=st.integers(1, 50),
    method=st.sampled_from([sde.milstein, sde.euler_maruyama]),
)
def test_equal_to_solve_bit_for_bit_in_any_chunks(rows, chunk, method):
    path = sde.solve(MODEL, start(rows), np.linspace(0, 2, 13), method=method, key=KEY)
    final = sde.ensemble(MODEL, start(rows), method=method, chunk=chunk, **SPAN)
    np.testing.assert_array_equal(final, path.x[-1])


def test_threads_change_nothing():
    serial = sde.ensemble(MODEL, start(), method="milstein", **SPAN)
    with ThreadPoolExecutor(2) as executor:
        threaded = sde.ensemble(MODEL, start(), method="milstein", executor=executor, chunk=7, **SPAN)
    np.testing.assert_array_equal(threaded, serial)


def test_the_executor_runs_every_chunk():
    class Counting:
        calls = 0

        def map(self, function, *arguments):
            for call in zip(*arguments, strict=True):
                self.calls += 1
                yield function(*call)

    executor = Counting()
    sde.ensemble(MODEL, start(10), method="milstein", executor=executor, chunk=3, **SPAN)
    assert executor.calls == 4


@pytest.mark.slow
def test_processes_change_nothing():
    serial = sde.ensemble(MODEL, start(), method="milstein", **SPAN)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        parallel = sde.ensemble(MODEL, start(), method="milstein", executor=executor, chunk=30, **SPAN)
    np.testing.assert_array_equal(parallel, serial)


def test_every_backend(xp):
    expected = sde.ensemble(MODEL, start(5), method="milstein", **SPAN)
    final = sde.ensemble(MODEL, xp.asarray(start(5)), method="milstein", chunk=2, **SPAN)
    np.testing.assert_allclose(xp.numpy(final), expected, rtol=1e-12)


def test_memory_does_not_grow_with_steps():
    """64 times the steps, at most one more state per doubling: nothing is stored over time."""

    def peak(steps):
        tracemalloc.start()
        sde.ensemble(MODEL, start(2000), t_span=(0.0, 1.0), steps=steps, method="euler_maruyama", key=KEY)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(4)  # what the first call of a process loads for good is not the ensemble's
    assert peak(256) - peak(4) < 7 * 2000 * 2 * 8


def test_failure_names_the_row_of_the_whole_ensemble():
    model = sde.SDE(explosion, diffusion)
    x0 = 0.1 * start(20)
    x0[13] = 50.0
    with pytest.raises(SolveError, match=r"in row 13; use more steps \(now 12\)") as info:
        sde.ensemble(model, x0, method="euler_maruyama", chunk=4, **SPAN)
    assert info.value.solution.status == "nonfinite"
    np.testing.assert_array_equal(info.value.solution.x[0], x0[12:16])


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"method": "magic"}, ValueError, r"its name; got 'magic'.*milstein"),
        ({"method": None}, TypeError, "method must be a method object"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"executor": 2}, TypeError, "executor must be a concurrent.futures.Executor; got int"),
        ({"chunk": 0}, ValueError, "chunk must be at least 1"),
        ({"t_span": (0.0, 1.0, 2.0)}, ValueError, "t_span must be"),
        ({"t_span": (1.0, 1.0)}, ValueError, "t_span must be strictly monotone"),
        ({"t_span": (0.0, np.inf)}, ValueError, "t_span must be finite"),
    ],
)
def test_arguments_are_refused_by_name(change, error, match):
    with pytest.raises(error, match=match):
        sde.ensemble(MODEL, start(2), **({"method": "milstein"} | SPAN | change))
