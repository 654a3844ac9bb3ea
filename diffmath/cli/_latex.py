"""LaTeX of a derived memory: its equation and matrices, shortened by dots to the width of a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffmath import symbolic

__all__ = ["latex"]

# Width of a line of LaTeX's article class in digits: 345 pt with 5 pt per digit; a matrix also needs "A = [
# ]".
_LINE = 69 - 6
_GAP = 2  # between two columns: 10 pt


def latex(found: symbolic.HippoClosure, *, whole: bool = False) -> str:
    r"""Return the equation and its matrices as the lines of a LaTeX display.

    Parameters
    ----------
    found : HippoClosure
        Derived matrices.
    whole : bool
        Print every entry. By default a matrix that is too wide for a line keeps its first rows and columns
        and the last ones, with dots between.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> from diffmath.cli._latex import latex
    >>> print(latex(symbolic.hippo_closure(symbolic.legs, 1)))
    \begin{aligned}
      t\,c'(t) &= A\,c(t) + B\,u(t) \\
      A &= \left[\begin{matrix}-1\end{matrix}\right] \\
      B &= \left[\begin{matrix}1\end{matrix}\right]
    \end{aligned}
    """
    clock = "t\\," if found.equation.startswith("t") else ""
    order = found.A.rows
    shown = list(range(order)) if whole else _shown(found.A)
    lines = (
        f"{clock}c'(t) &= A\\,c(t) + B\\,u(t)",
        f"A &= {_matrix(found.A, shown, shown)}",
        f"B &= {_matrix(found.B, shown, [0])}",
    )
    return "\\begin{aligned}\n  " + " \\\\\n  ".join(lines) + "\n\\end{aligned}"


def _shown(matrix: Any) -> list[int | None]:
    """The rows and columns of a square matrix to print, None for dots: all, or as many as fit on a line."""
    order = matrix.rows
    for first in range(order - 2, 0, -1):
        shown = [*range(first + 1), order - 1] if first == order - 2 else [*range(first), None, order - 1]
        if _width(matrix, shown) <= _LINE:
            return shown
    return list(range(order)) if order < 3 else [0, None, order - 1]


def _width(matrix: Any, shown: Sequence[int | None]) -> int:
    """Width of the printed part in digits: the widest entry of each column, as SymPy prints it in text."""
    kept = [i for i in shown if i is not None]
    widths = [1 if k is None else max(_entry_width(matrix[n, k]) for n in kept) for k in shown]
    return sum(widths) + _GAP * (len(widths) - 1)


def _entry_width(entry: Any) -> int:
    import sympy

    return max(len(line) for line in sympy.pretty(entry, use_unicode=True, wrap_line=False).splitlines())


def _matrix(matrix: Any, rows: Sequence[int | None], columns: Sequence[int | None]) -> str:
    """A matrix in SymPy's layout, with dots; beyond ten columns amsmath needs an array."""
    import sympy

    def entry(n: int | None, k: int | None) -> str:
        if n is None:
            return "\\vdots" if k is not None else "\\ddots"
        return "\\cdots" if k is None else str(sympy.latex(matrix[n, k]))

    body = "\\\\".join(" & ".join(entry(n, k) for k in columns) for n in rows)
    kind, form = ("matrix", "") if len(columns) <= 10 else ("array", f"{{{'c' * len(columns)}}}")
    return f"\\left[\\begin{{{kind}}}{form}{body}\\end{{{kind}}}\\right]"
