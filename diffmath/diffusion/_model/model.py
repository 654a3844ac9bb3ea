r"""One model, five parametrisations: score, denoiser, noise, velocity, flow.

Every prediction is linear in the denoised data :math:`D = E[x_0 \mid x_t = x]` and the noise E, with
:math:`x = \alpha D + \sigma E`. So a conversion is one multiply-add, whose coefficients are computed on the
host in float64. Source: Kingma et al. (2021), arXiv:2107.00630, appendix;
Salimans & Ho (2022), arXiv:2202.00512, section 4; Lipman et al. (2023), arXiv:2210.02747, for the flow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.callables import check_model, check_result
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import differentiable
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._model.network import call_network
from diffmath.diffusion._process import (
    DENOISER,
    FLOW,
    NOISE,
    SCORE,
    VELOCITY,
    Pair,
    Parametrisation,
    Process,
    conversion,
    matches,
    row_times,
)

__all__ = ["Model", "as_model", "from_denoiser", "from_flow", "from_noise", "from_score", "from_velocity"]


@dataclass(frozen=True, eq=False)
class Model:
    r"""A prediction ``function(x, t)`` with its process and parametrisation.

    Made by `from_score`, `from_denoiser`, `from_noise`, `from_velocity`, `from_flow`. Calling it calls the
    function; `score`, `denoiser`, `noise`, `velocity` and `flow` convert.

    Parameters
    ----------
    kind : Parametrisation
        What `function` predicts.
    function : callable
        ``function(x, t)``, shape (batch, \*state) -> (batch, \*state). If it has an attribute
        ``divergence(x, t)`` of shape (batch,), `log_likelihood` uses it; `mmps` and its like use
        ``vjp(x, t, v)``, the product of v and its Jacobian.
    process : Process

    Notes
    -----
    `t` is a float, or one value per row if the function accepts that; `batch_time` adapts a network that
    needs one value per row. The forms, with D the denoised data: noise
    :math:`\varepsilon = (x - \alpha D)/\sigma`, score :math:`-\varepsilon/\sigma`, velocity
    :math:`\alpha\varepsilon - \sigma D`, flow :math:`\dot\alpha D + \dot\sigma\varepsilon`
    :math:`= f x - \tfrac12 g^2\,\mathrm{score}`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> model = diffusion.from_score(lambda x, t: -x, diffusion.vp())   # data N(0, 1) under vp
    >>> model
    Model(score, Process('vp(0.1, 20)', t: 0.001 -> 1))
    >>> bool(abs(model.noise(np.ones((1, 1)), 0.5)[0, 0] - diffusion.vp().sigma(0.5)) < 1e-15)
    True
    """

    kind: Parametrisation
    function: Score
    process: Process

    @on_its_device
    def __call__(self, x: Array, t: Time) -> Array:
        """Return the model's own prediction at (x, t)."""
        row_times(t, x)
        return self._call(x, t)

    def _call(self, x: Array, t: Time) -> Array:
        role = f"{self.kind.name}(x, t)"
        return check_result(role, call_network(self.function, role, x, t), x)

    @on_its_device
    def score(self, x: Array, t: Time) -> Array:
        """Return the gradient of log p_t at x."""
        return self.predict(SCORE, x, t)

    @on_its_device
    def denoiser(self, x: Array, t: Time) -> Array:
        """Return the mean of the data given x at time t."""
        return self.predict(DENOISER, x, t)

    @on_its_device
    def noise(self, x: Array, t: Time) -> Array:
        """Return the mean of the noise given x at time t."""
        return self.predict(NOISE, x, t)

    @on_its_device
    def velocity(self, x: Array, t: Time) -> Array:
        """Return v = alpha noise - sigma data (Salimans & Ho)."""
        return self.predict(VELOCITY, x, t)

    @on_its_device
    def flow(self, x: Array, t: Time) -> Array:
        """Return the velocity dx/dt of the probability-flow ODE."""
        return self.predict(FLOW, x, t)

    @property
    def has_divergence(self) -> bool:
        """Whether the function has an exact divergence."""
        return callable(getattr(self.function, "divergence", None))

    @on_its_device
    def divergence(self, x: Array, t: Time) -> Array:
        """Return the divergence in x of the own prediction, shape (batch,), if the function has one."""
        return self.divergence_of(self.kind, x, t)

    @on_its_device
    def flow_divergence(self, x: Array, t: Time) -> Array:
        """Return the divergence in x of the flow, shape (batch,), if the function has one."""
        return self.divergence_of(FLOW, x, t)

    def predict(self, wanted: Parametrisation, x: Array, t: Time) -> Array:
        """Return a parametrisation at (x, t), converted from the own prediction."""
        if wanted is self.kind:
            return self(x, t)
        times = row_times(t, x)  # before the network could fail on them
        prediction = self._call(x, t)
        per_x, per_prediction = self.conversion(wanted, times, self.process)
        return per_x * x + per_prediction * prediction

    def divergence_of(self, wanted: Parametrisation, x: Array, t: Time) -> Array:
        """Return the divergence in x of a parametrisation, shape (batch,), if the function has one."""
        if not self.has_divergence:
            raise TypeError(f"the {self.kind.name} has no attribute divergence(x, t), shape (batch,)")
        role = f"{self.kind.name}.divergence(x, t)"
        divergence: Any = self.function.divergence  # type: ignore[attr-defined]
        found = differentiable(lambda x: call_network(divergence, role, x, t), x)
        own = check_result(role, found, x, (x.shape[0],))
        per_x, per_prediction = self.conversion(wanted, row_times(t, own), self.process)
        return per_x * math.prod(x.shape[1:]) + per_prediction * own

    def conversion(self, wanted: Parametrisation, t: Time, process: Process) -> Pair:
        """Return per_x and per_prediction of `wanted` = per_x x + per_prediction p, on the process."""
        if wanted is self.kind:
            return 0.0, 1.0
        pair = conversion(self.kind, wanted, process, t)
        if not all(map(_is_finite, pair)):
            when = f"t={t:g}" if isinstance(t, float) else "some t"
            raise ValueError(
                f"the {wanted.name} cannot be computed from the {self.kind.name} at {when}, where sigma or "
                f"alpha is 0 (or f infinite); use t >= t_min={self.process.t_min:g}, below t_max, or a model "
                f"that predicts the {wanted.name}"
            )
        return pair

    def __repr__(self) -> str:
        return f"Model({self.kind.name}, {self.process!r})"


def from_score(function: Score, process: Process) -> Model:
    r"""Wrap ``score(x, t)``, the gradient of :math:`\log p_t`.

    Parameters
    ----------
    function : callable
        ``score(x, t)``: (batch, \*state) -> (batch, \*state).
    process : Process
        The process for which it was learnt or derived.

    Returns
    -------
    Model

    Raises
    ------
    TypeError
        A callable that takes time first.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.from_score(lambda x, t: -x, diffusion.vp()).kind.name
    'score'
    """
    return _wrap(SCORE, function, process)


def from_denoiser(function: Score, process: Process) -> Model:
    r"""Wrap ``denoiser(x, t)``, the mean of the data :math:`E[x_0 \mid x_t = x]`.

    Parameters, returns and errors are those of `from_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> origin = diffusion.from_denoiser(lambda x, t: 0.0 * x, diffusion.vp())
    >>> origin.score(np.ones((1, 1)), 1.0).round(4)
    array([[-1.]])
    """
    return _wrap(DENOISER, function, process)


def from_noise(function: Score, process: Process) -> Model:
    r"""Wrap ``noise(x, t)``, the mean of the noise :math:`E[\varepsilon \mid x_t = x]`.

    Parameters, returns and errors are those of `from_score`.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.from_noise(lambda x, t: x, diffusion.vp()).kind.name
    'noise'
    """
    return _wrap(NOISE, function, process)


def from_velocity(function: Score, process: Process) -> Model:
    r"""Wrap ``velocity(x, t)``, :math:`v = \alpha\varepsilon - \sigma x_0` (Salimans & Ho 2022).

    Parameters, returns and errors are those of `from_score`.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.from_velocity(lambda x, t: 0.0 * x, diffusion.vp()).kind.name
    'velocity'
    """
    return _wrap(VELOCITY, function, process)


def from_flow(function: Score, process: Process) -> Model:
    r"""Wrap ``flow(x, t)``, the velocity :math:`dx/dt` of the probability-flow ODE (flow matching).

    Parameters, returns and errors are those of `from_score`.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.from_flow(lambda x, t: 0.0 * x, diffusion.vp()).kind.name
    'flow'
    """
    return _wrap(FLOW, function, process)


def as_model(model: Model | Score, process: Process) -> Model:
    """Return a `Model` for the argument of a sampler; a plain callable is a score."""
    if not isinstance(process, Process):
        raise TypeError(f"process must be a diffmath.diffusion.Process; got {type(process).__name__}")
    if not isinstance(model, Model):
        return from_score(model, process)
    if not matches(model.process, process):
        raise ValueError(f"the model was made for {model.process!r}; it cannot be used with {process!r}")
    return model


def _is_finite(value: Any) -> bool:
    if isinstance(value, float | int):
        return math.isfinite(value)
    xp = array_namespace(value)
    return all_true(xp.isfinite(value))


def _wrap(kind: Parametrisation, function: Score, process: Process) -> Model:
    if not isinstance(process, Process):
        raise TypeError(f"process must be a diffmath.diffusion.Process; got {type(process).__name__}")
    if isinstance(function, Model):
        if function.kind is not kind:
            raise TypeError(
                f"from_{kind.name} was given {function!r}, which predicts the {function.kind.name}"
            )
        return as_model(function, process)
    check_model(function, kind.name)
    return Model(kind, function, process)
