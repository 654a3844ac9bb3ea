"""Arrays of the second device stay there, whichever device is current: here, and in executor threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cupy_double
import numpy as np
import pytest

import diffmath as dm
from diffmath import diffusion, ode, sde
from diffmath import statespace as ss

cupy = cupy_double.install()
import array_api_compat.cupy as xp  # noqa: E402

KEY, PROCESS = dm.random.key(0), diffusion.vp()
OU = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 * x, diffusion_derivative=lambda t, x: 0.1 + 0 * x)
MIXTURE = diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [0.1, 0.2])
TIMES = diffusion.log_snr_times(PROCESS, 4)


def _threads(x: Any) -> Any:
    with ThreadPoolExecutor(2) as pool:
        options: dict[str, Any] = {"steps": 4, "method": "milstein", "key": KEY}
        return sde.ensemble(OU, x, t_span=(0.0, 1.0), executor=pool, chunk=2, **options)


def _decay(t: Any, x: Any) -> Any:
    return -x


CALLS: dict[str, Callable[[Any], Any]] = {
    "random.normal": lambda x: dm.random.normal(KEY, (3, 2), like=x),
    "random.uniform": lambda x: dm.random.uniform(KEY, (3, 2), like=x),
    "ode.solve, adaptive": lambda x: ode.solve(_decay, x, [0.0, 0.5, 1.0]).x,
    "ode.solve, dense": lambda x: ode.solve(_decay, x, [0.0, 1.0], dense=True).dense(0.3),
    "ode.solve, fixed": lambda x: ode.solve(_decay, x, [0.0, 1.0], method=ode.rk4, substeps=4).x,
    "ode.solve, implicit": lambda x: ode.solve(_decay, x, [0.0, 1.0], method=ode.kvaerno5).x,
    "ode.steps": lambda x: [step.x for step in ode.steps(_decay, x, [0.0, 1.0])][-1],
    "sde.solve": lambda x: sde.solve(OU, x, np.linspace(0, 1, 5), method=sde.milstein, key=KEY).x,
    "sde.solve_adaptive": lambda x: sde.solve_adaptive(OU, x, [0.0, 1.0], method=sde.milstein, key=KEY).x,
    "sde.ensemble": lambda x: sde.ensemble(OU, x, t_span=(0.0, 1.0), steps=4, method="milstein", key=KEY),
    "sde.ensemble, in threads": _threads,
    "sde.brownian_increments": lambda x: list(
        sde.brownian_increments(KEY, np.linspace(0, 1, 5), (4, 2), like=x)
    )[-1],
    "sde.BrownianPath": lambda x: (
        list(sde.BrownianPath(KEY, (4, 2), 0.0, 1.0, like=x).increments([0.0, 0.5, 1.0]))[-1].W
    ),
    "process.sample_prior": lambda x: PROCESS.sample_prior(KEY, (3, 2), like=x),
    "process.perturb": lambda x: PROCESS.perturb(x, 0.5, key=KEY),
    "target.sample": lambda x: MIXTURE.sample(KEY, 3, like=x),
    "target.log_density": lambda x: MIXTURE.log_density(x),
    "diffusion.sample": lambda x: diffusion.sample(
        PROCESS, MIXTURE.score(PROCESS), x, TIMES, method="sde_dpmpp_2m", key=KEY
    ),
    "diffusion.log_likelihood": lambda x: diffusion.log_likelihood(
        PROCESS, MIXTURE.score(PROCESS), x, rtol=1e-2
    ),
    "statespace.memorize": lambda x: ss.memorize(ss.legs(4), x[:, 0], ss.bilinear),
    "statespace.convolve": lambda x: ss.convolve(x[:, 0], x[:, 1]),
    "statespace.scan": lambda x: ss.scan(x, x),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_answer_is_on_the_device_of_the_arguments(name):
    values = np.linspace(0.2, 1.0, 8).reshape(4, 2)
    there = xp.asarray(values, device=cupy.cuda.Device(1))
    found, expected = CALLS[name](there), CALLS[name](xp.asarray(values))
    assert found.device == cupy.cuda.Device(1)
    assert cupy.cuda.Device().id == 0  # what was current is current again
    np.testing.assert_array_equal(found.get(), expected.get())


def test_between_two_steps_the_callers_device_is_current():
    there = xp.asarray(np.ones((2, 2)), device=cupy.cuda.Device(1))
    for _ in ode.steps(_decay, there, [0.0, 1.0]):
        assert cupy.cuda.Device().id == 0
