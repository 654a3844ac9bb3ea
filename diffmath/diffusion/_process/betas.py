r"""The tables of betas of discrete models, by the names that other libraries give them.

.. math:: \bar\alpha_i = \prod_{j \le i} (1 - \beta_j), \qquad
   \beta_i = \min\Bigl(1 - \frac{\bar\alpha((i + 1)/N)}{\bar\alpha(i/N)}, \beta_{\max}\Bigr)

Source: Ho, Jain & Abbeel (2020), arXiv:2006.11239; Nichol & Dhariwal (2021), arXiv:2102.09672; Hang & Gu
(2024), arXiv:2407.03297, for the Laplace schedule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from operator import index
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["betas"]

HostArray = npt.NDArray[np.float64]


def betas(
    name: Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "exp", "laplace"],
    N: int = 1000,
    *,
    start: float | None = None,
    end: float | None = None,
    beta_max: float = 0.999,
    as_published: bool = False,
) -> HostArray:
    r"""Return a named table of betas, for `from_betas`.

    ================== ======================================================================================
    linear             :math:`\beta` equally spaced from `start` to `end` (1e-4 and 0.02)
    scaled_linear      :math:`\sqrt\beta` equally spaced from `start` to `end` (0.00085 and 0.012)
    sigmoid            :math:`\beta_i = b_0 + (b_1 - b_0) S(y_i)`, y from -6 to 6 (1e-4 and 0.02)
    squaredcos_cap_v2  from :math:`\bar\alpha(t) = \cos^2\frac\pi2\frac{t + 0.008}{1.008}`
    exp                from :math:`\bar\alpha(t) = e^{-12 t}`
    laplace            from :math:`\bar\alpha = r/(1 + r)`, :math:`\ln r = -\frac12 \mathrm{sgn}(\frac12 - t)
                       \ln(1 - 2|\frac12 - t| + 10^{-6})`
    ================== ======================================================================================

    Parameters
    ----------
    name : str
        A name of the table above.
    N : int
        The number of times with which the model was trained.
    start, end : float, optional
        First and last beta of the first three.
    beta_max : float
        The cap of the last three, in (0, 1).
    as_published : bool
        For "laplace": use :math:`\bar\alpha = \sqrt{r/(1 + r)}`, which other libraries compute although the
        signal-to-noise ratio r of the paper gives :math:`r/(1 + r)`.

    Returns
    -------
    numpy.ndarray, shape (N,)

    Raises
    ------
    ValueError
        An unknown name, an option that the table does not have, betas outside (0, 1).

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 4.
    .. [2] Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17.
    .. [3] Hang & Gu (2024), Improved noise schedule, arXiv:2407.03297, table 1.

    Examples
    --------
    >>> betas("linear", 3)
    array([0.0001 , 0.01005, 0.02   ])
    >>> betas("squaredcos_cap_v2", 4).round(4)
    array([0.153 , 0.417 , 0.7079, 0.999 ])
    """
    if name not in (*_SPACED, *_SQUARES):
        raise ValueError(f"name must be one of {', '.join(map(repr, (*_SPACED, *_SQUARES)))}; got {name!r}")
    if index(N) < 1:
        raise ValueError(f"N must be at least 1; got {N}")
    if as_published and name != "laplace":
        raise ValueError(f'as_published=True is for "laplace"; {name!r} is computed as published')
    if name in _SQUARES:
        if start is not None or end is not None:
            raise ValueError(f"{name!r} has no first and last beta; leave start and end out")
        return _capped(_SQUARES[name], N, beta_max, 0.5 if as_published else 1.0)
    space, *ends = _SPACED[name]
    first, last = (
        given if given is not None else usual for given, usual in zip((start, end), ends, strict=True)
    )
    if not (0 < first < 1 and 0 < last < 1):
        raise ValueError(f"betas must lie in (0, 1); got start={first}, end={last}")
    return space(first, last, N)


def _linear(start: float, end: float, length: int) -> HostArray:
    return np.linspace(start, end, length)


def _scaled_linear(start: float, end: float, length: int) -> HostArray:
    return np.linspace(math.sqrt(start), math.sqrt(end), length) ** 2


def _sigmoid(start: float, end: float, length: int) -> HostArray:
    return start + (end - start) / (1 + np.exp(-np.linspace(-6.0, 6.0, length)))


_SPACED = {
    "linear": (_linear, 1e-4, 0.02),
    "scaled_linear": (_scaled_linear, 0.00085, 0.012),
    "sigmoid": (_sigmoid, 1e-4, 0.02),
}


def _laplace(t: float) -> float:
    log_ratio = -0.5 * math.copysign(1.0, 0.5 - t) * math.log(1 - 2 * abs(0.5 - t) + 1e-6)
    return 1 / (1 + math.exp(-log_ratio))


# alpha^2 as a function of time.
_SQUARES: dict[str, Callable[[float], float]] = {
    "squaredcos_cap_v2": lambda t: math.cos(math.pi / 2 * (t + 0.008) / 1.008) ** 2,
    "exp": lambda t: math.exp(-12 * t),
    "laplace": _laplace,
}


def _capped(square: Callable[[float], float], length: int, beta_max: float, power: float) -> HostArray:
    if not 0 < beta_max < 1:
        raise ValueError(f"beta_max must lie in (0, 1); got {beta_max}")
    values = [square(i / length) ** power for i in range(length + 1)]
    return np.asarray([min(1 - b / a, beta_max) for a, b in pairwise(values)])
