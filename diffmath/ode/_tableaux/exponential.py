"""Tableaux of exponential Runge-Kutta methods, with proven classical and stiff orders.

Source: Hochbruck & Ostermann (2010), Exponential integrators, Acta Numer. 19, 209-286, section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from diffmath._core.counts import check_count
from diffmath.ode._tableaux.algebraic import exact_row
from diffmath.symbolic import PhiSum, exponential_conditions, phi, stiff_order_conditions

__all__ = ["ExponentialTableau"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ExponentialTableau:
    r"""The coefficients of an exponential Runge-Kutta method, proven to have the orders they claim.

    .. math:: U_i &= e^{c_i h L} x + h \sum_{j<i} a_{ij}(hL)\, N(t + c_j h, U_j) \\
              x_{n+1} &= e^{h L} x + h \sum_i b_i(hL)\, N(t + c_i h, U_i), \qquad
              e = h \sum_i b^{\mathrm{error}}_i(hL)\, N(t + c_i h, U_i)

    Parameters
    ----------
    name : str
        Name of the method in messages.
    a : sequence of rows, shape (stages, stages)
        `diffmath.symbolic.PhiSum` (from `diffmath.symbolic.phi`) or 0; strictly lower triangular, row i may
        stop after its first i entries.
    b : sequence, shape (stages,)
        Weights, in the same form.
    c : sequence, shape (stages,)
        Nodes, exact; row i of `a` must sum to :math:`c_i \varphi_1(c_i z)`.
    order : int
        Classical order, for a nonstiff linear part. The conditions of all trees up to this order are checked.
    stiff_order : int
        Order that holds for any stiffness of L: all conditions below this order are checked, and those of
        this order with b at z = 0, which suffices for parabolic problems.
    b_error : sequence, shape (stages,), optional
        Weights of the error estimate: `b` minus the embedded weights. Makes the method adaptive.
    embedded_order : int, optional
        Classical order of the embedded weights; required with `b_error`. Their stiff order must be the lower
        of it and `stiff_order`.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A coefficient that is neither a PhiSum nor 0, or a node that is a float.
    ValueError
        Shapes do not fit, a row has the wrong sum, or an order condition fails; the message names the first.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, 1069-1090, theorem 4.7.

    Examples
    --------
    >>> from diffmath import ode
    >>> from diffmath.symbolic import phi
    >>> half = phi(1, "1/2") / 2
    >>> ode.ExponentialTableau(
    ...     name="midpoint", a=[[], [half]], b=[0, phi(1)], c=[0, "1/2"], order=2, stiff_order=1
    ... )
    ExponentialTableau(midpoint, order 2, stiff order 1, 2 stages)
    >>> ode.ExponentialTableau(
    ...     name="midpoint", a=[[], [half]], b=[0, phi(1)], c=[0, "1/2"], order=2, stiff_order=3
    ... )
    Traceback (most recent call last):
        ...
    ValueError: midpoint claims stiff order 3, but the condition b.c = phi2 fails
    """

    name: str
    a: Sequence[Sequence[Any]]
    b: Sequence[Any]
    c: Sequence[Any]
    order: int
    stiff_order: int
    b_error: Sequence[Any] | None = None
    embedded_order: int | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        check_count("order", self.order)
        check_count("stiff_order", self.stiff_order)
        b, c = _row("b", self.b), exact_row("c", self.c)
        if len(c) != len(b) or not b:
            raise ValueError(f"{self.name}: b and c must have one length; got {len(b)} and {len(c)}")
        object.__setattr__(self, "a", self._square(len(b)))
        object.__setattr__(self, "b", b)
        object.__setattr__(self, "c", c)
        for i, (row, node) in enumerate(zip(self.a, c, strict=True)):
            wanted = node * phi(1, node) if node else 0
            if not _vanishes(sum(row, start=0) - wanted):
                raise ValueError(f"{self.name}: a[{i}] must sum to {wanted!r}; got {sum(row, start=0)!r}")
        self._prove(self.name, b, self.order, self.stiff_order)
        self._check_embedded()

    def _square(self, stages: int) -> tuple[tuple[Any, ...], ...]:
        rows = [_row(f"a[{i}]", row) for i, row in enumerate(self.a)]
        if len(rows) != stages or any(not i <= len(row) <= stages for i, row in enumerate(rows)):
            lengths = [len(row) for row in rows]
            raise ValueError(
                f"{self.name}: a must have {stages} rows like b, row i with i to {stages} entries; got rows "
                f"of lengths {lengths}"
            )
        for i, row in enumerate(rows):
            if any(row[i:]):
                raise ValueError(f"{self.name}: a must be strictly lower triangular; a[{i}] is not")
        return tuple(row + (0,) * (stages - len(row)) for row in rows)

    def _prove(self, claimant: str, b: Sequence[Any], order: int, stiff_order: int) -> None:
        for tree, residual in exponential_conditions(self.a, b, self.c, order):
            if residual:
                raise ValueError(
                    f"{claimant} claims order {order}, but the condition of the tree {tree} fails: residual "
                    f"{residual}"
                )
        for condition, holds in stiff_order_conditions(self.a, b, self.c, stiff_order, weak=True):
            if not holds:
                raise ValueError(
                    f"{claimant} claims stiff order {stiff_order}, but the condition {condition} fails"
                )

    def _check_embedded(self) -> None:
        if (self.b_error is None) != (self.embedded_order is None):
            raise ValueError(f"{self.name}: give b_error and embedded_order together, or neither")
        if self.b_error is None or self.embedded_order is None:
            return
        error, order = _row("b_error", self.b_error), check_count("embedded_order", self.embedded_order)
        if len(error) != self.stages:
            raise ValueError(f"{self.name}: b_error must have {self.stages} entries; got {len(error)}")
        if all(_vanishes(weight) for weight in error):
            raise ValueError(f"{self.name}: b_error is zero and so estimates nothing; leave it out")
        object.__setattr__(self, "b_error", error)
        self._prove(f"the embedded {self.name}", self.b_embedded, order, min(order, self.stiff_order))

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.b)

    @property
    def b_embedded(self) -> tuple[Any, ...]:
        """Weights of the embedded solution, ``b - b_error``; empty without an estimate."""
        return tuple(b - error for b, error in zip(self.b, self.b_error or (), strict=False))

    @cached_property
    def continuation(self) -> tuple[tuple[float, ...], ...]:
        r"""Weights inside a step, w of :math:`b_i(\theta) = \sum_k w_{ik} \theta^k \varphi_k(\theta z)`.

        The weights `b`, if they contain only phi-functions of z: then they are integrals of a polynomial,
        which is also valid inside the step. Empty otherwise.
        """
        terms = [value.terms if value else {} for value in self.b]
        keys = {key for row in terms for key in row}
        if any(k < 1 or scale != 1 for k, scale in keys):
            return ()
        degree = max(k for k, _ in keys)
        return tuple(
            tuple(float(row.get((k, Fraction(1)), 0)) for k in range(1, degree + 1)) for row in terms
        )

    @cached_property
    def dense_order(self) -> int:
        """Classical order inside a step, proven: 0 if the weights have no continuation (see `continuation`).

        A step that ends at theta has a separate tableau. Its conditions times theta^(order - 1) are
        polynomials in theta of a degree below order + degree, so they are checked at this many values of
        theta.
        """
        found = 0
        while self.continuation and found < self.order:
            places = found + 1 + len(self.continuation[0])
            conditions = [
                residual
                for k in range(1, places + 1)
                for _, residual in exponential_conditions(*self._ending_at(Fraction(k, places)), found + 1)
            ]
            if any(conditions):
                break
            found += 1
        return found

    def _ending_at(self, theta: Fraction) -> tuple[Any, Any, Any]:
        """Return a, b, c of the method whose step is theta times as long, in units of that step."""
        a = [[_stretched(value, theta) for value in row] for row in self.a]
        b = [
            PhiSum({key: q * theta ** (key[0] - 1) for key, q in value.terms.items()}) if value else 0
            for value in self.b
        ]
        return a, b, [c / theta for c in self.c]

    def nfe(self, steps: int) -> int:
        """Evaluations of the nonlinear part in `steps` plain steps."""
        return check_count("steps", steps, 0) * max(i + 1 for i, weight in enumerate(self.b) if weight)

    def report(self) -> str:
        """Return all conditions, one per line: classical ones with residual, stiff ones with how they hold.

        Examples
        --------
        >>> from diffmath import ode
        >>> print(ode.etdrk2.tableau.report())
        etdrk2, order 2
          N      residual 0
          N(Lu)  residual 0
          N(N)   residual 0
          LN     residual 0
        etdrk2, stiff order 2
          sum(b) = phi1  holds
          b.c = phi2     holds
        etdrk2, embedded order 1
          N  residual 0
        """
        text = [f"{self.name}, order {self.order}", *self._classical(self.b, self.order)]
        conditions = stiff_order_conditions(self.a, self.b, self.c, self.stiff_order)
        width = max(len(str(condition)) for condition, _ in conditions)
        text += [f"{self.name}, stiff order {self.stiff_order}"]
        text += [f"  {c!s:{width}}  holds{'' if strong else ' weakly'}" for c, strong in conditions]
        if self.embedded_order is not None:
            text.append(f"{self.name}, embedded order {self.embedded_order}")
            text += self._classical(self.b_embedded, self.embedded_order)
        return "\n".join(text)

    def _classical(self, b: Sequence[Any], order: int) -> list[str]:
        conditions = exponential_conditions(self.a, b, self.c, order)
        width = max(len(tree) for tree, _ in conditions)
        return [f"  {tree:{width}}  residual {residual}" for tree, residual in conditions]

    def __repr__(self) -> str:
        embedded = "" if self.embedded_order is None else f"({self.embedded_order})"
        stages = f"{self.stages} stage{'s' * (self.stages > 1)}"
        orders = f"order {self.order}{embedded}, stiff order {self.stiff_order}"
        return f"ExponentialTableau({self.name}, {orders}, {stages})"


def _row(name: str, row: Any) -> tuple[Any, ...]:
    for value in row:
        if not isinstance(value, PhiSum) and (isinstance(value, bool) or value != 0):
            raise TypeError(
                f"{name} must hold sums of phi-functions or 0; got {value!r}: write symbolic.phi(1)"
            )
    return tuple(row)


def _vanishes(value: Any) -> bool:
    return not isinstance(value, PhiSum) or not any(value.function.values())


def _stretched(value: Any, theta: Fraction) -> Any:
    """Return a coefficient as a function of theta z, divided by theta."""
    if not value:
        return 0
    return PhiSum({(k, scale / theta): q / theta for (k, scale), q in value.terms.items()})
