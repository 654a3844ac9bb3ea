r"""Gaussian noising processes between t = 0 and t = T.

.. math:: x_t = \alpha_t x_0 + \sigma_t \varepsilon, \qquad dx = f(t)\,x\,dt + g(t)\,dW, \qquad
   f = \dot\alpha / \alpha, \quad g^2 = \frac{d\sigma^2}{dt} - 2 f \sigma^2

`Process` holds these functions as data and refuses inconsistent ones. Source: Song et al. (2021),
arXiv:2011.13456, section 3; Kingma et al. (2021), arXiv:2107.00630, for the log-SNR as the natural time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array, expand_like, same_kind
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array, Time
from diffmath.diffusion._process.consistency import check_consistency
from diffmath.random import Key, fold_in, normal

__all__ = ["Process", "row_times"]

TimeFunction = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Process:
    r"""A noising process :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon`, as functions of time.

    Parameters
    ----------
    alpha, sigma : callable
        Scale of the data and standard deviation of the noise, ``alpha(t)``.
    f, g2 : callable
        Linear drift and squared diffusion of the forward SDE.
    log_snr : callable
        :math:`\lambda_t = \ln(\alpha_t/\sigma_t)`, strictly decreasing.
    time_of_log_snr : callable
        Its inverse.
    t_min, t_max : float
        Default end (just above the data, t = 0) and start (the prior) of sampling.
    name : str
        For the repr.

    Raises
    ------
    TypeError
        A function that is not callable.
    ValueError
        Invalid times, or inconsistent functions: f, g2 and log_snr are compared with alpha and sigma at five
        times.

    Notes
    -----
    Each function takes a Python float, or an array with one time per row, and returns the same kind.

    References
    ----------
    .. [1] Song et al. (2021), Score-based generative modeling through SDEs, arXiv:2011.13456, section 3.
    .. [2] Kingma et al. (2021), Variational diffusion models, arXiv:2107.00630, eq. 1-3.

    Examples
    --------
    >>> import math
    >>> variance_exploding = Process(
    ...     alpha=lambda t: 1.0 + 0.0 * t, sigma=lambda t: t, f=lambda t: 0.0 * t, g2=lambda t: 2.0 * t,
    ...     log_snr=lambda t: -math.log(t), time_of_log_snr=lambda lam: math.exp(-lam),
    ...     t_min=0.002, t_max=80.0, name="edm")
    >>> variance_exploding
    Process('edm', t: 0.002 -> 80)
    """

    alpha: TimeFunction
    sigma: TimeFunction
    f: TimeFunction
    g2: TimeFunction
    log_snr: TimeFunction
    time_of_log_snr: TimeFunction
    t_min: float
    t_max: float
    name: str = "process"

    def __post_init__(self) -> None:
        for role in ("alpha", "sigma", "f", "g2", "log_snr", "time_of_log_snr"):
            if not callable(getattr(self, role)):
                raise TypeError(
                    f"{role} must be a callable {role}(t); got {type(getattr(self, role)).__name__}"
                )
        if not 0 < self.t_min < self.t_max < math.inf:
            raise ValueError(f"need 0 < t_min < t_max, finite; got t_min={self.t_min}, t_max={self.t_max}")
        check_consistency(self)

    def marginal(self, t: Time) -> tuple[Any, Any]:
        r"""Return :math:`(\alpha_t, \sigma_t)`: Python floats for a number, arrays for an array of times.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.vp().marginal(0.0)
        (1.0, 0.0)
        """
        return _in_kind(self.alpha, t), _in_kind(self.sigma, t)

    def coefficients(self, t: Time) -> tuple[Any, Any]:
        """Return the drift and squared diffusion (f, g2) of the forward SDE at `t`, like `marginal`.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.vp().coefficients(0.0)
        (-0.05, 0.1)
        """
        return _in_kind(self.f, t), _in_kind(self.g2, t)

    @on_its_device
    def sample_prior(
        self, key: Key, shape: tuple[int, ...], *, like: Array, dtype: Any = None, rows: Any = None
    ) -> Array:
        r"""Draw from the prior :math:`\mathcal N(0, \sigma_T^2 I)` at T = `t_max`.

        Parameters
        ----------
        key : Key
            ``diffmath.random.key(seed)``; the domain "diffusion.prior" is folded in.
        shape : tuple of int
            (batch, \*state).
        like : array
            Any array of the required library and device.
        dtype : dtype, optional
            float32 or float64; by default that of `like`.
        rows : slice, optional
            Draw only these rows of `shape`, with the same values as in the whole array.

        Returns
        -------
        array, shape (batch, \*state)

        Notes
        -----
        The true marginal at T is that of :math:`\alpha_T x_0 + \sigma_T \varepsilon`. Omitting the first term
        causes a Kullback-Leibler divergence of at most :math:`\alpha_T^2 E|x_0|^2 / 2\sigma_T^2`; with the
        default `vp`, 2e-5 for data of unit size.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion, random
        >>> diffusion.vp().sample_prior(random.key(0), (4, 2), like=np.empty(0)).shape
        (4, 2)
        """
        z = normal(fold_in(key, "diffusion.prior"), shape, like=like, dtype=dtype, rows=rows)
        return self.marginal(self.t_max)[1] * z

    @on_its_device
    def log_prior(self, x: Array) -> Array:
        r"""Return the log-density of :math:`\mathcal N(0, \sigma_T^2 I)` at `x`.

        Parameters
        ----------
        x : array, shape (batch, \*state)

        Returns
        -------
        array, shape (batch,)

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> diffusion.vp().log_prior(np.zeros((1, 2))).round(3)
        array([-1.838])
        """
        x = check_array("x", x, min_ndim=2)
        xp = array_namespace(x)
        variance = self.marginal(self.t_max)[1] ** 2
        dim = math.prod(x.shape[1:])
        with np.errstate(over="ignore", under="ignore"):  # the limits, -inf and the mode, are correct
            squares = xp.sum(xp.reshape(x, (x.shape[0], dim)) ** 2, axis=1)
        return -0.5 * (squares / variance + dim * math.log(2 * math.pi * variance))

    @on_its_device
    def perturb(self, x0: Array, t: Time, *, key: Key | None = None, noise: Array | None = None) -> Array:
        r"""Add noise to data up to time `t`: :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon`.

        Parameters
        ----------
        x0 : array, shape (batch, \*state)
            Data.
        t : float or array, shape (batch,)
            One time, or one per row.
        key : Key, optional
            Key to draw the noise (domain "diffusion.perturb"); pass this or `noise`.
        noise : array, shape (batch, \*state), optional
            Standard normal numbers.

        Returns
        -------
        array, shape (batch, \*state)

        Raises
        ------
        TypeError
            Neither or both of `key` and `noise`, or arrays of two libraries.
        ValueError
            A shape that does not fit, or values that are not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> diffusion.vp().perturb(np.ones((1, 2)), 0.0, noise=np.ones((1, 2)))
        array([[1., 1.]])
        """
        x0 = check_array("x0", x0, min_ndim=2)
        if (key is None) == (noise is None):
            raise TypeError("perturb needs exactly one of key=dm.random.key(0) and noise=array")
        if key is not None:
            noise = normal(fold_in(key, "diffusion.perturb"), tuple(x0.shape), like=x0)
        else:
            noise = check_array("noise", noise)
            same_kind("x0", x0, "noise", noise)
            if noise.shape != x0.shape:
                raise ValueError(
                    f"noise must have the shape of x0, {tuple(x0.shape)}; got {tuple(noise.shape)}"
                )
        alpha, sigma = self.marginal(row_times(t, x0))
        return alpha * x0 + sigma * noise

    def __repr__(self) -> str:
        return f"Process({self.name!r}, t: {self.t_min:g} -> {self.t_max:g})"


def row_times(t: Time, x: Array) -> Time:
    """Return `t` as a Python float, or per-row times as an array that broadcasts against `x`."""
    if isinstance(t, float | int):
        return _check_time(t)
    xp = array_namespace(x, t, names=["x", "t"])
    if t.ndim == 0 and is_traced(t):
        t = xp.broadcast_to(t, x.shape[:1])
    if t.ndim == 0:
        return _check_time(float(t))
    if t.shape[0] != x.shape[0] or math.prod(t.shape) != t.shape[0]:
        raise ValueError(
            f"t must be a number or one time per row, shape ({x.shape[0]},); got {tuple(t.shape)}"
        )
    t = xp.astype(xp.reshape(t, (-1,)), x.dtype)
    if not all_true((t >= 0) & xp.isfinite(t)):
        raise ValueError("t must be finite and not negative in every row")
    return expand_like(t, x)


def _check_time(t: float) -> float:
    if not 0 <= t < math.inf:
        raise ValueError(f"t must be finite and not negative; got {t}")
    return float(t)


def _in_kind(function: TimeFunction, t: Time) -> Any:
    # A function written with NumPy returns np.float64 for a float, which would promote a float32 state.
    return float(function(_check_time(t))) if isinstance(t, float | int) else function(t)
