"""Targets made of Gaussian components: their projections are Gaussian mixtures on a line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_numbers import check_host
from diffmath._arrays.namespace import asarray_like, check_array, to_numpy
from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray, LineMixture, Marginal, mixture_map
from diffmath.diffusion._process import Process
from diffmath.diffusion._targets.target import Target

__all__ = ["ComponentTarget"]


class ComponentTarget(Target):
    """A target whose projections on a line are Gaussian mixtures."""

    @abstractmethod
    def _projected_components(self, direction: HostArray) -> tuple[HostArray, HostArray, HostArray]:
        """Weights, means and variances of direction . x_0, one per component."""

    def projected_cdf(
        self, direction: npt.ArrayLike, process: Process | None = None, t: float = 0.0
    ) -> Callable[[npt.ArrayLike], HostArray]:
        r"""Return the exact CDF of :math:`u \cdot x_t`, for one-dimensional tests of samples.

        Parameters
        ----------
        direction : array_like, shape (dim,)
            The vector u; it need not have unit length.
        process : Process, optional
        t : float

        Returns
        -------
        callable
            ``cdf(z)`` on host values of any shape.

        Raises
        ------
        TypeError
            A direction, or values passed to the CDF, on a device.
        ValueError
            A direction of another shape, or not finite.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.GaussianMixture([1.0], [[0.0, 5.0]], [1.0]).projected_cdf([1.0, 0.0])(0.0)
        array(0.5)
        """
        check_host("direction", direction)
        u = np.asarray(direction, dtype=np.float64)
        if u.shape != (self.dim,) or not np.all(np.isfinite(u)):
            raise ValueError(f"direction must be a finite vector of shape ({self.dim},); got shape {u.shape}")
        return self._on_line(u, (1.0, 0.0) if process is None else process.marginal(float(t)))

    def _checked_step(
        self, process: Process, x: Array, s: float, t: float
    ) -> tuple[Array, Marginal, Marginal]:
        """Return the states of a transition, and (alpha, sigma) at both times."""
        x = check_array("x", x, ndim=2)
        if x.shape[1] != self.dim:
            raise ValueError(f"x must have shape (batch, {self.dim}); got {tuple(x.shape)}")
        start, end = process.marginal(float(s)), process.marginal(float(t))
        if start[1] == 0 and not self._smooth:
            raise ValueError(f"{self!r} is a point mass in a direction at sigma=0 (time {s}): start above it")
        return x, start, end

    def _on_line(self, direction: HostArray, marginal: Marginal) -> LineMixture:
        """Return the law of direction . x_t."""
        alpha, sigma = marginal
        weights, means, variances = self._projected_components(direction)
        deviations = np.sqrt(alpha**2 * variances + sigma**2 * (direction @ direction))
        return LineMixture(weights, alpha * means, deviations)

    def _no_flow(self) -> str:
        return "" if self.dim == 1 else f"that of a mixture is known for dim 1, and this has {self.dim}"

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        check_host("x", x, "quantiles are computed on the host, ")
        source, law = (self._on_line(np.ones(1), marginal) for marginal in (start, end))
        here = to_numpy(x).astype(np.float64)[:, 0]
        there = mixture_map(source, law, here)
        change = source.log_density(here) - law.log_density(there)
        return asarray_like(there[:, None], x), asarray_like(change, x)
