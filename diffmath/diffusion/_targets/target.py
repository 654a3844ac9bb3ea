r"""Common base of all exact targets: score and denoiser at all times, density, samples, flow map.

For a target :math:`p_0` all properties of :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon` are known in
closed form. Samplers are tested against it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._exact import HostArray, Marginal, Measurement
from diffmath.diffusion._model import Model, from_denoiser, from_score
from diffmath.diffusion._process import Process, row_times
from diffmath.diffusion._targets.flow_map import FlowMap
from diffmath.diffusion._targets.rows import ExactModel, Quantity, Rows, any_zero, take_rows
from diffmath.random import Key, fold_in

__all__ = ["Target"]

# Numbers held at once by one evaluation, 32 MiB of float64; larger batches are split into chunks of rows.
CHUNK = 1 << 22


class Target(ABC):
    """A data distribution whose noised marginals are known in closed form.

    The base class of `Gaussian`, `GaussianMixture`, `EmpiricalData`, `Uniform`, `Ring`, `Product` and
    `Rotated`, for ``isinstance`` and annotations. Each has `dim`, `mean` and `covariance` on the host, and
    the methods below.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> isinstance(diffusion.EmpiricalData([[0.0], [1.0]], bandwidth=0.1), diffusion.Target)
    True
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of the data."""

    @property
    @abstractmethod
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""

    @property
    @abstractmethod
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""

    @property
    @abstractmethod
    def _width(self) -> int: ...

    @property
    @abstractmethod
    def _smooth(self) -> bool:
        """Whether the data distribution (sigma = 0) has a smooth density."""

    @property
    def _has_density(self) -> bool:
        """Whether the data distribution has a density, smooth or not."""
        return self._smooth

    @property
    def _bounded(self) -> bool:
        """Whether the density of the data is 0 somewhere."""
        return False

    @property
    def _rough(self) -> str:
        """Why the data have no smooth density, and what to do."""
        return "its data are point masses; take t > 0 or a positive bandwidth or covariance"

    @abstractmethod
    def _rows(self, x: Array, alpha: Any, sigma: Any) -> Rows: ...

    @abstractmethod
    def _sample_data(self, key: Key, n: int, like: Array) -> Array: ...

    def _no_flow(self) -> str:
        """Say why there is no exact flow map, or nothing."""
        return "its flow map has no closed form"

    def _measured(self, measurement: Measurement) -> tuple[Target, float]:
        """Return the target given a measurement, and the log-density of the measurement."""
        raise ValueError(f"{self!r} has no exact posterior of linear measurements")

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        """Return the flow of x, shape (batch, dim), and the logarithm of its Jacobian determinant."""
        raise ValueError(f"{self!r} has no exact flow map: {self._no_flow()}")

    def score(self, process: Process) -> Model:
        r"""Return the exact score ``score(x, t)`` :math:`= \nabla \log p_t(x)`, a `Model`.

        Its ``divergence(x, t)`` is also exact (the trace of the Hessian of log p_t, shape (batch,)).
        `t` is a float or one time per row, shape (batch,) or (batch, 1).

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> normal = diffusion.GaussianMixture([1.0], [[0.0]], [1.0])
        >>> normal.score(diffusion.vp())(np.full((1, 1), 0.5), 0.3)
        array([[-0.5]])
        """
        return from_score(ExactModel(self, process, "score", "divergence"), process)

    def denoiser(self, process: Process) -> Model:
        r"""Return the exact denoiser ``denoiser(x, t)`` :math:`= E[x_0 \mid x_t = x]`, a `Model`.

        Its ``divergence(x, t)`` is exact: :math:`(\alpha/\sigma^2)\,\mathrm{tr\,Cov}[x_0 \mid x_t = x]`, and
        so is ``function.vjp(x, t, v)``, shape (batch, dim), the product of v and the Jacobian
        :math:`(\alpha/\sigma^2)\,\mathrm{Cov}[x_0 \mid x_t = x]`.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> point = diffusion.EmpiricalData([[3.0]], bandwidth=0.0)
        >>> point.denoiser(diffusion.vp())(np.zeros((1, 1)), 0.3)
        array([[3.]])
        """
        return from_denoiser(ExactModel(self, process, "denoiser", "denoiser_divergence"), process)

    @on_its_device
    def log_density(self, x: Array, process: Process | None = None, t: Time = 0.0) -> Array:
        r"""Return :math:`\log p_t(x)`; without a process, the log-density of the data.

        Parameters
        ----------
        x : array, shape (batch, dim)
        process : Process, optional
        t : float or array, shape (batch,)

        Returns
        -------
        array, shape (batch,)

        Raises
        ------
        ValueError
            There is no density (point masses at sigma = 0), or its logarithm overflows. Where the density of
            `Uniform` is 0, its logarithm is minus infinity.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> diffusion.GaussianMixture([1.0], [[0.0]], [1.0]).log_density(np.zeros((1, 1))).round(4)
        array([-0.9189])
        """
        value = self._evaluate("log_density", check_array("x", x, ndim=2), process, t)
        xp = array_namespace(value)
        if not all_true(xp.isfinite(value) | ((value < 0) & self._bounded)):
            raise ValueError(
                f"the log-density at x overflows {value.dtype}: scale x down, or take a larger t"
            )
        return value

    @on_its_device
    def sample(
        self, key: Key, n: int, *, like: Array, process: Process | None = None, t: float = 0.0
    ) -> Array:
        r"""Draw `n` points of the data, or of their marginal at `t`.

        Parameters
        ----------
        key : Key
            The domain "diffusion.target" is folded in.
        n : int
        like : array
            Any array of the required library, device and dtype.
        process : Process, optional
            Together with `t`, adds noise to the points.
        t : float

        Returns
        -------
        array, shape (n, dim)

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion, random
        >>> point = diffusion.EmpiricalData([[3.0]], bandwidth=0.0)
        >>> point.sample(random.key(0), 2, like=np.empty(0))
        array([[3.], [3.]])
        """
        key = fold_in(key, "diffusion.target")
        x0 = self._sample_data(key, n, like)
        return x0 if process is None else process.perturb(x0, t, key=key)

    def flow_map(self, process: Process) -> FlowMap:
        r"""Return the exact solution ``flow(x, s, t)`` of the probability-flow ODE, a `FlowMap`.

        Raises
        ------
        ValueError
            The target has none in closed form. Known are those of `Gaussian` and `Uniform` in any dimension,
            of mixtures and data in one, and of `Product` and `Rotated` of these.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> normal = diffusion.Gaussian([1.0], 4.0)
        >>> normal.flow_map(diffusion.flow())(np.array([[-1.0]]), 1.0, 0.0)
        array([[-1.]])
        """
        return FlowMap(self, process)

    def posterior(self, H: npt.ArrayLike, y: npt.ArrayLike, noise: npt.ArrayLike) -> Target:
        r"""Return the law of the data given linear measurements of them, a `Target`.

        .. math:: y = H x_0 + n, \qquad n \sim \mathcal N(0, R)

        Parameters
        ----------
        H : array_like, shape (m, dim)
        y : array_like, shape (m,)
        noise : array_like, shape (), (m,) or (m, m)
            Covariance R of the noise: a multiple of the identity, a diagonal, or a matrix.

        Returns
        -------
        Target
            A `Gaussian` for a `Gaussian`, a `GaussianMixture` for mixtures and smoothed points, points with
            other weights for `EmpiricalData` without bandwidth, `Rotated` for a `Rotated` one. Its score
            is that which conditional sampling approximates. Components whose weight underflows are left out.

        Raises
        ------
        TypeError
            Arguments that are not host numbers.
        ValueError
            Shapes that do not fit, a covariance that is none, measurements without a density (no noise, and
            none in the data), or a target without an exact posterior.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.Gaussian([0.0, 0.0], 1.0).posterior([[1.0, 0.0]], [2.0], noise=1.0).mean
        array([1., 0.])
        """
        return self._measured(Measurement.checked(H, y, noise, self.dim))[0]

    def log_evidence(self, H: npt.ArrayLike, y: npt.ArrayLike, noise: npt.ArrayLike) -> float:
        """Return the log-density of linear measurements y; arguments and errors as in `posterior`.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> round(diffusion.Gaussian([0.0], 1.0).log_evidence([[1.0]], [0.0], noise=0.0), 4)
        -0.9189
        """
        return self._measured(Measurement.checked(H, y, noise, self.dim))[1]

    @on_its_device
    def _evaluate(
        self, quantity: Quantity, x: Array, process: Process | None, t: Time, *along: Array
    ) -> Array:
        xp = array_namespace(x, names=["x"])
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have shape (batch, {self.dim}); got {tuple(x.shape)}")
        alpha, sigma = (1.0, 0.0) if process is None else process.marginal(row_times(t, x))
        ready = self._has_density if quantity == "log_density" else self._smooth
        if not ready and any_zero(sigma):
            lacks = "score" if self._has_density else "density or score"
            raise ValueError(f"{self!r} has no {lacks} at sigma=0 (t={t}): {self._rough}")
        step = max(1, CHUNK // self._width)
        chunks = [slice(i, min(i + step, x.shape[0])) for i in range(0, max(1, x.shape[0]), step)]
        # Squares of huge states overflow and far weights underflow; samplers report non-finite values.
        with np.errstate(all="ignore"):
            parts = [
                getattr(self._rows(x[rows, :], take_rows(alpha, rows), take_rows(sigma, rows)), quantity)(
                    *(v[rows, :] for v in along)
                )
                for rows in chunks
            ]
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)
