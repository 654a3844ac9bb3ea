r"""Stochastic interpolants: paths of random samples of one law to samples of another.

.. math:: x_t = a\,x_0 + b\,x_1 + \gamma\,z, \qquad v = E[\dot a x_0 + \dot b x_1 \mid x_t], \quad
   s = -E[z \mid x_t]/\gamma, \quad u = v - \gamma\dot\gamma\,s

The law of :math:`x_t` is kept by :math:`\dot x = u` and by :math:`dx = (u + \epsilon s)\,dt
+ \sqrt{2\epsilon}\,dW` for every :math:`\epsilon \ge 0`. Source: Albergo, Boffi & Vanden-Eijnden (2023),
arXiv:2303.08797, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from diffmath._arrays.callables import check_model
from diffmath._arrays.devices import on_its_device
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._paths.checks import (
    Constant,
    check_coefficients,
    pair,
    strength_at,
    times_inside,
)  # fmt: skip
from diffmath.diffusion._paths.coefficients import GAMMAS, PATHS
from diffmath.diffusion._paths.fields import Diffusion, Drift, FlowOf, ScoreOfNoise
from diffmath.diffusion._process import noise_for
from diffmath.random import Key
from diffmath.sde import SDE

__all__ = ["Interpolant", "interpolant"]

TimeFunction = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Interpolant:
    r"""A stochastic interpolant :math:`x_t = a x_0 + b x_1 + \gamma z` for t in [0, 1].

    Parameters
    ----------
    a, b : callable
        Coefficients, ``a(t)``, of a number or an array of times: a(0) = b(1) = 1, a(1) = b(0) = 0.
    d_a, d_b : callable
        Their derivatives.
    gamma : callable
        Standard deviation of the noise, 0 at both ends.
    gamma_rate : callable
        The product :math:`\gamma\dot\gamma`, which is finite at the ends.
    name : str
        For the repr.

    Raises
    ------
    TypeError
        A coefficient that is not callable.
    ValueError
        Coefficients that have other values at the ends, or derivatives that contradict them.

    Notes
    -----
    `interpolant` has the named ones. z is standard normal and independent of :math:`(x_0, x_1)`, which may
    depend on each other.

    References
    ----------
    .. [1] Albergo, Boffi & Vanden-Eijnden (2023), arXiv:2303.08797, section 2.

    Examples
    --------
    >>> interpolant("trigonometric")
    Interpolant('trigonometric, brownian')
    """

    a: TimeFunction
    b: TimeFunction
    d_a: TimeFunction
    d_b: TimeFunction
    gamma: TimeFunction
    gamma_rate: TimeFunction
    name: str = "interpolant"

    def __post_init__(self) -> None:
        check_coefficients(self)

    @on_its_device
    def interpolate(
        self, x0: Array, x1: Array, t: Time, *, key: Key | None = None, noise: Array | None = None
    ) -> Array:
        r"""Return :math:`x_t = a x_0 + b x_1 + \gamma z`.

        Parameters
        ----------
        x0, x1 : array, shape (batch, \*state)
            Samples of the two laws, in pairs.
        t : float or array, shape (batch,)
            One time, or one per row.
        key : Key, optional
            Key to draw z (domain "diffusion.interpolate"); pass this or `noise`.
        noise : array, shape (batch, \*state), optional
            z.

        Returns
        -------
        array, shape (batch, \*state)

        Raises
        ------
        TypeError
            Neither or both of `key` and `noise`, or arrays of two libraries.
        ValueError
            Shapes that do not fit, or a time outside [0, 1].

        Examples
        --------
        >>> import numpy as np
        >>> interpolant().interpolate(np.zeros((1, 1)), np.ones((1, 1)), 0.25, noise=np.zeros((1, 1)))
        array([[0.25]])
        """
        x0, x1 = pair(x0, x1)
        z = noise_for("interpolate", x0, key, noise)
        times = times_inside(t, x0)
        return self.a(times) * x0 + self.b(times) * x1 + self.gamma(times) * z

    @on_its_device
    def training_target(self, x0: Array, x1: Array, t: Time) -> Array:
        r"""Return :math:`\dot a x_0 + \dot b x_1`, whose mean given :math:`x_t` is the velocity v.

        Parameters and errors are those of `interpolate`. A second network learns the noise z, and the score
        is :math:`s = -E[z \mid x_t]/\gamma`.

        Examples
        --------
        >>> import numpy as np
        >>> interpolant().training_target(np.zeros((1, 1)), np.ones((1, 1)), 0.25)
        array([[1.]])
        """
        x0, x1 = pair(x0, x1)
        times = times_inside(t, x0)
        return self.d_a(times) * x0 + self.d_b(times) * x1

    def score_of_noise(self, noise: Score) -> Score:
        r"""Return the score ``s(x, t)`` of a network that predicts the noise, :math:`s = -E[z|x_t]/\gamma`.

        Examples
        --------
        >>> import numpy as np
        >>> interpolant().score_of_noise(lambda x, t: x)(np.ones((1, 1)), 0.5)
        array([[-2.]])
        """
        check_model(noise, "noise")
        return ScoreOfNoise(noise, self.gamma)

    def flow(self, velocity: Score, score: Score) -> Score:
        r"""Return the flow ``u(x, t)``, :math:`u = v - \gamma\dot\gamma\,s`, which carries the laws over.

        Parameters
        ----------
        velocity, score : callable
            ``v(x, t)`` and ``s(x, t)``.

        Returns
        -------
        callable
            ``u(x, t)``; integrate ``lambda t, x: u(x, t)`` with `diffmath.ode`.

        Examples
        --------
        >>> import numpy as np
        >>> u = interpolant().flow(lambda x, t: 0.0 * x, lambda x, t: -x)
        >>> u(np.ones((1, 1)), 0.0)
        array([[0.5]])
        """
        check_model(velocity, "velocity")
        check_model(score, "score")
        return FlowOf(velocity, score, self.gamma_rate)

    def sde(
        self,
        flow: Score,
        score: Score,
        epsilon: float | Callable[[float], float] = 1.0,
        *,
        reverse: bool = False,
    ) -> SDE:
        r"""Return the SDE with the laws of the interpolant, for any strength of noise.

        .. math:: dx = (u + \epsilon s)\,dt + \sqrt{2\epsilon}\,dW

        Parameters
        ----------
        flow, score : callable
            ``u(x, t)`` and ``s(x, t)``.
        epsilon : float or callable
            :math:`\epsilon \ge 0`, or ``epsilon(t)``; 0 is the flow.
        reverse : bool
            From x1 to x0, in the time 1 - t: :math:`dx = (-u + \epsilon s)\,d\tau + \sqrt{2\epsilon}\,dW`.

        Returns
        -------
        SDE
            For `diffmath.sde.solve`, with additive noise.

        Raises
        ------
        ValueError
            A negative epsilon, here or at a time of the solve.

        Examples
        --------
        >>> interpolant().sde(lambda x, t: 0.0 * x, lambda x, t: -x, 0.5)
        SDE(noise='additive', calculus='ito')
        """
        check_model(flow, "flow")
        check_model(score, "score")
        strength = epsilon if callable(epsilon) else Constant(float(epsilon))
        strength_at(strength, 0.5)
        drift = Drift(flow, score, strength, reverse)
        return SDE(drift, Diffusion(strength, reverse), noise="additive")

    def __repr__(self) -> str:
        return f"Interpolant({self.name!r})"


def interpolant(
    kind: Literal["linear", "trigonometric", "encoding_decoding"] = "linear",
    gamma: Literal["zero", "brownian", "squared", "sine_squared", "sigmoid"] | None = None,
    *,
    scale: float = 1.0,
) -> Interpolant:
    r"""Return a named stochastic interpolant.

    ================= ==========================================================================
    linear            a = 1 - t, b = t
    trigonometric     :math:`a = \cos\frac\pi2 t`, :math:`b = \sin\frac\pi2 t`
    encoding_decoding :math:`a = \cos^2 \pi t` until 1/2, :math:`b = \cos^2 \pi t` from there
    ================= ==========================================================================

    ============ ===============================================================================
    zero         no noise
    brownian     :math:`\sqrt{c\,t(1 - t)}`
    squared      :math:`c\,t(1 - t)`
    sine_squared :math:`c\sin^2 \pi t`
    sigmoid      :math:`c\,(S(10t - 4) - S(10t - 6) - S(-4) + S(-6))`, S logistic
    ============ ===============================================================================

    Parameters
    ----------
    kind : str
        A name of the first table.
    gamma : str, optional
        A name of the second; by default "sine_squared" for "encoding_decoding", else "brownian".
    scale : float
        c, positive.

    Returns
    -------
    Interpolant

    Raises
    ------
    ValueError
        An unknown name, a scale that is not positive, or "encoding_decoding" without noise, whose law at t =
        1/2 would be a point.

    References
    ----------
    .. [1] Albergo, Boffi & Vanden-Eijnden (2023), arXiv:2303.08797, section 4.

    Examples
    --------
    >>> path = interpolant("encoding_decoding")
    >>> path
    Interpolant('encoding_decoding, sine_squared')
    >>> path.a(0.5), path.gamma(0.5)
    (0.0, 1.0)
    """
    if kind not in PATHS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, PATHS))}; got {kind!r}")
    family = gamma or ("sine_squared" if kind == "encoding_decoding" else "brownian")
    if family not in GAMMAS:
        raise ValueError(f"gamma must be one of {', '.join(map(repr, GAMMAS))}; got {gamma!r}")
    if not 0 < scale < math.inf:
        raise ValueError(f"scale must be positive and finite; got {scale}")
    if kind == "encoding_decoding" and family == "zero":
        raise ValueError('"encoding_decoding" needs noise: without it the law at t=0.5 is a point')
    path, noise = PATHS[kind](), GAMMAS[family](float(scale))
    return Interpolant(
        path.a, path.b, path.d_a, path.d_b, noise.gamma, noise.gamma_rate, name=f"{kind}, {family}"
    )
