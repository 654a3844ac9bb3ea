"""States between the saved ones, with the roughness of the path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath.sde._brownian import BrownianPath
from diffmath.sde._loop.run_noise import along
from diffmath.sde._loop.steps import first_state, take_step
from diffmath.sde._methods import Inside, Method, as_method
from diffmath.sde._model import noise_shape, prepare

__all__ = ["interpolate"]


def interpolate(
    model: SDE | Any,
    solution: Solution,
    times: npt.ArrayLike,
    *,
    method: Method | str,
    path: BrownianPath,
    parameters: Any = None,
    args: tuple[Any, ...] = (),
) -> Array:
    r"""Return states between the saved states of a solution, along a Brownian path.

    With :math:`\Phi` a step of the method from :math:`x_n`, the last saved state before t, and
    :math:`\theta = (t - t_n) / (t_{n+1} - t_n)`,

    .. math:: x(t) = \Phi(t_n \to t) + \theta \left( x_{n+1} - \Phi(t_n \to t_{n+1}) \right).

    Parameters
    ----------
    model : SDE or symbolic.SDE
        The equation that was solved.
    solution : Solution
        Saved states, shape (times, batch, \*state), as from `solve` or `solve_adaptive`.
    times : array_like, shape (n,)
        Strictly monotone host times within those of the solution.
    method : Method or str
        The step between saved states, usually the method of the solve.
    path : BrownianPath
        Of shape (batch, noise_dim). *The path of the solve*, ``solve(..., path=path)``, continues the
        solution. After ``solve(..., times=linspace(t0, t1, N + 1), key=key)`` with a method that needs H, K
        or A, this is ``BrownianPath(key, (batch, noise_dim), t0, t1, like=x0, steps=N)``. *Any other path*
        draws states conditional on the saved ones, for any saved states.
    parameters, args
        Those of the solve.

    Returns
    -------
    array, shape (n, batch, \*state)
        At a saved time exactly the saved state.

    Raises
    ------
    TypeError, ValueError
        Times outside the solution; a path that does not fit, as in `solve`.

    Notes
    -----
    On the path of the solve, without substeps, the correction vanishes, and x(t) has the strong order of the
    method at all t. On another path, with additive noise, x(t) is the line between the saved states plus a
    Brownian bridge times g: exact in law for a constant drift; for an Ornstein-Uhlenbeck process of rate k
    the relative error of the conditional variance is at most :math:`(kh)^2/12`. For comparison, linear
    interpolation has the variance of the mean of the ends, which for a Brownian motion is too small by h/4 in
    the middle of a step, for any step.

    References
    ----------
    .. [1] Kloeden & Platen (1992), section 10.6 (interpolation), and Karatzas & Shreve (1991), section 5.6.B.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    >>> x0, key = np.ones((1000, 1)), dm.random.key(0)
    >>> path = sde.BrownianPath(key, (1000, 1), 0.0, 1.0, like=x0)
    >>> solution = sde.solve(ou, x0, np.linspace(0, 1, 11), method=sde.euler_maruyama, path=path)
    >>> sde.interpolate(ou, solution, [0.12, 0.5], method=sde.euler_maruyama, path=path).shape
    (2, 1000, 1)
    """
    at = host_times(times, min_length=1)
    if not isinstance(solution, Solution):
        raise TypeError(f"solution must be a Solution, as of sde.solve; got {type(solution).__name__}")
    saved, xp = solution.t, array_namespace(solution.x)
    if len(saved) < 2:
        raise ValueError(f"solution must hold at least 2 times; got {len(saved)}")
    direction = 1.0 if saved[-1] > saved[0] else -1.0
    outside = at[(direction * at < direction * saved[0]) | (direction * at > direction * saved[-1])]
    if outside.size:
        raise ValueError(
            f"times must lie between the saved ones, {saved[0]:.17g} and {saved[-1]:.17g}; got "
            f"{outside[0]:.17g}"
        )
    method = as_method(method)
    if not isinstance(path, BrownianPath):
        raise TypeError(f"path must be a BrownianPath; got {type(path).__name__}")
    prepared = prepare(model, solution.x[0, ...], parameters, args)
    model = prepared.model
    method.check(model)
    shape = noise_shape(model, float(saved[0]), prepared.x)
    flat = replace(solution, x=xp.reshape(solution.x, (len(saved), *prepared.x.shape)))

    def noise(s: float, t: float) -> Any:
        (found,) = along(path, np.array([s, t]), method, shape, prepared.x)
        return found

    between = _Between(model, method, flat, direction, noise)
    return prepared.shaped(xp.stack([between(float(t)) for t in at]))


class _Between:
    """The state at a time: the step from the last saved state, up to there, and the line to the next one."""

    def __init__(
        self,
        model: SDE,
        method: Method,
        solution: Solution,
        direction: float,
        noise: Callable[[float, float], Any],
    ) -> None:
        self._model, self._method, self._solution = model, method, solution
        self._direction, self._noise = direction, noise

    def __call__(self, t: float) -> Array:
        saved, direction = self._solution.t, self._direction
        n = int(np.searchsorted(direction * saved, direction * t, side="right")) - 1
        before, start = self._solution.x[n, ...], float(saved[n])
        if t == start:
            return before
        end = float(saved[n + 1])
        whole, inside = self._step(before, start, end)
        defect = self._solution.x[n + 1, ...] - whole
        return inside(t - start, self._noise(start, t)) + ((t - start) / (end - start)) * defect

    def _step(self, x: Array, start: float, end: float) -> tuple[Array, Inside]:
        """Return the state after a step, and a function for that inside the step."""
        model, method = self._model, self._method
        state = first_state(model, x, start, method)
        trial = take_step(model, state, x, start, end - start, method, self._noise(start, end))
        if trial.dense is not None:
            return trial.x, trial.dense()
        return trial.x, lambda dt, noise: take_step(model, state, x, start, dt, method, noise).x
