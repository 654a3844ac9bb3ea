"""Exponential tableaux with free nodes, proven when they are built, and the names of their samplers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath.ode import ExponentialTableau
from diffmath.symbolic import phi

__all__ = ["changed", "fraction", "midpoint_tableau", "shown", "three_stages", "two_stages"]


def midpoint_tableau(name: str, r: Fraction, reference: str) -> ExponentialTableau:
    r"""Return the two-stage tableau with :math:`b = ((1 - 1/2r)\,\varphi_1, \varphi_1/2r)`: order 2."""
    half = phi(1) * (1 / (2 * r))
    return ExponentialTableau(
        name=name, a=[[], [phi(1, r) * r]], b=[phi(1) - half, half], c=[0, r], order=2, stiff_order=1,
        reference=reference,
    )  # fmt: skip


def three_stages(name: str, r1: Fraction, r2: Fraction, reference: str) -> ExponentialTableau:
    """Return the three-stage tableau of DPM-Solver-3: order 3 for r2 = 2/3, else 2."""
    a32, b3 = phi(2, r2) * (r2**2 / r1), phi(2) * (1 / r2)
    order = 3 if r2 == Fraction(2, 3) else 2
    return ExponentialTableau(
        name=name, a=[[], [phi(1, r1) * r1], [phi(1, r2) * r2 - a32, a32]], b=[phi(1) - b3, 0, b3],
        c=[0, r1, r2], order=order, stiff_order=2, reference=reference,
    )  # fmt: skip


def two_stages(name: str, c2: Fraction, reference: str) -> ExponentialTableau:
    last = phi(2) * (1 / c2)
    return ExponentialTableau(
        name=name, a=[[], [phi(1, c2) * c2]], b=[phi(1) - last, last], c=[0, c2], order=2, stiff_order=2,
        reference=reference,
    )  # fmt: skip


def fraction(name: str, value: Any, *, refused: Fraction | None = None) -> Fraction:
    """Return a node in (0, 1] as an exact fraction; a float is read by its shortest decimal."""
    try:
        found = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        message = f"{name} must be a fraction in (0, 1], such as 0.5 or '1/3'; got {value!r}"
        raise ValueError(message) from None
    if not 0 < found <= 1 or found == refused:
        other = "" if refused is None else f" other than {refused}"
        raise ValueError(f"{name} must be a fraction in (0, 1]{other}; got {value!r}")
    return found


def shown(name: str, **parameters: Any) -> str:
    """Return the name of a sampler with the parameters that are not None."""
    listed = ", ".join(f"{key}={value}" for key, value in parameters.items() if value is not None)
    return f"{name}({listed})" if listed else name


def changed(value: Any, default: Any) -> Any:
    """Return the value, None for the default."""
    return None if value == default else value
