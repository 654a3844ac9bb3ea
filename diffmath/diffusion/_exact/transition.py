r"""The transition law of the SDEs that share the marginals of Gaussian data, one direction of the eigenbasis.

With tau = 0 the probability-flow ODE, with tau = 1 the SDE of the forward process (to noise) or its reverse
(to data), the family

.. math:: dx = \big(f x - \tfrac{1 \pm \tau^2}{2} g^2 \nabla\log p_t\big) dt + \tau g\,dW

has, for data N(m, c) and :math:`V = \alpha^2 c + \sigma^2`, the law

.. math:: x_t \mid x_s \sim \mathcal N\Big(\alpha_t m + \sqrt{V_t/V_s}\,q^{\tau^2/2}(x_s - \alpha_s m),\;
   V_t (1 - q^{\tau^2})\Big)

with q the ratio of :math:`V_t/\alpha_t^2` and :math:`V_s/\alpha_s^2`, the smaller over the larger.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["transition_factors"]

Host = npt.NDArray[np.float64]
Marginal = tuple[float, float]


def transition_factors(variances: Host, start: Marginal, end: Marginal, tau: float) -> tuple[Host, Host]:
    """Return the factor of the gap x_s - alpha_s m, and the variance, in each direction with data variance c.

    The variance at the start is positive in every direction.
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = start, end
    v_s, v_t = alpha_s**2 * variances + sigma_s**2, alpha_t**2 * variances + sigma_t**2
    ratio = np.sqrt(v_t / v_s)
    if tau == 0:
        return ratio, np.zeros_like(variances)
    # 1 - q without the difference of nearly equal variances, in which c cancels.
    gap = (sigma_s * alpha_t - sigma_t * alpha_s) * (sigma_s * alpha_t + sigma_t * alpha_s)
    larger = v_s * alpha_t**2 if gap > 0 else v_t * alpha_s**2
    # Both alpha = 0: the end is pure noise, as the start is, and the log-SNR does not change: q = 1.
    lost = np.divide(abs(gap), larger, out=np.zeros_like(variances), where=larger > 0)
    with np.errstate(divide="ignore"):
        log_q = tau**2 * np.log1p(-np.minimum(lost, 1.0))
    return ratio * np.exp(0.5 * log_q), -v_t * np.expm1(log_q)
