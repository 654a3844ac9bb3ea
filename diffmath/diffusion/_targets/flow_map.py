r"""The exact flow of the probability-flow ODE between any two times.

.. math:: \dot x = f x - \tfrac12 g^2 \nabla\log p_t(x), \qquad x_t = \Psi_{s \to t}(x_s)

It depends on the process through (alpha, sigma) at both times only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import check_array
from diffmath._core.typing import Array
from diffmath.diffusion._exact import Marginal
from diffmath.diffusion._process import Process

__all__ = ["FlowMap"]


class _Flowing(Protocol):
    @property
    def dim(self) -> int: ...
    @property
    def _has_density(self) -> bool: ...
    def _no_flow(self) -> str: ...
    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]: ...


@dataclass(frozen=True, eq=False)
class FlowMap:
    r"""The exact flow ``flow(x, s, t)`` of a target under a process; made by ``target.flow_map(process)``.

    .. math:: x_t = \Psi_{s \to t}(x_s), \qquad (\Psi_{s \to t})_\# p_s = p_t

    Parameters
    ----------
    target : Target
    process : Process

    Raises
    ------
    ValueError
        The target has no exact flow map.

    Notes
    -----
    Samplers of the ODE are tested against it. Times may come in either order and include alpha = 0, and
    sigma = 0 where the data have a density.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> mixture = diffusion.GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], [0.1, 0.1])
    >>> flow = mixture.flow_map(diffusion.vp())
    >>> x = flow(np.array([[0.5]]), 1.0, 0.0)
    >>> x.round(4), flow(x, 0.0, 1.0).round(12)
    (array([[1.9058]]), array([[0.5]]))
    """

    target: _Flowing
    process: Process

    def __post_init__(self) -> None:
        reason = self.target._no_flow()
        if reason:
            raise ValueError(f"{self.target!r} has no exact flow map: {reason}")

    @on_its_device
    def __call__(self, x: Array, s: float, t: float) -> Array:
        """Return the state at `t` of the flow through `x` at `s`.

        Parameters
        ----------
        x : array, shape (batch, dim)
            States at `s`; NumPy arrays for mixtures, data and `Uniform`, whose quantiles are computed on the
            host in float64, arrays of any library for `Gaussian`.
        s, t : float
            Times, in either order.

        Returns
        -------
        array, shape (batch, dim)

        Raises
        ------
        TypeError
            `x` is no array, or an array on a device where the host is required.
        ValueError
            A wrong shape, values that are not finite, a time with sigma = 0 and no density of the data, or
            states outside the support there.
        """
        return self._both(x, s, t)[0]

    @on_its_device
    def log_det(self, x: Array, s: float, t: float) -> Array:
        r"""Return :math:`\ln|\det \partial x_t/\partial x_s|`, shape (batch,).

        It equals :math:`\ln p_s(x_s) - \ln p_t(x_t)`, the change of the log-likelihood along the flow.
        """
        return self._both(x, s, t)[1]

    def _both(self, x: Array, s: float, t: float) -> tuple[Array, Array]:
        x = check_array("x", x, ndim=2)
        if x.shape[1] != self.target.dim:
            raise ValueError(f"x must have shape (batch, {self.target.dim}); got {tuple(x.shape)}")
        start, end = self.process.marginal(float(s)), self.process.marginal(float(t))
        for time, (_, sigma) in ((s, start), (t, end)):
            if sigma == 0 and not self.target._has_density:
                raise ValueError(
                    f"{self.target!r} has no density at sigma=0 (time {time}), where its flow ends; "
                    "take a time above 0"
                )
        with np.errstate(all="ignore"):
            return self.target._flow(x, start, end)
