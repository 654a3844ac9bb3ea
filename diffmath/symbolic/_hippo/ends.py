r"""The two ends of a measure: where the input enters, and where it leaves.

Integration by parts leaves the values of the kernels at both ends, which must exist. The input that leaves a
finite window is estimated; this is the only approximation of a memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from diffmath.symbolic._exact import bounded, is_zero, simplified
from diffmath.symbolic._hippo.orthogonal import Measure, conjugate, variable, weight_of

__all__ = ["close_end", "kernels", "refuse_ends", "square_integrable"]


def kernels(measure: Measure, basis: Sequence[sympy.Expr], s: sympy.Expr) -> sympy.Matrix:
    """Return the kernels at a point, as a column; a zero of one factor may cancel a pole of the other."""
    return sympy.Matrix([simplified(kernel.subs(variable, s)) for kernel in _formulas(measure, basis)])


def refuse_ends(measure: Measure, basis: Sequence[sympy.Expr]) -> None:
    """Refuse kernels that are infinite where the input enters or leaves, or that do not decay."""
    points = [("at the present", measure.now)]
    if measure.memory == "translated" and measure.length != sympy.oo:
        points.append(("at the end of the window", measure.length))
    for where, point in points:
        for n, value in enumerate(kernels(measure, basis, point)):
            if value.is_finite is False or value.has(sympy.nan):
                raise ValueError(f"kernel {n} of {measure.name} must be finite {where}; it is {value} there")
    for n, kernel in enumerate(_formulas(measure, basis)):
        if measure.memory == "scaled":
            last, what = _limit(variable * kernel, sympy.S.Zero), "s times kernel"
            where, remedy = "at the start of the past, s = 0", "has no pole there"
        elif measure.length == sympy.oo:
            last, what = _limit(kernel, sympy.oo), "kernel"
            where, remedy = "at infinite age", "decays faster than the basis grows"
        else:
            return
        if last != 0:
            found = (
                "cannot be found, perhaps for symbols not declared positive"
                if last is sympy.nan
                else f"is {last}"
            )
            raise ValueError(
                f"{what} {n} of {measure.name} must vanish {where}; its limit {found}: choose a weight "
                f"that {remedy}"
            )


def square_integrable(measure: Measure, formula: sympy.Expr) -> bool:
    """Return whether the square of a formula is integrable at the finite ends."""
    square = formula * conjugate(formula) * weight_of(measure)
    ends = (sympy.S.Zero, measure.length) if measure.length != sympy.oo else (sympy.S.Zero,)
    return not any(_limit((variable - end) * square, end).is_zero is False for end in ends)


def close_end(
    measure: Measure, basis: Sequence[sympy.Expr], A: sympy.Matrix, B: sympy.Matrix
) -> tuple[sympy.Matrix, sympy.Matrix]:
    """Replace the input that leaves, u(t - theta), by h.c + d u(t), given the `retention`."""
    forgotten = kernels(measure, basis, measure.length)
    at_end = sympy.Matrix([[g.subs(variable, measure.length) for g in basis]])
    at_start = sympy.Matrix([[g.subs(variable, 0) for g in basis]])
    if measure.end != "drop":
        _refuse_poles(measure, at_end if measure.end == "series" else at_end.row_join(at_start))
    if measure.end != "midpoint":
        return (A - forgotten * at_end if measure.end == "series" else A), B
    # The folded past f runs from f(0) = (1-r) u + r f(theta) to f(theta). Its series divided by the tilt of
    # the basis is periodic, and its value at the joint is the mean of f(0) and f(theta)/tilt.
    r, tilt = measure.retention, _tilt(at_start, at_end)
    twice = at_start + at_end / tilt
    share = tilt / (1 + r * tilt)
    return A + share * (r * B - forgotten) * twice, (1 - r) * (B + share * (forgotten - r * B))


def _refuse_poles(measure: Measure, values: sympy.Matrix) -> None:
    """Refuse a basis that is infinite where its series estimates the input."""
    if any(value.is_finite is False or value.has(sympy.nan) for value in values):
        raise ValueError(
            f"the basis of {measure.name} must be finite where its series estimates the input that leaves "
            f"(end={measure.end!r}): use end='drop', which takes zero"
        )


def _tilt(at_start: sympy.Matrix, at_end: sympy.Matrix) -> sympy.Expr:
    """Return the factor by which all basis functions grow over the window; 1 if there is none."""
    gains = [end / start for start, end in zip(at_start, at_end, strict=True) if start != 0]
    common = simplified(gains[0]) if gains else sympy.S.One
    joined = common != 0 and all(
        is_zero(end - common * start) for start, end in zip(at_start, at_end, strict=True)
    )
    return common if joined else sympy.S.One


def _formulas(measure: Measure, basis: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    weight = weight_of(measure)
    return [sympy.expand(conjugate(g) * weight) for g in basis]


def _limit(formula: sympy.Expr, point: sympy.Expr) -> sympy.Expr:
    try:
        return bounded(sympy.limit, formula, variable, point, "+" if point == 0 else "-")
    except (NotImplementedError, ValueError, AttributeError, TypeError):  # SymPy's words for "I cannot"
        return sympy.nan
