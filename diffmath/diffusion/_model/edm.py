r"""EDM preconditioning: a network with normalised input and output as a denoiser, on any process.

.. math:: D(x, t) = \frac{\alpha\sigma_d^2}{\sigma^2 + \alpha^2\sigma_d^2}\, x
   + \frac{\sigma\sigma_d}{\sqrt{\sigma^2 + \alpha^2\sigma_d^2}}\,
   F\Bigl(\frac{x}{\sqrt{\sigma^2 + \alpha^2\sigma_d^2}}, \tfrac14\ln\frac\sigma\alpha\Bigr)

Source: Karras et al. (2022), arXiv:2206.00364, eq. 7 and table 1, for alpha = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from diffmath._arrays.callables import check_model
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._model.model import Model, from_denoiser
from diffmath.diffusion._process import Process, row_times

__all__ = ["from_edm"]


def from_edm(network: Score, process: Process, sigma_data: float = 0.5) -> Model:
    r"""Wrap the inner network of an EDM model, with its preconditioning.

    .. math:: D(x, t) = c_{\text{skip}}\,x + c_{\text{out}}\,F(c_{\text{in}}\,x, c_{\text{noise}}), \qquad
       c_{\text{in}} = (\sigma^2 + \alpha^2\sigma_d^2)^{-1/2},

    .. math:: c_{\text{skip}} = \alpha\sigma_d^2 c_{\text{in}}^2, \qquad
       c_{\text{out}} = \sigma\sigma_d c_{\text{in}}, \qquad
       c_{\text{noise}} = \tfrac14\ln(\sigma/\alpha)

    Parameters
    ----------
    network : callable
        ``F(x, c_noise)``: (batch, \*state) -> (batch, \*state). c_noise is a float, or an array of shape
        (batch,) for one time per row; `batch_time` adapts a network that needs an array. An attribute
        ``divergence(x, c_noise)``, if it has one, is used too.
    process : Process
        Any process: `edm` for a model that was trained with sigma as its time, another one to use the model
        on it. The network sees only :math:`\sigma/\alpha`.
    sigma_data : float
        :math:`\sigma_d`, the standard deviation of the data in training, positive.

    Returns
    -------
    Model

    Raises
    ------
    TypeError
        A callable that takes c_noise first.
    ValueError
        A `sigma_data` that is not positive; in a call, a time where alpha or sigma is 0, at which c_noise is
        infinite.

    Notes
    -----
    In training, F has the target :math:`(x_0 - c_{\text{skip}} x)/c_{\text{out}}` and, with the weighting
    "edm" of `loss_weight`, a weight of 1.

    References
    ----------
    .. [1] Karras et al. (2022), Elucidating the design space, arXiv:2206.00364, eq. 7 and table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> model = diffusion.from_edm(lambda x, c_noise: 0.0 * x, diffusion.edm())   # data N(0, 1/4)
    >>> model.denoiser(np.ones((1, 1)), 0.5)
    array([[0.5]])
    """
    if not 0 < sigma_data < math.inf:
        raise ValueError(f"sigma_data must be positive and finite; got {sigma_data}")
    check_model(network, "network")
    divergence = getattr(network, "divergence", None)
    if callable(divergence):
        return from_denoiser(_EDMWithDivergence(network, process, float(sigma_data), divergence), process)
    return from_denoiser(_EDM(network, process, float(sigma_data)), process)


class _EDM:
    """The denoiser; a class, not a closure, so that it can be sent to worker processes."""

    def __init__(self, network: Score, process: Process, sigma_data: float) -> None:
        self.network, self.process, self.sigma_data = network, process, sigma_data

    def scales(self, x: Array, t: Time) -> tuple[Any, Any, Any, Any]:
        """Return c_skip, c_out, c_in and c_noise."""
        alpha, sigma = self.process.marginal(row_times(t, x))
        m = elementary(sigma)
        c_in = 1 / m.sqrt(sigma**2 + (alpha * self.sigma_data) ** 2)
        c_noise = self._level(alpha, sigma, t)
        return alpha * (self.sigma_data * c_in) ** 2, sigma * self.sigma_data * c_in, c_in, c_noise

    def _level(self, alpha: Any, sigma: Any, t: Time) -> Any:
        if elementary(sigma) is not math:
            xp = array_namespace(sigma)
            return xp.reshape(xp.log(sigma) - xp.log(alpha), (-1,)) / 4
        if alpha == 0 or sigma == 0:
            raise ValueError(
                f"ln(sigma/alpha), an argument of the network, is infinite at t={t:g}; use times above 0 and "
                "below that of alpha = 0"
            )
        return (math.log(sigma) - math.log(alpha)) / 4

    def __call__(self, x: Array, t: Time) -> Array:
        c_skip, c_out, c_in, c_noise = self.scales(x, t)
        return c_skip * x + c_out * self.network(c_in * x, c_noise)


class _EDMWithDivergence(_EDM):
    def __init__(
        self, network: Score, process: Process, sigma_data: float, divergence: Callable[[Array, Any], Array]
    ) -> None:
        super().__init__(network, process, sigma_data)
        self._divergence = divergence

    def divergence(self, x: Array, t: Time) -> Array:
        c_skip, c_out, c_in, c_noise = self.scales(x, t)
        own = self._divergence(c_in * x, c_noise)
        if elementary(c_in) is not math:
            c_skip, c_out, c_in = (array_namespace(x).reshape(c, (-1,)) for c in (c_skip, c_out, c_in))
        return c_skip * math.prod(x.shape[1:]) + c_out * c_in * own
