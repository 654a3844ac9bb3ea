"""Exact changes of coordinates of a memory, and its exponential tilt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import sympy

from diffmath._core.counts import check_count
from diffmath.symbolic._exact import exact, simplified
from diffmath.symbolic._hippo.hippo import HippoClosure
from diffmath.symbolic._hippo.orthogonal import Measure

__all__ = ["GaugeName", "change_gauge", "jacobi_gauge", "tilt"]

GaugeName = Literal["hippo", "hippo-code", "s4", "lmu", "su", "plain"]


def change_gauge(found: HippoClosure, gauge: GaugeName | sympy.MatrixBase) -> HippoClosure:
    r"""Return the same memory with the state :math:`\Lambda c` instead of c.

    .. math:: A \to \Lambda A \Lambda^{-1}, \qquad B \to \Lambda B

    Parameters
    ----------
    found : HippoClosure
        From `hippo_closure`.
    gauge : {"hippo", "hippo-code", "s4", "lmu", "su", "plain"} or Matrix, shape (order, order)
        :math:`\Lambda`. A name gives a convention of the literature for the orthonormal Legendre memories.
        The first three change nothing (see Notes). ``"lmu"`` is the diagonal :math:`(-1)^n \sqrt{2n+1}` of
        the Legendre Memory Unit and of theorem 1 of the HiPPO paper. ``"su"`` and ``"plain"`` are
        :math:`\sqrt2` and :math:`\sqrt{2n+1}` of Su's articles.

    Returns
    -------
    HippoClosure
        Its `gauge` is :math:`\Lambda` times that of `found`.

    Raises
    ------
    TypeError
        `found` is not a HippoClosure, or `gauge` is not a matrix.
    ValueError
        An unknown name, a shape that does not fit, or a singular matrix.

    Notes
    -----
    The unit of time and the sign are not gauges. The HiPPO paper and its code write the memories as here,
    except for the sign of A in the paper. The "legt" of S4 has A and B halved, for a window of length two.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.change_gauge(symbolic.hippo_closure(symbolic.legt, 3), "lmu").A
    Matrix([
    [-1, -1, -1],
    [ 3, -3, -3],
    [-5,  5, -5]])
    """
    if not isinstance(found, HippoClosure):
        raise TypeError(f"change_gauge takes a HippoClosure; got {type(found).__name__}")
    scale = _as_gauge(gauge, found.A.rows)
    A, B, total = scale * found.A * scale.inv(), scale * found.B, scale * found.gauge
    A, B, total = (sympy.ImmutableMatrix(matrix.applyfunc(simplified)) for matrix in (A, B, total))
    return replace(found, A=A, B=B, gauge=total)


def _as_gauge(gauge: Any, order: int) -> sympy.Matrix:
    if isinstance(gauge, str):
        if gauge not in get_args(GaugeName):
            raise ValueError(f"gauge must be one of {get_args(GaugeName)}, or a Matrix; got {gauge!r}")
        if gauge in ("hippo", "hippo-code", "s4"):
            return sympy.eye(order)
        roots = [sympy.sqrt(2) if gauge == "su" else sympy.sqrt(2 * n + 1) for n in range(order)]
        return sympy.diag(*((-1) ** n * root if gauge == "lmu" else root for n, root in enumerate(roots)))
    if not isinstance(gauge, sympy.MatrixBase):
        raise TypeError(f"gauge must be a name or a SymPy Matrix; got {type(gauge).__name__}")
    if gauge.shape != (order, order):
        raise ValueError(f"gauge must have shape ({order}, {order}) to fit the memory; got {gauge.shape}")
    scale = sympy.Matrix(gauge).applyfunc(lambda entry: exact(entry, "gauge"))
    if simplified(scale.det()) == 0:
        raise ValueError("gauge must be invertible; its determinant is 0")
    return scale


def jacobi_gauge(order: int, a: Any, b: Any) -> sympy.Matrix:
    r"""Return the gauge from Legendre to Jacobi coefficients, for `change_gauge`.

    .. math:: \sum_n c_n \sqrt{2n+1}\,P_n(x) = \sum_m (\Lambda c)_m\,p_m(x)

    where the polynomials :math:`p_m` are orthonormal on [-1, 1] under :math:`(1-x)^a (1+x)^b`, scaled to
    mass 1; x = 1 is the present.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    a, b : expression
        Greater than -1. Both -1/2 gives Chebyshev's first kind, both 1/2 the second.

    Returns
    -------
    Matrix, shape (order, order)
        Upper triangular.

    Raises
    ------
    TypeError
        `order` is not an integer, or `a` or `b` not a number.
    ValueError
        `order` is below 1, or `a` or `b` not greater than -1.

    Notes
    -----
    A window with a Jacobi or Chebyshev basis, closed at its old end by its own polynomial, is `legt` in this
    gauge. `statespace.jacobi_gauge` returns the same numbers.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> half = sympy.Rational(1, 2)
    >>> symbolic.jacobi_gauge(3, -half, -half)
    Matrix([
    [1,         0,     sqrt(5)/4],
    [0, sqrt(6)/2,             0],
    [0,         0, 3*sqrt(10)/8]])
    """
    order = check_count("order", order)
    a, b = exact(a, "a"), exact(b, "b")
    for name, value in (("a", a), ("b", b)):
        if not (value + 1).is_positive:
            raise ValueError(f"{name} must be greater than -1; got {value}")
    y = sympy.Symbol("y")  # (1 + x)/2, whose moments under the weight are those of a beta distribution
    moments = [sympy.rf(b + 1, j) / sympy.rf(a + b + 2, j) for j in range(2 * order)]

    def rows(polynomials: list[sympy.Expr]) -> sympy.Matrix:
        found = [sympy.Poly(sympy.expand(p), y).all_coeffs()[::-1] for p in polynomials]
        return sympy.Matrix(order, order, lambda n, j: found[n][j] if j < len(found[n]) else 0)

    legendre = rows([sympy.sqrt(2 * n + 1) * sympy.legendre(n, 2 * y - 1) for n in range(order)])
    jacobi = rows([sympy.jacobi(n, a, b, 2 * y - 1) for n in range(order)])
    squares = jacobi * sympy.Matrix(order, order, lambda j, k: moments[j + k]) * jacobi.T
    norms = sympy.diag(*(sympy.sqrt(simplified(squares[n, n])) for n in range(order)))
    return (norms * (legendre * jacobi.inv()).T).applyfunc(simplified)


def tilt(measure: Measure, rate: Any) -> Measure:
    r"""Return a measure whose memory fades exponentially with age, in addition to its weight.

    .. math:: g_n \to e^{\gamma s} g_n, \quad w \to e^{-2 \gamma s} w \qquad\Rightarrow\qquad
        K_n \to e^{-\gamma s} K_n, \quad A \to A - \gamma I

    Parameters
    ----------
    measure : Measure
        Translated, with `retention` 0.
    rate : expression
        :math:`\gamma`, per unit of time; a negative rate undoes a tilt.

    Returns
    -------
    Measure
        Its basis is the one that reconstructs the signal.

    Raises
    ------
    TypeError
        `measure` is not a Measure, or `rate` not a number or a formula.
    ValueError
        A scaled measure (use `jacs`, whose weight is a power of s), or a measure with a `retention`.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.tilt(symbolic.legt, 0.5), 2)
    >>> A
    Matrix([
    [    -3/2, sqrt(3)],
    [-sqrt(3),    -7/2]])
    """
    if not isinstance(measure, Measure):
        raise TypeError(f"tilt takes a symbolic.Measure; got {type(measure).__name__}")
    rate = exact(rate, "rate")
    if measure.memory == "scaled":
        raise ValueError("tilt takes a translated measure; a scaled one fades by a power: use jacs(beta)")
    if measure.retention != 0:
        raise ValueError(
            "tilt takes a measure that is not folded; a retention fades by periods: choose a smaller one"
        )
    return replace(
        measure,
        name=f"{measure.name} tilted by {rate}",
        basis=lambda n, s: sympy.exp(rate * s) * measure.basis(n, s),
        weight=lambda s: sympy.exp(-2 * rate * s) * measure.weight(s),
    )
