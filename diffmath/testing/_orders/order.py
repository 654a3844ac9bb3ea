"""`assert_order`: the order of accuracy of a one-step method, measured against an exact solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from diffmath._core.flags import check_flag
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Drift
from diffmath.testing._orders.floor import measure_floor
from diffmath.testing._problems import ODEProblem

__all__ = ["assert_order"]

Step: TypeAlias = Callable[[Drift, float, Array, float], Array]
Errors: TypeAlias = npt.NDArray[np.float64]

# The solution is compared at this many times: at a single time the leading error may pass through zero.
_CHECKPOINTS = 4

# Errors are used if round-off is less than a tenth of them. Round-off, including that of the exact solution,
# was at most 50 eps sqrt(n) max|x| (extrapolation methods, growing solutions).
_ROUND_OFF = 500.0

# The error of the finest run bounds round-off: it is at most a twentieth of an error this many times larger.
_SPOILT = 20.0

# If the orders over successive halvings differ by less than this, they change linearly in h.
_SMOOTH = 0.5

# Above this order, too few halvings lie between a useful first step and round-off in float64.
_MAX_ORDER = 6


def assert_order(
    step: Step,
    problem: ODEProblem,
    *,
    order: int,
    halvings: int = 5,
    tolerance: float = 0.15,
    two_sided: bool = False,
) -> None:
    r"""Assert that a one-step method has an order of accuracy on a problem with known solution.

    .. math:: \max_k \lVert x_{h}(t_k) - x(t_k) \rVert \sim C h^p

    Parameters
    ----------
    step : callable
        ``step(f, t, x, dt)`` -> the state at ``t + dt``, a new array like `x` of shape (batch, dim).
    problem : ODEProblem
        The problem to solve.
    order : int
        The claimed order p, 1 to 6.
    halvings : int
        How often the step is halved, at least 4.
    tolerance : float
        The measured order may fall short of `order` by this much.
    two_sided : bool
        Also refuse a higher order. Off by default: on a particular problem a method can do better.

    Raises
    ------
    AssertionError
        The order is lower, the error is not finite, or the errors stop falling far above round-off: the
        message shows steps, errors and orders.
    TypeError, ValueError
        An invalid argument.

    Notes
    -----
    The first step is ``(p + 1) / (4 L)`` or less, where L is the Lipschitz constant: there the leading term
    of the error of a method of order p dominates, and the error is well above round-off. The order is the
    mean over the last two halvings whose errors are above round-off (``500 eps sqrt(n) max|x|`` for n steps,
    or 20 times the error of the finest run if less), extrapolated to h = 0 if it rises smoothly. With a
    single halving above round-off, it may be below `order` by 1/2. A method whose error is at round-off from
    the first or second run on passes: its order cannot be measured. Cost: about ``2**(halvings + 1)`` times
    the coarsest run.

    A few short steps, compared with those of `vern7`, measure where the errors of much finer runs would stop
    decreasing. A step with an error larger than its order and 50 eps max|x| explain is refused, for example
    one with single precision inside, or with a wrong term of relative size 1e-6 (detected from order 2 on: at
    order 1 the error of the method hides it).

    In 500 drawn linear problems, none fails a correct method of order 1 to 4, and none passes it for an order
    higher by one. At order 5 round-off leaves few halvings: 1 of 2400 problems measured `dopri5` below 4.85
    (at 4.845), so pass ``tolerance=0.25`` from order 5 on. A step that does not advance t is detected on
    problems whose f depends on t.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, sections II.3 and II.8.

    Examples
    --------
    >>> from diffmath.testing import assert_order, linear_ode
    >>> def euler(f, t, x, dt):
    ...     return x + dt * f(t, x)
    >>> problem = linear_ode(dim=1, seed=0)
    >>> assert_order(euler, problem, order=1)
    >>> assert_order(euler, problem, order=2)
    Traceback (most recent call last):
        ...
    AssertionError: measured order 1.00 is below the claimed 2 (tolerance 0.15) on ODEProblem(...)
     steps      error  order
    ...
    """
    _check_arguments(step, problem, order, halvings, tolerance)
    check_flag("two_sided", two_sided)
    times = np.linspace(*problem.t_span, _CHECKPOINTS + 1)
    exact = [problem.exact(float(t)) for t in times]
    first = (order + 1) / (4 * problem.lipschitz)
    coarsest = max(1, math.ceil(abs(times[-1] - times[0]) / first / _CHECKPOINTS))
    steps = [_CHECKPOINTS * coarsest * 2**k for k in range(halvings + 1)]
    with np.errstate(all="ignore"):  # an unstable step overflows: this is a result, not a warning
        errors = np.asarray([_error(step, problem, exact, n) for n in steps])
    size = max(float(np.abs(x).max(initial=0.0)) for x in exact)
    # The finest run bounds the round-off of this problem, often far below the worst case.
    worst = _ROUND_OFF * np.finfo(np.float64).eps * np.sqrt(steps) * size
    floor = np.minimum(worst, _SPOILT * errors[-1])
    problems = _verdict(errors, floor, order, tolerance, two_sided)
    if not problems and (stops := measure_floor(step, problem, order, first)).is_far_above_rounding:
        problems = f"{stops};"
    if problems:
        raise AssertionError(f"{problems} on {problem!r}\n{_table(steps, errors, floor)}")


def _error(step: Step, problem: ODEProblem, exact: list[Errors], n: int) -> float:
    """Integrate with n steps and return the largest error at the checkpoints."""
    start, stop = problem.t_span
    dt = (stop - start) / n
    x, worst = np.array(problem.x0), 0.0
    for i in range(n):
        x_new = step(problem.f, start + i * dt, x, dt)
        if not isinstance(x_new, np.ndarray):
            raise AssertionError(f"step must return a NumPy array like x; got {type(x_new).__name__}")
        if x_new.shape != problem.x0.shape:
            raise AssertionError(f"step must return shape {problem.x0.shape}; got {x_new.shape}")
        x = x_new
        checkpoint, rest = divmod((i + 1) * _CHECKPOINTS, n)
        if rest == 0:
            distance = np.abs(np.asarray(x) - exact[checkpoint]).max(initial=0.0)
            worst = max(worst, float(distance)) if math.isfinite(distance) else math.inf
    return worst


def _verdict(errors: Errors, floor: Errors, order: int, tolerance: float, two_sided: bool) -> str:
    """Return what is wrong, or an empty text."""
    if not np.isfinite(errors[-1]):
        return f"the error is not finite with the smallest step: order {order} is refuted"
    visible = np.flatnonzero(np.isfinite(errors) & (errors > floor))
    if len(visible) < 2:
        return ""  # exact up to round-off from the first or second run on: nothing to measure
    slopes = -np.diff(np.log2(errors[visible])) / np.diff(visible)
    measured = _limit(slopes)
    slack = tolerance if len(slopes) > 1 else max(tolerance, 0.5)
    if measured < order - slack:
        return f"measured order {measured:.2f} is below the claimed {order} (tolerance {slack})"
    if two_sided and measured > order + slack:
        return f"measured order {measured:.2f} is above the claimed {order} (tolerance {slack})"
    return ""


def _limit(slopes: Errors) -> float:
    """Return the mean of the last two slopes, with two allowances for slopes that rise at the end.

    A smooth rise is p + O(h) and is extrapolated to h = 0. A sudden rise follows an error that was small by
    cancellation, which lowers one slope and raises the one before by the same amount, so all slopes are
    averaged. The slopes of a method that claims too high an order fall at the end, and get no allowance.
    """
    recent = slopes[-2:]
    drift = recent[-1] - recent[0]
    if drift <= 0:
        return float(recent.mean())
    return float(max(recent.mean(), recent[-1] + drift if drift < _SMOOTH else slopes.mean()))


def _table(steps: list[int], errors: Errors, floor: Errors) -> str:
    lines = [" steps      error  order"]
    for k, (n, error) in enumerate(zip(steps, errors, strict=True)):
        comparable = k > 0 and 0 < errors[k] < math.inf and 0 < errors[k - 1] < math.inf
        slope = f"{math.log2(errors[k - 1] / errors[k]):6.2f}" if comparable else "      "
        note = "  (round-off)" if error <= floor[k] else ""
        lines.append(f"{n:6d}  {error:9.2e} {slope}{note}")
    return "\n".join(lines)


def _check_arguments(step: Step, problem: ODEProblem, order: int, halvings: int, tolerance: float) -> None:
    if not callable(step):
        raise TypeError(f"step must be a callable step(f, t, x, dt); got {type(step).__name__}")
    if not isinstance(problem, ODEProblem):
        raise TypeError(f"problem must be an ODEProblem; got {type(problem).__name__}")
    for name, value, least in (("order", order, 1), ("halvings", halvings, 4)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer; got {type(value).__name__}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}")
    if order > _MAX_ORDER:
        raise ValueError(f"order must be at most {_MAX_ORDER}: float64 leaves too few halvings; got {order}")
    check_number("tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie in (0, 1); got {tolerance}")
