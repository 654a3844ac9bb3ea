r"""Guidance by a measurement with a fixed covariance of the data: none, or a multiple of the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.namespace import array_namespace
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.diffusion._conditional.guided import Point, guided_model
from diffmath.diffusion._conditional.measurement import LinearMeasurement, check_measurement
from diffmath.diffusion._conditional.solve import conjugate_gradients, solve_isotropic
from diffmath.diffusion._guidance import Scale
from diffmath.diffusion._model import Model

__all__ = ["dps", "pigdm"]

# At most so many iterations for more measurements than are solved directly.
ITERATIONS = 200


def dps(model: Model, measurement: LinearMeasurement, *, scale: Scale = 1.0) -> Model:
    r"""Guide by a linear measurement as if the denoised data were the data (diffusion posterior sampling).

    .. math:: \nabla\ln\tilde p(y \mid x_t) = \frac{1}{\sigma_y^2} J^\mathsf T H^\mathsf T (y - HD), \qquad
       J = \frac{\partial D}{\partial x}

    Parameters
    ----------
    model : Model
        Of the prior, in any parametrisation. Its ``function.vjp(x, t, v)`` is used if it has one (exact
        targets do); else automatic differentiation (PyTorch, JAX); else central differences along one
        direction, which take J as symmetric, as that of an exact denoiser is.
    measurement : LinearMeasurement
        With noise > 0.
    scale : float or callable
        Factor of the gradient, as in `cfg`.

    Returns
    -------
    Model
        A denoiser, for every sampler and for `twisted`.

    Raises
    ------
    TypeError
        Not a `Model` or a `LinearMeasurement`; a scale that is neither a number nor a callable.
    ValueError
        No noise; a scale that is not finite. Calling the model where alpha is 0, or with states or a number
        of rows that do not fit the measurement.

    Notes
    -----
    **The samples are not those of the posterior**, even for Gaussian data: the spread of the data given the
    state is left out, so y is trusted too much while the state is noisy. For the data 0.4 N(-1, 0.1) + 0.6
    N(1, 0.2), y = 0.3 and noise 0.5, the posterior has mean 0.55 and standard deviation 0.52. With 200 steps
    of `dpmpp_2m` samples have 0.44 and 0.16, with `sde_dpmpp_2m` 0.55 and 0.35. `twisted` removes the bias.

    The published algorithm has a step size per row, :math:`\zeta/|y - HD|`, and adds the gradient once a
    step, without the length of the step. So its samples depend on the number of steps; it is not offered.

    Cost: one evaluation and one vector-Jacobian product.

    References
    ----------
    .. [1] Chung et al. (2022), Diffusion posterior sampling for general noisy inverse problems,
       arXiv:2209.14687.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.edm()
    >>> prior = diffusion.Gaussian([0.0, 0.0], 1.0).denoiser(process)
    >>> guided = diffusion.dps(prior, diffusion.LinearMeasurement([[1.0, 1.0]], [2.0], noise=1.0))
    >>> guided(np.zeros((1, 2)), 1.0)
    array([[1., 1.]])
    """
    if check_measurement(measurement).noise == 0:
        raise ValueError("dps needs noise > 0; got noise=0: use pigdm or mmps")
    return guided_model(model, measurement, scale, _no_covariance)


def pigdm(
    model: Model, measurement: LinearMeasurement, *, data_std: float = 1.0, scale: Scale = 1.0
) -> Model:
    r"""Guide by a linear measurement, the data given the state being isotropic (pseudoinverse guidance).

    .. math:: \nabla\ln\tilde p(y \mid x_t) = J^\mathsf T H^\mathsf T (r^2 H H^\mathsf T + \sigma_y^2 I)^{-1}
       (y - HD), \qquad r^2 = \frac{\sigma^2 \sigma_d^2}{\alpha^2 \sigma_d^2 + \sigma^2}

    Parameters
    ----------
    model : Model
        Of the prior, as for `dps`.
    measurement : LinearMeasurement
        Noise may be 0.
    data_std : float
        Standard deviation :math:`\sigma_d` of one entry of the data.
    scale : float or callable
        Factor of the gradient, as in `cfg`.

    Returns
    -------
    Model
        A denoiser, for every sampler and for `twisted`.

    Raises
    ------
    TypeError, ValueError
        As for `dps`; a `data_std` that is not positive.

    Notes
    -----
    Exact for data :math:`\mathcal N(m, \sigma_d^2 I)`. For others it is not: in the example of `dps`, samples
    of `dpmpp_2m` have mean 0.42 and standard deviation 0.59 (the posterior: 0.55 and 0.52), of `sde_dpmpp_2m`
    0.46 and 0.60. For N(0, C) in the plane with unit variances and correlation 0.9, the first entry measured
    as 1 without noise, the second has mean 0.84 and standard deviation 0.49, the posterior 0.90 and 0.44.
    `twisted` removes the bias.

    Cost: one evaluation and one vector-Jacobian product. H H^T is diagonalised once on the host if H is a
    matrix; for callables with more than 64 measurements the system is solved by at most 200 iterations of
    conjugate gradients (relative residual 1e-6), which need forward and adjoint but no evaluation.

    References
    ----------
    .. [1] Song, Vahdat, Mardani & Kautz (2023), Pseudoinverse-guided diffusion models for inverse problems,
       ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.edm()
    >>> prior = diffusion.Gaussian([0.0], 1.0).denoiser(process)
    >>> guided = diffusion.pigdm(prior, diffusion.LinearMeasurement([[1.0]], [2.0], noise=1.0))
    >>> posterior = diffusion.Gaussian([1.0], 0.5).denoiser(process)
    >>> x = np.array([[0.3]])
    >>> bool(np.allclose(guided(x, 0.7), posterior(x, 0.7), rtol=1e-13))
    True
    """
    data_std = check_number("data_std", data_std)
    if not 0 < data_std < math.inf:
        raise ValueError(f"data_std must be finite and positive; got {data_std}")
    return guided_model(model, measurement, scale, _Isotropic(data_std))


def _no_covariance(measurement: LinearMeasurement, point: Point) -> tuple[Array, Any, None]:
    log_det = 2 * measurement.size * math.log(measurement.noise)
    return point.residual / measurement.noise**2, log_det, None


@dataclass(frozen=True)
class _Isotropic:
    """R = r^2 I, the covariance given the state of data of standard deviation `data_std`."""

    data_std: float

    def __call__(self, measurement: LinearMeasurement, point: Point) -> tuple[Array, Any, None]:
        v, noise2, r = self.data_std**2, measurement.noise**2, point.residual
        r2 = point.sigma**2 * v / (point.alpha**2 * v + point.sigma**2)
        if not isinstance(r2, float):
            r2 = array_namespace(r2).reshape(r2, (-1, 1))
        spectrum = measurement.operator.spectrum(point.x)
        if spectrum is not None:
            return *solve_isotropic(spectrum, r2, noise2, r), None

        def apply(u: Array) -> Array:
            operator = measurement.operator
            return r2 * operator.forward(operator.adjoint(u, point.x)) + noise2 * u

        return conjugate_gradients(apply, r, ITERATIONS), 0.0, None
