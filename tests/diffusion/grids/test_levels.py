"""Karras, exponential, polyexponential and Beta grids against their formulas in the noise level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from diffmath import diffusion

PROCESSES = [diffusion.vp(), diffusion.edm(), diffusion.flow()]
N = 12
U = np.arange(N + 1) / N


def levels(process: diffusion.Process, times: np.ndarray, on: str) -> np.ndarray:
    """The noise levels of a grid."""
    pairs = [process.marginal(float(t)) for t in times]
    return np.array([s / a if on == "sigma" else s / (a + s) for a, s in pairs])


def ends(process: diffusion.Process, on: str) -> tuple[float, float, float, float]:
    start = 0.9 if process.name == "flow" else process.t_max
    high, low = levels(process, np.array([start, process.t_min]), on)
    return start, process.t_min, high, low


@pytest.mark.parametrize("on", ["sigma", "fraction"])
@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_karras(process: diffusion.Process, on: str) -> None:
    start, end, high, low = ends(process, on)
    for rho in (1.0, 7.0):
        times = diffusion.karras_times(process, N, rho=rho, on=on, t_start=start, t_end=end)  # type: ignore[arg-type]
        wanted = (high ** (1 / rho) + U * (low ** (1 / rho) - high ** (1 / rho))) ** rho
        # 1e-14: the rounding of 80 in levels down to 0.002
        np.testing.assert_allclose(levels(process, times, on), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("on", ["sigma", "fraction"])
@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_exponential_and_polyexponential(process: diffusion.Process, on: str) -> None:
    start, end, high, low = ends(process, on)
    times = diffusion.exponential_times(process, N, on=on, t_start=start, t_end=end)  # type: ignore[arg-type]
    got = levels(process, times, on)
    np.testing.assert_allclose(got[1:] / got[:-1], (low / high) ** (1 / N), rtol=1e-11)
    times = diffusion.polyexponential_times(process, N, rho=2.0, on=on, t_start=start, t_end=end)  # type: ignore[arg-type]
    wanted = np.exp((1 - U) ** 2 * (np.log(high) - np.log(low)) + np.log(low))
    np.testing.assert_allclose(levels(process, times, on), wanted, rtol=1e-12)
    if on == "sigma":
        log_snr = diffusion.log_snr_times(process, N, t_start=start, t_end=end)
        exponential = diffusion.exponential_times(process, N, t_start=start, t_end=end)
        np.testing.assert_allclose(exponential, log_snr, rtol=1e-12)


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_beta(process: diffusion.Process) -> None:
    quantiles = beta.ppf(1 - U, 0.5, 0.7)
    times = diffusion.beta_times(process, N, a=0.5, b=0.7, t_end=0.0)
    # ppf is iterative, good to 1e-8.
    np.testing.assert_allclose(times, process.t_max * quantiles, rtol=1e-7)
    for on in ("sigma", "fraction"):
        start, end, high, low = ends(process, on)
        times = diffusion.beta_times(process, N, a=0.5, b=0.7, on=on, t_start=start, t_end=end)  # type: ignore[arg-type]
        np.testing.assert_allclose(levels(process, times, on), low + (high - low) * quantiles, rtol=1e-7)


def test_the_fraction_reaches_pure_noise_and_data() -> None:
    times = diffusion.karras_times(diffusion.flow(), N, on="fraction", t_end=0.0)
    np.testing.assert_allclose(times, (1 - U) ** 7, rtol=1e-12, atol=1e-15)
    cosine = diffusion.vp_cosine()
    times = diffusion.karras_times(cosine, N, on="fraction", t_end=0.0)
    np.testing.assert_allclose(levels(cosine, times, "fraction"), (1 - U) ** 7, rtol=1e-12, atol=1e-15)


def test_refusals() -> None:
    vp = diffusion.vp()
    with pytest.raises(ValueError, match=r"rho must be positive and finite; got 0"):
        diffusion.karras_times(vp, 4, rho=0.0)
    with pytest.raises(ValueError, match=r"rho must be positive"):
        diffusion.polyexponential_times(vp, 4, rho=-1.0)
    with pytest.raises(
        ValueError, match=r"on must be one of 'sigma', 'fraction', 'angle', 'log_snr', 'time'"
    ):
        diffusion.karras_times(vp, 4, on="lambda")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a and b must be positive and finite; got a=0.0"):
        diffusion.beta_times(vp, 4, a=0.0)
    with pytest.raises(ValueError, match=r"the logarithm of log_snr has no value"):
        diffusion.exponential_times(vp, 4, on="log_snr")
    with pytest.raises(ValueError, match=r"noise level sigma/alpha is infinite at t=1"):
        diffusion.karras_times(diffusion.flow(), 4)
