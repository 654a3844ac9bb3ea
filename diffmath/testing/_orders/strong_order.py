"""`assert_strong_order`: the strong order of an SDE method, measured on shared Brownian paths."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.html import html_report
from diffmath._core.numbers import check_number
from diffmath.sde import Method
from diffmath.testing._orders.order_table import order_rows, order_table
from diffmath.testing._orders.shared_runs import squared_errors
from diffmath.testing._problems import SDEProblem

__all__ = ["StrongOrder", "assert_strong_order", "measure_strong_order"]

Matrix = npt.NDArray[np.float64]

# The order is a regression over the last halvings: the first ones may not yet be asymptotic.
_HALVINGS_USED = 4

# An error below this many units of round-off, times the root of the number of steps, is not significant.
_ROUND_OFF = 200.0


@dataclass(frozen=True)
class StrongOrder:
    r"""A measured strong order, with the errors that it was measured on.

    Parameters
    ----------
    steps : tuple of int
        Numbers of steps, each twice the last.
    errors : tuple of float
        Root mean square, over the paths, of the Euclidean distance to the solution at the last time.
    order : float
        Slope of the errors over the last four halvings, by least squares; infinite for errors at round-off.
    uncertainty : float
        Standard error of the order from the finite number of paths (ten batches).

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import geometric_sde, measure_strong_order
    >>> found = measure_strong_order(sde.milstein, geometric_sde(), paths=200)
    >>> print(found)
     steps      error  order
    ...
    >>> found.order > 0.85
    True
    """

    steps: tuple[int, ...]
    errors: tuple[float, ...]
    order: float
    uncertainty: float

    def __str__(self) -> str:
        table = order_table(self.steps, self.errors)
        return "\n".join([table, f"order {self.order:.3f} +- {self.uncertainty:.3f}"])

    def _repr_html_(self) -> str:
        title = f"StrongOrder: {self.order:.3f} +- {self.uncertainty:.3f}"
        return html_report(title, [("steps", "error"), *order_rows(self.steps, self.errors)])


def measure_strong_order(
    method: Method,
    problem: SDEProblem,
    *,
    paths: int = 1000,
    steps: int = 16,
    halvings: int = 5,
    key: random.Key | None = None,
) -> StrongOrder:
    r"""Measure the strong order of an SDE method on shared Brownian paths.

    .. math:: \bigl(\mathrm E\,\lVert X_h(T) - X(T) \rVert^2\bigr)^{1/2} \sim C h^p

    Parameters
    ----------
    method : Method
        Driven by Brownian increments, or by `sde.levy_increments`.
    problem : SDEProblem
        The problem to solve. With `exact`, errors are distances to the exact solution on the same path.
        Without, they are distances to the run with half the step, which shows the order of convergence but
        not whether the limit is correct.
    paths : int
        Number of Brownian paths, at least 20.
    steps : int
        Number of steps of the coarsest run.
    halvings : int
        How often the step is halved, at least 4.
    key : Key, optional
        Key of the paths; by default always the same paths.

    Returns
    -------
    StrongOrder
        Prints as a table.

    Raises
    ------
    TypeError, ValueError
        An invalid argument, a noise class or calculus that the method does not accept, or a method with its
        own kind of noise (weak methods).

    Notes
    -----
    One path is drawn on the finest grid, with ``steps * 2**(halvings + 1)`` steps; coarser runs use Chen's
    combination of its (W, H, K, A). For a given key the result is the same on every machine, up to rounding.

    References
    ----------
    .. [1] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, section 9.3.

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import linear_sde, measure_strong_order
    >>> print(measure_strong_order(sde.euler_maruyama, linear_sde(), paths=100))
     steps      error  order
    ...
    """
    _check_kinds(method, problem)
    method.check(problem.model)
    sizes = {"paths": (paths, 20), "steps": (steps, 1), "halvings": (halvings, 4)}
    for name, (value, least) in sizes.items():
        check_count(name, value, least)
    counts = [steps * 2**k for k in range(halvings + 1)]
    squares = squared_errors(method, problem, counts, paths, random.key(0) if key is None else key)
    errors = [float(np.sqrt(row.mean())) for row in squares]
    size = 1.0 + float(np.abs(np.asarray(problem.x0)).max(initial=0.0))
    floor = _ROUND_OFF * np.finfo(np.float64).eps * size * np.sqrt(counts)
    order, uncertainty = _slope(squares, floor)
    return StrongOrder(tuple(counts), tuple(errors), order, uncertainty)


def assert_strong_order(
    method: Method,
    problem: SDEProblem,
    *,
    order: float | None = None,
    tolerance: float = 0.15,
    two_sided: bool = False,
    paths: int = 1000,
    steps: int = 16,
    halvings: int = 5,
    key: random.Key | None = None,
) -> None:
    r"""Assert that an SDE method converges along paths with the order that it claims.

    .. math:: \bigl(\mathrm E\,\lVert X_h(T) - X(T) \rVert^2\bigr)^{1/2} \sim C h^p

    Parameters
    ----------
    method : Method
        Any method object; a weak method is refused, since its noise is not a path.
    problem : SDEProblem
        The problem to solve: one of `geometric_sde`, `linear_sde`, `logistic_sde`, `curved_sde`,
        `heisenberg_sde`, or your own.
    order : float, optional
        The claimed order; by default that of ``method.orders`` for the noise of the problem.
    tolerance : float
        The measured order may fall short of `order` by this much.
    two_sided : bool
        Also refuse a higher order.
    paths, steps, halvings, key
        As in `measure_strong_order`.

    Raises
    ------
    AssertionError
        The order is lower, or the error is not finite: the message has the table of errors.
    TypeError, ValueError
        An invalid argument; no order to test.

    Notes
    -----
    *False positives.* For a given key the outcome is always the same. Over 50 keys, with the default sizes,
    Milstein and Euler-Maruyama on the problems of this package measured orders with standard deviations of at
    most 0.011 around means within 0.06 of the order, none below it by more than 0.02: the tolerance is 0.15.

    *Power.* A method whose order is 1/2 less than claimed is refused on a problem that contains the term in
    which it is wrong: `linear_sde` for time-dependent additive noise, `logistic_sde` for a curved drift,
    `curved_sde` for everything else with commutative noise, `heisenberg_sde` for Levy areas.
    tests/sde/test_claims.py measures every method of `diffmath.sde` for every noise class and calculus that
    it accepts.

    References
    ----------
    .. [1] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, section 9.3.

    Examples
    --------
    >>> from diffmath import sde
    >>> from diffmath.testing import assert_strong_order, curved_sde
    >>> assert_strong_order(sde.milstein, curved_sde())
    >>> assert_strong_order(sde.euler_maruyama, curved_sde(), order=1)
    Traceback (most recent call last):
        ...
    AssertionError: euler_maruyama has the measured strong order 0.5..., below the claimed 1 (...) on SDE...
     steps      error  order
    ...
    """
    _check_kinds(method, problem)
    check_flag("two_sided", two_sided)
    claimed = _claim(method, problem) if order is None else order
    for name, value in (("order", claimed), ("tolerance", tolerance)):
        check_number(name, value)
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie in (0, 1); got {tolerance}")
    found = measure_strong_order(method, problem, paths=paths, steps=steps, halvings=halvings, key=key)
    if not math.isfinite(found.errors[-1]):
        wrong = f"an error that is not finite with the smallest step: order {claimed:g} is refuted"
    elif found.order < claimed - tolerance:
        wrong = f"the measured strong order {found.order:.2f}, below the claimed {claimed:g} ({tolerance=})"
    elif two_sided and found.order > claimed + tolerance:
        wrong = f"the measured strong order {found.order:.2f}, above the claimed {claimed:g} ({tolerance=})"
    else:
        return
    raise AssertionError(f"{method.name} has {wrong} on {problem!r}\n{found}")


def _check_kinds(method: Method, problem: SDEProblem) -> None:
    if not isinstance(method, Method):
        raise TypeError(f"method must be a method object such as sde.milstein; got {type(method).__name__}")
    if not isinstance(problem, SDEProblem):
        raise TypeError(f"problem must be an SDEProblem; got {type(problem).__name__}")


def _claim(method: Method, problem: SDEProblem) -> float:
    claimed = method.orders.get(problem.model.noise, (None, None))[0]
    if claimed is None:
        raise ValueError(f"order must be given: {method.name} claims none for {problem.model.noise} noise")
    return claimed


def _slope(squares: Matrix, floor: Matrix) -> tuple[float, float]:
    """Return the order and its standard error."""
    recent, level = squares[-_HALVINGS_USED - 1 :], floor[-_HALVINGS_USED - 1 :]
    means = recent.mean(axis=1)
    visible = np.isfinite(means) & (means > level**2)
    if visible.sum() < 3:
        return math.inf if np.isfinite(means[-1]) else -math.inf, 0.0
    # The paths in ten batches: leaving out one at a time gives the standard error (the jackknife).
    batches = np.stack([part.sum(axis=1) for part in np.array_split(recent[visible], 10, axis=1)])
    x = -np.arange(int(visible.sum()))
    left_out = [np.polyfit(x, 0.5 * np.log2(batches.sum(axis=0) - part), 1)[0] for part in batches]
    order = float(np.polyfit(x, 0.5 * np.log2(batches.sum(axis=0)), 1)[0])
    return order, float(np.sqrt(0.9 * ((np.array(left_out) - np.mean(left_out)) ** 2).sum()))
