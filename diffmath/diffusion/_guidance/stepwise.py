r"""CFG++ as classifier-free guidance with a scale of its own in each step.

The published update from s to t renoises with the unconditional noise,

.. math:: x_t = \alpha_t\,\big(D_u + \mu\,(D_c - D_u)\big) + \sigma_t\,\varepsilon_u .

The DDIM step with the guided denoiser :math:`D_u + w (D_c - D_u)` is
:math:`x_t = (\sigma_t/\sigma_s)\,x_s + \alpha_t (1 - e^{-h})\,(D_u + w (D_c - D_u))`, h the step in log-SNR.
They are equal if :math:`w = \mu/(1 - e^{-h})`. Source: Chung et al. (2024), arXiv:2406.08070, algorithm 2.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import all_true
from diffmath.diffusion._guidance.linear import cfg
from diffmath.diffusion._guidance.pair import check_finite, check_models
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["cfg_pp"]


def cfg_pp(conditional: Model, unconditional: Model, mu: float, times: Any) -> Model:
    r"""Guide as CFG++ does, for samplers on the grid `times`.

    .. math:: p = p_u + \frac{\mu}{1 - e^{-h_n}}\,(p_c - p_u) \quad\text{at } t = t_n, \qquad
       h_n = \lambda_{t_{n+1}} - \lambda_{t_n}

    Parameters
    ----------
    conditional, unconditional : Model
        Two models of one process.
    mu : float
        Between 0 (unconditional) and 1 in the paper, where it is called lambda.
    times : sequence of float, shape (steps + 1,)
        The times of the sampler.

    Returns
    -------
    Model
        In the parametrisation of `conditional`, for evaluations at ``times[0]``, ..., ``times[-2]``.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; times that are not strictly monotone. Calling the model at a time that is not the start
        of a step is a ValueError (JAX, which has no numbers while it traces, takes the nearest start).

    Notes
    -----
    With `ddim` this is the published update, to rounding. The push of a step, :math:`\alpha_t\mu(D_c - D_u)`,
    has no factor h. So it grows with the number of steps, the samples have no limit as steps grow, and no
    order: a result belongs to its grid. The scale is about :math:`\mu/h_n`, which says what `cfg` would need:
    with mu = 0.6, 20 steps of h = 0.6 have w = 1.3, 200 steps of h = 0.06 have w = 10.3.

    Methods of one evaluation per step can use it; those that evaluate within a step are refused at the first
    such time.

    References
    ----------
    .. [1] Chung et al. (2024), CFG++: manifold-constrained classifier-free guidance for diffusion models,
       arXiv:2406.08070, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> both = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.1, 0.1]).denoiser(process)
    >>> right = diffusion.GaussianMixture([1.0], [[1.0]], [0.1]).denoiser(process)
    >>> times = diffusion.log_snr_times(process, 20)
    >>> guided = diffusion.cfg_pp(right, both, 0.6, times)
    >>> diffusion.sample(process, guided, np.zeros((1, 1)), times, method="ddim").round(2)
    array([[1.13]])
    """
    check_models(conditional=conditional, unconditional=unconditional)
    mu, grid = check_finite("mu", mu), [float(t) for t in host_times(times)]
    return cfg(conditional, unconditional, _step_scale(conditional.process, mu, grid))


def _step_scale(process: Process, mu: float, grid: Sequence[float]) -> _StepScale:
    pairs = sorted((s, mu / _share(process, s, t)) for s, t in pairwise(grid))
    return _StepScale(tuple(t for t, _ in pairs), tuple(w for _, w in pairs))


def _share(process: Process, s: float, t: float) -> float:
    """Return 1 - exp(-h): 1 at an infinite h, and -inf where encoding ends at alpha = 0."""
    h = log_snr_at(process, t) - log_snr_at(process, s)
    return -math.expm1(-h) if h > -700 else -math.inf


@dataclass(frozen=True)
class _StepScale:
    """The scale of the step that starts at t; times increase."""

    times: tuple[float, ...]
    scales: tuple[float, ...]

    def __call__(self, t: Any) -> Any:
        if isinstance(t, float):
            right = bisect_left(self.times, t)
            near = [k for k in (right - 1, right) if 0 <= k < len(self.times)]
            k = min(near, key=lambda k: abs(self.times[k] - t))
            self._check(self.times[k], t, math.isclose(self.times[k], t, rel_tol=1e-12))
            return self.scales[k]
        xp = array_namespace(t)
        times, scales = asarray_like(self.times, t), asarray_like(self.scales, t)
        index = xp.argmin(xp.abs(xp.reshape(t, (-1, 1)) - times[None, :]), axis=1)
        found = xp.reshape(xp.take(times, index, axis=0), t.shape)
        # 1e-6: single precision rounds times by 6e-8.
        self._check("the nearest", "some row", all_true(xp.abs(found - t) <= 1e-6 * xp.abs(t)))
        return xp.reshape(xp.take(scales, index, axis=0), t.shape)

    def _check(self, near: Any, t: Any, fits: bool) -> None:
        if not fits:
            raise ValueError(
                f"cfg_pp has one scale for each step of its times; t={t} starts none of them (nearest: "
                f"{near}): give cfg_pp the times of the sampler, and use a method of one evaluation per step"
            )
