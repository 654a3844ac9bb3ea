r"""Guidance by projections within a row: adaptive projected guidance and tangential damping.

Projections depend on the form of the prediction on which they act, so the form is a parameter. Source: Sadat
et al. (2024), arXiv:2410.02416; Kwon et al. (2025), arXiv:2503.18137.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from diffmath._arrays.namespace import array_namespace, same_kind
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time
from diffmath.diffusion._guidance.pair import (
    Pair,
    Scale,
    check_finite,
    check_form,
    check_scale,
    guided_by,
    row_dot,
    scale_at,
)
from diffmath.diffusion._model import Model

__all__ = ["apg", "apg_step", "tangential_cfg"]


def apg(
    conditional: Model,
    unconditional: Model,
    scale: Scale,
    *,
    eta: float = 0.0,
    max_norm: float = math.inf,
    form: str = "denoiser",
) -> Model:
    r"""Guide by adaptive projected guidance, without its momentum.

    .. math:: \Delta = (D_c - D_u)\,\min\Big(1, \frac{r}{\|D_c - D_u\|}\Big), \qquad
       D = D_c + (w - 1)\,(\Delta_\perp + \eta\,\Delta_\parallel)

    with the part of :math:`\Delta` parallel to :math:`D_c` and the rest, per row.

    Parameters
    ----------
    conditional, unconditional, scale
        As for `cfg`.
    eta : float
        Weight of the parallel part, which saturates images; 1 keeps it.
    max_norm : float
        r, the greatest norm of a row's difference, in units of the form; positive.
    form : {"denoiser", "noise", "velocity", "flow", "score"}
        The form on which it acts; "denoiser" in the paper.

    Returns
    -------
    Model
        In the parametrisation `form`.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; `max_norm` that is not positive, an unknown form.

    Notes
    -----
    ``eta=1`` and ``max_norm=inf`` is `cfg`; w = 1 is the conditional model. Cost: one evaluation of each
    model. Rows do not influence each other. A row with :math:`D_c = 0` has no parallel part.

    A model is a function of (x, t), so it has no momentum, which is a sum over the steps of a run. `apg_step`
    has it, as an explicit state. Some libraries start from :math:`D_u` and multiply the difference by w,
    which differs from the paper if eta is not 1.

    References
    ----------
    .. [1] Sadat et al. (2024), Eliminating oversaturation and artifacts of high guidance scales in diffusion
       models, arXiv:2410.02416.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.flow()
    >>> right = diffusion.from_denoiser(lambda x, t: 0.0 * x + np.array([2.0, 0.0]), process)
    >>> both = diffusion.from_denoiser(lambda x, t: 0.0 * x + np.array([1.0, 1.0]), process)
    >>> diffusion.apg(right, both, 3.0)(np.zeros((1, 2)), 0.5)   # cfg: [[4, -2]]
    array([[ 2., -2.]])
    """
    pair, limits = (conditional, unconditional), _limits(eta, max_norm)
    return guided_by(_APG(*pair, check_scale(scale), check_form(form), *limits))


def apg_step(
    conditional: Array,
    unconditional: Array,
    scale: float,
    *,
    average: Array | None = None,
    momentum: float = 0.0,
    eta: float = 0.0,
    max_norm: float = math.inf,
) -> tuple[Array, Array]:
    r"""Combine two predictions by adaptive projected guidance with momentum; return the new average too.

    .. math:: m_n = (D_c - D_u) + \beta\,m_{n-1}

    takes the place of the difference in the formula of `apg`.

    Parameters
    ----------
    conditional, unconditional : array, shape (batch, \*state)
        Two predictions at one state and time, denoised data in the paper.
    scale : float
        w.
    average : array, shape (batch, \*state), optional
        :math:`m_{n-1}`, which the previous step returned; None in the first step.
    momentum : float
        beta; -0.5 or -0.75 in the paper.
    eta, max_norm : float
        As for `apg`.

    Returns
    -------
    guided, average : array, shape (batch, \*state)

    Raises
    ------
    TypeError
        Arrays of two libraries or devices; parameters that are not numbers.
    ValueError
        Arrays of two shapes; parameters that are not finite; `max_norm` that is not positive.

    Notes
    -----
    The average is a sum over the evaluations of one run, with weights that depend on their number only. As
    steps grow it tends to :math:`(D_c - D_u)/(1 - \beta)`: on a fine grid momentum is a smaller scale (2/3 of
    w - 1 for beta = -0.5), on a coarse one it also damps oscillations.

    Examples
    --------
    A run with `ddim`, whose steps are data:

    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.vp()
    >>> both = diffusion.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [0.1, 0.1]).denoiser(process)
    >>> right = diffusion.GaussianMixture([1.0], [[1.0, 0.0]], [0.1]).denoiser(process)
    >>> times, x, average = diffusion.log_snr_times(process, 20), np.array([[-0.5, 0.5]]), None
    >>> for n, t in enumerate(times[:-1]):
    ...     guided, average = diffusion.apg_step(
    ...         right(x, t), both(x, t), 4.0, average=average, momentum=-0.5, max_norm=2.0)
    ...     step = diffusion.ddim.step(process, times, n)
    ...     x = step.decay * x + step.weights[0] * guided
    >>> x.round(2)
    array([[0.86, 0.13]])
    """
    same_kind("conditional", conditional, "unconditional", unconditional)
    difference = _difference(conditional, unconditional)
    beta, limits = check_finite("momentum", momentum), _limits(eta, max_norm)
    if average is not None:
        same_kind("conditional", conditional, "average", average)
        if average.shape != conditional.shape:
            raise ValueError(
                f"average must have the shape of conditional, {tuple(conditional.shape)}; got "
                f"{tuple(average.shape)}: it belongs to another run"
            )
        difference = difference + beta * average
    return _projected(conditional, difference, check_finite("scale", scale), *limits), difference


def tangential_cfg(conditional: Model, unconditional: Model, scale: Scale, *, form: str = "noise") -> Model:
    r"""Guide with the tangential part of the unconditional prediction removed.

    .. math:: \tilde p_u = v_1 v_1^\top p_u, \qquad p = \tilde p_u + w\,(p_c - \tilde p_u)

    with :math:`v_1` the first right singular vector of the matrix with the two rows :math:`p_c`,
    :math:`p_u`: the direction that the two predictions share most.

    Parameters
    ----------
    conditional, unconditional, scale
        As for `cfg`; but w = 0 is the projected unconditional model.
    form : {"noise", "score", "denoiser", "velocity", "flow"}
        The form on which it acts. The paper's is the score; the noise gives the same result, at sigma = 0
        too.

    Returns
    -------
    Model
        In the parametrisation `form`.

    Raises
    ------
    TypeError, ValueError
        As for `cfg`; an unknown form.

    Notes
    -----
    No singular value decomposition is needed. With :math:`a = |p_c|^2`, :math:`c = |p_u|^2`,
    :math:`b = p_c\cdot p_u` and :math:`\theta` the angle of the vector :math:`(a - c, 2b)`,

    .. math:: \tilde p_u = \tfrac12 \sin\theta\; p_c + \tfrac12 (1 - \cos\theta)\, p_u .

    Two predictions of equal norm at right angles have no such direction; then :math:`p_u` stays as it is.
    Near that case the result is sensitive to the predictions. Cost: one evaluation of each model; rows do
    not influence each other.

    References
    ----------
    .. [1] Kwon et al. (2025), TCFG: tangential damping classifier-free guidance, arXiv:2503.18137.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process = diffusion.flow()
    >>> right = diffusion.from_noise(lambda x, t: 0.0 * x + np.array([2.0, 0.0]), process)
    >>> both = diffusion.from_noise(lambda x, t: 0.0 * x + np.array([0.0, 1.0]), process)
    >>> diffusion.tangential_cfg(right, both, 1.5)(np.zeros((1, 2)), 0.5)   # cfg: [[3, -0.5]]
    array([[3., 0.]])
    """
    return guided_by(_Tangential(conditional, unconditional, check_scale(scale), check_form(form)))


@dataclass(frozen=True, eq=False)
class _APG(Pair):
    eta: float
    max_norm: float

    def __call__(self, x: Array, t: Time) -> Array:
        to, start = self.predictions(x, t)
        return _projected(to, to - start, scale_at(self.scale, t, x), self.eta, self.max_norm)


class _Tangential(Pair):
    def __call__(self, x: Array, t: Time) -> Array:
        to, start = self.predictions(x, t)
        start = _along_the_pair(to, start)
        return start + scale_at(self.scale, t, x) * (to - start)


def _projected(to: Array, difference: Array, scale: float, eta: float, max_norm: float) -> Array:
    xp = array_namespace(to)
    if max_norm < math.inf:
        norm = xp.sqrt(row_dot(difference, difference))
        difference = difference * (max_norm / xp.where(norm > max_norm, norm, xp.full_like(norm, max_norm)))
    if eta != 1:
        length = row_dot(to, to)
        share = row_dot(difference, to) / xp.where(length > 0, length, xp.ones_like(length))
        difference = difference + (eta - 1) * share * to
    return to + (scale - 1) * difference


def _along_the_pair(to: Array, start: Array) -> Array:
    """Return `start` projected on the first right singular vector of the rows (to, start)."""
    xp = array_namespace(to)
    gap, twice = row_dot(to, to) - row_dot(start, start), 2 * row_dot(to, start)
    length = xp.hypot(gap, twice)
    known = length > 0
    length = xp.where(known, length, xp.ones_like(length))
    gap = xp.where(known, gap, -length)  # no direction: keep the whole
    return 0.5 * (twice / length) * to + 0.5 * (1 - gap / length) * start


def _difference(conditional: Array, unconditional: Array) -> Array:
    if conditional.shape != unconditional.shape:
        raise ValueError(
            "conditional and unconditional must have one shape; "
            f"got {tuple(conditional.shape)} and {tuple(unconditional.shape)}"
        )
    return conditional - unconditional


def _limits(eta: float, max_norm: float) -> tuple[float, float]:
    if not check_number("max_norm", max_norm) > 0:
        raise ValueError(f"max_norm must be positive, or inf for no limit; got {max_norm}")
    return check_finite("eta", eta), float(max_norm)
