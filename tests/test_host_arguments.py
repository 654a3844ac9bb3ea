"""Arguments that must be on the host are refused, by name, on a device."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import diffusion, ode, sde
from diffmath import fokker_planck as fp

GRID = fp.Grid.uniform((-4, 4), 40)
OU = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
MIXTURE = diffusion.GaussianMixture([1.0], [[0.0, 5.0]], [1.0])
CALLS = {
    "p0": lambda values: fp.solve(OU, values, [0.0, 1.0], GRID),
    "p": lambda values: fp.check_samples(np.zeros(100), values, GRID, false_positive_rate=1e-3),
    "cdf": lambda values: fp.check_cdf(np.zeros(40), lambda x: values, false_positive_rate=1e-3),
    "direction": MIXTURE.projected_cdf,
    "z": MIXTURE.projected_cdf([1.0, 0.0]),
    "times": lambda values: ode.solve(lambda t, x: -x, np.ones((1, 1)), values),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_array_of_a_device_is_refused_by_name(xp, name):
    if "numpy" in xp.name:
        pytest.skip("NumPy's arrays are host numbers")
    words = rf"^{name}.* must be a list or a NumPy array of host numbers; got an array of .*copy (it|them)"
    with pytest.raises(TypeError, match=words):
        CALLS[name](xp.asarray(np.full(GRID.cells, 0.125)))
