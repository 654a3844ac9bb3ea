r"""The contract: convolution, recurrence, scan and SciPy give the same numbers, for every measure and step.

The identities that a library of HiPPO memories has to keep, T1 to T14, and where each of them is tested:

T1   a derivation equals its closed form, symbolically and in floats; so do the gauges
     test_legs_is_the_closed_form, test_legt_is_the_closed_form, test_jacs_is_the_closed_form,
     test_lagt_is_the_closed_form, test_the_fourier_windows_are_the_closed_forms,
     test_fous_is_the_closed_form, test_equals_the_symbolic_derivation,
     test_families_equal_the_symbolic_derivation, test_windows_equal_the_symbolic_derivation,
     test_lmu_is_the_published_memory_unit, test_plain_is_the_second_form_of_su
T2   the end of the Legendre window is the Pade delay [N-1/N]
     test_the_oldest_value_of_legt_is_the_pade_delay,
     test_the_end_of_the_legendre_window_is_the_pade_delay
T3   kernels e^{tA} B are the analytic functions
     test_the_legs_kernel_is_the_warped_legendre_polynomial, test_impulse_response_is_a_warped_polynomial,
     test_zoh_of_legs_is_the_analytic_kernel
T4   exact steps of LegS are the projection
     test_exact_steps_give_the_projection, test_zero_order_hold_steps_are_exact
T5   waves are answered by spherical Bessel functions
     test_projection_tends_to_the_spherical_bessel_functions,
     test_legt_answers_a_wave_by_spherical_bessel_functions
T6   the Fourier window forgets, the published one echoes
     test_the_window_forgets_and_the_published_one_echoes
T7   energy identities
     test_energy_identity, test_energy_identity_of_the_window, test_energy_identity_of_scaled_memories
T8   equivariance in time, bit for bit
     test_equivariance_is_bitwise, test_windows_have_no_unit_of_time_but_their_own
T9   normal plus low rank, in unitary bases
     test_legs_in_closed_form, test_ranks_are_found, test_a_unitary_basis_rebuilds_a
T10  all kernels are one kernel, odd or even, batched, in either precision
     test_spectral_kernels_are_the_powers, test_spectral_kernels_in_single_precision,
     test_kernel_tends_to_the_continuous_one_at_first_order, test_modes_on_the_circle_of_frequencies
T11  step, convolution, scan and dlsim agree
     test_every_way_gives_the_same_numbers, test_the_scan_in_the_basis_of_eigenvectors
T12  S4's bilinear step, its inputs averaged over two samples, is Tustin's
     test_scipys_kernel_averages_two_lags, test_bilinear_warps_the_frequency_axis
T13  stable systems stay stable
     test_every_step_of_every_measure_is_stable, test_a_stable_system_stays_stable
T14  LagT reads the past back in its own direction
     test_lagt_reads_the_past_back_in_its_own_direction
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmath import statespace as ss

ORDERS, SPANS = st.integers(1, 12), st.floats(0.1, 10.0)
FADING = st.just(0.0) | st.floats(0.01, 3.0)
ODD = st.integers(0, 5).map(lambda waves: 2 * waves + 1)
MEASURES = {
    "legs": st.builds(ss.legs, ORDERS),
    "jacs": st.builds(ss.jacs, ORDERS, st.floats(-0.9, 5.0)),
    "legt": st.builds(ss.legt, ORDERS, SPANS),
    "lagt": st.builds(ss.lagt, ORDERS, st.floats(-0.9, 0.9), FADING, timescale=SPANS),
    "fout": st.builds(ss.fout, ODD, SPANS),
    "fout as published": st.builds(partial(ss.fout, as_published=True), ODD, SPANS),
    "foud": st.builds(ss.foud, ODD, st.floats(0.0, 0.99), SPANS),
    "fous": st.builds(ss.fous, ODD),
}

# What SciPy calls a rule, and the rules of both policies; gbt is given its alpha when it is drawn.
SCIPY = {
    "forward_euler": "euler",
    "backward_euler": "backward_diff",
    "bilinear": "bilinear",
    "zoh": "zoh",
    "gbt": "gbt",
    "foh": "foh",
    "impulse": "impulse",
}
RULES = [(name, policy) for name in list(SCIPY)[:5] for policy in ("s4", "scipy")]
RULES += [("foh", None), ("impulse", None)]

# The methods of `kernel` that know the spectrum, and the measures they serve. The step is one of gbt; below
# alpha = 1/2 the normal part alone may grow where the system does not, which costs Cauchy sums digits.
SPECTRAL = {"cauchy": set(MEASURES), "product": set(MEASURES) - {"fous"}}

# The largest spectral norm of a power of A at which a run still counts as stable. Implicit rules and holds of
# these measures stay below it for every step; an explicit part must take steps that are short enough.
STABLE = 10.0
EXAMPLES = settings.default.max_examples // 10  # of each of the 96 pairs of a measure and a rule


@pytest.mark.parametrize(("rule", "policy"), RULES)
@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_every_way_gives_the_same_numbers(measure, rule, policy, data):
    """T11. Each output is a sum of terms C_i (A^j B)_i u; the ways sum the same terms in other orders.

    So they agree to some eps of the terms, whose sum of sizes is at most |u| times the norm of
    sum_i |C_i| |(A^j B)_i| over the lags j: that is the scale. The output itself may cancel to anything.
    """
    length = data.draw(st.integers(1, 150), label="length")
    system, dt, alpha, continuous = _discrete(data, measure, rule, policy, length)
    u = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed of u")).standard_normal(length)
    y, scale = _definition(system, u), _terms(system, length) * np.linalg.norm(u)
    cut = data.draw(st.integers(0, length - 1), label="cut")
    spectral = [
        method
        for method, served in SPECTRAL.items()
        if policy == "s4"
        and alpha is not None
        and measure in served
        and (alpha >= 0.5 or method == "product")
    ]
    ways = {
        **_by_convolution(system, u, cut, spectral),
        **_by_recurrence(system, u, cut),
        **_by_scipy(system, u),
        "an associative scan": _output(system, _associative_scan(system, u), u),
    }
    if policy != "s4" and length > 1:
        options = {} if rule != "gbt" else {"alpha": alpha}
        peer = scipy.signal.cont2discrete(continuous, dt, SCIPY[rule], **options)
        ways["SciPy's own step"] = scipy.signal.dlsim(peer, u)[1].reshape(y.shape)
    for way, found in ways.items():
        assert found.shape == y.shape, way
        error = float(np.max(np.abs(found - y)))
        assert error <= 1e-12 * scale, f"{way}: {error:.1e} with terms of {scale:.1e}"


def _discrete(data, measure, rule, policy, length):
    """Draw a stable system: itself, its step, its alpha if it has one, and the continuous one for SciPy."""
    source = data.draw(MEASURES[measure], label="measure")
    n = source.order
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed of C"))
    outputs = data.draw(st.sampled_from([None, 1, 2]), label="outputs")
    shape = (n,) if outputs is None else (outputs, n)
    D = 0.0 if rule == "impulse" else rng.standard_normal(shape[:-1])
    source = source.with_output(rng.standard_normal(shape), D if np.ndim(D) else float(D))
    alpha = {"forward_euler": 0.0, "backward_euler": 1.0, "bilinear": 0.5}.get(rule)
    options = {} if policy is None else {"policy": policy}
    if rule == "gbt":
        alpha = options["alpha"] = data.draw(st.floats(0.0, 1.0), label="alpha")
    dt = 10.0 ** data.draw(st.floats(-3.0, 1.0), label="log10(dt)")
    step = partial(getattr(ss, rule), source, **options)
    while _largest_power(step(dt).A[:n, :n], length) > STABLE:
        assert alpha is not None, f"{rule} of {measure} grows"
        assert alpha < 0.5, f"alpha={alpha} of {measure} grows"
        dt /= 2.0
    rows = np.atleast_2d(source.C)
    continuous = (source.A, source.B[:, None], rows, np.reshape(source.D, (-1, 1)))
    return step(dt), dt, alpha, continuous


def _largest_power(A, length):
    """The largest spectral norm of I, A, ..., A^length; the search ends at 1e3."""
    power, largest = np.eye(len(A)), 1.0
    for _ in range(length):
        if largest > 1e3:
            break
        power = A @ power
        largest = max(largest, np.linalg.norm(power, 2))
    return largest


def _definition(system, u):
    """One step after the other, in extended precision where the machine has it."""
    A, B, C, D = (np.asarray(part, dtype=np.longdouble) for part in (system.A, system.B, system.C, system.D))
    x, y = np.zeros_like(B), []
    for sample in u:
        x = A @ x + B * sample
        y.append(C @ x + D * sample)
    return np.asarray(y, dtype=np.float64)


def _terms(system, length):
    C, x, sizes = np.abs(np.atleast_2d(system.C)), system.B, []
    for _ in range(length):
        sizes.append(C @ np.abs(x))
        x = system.A @ x
    return np.linalg.norm(np.max(sizes, axis=1)) + np.max(np.abs(system.D))


def _output(system, states, u):
    y = states @ np.atleast_2d(system.C).T + u[:, None] * np.atleast_1d(system.D)
    return y[:, 0] if system.C.ndim == 1 else y


def _by_convolution(system, u, cut, spectral):
    found = {}
    for method in ("auto", "powers", "doubling", *spectral):
        K = ss.kernel(system, len(u), method=method)
        signal = u if K.ndim == 1 else u[:, None]
        found[f"convolution with method={method!r}"] = ss.convolve(signal, K)
    parts = [ss.convolve(signal[:cut], K)] if cut else []
    parts += [ss.convolve(signal[cut:], K, before=signal[:cut])]
    return {**found, "convolution in two parts": np.concatenate(parts)}


def _by_recurrence(system, u, cut):
    state, parts = np.zeros(system.order), []
    if cut:
        state, parts = ss.advance(system, u[:cut]), [ss.simulate(system, u[:cut])]
    parts.append(ss.simulate(system, u[cut:], state=state))
    states, x = [], np.zeros(system.order)
    for k in range(len(u)):
        x = ss.advance(system, u[k : k + 1], state=x)
        states.append(x)
    return {
        "simulate": ss.simulate(system, u),
        "simulate in two parts": np.concatenate(parts),
        "advance, sample by sample": _output(system, np.stack(states), u),
    }


def _by_scipy(system, u):
    """SciPy's state lags one sample behind, so that its outputs are (C A, C B + D); it wants two samples."""
    if len(u) < 2:
        return {}
    C, D = np.atleast_2d(system.C), np.atleast_1d(system.D)
    lagged = (system.A, system.B[:, None], C @ system.A, (C @ system.B + D)[:, None], system.dt)
    y = scipy.signal.dlsim(lagged, u)[1]
    return {"dlsim": y[:, 0] if system.C.ndim == 1 else y}


def _associative_scan(system, u):
    """All states in log2(samples) rounds: x -> P x + r, then x -> Q x + s, is x -> Q P x + (Q r + s)."""
    maps, states = np.repeat(system.A[None], len(u), axis=0), u[:, None] * system.B
    stride = 1
    while stride < len(u):
        later, earlier = slice(stride, None), slice(None, -stride)
        states[later] += np.einsum("kij,kj->ki", maps[later], states[earlier].copy())
        maps[later] = maps[later] @ maps[earlier].copy()
        stride *= 2
    return states


@pytest.mark.parametrize("method", ["cauchy", "product"])
@pytest.mark.parametrize(
    ("system", "length"),
    [
        (ss.forward_euler(ss.jacs(1, 1.0).with_output(np.ones(1)), 1.0), 2),  # 1 - 2 dt is -1
        (ss.bilinear(ss.legs(8).with_output(np.ones(8)), 1e6), 64),  # nearly -1, in every mode
    ],
)
def test_modes_on_the_circle_of_frequencies(system, length, method):
    """T10 where A^length is not small: the generating function has poles next to the frequencies."""
    exact = ss.kernel(system, length, method="powers")
    K = ss.kernel(system, length, method=method)
    np.testing.assert_allclose(K, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize(
    "measure",
    [ss.legs(2), ss.jacs(2, 4.0), ss.legt(3), ss.lagt(1), ss.fout(9), ss.foud(7, 0.5), ss.fous(11)],
)
@pytest.mark.parametrize("rule", ["bilinear", "zoh", "impulse"])
def test_the_scan_in_the_basis_of_eigenvectors(measure, rule):
    """T11 where eigenvectors are good: `scan` of the modes is the run, `diagonal_kernel` its kernel."""
    rng = np.random.default_rng(11)
    source = measure.with_output(rng.standard_normal(measure.order))
    system, u = getattr(ss, rule)(source, 0.02), rng.standard_normal(300)
    y, scale = _definition(system, u), _terms(system, 300) * np.linalg.norm(u)
    values, vectors = np.linalg.eig(system.A)
    assert np.linalg.cond(vectors) < 50  # so that some eps become some hundred
    inputs = np.linalg.solve(vectors, system.B.astype(complex))
    modes = ss.scan(np.repeat(values[None], 300, axis=0), u[:, None] * inputs)
    np.testing.assert_allclose((modes @ (vectors.T @ system.C)).real, y, rtol=0, atol=1e-12 * scale)
    K = ss.diagonal_kernel(*ss.diagonalize(source), 300, dt=0.02, method=rule, pairs=False)
    np.testing.assert_allclose(ss.convolve(u, K), y, rtol=0, atol=1e-12 * scale)


def test_an_unstable_step_is_the_same_recurrence_until_it_is_refused():
    """Steps beyond the limit are no exception to the definition, as long as the numbers last."""
    system = ss.forward_euler(ss.legs(6).with_output(np.ones(6)), 0.5)
    u = np.random.default_rng(0).standard_normal(100)
    y = _definition(system, u)
    assert np.abs(y).max() > 1e20
    for found in (ss.simulate(system, u), ss.convolve(u, ss.kernel(system, 100))):
        # Every output grows upon the rounding of all before: some eps of the largest.
        assert np.abs(found - y).max() <= 1e-12 * np.abs(y).max() * 100


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_scipys_kernel_averages_two_lags(measure, data):
    """T12, lag by lag: for D = 0 the two policies differ by alpha K_j + (1 - alpha) K_{j-1}."""
    length = data.draw(st.integers(1, 100))
    source = data.draw(MEASURES[measure])
    source = source.with_output(np.random.default_rng(0).standard_normal(source.order))
    alpha = data.draw(st.sampled_from([0.5, 0.5, 0.7, 1.0]))
    dt = 10.0 ** data.draw(st.floats(-3.0, 1.0))
    s4, peer = (ss.gbt(source, dt, alpha=alpha, policy=policy) for policy in ("s4", "scipy"))
    K = np.append(ss.kernel(s4, length), 0.0)
    averaged = alpha * K[:length] + (1.0 - alpha) * np.roll(K, 1)[:length]
    np.testing.assert_allclose(ss.kernel(peer, length), averaged, rtol=0, atol=1e-12 * _terms(s4, length))


SIZED = {
    "legs": ss.legs,
    "jacs": partial(ss.jacs, beta=-0.5),
    "legt": ss.legt,
    "lagt": ss.lagt,
    "lagt, alpha": partial(ss.lagt, alpha=-0.5, beta=0.3),
    "lagt of the code": partial(ss.lagt, beta=0.0),
    "fout": ss.fout,
    "fout as published": partial(ss.fout, as_published=True),
    "foud": partial(ss.foud, retention=0.5),
    "fous": ss.fous,
}


@pytest.mark.parametrize("rule", [ss.bilinear, ss.zoh])
@pytest.mark.parametrize("measure", SIZED)
@pytest.mark.parametrize(("order", "steps"), [(1, (1e-3, 10.0)), (33, (1e-3, 0.1, 10.0)), (511, (1e-3,))])
def test_every_step_of_every_measure_is_stable(measure, rule, order, steps):
    """T13: the spectral radius is below 1, for it is at most |A^m|^(1/m), and some power has a norm below 1.

    Computed eigenvalues would prove nothing, as these matrices are far from normal (see below).
    """
    for dt in steps:
        assert _contracts(rule(SIZED[measure](order), dt).A)


def test_the_proof_of_stability_rejects_what_grows_or_stands_still():
    assert not _contracts(ss.forward_euler(ss.legs(33), 0.1).A)
    assert not _contracts(np.eye(3))
    assert not _contracts(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert not _contracts(np.array([[1.0 + 1e-9, 0.0], [0.0, 0.5]]))


def _contracts(A):
    """Whether a power of A, found by squaring, has a Frobenius norm below 1/2, rounding included.

    A product of matrices with norms below g adds at most n eps g^2 to what the factors bring, twice their
    errors; the powers that occur have g below the square root of n. So the rounding of A^m is below
    m n^2 eps, which must stay below 1/2, or nothing is proved.
    """
    n, m, power = len(A), 1, A
    while m * n**2 * np.finfo(float).eps < 0.5:
        norm = np.linalg.norm(power)
        if norm < 0.5:
            return True
        if norm > 100.0 * np.sqrt(n):
            return False
        power, m = power @ power, 2 * m
    return False


def test_eigenvalues_do_not_tell():
    """LegS has the eigenvalues -1, ..., -n; where its triangle is turned, others are computed."""
    legs, n = ss.legs(64), np.arange(64, 0, -1.0)
    turned, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))
    found = np.linalg.eigvals(turned @ legs.A @ turned.T)
    assert np.abs(np.sort_complex(found) + n).max() > 40
    assert _contracts(turned @ ss.bilinear(legs, 0.1).A @ turned.T)


@pytest.mark.parametrize(
    "rule", [ss.forward_euler, ss.backward_euler, ss.bilinear, ss.zoh, ss.foh, partial(ss.gbt, alpha=0.3)]
)
@pytest.mark.parametrize("stretch", [2.0, 0.25])
def test_windows_have_no_unit_of_time_but_their_own(rule, stretch):
    """T8: a window as much longer as the step, and the memory is the same, bit for bit.

    A signal played at another speed, f(alpha t), is sampled to the same numbers where it is sampled as much
    more often; only dt / theta enters. Powers of two are exact.
    """
    u = np.random.default_rng(3).standard_normal(120)
    windows = [partial(make, 7) for make in (ss.legt, ss.fout, partial(ss.foud, retention=0.4))]
    for window in (*windows, lambda theta: ss.lagt(7, 0.5, timescale=theta)):

        def states(scale, window=window):
            return ss.simulate(rule(window(theta=1.5 * scale).with_output(np.eye(7)), 0.01 * scale), u)

        np.testing.assert_array_equal(states(1.0), states(stretch))


def test_the_table_names_tests_that_exist():
    root = Path(__file__).parents[1]
    files = [*(root / "statespace").rglob("test_*.py"), *(root / "symbolic").rglob("test_*.py")]
    written = set(re.findall(r"^def (test_\w+)", "\n".join(map(Path.read_text, files)), flags=re.MULTILINE))
    named = re.findall(r"\btest_\w+", str(__doc__))
    assert len(named) > 14
    assert set(named) <= written
    assert re.findall(r"^T\d+", str(__doc__), flags=re.MULTILINE) == [f"T{i}" for i in range(1, 15)]
