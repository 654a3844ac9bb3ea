r"""A model that was trained on one process, used on another.

.. math:: \frac{\sigma'_{t'}}{\alpha'_{t'}} = \frac{\sigma_t}{\alpha_t}, \qquad
   D(x, t) = D'(r x, t'), \qquad r = \sqrt{\frac{\alpha'^2 + \sigma'^2}{\alpha^2 + \sigma^2}}

Two processes differ by a change of time and scale only: at equal noise levels the problem is the same. The
form holds where alpha is 0 too. Source: Karras et al. (2022), arXiv:2206.00364, section 2 and appendix B.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, device, to_numpy
from diffmath._arrays.scalars import elementary
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array, Time
from diffmath.diffusion._model.model import Model
from diffmath.diffusion._process import DENOISER, FLOW, NOISE, SCORE, VELOCITY, Process, log_snr_at, row_times

__all__ = ["change_process"]

# What the changed model predicts: a parametrisation without time derivatives, known wherever the own is.
_KEPT = {DENOISER: DENOISER, NOISE: NOISE, SCORE: NOISE, VELOCITY: VELOCITY, FLOW: VELOCITY}


def change_process(model: Model, process: Process) -> Model:
    r"""Return a model for another process than the one it was trained on.

    .. math:: D(x, t) = D'(r x, t'), \quad E(x, t) = E'(r x, t'), \quad v(x, t) = v'(r x, t')/r, \qquad
       \lambda'(t') = \lambda(t), \quad r = \sqrt{\frac{\alpha'^2 + \sigma'^2}{\alpha^2 + \sigma^2}}

    Parameters
    ----------
    model : Model
        A model with its own process :math:`(\alpha', \sigma')`.
    process : Process
        The process :math:`(\alpha, \sigma)` on which it is to be used.

    Returns
    -------
    Model
        It predicts the data, the noise or the velocity: what `model` predicts, the noise for a score, and the
        velocity for a flow.

    Raises
    ------
    TypeError
        Not a `Model`; not a `Process`.
    ValueError
        In a call, a noise level that the process of the model does not reach.

    Notes
    -----
    Exact at every time, also where alpha or sigma is 0. For one time per row, the times :math:`t'` are found
    by ``time_of_log_snr``, on the device where that of the model's process is a closed form.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, section 2 and appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> model = diffusion.from_velocity(lambda x, t: 0.0 * x, diffusion.vp_cosine())
    >>> moved = diffusion.change_process(model, diffusion.flow())
    >>> moved
    Model(velocity, Process('flow', t: 0.001 -> 1))
    >>> moved.denoiser(np.ones((1, 1)), 0.5)
    array([[1.]])
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"change_process needs a Model, which knows its process (from_noise(network, process)); got "
            f"{type(model).__name__}"
        )
    if not isinstance(process, Process):
        raise TypeError(f"process must be a diffmath.diffusion.Process; got {type(process).__name__}")
    kind = _KEPT.get(model.kind, DENOISER)
    changed = (_ChangedWithDivergence if model.has_divergence else _Changed)(model, process, kind)
    return Model(kind, changed, process)


class _Changed:
    """The prediction of the model at its own time and scale; a class, so that it can be sent to workers."""

    def __init__(self, model: Model, process: Process, kind: Any) -> None:
        self.model, self.process, self.kind = model, process, kind

    def place(self, x: Array, t: Time) -> tuple[Any, Any, Any]:
        """Return the model's own time, the scale of x, and that of the prediction."""
        times = row_times(t, x)
        own = self._own_time(times)
        alpha, sigma = self.process.marginal(times)
        own_alpha, own_sigma = self.model.process.marginal(own)
        ratio = elementary(sigma).sqrt((own_alpha**2 + own_sigma**2) / (alpha**2 + sigma**2))
        if elementary(own) is not math:
            own = array_namespace(x).reshape(own, (-1,))
        return own, ratio, (1 / ratio if self.kind is VELOCITY else 1.0)

    def _own_time(self, t: Any) -> Any:
        own = self.model.process
        if elementary(t) is math:
            found = float(own.time_of_log_snr(log_snr_at(self.process, t)))
            reached = found <= own.t_max * (1 + 1e-9)  # a log-SNR carries the rounding of its process
        else:
            found = _times(own, self.process.log_snr(t))
            reached = all_true(found <= own.t_max * (1 + 1e-6))
        if not reached:
            raise ValueError(
                f"the model was made for {own!r}, which ends at a log-SNR of {log_snr_at(own, own.t_max):g}; "
                f"{self.process!r} has more noise at {f't={t:g}' if isinstance(t, float) else 'some t'}: "
                "start at a smaller time"
            )
        return min(found, own.t_max) if isinstance(found, float) else found

    def __call__(self, x: Array, t: Time) -> Array:
        own, ratio, scale = self.place(x, t)
        return scale * self.model.predict(self.kind, ratio * x, own)


def _times(process: Process, log_snr: Array) -> Array:
    """Return the times of an array of log-SNRs, on its device, also where they are found on the host."""
    try:
        return process.time_of_log_snr(log_snr)
    except TypeError:
        if is_traced(log_snr):
            raise
    found = np.asarray(process.time_of_log_snr(to_numpy(log_snr)))
    return array_namespace(log_snr).asarray(found, dtype=log_snr.dtype, device=device(log_snr))


class _ChangedWithDivergence(_Changed):
    def divergence(self, x: Array, t: Time) -> Array:
        own, ratio, scale = self.place(x, t)
        if elementary(ratio) is not math:
            ratio, scale = (array_namespace(x).reshape(c + 0 * ratio, (-1,)) for c in (ratio, scale))
        return scale * ratio * self.model.divergence_of(self.kind, ratio * x, own)
