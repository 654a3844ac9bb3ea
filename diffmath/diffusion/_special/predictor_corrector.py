r"""Predictor-corrector sampling: Langevin steps at every time, then a step of any method.

.. math:: x \leftarrow x + \epsilon\,s(x, t) + \sqrt{2\epsilon}\,z, \qquad
   \epsilon = 2 (r \sigma_t)^2

Source: Song et al. (2021), arXiv:2011.13456, algorithms 4 and 5, with :math:`\|z\|/\|s\|` for
:math:`\sigma_t`: a size that depends on the state has another stationary law.
"""

from __future__ import annotations

import math
from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace, check_array, expand_like
from diffmath._arrays.tracing import is_tracing
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Score
from diffmath.diffusion._loop import check_times, checked_plan, host_standin, update_noises
from diffmath.diffusion._methods import Method, as_method, take_step
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process, remembering
from diffmath.diffusion._special.unrolled import check_steps, in_kind_of, needed_key, step_noise
from diffmath.random import Key

__all__ = ["predictor_corrector"]


@on_its_device
def predictor_corrector(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    *,
    method: Method | str,
    snr: float = 0.16,
    corrector_steps: int = 1,
    as_published: bool = False,
    key: Key | None = None,
    with_gradient: bool = False,
) -> Array:
    r"""Sample with Langevin steps before each step of a method.

    .. math:: x \leftarrow x + \epsilon\,s(x, t) + \sqrt{2\epsilon}\,z, \qquad
       \epsilon = 2\,(\mathrm{snr}\,\sigma_t)^2

    Parameters
    ----------
    process, model, x_T, with_gradient
        As in `sample`.
    times : sequence of float
        Decreasing host times, where the model determines the score at all but the last.
    method : Method or str
        The predictor: any method. `euler_maruyama` is near to the published choice.
    snr : float
        Size of a Langevin step; 0.16 is the published value for vp and ve.
    corrector_steps : int
        Langevin steps at each time, at least 1.
    as_published : bool
        Take :math:`\|z\| / \|s(x, t)\|`, the norms of each row, for :math:`\sigma_t`.
    key : Key
        Required (domains "diffusion.corrector", and "diffusion.sample" for a stochastic predictor).

    Returns
    -------
    array, shape (batch, \*state)
        The state at ``times[-1]``.

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `sample`.

    Notes
    -----
    The corrector moves the law at a time to that of the process, up to an error of order epsilon that does
    not vanish with the steps of the grid: keep `snr` small. No score is steeper than
    :math:`1/\sigma_t^2`, so that every `snr` below 1 is stable.

    The published size depends on the state, so that the law it leads to is not that of the process but
    :math:`p_t \|\nabla\log p_t\|^2`, normalised. In hundreds of dimensions the norms hardly vary, and the
    two sizes are nearly equal where noise prevails; in one or two the states are wrong, up to thousands.
    Published code takes the norms of the whole batch, which makes a sample depend on the others; here rows
    are independent, and with ``as_published=True`` a row whose score is 0 does not move.

    Evaluations: those of the method, and `corrector_steps` for each step. A method that carries an evaluation
    from one step to the next makes it again at the corrected state. JAX can trace a run.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, appendix G.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> x = process.sample_prior(random.key(0), (4, 1), like=np.empty(0))
    >>> times, key = diffusion.log_snr_times(process, 10), random.key(1)
    >>> score, method = target.score(process), diffusion.dpmpp_2m
    >>> x = diffusion.predictor_corrector(process, score, x, times, method=method, key=key)
    >>> x.shape
    (4, 1)
    """
    model, method = as_model(model, process), as_method(method)
    snr, count = check_number("snr", snr), check_count("corrector_steps", corrector_steps)
    if not 0 <= snr < math.inf:
        raise ValueError(f"snr must be finite and not negative; got {snr}")
    key = needed_key("predictor_corrector", key)
    x = check_array("x_T", x_T, min_ndim=2)
    process = remembering(process)
    grid = check_times(process, times, method)
    if grid[0] < grid[-1]:
        raise ValueError(f"times must decrease, from noise to data; got {grid[0]:g} -> {grid[-1]:g}")
    plan = checked_plan(process, grid, method)
    noises = update_noises(process, grid, plan, method, key, host_standin(x) if is_tracing(x) else x)
    depth = max(step.history for step in plan)
    known: tuple[Array, ...] = ()
    carried = False

    def predict(y: Array, t: float) -> Array:
        per_x, per_prediction = model.conversion(method.prediction, t, process)
        return array_namespace(y).astype(per_x * y + per_prediction * model(y, t), y.dtype, copy=False)

    with keeping_gradients(x, with_gradient):
        for n, step in enumerate(plan):
            before = x
            for k in range(count):
                z = step_noise(key, "diffusion.corrector", n * count + k, x)
                x = _corrected(model, x, grid[n], snr, z, as_published)
            if step.evaluates:
                known = (predict(x, grid[n]), *known[carried:])[:depth]
            drawn = next(noises, None) or (None,) * (1 + len(step.stages))
            x, known, _ = take_step(step, predict, x, known, drawn)
            carried = step.carries
            check_steps("predictor_corrector", (x,), before, grid, n)
    return x


def _corrected(model: Model, x: Array, t: float, snr: float, noise: Array, by_norms: bool = False) -> Array:
    """Return x after a Langevin step, of one size or of a size that each row chooses."""
    xp, score = array_namespace(x), in_kind_of(model.score, x, t)
    if not by_norms:
        size = snr * model.process.marginal(t)[1]
        return x + 2 * size**2 * score + 2 * size * noise
    dims = tuple(range(1, x.ndim))
    force = xp.sum(score**2, axis=dims)
    moves = force > 0
    sizes = 2 * snr**2 * xp.sum(noise**2, axis=dims) / xp.where(moves, force, xp.ones_like(force))
    step = expand_like(xp.where(moves, sizes, xp.zeros_like(sizes)), x)
    return x + step * score + xp.sqrt(2 * step) * noise
