"""The state-space model as data: four arrays, a step, a structure, a measure and an origin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, real_dtype, same_kind
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.statespace._structure import DENSE, Dense, Measure, Structure, ignore_overflow
from diffmath.statespace._system.checks import (
    check_direct_term,
    check_matrices,
    check_measure,
    check_origin,
    check_structure,
)

__all__ = [
    "Origin",
    "StateSpace",
    "check_can_move",
    "check_step",
    "require_continuous",
    "require_discrete",
    "require_measure",
    "require_output",
    "sample_length",
    "system_like",
]


@dataclass(frozen=True, eq=False)
class Origin:
    """The origin of a discrete system: the continuous system, and the alpha of its generalised bilinear step.

    Algorithms use the resolvent of the continuous system. `StateSpace` checks that the step is right.
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
        Output vector, or one row per output. A model without C has states only.
    D : array, shape () or (p,), or float
        Direct term from input to output.
    dt : float, optional
        Step of a discrete model; None means continuous.
    structure : Structure, optional
        Structure of A that fast algorithms use: `LowerCumulative`, `TridiagonalInverse`, `BlockDiagonal`, or
        `Dense`, the default. A is checked against it.
    origin : Origin, optional
        Continuous system of a discrete one; `gbt` and its special cases set it. A and B are checked against
        it.
    measure : Measure, optional
        Meaning of the states, which `memorize`, `project` and `reconstruct` use; the builders of HiPPO
        systems set it. A and B are checked against it.

    Attributes
    ----------
    order : int
        Number of states, n.

    Raises
    ------
    TypeError
        A value that is not an array, or arrays of two libraries or devices.
    ValueError
        Shapes that do not fit, values that are not finite, a `dt` that is not positive, a `D` without a `C`,
        or a structure, a measure or an origin that A and B do not have.

    Notes
    -----
    The discrete recurrence has no lag: :math:`y_k` depends on :math:`u_k`, as in S4 [1]_. The convention of
    SciPy and MATLAB, :math:`x_{k+1} = A x_k + B u_k`, delays the input by one sample. Arrays of mixed
    precision are promoted to the wider one.

    A model built on NumPy is sent to the library and device of the signal it is used with. A model on a
    device with a signal on the host is a TypeError.

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
        A, B, C = check_matrices(self.A, self.B, self.C)
        fields = {"A": A, "B": B, "C": C, "D": check_direct_term(self.D, C)}
        fields["dt"] = None if self.dt is None else check_step(self.dt)
        fields["structure"] = check_structure(self.structure, A)
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        check_measure(self.measure, A, B, self.dt)
        if self.origin is not None:
            source = self.origin.system
            check_origin(A, B, (source.A, source.B), self.origin.alpha, self.dt)

    @property
    def order(self) -> int:
        """Number of states."""
        return int(self.B.shape[0])

    def with_output(self, C: Array, D: Any = 0.0) -> StateSpace:
        """Return this model with the output ``y = C x + D u``.

        Parameters
        ----------
        C : array, shape (n,) or (p, n)
            Output vector, or one row per output. The model is converted to its precision. A model built on
            NumPy is sent to its library and device.
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
        return replace(system_like(replace(self, C=None, D=0.0), C, "C"), C=C, D=D)

    def __repr__(self) -> str:
        time = "continuous" if self.dt is None else f"dt={self.dt:g}"
        outputs = "" if self.C is None else f", outputs={1 if self.C.ndim == 1 else self.C.shape[0]}"
        dtype = str(self.A.dtype).rpartition(".")[2]
        kind = self.structure.name
        if self.measure is not None:
            kind = f"{self.measure}, {kind}"
        return f"StateSpace(order={self.order}, {time}, {kind}{outputs}, {dtype})"


def check_step(dt: Any) -> float:
    """Return a step as a Python float, or refuse it."""
    number = check_number("dt", dt)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"dt must be positive and finite; got {dt}")
    return number


def sample_length(measure: Measure, dt: float | None) -> float:
    """Return the length of a sample, by default 1; refuse one if the measure has no unit of time."""
    if dt is None:
        return 1.0
    if measure.clock == "scaled":
        raise ValueError(
            f"dt must be left out for {measure}, which scales with the history and has no unit of time; got "
            f"dt={dt!r}: a window of fixed length is statespace.legt or fout"
        )
    return check_step(dt)


def system_like(system: StateSpace, like: Array, name: str, *, dtype: Any = None) -> StateSpace:
    """Convert a system to the library and device of the data `like`, in its precision (or in `dtype`).

    Only host constants are sent; a system on a device with data on the host is refused. In a wider precision,
    a measure or a structure gives the exact entries, and a discrete system loses its origin, because its
    matrices are rounded.
    """
    check_can_move(system, like, name)
    dtype = real_dtype(like) if dtype is None else dtype
    xp = compat.array_namespace(like)
    if compat.array_namespace(system.A) is xp and system.A.dtype == dtype:
        return system
    names = ("A", "B") if system.C is None else ("A", "B", "C", "D")
    fields, origin = {field: getattr(system, field) for field in names}, system.origin
    if dtype == xp.float64 and real_dtype(system.A) != array_namespace(system.A).float64:
        fields, origin = fields | _exact_entries(system), None
    if origin is not None:
        origin = replace(origin, system=system_like(origin.system, like, name, dtype=dtype))
    # StateSpace refuses an overflow of the narrower precision by name.
    with ignore_overflow():
        sent = {field: _send(value, like, dtype) for field, value in fields.items()}
        return replace(system, origin=origin, **sent)


def _send(value: Any, like: Array, dtype: Any) -> Array:
    if compat.is_numpy_array(value):
        return asarray_like(value, like, dtype)
    return compat.array_namespace(like).astype(value, dtype)


def _exact_entries(system: StateSpace) -> dict[str, Any]:
    """Return A and B in float64 on the host, if a measure or a structure defines them."""
    if system.measure is not None:
        return dict(zip("AB", system.measure.matrices(system.order), strict=True))
    return {} if isinstance(system.structure, Dense) else {"A": system.structure.entries()}


def check_can_move(system: StateSpace, like: Array, name: str) -> bool:
    """Refuse a system that cannot be sent to the data `like`; return whether it is on the host."""
    on_host = bool(compat.is_numpy_array(system.A))
    if not on_host:
        same_kind(name, like, "system.A", system.A)
    return on_host


def require_continuous(system: StateSpace, caller: str) -> None:
    """Refuse anything other than a continuous system."""
    if not isinstance(system, StateSpace):
        raise TypeError(f"{caller} takes a StateSpace; got {type(system).__name__}")
    if system.dt is not None:
        raise ValueError(f"{caller} takes a continuous system; got one with dt={system.dt}")


def require_measure(system: StateSpace, caller: str) -> Measure:
    """Return the measure of a continuous system, or refuse a system without one."""
    require_continuous(system, caller)
    if system.measure is None:
        raise ValueError(
            f"{caller} needs a system with a measure, which gives its states a meaning; this one has none: "
            "build it with statespace.legs, legt, lagt, ... (any other system is run by statespace.simulate)"
        )
    return system.measure


def require_discrete(system: StateSpace, caller: str) -> None:
    """Refuse anything other than a discrete system."""
    if not isinstance(system, StateSpace):
        raise TypeError(f"{caller} takes a StateSpace; got {type(system).__name__}")
    if system.dt is None:
        raise ValueError(
            f"{caller} takes a discrete system; this one is continuous: discretise it first, "
            "statespace.bilinear(system, dt)"
        )


def require_output(system: StateSpace, caller: str) -> None:
    """Refuse anything other than a discrete system with an output."""
    require_discrete(system, caller)
    if system.C is None:
        raise ValueError(f"{caller} needs an output; this system has no C: use system.with_output(C)")
