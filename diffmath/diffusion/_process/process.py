r"""Gaussian noising processes between t = 0 and t = T.

.. math:: x_t = \alpha_t x_0 + \sigma_t \varepsilon, \qquad dx = f(t)\,x\,dt + g(t)\,dW, \qquad
   f = \dot\alpha / \alpha, \quad g^2 = 2 \sigma (\alpha\dot\sigma - \dot\alpha\sigma) / \alpha

`Process` holds alpha, sigma and their derivatives, which are finite where the coefficients of the SDE are not
(alpha = 0), derives everything else, and refuses functions that contradict one another. Source: Song et al.
(2021), arXiv:2011.13456, section 3; Kingma et al. (2021), arXiv:2107.00630, for the log-SNR as the natural
time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.typing import Array, Time
from diffmath.diffusion._process.consistency import check_consistency
from diffmath.diffusion._process.derived import Drift, LogSNR, SquaredDiffusion, TimeOfLogSNR, time_functions
from diffmath.diffusion._process.times import TimeFunction, in_kind, noise_for, row_times
from diffmath.random import Key, fold_in, normal

__all__ = ["Process"]


@dataclass(frozen=True, eq=False)
class Process:
    r"""A noising process :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon`, as functions of time.

    Parameters
    ----------
    alpha, sigma : callable or Expr
        Scale of the data and standard deviation of the noise, ``alpha(t)``; or SymPy expressions in one
        symbol, whose derivatives are derived.
    d_alpha, d_sigma : callable, optional
        Their derivatives in time. Those of callables are required where the flow or the SDE is used; left
        out, they are those of quartics through five times in [0, `t_max`], with a relative error of about
        1e-9 (1e-5 in float32).
    f, g2 : callable, optional
        Linear drift and squared diffusion of the forward SDE, by default derived by the formulas above. Pass
        them where a derivative is infinite and they are not (`vp` at t = 0).
    log_snr : callable, optional
        :math:`\lambda_t = \ln(\alpha_t/\sigma_t)`, strictly decreasing; by default derived.
    time_of_log_snr : callable, optional
        Its inverse; by default found by root finding, for numbers and NumPy arrays.
    t_min, t_max : float
        Default end (just above the data, t = 0) and start (the prior) of sampling.
    name : str
        For the repr.

    Raises
    ------
    TypeError
        A function that is not callable, an expression in several symbols.
    ValueError
        Invalid times, or inconsistent functions: they are compared with alpha and sigma at five times.

    Notes
    -----
    Each function takes a Python float, or an array with one time per row, and returns the same kind. alpha
    may be 0 at `t_max` (pure noise), where f and g2 are infinite; sigma may be 0 at t = 0.

    References
    ----------
    .. [1] Song et al. (2021), Score-based generative modeling through SDEs, arXiv:2011.13456, section 3.
    .. [2] Kingma et al. (2021), Variational diffusion models, arXiv:2107.00630, eq. 1-3.

    Examples
    --------
    >>> import sympy
    >>> t = sympy.Symbol("t")
    >>> angle = sympy.pi * t / 2
    >>> trigonometric = Process(sympy.cos(angle), sympy.sin(angle), name="trigonometric")
    >>> trigonometric
    Process('trigonometric', t: 0.001 -> 1)
    >>> round(trigonometric.log_snr(0.5), 12) + 0.0, round(trigonometric.time_of_log_snr(0.0), 12)
    (0.0, 0.5)
    """

    alpha: TimeFunction
    sigma: TimeFunction
    d_alpha: TimeFunction = None  # type: ignore[assignment]
    d_sigma: TimeFunction = None  # type: ignore[assignment]
    f: TimeFunction = None  # type: ignore[assignment]
    g2: TimeFunction = None  # type: ignore[assignment]
    log_snr: TimeFunction = None  # type: ignore[assignment]
    time_of_log_snr: TimeFunction = None  # type: ignore[assignment]
    t_min: float = 1e-3
    t_max: float = 1.0
    name: str = "process"

    def __post_init__(self) -> None:
        if not 0 < self.t_min < self.t_max < math.inf:
            raise ValueError(f"need 0 < t_min < t_max, finite; got t_min={self.t_min}, t_max={self.t_max}")
        found = time_functions(self.alpha, self.sigma, self.d_alpha, self.d_sigma, self.t_max)
        alpha, sigma, d_alpha, d_sigma = found
        log_snr = LogSNR(alpha, sigma) if self.log_snr is None else self.log_snr
        functions = {
            "alpha": alpha,
            "sigma": sigma,
            "d_alpha": d_alpha,
            "d_sigma": d_sigma,
            "f": Drift(alpha, d_alpha) if self.f is None else self.f,
            "g2": SquaredDiffusion(alpha, sigma, d_alpha, d_sigma) if self.g2 is None else self.g2,
            "log_snr": log_snr,
            "time_of_log_snr": TimeOfLogSNR(log_snr, self.t_max)
            if self.time_of_log_snr is None
            else self.time_of_log_snr,
        }
        for role, function in functions.items():
            if not callable(function):
                raise TypeError(f"{role} must be a callable {role}(t); got {type(function).__name__}")
            object.__setattr__(self, role, function)
        check_consistency(self)

    def marginal(self, t: Time) -> tuple[Any, Any]:
        r"""Return :math:`(\alpha_t, \sigma_t)`: Python floats for a number, arrays for an array of times.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.vp().marginal(0.0)
        (1.0, 0.0)
        """
        return in_kind(self.alpha, t), in_kind(self.sigma, t)

    def rates(self, t: Time) -> tuple[Any, Any]:
        r"""Return the derivatives :math:`(\dot\alpha_t, \dot\sigma_t)`, like `marginal`.

        They may be infinite where sigma is 0 (`vp` at t = 0).

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.flow().rates(1.0)
        (-1.0, 1.0)
        """
        return in_kind(self.d_alpha, t), in_kind(self.d_sigma, t)

    def coefficients(self, t: Time) -> tuple[Any, Any]:
        """Return the drift and squared diffusion (f, g2) of the forward SDE at `t`, like `marginal`.

        They are infinite where alpha is 0.

        Examples
        --------
        >>> from diffmath import diffusion
        >>> diffusion.vp().coefficients(0.0)
        (-0.05, 0.1)
        """
        return in_kind(self.f, t), in_kind(self.g2, t)

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
            One time in [0, `t_max`], or one per row.
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
            A shape that does not fit, values that are not finite, or times beyond `t_max`.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> diffusion.vp().perturb(np.ones((1, 2)), 0.0, noise=np.ones((1, 2)))
        array([[1., 1.]])
        """
        x0 = check_array("x0", x0, min_ndim=2)
        noise = noise_for("perturb", x0, key, noise)
        alpha, sigma = self.marginal(row_times(t, x0, self.t_max))
        return alpha * x0 + sigma * noise

    def __repr__(self) -> str:
        return f"Process({self.name!r}, t: {self.t_min:g} -> {self.t_max:g})"
