r"""What a network learns: the target of each parametrisation, and the weight of its squared error.

.. math:: p = (a\,x_0 + b\,\varepsilon)/s, \qquad
   |D - \hat D|^2 = \frac{\sigma^2 s^2}{(\alpha b - \sigma a)^2} |p - \hat p|^2

Every weighting is a weight w of the squared error of the denoised data D; the second equation carries it to
the parametrisation p. Source: Kingma & Gao (2023), arXiv:2303.00848.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.scalars import elementary
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._process import (
    DENOISER,
    FLOW,
    NOISE,
    SCORE,
    VELOCITY,
    Parametrisation,
    Process,
    check_noise,
    ratio,
    row_times,
)

__all__ = ["loss_weight", "training_target"]

Kind = Literal["denoiser", "noise", "score", "velocity", "flow"]
Weighting = Literal["uniform", "snr", "truncated_snr", "min_snr", "p2", "sigmoid", "edm", "elbo"]
_KINDS = {kind.name: kind for kind in (DENOISER, NOISE, SCORE, VELOCITY, FLOW)}


@on_its_device
def training_target(
    process: Process, kind: Kind | Parametrisation, x0: Array, noise: Array, t: Time
) -> Array:
    r"""Return what a network of a parametrisation has to predict for noisy data.

    ========= ==========================================================
    denoiser  :math:`x_0`
    noise     :math:`\varepsilon`
    score     :math:`-\varepsilon/\sigma_t`
    velocity  :math:`\alpha_t \varepsilon - \sigma_t x_0`
    flow      :math:`\dot\alpha_t x_0 + \dot\sigma_t \varepsilon`
    ========= ==========================================================

    Parameters
    ----------
    process : Process
    kind : str
        A name of the table above.
    x0, noise : array, shape (batch, \*state)
        Data and standard normal numbers, those of ``process.perturb(x0, t, noise=noise)``.
    t : float or array, shape (batch,)
        One time in [0, `t_max`], or one per row.

    Returns
    -------
    array, shape (batch, \*state)

    Raises
    ------
    TypeError
        Arrays of two libraries.
    ValueError
        An unknown kind, shapes that do not fit, or a time where the target is infinite.

    References
    ----------
    .. [1] Salimans & Ho (2022), arXiv:2202.00512, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> x0, noise = np.ones((1, 2)), np.zeros((1, 2))
    >>> diffusion.training_target(diffusion.flow(), "flow", x0, noise, 0.5)
    array([[-1., -1.]])
    """
    x0 = check_array("x0", x0, min_ndim=2)
    noise = check_noise(x0, noise)
    found = _kind(kind)
    a, b, scale = found.row(process, row_times(t, x0, process.t_max))
    regular = scale != 0 if isinstance(scale, float) else all_true(scale != 0)
    if not (regular and _finite(a) and _finite(b)):
        raise ValueError(
            f"the {found.name} to be learnt is infinite at {_when(t)}; train on times between t_min and t_max"
        )
    return (a * x0 + b * noise) / scale


def loss_weight(
    process: Process,
    kind: Kind | Parametrisation,
    t: Time,
    weighting: Weighting | Callable[[Any], Any] = "uniform",
    *,
    gamma: float | None = None,
    bias: float = 2.0,
    sigma_data: float = 0.5,
) -> Any:
    r"""Return the weight of a squared error of a parametrisation at a time.

    ============= ================================================================================
    uniform       1 for the squared error of `kind` itself
    snr           :math:`w = r` (1 for the squared error of the noise)
    truncated_snr :math:`w = \max(r, 1)`
    min_snr       :math:`w = \min(r, \gamma)`, :math:`\gamma` = 5
    p2            :math:`w = r (1 + r)^{-\gamma}`, :math:`\gamma` = 1
    sigmoid       :math:`w = r / (1 + r e^{-b})`
    edm           :math:`w = (\tilde\sigma^2 + \sigma_d^2) / (\tilde\sigma \sigma_d)^2`,
                  :math:`\tilde\sigma = \sigma/\alpha`
    elbo          :math:`w = -\frac12 \dot r`
    ============= ================================================================================

    Here w is the weight of :math:`|x_0 - D|^2` and :math:`r = \alpha^2/\sigma^2` is the signal-to-noise
    ratio; the result is the weight of the same loss written in `kind`.

    Parameters
    ----------
    process : Process
    kind : {"denoiser", "noise", "score", "velocity", "flow"}
        What the network predicts.
    t : float or array, shape (batch,)
        One time, or one per row.
    weighting : str or callable
        A name of the table above, or ``w(log_snr)``, the weight of :math:`|x_0 - D|^2`.
    gamma : float, optional
        Of "min_snr" and "p2".
    bias : float
        b, of "sigmoid".
    sigma_data : float
        :math:`\sigma_d`, of "edm".

    Returns
    -------
    float or array, shape (batch,)

    Raises
    ------
    ValueError
        An unknown name, or a time where the weight is not finite.

    Notes
    -----
    With "elbo", the mean over uniform times of the weighted squared error, times the length of the interval
    of time, is the negative evidence bound of the data up to terms that do not depend on the network.

    References
    ----------
    .. [1] Kingma & Gao (2023), arXiv:2303.00848.
    .. [2] Hang et al. (2023), Min-SNR weighting, arXiv:2303.09556. Choi et al. (2022), P2, arXiv:2204.00227.
       Salimans & Ho (2022), arXiv:2202.00512, for the truncated SNR.
    .. [3] Karras et al. (2022), arXiv:2206.00364, section 5.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> process = diffusion.vp_cosine()
    >>> diffusion.loss_weight(process, "noise", 0.5, "snr")
    1.0
    >>> diffusion.loss_weight(process, "velocity", 1.0, "min_snr")   # finite at alpha = 0
    0.0
    """
    found = _kind(kind)
    times = row_times(t, t) if getattr(t, "ndim", 0) else t
    alpha, sigma = process.marginal(times)
    a, b, scale = found.row(process, times)
    if weighting == "uniform":
        return 1.0 + 0.0 * alpha
    with np.errstate(invalid="ignore"):  # a result that is not finite is refused
        if callable(weighting):
            named = weighting(process.log_snr(times)) * sigma**2
        else:
            named = _times_variance(weighting, process, times, gamma, bias, sigma_data)
        weight = named * ratio(scale, alpha * b - sigma * a) ** 2
    if not _finite(weight):
        raise ValueError(
            f"the weight {weighting!r} of the {found.name} is not finite at {_when(t)}; train on times "
            "between t_min and t_max"
        )
    return weight


def _times_variance(
    name: str, process: Process, t: Any, gamma: float | None, bias: float, sigma_data: float
) -> Any:
    """Return w sigma^2 for a named weighting, which is finite where alpha is 0."""
    alpha, sigma = process.marginal(t)
    signal, noise = alpha**2, sigma**2
    if name == "snr":
        return signal
    if name == "truncated_snr":
        return _greater(signal, noise)
    if name == "min_snr":
        return -_greater(-signal, -(5.0 if gamma is None else gamma) * noise)
    if name == "p2":
        return signal * (noise / (noise + signal)) ** (1.0 if gamma is None else gamma)
    if name == "sigmoid":
        return signal * noise / (noise + signal * math.exp(-bias))
    if name == "edm":
        return (noise + sigma_data**2 * signal) / sigma_data**2
    if name == "elbo":
        d_alpha, d_sigma = process.rates(t)
        return ratio(alpha * (alpha * d_sigma - d_alpha * sigma), sigma)
    names = ("uniform", "snr", "truncated_snr", "min_snr", "p2", "sigmoid", "edm", "elbo")
    raise ValueError(f"weighting must be w(log_snr) or one of {', '.join(map(repr, names))}; got {name!r}")


def _kind(kind: str | Parametrisation) -> Parametrisation:
    if isinstance(kind, Parametrisation):
        return kind
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, _KINDS))}; got {kind!r}")
    return _KINDS[kind]


def _greater(a: Any, b: Any) -> Any:
    return max(a, b) if elementary(a) is math else elementary(a).maximum(a, b)


def _finite(value: Any) -> bool:
    if elementary(value) is math:
        return math.isfinite(value)
    return all_true(array_namespace(value).isfinite(value))


def _when(t: Time) -> str:
    return f"t={t:g}" if isinstance(t, float | int) else "some t"
