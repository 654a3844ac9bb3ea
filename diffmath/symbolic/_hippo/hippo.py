r"""The HiPPO derivation: the linear ODE of a memory, derived from its measure, with the proof that it closes.

The time derivative of the coefficients of a memory is one of its kernels :math:`K_n = \bar g_n w`:

.. math::
   t\,c' &= K(1)\,u(t) - \int_0^1 u(ts)\,(sK)'\,ds  &&\text{(scaled)} \\
   c' &= K(0)\,u(t) - K(\theta)\,u(t-\theta) + \int_0^\theta u(t-s)\,K'(s)\,ds  &&\text{(translated)}

The memory is therefore exactly a linear ODE if and only if :math:`-(sK)'`, or :math:`K'`, is a combination of
the kernels. Matching coefficients over exact numbers finds the combination.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sympy
from sympy.polys.matrices import DomainMatrix

from diffmath._core.counts import check_count
from diffmath.symbolic._exact import simplified
from diffmath.symbolic._hippo.ends import close_end, kernels, refuse_ends, square_integrable
from diffmath.symbolic._hippo.orthogonal import (
    Measure,
    basis_of,
    coefficients,
    conjugate,
    inner_products,
    refuse_non_orthonormal,
    variable,
    weight_of,
)

__all__ = ["HippoClosure", "derive_hippo", "hippo_closure"]


@dataclass(frozen=True)
class HippoClosure:
    r"""The linear ODE of a memory and how it closes, from `hippo_closure`.

    Parameters
    ----------
    A : ImmutableMatrix, shape (order, order)
        State matrix.
    B : ImmutableMatrix, shape (order, 1)
        Input matrix.
    gauge : ImmutableMatrix, shape (order, order)
        :math:`\Lambda`, diagonal. The conjugate basis divided by it is 1 at the present, or has leading
        coefficient 1 if it vanishes there. :math:`\Lambda^{-1} A \Lambda` belongs to that basis.
    closure : {"exact", "end", "truncated"}
        "exact": no approximation. "end": the input that leaves the window is approximated. "truncated": the
        derivatives of the kernels are not in their span, and `A` is the orthogonal projection; for a window
        the input that leaves is approximated as well.
    residual : Expr
        Norm, under the weight, of the truncated part; 0 otherwise.
    equation : str
        ``"t c' = A c + B u"`` or ``"c' = A c + B u"``.
    unit : str
        The unit of time of `A` and `B`: any unit for a scaled measure, that of the age s for a translated
        one.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> window = symbolic.hippo_closure(symbolic.legt, 2)
    >>> window.closure, window.equation, window.unit
    ('end', "c' = A c + B u", 'that of the age s, from 0 to 1')
    """

    A: sympy.ImmutableMatrix
    B: sympy.ImmutableMatrix
    gauge: sympy.ImmutableMatrix
    closure: Literal["exact", "end", "truncated"]
    residual: sympy.Expr
    equation: str
    unit: str


def derive_hippo(measure: Measure, order: int) -> tuple[sympy.Matrix, sympy.Matrix]:
    r"""Derive the exact HiPPO matrices of a measure.

    .. math:: t\,c'(t) = A\,c(t) + B\,u(t) \quad\text{(scaled)}, \qquad
              c'(t) = A\,c(t) + B\,u(t) \quad\text{(translated)}

    Parameters
    ----------
    measure : Measure
        A measure of this package (`legs`, `jacs`, `legt`, `lagt`, `fout`, `foud`; `fous` does not close), or
        your own.
    order : int
        Number of coefficients, at least 1.

    Returns
    -------
    A : Matrix, shape (order, order)
        Exact, including the minus signs (the HiPPO paper writes c' = -A c + B u).
    B : Matrix, shape (order, 1)

    Raises
    ------
    TypeError
        `order` is not an integer, or `measure` is not a Measure.
    ValueError
        `order` is below 1, the basis is not orthonormal, it does not close (the message states the residual),
        a formula has a jump, or a kernel is infinite at an end or does not decay with age.

    Notes
    -----
    Every measure is derived; there are no tables. `legs` closes exactly. A finite window such as `legt`
    closes except for the input that leaves it, which `Measure.end` approximates. `hippo_closure` reports the
    kind of closure, and the gauge.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra, Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       arXiv:2008.07669, theorem 2 and appendix D.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> A, B = symbolic.derive_hippo(symbolic.legs, 3)
    >>> A
    Matrix([
    [      -1,         0,  0],
    [-sqrt(3),        -2,  0],
    [-sqrt(5), -sqrt(15), -3]])
    >>> B.T
    Matrix([[1, sqrt(3), sqrt(5)]])
    """
    found = hippo_closure(measure, order)
    if found.closure == "truncated":
        size = f"{found.residual} = {sympy.N(found.residual, 3)}"
        raise ValueError(
            f"the basis of {measure.name} does not close at order {order}: derivatives of its kernels leave "
            f"their span by a residual of norm {size}; choose an order or a basis that d/ds (translated) or "
            "s d/ds (scaled) maps into itself, or take the projection from hippo_closure(measure, order).A"
        )
    return sympy.Matrix(found.A), sympy.Matrix(found.B)


def hippo_closure(measure: Measure, order: int) -> HippoClosure:
    """Derive the linear ODE of a memory, and report how it closes.

    Parameters
    ----------
    measure : Measure
        The weight and its orthonormal basis.
    order : int
        Number of coefficients, at least 1.

    Returns
    -------
    HippoClosure
        The matrices, the gauge, the kind of closure and its residual.

    Raises
    ------
    TypeError, ValueError
        Like `derive_hippo`, but a basis that does not close is not an error if the residual is finite.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> found = symbolic.hippo_closure(symbolic.legt, 2)
    >>> found.closure, found.equation
    ('end', "c' = A c + B u")
    >>> found.A
    Matrix([
    [      -1, sqrt(3)],
    [-sqrt(3),      -3]])
    """
    if not isinstance(measure, Measure):
        raise TypeError(f"measure must be a symbolic.Measure; got {type(measure).__name__}")
    basis = basis_of(measure, check_count("order", order))
    refuse_ends(measure, basis)
    analysis = [conjugate(g) for g in basis]
    gauge = [_scale(measure, g) for g in analysis]
    plain = [coefficients(g / scale) for g, scale in zip(analysis, gauge, strict=True)]
    moved = [coefficients(_derivative(measure, _sum(row))) for row in plain]
    functions = sorted({f for row in (*plain, *moved) for f in row}, key=sympy.default_sort_key)
    own = sorted({f for row in plain for f in row}, key=sympy.default_sort_key)
    P = _table(plain, own)
    refuse_non_orthonormal(measure, gauge, P * inner_products(measure, own) * P.H)

    core, residual = _match(_table(plain, functions), _table(moved, functions)), sympy.S.Zero
    if core is None:
        core = _match_kernels(measure, plain)
    if core is None:
        core, residual = _project(measure, gauge, plain, moved, functions)
    G = sympy.diag(*gauge)
    A, B = G * core * G.inv(), kernels(measure, basis, measure.now)
    scaled = measure.memory == "scaled"
    finite_window = not scaled and measure.length != sympy.oo
    if finite_window:
        A, B = close_end(measure, basis, A, B)
    kind: Literal["exact", "end", "truncated"] = "end" if finite_window else "exact"
    return HippoClosure(
        A=sympy.ImmutableMatrix(A.applyfunc(simplified)),
        B=sympy.ImmutableMatrix(B.applyfunc(simplified)),
        gauge=sympy.ImmutableMatrix(G),
        closure=kind if residual == 0 else "truncated",
        residual=residual,
        equation="t c' = A c + B u" if scaled else "c' = A c + B u",
        unit="any" if scaled else f"that of the age s, from 0 to {measure.length}",
    )


def _scale(measure: Measure, g: sympy.Expr) -> sympy.Expr:
    """Return a basis function at the present, or its leading coefficient if that is 0 or a pole."""
    present = simplified(g.subs(variable, measure.now))
    return present if present.is_finite and present != 0 else list(coefficients(g).values())[-1]


def _derivative(measure: Measure, g: sympy.Expr) -> sympy.Expr:
    """Return the derivative of a kernel g w divided by w: (g w)'/w, or -(s g w)'/w for a scaled memory."""
    weight = weight_of(measure)
    pull = simplified(sympy.diff(weight, variable) / weight)
    slope = sympy.diff(g, variable) + pull * g
    return slope if measure.memory == "translated" else -(g + variable * slope)


def _match_kernels(measure: Measure, plain: Sequence[dict[sympy.Expr, sympy.Expr]]) -> sympy.Matrix | None:
    """Like `_match`, for the kernels g w, which may be simple if neither the basis nor the weight is."""
    weight = weight_of(measure)
    kernels = [simplified(_sum(row) * weight) for row in plain]
    if measure.memory == "translated":
        moved = [sympy.diff(kernel, variable) for kernel in kernels]
    else:
        moved = [-sympy.diff(variable * kernel, variable) for kernel in kernels]
    before, after = [coefficients(k) for k in kernels], [coefficients(simplified(k)) for k in moved]
    functions = sorted({f for row in (*before, *after) for f in row}, key=sympy.default_sort_key)
    return _match(_table(before, functions), _table(after, functions))


def _sum(row: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*(coefficient * function for function, coefficient in row.items()))


def _table(rows: Sequence[dict[sympy.Expr, sympy.Expr]], functions: Sequence[sympy.Expr]) -> sympy.Matrix:
    return sympy.Matrix([[row.get(f, sympy.S.Zero) for f in functions] for row in rows])


def _match(basis: sympy.Matrix, moved: sympy.Matrix) -> sympy.Matrix | None:
    """Solve ``core * basis = moved`` over exact numbers; None if there is no solution."""
    order = basis.rows
    system = DomainMatrix.from_Matrix(sympy.Matrix.hstack(basis.T, moved.T)).to_field()
    reduced, pivots = system.rref()
    if pivots != tuple(range(order)):
        return None
    return reduced.to_Matrix()[:order, order:].T


def _project(
    measure: Measure,
    gauge: Sequence[sympy.Expr],
    plain: Sequence[dict[sympy.Expr, sympy.Expr]],
    moved: Sequence[dict[sympy.Expr, sympy.Expr]],
    functions: Sequence[sympy.Expr],
) -> tuple[sympy.Matrix, sympy.Expr]:
    """Project the derivatives onto the basis; the residual is the norm of the rest."""
    tame = all(square_integrable(measure, _sum(row)) for row in moved)
    products = inner_products(measure, functions) if tame else sympy.zeros(0, 0)
    if not tame or not all(entry.is_finite for entry in products):
        raise ValueError(
            f"derivatives of the kernels of {measure.name} are not square integrable under its weight, so "
            "that no linear ODE describes the memory: choose a weight without a pole or a zero inside the "
            "measure or at its end"
        )
    scale = sympy.diag(*gauge)
    P, M = scale * _table(plain, functions), scale * _table(moved, functions)
    full = M * products * P.H
    squared = sympy.trace(M * products * M.H) - sympy.trace(full * full.H)
    core = scale.inv() * full * scale
    return core, sympy.sqrt(simplified(squared))
