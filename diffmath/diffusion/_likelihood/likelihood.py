r"""Log-density of a model, by the probability-flow ODE and its divergence.

.. math:: \frac{dy}{d\theta} = \frac{v}{r}, \quad y = x/r, \qquad
   \log p_{t_0}(x_{t_0}) = \log p_T(x_T) + d \log\frac{r_T}{r_{t_0}}
   + \int_{\theta_0}^{\theta_T} \nabla_x\cdot v\,d\theta

Source: Song et al. (2021), arXiv:2011.13456, appendix D; Grathwohl et al. (2019), arXiv:1810.01367, for the
trace estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.callables import check_result, guarded
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.namespace import array_namespace, check_array, device
from diffmath._arrays.tracing import refuse_traced
from diffmath._core.solution import SolveError
from diffmath._core.typing import Array, Score
from diffmath.diffusion._likelihood.clock import NoiseClock, check_start, radius
from diffmath.diffusion._likelihood.divergence import DivergenceKind, traces
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import Process
from diffmath.diffusion._targets import Target
from diffmath.ode import dopri5, solve
from diffmath.random import Key

__all__ = ["Likelihood", "likelihood", "log_likelihood"]

LogDensity = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The result of `likelihood`.

    Parameters
    ----------
    log_density : array, shape (batch,)
    standard_error : array, shape (batch,), or None
        Standard error of `log_density` from the spread of the probes; None for an exact trace or one probe.
    latent : array, shape (batch, \\*state)
        The points transported to `t_max`.
    steps : int
        Accepted steps of the solver.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> normal = diffusion.Gaussian([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]])
    >>> process = diffusion.vp()
    >>> found = diffusion.likelihood(
    ...     process, normal.score(process), np.ones((1, 2)), divergence="hutchinson", probes=8,
    ...     key=random.key(0))
    >>> found.standard_error.shape, found.latent.shape
    ((1,), (1, 2))
    """

    log_density: Array
    standard_error: Array | None
    latent: Array
    steps: int

    def __repr__(self) -> str:
        error = "no standard errors" if self.standard_error is None else "with standard errors"
        return f"Likelihood({self.log_density.shape[0]} points, {error}, {self.steps} steps)"


@on_its_device
def log_likelihood(
    process: Process,
    model: Model | Score,
    x: Array,
    *,
    t_start: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    divergence: DivergenceKind = "auto",
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
        The ODE could not be solved to tolerance; the message names the time. ``solution.t`` are angles, and
        ``solution.x`` has y and the accumulated divergence as columns.

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
    return likelihood(
        process, model, x, t_start=t_start, rtol=rtol, atol=atol, divergence=divergence, probes=probes,
        key=key, prior=prior, max_steps=max_steps, progress=progress, with_gradient=with_gradient,
    ).log_density  # fmt: skip


@on_its_device
def likelihood(
    process: Process,
    model: Model | Score,
    x: Array,
    *,
    t_start: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    divergence: DivergenceKind = "auto",
    probes: int = 1,
    key: Key | None = None,
    prior: Target | LogDensity | None = None,
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
) -> Likelihood:
    """Return the log-density of `x` with its standard error and the points at `t_max`.

    Parameters and errors are those of `log_likelihood`.

    Returns
    -------
    Likelihood

    Notes
    -----
    Each of `probes` directions gives an unbiased estimate of the log-density of a row. `log_density` is their
    mean, and `standard_error` their standard deviation over the root of their number.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> standard = diffusion.Gaussian([0.0], [1.0])
    >>> process = diffusion.vp()
    >>> diffusion.likelihood(process, standard.score(process), np.zeros((1, 1)))
    Likelihood(1 points, no standard errors, ... steps)
    """
    model = as_model(model, process)
    log_prior = _log_prior(process, prior)
    x = check_array("x", x, min_ndim=2)
    refuse_traced("x", "adaptive steps depend on numbers", "call it outside the transformation", x)
    clock = NoiseClock(process, check_start(process, t_start), process.t_max)
    trace, count = traces(model, x, divergence, probes, key)
    batch, shape, dim = x.shape[0], tuple(x.shape), math.prod(x.shape[1:])
    xp = array_namespace(x)

    def drift(theta: float, z: Array) -> Array:
        t = clock.rows(theta, z)
        size = radius(process, t)
        state = size * xp.reshape(z[:, :dim], shape)
        velocity = xp.astype(model.velocity(state, t), x.dtype, copy=False)
        growth = xp.astype(trace(state, t), x.dtype, copy=False)
        return xp.concat([xp.reshape(velocity / size, (batch, dim)), growth], axis=1)

    zeros = xp.zeros((batch, count), dtype=x.dtype, device=device(x))
    scales = [radius(process, t) for t in (clock.first, clock.last)]
    z0 = xp.concat([xp.reshape(x, (batch, dim)) / scales[0], zeros], axis=1)
    with keeping_gradients(x, with_gradient):
        path = solve(
            drift, z0, clock.values([clock.first, clock.last]), method=dopri5, rtol=rtol, atol=atol,
            batch="shared", max_steps=max_steps, progress=progress, on_failure="return",
        )  # fmt: skip
        if not path.success:
            raise SolveError(clock.in_times(path.message), path)
        end = path.x[-1, ...]
        latent = xp.reshape(end[:, :dim], shape) * scales[1]
        change = dim * math.log(scales[1] / scales[0])
        estimates = (log_prior(latent) + change)[:, None] + end[:, dim:]
        value = xp.mean(estimates, axis=1)
        error = xp.std(estimates, axis=1, correction=1) / math.sqrt(count) if count > 1 else None
    return Likelihood(value, error, latent, int(path.stats["steps"]))


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
