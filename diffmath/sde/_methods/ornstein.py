r"""The noise of damped motion over one step, as linear functions of W, H and K of the Brownian path.

With step h, friction g and :math:`z = g h`, a velocity :math:`dv = -g v\,dt + dW` and its position receive

.. math:: I_v = \int_0^h e^{-g(h-s)}\,dW_s, \qquad
          I_q = \int_0^h \frac{1 - e^{-g(h-s)}}g\,dW_s, \qquad I_v + g I_q = W.

Expanded in Legendre polynomials, the kernel of the first has the coefficients
:math:`(2n + 1)\,(\pm 1)^n e^{-x} i_n(x)` at :math:`x = z/2`, where :math:`i_n` are the modified spherical
Bessel functions; W, H and K are the first three integrals of those polynomials against dW. Hence

.. math:: \mathrm E[I_q \mid W, H, K] = h\,(c_W W + c_H H + c_K K), \qquad
          c_W = \varphi_2(-z), \quad c_H = 6 e^{-x} i_1(x) / z, \quad c_K = -60\, e^{-x} i_2(x) / z.

Sources: Foster, Lyons & Oberhauser (2021), arXiv:2101.03446, for the conditional means; Abramowitz & Stegun
(1964), 10.2, for the Bessel functions. The map with the exact law is derived here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from diffmath._arrays.phi import phi

__all__ = ["Weights", "conditional_mean", "exact_law"]

# Above this value the power series of the Bessel functions is replaced by closed forms, which lose digits
# below.
_FAR = 5.0


class Weights(NamedTuple):
    """Weights of W, H and K in a Gaussian integral over the step."""

    W: float
    H: float
    K: float


@lru_cache(maxsize=256)
def conditional_mean(z: float) -> Weights:
    r"""Return the weights of :math:`I_q / h`, given W, H and K; those of :math:`I_v` are 1 - z W, -z H, -z K.

    The remainder of :math:`I_q` has mean zero and size :math:`h^{3/2} z^2` (:math:`h^{3/2} z` without K).

    Examples
    --------
    >>> from diffmath.sde._methods.ornstein import conditional_mean
    >>> conditional_mean(0.0)
    Weights(W=0.5, H=1.0, K=-0.0)
    """
    growth = math.exp(max(0.0, -z))  # the kernel is largest at the end of the step, or at its start
    return Weights(phi(2, -z), 3.0 * growth * _bessel(1, z / 2), -15.0 * z * growth * _bessel(2, z / 2))


@lru_cache(maxsize=256)
def exact_law(z: float) -> tuple[Weights, Weights]:
    r"""Return weights with which W, :math:`I_q / h` and the position at half the step have their exact law.

    The second weights are those of :math:`I_q^{1/2} / h`, the noise of the position at h/2. Three Gaussians
    suffice for the three integrals that a splitting into two free half steps needs. The first weights differ
    from the conditional mean only in the weight of K, by a factor 1 + O(z^2). The law leaves two choices for
    the second weights; those closer to the conditional mean are taken.

    Examples
    --------
    >>> from diffmath.sde._methods.ornstein import exact_law
    >>> whole, half = exact_law(0.0)
    >>> whole, round(half.W, 6), round(half.H, 6), round(half.K, 2)  # at best, K would weigh 15/8
    (Weights(W=0.5, H=1.0, K=-0.0), 0.125, 0.5, 1.94)
    """
    mean, y = conditional_mean(z), z / 2
    whole = Weights(mean.W, mean.H, mean.K * math.sqrt(1.0 + _left_out(y)))
    W = phi(2, -y) / 4
    variance = _variance(y) / 8
    covariance = phi(1, -y) * phi(2, -y) / 8 + math.exp(-y) * variance
    # In the plane of normalised H and K: a along the noise of the whole step, the rest perpendicular to it.
    along = (whole.H / math.sqrt(12), whole.K / math.sqrt(720))
    length = math.hypot(*along)
    a = (covariance - W * whole.W) / length
    across = math.sqrt(variance - W * W - a * a)
    H = (a * along[0] - across * along[1]) / length
    K = (a * along[1] + across * along[0]) / length
    return whole, Weights(W, H * math.sqrt(12), K * math.sqrt(720))


def _variance(z: float) -> float:
    """Return var I_q / h^3 for step 1 and friction z, in the form with the least cancellation."""
    if z > 1.0:
        return (1 - (3 - 4 * math.exp(-z) + math.exp(-2 * z)) / (2 * z)) / z**2
    return 4 * phi(3, -2 * z) - 2 * phi(3, -z)


def _left_out(x: float) -> float:
    """Return the conditional variance of I_q given (W, H, K), relative to that explained by K: even in x."""
    x = abs(x)
    explained = _bessel(2, x)
    if x < _FAR:
        rest = sum((2 * n + 1) * (_bessel(n, x) * x ** (n - 2)) ** 2 for n in range(3, 30))
        return rest / (5 * explained**2)
    scaled = [x**n * _bessel(n, x) for n in range(3)]
    known = sum((2 * n + 1) * i * i for n, i in enumerate(scaled))
    return (phi(1, -4 * x) - known) / (5 * scaled[2] ** 2)


def _bessel(n: int, x: float) -> float:
    r"""Return :math:`e^{-|x|} i_n(x) / x^n`, even in x; from `_FAR` on, n at most 2."""
    x = abs(x)
    if x < _FAR:
        term = 1 / math.prod(range(1, 2 * n + 2, 2))
        total = term
        for k in range(1, 40):  # the last term is below 1e-30 of the sum
            term *= x * x / (2 * k * (2 * n + 2 * k + 1))
            total += term
        return math.exp(-x) * total
    sinh = -0.5 * math.expm1(-2 * x)
    cosh = 1.0 - sinh
    if n == 0:
        return sinh / x
    return (cosh - sinh / x) / x**2 if n == 1 else ((1 + 3 / x**2) * sinh - 3 * cosh / x) / x**3
