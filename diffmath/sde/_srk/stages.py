"""Building blocks of the stages of stochastic Runge-Kutta methods: weighted sums of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from diffmath._arrays.models import SDE, Calculus
from diffmath._core.typing import Array
from diffmath.sde._methods import Method, Scheme, apply_diffusion
from diffmath.sde._noise import Increment, levy_increments
from diffmath.sde._tableaux import StochasticTableau

__all__ = [
    "TableauStep",
    "add",
    "additive_noise",
    "area",
    "needed",
    "tableau_method",
    "weighted",
]


@dataclass(frozen=True, repr=False)
class TableauStep(Scheme):
    """A step that is defined by its tableau: the common base of the steps of all families."""

    family: ClassVar[type[StochasticTableau]]

    tableau: StochasticTableau

    def __post_init__(self) -> None:
        if not isinstance(self.tableau, self.family):
            raise TypeError(f"tableau must be of type sde.{self.family.__name__}; got {self.tableau!r}")

    @property
    def has_estimate(self) -> bool:
        """Whether the tableau has an embedded method, with which `attempt` estimates the error."""
        return self.tableau.has_estimate

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tableau.name})"


def weighted(weights: Sequence[float], values: Sequence[Array | None]) -> Array | None:
    """Return the sum of weights times values, None if all weights are zero: zero weights cost nothing."""
    total = None
    for weight, value in zip(weights, values, strict=False):
        if weight != 0.0 and value is not None:
            term = value if weight == 1.0 else weight * value
            total = term if total is None else total + term
    return total


def needed(*rows: Sequence[float]) -> tuple[bool, ...]:
    """Return for every stage whether any of these rows of weights uses it."""
    return tuple(any(column) for column in zip(*rows, strict=True))


def add(x: Array, dt: float, slope: Array | None, g: Array | None, noise: Array) -> Array:
    """Return x + dt slope + g noise, without terms that are None."""
    moved = x if slope is None else x + dt * slope
    return moved if g is None else moved + apply_diffusion(g, noise)


def area(noise: Any) -> Array:
    """Return the space-time Levy area of an increment, or raise an error that says how to get it."""
    if not isinstance(noise, Increment) or noise.H is None:
        raise TypeError(
            f"the noise must be an Increment with H; got {noise!r}: set increments=levy_increments('H')"
        )
    return noise.H


def additive_noise(
    model: SDE, t: float, x: Array, dt: float, noise: Increment, c: Mapping[str, Any]
) -> tuple[list[Array | None], Array]:
    """Return g at the time of every used stage, each node once, and I_10 / h."""
    H = area(noise)
    used = needed(*c["B0"], c["beta1"], c["beta2"])
    nodes = {node for node, is_used in zip(c["c1"], used, strict=True) if is_used}
    g = {node: model.diffusion(t + node * dt, x) for node in nodes}
    return [g.get(node) for node in c["c1"]], 0.5 * noise.W + H


def tableau_method(
    step: type[TableauStep],
    name: str,
    orders: Mapping[str, tuple[float | None, float | None]],
    *,
    deterministic_order: int,
    reference: str,
    tolerance: str = "0",
    calculi: tuple[Calculus, ...] = ("ito",),
    increments: Any = None,
    order: str | Fraction | None = None,
    **coefficients: Any,
) -> Method:
    """Return the method with these coefficients: prove the tableau, count evaluations, choose the noise."""
    tableau = step.family(
        name=name,
        coefficients=coefficients,
        deterministic_order=deterministic_order,
        tolerance=tolerance,
        reference=reference,
        order=order,
    )
    return Method(
        name=name,
        step=step(tableau),
        orders=orders,
        calculi=calculi,
        reference=reference,
        evaluations=_drift_evaluations(tableau),
        increments=increments or levy_increments("H"),
    )


def _drift_evaluations(tableau: StochasticTableau) -> int:
    """Count the stages at which the drift is used, except those at the state itself."""
    c = tableau.floats
    used = needed(*c["A0"], *c.get("A1", ()), c["alpha"])
    rows = zip(*(c[name] for name in ("A0", "B0", "BW", "BH") if name in c), strict=True)
    moved = [any(map(any, row)) for row in rows]
    still = any(u and not m for u, m in zip(used, moved, strict=True))
    return still + sum(u and m for u, m in zip(used, moved, strict=True))
