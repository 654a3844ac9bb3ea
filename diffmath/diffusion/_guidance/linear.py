r"""Guidance that is linear in the predictions: classifier-free, auto and classifier guidance.

.. math:: p = p_0 + w\,(p_1 - p_0)

is the same guidance in every parametrisation, because all of them are affine in the denoised data with the
same coefficients. Source: Ho & Salimans (2022), arXiv:2207.12598, eq. 6; Karras et al. (2024),
arXiv:2406.02507; Dhariwal & Nichol (2021), arXiv:2105.05233, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.callables import check_model, check_result
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._guidance.pair import Scale, check_models, check_scale, predict, scale_at
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import DENOISER, NOISE, SCORE, row_times

__all__ = ["autoguidance", "cfg", "classifier_guidance"]


def cfg(conditional: Model, unconditional: Model, scale: Scale) -> Model:
    r"""Guide by a condition without a classifier (classifier-free guidance).

    .. math:: p = p_u + w\,(p_c - p_u)

    Parameters
    ----------
    conditional, unconditional : Model
        Two models of one process; their parametrisations may differ. A negative prompt is an `unconditional`.
    scale : float or callable
        w: 0 is the unconditional model, 1 the conditional one, above 1 is guided. Or ``scale(t)``, which gets
        what `Process.alpha` gets: a float, or an array with one time per row.

    Returns
    -------
    Model
        In the parametrisation of `conditional`. It has an exact divergence if both models have one, in the
        same parametrisation.

    Raises
    ------
    TypeError
        Not a `Model`, or a scale that is neither a number nor a callable.
    ValueError
        Models of two processes, or a scale that is not finite.

    Notes
    -----
    Cost: one evaluation of each model; of one model only where w is the float 0 or 1.

    **The samples do not have the density** :math:`p_c^w p_u^{1-w}` (normalised): at t > 0 the guided score is
    not the score of the noised law of that density. For the Gaussians N(m, 1/4) and N(0, 1) and w = 3, the
    guided probability-flow ODE ends at N(1.5 m, 1/64), while the product is N(1.2 m, 1/10). The two agree if
    the variances are equal.

    Some libraries define the scale as w - 1.

    References
    ----------
    .. [1] Ho & Salimans (2022), Classifier-free diffusion guidance, arXiv:2207.12598, eq. 6 (whose w is one
       less).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> both = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.1, 0.1]).denoiser(process)
    >>> right = diffusion.GaussianMixture([1.0], [[1.0]], [0.1]).denoiser(process)
    >>> guided = diffusion.cfg(right, both, 2.0)
    >>> guided
    Model(denoiser, Process('vp(0.1, 20)', t: 0.001 -> 1))
    >>> x_T = np.array([[-1.0], [0.0], [1.0]])
    >>> times = diffusion.log_snr_times(process, 20)
    >>> diffusion.sample(process, guided, x_T, times, method="dpmpp_2m").round(2).T
    array([[0.94, 1.16, 1.43]])
    """
    check_models(conditional=conditional, unconditional=unconditional)
    return _linear(conditional, unconditional, scale)


def autoguidance(model: Model, weaker: Model, scale: Scale) -> Model:
    r"""Guide a model away from a weaker version of itself.

    .. math:: p = p_{\mathrm{weak}} + w\,(p - p_{\mathrm{weak}})

    Parameters
    ----------
    model, weaker : Model
        Two models of one process for the same law; the weaker is smaller or less trained.
    scale : float or callable
        w, as in `cfg`: 0 is the weaker model, 1 the model itself.

    Returns
    -------
    Model
        In the parametrisation of `model`. Cost and errors are those of `cfg`.

    References
    ----------
    .. [1] Karras et al. (2024), Guiding a diffusion model with a bad version of itself, arXiv:2406.02507.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> good, blurred = (diffusion.GaussianMixture([1.0], [[0.0]], [v]).score(process) for v in (0.5, 1.0))
    >>> diffusion.autoguidance(good, blurred, 2.0).denoiser(np.ones((1, 1)), 0.2).round(3)
    array([[0.398]])
    """
    check_models(model=model, weaker=weaker)
    return _linear(model, weaker, scale)


def classifier_guidance(
    model: Model, log_prob_gradient: Callable[[Array, Any], Array], scale: Scale = 1.0
) -> Model:
    r"""Guide by the gradient of a log-density, such as that of a classifier of noisy data.

    .. math:: \mathrm{score} = \nabla\log p_t(x) + w\,\nabla_x\log p(c \mid x, t)

    Parameters
    ----------
    model : Model
    log_prob_gradient : callable
        ``gradient(x, t)``, the gradient with respect to x of :math:`\log p(c \mid x_t = x)`, shape
        (batch, \*state) -> (batch, \*state).
    scale : float or callable
        w, as in `cfg`.

    Returns
    -------
    Model
        A score or a denoiser if `model` is one, else a noise model, ``noise - w sigma gradient``.

    Raises
    ------
    TypeError
        Not a `Model`; not a callable of (x, t); a result that is not an array like x.
    ValueError
        A scale that is not finite; a result of another shape.

    Notes
    -----
    With w = 1 and the exact classifier of the noisy data, the result is the exact conditional score: of all
    guidances here, this is the only one that has a law known in advance. For w other than 1 see `cfg`.

    Cost: one evaluation of each. Where alpha is 0 the guided denoiser, ``D + w (sigma^2/alpha) gradient``, is
    not determined: start below that time.

    A gradient by automatic differentiation, of a function `log_prob(x, t)` of shape (batch,), is
    ``jax.grad(lambda x, t: log_prob(x, t).sum())`` or
    ``lambda x, t: torch.func.grad(lambda x: log_prob(x, t).sum())(x)``.

    References
    ----------
    .. [1] Dhariwal & Nichol (2021), Diffusion models beat GANs on image synthesis, arXiv:2105.05233,
       section 4.

    Examples
    --------
    A measurement c = x_0 + noise of variance 1 of data N(0, 1), which vp keeps:

    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> prior = diffusion.from_score(lambda x, t: -x, process)
    >>> def gradient(x, t, c=2.0):
    ...     alpha, sigma = process.marginal(t)
    ...     return alpha * (c - alpha * x) / (1 + sigma**2)
    >>> posterior = diffusion.classifier_guidance(prior, gradient)
    >>> exact = diffusion.GaussianMixture([1.0], [[1.0]], [0.5]).score(process)
    >>> x = np.array([[-1.0], [0.0], [2.0]])
    >>> bool(np.allclose(posterior.score(x, 0.4), exact.score(x, 0.4), rtol=1e-12))
    True
    """
    check_models(model=model)
    check_model(log_prob_gradient, "gradient")
    kind = model.kind if model.kind in (SCORE, DENOISER) else NOISE
    return Model(kind, _ByGradient(model, log_prob_gradient, check_scale(scale)), model.process)


def _linear(one: Model, zero: Model, scale: Scale) -> Model:
    exact = one.kind == zero.kind and one.has_divergence and zero.has_divergence
    function = (_LinearWithDivergence if exact else _Linear)(one, zero, check_scale(scale))
    return Model(one.kind, function, one.process)


# Classes, not closures, so that a guided model can be sent to worker processes.
@dataclass(frozen=True, eq=False)
class _Linear:
    """The line through two models in the form of the first: `one` at w = 1, `zero` at w = 0."""

    one: Model
    zero: Model
    scale: Scale

    def __call__(self, x: Array, t: Time) -> Array:
        return _on_the_line(
            scale_at(self.scale, t, x),
            lambda: self.one(x, t),
            lambda: predict(self.zero, self.one.kind, x, t),
        )


class _LinearWithDivergence(_Linear):
    def divergence(self, x: Array, t: Time) -> Array:
        one = self.one.divergence(x, t)
        w = scale_at(self.scale, t, one)
        return _on_the_line(w, lambda: one, lambda: self.zero.divergence(x, t))


def _on_the_line(w: Any, one: Callable[[], Array], zero: Callable[[], Array]) -> Array:
    if isinstance(w, float) and w == 1:
        return one()
    start = zero()
    return start if isinstance(w, float) and w == 0 else start + w * (one() - start)


@dataclass(frozen=True, eq=False)
class _ByGradient:
    """A score plus a gradient, or the same as a denoiser or a noise."""

    model: Model
    gradient: Callable[[Array, Any], Array]
    scale: Scale

    def __call__(self, x: Array, t: Time) -> Array:
        gradient = check_result("gradient(x, t)", self.gradient(x, t), x)
        push = scale_at(self.scale, t, x) * gradient
        if self.model.kind == SCORE:
            return self.model(x, t) + push
        alpha, sigma = self.model.process.marginal(row_times(t, x))
        if self.model.kind != DENOISER:
            return self.model.noise(x, t) - sigma * push
        if not (alpha > 0 if isinstance(alpha, float) else all_true(alpha > 0)):
            raise ValueError(
                "a denoiser cannot be guided by a gradient where alpha is 0 (t_max of this process): start "
                "below that time"
            )
        return self.model(x, t) + sigma**2 / alpha * push
