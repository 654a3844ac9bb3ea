r"""`assert_weak_order`: the order of expectations, measured exactly, without sampling and without error bars.

On an affine SDE a step is an affine map of the state, with random coefficients that are polynomials in the
driving variables. The moments of the numerical solution therefore satisfy a linear recursion, whose matrix is
an expectation over one step: a finite sum for discrete variables, an exact Gauss-Hermite rule for Gaussian
ones. On a periodic SDE, all expectations of smooth functions do: see `PeriodicSDE`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._core.counts import check_count
from diffmath._core.html import html_report
from diffmath.sde import Method
from diffmath.testing._orders.order_table import order_rows, order_table
from diffmath.testing._problems import AffineSDE, PeriodicSDE, outcomes_of

__all__ = ["WeakOrder", "assert_weak_order", "measure_weak_order"]

Matrix = npt.NDArray[np.float64]

# Gauss-Hermite nodes for W, H and K: exact to degree 13 in each.
_NODES = (7, 7, 7)

# If the resolution of a periodic problem is coarser than the error of a method, its order cannot be measured.
_RESOLVED = 1e-9

# Number of outcomes whose tensor powers are summed at a time.
_CHUNK = 2000


@dataclass(frozen=True)
class WeakOrder:
    r"""A measured weak order, with the errors that it was measured on.

    Parameters
    ----------
    steps : tuple of int
        Numbers of steps, each twice the last.
    errors : tuple of float
        Largest error of a moment, or of the expectation of an observable, at the last time.
    order : float
        Slope of the last halving whose errors are above round-off and above the resolution of a periodic
        problem; infinite if there is none.

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import affine_sde, measure_weak_order
    >>> print(measure_weak_order(sde.euler_maruyama, affine_sde("diagonal")))
     steps      error  order
         4   5.59e-02
         8   2.75e-02   1.02
    ...
    """

    steps: tuple[int, ...]
    errors: tuple[float, ...]
    order: float

    def __str__(self) -> str:
        return order_table(self.steps, self.errors)

    def _repr_html_(self) -> str:
        rows = [("steps", "error"), *order_rows(self.steps, self.errors)]
        return html_report(f"WeakOrder: {self.order:.3f}", rows)


def measure_weak_order(
    method: Method,
    problem: AffineSDE | PeriodicSDE,
    *,
    degree: int = 2,
    steps: int = 4,
    halvings: int = 5,
    time: float = 1.0,
) -> WeakOrder:
    r"""Measure the weak order of an SDE method on an affine or a periodic SDE, without sampling.

    .. math:: \max_{\phi} \bigl| \mathrm E\,\phi(X_h(T)) - \mathrm E\,\phi(X(T)) \bigr| \sim C h^p

    Parameters
    ----------
    method : Method
        Driven by Brownian increments, by `sde.levy_increments`, or by `sde.weak_increments`.
    problem : AffineSDE or PeriodicSDE
        The problem to solve. Affine: phi are all moments up to `degree`. Periodic: the coefficients are
        curved, and phi are the observables of the problem.
    degree : int
        Moments of an affine SDE up to this degree. At most 3 for methods with Levy areas A, whose law is
        matched to this degree.
    steps, halvings : int
        Number of steps of the coarsest run, and how many times it is doubled, at least 4.
    time : float
        The last time T.

    Returns
    -------
    WeakOrder
        Prints as a table.

    Raises
    ------
    TypeError, ValueError
        An invalid argument, a noise class or calculus that the method does not accept, a method with a
        state of its own (`sde.reversible_heun`), or a periodic problem with too few
        modes to resolve the errors of the method.

    Notes
    -----
    *Affine*: exact up to rounding. Gaussian variables are integrated by a product of Gauss-Hermite rules with
    7 nodes each, which is exact if `degree` times the degree of the step in these variables is at most 13.
    Given W and H, an area A has the correct mean and variance, which is sufficient for moments up to degree 3
    and steps that are linear in A.

    *Periodic*: exact up to the error of the retained frequencies, which is measured, and of the Gauss-Hermite
    rules, whose error is of order 3 in the step (5 nodes for W, 4 for H and K). Affine equations do not test
    second derivatives of the coefficients; periodic equations do.

    Coefficients do not depend on time. Whether a method evaluates them at the correct times is tested by the
    strong orders of `assert_strong_order`.

    References
    ----------
    .. [1] Kloeden & Platen (1992), section 9.7 and chapter 14.

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import affine_sde, measure_weak_order
    >>> round(measure_weak_order(sde.dri1, affine_sde("general")).order, 1)
    2.0
    >>> from diffmath.testing import periodic_sde
    >>> round(measure_weak_order(sde.dri1, periodic_sde("diagonal")).order, 1)
    2.0
    """
    if not isinstance(method, Method):
        raise TypeError(f"method must be a method object such as sde.dri1; got {type(method).__name__}")
    if not isinstance(problem, AffineSDE | PeriodicSDE):
        raise TypeError(f"problem must be an AffineSDE or a PeriodicSDE; got {type(problem).__name__}")
    for name, value, least in (("degree", degree, 1), ("steps", steps, 1), ("halvings", halvings, 4)):
        check_count(name, value, least)
    model = problem.model if isinstance(problem, PeriodicSDE) else problem.model()
    method.check(model)
    _check_stateless(method, model, problem)
    counts = [steps * 2**k for k in range(halvings + 1)]
    if isinstance(problem, PeriodicSDE):
        exact, unresolved = problem.expectations(time), problem.resolution(time)
        errors = [float(np.abs(problem.simulated(method, time, n) - exact).max()) for n in counts]
        if math.isfinite(errors[1]) and unresolved >= max(_RESOLVED, errors[1]):
            raise ValueError(
                f"problem must resolve the errors of the method; {problem!r} resolves {unresolved:.1e}, and "
                f"{counts[1]} steps err by {errors[1]:.1e}: use more modes"
            )
    else:
        exact, unresolved = problem.moments(time, degree), 0.0
        errors = [_error(method, problem, model, time / n, n, degree, exact) for n in counts]
    return WeakOrder(tuple(counts), tuple(errors), _slope(errors, exact, counts, unresolved))


def assert_weak_order(
    method: Method,
    problem: AffineSDE | PeriodicSDE,
    *,
    order: float | None = None,
    tolerance: float = 0.15,
    **sizes: Any,
) -> None:
    r"""Assert that the expectations of an SDE method converge with the order that it claims.

    Parameters
    ----------
    method, problem
        As for `measure_weak_order`.
    order : float, optional
        The claimed order; by default that of ``method.orders`` for the noise of the problem.
    tolerance : float
        The measured order may fall short of `order` by this much.
    **sizes
        `degree`, `steps`, `halvings`, `time` of `measure_weak_order`.

    Raises
    ------
    AssertionError
        The order is lower: the message has the table of errors.
    TypeError, ValueError
        An invalid argument; no order to test.

    Notes
    -----
    Nothing is random: the outcome is always the same. False positives are possible only through errors that
    are not yet asymptotic.

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import affine_sde, assert_weak_order
    >>> assert_weak_order(sde.platen_weak2, affine_sde("general"))
    >>> assert_weak_order(sde.euler_maruyama, affine_sde("general"), order=2)
    Traceback (most recent call last):
        ...
    AssertionError: euler_maruyama has the measured weak order 1.0..., below the claimed 2 ...
     steps      error  order
    ...
    """
    found = measure_weak_order(method, problem, **sizes)
    claimed = method.orders[problem.noise][1] if order is None else order
    if claimed is None:
        raise ValueError(f"order must be given: {method.name} claims none for {problem.noise} noise")
    if not found.order >= claimed - tolerance:
        raise AssertionError(
            f"{method.name} has the measured weak order {found.order:.2f}, below the claimed {claimed:g} "
            f"({tolerance=}) on {problem!r}\n{found}"
        )


def _error(
    method: Method, problem: AffineSDE, model: Any, dt: float, count: int, degree: int, exact: Matrix
) -> float:
    law = outcomes_of(method, len(problem.matrices) - 1, dt, _NODES)
    weights, outcomes = law.weights, len(law.weights)
    maps = _step_maps(method, model, problem, dt, law.noise(), outcomes)
    propagator = np.zeros((len(exact),) * 2)
    for low in range(0, outcomes, _CHUNK):
        part = slice(low, low + _CHUNK)
        power = maps[part]
        for _ in range(degree - 1):
            power = np.einsum("oab,ocd->oacbd", power, maps[part])
            power = power.reshape(len(power), power.shape[1] * power.shape[2], -1)
        propagator += np.einsum("o,oab->ab", weights[part], power)
    start = np.concatenate([[1.0], problem.x0])
    z = start
    for _ in range(degree - 1):
        z = np.kron(z, start)
    return float(np.abs(np.linalg.matrix_power(propagator, count) @ z - exact).max())


def _check_stateless(method: Method, model: Any, problem: AffineSDE | PeriodicSDE) -> None:
    """Refuse a method whose steps depend on more than the state of the equation."""
    dim = problem.dim if isinstance(problem, PeriodicSDE) else len(problem.x0)
    # An empty tuple is the plan of a Newton iteration before its first step: it changes no number.
    if method.init(model, 0.0, np.zeros((1, dim))) not in (None, ()):
        raise ValueError(
            f"method must be a function of the state of the equation; {method.name} has a state of its own: "
            "measure the step of both, on an equation that has both"
        )


def _step_maps(
    method: Method, model: Any, problem: AffineSDE, dt: float, noise: Any, outcomes: int
) -> Matrix:
    """Return the matrix of a step in z = (1, x) for every outcome of its noise, from steps at 0 and e_j."""
    dim = len(problem.x0)
    points = np.concatenate([np.zeros((1, dim)), np.eye(dim)])
    with np.errstate(all="ignore"):
        values = [
            np.asarray(method.attempt(model, None, 0.0, x, dt, noise, estimate=False).x)
            for x in (np.repeat(point[None], outcomes, axis=0) for point in points)
        ]
    maps = np.zeros((outcomes, 1 + dim, 1 + dim))
    maps[:, 0, 0], maps[:, 1:, 0] = 1.0, values[0]
    for j in range(dim):
        maps[:, 1:, 1 + j] = values[1 + j] - values[0]
    return maps


def _slope(errors: list[float], exact: Matrix, counts: list[int], unresolved: float) -> float:
    floor = 1e-13 * (1.0 + float(np.abs(exact).max()))
    visible = [k for k in range(1, len(errors)) if errors[k] > unresolved + floor * math.sqrt(counts[k])]
    if not all(map(math.isfinite, errors)):
        return -math.inf
    return math.log2(errors[visible[-1] - 1] / errors[visible[-1]]) if visible else math.inf
