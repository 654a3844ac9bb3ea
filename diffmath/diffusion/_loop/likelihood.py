r"""Log-density of a model, by the probability-flow ODE and its divergence.

.. math:: \dot x = f x - \tfrac12 g^2\,\nabla\log p_t(x), \qquad
   \log p_{t_0}(x_{t_0}) = \log p_T(x_T) + \int_{t_0}^T \nabla\cdot\dot x\,dt

Source: Song et al. (2021), arXiv:2011.13456, appendix D; Grathwohl et al. (2019), arXiv:1810.01367, for the
trace estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from diffmath._arrays.callables import check_result, guarded
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace, check_array, device
from diffmath._arrays.tracing import refuse_traced
from diffmath._core.typing import Array, Score
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._targets import Target
from diffmath.ode import dopri5, solve
from diffmath.random import Key, fold_in, normal

__all__ = ["log_likelihood"]

Divergence = Callable[[Array, float], Array]
LogDensity = Callable[[Array], Array]


@on_its_device
def log_likelihood(
    process: Process,
    model: Model | Score,
    x: Array,
    *,
    t_start: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    divergence: Literal["auto", "exact", "differences", "hutchinson"] = "auto",
    probes: int = 1,
    key: Key | None = None,
    prior: Target | LogDensity | None = None,
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
) -> Array:
    r"""Return the log-density of `x` at `t_start` under a model.

    Parameters
    ----------
    process : Process
        The noising process.
    model : Model or callable
        As in `sample`; a plain callable is a score.
    x : array, shape (batch, \*state)
        Points at which the density is evaluated.
    t_start : float, optional
        Time of `x`, with sigma > 0; by default `t_min`.
    rtol, atol : float
        Tolerances of the ODE solver, for the state and for the log-density.
    divergence : {"auto", "exact", "differences", "hutchinson"}
        "exact" calls the ``divergence(x, t)`` of the model's function; "differences" sums central differences
        along every coordinate (2 d evaluations per time); "hutchinson" estimates the trace with random
        directions (2 `probes` evaluations). "auto" is "exact" if the model has a divergence, otherwise
        "differences".
    probes : int
        Number of Rademacher directions for "hutchinson", drawn once and used along the whole path.
    key : Key, optional
        Required by "hutchinson" (domain "diffusion.likelihood").
    prior : callable or Target, optional
        The law at `t_max`: ``prior(x)``, its log-density of shape (batch,); or an object with
        ``log_density(x, process, t)``, such as a `Target`, which is evaluated at `t_max`. By default
        :math:`\mathcal N(0, \sigma_T^2 I)`, as in `Process.log_prior`.
    max_steps : int
        Maximum number of steps of the ODE solver.
    progress : bool
        Show a progress bar.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, as in `sample`. A ``divergence(x, t)`` of the model may
        differentiate with respect to x in either case.

    Returns
    -------
    array, shape (batch,)

    Raises
    ------
    TypeError
        A callable with swapped arguments, "exact" for a function without divergence, "hutchinson" without a
        key; a prior that is neither callable nor has a log-density.
    ValueError
        Invalid shapes, values or options; a model made for another process.
    SolveError
        The ODE could not be solved to tolerance; the message names the time, and
        ``solution.x`` has (x, accumulated divergence) as columns.

    Notes
    -----
    "differences" is accurate to about eps^(2/3), 4e-11 in float64, of the trace over sigma. "hutchinson" is
    unbiased for the trace; its standard error is :math:`\sqrt{2\sum_{i \ne j} J_{ij}^2 / probes}` with J the
    Jacobian of the flow, integrated along the path. The default prior is not the marginal at T but its limit:
    for data of size r the log-density has an error of order :math:`\alpha_T r / \sigma_T` (vp: 0.007 r) at
    any tolerance. With the exact marginal as `prior`, only the tolerances limit the accuracy.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, eq. 39.
    .. [2] Grathwohl et al. (2019), FFJORD, arXiv:1810.01367, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> standard = diffusion.GaussianMixture([1.0], [[0.0]], [1.0])
    >>> process = diffusion.vp()
    >>> diffusion.log_likelihood(process, standard.score(process), np.zeros((1, 1))).round(4)
    array([-0.9189])
    >>> pair = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.1, 0.1])
    >>> x, score = np.full((1, 1), 2.0), pair.score(process)
    >>> exact = pair.log_density(x, process, process.t_min)
    >>> for prior in (None, pair):
    ...     value = diffusion.log_likelihood(process, score, x, prior=prior, rtol=1e-9, atol=1e-9)
    ...     print(bool(abs(value - exact)[0] < 1e-7))
    False
    True
    """
    model = as_model(model, process)
    log_prior = _log_prior(process, prior)
    x = check_array("x", x, min_ndim=2)
    refuse_traced("x", "adaptive steps depend on numbers", "call it outside the transformation", x)
    start = _check_start(process, t_start)
    trace = _divergence(model, x, divergence, probes, key)
    batch, shape, dim = x.shape[0], tuple(x.shape), math.prod(x.shape[1:])
    xp = array_namespace(x)

    def drift(t: float, y: Array) -> Array:
        state = xp.reshape(y[:, :dim], shape)
        flow = xp.astype(model.flow(state, t), x.dtype, copy=False)
        growth = xp.astype(trace(state, t), x.dtype, copy=False)
        return xp.concat([xp.reshape(flow, (batch, dim)), growth[:, None]], axis=1)

    y0 = xp.concat(
        [xp.reshape(x, (batch, dim)), xp.zeros((batch, 1), dtype=x.dtype, device=device(x))], axis=1
    )
    with keeping_gradients(x, with_gradient):
        path = solve(
            drift,
            y0,
            [start, process.t_max],
            method=dopri5,
            rtol=rtol,
            atol=atol,
            batch="shared",
            max_steps=max_steps,
            progress=progress,
        )
        end = path.x[-1, ...]
        return log_prior(xp.reshape(end[:, :dim], shape)) + end[:, dim]


def _log_prior(process: Process, prior: Any) -> LogDensity:
    """Return the log-density at `t_max`, with checked results."""
    if prior is None:
        return process.log_prior
    density = getattr(prior, "log_density", None)
    if not callable(density) and not callable(prior):
        raise TypeError(
            "prior must be a callable prior(x), the log-density at t_max, or a target with "
            f"log_density(x, process, t); got {type(prior).__name__}"
        )

    def log_prior(x: Array) -> Array:
        if callable(density):
            return density(x, process, process.t_max)
        result = guarded(prior, "prior(x)", process.t_max, x)
        return array_namespace(x).astype(
            check_result("prior(x)", result, x, (x.shape[0],)), x.dtype, copy=False
        )

    return log_prior


def _check_start(process: Process, t_start: float | None) -> float:
    start = process.t_min if t_start is None else float(t_start)
    if not (0 <= start < process.t_max and process.marginal(start)[1] > 0):
        raise ValueError(f"t_start must lie in (0, t_max={process.t_max:g}), where sigma > 0; got {start}")
    return start


def _divergence(model: Model, x: Array, kind: str, probes: int, key: Key | None) -> Divergence:
    if kind not in ("auto", "exact", "differences", "hutchinson"):
        raise ValueError(f"divergence must be 'auto', 'exact', 'differences' or 'hutchinson'; got {kind!r}")
    if kind == "exact" and not model.has_divergence:
        raise TypeError(
            f"divergence='exact' needs a {model.kind.name} with an attribute divergence(x, t), shape "
            "(batch,); use divergence='differences' or 'hutchinson'"
        )
    if kind == "exact" or (kind == "auto" and model.has_divergence):
        return model.flow_divergence
    if kind != "hutchinson":
        return lambda state, t: _differences(model, state, t)
    if key is None:
        raise TypeError("divergence='hutchinson' is stochastic; pass key=dm.random.key(0)")
    if probes < 1:
        raise ValueError(f"probes must be at least 1; got {probes}")
    directions = [_rademacher(fold_in(fold_in(key, "diffusion.likelihood"), i), x) for i in range(probes)]
    return lambda state, t: sum(_along(model, state, t, z) for z in directions) / probes


def _rademacher(key: Key, x: Array) -> Array:
    xp = array_namespace(x)
    z = normal(key, tuple(x.shape), like=x)
    return xp.where(z < 0, -xp.ones_like(z), xp.ones_like(z))


def _differences(model: Model, x: Array, t: float) -> Array:
    """Trace of the Jacobian: one pair of evaluations per coordinate, always with the same batch size."""
    xp = array_namespace(x)
    dim = math.prod(x.shape[1:])
    position = xp.reshape(xp.arange(dim, device=device(x)), (1, *x.shape[1:]))
    total: Any = 0.0
    for i in range(dim):
        basis = xp.broadcast_to(xp.astype(position == i, x.dtype), x.shape)
        total = total + _along(model, x, t, basis, reach=1.0)
    return total


def _along(model: Model, x: Array, t: float, z: Array, reach: float | None = None) -> Array:
    """Return z . J z by a central difference of the flow; `reach` is the length of z.

    p_t is smooth on the scale sigma_t. A step of eps^(1/3) sigma_t balances truncation and rounding errors.
    """
    xp = array_namespace(x)
    reach = math.sqrt(math.prod(x.shape[1:])) if reach is None else reach
    step = float(xp.finfo(x.dtype).eps) ** (1 / 3) * model.process.marginal(t)[1] / reach
    slope = (model.flow(x + step * z, t) - model.flow(x - step * z, t)) / (2 * step)
    return xp.sum(xp.reshape(slope * z, (x.shape[0], -1)), axis=1)
