"""The panel: two mixtures on four grids, from exact quantiles, with the exact map as the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath import diffusion

__all__ = ["CELLS", "GRIDS", "OTHERS", "Cell", "geometric_mean", "grid_times", "other_cells"]

QUANTILES = (np.arange(128) + 0.5) / 128
MIXTURES = {
    "three": diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.0625]),
    "pair": diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.0025, 0.0025]),
}
# Outside the panel, for `auto`: near and far components, a wide and a narrow one, many of them.
OTHERS = {
    "one": diffusion.GaussianMixture([1.0], [[0.7]], [0.2]),
    "far": diffusion.GaussianMixture([0.8, 0.2], [[-0.5], [3.0]], [0.04, 0.01]),
    "wide": diffusion.GaussianMixture([0.5, 0.5], [[0.0], [0.3]], [1.0, 0.01]),
    "many": diffusion.GaussianMixture([0.2] * 5, [[-2.0], [-1.0], [0.0], [1.0], [2.0]], [0.02] * 5),
}
VP, EDM, FLOW = diffusion.vp(), diffusion.edm(), diffusion.flow()


def grid_times(grid: str, steps: int) -> tuple[diffusion.Process, np.ndarray]:
    if grid == "vp log-SNR":
        return VP, diffusion.log_snr_times(VP, steps)
    if grid == "vp uniform":
        return VP, np.linspace(1.0, 1e-3, steps + 1)
    if grid == "edm Karras":
        return EDM, diffusion.karras_times(EDM, steps)
    return FLOW, np.linspace(0.999, 0.002, steps + 1)


@dataclass(frozen=True)
class Cell:
    """One mixture on one grid: the task of a sampler, in x or in the coordinates x/alpha, sigma/alpha."""

    name: str
    target: diffusion.GaussianMixture
    grid: str

    def times(self, steps: int) -> tuple[diffusion.Process, np.ndarray]:
        return grid_times(self.grid, steps)

    def start(self, process: diffusion.Process, t: float) -> np.ndarray:
        """The exact quantiles at a time, shape (128, 1)."""
        levels = np.sort(self.target.flow_map(process)(self._data(), 0.0, t), axis=0)
        return np.asarray(levels)

    def _data(self) -> np.ndarray:
        cdf, low, high = self.target.projected_cdf([1.0]), np.full(128, -50.0), np.full(128, 50.0)
        for _ in range(80):
            middle = 0.5 * (low + high)
            above = cdf(middle) > QUANTILES
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return low[:, None]

    def error(self, process: diffusion.Process, found: np.ndarray, t: float) -> float:
        """The root mean square error of x/alpha at the end."""
        exact = self.target.flow_map(process)(self._data(), 0.0, t)
        return float(np.sqrt(np.mean(((found - exact) / process.alpha(t)) ** 2)))

    def denoiser(self, y: np.ndarray, kappa: float) -> np.ndarray:
        """The denoised data at x/alpha and sigma/alpha."""
        return np.asarray(self.target.denoiser(EDM)(y, kappa))

    def run(self, method: Any, steps: int) -> tuple[float, int]:
        """Return error and model evaluations of a method of ours."""
        process, times = self.times(steps)
        model = diffusion.from_denoiser(self.target.denoiser(process), process)
        run = diffusion.trajectory(process, model, self.start(process, times[0]), times, method=method)
        return self.error(process, run.x[-1], float(times[-1])), int(run.stats["evaluations"])

    def run_peer(self, sampler: Any, steps: int) -> tuple[float, int]:
        """Return error and evaluations of ``sampler(denoiser, y, kappas)`` in the coordinates of VE."""
        process, times = self.times(steps)
        kappas = np.array([process.sigma(float(t)) / process.alpha(float(t)) for t in times])
        count = 0

        def denoiser(y: np.ndarray, kappa: float) -> np.ndarray:
            nonlocal count
            count += 1
            return self.denoiser(y, kappa)

        y = sampler(denoiser, self.start(process, times[0]) / process.alpha(float(times[0])), kappas)
        end = float(times[-1])
        return self.error(process, y * process.alpha(end), end), count


GRIDS = ("vp log-SNR", "vp uniform", "edm Karras", "flow uniform")
CELLS = [Cell(f"{name}, {grid}", target, grid) for name, target in MIXTURES.items() for grid in GRIDS]


def other_cells() -> list[Cell]:
    """The cells outside the panel."""
    return [Cell(f"{name}, {grid}", target, grid) for name, target in OTHERS.items() for grid in GRIDS]


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))
