r"""Curved SDEs on a circle or torus with known expectations, for weak orders beyond affine equations.

If the coefficients have period :math:`2\pi` in every component, so do the expectation
:math:`u(t, x) = \mathrm E_x\,\phi(X_t)` and the expectation over one step of a method,
:math:`\mathrm E\,u(\Phi_h(x))`. Both are smooth, so a trigonometric polynomial represents them without
boundary and without sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

from diffmath._arrays.models import SDE
from diffmath._core.counts import check_count
from diffmath.sde import Method, noise_shape
from diffmath.testing._problems.outcomes import outcomes_of

__all__ = ["PeriodicSDE"]

Matrix = npt.NDArray[np.float64]

_ROWS = 20_000  # number of states per call of a step

# Gauss-Hermite nodes for W, H and K: their error is of order h^4 in a step.
_NODES = (5, 4, 4)


@dataclass(frozen=True, eq=False)
class PeriodicSDE:
    r"""An autonomous SDE with coefficients of period :math:`2\pi`, with test functions of that period.

    .. math::
        dX = f(X)\,dt + g(X)\,dW, \qquad \mathrm E\,\phi(X_t) = u(t, x_0), \qquad u(0, x) = \phi(x), \\
        \partial_t u = f \cdot \nabla u + \tfrac12 \operatorname{tr}(g g^\top \nabla^2 u)

    Parameters
    ----------
    model : SDE
        With 1 or 2 components; f and g have period :math:`2\pi` in each and do not depend on time.
    x0 : array_like, shape (dim,)
        Initial state.
    observables : callable
        phi: takes states, a NumPy array (points, dim), and returns the values (points, k) of k test
        functions.
    modes : int
        Highest retained frequency per component: functions are stored on ``(2 modes + 1)**dim`` points.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind; more than 2 components; coefficients or observables without the period,
        that depend on time, or with values of the wrong shape.

    Examples
    --------
    Brownian motion on a circle, where :math:`\mathrm E \cos X_t = e^{-t/2} \cos x_0`:

    >>> import numpy as np
    >>> from diffmath import sde
    >>> from diffmath.testing import PeriodicSDE
    >>> model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 1.0 + 0.0 * x, noise="additive")
    >>> PeriodicSDE(model, [0.0], np.cos, modes=4).expectations(1.0).round(6)  # exp(-1/2)
    array([0.606531])
    """

    model: SDE
    x0: npt.ArrayLike
    observables: Callable[[Matrix], Matrix]
    modes: int = 12

    def __post_init__(self) -> None:
        if not isinstance(self.model, SDE):
            raise TypeError(f"model must be an sde.SDE; got {type(self.model).__name__}")
        start = np.asarray(self.x0, dtype=np.float64)
        if start.shape not in ((1,), (2,)) or not np.isfinite(start).all():
            raise ValueError(f"x0 must be a finite vector of 1 or 2 components; got {self.x0!r}")
        object.__setattr__(self, "x0", start)
        check_count("modes", self.modes, 1)
        if not callable(self.observables):
            raise TypeError(f"observables must be callable; got {type(self.observables).__name__}")
        self._check_period()

    def __repr__(self) -> str:
        return f"PeriodicSDE({self.noise} noise, {self.model.calculus}, dim {self.dim}, modes {self.modes})"

    @property
    def noise(self) -> str:
        """The class of the noise."""
        return self.model.noise

    @property
    def dim(self) -> int:
        """Number of components."""
        return len(np.asarray(self.x0))

    def expectations(self, t: float) -> Matrix:
        """Return exact expectations of the observables at time t, shape (k,), up to the error of `modes`."""
        if t not in self._known:
            points = self._points()
            values = expm(t * self._generator(points)) @ self._observed(points)
            self._known[t] = np.asarray(self._at_start(values))
        return self._known[t].copy()

    def resolution(self, t: float) -> float:
        """Return the change of exact expectations by the last two frequencies; inf if there are no more."""
        if self.modes < 3:
            return math.inf
        return float(np.abs(self.expectations(t) - self._coarser.expectations(t)).max())

    @cached_property
    def _known(self) -> dict[float, Matrix]:
        """Exact expectations by time: one problem measures many methods."""
        return {}

    @cached_property
    def _coarser(self) -> PeriodicSDE:
        return replace(self, modes=self.modes - 2)

    def simulated(self, method: Method, time: float, steps: int) -> Matrix:
        """Return the expectations after equal steps of a method over all noise outcomes, shape (k,)."""
        points = self._points()
        transition, values = self._transition(method, time / steps, points), self._observed(points)
        for _ in range(steps):
            values = transition @ values
        return np.asarray(self._at_start(values))

    def _points(self) -> Matrix:
        """Return the grid, shape (points, dim); the last component varies fastest."""
        size = 2 * self.modes + 1
        axis = 2 * np.pi * np.arange(size) / size
        return np.stack(np.meshgrid(*[axis] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)

    def _coefficients(self, points: Matrix, t: float = 0.0) -> tuple[Matrix, Matrix]:
        """Return f, shape (points, dim), and g as a matrix, (points, dim, noise_dim)."""
        f, g = (np.asarray(part(t, points)) for part in (self.model.drift, self.model.diffusion))
        if g.ndim == 2:
            g = g[:, :, None] if self.noise == "scalar" else g[:, :, None] * np.eye(self.dim)
        return f, g

    def _observed(self, points: Matrix) -> Matrix:
        values = np.asarray(self.observables(points))
        if values.ndim != 2 or len(values) != len(points):
            raise ValueError(f"observables must return shape ({len(points)}, k); got {values.shape}")
        return values

    def _check_period(self) -> None:
        points = np.asarray(self.x0) + np.linspace(0.1, 5.0, 7)[:, None] * np.array([1.0, -0.7])[: self.dim]
        noise_shape(self.model, 0.0, points)
        here = (*self._coefficients(points), self._observed(points))
        shifted = points + 2 * np.pi * np.array([1.0, -2.0])[: self.dim]
        there = (*self._coefficients(shifted, 0.7), self._observed(shifted))
        for name, first, second in zip(("drift", "diffusion", "observables"), here, there, strict=True):
            if not np.allclose(first, second, rtol=1e-9, atol=1e-9):
                raise ValueError(f"{name} must have period 2 pi in every component, and not depend on time")

    def _generator(self, points: Matrix) -> Matrix:
        """Return the matrix of the backward Kolmogorov equation; it differentiates interpolants."""
        size = 2 * self.modes + 1
        gap = np.arange(size)[:, None] - np.arange(size)
        with np.errstate(divide="ignore"):
            along = np.where(gap == 0, 0.0, 0.5 * (-1.0) ** gap / np.sin(np.pi * gap / size))
        eye = np.eye(size)
        D = [along] if self.dim == 1 else [np.kron(along, eye), np.kron(eye, along)]
        twice = along @ along
        DD = [[twice]] if self.dim == 1 else [
            [np.kron(twice, eye), np.kron(along, along)],
            [np.kron(along, along), np.kron(eye, twice)],
        ]  # fmt: skip
        f, g = self._coefficients(points)
        if self.model.calculus == "stratonovich" and self.noise != "additive":
            for l in range(g.shape[2]):
                f = f + 0.5 * sum(g[:, j, l, None] * (D[j] @ g[:, :, l]) for j in range(self.dim))
        a = np.einsum("pil,pjl->pij", g, g)
        result: Any = sum(f[:, i, None] * D[i] for i in range(self.dim))
        for i in range(self.dim):
            for j in range(self.dim):
                result = result + 0.5 * a[:, i, j, None] * DD[i][j]
        return np.asarray(result)

    def _transition(self, method: Method, dt: float, points: Matrix) -> Matrix:
        """Return the matrix P from values v on the grid to the expectations of v after one step."""
        width = noise_shape(self.model, 0.0, points)[1]
        outcomes = outcomes_of(method, width, dt, _NODES)
        chunk = max(1, _ROWS // len(outcomes.weights))
        parts = []
        for low in range(0, len(points), chunk):
            here = points[low : low + chunk]
            before = np.repeat(here, len(outcomes.weights), axis=0)
            with np.errstate(all="ignore"):
                noise = outcomes.noise(len(here))
                after = method.attempt(self.model, None, 0.0, before, dt, noise, estimate=False).x
            if not np.isfinite(after).all():
                return np.full((len(points),) * 2, np.nan)
            waves = self._waves(np.asarray(after).reshape(len(here), -1, self.dim))
            parts.append(
                np.einsum("o,po...->p...", outcomes.weights, waves[0])
                if self.dim == 1
                else np.matmul((outcomes.weights[:, None] * waves[0]).swapaxes(1, 2), waves[1])
            )
        spectral, size = np.concatenate(parts), 2 * self.modes + 1
        axis = 2 * np.pi * np.arange(size)[:, None] / size  # the grid is a product: one axis after the other
        along = np.exp(-1j * axis * np.arange(-self.modes, self.modes + 1)) / size
        values = spectral @ along.T if self.dim == 1 else along @ spectral @ along.T
        return np.asarray(values.real.reshape(len(points), -1))

    def _at_start(self, values: Matrix) -> Matrix:
        """Return the interpolant of values on the grid at x0."""
        waves = self._waves(np.asarray(self.x0))
        row = waves[0] if self.dim == 1 else np.kron(waves[0], waves[1])
        return np.asarray((row @ (self._analysis(self._points()) @ values)).real)

    def _waves(self, x: Matrix) -> list[Any]:
        """Return exp(i k x) for all frequencies k on a last axis, for each component."""
        return [
            np.exp(1j * x[..., i, None] * np.arange(-self.modes, self.modes + 1)) for i in range(self.dim)
        ]

    def _analysis(self, points: Matrix) -> Any:
        """Return the matrix from values on the grid to coefficients of waves."""
        waves = self._waves(points)
        whole = waves[0] if self.dim == 1 else (waves[0][:, :, None] * waves[1][:, None, :])
        return whole.reshape(len(points), -1).conj().T / len(points)
