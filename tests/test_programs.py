"""The programs of DESIGN section 4, as written: what the library promises a reader of its first page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import given

import diffmath as dm
from diffmath import diffusion, ode, sde
from diffmath import fokker_planck as fp
from diffmath.testing import assert_order
from diffmath.testing import strategies as dst

BARE = Path(__file__).parent / "bare" / "programs.py"


@pytest.fixture(scope="module")
def programs():
    """The programs as the session without extras runs them."""
    spec = importlib.util.spec_from_file_location("bare_programs", BARE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def key():
    return dm.random.key(0)


def test_program_a_derive_remember_reconstruct(programs):
    u_hat = programs.program_a()["u_hat"]
    # Sample k is the average over its cell, [k, k+1)/1000: position s holds the signal at (1000 s - 1/2)/999.
    s = (1000 * np.linspace(0, 1, 200) - 0.5) / 999
    exact = np.sin(8 * s) + 0.5 * np.cos(21 * s)
    # order 48 resolves both tones far below the step error, which is largest at the two ends
    assert np.max(np.abs(u_hat - exact)[2:-2]) < 5e-3


def test_program_b_s4_three_ways(programs):
    made = programs.program_b()
    assert made["y"].shape == made["y_rec"].shape == (1000,)


def test_program_c_sample_from_any_score(programs):
    made = programs.program_c()
    process, x_ode, logp = made["process"], made["x_ode"], made["logp"]
    exact = made["target"].log_density(x_ode, process, process.t_min)
    # The prior drops what is left of the data at t_max: alpha_T |x_0| |z| / sigma_T with alpha_T = 0.0066,
    # |x_0| about 2 and |z| up to 4 gives 0.05; tests/diffusion shows that nothing else is missing.
    assert np.max(np.abs(logp - exact)) < 5e-2
    assert np.median(np.abs(logp - exact)) < 1e-2


def test_program_d_one_symbolic_sde(programs):
    made = programs.program_d()
    x, t = made["symbols"]
    p = sympy.Function("p")(x, t)
    expected = -sympy.diff((x - x**3) * p, x) + sympy.Rational(49, 200) * sympy.diff(p, x, 2)
    assert sympy.simplify(made["operator"] - expected) == 0
    samples, density, grid = 1.1 * made["paths"].x[-1], made["density"].p[-1], made["grid"]
    wrong = fp.check_samples(samples, density, grid, false_positive_rate=1e-3)
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
