"""Errors of runs with increasing numbers of steps, as a table with the order of each halving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

__all__ = ["order_rows", "order_table"]


def order_table(steps: Sequence[int], errors: Sequence[float]) -> str:
    """Return one line per run, below a header.

    Parameters
    ----------
    steps : sequence of int
        Numbers of steps, each twice the last.
    errors : sequence of float
        Their errors.

    Returns
    -------
    str

    Examples
    --------
    >>> from diffmath.testing._orders.order_table import order_table
    >>> print(order_table([4, 8], [1e-2, 5e-3]))
     steps      error  order
         4   1.00e-02
         8   5.00e-03   1.00
    """
    lines = [" steps      error  order"]
    for n, error, order in _orders(steps, errors):
        lines.append(f"{n:6d}  {error:9.2e}" + ("" if order is None else f" {order:6.2f}"))
    return "\n".join(lines)


def order_rows(steps: Sequence[int], errors: Sequence[float]) -> list[tuple[str, str]]:
    """Return (steps, error and order) of every run, for a table in a notebook.

    Examples
    --------
    >>> from diffmath.testing._orders.order_table import order_rows
    >>> order_rows([4, 8], [1e-2, 5e-3])
    [('4', '1.00e-02'), ('8', '5.00e-03, order 1.00')]
    """
    return [
        (f"{n}", f"{error:.2e}" + ("" if order is None else f", order {order:.2f}"))
        for n, error, order in _orders(steps, errors)
    ]


def _orders(steps: Sequence[int], errors: Sequence[float]) -> Iterator[tuple[int, float, float | None]]:
    """Iterate over (steps, error, order of the halving), None for an order that is not known."""
    for k, (n, error) in enumerate(zip(steps, errors, strict=True)):
        before = errors[k - 1] if k else 0.0
        known = 0.0 < error < math.inf and 0.0 < before < math.inf
        yield n, error, math.log2(before / error) if known else None
