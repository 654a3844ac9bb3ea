"""LagT: an endless past that fades with age, in tilted Laguerre functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.optimize

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import scaled_functions
from diffmath.statespace._measures.translated import TranslatedMeasure, matrix_states
from diffmath.statespace._structure import Clock, LowerCumulative, Matrices, Vector, check_parameter, laguerre
from diffmath.statespace._system import StateSpace

__all__ = ["LagT", "lagt", "laguerre_decay"]

_GONE = 46.0  # e^-46 is 1e-20


@on_its_device
def lagt(
    order: int,
    alpha: float = 0.0,
    beta: float = 1.0,
    *,
    timescale: float = 1.0,
    like: Array | None = None,
    dtype: Any = None,
) -> StateSpace:
    r"""Return generalised HiPPO-LagT: a memory that fades with age, in tilted Laguerre functions.

    .. math:: c'(t) = A c(t) + B u(t), \qquad p A_{nk} = -\sqrt{\gamma_k/\gamma_n}\ (k < n), \quad
        p A_{nn} = -\frac{1+\beta}{2}, \quad p B_n = \sqrt{\frac{\gamma_n}{\zeta\,\Gamma(\alpha+1)}}, \quad
        \gamma_n = \binom{n+\alpha}{n}, \quad \zeta = \frac{\Gamma(1-\alpha)}{\beta^{1-\alpha}}

    with the timescale p. The state is exactly :math:`c_n(t) = \frac1p \int_0^\infty u(t-s)\,K_n(s/p)\,ds`
    with :math:`K_n(s) = \zeta^{-1/2} \sqrt{n!/\Gamma(n+\alpha+1)}\,L_n^{(\alpha)}(s)\,e^{-(1+\beta)s/2}`.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    alpha : float
        In (-1, 1).
    beta : float
        Not negative. 1 is the LagT of the HiPPO paper. 0, with :math:`\zeta = 1`, is that of its code: the
        orthonormal Laguerre functions.
    timescale : float
        p, the unit of time of the measure; positive. With ``beta=0`` the kernels oscillate up to the age
        ``4 * order * timescale`` and decay beyond it.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order), lower triangular, and B (order,), continuous, of lower-cumulative structure.

    Raises
    ------
    TypeError
        `order` is not an integer, a parameter not a number, or `dtype` not a real floating type.
    ValueError
        `order` is below 1, or a parameter out of its range.

    Notes
    -----
    The gauge is orthonormal under the weight :math:`s^{-\alpha} e^{-\beta s}/\zeta`, the weight of "glagt" in
    the HiPPO code. The history is :math:`\hat u(t - ps) = \sum_n c_n g_n(s)`, where :math:`g_n` is
    :math:`K_n` divided by the weight and s = 0 is now. `symbolic.lagt` derives the matrices.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.2.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.lagt(3, beta=0.0).A
    array([[-0.5,  0. ,  0. ],
           [-1. , -0.5,  0. ],
           [-1. , -1. , -0.5]])
    """
    alpha = check_parameter("alpha", alpha, above=-1.0, below=1.0)
    beta = check_parameter("beta", beta, at_least=0.0)
    timescale = check_parameter("timescale", timescale, above=0.0)
    return build(LagT(alpha=alpha, beta=beta, length=timescale), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LagT(TranslatedMeasure):
    """The measure of `lagt`."""

    name: ClassVar[str] = "lagt"
    clock: ClassVar[Clock] = "endless"

    alpha: float
    beta: float

    def unit_matrices(self, order: int) -> Matrices:
        growth = _growth(order, self.alpha)
        # 1 / zeta, which goes to zero for small beta; its inverse would overflow.
        share = self.beta ** (1.0 - self.alpha) / math.gamma(1.0 - self.alpha) if self.beta else 1.0
        A = np.tril(-np.sqrt(growth / growth[:, None]), -1) - 0.5 * (1.0 + self.beta) * np.eye(order)
        return A, np.sqrt(growth * (share / math.gamma(1.0 + self.alpha)))

    def orthonormal_structure(self, order: int) -> LowerCumulative:
        growth, rate = np.sqrt(_growth(order, self.alpha)), 0.5 * (1.0 + self.beta) / self.length
        return LowerCumulative(np.full(order, rate), 1.0 / (growth * self.length), growth)

    def basis(self, order: int, t: Array) -> Array:
        age = 1.0 - t
        functions = laguerre(age, self.alpha, 1.0 - self.beta)
        rows = scaled_functions(functions, np.full(order, 1.0 / self._kernel_scale()))
        return rows if self.alpha == 0.0 else rows * (age**self.alpha)[:, None]

    def readable(self, t: Array) -> tuple[Array, str]:
        if self.alpha < 0.0:
            return t < 1.0, "be less than 1, where alpha < 0 has a pole"
        return super().readable(t)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        """Yield the integrals of the kernels from the age x on, -A^-1 K(x), by a sweep over the rows of A."""
        scale, diagonal = self._kernel_scale(), 0.5 * (1.0 + self.beta)
        growth, total = 1.0, 0.0
        functions = laguerre(asarray_like(x, like), self.alpha, 1.0 + self.beta)
        for n, kernel in enumerate(functions, start=1):
            older = (scale / diagonal) * kernel - (1.0 / (growth * diagonal)) * total
            yield older
            total = total + growth * older
            growth *= math.sqrt((n + self.alpha) / n)

    def reach(self, order: int) -> float:
        r"""Return the age at which the last of the Laguerre functions has fallen by e^-46.

        Beyond the turning point :math:`\nu = 4n + 2\alpha + 2` it falls like :math:`e^{-\varphi}` with
        :math:`2\varphi = \sqrt{x^2 - \nu x} - \nu\,\mathrm{arcosh}\sqrt{x/\nu}` [1]_, which is x at most.

        References
        ----------
        .. [1] NIST Digital Library of Mathematical Functions, section 18.15(iv).
        """
        turning = 4.0 * (order - 1) + 2.0 * self.alpha + 2.0

        def excess(x: float) -> float:
            falling = math.sqrt(x * (x - turning)) - turning * math.acosh(math.sqrt(x / turning))
            return falling - 2.0 * _GONE

        return float(scipy.optimize.brentq(excess, turning, 4.0 * turning + 4.0 * _GONE, xtol=1e-3))

    def bilinear_states(self, u: Array, c: Array, h: float, every: int) -> Array:
        if self.alpha != 0.0:  # B is not a multiple of the p of A: one number cannot carry the sweep
            return super().bilinear_states(u, c, h, every)
        scale = self.beta**0.5 if self.beta else 1.0  # of the kernels
        return scale * laguerre_decay(u, c / scale, h, self.beta, every)

    def _kernel_scale(self) -> float:
        r"""Return :math:`\zeta^{-1/2}`: the kernels are orthonormal Laguerre functions times this factor."""
        return float(self.unit_matrices(1)[1][0]) * math.sqrt(math.gamma(1.0 + self.alpha))


@accelerated
def laguerre_decay(u: Array, c: Array, h: float, beta: float, every: int) -> Array:
    """Return the saved states of LagT with alpha = 0 and kernels of mass 1, by bilinear steps of h.

    The kernel solves a step in O(n).
    """
    A, B = LagT(alpha=0.0, beta=beta).unit_matrices(c.shape[1])
    return matrix_states((A, B / (beta**0.5 if beta else 1.0)), u, c, h, every)


def _growth(order: int, alpha: float) -> Vector:
    r"""Return :math:`\gamma_n = \binom{n+\alpha}{n}`, shape (order,)."""
    n = np.arange(1, order, dtype=np.float64)
    growth: Vector = np.concatenate([[1.0], np.cumprod((n + alpha) / n)])
    return growth
