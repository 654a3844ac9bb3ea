"""Every sampler of `diffusion` has the orders that it declares, from a cold start, and costs what it says.

Deterministic: against the quantile map of a one-dimensional mixture, which is the exact flow. Stochastic: on
Gaussian data a sampler is affine in its start and its normals, so that unit vectors as rows of one batch give
the mean and the variance of its output without sampling. The samplers are those of ``diffusion.__all__``:
none can be added without being measured. The light suite measures one halving, the nightly one four.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random
from diffmath.diffusion._loop import noise as _noise

VE, FLOW = diffusion.edm(t_min=0.1, t_max=10.0), diffusion.flow()
WEIGHTS, MEANS, VARIANCES = np.array([0.4, 0.6]), np.array([-1.0, 1.5]), np.array([0.4, 0.2])
MIXTURE = diffusion.GaussianMixture(WEIGHTS, MEANS[:, None], VARIANCES)
MEAN, VARIANCE = 1.5, 0.3
NORMAL = diffusion.GaussianMixture([1.0], [[MEAN]], [VARIANCE])
QUANTILES = np.linspace(-1.8, 1.8, 9)[:, None] + 0.05

NAMED = {name: getattr(diffusion, name) for name in diffusion.__all__}
ALL: dict[str, diffusion.Method] = {k: v for k, v in NAMED.items() if isinstance(v, diffusion.Method)}
FORMS: tuple[Any, ...] = ("data", "noise", "flow", "velocity")
ORDERS = ((4, 0), (3, 4), (4, 5))
VARIABLES: tuple[Any, ...] = ((2, "rho"), (2, "log_rho"), (3, "t"), (4, "log_rho"))
# Nodes, predictor, corrector, tau.
NOISY: tuple[Any, ...] = (
    ("log_snr", 1, 0, 1.0),
    ("log_snr", 1, 2, 1.0),
    ("log_snr", 2, 0, 0.5),
    ("log_snr", 3, 4, 1.0),
    ("log_norm", 2, 0, 1.0),
    ("theta", 2, 0, 1.0),
)
PUBLISHED: list[diffusion.Method] = [
    *(make(as_published=True) for make in (diffusion.dpmpp_3m, diffusion.dpm_solver_3m, diffusion.lms)),
    *(diffusion.unipc(order=3, variant=v, as_published=True) for v in ("bh2", "vary")),
    diffusion.stork(stages=4, as_published=True),
]
SETTINGS: list[diffusion.Method] = [
    *(diffusion.adams(form=form, nodes="log_snr") for form in FORMS),
    *(diffusion.adams(form=form, predictor=p, corrector=c) for form in FORMS for p, c in ORDERS),
    diffusion.adams(form="data", nodes="log_norm", predictor=3, corrector=0),
    diffusion.adams(form="noise", nodes="time", predictor=3, corrector=0),
    *(diffusion.deis(order=k, variable=v) for k, v in VARIABLES),
    *(diffusion.lms(order=k) for k in (1, 2, 3, 5)),
    *(diffusion.unipc(order=k, variant=v) for k in (1, 2, 3, 4) for v in ("bh1", "bh2")),
    *(diffusion.unipc(order=2, variant=v, as_published=True) for v in ("bh1", "vary")),
    *(diffusion.ipndm(order=k) for k in (1, 2, 3)),
    *(diffusion.sa_solver(predictor=p, corrector=c, tau=0.0) for p, c in ((3, 0), (3, 4), (4, 5))),
    diffusion.dpmpp_2m(variant="taylor"),
    diffusion.dpm_solver_2m(variant="taylor"),
    diffusion.gradient_estimation(gamma=1.5),
    diffusion.sde_dpmpp_3m(as_published=True),
    diffusion.sde_dpmpp_2m(variant="taylor", tau=0.5),
    diffusion.ddim(eta=1.0),
    *(
        diffusion.adams(form="data", nodes=nodes, predictor=p, corrector=c, tau=tau)
        for nodes, p, c, tau in NOISY
    ),
]


def _methods(chosen: Callable[[diffusion.Method], bool]) -> list[Any]:
    """Return the named and the published methods, and, for the nightly suite, the other settings."""
    light = {method.name: method for method in (*ALL.values(), *PUBLISHED)}
    nightly = {method.name: method for method in SETTINGS if method.name not in light}
    found = [pytest.param(method, id=name) for name, method in light.items() if chosen(method)]
    slow = [pytest.param(m, id=name, marks=pytest.mark.slow) for name, m in nightly.items() if chosen(m)]
    return found + slow


DETERMINISTIC = _methods(lambda method: not method.needs_key)
STOCHASTIC = _methods(lambda method: method.needs_key)
# The default noise scale of ER-SDE is small where the data are curved: its order shows later.
ABOVE = {"er_sde"}


@functools.cache
def model_of(process: diffusion.Process) -> diffusion.Model:
    """Return the velocity of the mixture, written for speed; it exists at sigma = 0 too, where E is 0."""

    def velocity(x: Any, t: float) -> Any:
        alpha, sigma = process.marginal(t)
        variances = alpha**2 * VARIANCES + sigma**2
        gaps = x - alpha * MEANS
        logs = np.log(WEIGHTS / np.sqrt(variances)) - 0.5 * gaps**2 / variances
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        data = (shares * (MEANS + alpha * VARIANCES / variances * gaps)).sum(axis=1, keepdims=True)
        noise = (shares * (sigma / variances * gaps)).sum(axis=1, keepdims=True)
        return alpha * noise - sigma * data

    return diffusion.from_velocity(velocity, process)


@functools.cache
def exact_flow(process: diffusion.Process, start: float, end: float) -> tuple[Any, Any]:
    """Return states at the start and the exact states at the end."""
    scale = process.marginal(start)[1]
    x = scale * QUANTILES
    return x, MIXTURE.flow_map(process)(x, start, end)


def errors(method: diffusion.Method, process: diffusion.Process, grid: Any, steps: Any) -> Any:
    """Return the largest error at the end for each number of steps; check the cost on the way."""
    found = []
    for n in steps:
        times = grid(n)
        x, exact = exact_flow(process, float(times[0]), float(times[-1]))
        run = diffusion.trajectory(process, model_of(process), x, times, method=method)
        assert run.stats["evaluations"] == method.nfe(n)
        found.append(np.abs(run.x[-1] - exact).max())
    return np.array(found)


def inside(n: int) -> Any:
    return np.geomspace(10.0, 0.1, n + 1)


def to_the_ends(n: int) -> Any:
    return np.linspace(1.0, 0.0, n + 1)


def slopes(values: Any) -> Any:
    return -np.diff(np.log2(values))


def check_flow(method: diffusion.Method, process: Any, grid: Any, order: int) -> None:
    found = errors(method, process, grid, (192, 384) if order < 4 else (384, 768))
    assert found.min() > 3e-13, "too few digits are left to measure an order"
    assert abs(slopes(found)[-1] - order) < 0.15, (found, slopes(found))


@pytest.mark.parametrize("method", DETERMINISTIC)
def test_order_of_the_flow(method: diffusion.Method) -> None:
    check_flow(method, VE, inside, method.order)


REGULAR = _methods(lambda method: method.form in ("flow", "velocity") and not method.needs_key)


@pytest.mark.parametrize("method", REGULAR)
def test_order_from_alpha_zero_to_sigma_zero(method: diffusion.Method) -> None:
    check_flow(method, FLOW, to_the_ends, method.order if method.end_order is None else method.end_order)


@pytest.mark.slow
@pytest.mark.parametrize("method", DETERMINISTIC)
def test_order_of_the_flow_on_four_halvings(method: diffusion.Method) -> None:
    found = errors(method, VE, inside, (48, 96, 192, 384, 768))
    digits = found[found > 1e-12]
    assert len(digits) >= 4
    assert abs(slopes(digits)[-1] - method.order) < 0.15, (found, slopes(found))
    # 48 and 96 steps may be too few for the limit, but not for an order that is lower by one.
    assert np.all(slopes(digits)[1:] > method.order - 0.5), (found, slopes(found))


def unit_noises(key: Any, clock: Any, shape: Any, **options: Any) -> Iterator[Any]:
    """Yield increments that are 1 standard deviation in one row each: row k + 2 in interval k."""
    for k, gap in enumerate(np.diff(clock)):
        unit = np.zeros(shape)
        unit[k + 2] = math.sqrt(gap)
        yield unit


def pieces(method: diffusion.Method) -> int:
    """Return how many normals a step has."""
    times = inside(2)
    return max(method.step(VE, [float(t) for t in times], n).noises for n in range(2))


def moments(monkeypatch: pytest.MonkeyPatch, method: diffusion.Method, times: Any) -> tuple[float, float]:
    """Return the mean and the variance at the end for Gaussian data, exactly.

    Row 0 has start 0 and no noise, row 1 a unit start, row k + 2 a unit normal in interval k of the clock.
    """
    monkeypatch.setattr(_noise, "brownian_increments", unit_noises)
    x = np.zeros((pieces(method) * (len(times) - 1) + 2, 1))
    x[1] = 1.0
    model = NORMAL.denoiser(VE)
    out = diffusion.sample(VE, model, x, times, method=method, key=random.key(0))[:, 0]
    gains = out[1:] - out[0]
    variance = VARIANCE + times[0] ** 2
    return float(out[0] + gains[0] * MEAN), float(gains[0] ** 2 * variance + np.sum(gains[1:] ** 2))


@pytest.mark.parametrize("method", STOCHASTIC)
def test_weak_order_of_the_reverse_sde(monkeypatch: pytest.MonkeyPatch, method: diffusion.Method) -> None:
    means, deviations = [], []
    for n in (160, 320):
        mean, variance = moments(monkeypatch, method, inside(n))
        means.append(abs(mean - MEAN))
        deviations.append(abs(math.sqrt(variance) - math.sqrt(VARIANCE + 0.01)))
    excess = slopes(deviations)[-1] - method.weak_order
    assert excess > -0.15, (deviations, slopes(deviations))
    assert excess < 0.15 or method.name in ABOVE, (deviations, slopes(deviations))
    # The data form carries the mean of Gaussian data exactly.
    assert means[-1] < 1e-12 or slopes(means)[-1] > method.weak_order - 0.15, (means, slopes(means))


@pytest.mark.parametrize("method", STOCHASTIC)
def test_strong_order_on_one_path(method: diffusion.Method) -> None:
    """Refining the grid refines the path: the difference of neighbours falls at the strong order."""
    x = 10.0 * random.normal(random.key(1), (500, 1), like=np.empty(0))
    model = NORMAL.denoiser(VE)
    runs = [
        diffusion.sample(VE, model, x, inside(n), method=method, key=random.key(2)) for n in (200, 400, 800)
    ]
    found = [float(np.sqrt(np.mean((a - b) ** 2))) for a, b in pairwise(runs)]
    assert abs(slopes(found)[-1] - method.order) < 0.15, (found, slopes(found))
