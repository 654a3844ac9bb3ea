r"""The adaptive solver of the reverse SDE by Jolicoeur-Martineau et al.: Euler-Maruyama within Heun.

.. math:: k_1 = b(x, t)\,\Delta + g(t)\,\Delta W, \quad k_2 = b(x + k_1, t')\,\Delta + g(t')\,\Delta W, \qquad
   x' = x + \tfrac12(k_1 + k_2), \quad \mathrm{error} = \tfrac12(k_2 - k_1)

with :math:`b = f x - g^2\nabla\log p_t` and :math:`\Delta = t' - t < 0`. Source: Jolicoeur-Martineau et al.
(2021), arXiv:2105.14080, algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.tracing import refuse_traced
from diffmath._core.solution import Solution
from diffmath._core.typing import Array, Score
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._special.unrolled import decreasing_times, needed_key
from diffmath.random import Key, fold_in
from diffmath.sde import SDE, Trial, solve_adaptive

__all__ = ["gotta_go_fast"]


def gotta_go_fast(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    *,
    key: Key | None = None,
    rtol: float = 1e-2,
    atol: float = 1e-2,
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve the reverse SDE with steps that every row chooses, on one Brownian path per row.

    .. math:: dx = \big(f x - g^2\,\nabla\log p_t(x)\big)\,dt + g\,dW \quad\text{(backwards in time)}

    Parameters
    ----------
    process, model, x_T, progress, with_gradient, on_failure
        As in `sample`.
    times : sequence of float
        Decreasing host times at which to save, where alpha > 0 and sigma > 0: the model is also evaluated at
        the last.
    key : Key
        Required (domain "diffusion.sample").
    rtol, atol : float
        Tolerances of a step, whose error is :math:`\mathrm{rms}(\tfrac12(k_2 - k_1) / (\mathrm{atol}
        + \mathrm{rtol}\,|x|))`, in each row.
    max_steps : int
        Largest number of trial steps of a row.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, \*state); `stats` and `row_status` as in `sde.solve_adaptive`.

    Raises
    ------
    TypeError
        As for `sample`; no `key`; a state that JAX traces.
    ValueError
        As for `sample`; increasing times, or an end of the times where f, g or the score is infinite.
    SolveError
        As for `sde.solve_adaptive`: the work is spent, a step is too small, or a value is not finite.

    Notes
    -----
    Two evaluations a trial step; strong order 1, weak order 2 for equal steps. The published algorithm draws
    new noise after a rejection, which makes small noise more likely. Here a rejected step is halved on the
    same path (`sde.solve_adaptive`), so that rejections do not bias the samples. Rows are independent. The
    model gets `t` as a float and some of the rows at a time.

    References
    ----------
    .. [1] Jolicoeur-Martineau et al. (2021), Gotta go fast when generating data with score-based models,
       arXiv:2105.14080.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> key = random.key(0)
    >>> x = process.sample_prior(key, (500, 1), like=np.empty(0))
    >>> found = diffusion.gotta_go_fast(process, target.score(process), x, [1.0, 0.001], key=key)
    >>> bool(abs(found.x[-1].mean() - 1.0) < 0.1), bool(abs(found.x[-1].std() - 0.5) < 0.1)
    (True, True)
    """
    model = as_model(model, process)
    x = check_array("x_T", x_T, min_ndim=2)
    refuse_traced("x_T", "adaptive steps depend on numbers", "use diffusion.sample", x)
    key = needed_key("gotta_go_fast", key)
    grid = decreasing_times("gotta_go_fast", process, times)
    _check_ends(process, grid)

    def drift(t: float, x: Array) -> Array:
        f, g2 = process.coefficients(t)
        return array_namespace(x).astype(f * x - g2 * model.score(x, t), x.dtype, copy=False)

    with keeping_gradients(x, with_gradient):
        return solve_adaptive(
            SDE(drift, lambda t, x: math.sqrt(process.coefficients(t)[1]), noise="additive"), x, grid,
            method=_HEUN, key=fold_in(key, "diffusion.sample"), rtol=rtol, atol=atol, max_steps=max_steps,
            progress=progress, on_failure=on_failure,
        )  # fmt: skip


def _check_ends(process: Process, grid: list[float]) -> None:
    for t in (grid[0], grid[-1]):
        if process.marginal(t)[1] == 0 or not all(map(math.isfinite, process.coefficients(t))):
            raise ValueError(
                f"times must lie where sigma > 0 and f, g are finite (alpha > 0); they are not at t={t:g}: "
                f"start below t_max={process.t_max:g}, and end at t_min={process.t_min:g}"
            )


class _HeunStep:
    """Heun's step with Euler-Maruyama's as a stage, and their difference, as a method of `sde`."""

    name = "gotta_go_fast"
    orders: ClassVar = {"additive": (1.0, 2.0)}
    evaluations = 2
    has_estimate = True

    def attempt(
        self, model: SDE, state: None, t: float, x: Array, dt: float, dW: Array, *, estimate: bool = True
    ) -> Trial:
        """Try a step on an increment of the path."""
        first = dt * model.drift(t, x) + model.diffusion(t, x) * dW
        moved = x + first
        second = dt * model.drift(t + dt, moved) + model.diffusion(t + dt, moved) * dW
        error = 0.5 * (second - first)
        return Trial(moved + error, error)


_HEUN: Any = _HeunStep()
