"""Why rows stop: blow-ups, stiffness, noise, and steps that were merely too few."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._stepping.diagnosis import Spectrum, blows_up, roughness, spectrum, steps_left


def linear(matrix: Any) -> Any:
    return lambda t, x: x @ np.asarray(matrix).T


def estimate(matrix: Any, x: Any, rows: Any = (True,), atol: float = 1e-9) -> Spectrum:
    return spectrum(linear(matrix), 0.0, np.array(x), np.array(rows), atol)


@pytest.mark.parametrize("omega", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("start", [[1.0, 0.0], [0.3, -2.0], [1e-3, 5.0]])
def test_an_oscillator_has_an_imaginary_pair(omega: float, start: list[float]) -> None:
    """A quotient of two vectors would see a real part of up to half the modulus for omega != 1."""
    found = estimate([[0.0, 1.0], [-omega * omega, 0.0]], [start])
    assert found.radius == pytest.approx(
        omega, rel=1e-5
    )  # sqrt(eps), amplified by the scale of the components
    assert abs(found.real) < 1e-4 * omega


@pytest.mark.parametrize("damping", [-0.01, 0.3, 0.9, 5.0])
def test_a_pair_of_any_damping(damping: float) -> None:
    matrix = np.array([[0.0, 1.0], [-9.0, -6.0 * damping]])
    found = estimate(matrix, [[1.0, 0.5]])
    values = np.linalg.eigvals(matrix)
    largest = values[np.abs(values).argmax()]
    assert found.radius == pytest.approx(abs(largest), rel=1e-3)  # five real ones apart: (1/99)^9 remains
    assert found.real == pytest.approx(largest.real, rel=1e-3, abs=1e-3)


def test_the_largest_eigenvalue_of_chosen_rows() -> None:
    rates = np.array([[1.0, 50.0, 3.0], [1e6, 1.0, 2.0]])
    x = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])

    def decay(t: Any, x: Any) -> Any:
        return -rates * x

    for row, value in ((0, -50.0), (1, -1e6)):
        found = spectrum(decay, 0.0, x, np.arange(2) == row, 1e-9)
        assert found == pytest.approx((-value, value), rel=1e-5)
    assert spectrum(lambda t, x: 4j * x, 0.0, x + 0j, np.array([True, True]), 1e-9).real == pytest.approx(
        0, abs=1e-5
    )
    zero = spectrum(lambda t, x: -7.0 * x, 0.0, 0.0 * x, np.array([True, True]), 1e-9)
    assert zero == pytest.approx((7.0, -7.0), rel=1e-5)


def test_ten_evaluations_find_the_largest_of_many() -> None:
    """Eigenvalues -1 to -10: (8/10)^9 = 0.13 of the third largest is left, and counts by its square."""
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        return -np.arange(1.0, 11.0) * x

    found = spectrum(f, 0.0, np.ones((1, 10)), np.array([True]), 1e-9)
    assert len(calls) == 10
    assert found == pytest.approx((10.0, -10.0), rel=0.01)


def test_growth_beside_decay_of_the_same_rate_is_not_stiff() -> None:
    assert estimate([[4.0, 0.0], [0.0, -4.0]], [[1.0, 1.3]]) == pytest.approx((4.0, 4.0), rel=1e-5)


def test_roughness_draws_its_lines() -> None:
    """h |lambda| in [1, 100] with a real part of at least half the modulus, and 100 steps or more to go."""
    assert "f is stiff there: its Jacobian has an eigenvalue of about -30" in roughness(
        Spectrum(30.0, -30.0), 0.1, 10.0
    )
    assert "would take about 1e+02 steps" in roughness(Spectrum(30.0, -30.0), 0.1, 10.0)
    assert roughness(Spectrum(30.0, -15.0), 0.1, 10.0)
    assert not roughness(Spectrum(30.0, -14.9), 0.1, 10.0)
    assert not roughness(Spectrum(30.0, 30.0), 0.1, 10.0)
    assert not roughness(Spectrum(30.0, -30.0), 0.1, 3.3)  # a hundredth of the rest: no complaint
    assert roughness(Spectrum(10.0, -10.0), 0.1, 11.0)
    assert not roughness(Spectrum(9.9, -9.9), 0.1, 11.0)
    assert roughness(Spectrum(1000.0, -1000.0), 0.1, 11.0)
    assert not roughness(Spectrum(1001.0, -1001.0), 0.1, 11.0)
    assert "noisy or discontinuous there: it changes 1.1e+03 times" in roughness(
        Spectrum(1.1e4, 0.0), 0.1, 1.0
    )
    assert not roughness(Spectrum(1e4, 0.0), 0.1, 1.0)
    assert not roughness(Spectrum(math.nan, math.nan), 0.1, 1.0)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_blow_ups_grow_on_a_vanishing_time_scale(direction: float) -> None:
    """x = 1/(T - t) has x / x' = T - t: below 1e-8 of the time passed it counts as none."""

    def ends(size: float, slope: float, start: float = 1.0, atol: float = 1e-9) -> bool:
        x0, x, f = (np.array([[0.0, value]]) for value in (start, size, direction * slope))
        time = np.array([direction * 2.0])
        return bool(blows_up(x0, x, f, time, 0.0, direction, atol)[0])

    assert ends(1e8, 1.01e8 * 1e8 / 2)
    assert not ends(1e8, 0.99e8 * 1e8 / 2)
    assert not ends(1e8, -1.01e8 * 1e8 / 2)  # it shrinks
    assert ends(2.0, 1e9)
    assert not ends(1.99, 1e9)  # not twice the start
    assert ends(2.0, 1e9, start=0.0)
    assert not ends(2.0, 1e9, start=0.0, atol=1.1)  # nor twice the tolerance
    assert ends(-3.0, -1e9)
    assert not ends(-3.0, 1e9)


def test_a_time_scale_below_the_grain_of_time_is_none() -> None:
    """Far from t = 0 and close to the start: 1e4 units in the last place of t count as none."""
    t, start = np.array([1e9]), 1e9 - 1e-6
    soon = 1e4 * float(np.spacing(1e9))
    x0, x = np.array([[1.0]]), np.array([[3.0]])
    assert blows_up(x0, x, np.array([[1.01 * 3.0 / soon]]), t, start, 1.0, 1e-9)[0]
    assert not blows_up(x0, x, np.array([[0.99 * 3.0 / soon]]), t, start, 1.0, 1e-9)[0]


def test_no_blow_up_of_nothing() -> None:
    assert not blows_up(
        np.zeros((2, 0)), np.zeros((2, 0)), np.zeros((2, 0)), np.ones(2), 0.0, 1.0, 1e-9
    ).any()


def test_steps_that_are_left() -> None:
    """A tenth more than the pace so far gives, rounded up to two digits; none where steps shrink or fail."""
    assert steps_left(10.0, 90.0, 0.1, 100, 100) == 990
    assert steps_left(10.0, 90.0, 0.5, 100, 100) == 990
    assert steps_left(10.0, 90.0, 0.021, 100, 100) == 990
    assert steps_left(10.0, 90.0, 0.019, 100, 100) == 0
    assert steps_left(10.0, 90.0, 2.0, 100, 100) == 500  # still growing: 90 / (2 / 10), and a tenth
    assert steps_left(10.0, 90.0, 0.1, 100, 60) == 990
    assert steps_left(10.0, 90.0, 0.1, 100, 59) == 0
    assert steps_left(0.0, 90.0, 0.1, 100, 100) == 0
    assert steps_left(10.0, 0.01, 0.1, 100, 100) == 1
    assert steps_left(10.0, 12345.0, 0.1, 100, 100) == 140000


def oscillate(t: Any, x: Any) -> Any:
    return np.stack([x[:, 1], -25.0 * x[:, 0]], axis=1)


@pytest.mark.parametrize("method", [ode.dopri5, ode.kvaerno3], ids=lambda m: m.name)
@pytest.mark.parametrize("batch", ["rows", "shared"])
def test_a_long_oscillation_is_told_how_many_steps_it_takes(method: Any, batch: Any) -> None:
    """Neither stiff nor noisy: the number in the message is enough, and at most a third too large."""
    options: dict[str, Any] = {"method": method, "batch": batch, "rtol": 1e-4, "atol": 1e-4}
    x0, times = np.array([[1.0, 0.0]]), [0.0, 30.0]
    with pytest.raises(Exception, match="the steps are steady") as caught:
        ode.solve(oscillate, x0, times, max_steps=150, **options)
    message = str(caught.value)
    assert "stiff" not in message
    assert "noisy" not in message
    total = int((re.search(r"raise max_steps to about (\d+)", message) or [0, 0])[1])
    more = int((re.search(r"would take about (\d+) more", message) or [0, 0])[1])
    assert total == 150 + more
    stats = ode.solve(oscillate, x0, times, max_steps=total, **options).stats
    assert total < 1.33 * np.max(stats["steps"] + stats["rejected"])


def test_a_stiff_oscillator_is_still_called_stiff() -> None:
    """Overdamped: eigenvalues -1 and -1e4. Van der Pol's equation on its slow branch, too."""

    def overdamped(t: Any, x: Any) -> Any:
        return np.stack([x[:, 1], -1e4 * x[:, 0] - (1e4 + 1) * x[:, 1]], axis=1)

    def van_der_pol(t: Any, x: Any) -> Any:
        return np.stack([x[:, 1], 1e3 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)

    for f, x0, value in ((overdamped, [1.0, -1.0], -1e4), (van_der_pol, [2.0, 0.0], -3e3)):
        found = ode.solve(f, np.array([x0]), [0.0, 100.0], max_steps=1000, on_failure="return")
        assert "f is stiff there" in found.message
        told = float(found.message.partition("eigenvalue of about ")[2].split(",")[0])
        assert told == pytest.approx(value, rel=0.06)


def test_steps_that_shrink_are_promised_nothing() -> None:
    """Towards a jump, and where most trials fail, no number of steps is known to be enough."""

    def sliding(t: Any, x: Any) -> Any:
        return np.where(x > 0, -1.0, 1.0)

    found = ode.solve(sliding, np.array([[0.5]]), [0.0, 100.0], max_steps=60, on_failure="return")
    assert "steady" not in found.message


def test_a_complex_system_has_the_spectrum_of_its_matrix() -> None:
    """The products of complex vectors are conjugate: a quotient in their place gives another eigenvalue."""
    matrix = np.array([[2.0 + 1.0j, 0.5], [0.3j, -5.0 + 3.0j]])
    values = np.linalg.eigvals(matrix)
    largest = values[np.abs(values).argmax()]
    found = estimate(matrix, [[1.0 + 0.5j, -0.7 + 2.0j]])
    assert found.radius == pytest.approx(abs(largest), rel=1e-2)  # (2.4 / 5.8)^9 = 4e-4 remains
    assert found.real == pytest.approx(largest.real, rel=1e-2)


@pytest.mark.parametrize(
    ("remaining", "more"), [(0.5, 1), (1.0, 2), (10.0, 11), (123.0, 140), (1234.0, 1400)]
)
def test_steps_left_are_rounded_up_to_two_digits(remaining: float, more: int) -> None:
    """Ten steps of 1, ten trials: `remaining` more, with the margin, rounded up."""
    assert steps_left(10.0, remaining, 1.0, 10, 10) == more


@pytest.mark.parametrize("other", [[0.0, 0.0], [-1.0, 2.0], [3e12, -1e12]])
def test_a_spectrum_does_not_depend_on_the_rows_that_were_not_chosen(other: Any) -> None:
    """Not on their signs and zeros, and not on their size, which is no scale for differences of this row."""

    def f(t: Any, x: Any) -> Any:
        return np.stack([-30.0 * np.sin(x[:, 0]), -2.0 * x[:, 1]], axis=1)

    x = np.array([[0.1, 0.2], other])
    alone = spectrum(f, 0.0, x[:1], np.array([True]), 1e-9)
    assert spectrum(f, 0.0, x, np.array([True, False]), 1e-9) == alone
    assert alone.real == pytest.approx(-30.0 * math.cos(0.1), rel=1e-5)


def test_a_jacobian_of_zero_has_the_spectrum_zero() -> None:
    """And where neither the state nor the tolerance has a scale, there is no estimate."""
    assert spectrum(lambda t, x: 1.0 + 0.0 * x, 0.0, np.ones((1, 2)), np.array([True]), 1e-9) == (0.0, 0.0)
    found = spectrum(lambda t, x: 1.0 - x, 0.0, np.zeros((1, 2)), np.array([True]), 0.0)
    assert np.isnan(found).all()
