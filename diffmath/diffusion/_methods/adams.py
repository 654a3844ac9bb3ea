r"""Exponential Adams coefficients, shared by all linear multistep samplers in data form.

With :math:`\lambda = \ln(\alpha/\sigma)`, h the step in it and D the denoised data, the family of reverse
SDEs with noise level :math:`\tau` (0 the probability-flow ODE, 1 the reverse SDE) has the exact solution

.. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-\tau^2 h} x_s
   + \alpha_t \int_0^h (1+\tau^2) e^{-(1+\tau^2)(h-u)} D(\lambda_s + u)\,du
   + \sigma_t \sqrt{1 - e^{-2\tau^2 h}}\; z .

If D is replaced by the polynomial through its last p values, the integral becomes a sum. The weights have the
moments :math:`\sum_j b_j w_j^k = H\,k!\,\varphi_{k+1}(-H)`, with :math:`H = (1+\tau^2)h` and nodes
:math:`w_j = (\lambda_{s-j} - \lambda_s)/h`. Source: Xue et al. (2023), SA-Solver, arXiv:2309.05019,
section 4; for tau = 0, Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diffmath._arrays.phi import phi
from diffmath.diffusion._methods.step import Step
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["adams_step", "adams_weights"]


def adams_step(
    process: Process, times: Sequence[float], n: int, *, order: int, tau: float = 0.0, midpoint: bool = False
) -> Step:
    """Return step n of the exponential-Adams method, from ``times[n]`` to ``times[n + 1]``.

    The order is `order`, or less if the history is too short. It is 1 for a step of infinite h: one that ends
    at sigma = 0, where the state is exactly the denoised data, or (encoding) at alpha = 0.
    """
    s, t = times[n], times[n + 1]
    (alpha_s, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
    if sigma_t == 0:
        return Step(0.0, (alpha_t,))
    if alpha_t == 0:  # encoding to pure noise, the limit h -> -infinity of order 1
        return Step(sigma_t / sigma_s, (-alpha_s * sigma_t / sigma_s,))
    lam_s = log_snr_at(process, s)
    h = log_snr_at(process, t) - lam_s
    history = [log_snr_at(process, u) for u in reversed(times[max(0, n - order + 1) : n])]
    # An infinite first step (alpha = 0 at the start) has a past node at -inf, whose weight is 0.
    nodes = [(lam - lam_s) / h for lam in history if math.isfinite(lam)]
    weights = adams_weights((1 + tau**2) * h, nodes, midpoint=midpoint)
    # 0 times an infinite h is 0 here: without noise the state keeps its scale.
    loss = tau**2 * h if tau else 0.0
    noise = sigma_t * math.sqrt(-math.expm1(-2 * loss))
    return Step(sigma_t / sigma_s * math.exp(-loss), tuple(alpha_t * b for b in weights), noise)


def adams_weights(H: float, nodes: Sequence[float], *, midpoint: bool = False) -> list[float]:
    r"""Return the weights :math:`b_j = \int_0^1 H e^{-H(1-w)} \ell_j(w)\,dw` of the Lagrange basis.

    Parameters
    ----------
    H : float
        Step in log-SNR times (1 + tau^2); negative when encoding.
    nodes : sequence of float
        The past nodes :math:`w_1, w_2, \dots` (negative); the present node is 0.
    midpoint : bool
        With one past node, replace the moment :math:`H\varphi_2(-H)` by :math:`\tfrac12 H\varphi_1(-H)`, as
        in the published DPM-Solver++(2M). The difference is :math:`O(H^2)`; the order is the same.

    Returns
    -------
    list of float
        b_0 (present), b_1, ...; their sum is ``-expm1(-H)`` up to rounding, so that constant data are exact.

    Examples
    --------
    >>> adams_weights(0.5, [])
    [0.3934693402873666]
    """
    total = -math.expm1(-H)
    if not nodes:
        return [total]
    if midpoint:
        past = [0.5 * total / nodes[0]]
    else:
        moments = [H * math.factorial(k) * phi(k + 1, -H) for k in range(1, len(nodes) + 1)]
        powers = np.vander(np.asarray(nodes), len(nodes) + 1, increasing=True)[:, 1:].T
        past = [float(b) for b in np.linalg.solve(powers, np.asarray(moments))]
    return [total - math.fsum(past), *past]
