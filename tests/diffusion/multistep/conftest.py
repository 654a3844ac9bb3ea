"""What the tests of the presets share: data, and the loop of the literature in log-SNR."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

VE = diffusion.edm()
TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])


class Literature:
    """Runs of published updates on uneven noise levels, and of our methods on the same."""

    sigmas = np.array([10.0, 6.0, 4.1, 2.2, 1.3, 0.9, 0.5, 0.35, 0.2])
    x = np.array([[7.0], [-11.0], [2.0], [0.1]])
    denoiser = staticmethod(lambda x, s: TARGET.denoiser(VE)(x, float(s)))

    def run(self, update: Callable[..., Any], form: str = "data") -> Any:
        """Run ``update(x, values, lambdas, t)``: values and log-SNRs newest first, without a corrector."""
        x, values, lambdas = self.x, [], []
        for s, t in pairwise(self.sigmas):
            data = self.denoiser(x, s)
            values.insert(0, data if form == "data" else (x - data) / s)
            lambdas.insert(0, -math.log(s))
            x = update(x, values, lambdas, float(t))
        return x

    def ours(self, method: diffusion.Method, **options: Any) -> Any:
        return diffusion.sample(VE, TARGET.denoiser(VE), self.x, self.sigmas, method=method, **options)


@pytest.fixture
def literature() -> Literature:
    return Literature()
