r"""The measures of the HiPPO literature.

Every basis is orthonormal under its weight. The unit of time of a translated measure is its window or its
timescale; a scaled measure has none.
"""

from __future__ import annotations

from typing import Any

import sympy

from diffmath._core.flags import check_flag
from diffmath.symbolic._exact import exact
from diffmath.symbolic._hippo.orthogonal import Measure

__all__ = ["foud", "fous", "fout", "jacs", "lagt", "legs", "legt"]


def _uniform(s: sympy.Symbol) -> sympy.Expr:
    return sympy.S.One


def _scaled_legendre(n: int, s: sympy.Symbol) -> sympy.Expr:
    return sympy.sqrt(2 * n + 1) * sympy.legendre(n, 2 * s - 1)


def _window_legendre(n: int, s: sympy.Symbol) -> sympy.Expr:
    return sympy.sqrt(2 * n + 1) * sympy.legendre(n, 1 - 2 * s)


def _fourier(n: int, s: sympy.Symbol) -> sympy.Expr:
    """Order the real series as 1, cos, sin of one wave, cos, sin of two, ...; odd orders have whole waves."""
    if n == 0:
        return sympy.S.One
    angle = 2 * sympy.pi * ((n + 1) // 2) * s
    return sympy.sqrt(2) * (sympy.cos(angle) if n % 2 else sympy.sin(angle))


# HiPPO-LegS: the whole past, uniformly (Gu et al. 2020, section 3).
legs = Measure(name="legs", basis=_scaled_legendre, weight=_uniform)

# HiPPO-LegT: the window of the last unit of time, uniformly (Gu et al. 2020, appendix D.1).
legt = Measure(name="legt", basis=_window_legendre, weight=_uniform, memory="translated")

# The whole past by its Fourier series: derivatives leave the span, so that the ODE is a projection.
fous = Measure(name="fous", basis=_fourier, weight=_uniform)


def jacs(beta: Any) -> Measure:
    r"""Return JacS: the whole past, with a weight that is a power of the position.

    .. math:: w(s) = s^\beta, \qquad g_n(s) = \sqrt{2n+\beta+1}\,P_n^{(0,\beta)}(2s-1)

    Parameters
    ----------
    beta : expression
        Greater than -1, or a symbol declared positive. 0 is LegS; positive values weight recent times more.
        A float means its shortest decimal.

    Returns
    -------
    Measure
        Scaled. It closes exactly.

    Raises
    ------
    TypeError
        `beta` is not a number or a formula.
    ValueError
        `beta` is not greater than -1.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.jacs(1), 2)
    >>> A
    Matrix([
    [        -2,  0],
    [-2*sqrt(2), -3]])
    """
    beta = exact(beta, "beta")
    if not (beta + 1).is_positive:
        raise ValueError(f"beta must be greater than -1, for the weight to have a mass; got {beta}")

    def basis(n: int, s: sympy.Symbol) -> sympy.Expr:
        return sympy.sqrt(2 * n + beta + 1) * sympy.jacobi(n, 0, beta, 2 * s - 1)

    return Measure(name=f"jacs(beta={beta})", basis=basis, weight=lambda s: s**beta)


def lagt(alpha: Any = 0, beta: Any = 1, *, timescale: Any = 1) -> Measure:
    r"""Return generalised LagT: a memory that fades like a gamma density, in tilted Laguerre functions.

    .. math::
        w(s) = \frac{s^{-\alpha} e^{-\beta s}}{\zeta}, \qquad
        g_n(s) = \sqrt{\frac{\zeta\,n!}{\Gamma(n+\alpha+1)}}\; s^\alpha e^{-(1-\beta)s/2}\,L_n^{(\alpha)}(s),
        \qquad \zeta = \frac{\Gamma(1-\alpha)}{\beta^{1-\alpha}}

    with the age s in units of `timescale`.

    Parameters
    ----------
    alpha : expression
        In (-1, 1). A symbol must be declared positive, and means a number below 1.
    beta : expression
        Not negative. A symbol must be declared so. 1 is the LagT of the HiPPO paper. 0 gives the orthonormal
        Laguerre functions of its code; then the weight has no finite mass, and :math:`\zeta = 1`.
    timescale : expression
        Positive; the unit of time.

    Returns
    -------
    Measure
        Translated, of infinite length. It closes exactly.

    Raises
    ------
    TypeError
        Not numbers or formulas.
    ValueError
        A value outside its range.

    Notes
    -----
    The paper has the weight :math:`\omega = s^\alpha e^{-s}` and the tilt
    :math:`\chi = s^\alpha e^{-(1-\beta)s/2}`. Here :math:`w \propto \omega/\chi^2`, and :math:`\chi` is part
    of the basis, which reconstructs the signal. For negative `alpha` the basis has a pole at the present.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra, Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       arXiv:2008.07669, appendix D.2.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.lagt(), 3)
    >>> A
    Matrix([
    [-1,  0,  0],
    [-1, -1,  0],
    [-1, -1, -1]])
    """
    alpha, beta, unit = exact(alpha, "alpha"), exact(beta, "beta"), exact(timescale, "timescale")
    inside = (1 - alpha**2).is_positive
    if not (inside or (inside is None and alpha.is_positive)):
        raise ValueError(f"alpha must lie between -1 and 1, for the integrals to exist; got {alpha}")
    if not (beta.is_nonnegative and unit.is_positive):
        raise ValueError(f"beta must be at least 0 and timescale positive; got {beta} and {unit}")
    mass = sympy.S.One if beta == 0 else sympy.gamma(1 - alpha) * beta ** (alpha - 1)

    def basis(n: int, s: sympy.Symbol) -> sympy.Expr:
        scale = sympy.sqrt(mass * sympy.factorial(n) / sympy.gamma(n + alpha + 1))
        age = s / unit
        tilt = age**alpha * sympy.exp(-(1 - beta) * age / 2)
        return scale * tilt * sympy.expand_func(sympy.assoc_laguerre(n, alpha, age))

    return Measure(
        name=f"lagt(alpha={alpha}, beta={beta}, timescale={unit})",
        basis=basis,
        weight=lambda s: (s / unit) ** -alpha * sympy.exp(-beta * s / unit) / (mass * unit),
        memory="translated",
        length=sympy.oo,
    )


def fout(*, as_published: bool = False) -> Measure:
    r"""Return the Fourier window: the Fourier series of the last unit of time.

    .. math:: w(s) = 1, \qquad g = (1, \sqrt2\cos 2\pi s, \sqrt2\sin 2\pi s, \sqrt2\cos 4\pi s, \ldots)

    Parameters
    ----------
    as_published : bool
        Close the end as in the HiPPO paper. The memory is then not a window: see Notes.

    Returns
    -------
    Measure
        Translated. Use an odd order: an even one has a cosine without its sine and does not close.

    Notes
    -----
    A Fourier series has a jump where the two ends of the window meet, and converges to the midpoint of the
    jump. The input that leaves is therefore twice the series minus u(t) [2]_. The paper [1]_ uses the series
    itself. The result is `foud` with retention 1/3: one third of the memory of each window is added to the
    next.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra, Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       arXiv:2008.07669, appendix D.4.1.
    .. [2] Gu, Johnson, Timalsina, Rudra, Re (2022), How to Train Your HiPPO, arXiv:2206.12037.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.fout(), 3)
    >>> A
    Matrix([
    [        -2, -2*sqrt(2),     0],
    [-2*sqrt(2),         -4, -2*pi],
    [         0,       2*pi,     0]])
    """
    as_published = check_flag("as_published", as_published)
    return Measure(
        name="fout as published" if as_published else "fout",
        basis=_fourier,
        weight=_uniform,
        memory="translated",
        end="series" if as_published else "midpoint",
    )


def foud(retention: Any) -> Measure:
    r"""Return Fourier decay: the past folded into one period, with a weight that falls from period to period.

    .. math:: c_n(t) = \int_0^\infty u(t-s)\,g_n(s)\,(1-r)\,r^{\lfloor s \rfloor}\,ds

    with the periodic basis g of `fout`.

    Parameters
    ----------
    retention : expression
        r, in [0, 1): the part of the memory that is left one period later. 0 is `fout`, 1/3 is `fout` as
        published. A symbol must be declared positive, and means a number below 1.

    Returns
    -------
    Measure
        Translated. Use an odd order, as for `fout`.

    Raises
    ------
    TypeError
        `retention` is not a number or a formula.
    ValueError
        `retention` is outside [0, 1).

    Notes
    -----
    The folded past is a signal on one period with a jump between its ends. The Fourier series is at the
    midpoint of that jump, and therefore :math:`A = J - \kappa b b^\mathsf{T}` and :math:`B = \kappa b`, where
    :math:`\kappa = 2(1-r)/(1+r)`, J is a rotation and :math:`b = g(0)`.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.foud(0.6), 3)
    >>> B.T
    Matrix([[1/2, sqrt(2)/2, 0]])
    """
    retention = exact(retention, "retention")
    return Measure(
        name=f"foud(retention={retention})",
        basis=_fourier,
        weight=_uniform,
        memory="translated",
        end="midpoint",
        retention=retention,
    )
