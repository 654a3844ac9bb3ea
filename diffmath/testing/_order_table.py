"""Errors of runs with more and more steps, as a table with the order that each halving shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["order_table"]


def order_table(steps: Sequence[int], errors: Sequence[float]) -> str:
    """Return one line for every run, under a head.

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
    >>> from diffmath.testing._order_table import order_table
    >>> print(order_table([4, 8], [1e-2, 5e-3]))
     steps      error  order
         4   1.00e-02
         8   5.00e-03   1.00
    """
    lines = [" steps      error  order"]
    for k, (n, error) in enumerate(zip(steps, errors, strict=True)):
        before = errors[k - 1] if k else 0.0
        known = 0.0 < error < math.inf and 0.0 < before < math.inf
        lines.append(f"{n:6d}  {error:9.2e}" + (f" {math.log2(before / error):6.2f}" if known else ""))
    return "\n".join(lines)
