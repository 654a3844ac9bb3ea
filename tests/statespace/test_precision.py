"""Single precision in, single precision out; and its errors."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import statespace as ss
from diffmath.statespace._system import system_like

EPS = float(np.finfo(np.float32).eps)

MEASURES = {
    "legs": ss.legs(32),
    "jacs": ss.jacs(32, 1.0),
    "legt": ss.legt(32),
    "lagt": ss.lagt(32),
    "fout": ss.fout(33),
    "foud": ss.foud(33, 0.5),
    "fous": ss.fous(33),
}


def output(system):
    """Numbers that float32 holds."""
    return np.random.default_rng(0).standard_normal(system.order).astype(np.float32)


@pytest.mark.parametrize("rule", [ss.bilinear, ss.backward_euler])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_kernel_of_any_length_is_rounded_once(measure, rule):
    """Half an eps of each lag, and 1e-9 of the largest for what two float64 computations differ by."""
    system, length = MEASURES[measure], 1 << 16
    C = output(system)
    exact = ss.kernel(rule(system.with_output(C.astype(np.float64)), 1.0 / length), length)
    bound = 0.5 * EPS * np.abs(exact) + 1e-9 * np.abs(exact).max()
    for method in ("auto", "doubling", "product")[: 2 if measure == "fous" else 3]:
        found = ss.kernel(rule(system.with_output(C), 1.0 / length), length, method=method)
        assert found.dtype == np.float32
        assert (np.abs(found - exact) <= bound).all(), method


@pytest.mark.parametrize("method", ["doubling", "product"])
def test_a_bank_of_kernels_is_rounded_once(method):
    system, length, dt = MEASURES["legt"], 1 << 14, np.array([1e-4, 1e-3])
    C = np.stack([output(system), output(system)[::-1]])
    exact = ss.kernel_bank(system, length, dt=dt, C=C.astype(np.float64), method=method)
    found = ss.kernel_bank(system, length, dt=dt.astype(np.float32), C=C, method=method)
    assert found.dtype == np.float32
    # The steps are rounded too: theta = 1, so 1e-4 and 1e-3 move each lag by eps times lag and slope.
    again = ss.kernel_bank(system, length, dt=dt.astype(np.float32).astype(float), C=C.astype(float))
    bound = 0.5 * EPS * np.abs(again) + 1e-9 * np.abs(again).max()
    assert (np.abs(found - again) <= bound).all()
    assert np.abs(found - exact).max() <= 1e-3 * np.abs(exact).max()


@pytest.mark.parametrize("signal", ["noise", "walk"])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_projection_of_a_long_rough_signal_is_rounded_once(measure, signal):
    """Half an eps of each coefficient, 1e-10 of the largest sample for float64's own summation."""
    u = np.random.default_rng(1).standard_normal(200_000)
    u = (u if signal == "noise" else np.cumsum(u)).astype(np.float32)
    exact = ss.project(MEASURES[measure], u.astype(np.float64), **(CLOCK if measure in WINDOWS else {}))
    found = ss.project(MEASURES[measure], u, **(CLOCK if measure in WINDOWS else {}))
    assert found.dtype == np.float32
    assert (np.abs(found - exact) <= 0.5 * EPS * np.abs(exact) + 1e-10 * np.abs(u).max()).all()


WINDOWS, CLOCK = {"legt", "lagt", "fout", "foud"}, {"dt": 1.0 / 200_000}


@pytest.mark.parametrize("measure", MEASURES)
def test_a_single_system_takes_double_data(measure):
    """A, B of a measure in float32 keep the values before rounding: as if built in float64."""
    system = MEASURES[measure]
    single = system_like(system, np.empty(0, np.float32), "like")
    assert single.A.dtype == np.float32
    u, C = np.sin(np.arange(50.0)), output(system).astype(np.float64)
    np.testing.assert_array_equal(ss.memorize(single, u), ss.memorize(system, u))
    wide, expected = single.with_output(C), system.with_output(C)
    for entry in "ABC":
        np.testing.assert_array_equal(getattr(wide, entry), getattr(expected, entry))
    discrete = ss.bilinear(single, 0.1).with_output(C)  # of a step, only the rounded matrix is known
    error = np.abs(ss.simulate(discrete, u) - ss.simulate(ss.bilinear(expected, 0.1), u)).max()
    assert 0.0 < error < 1e-3


def single(*shape):
    return np.random.default_rng(2).uniform(0.1, 0.9, shape).astype(np.float32)


def discrete(order=4):
    return ss.bilinear(ss.legs(order).with_output(single(order)), 0.1)


def poles(order=4):
    return (-single(order) + 1j * np.arange(order)).astype(np.complex64)


CALLS = {
    "basis": lambda: ss.basis(ss.legs(4, dtype=np.float32), [0.5, 1.0]),
    "advance": lambda: ss.advance(discrete(), single(20)),
    "step": lambda: ss.step(discrete(), single(2), single(2, 4))[0],
    "simulate_events": lambda: ss.simulate_events(
        ss.legs(4).with_output(single(4)), single(5), np.arange(5.0), start=0.0
    ),
    "change_gauge": lambda: ss.change_gauge(ss.legs(4, dtype=np.float32), single(4)).A,
    "convolve": lambda: ss.convolve(single(20), single(9)),
    "diagonal_kernel": lambda: ss.diagonal_kernel(poles(), poles(), 9, dt=0.1),
    "frequency_response": lambda: ss.frequency_response(discrete(), single(5)),
    "kernel": lambda: ss.kernel(discrete(), 40),
    "kernel_bank": lambda: ss.kernel_bank(ss.legs(4), 40, dt=[0.1], C=single(1, 4)),
    "memorize": lambda: ss.memorize(ss.legs(4), single(20)),
    "project": lambda: ss.project(ss.legs(4), single(20)),
    "reconstruct": lambda: ss.reconstruct(ss.legs(4), single(4), np.linspace(0.0, 1.0, 5)),
    "scan": lambda: ss.scan(single(20, 2), single(20, 2)),
    "simulate": lambda: ss.simulate(discrete(), single(20)),
    "gbt": lambda: ss.gbt(ss.legs(4).with_output(single(4)), 0.1, alpha=0.3).A,
    "foh": lambda: ss.foh(ss.legs(4).with_output(single(4)), 0.1).A,
    "zoh": lambda: ss.zoh(ss.legs(4).with_output(single(4)), 0.1).A,
    "impulse": lambda: ss.impulse(ss.legs(4).with_output(single(4)), 0.1).A,
    "discretize_batch": lambda: ss.discretize_batch(ss.legs(4, dtype=np.float32), [0.1, 0.2])[0],
    "discretize_diagonal": lambda: ss.discretize_diagonal(poles(), single(4))[0],
}


@pytest.mark.parametrize("call", CALLS)
def test_precision_in_is_precision_out(call):
    found = CALLS[call]()
    assert found.dtype in (np.float32, np.complex64), found.dtype
