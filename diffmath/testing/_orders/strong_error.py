"""The distance of two solutions path by path, which is meaningful only on the same Brownian motion."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.namespace import to_numpy
from diffmath._core.solution import Solution

__all__ = ["strong_error"]


def strong_error(solution: Solution, reference: Solution) -> float:
    r"""Return the root mean square distance of two solutions at their last time, path by path.

    .. math:: \Bigl(\frac1n \sum_{i=1}^n \lVert x_i(T) - y_i(T) \rVert^2\Bigr)^{1/2}

    Parameters
    ----------
    solution, reference : Solution
        From `sde.solve` or `sde.solve_adaptive`, on one Brownian motion, with equal batches and last times.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        Not a solution of `sde`.
    ValueError
        Solutions on different Brownian motions or on weak noise, which is not a path; solutions of different
        shapes or last times, or that failed.

    Notes
    -----
    A key by itself gives different motions for methods that need only W and for methods that need H, K or A,
    and for step counts with different odd factors. Pass the same ``path=BrownianPath(...)`` to both solves.

    References
    ----------
    .. [1] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, section 9.3.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> from diffmath.testing import strong_error
    >>> model, x0 = sde.SDE(lambda t, x: -x, lambda t, x: 0.5 * x), np.ones((100, 1))
    >>> path = sde.BrownianPath(dm.random.key(0), (100, 1), 0.0, 1.0, like=x0)
    >>> rough, fine = (
    ...     sde.solve(model, x0, np.linspace(0, 1, steps + 1), method=method, path=path)
    ...     for method, steps in ((sde.euler_maruyama, 20), (sde.sriw1, 100))
    ... )
    >>> 0.005 < strong_error(rough, fine) < 0.05
    True
    """
    motions = [_motion(name, of) for name, of in (("solution", solution), ("reference", reference))]
    if motions[0] != motions[1]:
        raise ValueError(
            f"solution and reference must run on one Brownian motion; got {motions[0]!r} and {motions[1]!r}: "
            "pass one path=BrownianPath(...) to both solves"
        )
    if not (solution.success and reference.success):
        raise ValueError(f"solutions must be complete; got {solution.status!r} and {reference.status!r}")
    if solution.t[-1] != reference.t[-1] or solution.x.shape[1:] != reference.x.shape[1:]:
        raise ValueError(
            f"solutions must have equal batches and last times; got {tuple(solution.x.shape[1:])} at "
            f"t={solution.t[-1]} and {tuple(reference.x.shape[1:])} at t={reference.t[-1]}"
        )
    last = (np.asarray(to_numpy(of.x[-1, ...]), dtype=np.float64) for of in (solution, reference))
    distance = next(last) - next(last)
    return float(np.sqrt((distance**2).reshape(len(distance), -1).sum(axis=1).mean()))


def _motion(name: str, solution: Any) -> str:
    if not isinstance(solution, Solution) or "motion" not in solution.stats:
        raise TypeError(f"{name} must be a Solution of sde.solve or sde.solve_adaptive; got {solution!r}")
    motion = str(solution.stats["motion"])
    if "no path" in motion:
        raise ValueError(f"{name} must follow a Brownian path; it has {motion}: compare moments instead")
    return motion
