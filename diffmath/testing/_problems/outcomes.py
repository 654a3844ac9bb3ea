"""The driving variables of a step as a finite law: weighted outcomes for all their values."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath.sde import Increment, Method, WeakIncrement, weak_increments

__all__ = ["Outcomes", "outcomes_of"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """A finite law of the driving variables of a step of length dt.

    Parameters
    ----------
    dt : float
        The step.
    weights : numpy.ndarray, shape (outcomes,)
        Probabilities; they sum to 1.
    values : numpy.ndarray, shape (outcomes, variables)
        Values of the variables.
    noise_dim : int
        Number of Brownian motions.
    terms : str or None
        Levy areas that the method needs; None for the discrete variables of weak methods.
    """

    dt: float
    weights: Matrix
    values: Matrix
    noise_dim: int
    terms: str | None

    def noise(self, repeats: int = 1) -> Any:
        """Return the noise of a step: all outcomes, one per row, `repeats` times in sequence."""
        m, values = self.noise_dim, np.tile(self.values, (repeats, 1))
        if self.terms is None:
            return WeakIncrement(self.dt, values[:, :m], lambda width: values[:, m : m + width])
        if not self.terms:
            return values[:, :m]
        W, H = values[:, :m], values[:, m : 2 * m]
        K = values[:, 2 * m : 3 * m] if "K" in self.terms else None
        return Increment(self.dt, W, H, K, _areas(W, H, values) if "A" in self.terms else None)


def outcomes_of(method: Method, noise_dim: int, dt: float, nodes: tuple[int, int, int]) -> Outcomes:
    """Return the law of a method's discrete variables, or a Gauss-Hermite rule with nodes for W, H and K."""
    m, h = noise_dim, abs(dt)
    pairs = m * (m - 1) // 2
    if method.increments is weak_increments:
        three = ([1 / 6, 2 / 3, 1 / 6], [-math.sqrt(3 * h), 0.0, math.sqrt(3 * h)])
        signs = ([0.5, 0.5], [-1.0, 1.0])
        return Outcomes(dt, *_product([three] * m + [signs] * (1 + pairs)), m, None)
    terms = method.terms
    variances = [h, h / 12, h / 720][: 3 if "K" in terms else 2 if terms else 1]
    rules: list[Any] = []
    for variance, count in zip(variances, nodes, strict=False):
        points, mass = np.polynomial.hermite_e.hermegauss(count)
        rules += [(mass / mass.sum(), math.sqrt(variance) * points)] * m
    if "A" in terms:
        spread = h / math.sqrt(12)
        rules += [([0.5, 0.5], [-spread, spread])] * pairs
    return Outcomes(dt, *_product(rules), m, terms)


def _areas(W: Matrix, H: Matrix, values: Matrix) -> Matrix:
    """Return areas with their conditional mean and variance given W and H."""
    A = H[:, :, None] * W[:, None, :] - W[:, :, None] * H[:, None, :]
    pairs = list(itertools.combinations(range(W.shape[1]), 2))
    for column, (i, j) in enumerate(pairs, start=values.shape[1] - len(pairs)):
        A[:, i, j] += values[:, column]
        A[:, j, i] -= values[:, column]
    return A


def _product(rules: list[Any]) -> tuple[Matrix, Matrix]:
    """Return the product of discrete laws: weights (outcomes,), values (outcomes, variables)."""
    grids = np.meshgrid(*(np.asarray(values) for _, values in rules), indexing="ij")
    weights = np.ones(())
    for mass, _ in rules:
        weights = np.multiply.outer(weights, np.asarray(mass))
    return weights.ravel(), np.stack([grid.ravel() for grid in grids], axis=1)
