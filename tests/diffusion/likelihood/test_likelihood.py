"""Log-likelihoods against exact densities, and the three traces against one another."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffmath as dm
from diffmath import SolveError, diffusion

# beta_max = 60: alpha_T is 3e-7, so that the prior is the marginal to 1e-6 and only the solver errs.
PROCESS = diffusion.vp(0.1, 60.0)
TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [[[0.3, 0.1], [0.1, 0.2]]] * 2)
KEY = dm.random.key(0)
X = np.array([[-2.0, 0.3], [2.1, 1.0], [0.0, 0.5], [1.0, -0.3]])


@pytest.mark.parametrize("t_start", [None, 0.05])
def test_the_density_of_a_mixture(t_start: float | None, xp: Any) -> None:
    value = diffusion.log_likelihood(
        PROCESS, TARGET.score(PROCESS), xp.asarray(X), t_start=t_start, rtol=1e-6, atol=1e-8
    )
    exact = TARGET.log_density(X, PROCESS, 1e-3 if t_start is None else t_start)
    # The solver's tolerance, amplified by about 100 along the path, and the prior's 1e-6.
    np.testing.assert_allclose(xp.numpy(value), exact, rtol=0, atol=1e-4)


def test_float32_stays_float32(xp: Any) -> None:
    value = diffusion.log_likelihood(
        PROCESS, TARGET.score(PROCESS), xp.asarray(X, "float32"), rtol=1e-4, atol=1e-4
    )
    assert value.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(value), TARGET.log_density(X, PROCESS, 1e-3), atol=0.02)


def test_tolerance_is_obeyed() -> None:
    exact = TARGET.log_density(X, PROCESS, 1e-3)
    errors = [
        np.abs(diffusion.log_likelihood(PROCESS, TARGET.score(PROCESS), X, rtol=r, atol=r) - exact).max()
        for r in (1e-3, 1e-7)
    ]
    assert errors[1] < 1e-5 < errors[0] * 10
    assert errors[1] < errors[0]


def test_the_prior_error_of_the_default_process_is_as_documented() -> None:
    process = diffusion.vp()
    value = diffusion.log_likelihood(process, TARGET.score(process), X)
    error = np.abs(value - TARGET.log_density(X, process, 1e-3)).max()
    assert 1e-5 < error < 0.05  # alpha_T r / sigma_T = 0.0066 * 2.2, times quantiles of up to 3


def test_the_default_prior_makes_an_error() -> None:
    """Above 1e-3 for the default process: what the exact marginal of the next test takes away."""
    process = diffusion.vp()
    exact = TARGET.log_density(X, process, process.t_min)
    options = {"rtol": 1e-9, "atol": 1e-10}
    value = diffusion.log_likelihood(process, TARGET.score(process), X, **options)
    assert np.abs(value - exact).max() > 1e-3
    value = diffusion.log_likelihood(process, TARGET.score(process), X, prior=TARGET, **options)
    assert np.abs(value - exact).max() < 1e-7  # the tolerance, amplified by about 100 along the path


@pytest.mark.parametrize("form", ["target", "callable"])
def test_with_the_exact_marginal_as_prior_only_the_solver_errs(form: str, xp: Any) -> None:
    process = diffusion.vp()
    x, score = xp.asarray(X), TARGET.score(process)
    exact = TARGET.log_density(X, process, process.t_min)
    prior: Any = TARGET if form == "target" else lambda z: TARGET.log_density(z, process, process.t_max)
    value = diffusion.log_likelihood(process, score, x, prior=prior, rtol=1e-6, atol=1e-8)
    value = xp.numpy(value)
    # The solver's tolerance, amplified by about 100 along the path.
    np.testing.assert_allclose(value, exact, rtol=0, atol=1e-4)


def test_a_prior_keeps_float32() -> None:
    x = X.astype(np.float32)
    value = diffusion.log_likelihood(PROCESS, lambda x, t: -x, x, prior=lambda x: -(x**2).sum(1), rtol=1e-3)
    assert value.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["differences", "hutchinson"])
def test_the_difference_step_balances_truncation_and_rounding(dtype: str, kind: str) -> None:
    """The points are eps^(1/3) sigma_t away in the direction of a unit vector, for both traces."""
    options = {"key": KEY} if kind == "hutchinson" else {}
    calls: list[tuple[float, Any]] = []

    def score(x: Any, t: float) -> Any:
        calls.append((t, x.copy()))
        return -x

    diffusion.log_likelihood(
        PROCESS, score, np.zeros((1, 4), dtype), divergence=kind, rtol=0.1, atol=0.1, **options
    )
    found = [
        (s, float(np.linalg.norm(a - b)) / 2)
        for (s, a), (t, b) in itertools.pairwise(calls)
        if s == t and np.array_equal(a, -b) and np.any(a)  # x = 0 stays 0: x + step z, then x - step z
    ]
    assert len(found) > 20
    for t, distance in found:
        wanted = np.finfo(dtype).eps ** (1 / 3) * PROCESS.marginal(t)[1]
        assert distance == pytest.approx(wanted, rel=1e-5 if dtype == "float32" else 1e-12)


def test_differences_are_the_exact_trace() -> None:
    model = TARGET.score(PROCESS)
    options: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}
    exact = diffusion.log_likelihood(PROCESS, model, X, divergence="exact", **options)
    by_differences = diffusion.log_likelihood(PROCESS, model, X, divergence="differences", **options)
    # eps^(2/3) / sigma_t_min = 4e-9 per unit of trace, integrated.
    np.testing.assert_allclose(by_differences, exact, atol=1e-6)
    plain = diffusion.log_likelihood(PROCESS, lambda x, t: model(x, t), X, **options)
    np.testing.assert_array_equal(plain, by_differences)


def test_every_parametrisation_gives_the_density() -> None:
    exact = TARGET.denoiser(PROCESS)
    wanted = diffusion.log_likelihood(PROCESS, exact, X)
    for kind in ("noise", "velocity", "flow"):
        model = getattr(diffusion, f"from_{kind}")(getattr(exact, kind), PROCESS)
        np.testing.assert_allclose(diffusion.log_likelihood(PROCESS, model, X), wanted, atol=1e-5)


def test_images_have_a_density() -> None:
    x = np.linspace(-1, 1, 8).reshape(2, 1, 2, 2)
    value = diffusion.log_likelihood(PROCESS, lambda x, t: -x, x)  # N(0, I) is kept by vp
    wanted = -0.5 * np.sum(x**2, axis=(1, 2, 3)) - 2 * math.log(2 * math.pi)
    np.testing.assert_allclose(value, wanted, atol=1e-6)


def test_hutchinson_is_unbiased_with_the_stated_error() -> None:
    """Off-diagonal Gaussian data: z.Jz = tr J + 2 J_01 z_0 z_1, a fair coin for the whole path."""
    target = diffusion.GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.8], [0.8, 1.0]]])
    x = np.tile([[0.5, 0.1]], (400, 1))
    model = target.score(PROCESS)
    exact = diffusion.log_likelihood(PROCESS, model, x[:1])[0]
    spread = []
    for probes in (1, 4):
        value = diffusion.log_likelihood(PROCESS, model, x, divergence="hutchinson", probes=probes, key=KEY)
        error = value.std() / math.sqrt(len(x))
        assert abs(value.mean() - exact) < 5 * error  # false-positive rate 6e-7
        spread.append(value.std())
    # J_01 along the path integrates to the entropy between the axes: log((1.8) / (0.2)) / 2 = 1.1.
    assert abs(spread[0] - 1.1) < 0.02
    assert abs(spread[0] / spread[1] - 2) < 0.5  # 1/sqrt(probes), known to 1/sqrt(800) each


def test_sixty_four_dimensional_data() -> None:
    rng = np.random.default_rng(0)
    points = rng.integers(0, 17, size=(200, 64)) / 8 - 1.0  # like the digits: 64 levels of grey
    data = diffusion.EmpiricalData(points, bandwidth=0.3)
    x = data.sample(KEY, 4, like=np.empty(0))
    value = diffusion.log_likelihood(PROCESS, data.score(PROCESS), x)
    np.testing.assert_allclose(value, data.log_density(x, PROCESS, 1e-3), atol=1e-3)


def test_empty_batch() -> None:
    assert diffusion.log_likelihood(PROCESS, TARGET.score(PROCESS), np.empty((0, 2))).shape == (0,)


@settings(max_examples=10)
@given(mean=st.floats(-3, 3), variance=st.floats(0.05, 4.0), z=st.floats(-3, 3), t_start=st.floats(1e-3, 0.5))
def test_gaussian_data_have_their_gaussian_density(
    mean: float, variance: float, z: float, t_start: float
) -> None:
    target = diffusion.GaussianMixture([1.0], [[mean]], [variance])
    x = np.array([[mean + z * math.sqrt(variance)]])
    value = diffusion.log_likelihood(PROCESS, target.score(PROCESS), x, t_start=t_start)
    np.testing.assert_allclose(value, target.log_density(x, PROCESS, t_start), atol=1e-4)


def test_a_score_that_returns_nan_is_a_solve_error() -> None:
    with pytest.raises(SolveError, match=r"nan or inf just after t=0\.3 in all rows") as caught:
        diffusion.log_likelihood(PROCESS, lambda x, t: x * (math.nan if t > 0.3 else -1.0), X)
    assert caught.value.solution.x.shape[1:] == (4, 3)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"divergence": "exact"},
            TypeError,
            r"divergence='exact' needs a score with an attribute divergence\(x, t\)",
        ),
        ({"divergence": "hutchinson"}, TypeError, r"'hutchinson' is stochastic; pass key=dm.random.key\(0\)"),
        (
            {"divergence": "hutchinson", "probes": 0, "key": KEY},
            ValueError,
            "probes must be at least 1; got 0",
        ),
        ({"prior": 3.0}, TypeError, r"prior must be a callable prior\(x\), .* got float"),
        ({"prior": lambda x: x}, ValueError, r"prior\(x\) must return shape \(4,\); got \(4, 2\)"),
        ({"divergence": "trace"}, ValueError, "divergence must be 'auto', 'exact', .* got 'trace'"),
        ({"t_start": 0.0}, ValueError, r"t_start must lie in \(0, t_max=1\), where sigma > 0; got 0.0"),
        ({"t_start": 1.0}, ValueError, r"t_start must lie in \(0, t_max=1\)"),
        ({"t_start": math.nan}, ValueError, r"t_start must lie in \(0, t_max=1\)"),
        ({"x": X[0]}, ValueError, r"for one row use x\[None, ...\]"),
        ({"x": X + math.inf}, ValueError, "x must be finite"),
        ({"model": lambda t, x: x}, TypeError, r"a score is called as score\(x, t\)"),
        (
            {"model": lambda x, t: x[:, :1]},
            ValueError,
            r"score\(x, t\) must return shape \(4, 2\); got \(4, 1\)",
        ),
        ({"model": TARGET.score(diffusion.vp())}, ValueError, "the model was made for"),
    ],
)
def test_refusals(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"model": lambda x, t: -x, "x": X, **changes}
    with pytest.raises(error, match=message):
        diffusion.log_likelihood(PROCESS, arguments.pop("model"), arguments.pop("x"), **arguments)


def test_flows_have_a_likelihood_from_pure_noise() -> None:
    """alpha is 0 at t = 1, where f and g2 are infinite: the angle passes through."""
    process = diffusion.flow()
    model = diffusion.from_denoiser(TARGET.denoiser(process), process)
    value = diffusion.log_likelihood(process, model, X, t_start=0.01, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(value, TARGET.log_density(X, process, 0.01), atol=1e-5)  # by differences


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=lambda p: p.name)
def test_the_latent_is_the_exact_one(process: diffusion.Process) -> None:
    target = diffusion.Gaussian([0.3, -1.0], [[1.0, 0.4], [0.4, 0.5]])
    start = 0.01 * process.t_max
    found = diffusion.likelihood(process, target.denoiser(process), X, t_start=start, rtol=1e-9, atol=1e-11)
    exact = target.flow_map(process)(X, start, process.t_max)
    np.testing.assert_allclose(found.latent, exact, rtol=1e-6, atol=1e-6)
    assert found.standard_error is None
    assert found.steps > 5


def test_the_standard_error_is_that_of_the_probes() -> None:
    """z.Jz = tr J + 2 J_01 z_0 z_1: each probe is off by 1.1 up or down (see above)."""
    target = diffusion.Gaussian([0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]])
    x = np.tile([[0.5, 0.1]], (300, 1))
    found = diffusion.likelihood(
        PROCESS, target.score(PROCESS), x, divergence="hutchinson", probes=16, key=KEY, prior=target
    )
    exact = target.log_density(x[:1], PROCESS, PROCESS.t_min)[0]
    error = found.log_density - exact
    assert found.standard_error is not None
    # 300 rows of 16 coins: the mean of the squared standard errors is 1.1^2 / 16 to 3 %; 6 of its deviations.
    assert np.mean(found.standard_error**2) == pytest.approx(1.1**2 / 16, rel=0.15)
    assert np.mean(error**2) == pytest.approx(np.mean(found.standard_error**2), rel=0.5)
    one = diffusion.likelihood(PROCESS, target.score(PROCESS), x[:2], divergence="hutchinson", key=KEY)
    assert one.standard_error is None
    assert repr(found).startswith("Likelihood(300 points, with standard errors, ")
