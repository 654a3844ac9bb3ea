r"""Clipping of the denoised data to a range: static and dynamic thresholding.

Source: Saharia et al. (2022), arXiv:2205.11487, section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from diffmath._arrays.namespace import array_namespace, expand_like
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time
from diffmath.diffusion._model.model import Model
from diffmath.diffusion._process import DENOISER

__all__ = ["threshold"]


def threshold(model: Model, limit: float = 1.0, *, quantile: float | None = None) -> Model:
    r"""Keep the denoised data of a model within a range.

    .. math:: D \mapsto \mathrm{clip}(D, -L, L), \qquad \text{or} \qquad
       D \mapsto \frac{L}{s}\,\mathrm{clip}(D, -s, s), \quad s = \max(L, q)

    with q the quantile of :math:`|D|` over the entries of a row.

    Parameters
    ----------
    model : Model
    limit : float
        L, the greatest absolute value of the data; positive.
    quantile : float, optional
        Between 0 and 1, 0.995 in many libraries, for dynamic thresholding; by default static.

    Returns
    -------
    Model
        A denoiser; all other forms are computed from the denoised data after thresholding.

    Raises
    ------
    TypeError
        Not a `Model`, parameters that are not numbers.
    ValueError
        A limit that is not positive and finite, a quantile outside [0, 1].

    Notes
    -----
    **It changes the law that is sampled**, unless the model never leaves the range: the denoised data of the
    true model stay within the convex hull of the data, so that a true model of data within [-L, L] is left as
    it is. What changes are errors of a network and guidance, which leaves the hull on purpose. The result has
    kinks in x, so a method of order above 1 may lose it. Data without a range (latent codes) must not be
    thresholded.

    Quantiles interpolate linearly between order statistics, per row; rows do not influence each other.

    References
    ----------
    .. [1] Saharia et al. (2022), Photorealistic text-to-image diffusion models with deep language
       understanding, arXiv:2205.11487, section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> model = diffusion.from_denoiser(lambda x, t: x, diffusion.vp())
    >>> x = np.array([[-0.5, 1.0, 4.0]])
    >>> diffusion.threshold(model)(x, 0.5), diffusion.threshold(model, quantile=0.75)(x, 0.5)
    (array([[-0.5,  1. ,  1. ]]), array([[-0.2,  0.4,  1. ]]))
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"threshold needs a diffusion.Model, as from_noise(network, process) returns; "
            f"got {type(model).__name__}"
        )
    if not 0 < check_number("limit", limit) < math.inf:
        raise ValueError(f"limit must be positive and finite; got {limit}")
    if quantile is not None and not 0 <= check_number("quantile", quantile) <= 1:
        raise ValueError(f"quantile must be in [0, 1]; got {quantile}")
    return Model(DENOISER, _Threshold(model, float(limit), quantile), model.process)


@dataclass(frozen=True, eq=False)
class _Threshold:
    """A class, not a closure, so that it can be sent to worker processes."""

    model: Model
    limit: float
    quantile: float | None

    def __call__(self, x: Array, t: Time) -> Array:
        denoised = self.model.denoiser(x, t)
        xp = array_namespace(denoised)
        if self.quantile is None:
            return xp.clip(denoised, -self.limit, self.limit)
        bound = expand_like(_row_quantile(xp.abs(denoised), self.quantile), denoised)
        bound = xp.where(bound > self.limit, bound, xp.full_like(bound, self.limit))
        return self.limit * xp.clip(denoised / bound, -1.0, 1.0)


def _row_quantile(values: Array, p: float) -> Array:
    xp, count = array_namespace(values), math.prod(values.shape[1:])
    ranked = xp.sort(xp.reshape(values, (values.shape[0], count)), axis=1)
    place = p * (count - 1)
    low = math.floor(place)
    below, above = ranked[:, low], ranked[:, min(low + 1, count - 1)]
    return below + (place - low) * (above - below)
