r"""The weights of one step: the integral of the polynomial through known predictions.

.. math:: x_t = \frac{r_t}{r_s} x_s + \sum_j b_j F_j, \qquad
   b_j = r_t \int_{\tau_s}^{\tau_t} \ell_j\,d\tau

with the Lagrange polynomials :math:`\ell_j` of the node coordinate. With nodes in log-SNR, the integrals of
the data and noise forms are phi-functions,

.. math:: \sum_j b_j w_j^k = H\,k!\,\varphi_{k+1}(-H), \qquad w_j = (\lambda_j - \lambda_s)/h ,

with :math:`H = (1 + \tau^2) h` times :math:`\alpha_t` (data) or :math:`H = -h` times :math:`\sigma_t`
(noise). All others are computed by quadrature. Published variants replace one of the moments. Source: Xue et
al. (2023), SA-Solver, arXiv:2309.05019, section 4; Zhang & Chen (2023), DEIS, arXiv:2204.13902, eq. 15.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from diffmath._arrays.phi import phi
from diffmath.diffusion._multistep.forms import Level, constant_weight, unit
from diffmath.diffusion._multistep.nodes import Nodes, coordinate, is_infinite, lagrange
from diffmath.diffusion._multistep.quadrature import quadrature_in_log_snr, quadrature_in_own_time
from diffmath.diffusion._process import Form, Process

__all__ = ["Moments", "exponential_weights", "step_weights"]

# Which moments: exact; the first one half of phi_1 ("midpoint") or of H ("half"), with two nodes; the second
# one halved ("single"), or two thirds of the first ("two_thirds"), with three nodes; "published" is midpoint
# with two nodes and single with three.
Moments = Literal["exact", "midpoint", "half", "single", "published", "two_thirds"]


def step_weights(
    process: Process,
    form: Form,
    nodes: Nodes,
    s: Level,
    t: Level,
    known: Sequence[Level],
    *,
    tau: float = 0.0,
    moments: Moments = "exact",
) -> tuple[float, ...]:
    """Return the weights of the predictions at the noise levels `known`, which include that of s.

    Levels at which the coordinate is infinite get no weight; they stand at the end. A step from or to such a
    level is one of order 1, of the prediction at s.
    """
    if nodes == "log_snr" and len(known) == 2 and known[0] is s and form == "data":
        older = known[1]
        if _are_finite(s.log_snr, t.log_snr, older.log_snr):  # most steps of most runs
            h = t.log_snr - s.log_snr
            w = (older.log_snr - s.log_snr) / h
            own, other = exponential_weights((1 + tau**2) * h, [w], moments)
            return t.alpha * own, t.alpha * other
    if is_infinite(nodes, s) or is_infinite(nodes, t):
        place = list(known).index(s)
        return (0.0,) * place + (constant_weight(form, s, t, tau),)
    levels = [at for at in known if not is_infinite(nodes, at)]
    if len(levels) == 1:
        return (constant_weight(form, s, t, tau),)
    if nodes == "log_snr" and form in ("data", "noise"):
        return _by_moments(form, s, t, levels, tau, moments)
    near = s.sigma < s.alpha
    places = [float(coordinate(nodes, at.alpha, at.sigma, at.log_snr, near, process)) for at in levels]
    if (t.sigma if form == "data" else t.alpha) == 0 and form in ("data", "noise"):
        end = coordinate(nodes, t.alpha, t.sigma, t.log_snr, near, process)
        values = lagrange(places, np.array([float(end)]))[:, 0] * (t.alpha if form == "data" else t.sigma)
        return tuple(values.tolist())
    if form in ("flow", "velocity") and nodes in ("flow", "theta"):
        total = unit(form, s) * constant_weight(form, s, t)
        alpha, sigma, log_snr, weights = quadrature_in_own_time(form, s, t, total)
    else:
        alpha, sigma, log_snr, weights = quadrature_in_log_snr(form, s, t, tau)
    values = lagrange(places, coordinate(nodes, alpha, sigma, log_snr, near, process)) @ weights
    return tuple(value / unit(form, at) for value, at in zip(values.tolist(), levels, strict=True))


def _are_finite(a: float, b: float, c: float) -> bool:
    total = a + b + c
    return total - total == 0.0


def _by_moments(
    form: Form, s: Level, t: Level, levels: Sequence[Level], tau: float, moments: Moments
) -> tuple[float, ...]:
    h = t.log_snr - s.log_snr
    H, size = ((1 + tau**2) * h, t.alpha) if form == "data" else (-h, t.sigma)
    place = levels.index(s)
    others = [(at.log_snr - s.log_snr) / h for at in (*levels[:place], *levels[place + 1 :])]
    own, *rest = exponential_weights(H, others, moments)
    return tuple(size * value for value in (*rest[:place], own, *rest[place:]))


def exponential_weights(H: float, nodes: Sequence[float], moments: Moments = "exact") -> list[float]:
    r"""Return the weights :math:`b_j = \int_0^1 H e^{-H(1-w)} \ell_j(w)\,dw` of the Lagrange basis.

    Parameters
    ----------
    H : float
        Step in log-SNR times (1 + tau^2); negative when encoding.
    nodes : sequence of float
        The other nodes :math:`w_1, w_2, \dots`; the present one is 0.
    moments : {"exact", "midpoint", "half", "single", "published", "two_thirds"}
        What replaces a moment: :math:`\tfrac12 H\varphi_1(-H)` (midpoint, published) or :math:`\tfrac12 H`
        (half) the first, with one other node; :math:`H\varphi_3(-H)` (single, published) or
        :math:`\tfrac23 H\varphi_2(-H)` (two thirds) the second, with two others.

    Returns
    -------
    list of float
        The weight of the present node, then those of the others; their sum is ``-expm1(-H)`` up to rounding,
        so that constant data are exact.

    Examples
    --------
    >>> exponential_weights(0.5, [])
    [0.3934693402873666]
    """
    total = -math.expm1(-H)
    if not nodes:
        return [total]
    if len(nodes) == 1 and moments in ("midpoint", "published", "half"):
        past = 0.5 * (H if moments == "half" else total) / nodes[0]
        return [total - past, past]
    found = [H * math.factorial(k) * phi(k + 1, -H) for k in range(1, len(nodes) + 1)]
    if len(nodes) == 2 and moments in ("single", "published", "two_thirds"):
        found[1] = 2 / 3 * found[0] if moments == "two_thirds" else 0.5 * found[1]
    if len(nodes) == 1:
        others = [found[0] / nodes[0]]
    else:
        powers = np.vander(np.asarray(nodes), len(nodes) + 1, increasing=True)[:, 1:].T
        others = np.linalg.solve(powers, np.asarray(found)).tolist()
    return [total - math.fsum(others), *others]
