"""The state-space model as data: four arrays, a step, and the tag that lets algorithms use its structure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays import array_namespace, asarray_like, check_array, real_dtype, same_kind
from diffmath._typing import Array
from diffmath.statespace._measure import Measure
from diffmath.statespace._signal import quiet
from diffmath.statespace._structure import DENSE, Dense, Structure

__all__ = [
    "Origin",
    "StateSpace",
    "check_step",
    "follow",
    "require_continuous",
    "require_discrete",
    "require_measure",
    "require_output",
]


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a discrete system comes from: the continuous one, and the alpha of its generalised bilinear step.

    Algorithms that know the resolvent of the continuous system need no more; `StateSpace` checks the claim.
    """

    system: StateSpace
    alpha: float


@dataclass(frozen=True, eq=False, repr=False)
class StateSpace:
    r"""A linear state-space model with one input, continuous or discrete.

    .. math:: x' = A x + B u, \quad y = C x + D u
        \qquad\text{or}\qquad x_k = A x_{k-1} + B u_k, \quad y_k = C x_k + D u_k

    Parameters
    ----------
    A : array, shape (n, n)
        State matrix.
    B : array, shape (n,)
        Input vector.
    C : array, shape (n,) or (p, n), optional
        Output vector, or one row per output. A model without it has states only.
    D : array, shape () or (p,), or float
        Direct term from input to output.
    dt : float, optional
        Step of a discrete model; None means continuous.
    structure : Structure, optional
        What algorithms may rely on without looking at A: `LowerCumulative`, `TridiagonalInverse`,
        `BlockDiagonal`, or `Dense`, the default. The promise is checked here.

    origin : Origin, optional
        Continuous system that a discrete one was stepped from, as `gbt` and its special cases file it.
        The promise is checked here.
    measure : Measure, optional
        What the states mean, as the builders of HiPPO systems file it: `memorize`, `project` and
        `reconstruct` go by it. The promise is checked here.

    Attributes
    ----------
    order : int
        Number of states, n.

    Raises
    ------
    TypeError
        Something that is not an array, or arrays of two libraries or devices.
    ValueError
        Shapes that do not fit, values that are not finite, `dt` not positive, a `D` without a `C`, or a
        structure, a measure or an origin that A and B do not have.

    Notes
    -----
    The discrete recurrence has no lag: :math:`y_k` sees :math:`u_k`, as in S4 [1]_. SciPy's and MATLAB's
    :math:`x_{k+1} = A x_k + B u_k` delays the input by one sample. Arrays of mixed precision are promoted to
    the wider one.

    Host constants follow the data: a model built on NumPy goes to the library and device of the signal it
    meets. The reverse, a model on a device and a signal on the host, is a TypeError.

    References
    ----------
    .. [1] Gu, Goel & Re (2022), Efficiently Modeling Long Sequences with Structured State Spaces, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.StateSpace(np.array([[-1.0]]), np.array([1.0]), C=np.array([2.0]))
    StateSpace(order=1, continuous, dense, outputs=1, float64)
    """

    A: Array
    B: Array
    C: Array | None = None
    D: Any = 0.0
    dt: float | None = None
    structure: Structure = DENSE
    origin: Origin | None = None
    measure: Measure | None = None

    def __post_init__(self) -> None:
        A, B, C = _check_matrices(self.A, self.B, self.C)
        fields = {"A": A, "B": B, "C": C, "D": _check_direct_term(self.D, C)}
        fields["dt"] = None if self.dt is None else check_step(self.dt)
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        _check_structure(self)
        _check_measure(self)
        _check_origin(self)

    @property
    def order(self) -> int:
        """Number of states."""
        return int(self.B.shape[0])

    def with_output(self, C: Array, D: Any = 0.0) -> StateSpace:
        """Return this model with the output ``y = C x + D u``.

        Parameters
        ----------
        C : array, shape (n,) or (p, n)
            Output vector, or one row per output. If it lives on another library or device than a model
            built on NumPy, the model follows it.
        D : array, shape () or (p,), or float
            Direct term.

        Returns
        -------
        StateSpace

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import statespace as ss
        >>> ss.legs(3).with_output(np.ones((2, 3)))
        StateSpace(order=3, continuous, legs, lower-cumulative, outputs=2, float64)
        """
        C = check_array("C", C)
        precision = getattr(array_namespace(C), str(self.A.dtype).rpartition(".")[2])
        return replace(follow(replace(self, C=None, D=0.0), C, "C", dtype=precision), C=C, D=D)

    def __repr__(self) -> str:
        time = "continuous" if self.dt is None else f"dt={self.dt:g}"
        outputs = "" if self.C is None else f", outputs={1 if self.C.ndim == 1 else self.C.shape[0]}"
        dtype = str(self.A.dtype).rpartition(".")[2]
        kind = self.structure.name
        if self.measure is not None:
            kind = f"{self.measure}, {kind}"
        return f"StateSpace(order={self.order}, {time}, {kind}{outputs}, {dtype})"


def _check_matrices(A: Array, B: Array, C: Array | None) -> tuple[Array, Array, Array | None]:
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


def _check_direct_term(D: Any, C: Array | None) -> Any:
    """Return D as an array with one value per output, or 0.0 where there is no output."""
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


def _check_structure(system: StateSpace) -> None:
    structure = system.structure
    if not isinstance(structure, Structure):
        raise TypeError(
            f"structure must be a Structure, such as statespace.LowerCumulative; got {structure!r}: leave it "
            "out for a dense system"
        )
    if isinstance(structure, Dense):
        if structure.A is not system.A:
            object.__setattr__(system, "structure", Dense(system.A))
        return
    if structure.order != system.order:
        raise ValueError(f"structure must have order {system.order} like A; got {structure.order}")
    _compare(system.A, structure.entries(), "A", f"structure {structure.name!r}", "leave structure out")


def _check_measure(system: StateSpace) -> None:
    if system.measure is None:
        return
    if not isinstance(system.measure, Measure):
        raise TypeError(f"measure must come from a builder; got {type(system.measure).__name__}")
    if system.dt is not None:
        raise ValueError(f"measure belongs to continuous systems; got dt={system.dt}")
    for name, expected in zip("AB", system.measure.matrices(system.order), strict=True):
        given = f"measure {str(system.measure)!r}"
        remedy = f"build it with statespace.{system.measure.name}, or pass measure=None"
        _compare(getattr(system, name), expected, name, given, remedy, slack=system.measure.slack)


def _compare(array: Array, expected: Any, name: str, what: str, remedy: str, *, slack: float = 1.0) -> None:
    """Refuse entries that are not those expected, up to the rounding of a few roots and quotients.

    `slack` is how much more than that of the largest entry the rounding may be.
    """
    xp, wanted = array_namespace(array), asarray_like(expected, array)
    eps = float(xp.finfo(array.dtype).eps)
    tolerance = 16.0 * eps * xp.abs(wanted) + slack * eps * float(xp.max(xp.abs(wanted)))
    if not bool(xp.all(xp.abs(array - wanted) <= tolerance)):
        raise ValueError(f"{name} does not have {what}: {remedy}")


def _check_origin(system: StateSpace) -> None:
    """Compare A and B with the step of the origin, on one vector of the state space: O(n^2)."""
    if system.origin is None:
        return
    source, alpha, dt = system.origin.system, system.origin.alpha, system.dt
    if dt is None or source.order != system.order:
        raise ValueError("origin belongs to a discrete system of the same order: pass origin=None")
    xp = array_namespace(system.A, source.A, names=["A", "origin.system.A"])
    dtype = source.A.dtype
    A, B = xp.astype(system.A, dtype, copy=False), xp.astype(system.B, dtype, copy=False)
    probe = xp.cos(xp.arange(system.order, dtype=dtype, device=compat.device(A)))
    stepped = xp.stack([A @ probe, B], axis=1)
    with quiet():
        moved = source.A @ probe
        rates = xp.abs(source.A) @ xp.abs(stepped)
        residual = stepped - (alpha * dt) * (source.A @ stepped)
        residual = residual - xp.stack([probe + ((1.0 - alpha) * dt) * moved, dt * source.B], axis=1)
        # Backward stability: the step was found to a few n eps of the terms that its equation sums.
        terms = 1.0 + dt * (rates + (xp.abs(source.A) @ xp.abs(probe) + xp.abs(source.B))[:, None])
        scale = float(xp.max(terms + xp.abs(stepped)))
        error = float(xp.max(xp.abs(residual)))
    if not error <= 64.0 * system.order * float(xp.finfo(dtype).eps) * scale:
        raise ValueError("A and B are not the step of the origin: pass origin=None, or step it with gbt")


def check_step(dt: Any) -> float:
    """Return a step as a Python float, or refuse it."""
    if isinstance(dt, bool) or not isinstance(dt, float | int | np.floating | np.integer):
        raise TypeError(f"dt must be a number; got {type(dt).__name__}")
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be positive and finite; got {dt}")
    return float(dt)


def follow(system: StateSpace, like: Array, name: str, *, dtype: Any = None) -> StateSpace:
    """Send a system to the library and device of the data `like`, in its precision (or in `dtype`).

    Only constants on the host may move: a device array beside host data is refused, not copied.
    """
    on_host = compat.is_numpy_array(system.A)
    if not on_host:
        same_kind(name, like, "system.A", system.A)
    dtype = real_dtype(like) if dtype is None else dtype
    xp = compat.array_namespace(like)
    if compat.array_namespace(system.A) is xp and system.A.dtype == dtype:
        return system
    fields = ("A", "B") if system.C is None else ("A", "B", "C", "D")
    send = partial(asarray_like, like=like, dtype=dtype) if on_host else partial(xp.astype, dtype=dtype)
    origin = system.origin
    if origin is not None:
        origin = replace(origin, system=follow(origin.system, like, name, dtype=dtype))
    # What overflows the narrower precision is refused by name, not by a NumPy warning.
    with quiet():
        return replace(system, origin=origin, **{field: send(getattr(system, field)) for field in fields})


def require_continuous(system: StateSpace, caller: str) -> None:
    """Refuse what is not a continuous system."""
    if not isinstance(system, StateSpace):
        raise TypeError(f"{caller} takes a StateSpace; got {type(system).__name__}")
    if system.dt is not None:
        raise ValueError(f"{caller} takes a continuous system; got one with dt={system.dt}")


def require_measure(system: StateSpace, caller: str) -> Measure:
    """Return the measure of a continuous system, or refuse one whose states have no known meaning."""
    require_continuous(system, caller)
    if system.measure is None:
        raise ValueError(
            f"{caller} needs a system whose states have a meaning, a measure; this one has none: build it "
            "with statespace.legs, legt, lagt, ... (any other system is run by statespace.simulate)"
        )
    return system.measure


def require_discrete(system: StateSpace, caller: str) -> None:
    """Refuse what is not a discrete system."""
    if not isinstance(system, StateSpace):
        raise TypeError(f"{caller} takes a StateSpace; got {type(system).__name__}")
    if system.dt is None:
        raise ValueError(
            f"{caller} takes a discrete system; this one is continuous: discretise it first, "
            "statespace.bilinear(system, dt)"
        )


def require_output(system: StateSpace, caller: str) -> None:
    """Refuse what is not a discrete system with an output."""
    require_discrete(system, caller)
    if system.C is None:
        raise ValueError(f"{caller} needs an output; this system has no C: use system.with_output(C)")
