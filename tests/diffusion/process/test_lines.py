"""edm and flow: exact values, at the ends too, and their inverses."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion


def test_edm() -> None:
    process = diffusion.edm()
    assert process.marginal(5.0) == (1.0, 5.0)
    assert process.rates(5.0) == (0.0, 1.0)
    assert process.coefficients(5.0) == (0.0, 10.0)
    assert process.log_snr(0.0) == math.inf
    assert process.time_of_log_snr(-math.log(5.0)) == pytest.approx(5.0, rel=1e-15)


def test_flow_at_its_ends() -> None:
    process = diffusion.flow()
    assert (process.marginal(0.0), process.marginal(1.0)) == ((1.0, 0.0), (0.0, 1.0))
    assert process.coefficients(1.0) == (-math.inf, math.inf)
    assert (process.log_snr(0.0), process.log_snr(1.0)) == (math.inf, -math.inf)
    assert (process.time_of_log_snr(math.inf), process.time_of_log_snr(-math.inf)) == (0.0, 1.0)


@pytest.mark.parametrize("process", [diffusion.edm(), diffusion.flow()], ids=repr)
def test_arrays_and_inverses(xp: Any, process: diffusion.Process) -> None:
    t = np.array([1e-9, 1e-3, 0.4, 0.9]) * process.t_max
    lam = process.log_snr(xp.asarray(t))
    np.testing.assert_allclose(xp.numpy(lam), [process.log_snr(float(s)) for s in t], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(xp.numpy(process.time_of_log_snr(lam)), t, rtol=1e-14)
    assert xp.numpy(process.marginal(xp.asarray(t))[0]).shape == (4,)
    again = pickle.loads(pickle.dumps(process))
    assert again.coefficients(0.5) == process.coefficients(0.5)
