r"""SDEs with exact solutions, one for every class of commutative noise, with coupled, time-dependent terms.

Every coefficient depends on time and on other components if it can. They reveal a method that does not
advance t, mixes rows and columns, or omits a mixed derivative.

Source: Kloeden & Platen (1992), section 4.4 (solvable by transformation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._arrays.models import SDE, Calculus
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.sde import Increment
from diffmath.testing._problems.sde_problem import (
    NODES,
    WEIGHTS,
    SDEProblem,
    elapsed,
    gaussian_integral,
    joined,
    linear_flow,
)

__all__ = ["curved_sde", "geometric_sde", "linear_sde", "logistic_sde"]

Matrix = npt.NDArray[np.float64]
Span = tuple[float, float]

_COUPLING = np.array([[-0.4, 0.9], [-0.8, 0.2]])


def geometric_sde(
    *,
    noise: Literal["diagonal", "scalar"] = "diagonal",
    calculus: Calculus = "ito",
    t_span: Span = (0.0, 1.0),
) -> SDEProblem:
    r"""Return geometric Brownian motion in two components.

    .. math:: dX_i = a_i X_i\,dt + b_i X_i\,dW_i, \qquad
        X_i(t) = X_i(0) \exp\bigl((a_i - \tfrac12 b_i^2) t + b_i W_i(t)\bigr) \quad \text{(Ito)}

    Parameters
    ----------
    noise : {"diagonal", "scalar"}
        Whether each component has its own W_i, or both have the same.
    calculus : {"ito", "stratonovich"}
        Calculus of the integral: without the term :math:`-b_i^2/2` in the Stratonovich calculus.
    t_span : (float, float)
        First and last time, which may decrease.

    Returns
    -------
    SDEProblem
        Linear, so it does not reveal errors in second derivatives; use `curved_sde` for these.

    Examples
    --------
    >>> from diffmath.testing import geometric_sde
    >>> geometric_sde(calculus="stratonovich")
    SDEProblem(geometric, diagonal noise, stratonovich, t: 0 -> 1, dim 2)
    """
    rate, volatility = np.array([0.5, -0.4]), np.array([0.5, 0.4])
    duration, direction = elapsed(t_span)
    x0 = np.array([1.0, 0.7])
    drift = direction * rate - (0.5 * volatility**2 if calculus == "ito" else 0.0)

    def exact(increments: Sequence[Increment]) -> Matrix:
        return np.asarray(x0 * np.exp(drift * duration + volatility * joined(increments).W))

    model = SDE(
        drift=lambda t, x: asarray_like(rate, x) * x,
        diffusion=lambda t, x: asarray_like(volatility, x) * x,
        noise=noise,
        calculus=calculus,
        drift_jacobian=lambda t, x: _constant(np.diag(rate), x),
        diffusion_derivative=lambda t, x: _constant(
            volatility if noise == "diagonal" else np.diag(volatility), x
        ),
    )
    return SDEProblem(model, x0, t_span, exact, "", "geometric")


def linear_sde(*, t_span: Span = (0.0, 1.0)) -> SDEProblem:
    r"""Return a linear SDE with additive noise and a full, time-dependent noise matrix.

    .. math:: dX = F X\,dt + G(t)\,dW, \qquad
        X(t) = e^{F t} X(0) + \int_0^t e^{F (t - s)} G(s)\,dW_s

    Parameters
    ----------
    t_span : (float, float)
        First and last time, which may decrease.

    Returns
    -------
    SDEProblem
        An Ornstein-Uhlenbeck process in two dimensions. Additive noise is the same in both calculi.

    Examples
    --------
    >>> from diffmath.testing import linear_sde
    >>> linear_sde()
    SDEProblem(linear, additive noise, ito, t: 0 -> 1, dim 2)
    """
    x0, scale = np.array([1.0, -0.5]), _scales("commutative")
    model = SDE(
        drift=lambda t, x: _rows(_COUPLING, x),
        diffusion=lambda t, x: _constant(scale(t), x),
        noise="additive",
        drift_jacobian=lambda t, x: _constant(_COUPLING, x),
    )
    return SDEProblem(model, x0, t_span, _linear_solution(scale, x0, t_span), "HK", "linear")


def logistic_sde(*, t_span: Span = (0.0, 1.0)) -> SDEProblem:
    r"""Return the logarithm of stochastic logistic growth: additive noise and a nonlinear drift.

    .. math:: dX = (\mu - e^X)\,dt + \sigma\,dW, \qquad
        X(t) = X(0) + \mu t + \sigma W_t - \log\Bigl(1 + e^{X(0)} \int_0^t e^{\mu s + \sigma W_s}\,ds\Bigr)

    Parameters
    ----------
    t_span : (float, float)
        First and last time, which may decrease: the drift then has the opposite sign, and the solution the
        same law.

    Returns
    -------
    SDEProblem
        Two components with independent noise, diagonal in the sense that ``diffusion`` has shape (batch,
        dim). The integral is replaced by its expectation given (W, H, K) on the fine grid, with an error of
        :math:`O(h^{3/2})` with mean zero and a small constant.

    Examples
    --------
    >>> from diffmath.testing import logistic_sde
    >>> logistic_sde()
    SDEProblem(logistic, additive noise, ito, t: 0 -> 1, dim 2)
    """
    rate, sigma, x0 = np.array([0.5, 0.2]), np.array([0.8, 1.0]), np.array([0.3, 0.8])
    duration, direction = elapsed(t_span)

    def exact(increments: Sequence[Increment]) -> Matrix:
        integral = _exponential_integral(increments, duration, rate, sigma)
        moved = x0 + rate * duration + sigma * joined(increments).W
        return np.asarray(moved - np.log1p(np.exp(x0) * integral))

    def drift(t: float, x: Array) -> Array:
        return direction * (asarray_like(rate, x) - array_namespace(x).exp(x))

    def jacobian(t: float, x: Array) -> Array:
        xp = array_namespace(x)
        return -direction * xp.exp(x)[..., None] * asarray_like(np.eye(2), x)

    model = SDE(drift, lambda t, x: _constant(sigma, x), noise="additive", drift_jacobian=jacobian)
    return SDEProblem(model, x0, t_span, exact, "HK", "logistic")


def curved_sde(
    *,
    noise: Literal["diagonal", "scalar", "commutative"] = "diagonal",
    calculus: Calculus = "ito",
    t_span: Span = (0.0, 1.0),
) -> SDEProblem:
    r"""Return an SDE that is linear, with additive noise, in other coordinates.

    .. math:: X = M\,\mathrm{arsinh}(Y), \qquad dY = F Y\,dt + G(t)\,dW

    Parameters
    ----------
    noise : {"diagonal", "scalar", "commutative"}
        Form of the matrix G: diagonal, a single column, or full. M is the identity for diagonal noise, and
        mixes the components otherwise.
    calculus : {"ito", "stratonovich"}
        The Ito drift also contains half the second derivative of X along G.
    t_span : (float, float)
        First and last time, which may decrease.

    Returns
    -------
    SDEProblem
        Curved, coupled and time-dependent; drift and diffusion do not commute.

    Examples
    --------
    >>> from diffmath.testing import curved_sde
    >>> curved_sde(noise="commutative")
    SDEProblem(curved, commutative noise, ito, t: 0 -> 1, dim 2)
    """
    scale, y0 = _scales(noise), np.array([0.8, -0.5])
    mixing = np.eye(2) if noise == "diagonal" else np.array([[1.0, 0.5], [-0.4, 0.8]])
    solution = _linear_solution(scale, y0, t_span)
    correction = 0.5 * elapsed(t_span)[1] if calculus == "ito" else 0.0
    unmix = np.linalg.inv(mixing)

    def drift(t: float, x: Array) -> Array:
        xp, z = array_namespace(x), _rows(unmix, x)
        slope = 1.0 / xp.cosh(z)  # d arsinh(y) / dy; its own derivative is -tanh(z) slope^2
        bend = asarray_like(correction * (scale(t) ** 2).sum(axis=1), x) * xp.tanh(z) * slope * slope
        return _rows(mixing, slope * _rows(_COUPLING, xp.sinh(z)) - bend)

    def diffusion(t: float, x: Array) -> Array:
        xp = array_namespace(x)
        slope = 1.0 / xp.cosh(_rows(unmix, x))
        if noise == "diagonal":
            return slope * asarray_like(np.diag(scale(t)), x)
        if noise == "scalar":
            return _rows(mixing, slope * asarray_like(scale(t)[:, 0], x))
        return xp.matmul(_constant(mixing, x), slope[..., None] * asarray_like(scale(t), x))

    def derivative(t: float, x: Array) -> Array:
        xp, z = array_namespace(x), _rows(unmix, x)
        bend = -xp.tanh(z) / xp.cosh(z)
        if noise == "diagonal":
            return bend * asarray_like(np.diag(scale(t)), x)
        # dg_ij/dx_k = sum_a M_ia bend_a G_aj (M^-1)_ak
        bent = bend[:, :, None, None] * asarray_like(scale(t)[:, :, None] * unmix[:, None, :], x)
        flat = xp.reshape(bent, (x.shape[0], 2, -1))
        mixed = xp.reshape(xp.matmul(_constant(mixing, x), flat), bent.shape)
        return mixed[:, :, 0, :] if noise == "scalar" else mixed

    model = SDE(drift, diffusion, noise, calculus, diffusion_derivative=derivative)
    x0 = mixing @ np.arcsinh(y0)
    return SDEProblem(model, x0, t_span, lambda rows: np.arcsinh(solution(rows)) @ mixing.T, "HK", "curved")


def _scales(noise: str) -> Callable[[float], Matrix]:
    """Return G(t), of shape (2, noise_dim)."""
    still = {
        "diagonal": [[0.6, 0.0], [0.0, 0.8]],
        "scalar": [[0.6], [-0.7]],
        "commutative": [[0.6, -0.3], [0.4, 0.5]],
    }
    waves = {
        "diagonal": [[0.3, 0.0], [0.0, -0.4]],
        "scalar": [[0.4], [0.2]],
        "commutative": [[0.3, 0.2], [-0.2, 0.3]],
    }
    first, second = np.array(still[noise]), np.array(waves[noise])
    return lambda t: first + math.sin(2.0 * t) * second


def _linear_solution(scale: Callable[[float], Matrix], y0: Matrix, t_span: Span) -> Any:
    """Return the solution of dY = F Y dt + G(t) dW as a function of the increments."""
    duration, direction = elapsed(t_span)
    flow = linear_flow(direction * _COUPLING)

    def exact(increments: Sequence[Increment]) -> Matrix:
        def weight(s: float) -> Matrix:
            return flow(duration - s) @ scale(t_span[0] + direction * s)

        return flow(duration) @ y0 + gaussian_integral(weight, increments, duration)

    return exact


def _exponential_integral(
    increments: Sequence[Increment], duration: float, rate: Matrix, sigma: Matrix
) -> Matrix:
    r"""Return the expectation of :math:`\int \exp(\mu s + \sigma W_s)\,ds` given (W, H, K) everywhere."""
    h = duration / len(increments)
    total: Any = 0.0
    start: Any = 0.0
    for n, increment in enumerate(increments):
        W, H, K = (np.asarray(term) for term in (increment.W, increment.H, increment.K))
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            u = 0.5 * (1.0 + node)
            # W_s given (W, H, K), and its variance: the integrals of the Legendre polynomials up to u.
            path = start + u * W + 6.0 * u * (1.0 - u) * H + 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u) * K
            spread = u * (1.0 - u) - 3.0 * (u * (1.0 - u)) ** 2 - 5.0 * (u * (1.0 - u) * (1.0 - 2.0 * u)) ** 2
            exponent = rate * (n + u) * h + sigma * path + 0.5 * sigma**2 * h * spread
            total = total + 0.5 * weight * h * np.exp(exponent)
        start = start + W
    return np.asarray(total)


def _rows(matrix: Matrix, x: Array) -> Array:
    """Multiply every row by a matrix."""
    return array_namespace(x).matmul(x, asarray_like(matrix.T, x))


def _constant(values: Matrix, x: Array) -> Array:
    """Return the same values in every row."""
    xp = array_namespace(x)
    return xp.broadcast_to(asarray_like(values, x), (x.shape[0], *values.shape))
