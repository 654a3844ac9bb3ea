"""The programs of DESIGN section 4, as written: what the library promises a reader of its first page."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given

import diffmath as dm
from diffmath import diffusion, ode, sde, symbolic
from diffmath import fokker_planck as fp
from diffmath import statespace as ss
from diffmath.testing import assert_order
from diffmath.testing import strategies as dst


def test_program_a_derive_remember_reconstruct():
    A, B = symbolic.derive_hippo(symbolic.legs, 4)  # exact SymPy matrices, from the measure
    u = np.sin(8 * np.linspace(0, 1, 1000)) + 0.5 * np.cos(21 * np.linspace(0, 1, 1000))
    c = ss.memorize(ss.legs(48), u, ss.bilinear)  # (1000, 48): row k after k+1 samples
    u_hat = ss.reconstruct(ss.legs(48), c[-1], np.linspace(0, 1, 200))

    assert A.shape == (4, 4)
    assert list(B) == [1, sympy.sqrt(3), sympy.sqrt(5), sympy.sqrt(7)]
    assert c.shape == (1000, 48)
    # Sample k is the average over its cell, [k, k+1)/1000: position s holds the signal at (1000 s - 1/2)/999.
    s = (1000 * np.linspace(0, 1, 200) - 0.5) / 999
    exact = np.sin(8 * s) + 0.5 * np.cos(21 * s)
    # order 48 resolves both tones far below the step error, which is largest at the two ends
    assert np.max(np.abs(u_hat - exact)[2:-2]) < 5e-3


def test_program_b_s4_three_ways():
    u = np.sin(8 * np.linspace(0, 1, 1000)) + 0.5 * np.cos(21 * np.linspace(0, 1, 1000))
    C = np.random.default_rng(0).standard_normal(64)
    system = ss.bilinear(ss.legs(64).with_output(C), 1 / 1024)
    K = ss.kernel(system, 1024)  # method chosen from the structure
    y = ss.convolve(u, K)  # FFT, causal
    y_rec = ss.simulate(system, u)

    assert K.shape == (1024,)
    # 1e-12 relative: rounding of 1000 recurrence steps against one FFT
    np.testing.assert_allclose(y, y_rec, rtol=0, atol=1e-12 * np.max(np.abs(y_rec)))


@pytest.fixture(scope="module")
def key():
    return dm.random.key(0)


def test_program_c_sample_from_any_score(key):
    process = diffusion.vp()  # beta from 0.1 to 20
    target = diffusion.GaussianMixture(
        weights=[0.3, 0.7], means=[[-2.0, 0.0], [2.0, 1.0]], covariances=[0.1, 0.2]
    )
    score = target.score(process)  # score(x, t); a user's own callable goes here
    x_T = process.sample_prior(key, (4096, 2), like=np.empty(0))
    times = diffusion.log_snr_times(process, 20)
    x_ode = diffusion.sample(process, score, x_T, times, method=diffusion.dpmpp_2m)
    x_sde = diffusion.sample(process, score, x_T, times, method=diffusion.sde_dpmpp_2m, key=key)
    logp = diffusion.log_likelihood(process, score, x_ode, rtol=1e-6)

    assert x_ode.shape == x_sde.shape == (4096, 2)
    # The share of the right component is 0.7 +- 6 standard deviations (false-positive rate 2e-9) plus bias.
    for x in (x_ode, x_sde):
        assert abs(np.mean(x[:, 0] > 0) - 0.7) < 6 * np.sqrt(0.21 / 4096) + 0.01
    exact = target.log_density(x_ode, process, process.t_min)
    # The prior drops what is left of the data at t_max: alpha_T |x_0| |z| / sigma_T with alpha_T = 0.0066,
    # |x_0| about 2 and |z| up to 4 gives 0.05; tests/diffusion shows that nothing else is missing.
    assert np.max(np.abs(logp - exact)) < 5e-2
    assert np.median(np.abs(logp - exact)) < 1e-2


def test_program_d_one_symbolic_sde(key):
    x, t = sympy.symbols("x t")
    well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[sympy.Rational(7, 10)]])
    operator = symbolic.fokker_planck_operator(well)  # SymPy expression in p(x, t)
    x0 = 0.3 * dm.random.normal(key, (100_000, 1), like=np.empty(0))
    paths = sde.solve(well.lower(), x0, np.linspace(0, 2, 201), method=sde.milstein, key=key)
    final = sde.ensemble(well, x0, t_span=(0.0, 2.0), steps=200, method="milstein", key=key)
    grid = fp.Grid.uniform((-4, 4), 400)
    density = fp.solve(well.lower(), fp.gaussian(grid, mean=0.0, std=0.3), [0.0, 2.0], grid)
    report = fp.check_samples(paths.x[-1], density.p[-1], grid, false_positive_rate=1e-3)
    assert report.passed, report

    p = sympy.Function("p")(x, t)
    expected = -sympy.diff((x - x**3) * p, x) + sympy.Rational(49, 200) * sympy.diff(p, x, 2)
    assert sympy.simplify(operator - expected) == 0
    np.testing.assert_array_equal(final, paths.x[-1])
    wrong = fp.check_samples(1.1 * paths.x[-1], density.p[-1], grid, false_positive_rate=1e-3)
    assert not wrong.passed


def my_step(f, t, x, dt):
    """A user's own Heun step."""
    k1 = f(t, x)
    k2 = f(t + dt, x + dt * k1)
    return x + dt / 2 * (k1 + k2)


@given(problem=dst.linear_odes(max_dim=4))
def test_program_e_mine_is_second_order(problem):
    assert_order(my_step, problem, order=2)


def test_one_key_serves_prior_path_and_probe(key):
    """Program (c) and (d) use one key for several things: their streams are not correlated."""
    process = diffusion.vp()
    n = 100_000
    prior = process.sample_prior(key, (n, 1), like=np.empty(0))[:, 0]
    own = dm.random.normal(key, (n, 1), like=np.empty(0))[:, 0]
    motion = sde.SDE(drift=lambda t, x: 0.0 * x, diffusion=lambda t, x: 0.0 * x + 1.0, noise="additive")
    path = sde.solve(motion, np.zeros((n, 1)), [0.0, 1.0], method=sde.euler_maruyama, key=key).x[-1][:, 0]
    for a, b in ((prior, own), (prior, path), (own, path)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 6 / np.sqrt(n)  # 6 sigma: false-positive rate 2e-9


def test_method_objects_complete():
    for method in (ode.heun, ode.rk4, ode.dopri5, sde.euler_maruyama, sde.milstein, diffusion.dpmpp_2m):
        assert method.nfe(10) >= 10
        assert method.reference
