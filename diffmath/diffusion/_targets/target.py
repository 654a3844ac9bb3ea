r"""Common base of all exact targets: score and denoiser at all times, density, samples, flow map.

For a target :math:`p_0` all properties of :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon` are known in
closed form. Samplers are tested against it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._exact import Marginal
from diffmath.diffusion._model import Model, from_denoiser, from_score
from diffmath.diffusion._process import Process, row_times
from diffmath.diffusion._targets.flow_map import FlowMap
from diffmath.diffusion._targets.parameters import HostArray
from diffmath.diffusion._targets.rows import Quantity, Rows, any_zero, take_rows
from diffmath.random import Key, fold_in

__all__ = ["Target"]

# Numbers held at once by one evaluation, 32 MiB of float64; larger batches are split into chunks of rows.
CHUNK = 1 << 22


class Target(ABC):
    """A data distribution whose noised marginals are known in closed form.

    The base class of `Gaussian`, `GaussianMixture` and `EmpiricalData`, for ``isinstance`` and annotations.
    Each has `dim`, `mean` and `covariance` on the host, and the methods below.

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

    @abstractmethod
    def _rows(self, x: Array, alpha: Any, sigma: Any) -> Rows: ...

    @abstractmethod
    def _sample_data(self, key: Key, n: int, like: Array) -> Array: ...

    def _no_flow(self) -> str:
        """Say why there is no exact flow map, or nothing."""
        return "its flow map has no closed form"

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        """Return the flow of x, shape (batch, dim), and the logarithm of its Jacobian determinant."""
        raise NotImplementedError

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
        return from_score(_Exact(self, process, "score", "divergence"), process)

    def denoiser(self, process: Process) -> Model:
        r"""Return the exact denoiser ``denoiser(x, t)`` :math:`= E[x_0 \mid x_t = x]`, a `Model`.

        Its ``divergence(x, t)`` is exact: :math:`(\alpha/\sigma^2)\,\mathrm{tr\,Cov}[x_0 \mid x_t = x]`.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> point = diffusion.EmpiricalData([[3.0]], bandwidth=0.0)
        >>> point.denoiser(diffusion.vp())(np.zeros((1, 1)), 0.3)
        array([[3.]])
        """
        return from_denoiser(_Exact(self, process, "denoiser", "denoiser_divergence"), process)

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
            There is no density (point masses at sigma = 0), or its logarithm overflows.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> diffusion.GaussianMixture([1.0], [[0.0]], [1.0]).log_density(np.zeros((1, 1))).round(4)
        array([-0.9189])
        """
        value = self._evaluate("log_density", check_array("x", x, ndim=2), process, t)
        xp = array_namespace(value)
        if not all_true(xp.isfinite(value)):
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
            The target has none in closed form: those of `Gaussian` (any dimension) and of one-dimensional
            mixtures and data are known.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> normal = diffusion.Gaussian([1.0], 4.0)
        >>> normal.flow_map(diffusion.flow())(np.array([[-1.0]]), 1.0, 0.0)
        array([[-1.]])
        """
        return FlowMap(self, process)

    @on_its_device
    def _evaluate(self, quantity: Quantity, x: Array, process: Process | None, t: Time) -> Array:
        xp = array_namespace(x, names=["x"])
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have shape (batch, {self.dim}); got {tuple(x.shape)}")
        alpha, sigma = (1.0, 0.0) if process is None else process.marginal(row_times(t, x))
        if not self._smooth and any_zero(sigma):
            raise ValueError(
                f"{self!r} has no density or score at sigma=0 (t={t}): its data are point masses; "
                "take t > 0 or a positive bandwidth or covariance"
            )
        step = max(1, CHUNK // self._width)
        chunks = [slice(i, min(i + step, x.shape[0])) for i in range(0, max(1, x.shape[0]), step)]
        # Squares of huge states overflow and far weights underflow; samplers report non-finite values.
        with np.errstate(all="ignore"):
            parts = [
                getattr(self._rows(x[rows, :], take_rows(alpha, rows), take_rows(sigma, rows)), quantity)()
                for rows in chunks
            ]
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)


@dataclass(frozen=True)
class _Exact:
    """``score(x, t)`` or ``denoiser(x, t)`` of a target under a process, with its exact divergence."""

    target: Target
    process: Process
    value: Quantity
    trace: Quantity

    def __call__(self, x: Array, t: Time) -> Array:
        return self.target._evaluate(self.value, x, self.process, t)

    def divergence(self, x: Array, t: Time) -> Array:
        return self.target._evaluate(self.trace, x, self.process, t)
