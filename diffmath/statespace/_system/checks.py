"""Checks of the parts of a state-space model: shapes, and whether A and B have the declared properties."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array
from diffmath.statespace._structure import Dense, Measure, Structure, ignore_overflow

__all__ = ["check_direct_term", "check_matrices", "check_measure", "check_origin", "check_structure"]


def check_matrices(A: Array, B: Array, C: Array | None) -> tuple[Array, Array, Array | None]:
    """Return A, B and C in one floating dtype; refuse kinds, shapes and values that do not fit."""
    given = {"A": A, "B": B} if C is None else {"A": A, "B": B, "C": C}
    xp = array_namespace(*given.values(), names=list(given))
    checked = [check_array(name, array) for name, array in given.items()]
    dtype = xp.result_type(*checked)
    A, B, *rest = (xp.astype(array, dtype, copy=False) for array in checked)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or not A.shape[0]:
        raise ValueError(f"A must be square, shape (n, n); got {tuple(A.shape)}")
    n = A.shape[0]
    if tuple(B.shape) != (n,):
        raise ValueError(f"B must be a vector, shape ({n},) to fit A; got {tuple(B.shape)}")
    if rest and (rest[0].ndim not in (1, 2) or rest[0].shape[-1] != n):
        raise ValueError(f"C must have shape ({n},) or (p, {n}) to fit A; got {tuple(rest[0].shape)}")
    return A, B, rest[0] if rest else None


def check_direct_term(D: Any, C: Array | None) -> Any:
    """Return D as an array with one value per output, or 0.0 if there is no output."""
    if C is None:
        if isinstance(D, float | int) and D == 0:
            return 0.0
        raise ValueError("D needs an output C: give both, system.with_output(C, D)")
    if isinstance(D, float | int):
        if not math.isfinite(D):
            raise ValueError(f"D must be finite; got {D}")
        return array_namespace(C).full(C.shape[:-1], D, dtype=C.dtype, device=compat.device(C))
    xp = array_namespace(C, D, names=["C", "D"])
    D = check_array("D", D)
    if tuple(D.shape) != tuple(C.shape[:-1]):
        raise ValueError(f"D must have shape {tuple(C.shape[:-1])} to fit C; got {tuple(D.shape)}")
    return xp.astype(D, C.dtype, copy=False)


def check_structure(structure: Structure, A: Array) -> Structure:
    """Return the structure, for a dense system A itself; refuse one that A does not have."""
    if not isinstance(structure, Structure):
        raise TypeError(
            f"structure must be a Structure, such as statespace.LowerCumulative; got {structure!r}: leave it "
            "out for a dense system"
        )
    if isinstance(structure, Dense):
        return structure if structure.A is A else Dense(A)
    order = int(A.shape[0])
    if structure.order != order:
        raise ValueError(f"structure must have order {order} like A; got {structure.order}")
    _compare(A, structure.entries(), "A", f"structure {structure.name!r}", "leave structure out")
    return structure


def check_measure(measure: Measure | None, A: Array, B: Array, dt: float | None) -> None:
    """Refuse a measure that does not belong to A and B."""
    if measure is None:
        return
    if not isinstance(measure, Measure):
        raise TypeError(f"measure must come from a builder; got {type(measure).__name__}")
    if dt is not None:
        raise ValueError(f"measure belongs to continuous systems; got dt={dt}")
    expected, remedy = (
        measure.matrices(int(A.shape[0])),
        f"build it with statespace.{measure.name}, or pass measure=None",
    )
    for name, given, wanted in zip("AB", (A, B), expected, strict=True):
        _compare(given, wanted, name, f"measure {str(measure)!r}", remedy, slack=measure.rounding_factor)


def _compare(array: Array, expected: Any, name: str, what: str, remedy: str, *, slack: float = 1.0) -> None:
    """Refuse entries that differ from the expected ones by more than the rounding of a few roots and
    quotients.

    `slack` multiplies the tolerance for the largest entry. Traced entries are not checked.
    """
    if is_traced(array):
        return
    xp, wanted = array_namespace(array), asarray_like(expected, array)
    eps = float(xp.finfo(array.dtype).eps)
    tolerance = 16.0 * eps * xp.abs(wanted) + slack * eps * float(xp.max(xp.abs(wanted)))
    if not all_true(xp.abs(array - wanted) <= tolerance):
        raise ValueError(f"{name} does not have {what}: {remedy}")


def check_origin(A: Array, B: Array, source: tuple[Array, Array], alpha: float, dt: float | None) -> None:
    """Refuse A and B that are not the generalised bilinear step of a source; on one vector, O(n^2)."""
    A_source, B_source = source
    order = int(A.shape[0])
    if dt is None or B_source.shape[0] != order:
        raise ValueError("origin belongs to a discrete system of the same order: pass origin=None")
    xp = array_namespace(A, A_source, names=["A", "origin.system.A"])
    dtype = A_source.dtype
    A, B = xp.astype(A, dtype, copy=False), xp.astype(B, dtype, copy=False)
    probe = xp.cos(xp.arange(order, dtype=dtype, device=compat.device(A)))
    stepped = xp.stack([A @ probe, B], axis=1)
    with ignore_overflow():
        moved = A_source @ probe
        rates = xp.abs(A_source) @ xp.abs(stepped)
        residual = stepped - (alpha * dt) * (A_source @ stepped)
        residual = residual - xp.stack([probe + ((1.0 - alpha) * dt) * moved, dt * B_source], axis=1)
        # Backward stability: the step is accurate to a few n eps of the terms in its equation.
        terms = 1.0 + dt * (rates + (xp.abs(A_source) @ xp.abs(probe) + xp.abs(B_source))[:, None])
        if is_traced(residual):
            return
        scale = float(xp.max(terms + xp.abs(stepped)))
        error = float(xp.max(xp.abs(residual)))
    if not error <= 64.0 * order * float(xp.finfo(dtype).eps) * scale:
        raise ValueError("A and B are not the step of the origin: pass origin=None, or step it with gbt")
