"""Checks of the arguments of `symbolic.SDE`, which become exact formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from diffmath.symbolic._exact import exact

__all__ = ["check_diffusion", "check_drift", "check_symbols", "refuse_same_names"]


def check_symbols(state: Any, time: Any) -> tuple[sympy.Symbol, ...]:
    if isinstance(state, str) or not isinstance(state, Sequence):
        raise TypeError(
            f"state must be a sequence of symbols; got {state!r}: write [{state}] for one variable"
        )
    for symbol in (*state, time):
        if not isinstance(symbol, sympy.Symbol):
            raise TypeError(f"state and time must be SymPy symbols; got {type(symbol).__name__}: {symbol!r}")
    names = [symbol.name for symbol in (*state, time)]
    if not state or len(set(names)) < len(names):
        raise ValueError(f"state must be at least one symbol, and all, with time, must differ; got {names}")
    return tuple(state)


def check_drift(drift: Any, dim: int) -> tuple[sympy.Expr, ...]:
    entries = list(drift) if isinstance(drift, Sequence | sympy.MatrixBase) else drift
    if not isinstance(entries, list) or len(entries) != dim:
        size = f"length {len(entries)}" if isinstance(entries, list) else repr(drift)
        raise ValueError(f"drift must be a sequence of {dim} formulas, one per state; got {size}")
    return tuple(exact(f, f"drift[{i}]") for i, f in enumerate(entries))


def check_diffusion(diffusion: Any, dim: int) -> tuple[tuple[sympy.Expr, ...], ...]:
    rows = diffusion.tolist() if isinstance(diffusion, sympy.MatrixBase) else diffusion
    nested = isinstance(rows, Sequence) and all(
        isinstance(r, Sequence) and not isinstance(r, str) for r in rows
    )
    if not nested or len(rows) != dim or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError(
            f"diffusion must be a matrix of {dim} rows, one per state, and one column per Brownian motion; "
            f"got {diffusion!r}"
        )
    return tuple(
        tuple(exact(g, f"diffusion[{i}][{l}]") for l, g in enumerate(row)) for i, row in enumerate(rows)
    )


def refuse_same_names(variables: Sequence[sympy.Symbol], formulas: Sequence[sympy.Expr]) -> None:
    names = {variable.name: variable for variable in variables}
    for symbol in sorted(sympy.Tuple(*formulas).free_symbols, key=str):
        if symbol.name in names and symbol != names[symbol.name]:
            raise ValueError(
                f"{symbol.name} in the formulas is another symbol than {symbol.name} in state or time (their "
                "assumptions differ, for instance real=True): create it once and use it everywhere"
            )
