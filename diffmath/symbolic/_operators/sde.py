"""A stochastic differential equation as formulas: its noise structure, calculi and array form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, get_args

import sympy

from diffmath._arrays.models import SDE as ArraySDE
from diffmath._arrays.models import Calculus, Noise
from diffmath.symbolic._exact import differentiate, exact, is_zero
from diffmath.symbolic._lowering import lower
from diffmath.symbolic._operators.affine import affine_parts
from diffmath.symbolic._operators.sde_arguments import (
    check_diffusion,
    check_drift,
    check_symbols,
    refuse_same_names,
)

__all__ = ["SDE"]


@dataclass(frozen=True, repr=False)
class SDE:
    r"""A stochastic differential equation :math:`dX = f(t, X)\,dt + g(t, X)\,dW` in SymPy.

    Parameters
    ----------
    state : sequence of Symbol, length dim
        State variables. They are taken as real, whatever their assumptions.
    time : Symbol
        The time.
    drift : sequence of expressions, length dim
        f. Numbers are exact: a float means its shortest decimal, 0.7 is 7/10.
    diffusion : nested sequence of expressions, shape (dim, noise_dim)
        g. Column l belongs to the l-th Brownian motion.
    calculus : {"ito", "stratonovich"}
        Definition of the integral with respect to dW.

    Raises
    ------
    TypeError
        A state or time that is not a Symbol; an entry that is not a formula (text is not evaluated).
    ValueError
        Wrong shapes, repeated symbols, an unknown calculus, or a symbol with the name of a state or of the
        time but other assumptions, which SymPy treats as a different variable.

    Notes
    -----
    Other symbols are parameters. All derivations keep them; `lower` needs numbers for them (`subs`).

    References
    ----------
    .. [1] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations,
       sections 4.8 and 4.9.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> x, t, mu, s = sympy.symbols("x t mu s")
    >>> stock = symbolic.SDE(state=[x], time=t, drift=[mu * x], diffusion=[[s * x]])
    >>> stock
    SDE(dx = mu*x dt + s*x dW1, ito)
    >>> stock.noise, stock.to_stratonovich().drift
    ('diagonal', (mu*x - s**2*x/2,))
    """

    state: tuple[sympy.Symbol, ...]
    time: sympy.Symbol
    drift: tuple[sympy.Expr, ...]
    diffusion: tuple[tuple[sympy.Expr, ...], ...]
    calculus: Calculus = "ito"

    # Any sequences (lists, SymPy matrices) come in; tuples of exact expressions are kept.
    def __init__(
        self, state: Any, time: sympy.Symbol, drift: Any, diffusion: Any, calculus: Calculus = "ito"
    ) -> None:
        if calculus not in get_args(Calculus):
            raise ValueError(f"calculus must be one of {get_args(Calculus)}; got {calculus!r}")
        variables = check_symbols(state, time)
        entries = check_drift(drift, len(variables))
        rows = check_diffusion(diffusion, len(variables))
        refuse_same_names((*variables, time), (*entries, *(entry for row in rows for entry in row)))
        fields = {"state": variables, "time": time, "drift": entries, "diffusion": rows, "calculus": calculus}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        lines = []
        for variable, f, row in zip(self.state, self.drift, self.diffusion, strict=True):
            parts = [f"{_factor(f)} dt"] if f != 0 else []
            parts += [f"{_factor(g)} dW{l + 1}" for l, g in enumerate(row) if g != 0]
            lines.append(f"d{variable} = {' + '.join(parts) or 0}")
        return f"SDE({'; '.join(lines)}, {self.calculus})"

    @property
    def dim(self) -> int:
        """Number of state variables."""
        return len(self.state)

    @property
    def noise_dim(self) -> int:
        """Number of Brownian motions."""
        return len(self.diffusion[0])

    @property
    def parameters(self) -> tuple[sympy.Symbol, ...]:
        """Symbols that are neither state nor time, by name."""
        free = sympy.Tuple(*self.drift, *map(sympy.Tuple, *self.diffusion)).free_symbols
        return tuple(sorted(free - {*self.state, self.time}, key=str))

    def subs(self, values: Mapping[sympy.Symbol, Any]) -> SDE:
        """Return the equation with numbers or formulas instead of parameters.

        Examples
        --------
        >>> import sympy
        >>> from diffmath import symbolic
        >>> x, t, a = sympy.symbols("x t a")
        >>> symbolic.SDE(state=[x], time=t, drift=[-a * x], diffusion=[[1]]).subs({a: 2})
        SDE(dx = -2*x dt + 1 dW1, ito)
        """
        unknown = [str(symbol) for symbol in values if symbol not in self.parameters]
        if unknown:
            raise ValueError(
                f"subs replaces parameters ({', '.join(map(str, self.parameters)) or 'there are none'}); "
                f"got {', '.join(unknown)}"
            )
        table = {symbol: exact(value, str(symbol)) for symbol, value in values.items()}
        return replace(
            self,
            drift=tuple(f.subs(table, simultaneous=True) for f in self.drift),
            diffusion=tuple(tuple(g.subs(table, simultaneous=True) for g in row) for row in self.diffusion),
        )

    def derivative(self, formula: sympy.Expr, k: int) -> sympy.Expr:
        """Differentiate a formula with respect to state k. All states are real: Abs(x) gives sign(x)."""
        return differentiate(formula, self.state[k], self.state)

    @property
    def noise(self) -> Noise:
        """The proven noise structure, as in `diffmath.sde.SDE`.

        The first that holds of `additive` (a matrix of any shape that does not depend on the state),
        `diagonal` (square and diagonal, entry i depends on x_i only), `scalar` (one column), `commutative`
        (see `is_commutative`) and `general`.
        """
        if all(
            is_zero(self.derivative(g, k)) for row in self.diffusion for g in row for k in range(self.dim)
        ):
            return "additive"
        others = [(i, k) for i in range(self.dim) for k in range(self.dim) if i != k]
        if self._is_diagonal_matrix() and all(
            is_zero(self.derivative(self.diffusion[i][i], k)) for i, k in others
        ):
            return "diagonal"
        if self.noise_dim == 1:
            return "scalar"
        return "commutative" if self.is_commutative else "general"

    @property
    def is_commutative(self) -> bool:
        r"""Whether the noise vector fields commute, so that strong order 1 needs no Levy areas.

        .. math:: \sum_l g_{lj}\,\partial_l g_{ik} = \sum_l g_{lk}\,\partial_l g_{ij} \quad\forall\, i, j, k

        False if SymPy finds no proof ([1]_, section 10.3).
        """
        for j, k in combinations(range(self.noise_dim), 2):
            for row in self.diffusion:
                difference = self._along(j, row[k]) - self._along(k, row[j])
                if not is_zero(difference):
                    return False
        return True

    def affine_coefficients(self) -> list[tuple[sympy.ImmutableMatrix, sympy.ImmutableMatrix]]:
        r"""Return matrix and constant of the drift and of every column of the diffusion, each a column.

        .. math:: f = A x + a, \qquad g_j = B_j x + b_j

        Raises
        ------
        ValueError
            An entry that is not proven to be linear in the state and free of the time; the message names it.

        Examples
        --------
        >>> import sympy
        >>> from diffmath import symbolic
        >>> x, t = sympy.symbols("x t")
        >>> stock = symbolic.SDE(state=[x], time=t, drift=[x / 3 + 1], diffusion=[[x / 5]])
        >>> stock.affine_coefficients()
        [(Matrix([[1/3]]), Matrix([[1]])), (Matrix([[1/5]]), Matrix([[0]]))]
        """
        entries = [("drift", self.drift), *(("diffusion", g) for g in zip(*self.diffusion, strict=True))]
        return [affine_parts(role, formulas, self.state, self.time) for role, formulas in entries]

    def to_ito(self) -> SDE:
        r"""Return the Ito equation with the same solution.

        .. math:: f_i^{I} = f_i^{S} + \tfrac12 \sum_{j,k} g_{kj}\,\partial_k g_{ij}

        Examples
        --------
        >>> import sympy
        >>> from diffmath import symbolic
        >>> x, t = sympy.symbols("x t")
        >>> growth = symbolic.SDE(state=[x], time=t, drift=[0], diffusion=[[x]], calculus="stratonovich")
        >>> growth.to_ito()
        SDE(dx = x/2 dt + x dW1, ito)
        """
        return self if self.calculus == "ito" else self._shifted(1, "ito")

    def to_stratonovich(self) -> SDE:
        """Return the Stratonovich equation with the same solution: the inverse of `to_ito`."""
        return self if self.calculus == "stratonovich" else self._shifted(-1, "stratonovich")

    def lower(self) -> ArraySDE:
        """Return the equation as callables on arrays, with exact derivatives.

        Returns
        -------
        diffmath.sde.SDE
            ``drift(t, x)``, ``diffusion(t, x)``, ``drift_jacobian(t, x)`` of shape (batch, dim, dim), and
            ``diffusion_derivative(t, x)``. The diffusion has shape (batch, dim) for elementwise noise, which
            is diagonal noise, scalar noise, and additive noise with a diagonal matrix. Otherwise it has shape
            (batch, dim, noise_dim). Its derivative is dg_i/dx_i, (batch, dim), for elementwise noise.
            Otherwise it is dg/dx_k with k on a last axis, and it is omitted for an additive matrix.

        Raises
        ------
        TypeError
            A function without an array form.
        ValueError
            Parameters without numbers.

        Notes
        -----
        The derivatives of |x|, sign, Min, Max, Piecewise and step functions hold almost everywhere. They have
        no delta functions; at a kink they have the value of one side or the mean of both. If an outer
        derivative is infinite, the chain rule gives nan, as for sqrt(Max(x, 0)) at all x < 0. A Piecewise
        avoids this, because its cases are differentiated separately.

        Examples
        --------
        >>> import numpy as np, sympy
        >>> from diffmath import symbolic
        >>> x, t = sympy.symbols("x t")
        >>> well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[0.7]]).lower()
        >>> well, well.drift_jacobian(0.0, np.array([[2.0]]))
        (SDE(noise='additive', calculus='ito'), array([[[-11.]]]))
        """
        noise, factor, derivative = self.noise, sympy.Matrix(self.diffusion), None
        matrix = noise in ("additive", "commutative", "general")
        if noise in ("additive", "diagonal") and self._is_diagonal_matrix():
            matrix, factor = False, factor.diagonal()
            derivative = lower([self._slope(g, i) for i, g in enumerate(factor)], self.state, self.time)
        elif noise != "additive":
            slopes = sympy.Matrix([[self._slope(g, k) for k in range(self.dim)] for g in factor])
            shape = (self.dim, self.noise_dim, self.dim) if matrix else (self.dim, self.dim)
            derivative = replace(lower(slopes, self.state, self.time), shape=shape)
        jacobian = sympy.Matrix([[self._slope(f, k) for k in range(self.dim)] for f in self.drift])
        return ArraySDE(
            drift=lower(self.drift, self.state, self.time),
            diffusion=lower(factor if matrix else list(factor), self.state, self.time),
            noise=noise,
            calculus=self.calculus,
            noise_dim=self.noise_dim if matrix else None,
            drift_jacobian=lower(jacobian, self.state, self.time),
            diffusion_derivative=derivative,
        )

    def _slope(self, formula: sympy.Expr, k: int) -> sympy.Expr:
        """Return the derivative almost everywhere, without the delta functions of jumps."""
        return self.derivative(formula, k).replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)

    def _along(self, j: int, formula: sympy.Expr) -> sympy.Expr:
        """Differentiate along the j-th noise vector field, sum_l g_lj d_l."""
        return sympy.Add(*(self.diffusion[l][j] * self.derivative(formula, l) for l in range(self.dim)))

    def _shifted(self, sign: int, calculus: Calculus) -> SDE:
        drift = []
        for f, row in zip(self.drift, self.diffusion, strict=True):
            correction = sympy.Add(*(self._along(j, g) for j, g in enumerate(row)))
            drift.append(f + sympy.expand(sympy.Rational(sign, 2) * correction))
        return replace(self, drift=tuple(drift), calculus=calculus)

    def _is_diagonal_matrix(self) -> bool:
        return self.dim == self.noise_dim and all(
            is_zero(self.diffusion[i][j]) for i in range(self.dim) for j in range(self.dim) if i != j
        )


def _factor(formula: sympy.Expr) -> str:
    return f"({formula})" if formula.is_Add else str(formula)
