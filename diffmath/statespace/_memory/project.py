"""The exact memory of a complete signal: its projection onto the kernels of a measure."""

from __future__ import annotations

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._structure import (
    as_channels,
    from_channels,
    ignore_overflow,
    refuse_overflow,
    widest_dtypes,
)
from diffmath.statespace._system import StateSpace, require_measure, sample_length

__all__ = ["project"]


@on_its_device
def project(system: StateSpace, u: Array, *, dt: float | None = None) -> Array:
    r"""Return the exact coefficients of a sampled history.

    .. math:: c_n = \int u(t - s)\,K_n(s)\,ds, \qquad u = u_k \text{ on cell } k

    Parameters
    ----------
    system : StateSpace
        Continuous system with a measure (`legs`, `legt`, `lagt`, ...), in any gauge. Only its measure and its
        order are used.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Samples; u_k is the signal on a whole cell. For `legs`, `jacs` and `fous` the cell is
        ``[k, k + 1) / samples`` of the history. For the others a cell lasts `dt`, the last one ends now, and
        the signal is zero before the first.
    dt : float, optional
        Length of a sample, in the unit of `theta` or `timescale`; 1 by default. Scaled measures have no unit
        of time and refuse `dt`.

    Returns
    -------
    array, shape (order,), (channels, order) or (batch, channels, order)
        Coefficients after the last sample, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or `dt` not a number.
    ValueError
        A discrete system, a system without a measure, no samples, a value that is not finite, a `dt` that is
        not positive, or a `dt` for a scaled measure.
    SolveError
        The coefficients overflow.

    Notes
    -----
    The result has no discretisation error and no closure error. `legs`, `jacs` and `lagt` close exactly:
    `memorize` with `zoh` gives the same numbers. The systems of windows approximate the input that leaves the
    window, and their states converge to these numbers as the order grows. `legt` converges faster than any
    power once the order exceeds half of theta times the angular frequency; `fout` and `foud` converge like
    1 / order. The kernels of `fous` are truncated: its error falls by a fifth with every doubling of the
    order, and its mean is exact.

    The integral is summed by parts, :math:`c_n = \sum_k (u_{k-1} - u_k)\,\bar K_n(s_k)` over the joints of
    the cells, where :math:`\bar K_n` is the integral of the kernel over all older times. Smooth signals
    therefore lose little to cancellation. :math:`\bar K` is a difference of two Legendre polynomials,
    :math:`s^{\beta+1}(1-s)` times a Jacobi polynomial (Rodrigues), a solve with the lower triangle of LagT
    (:math:`K' = A K`, so :math:`\bar K = -A^{-1} K`), or a sine.

    The cost is a few vector operations over the samples per coefficient, in blocks, and half of that for
    `legs`, whose knots are symmetric. The memory is a few copies of `u`. A float32 signal is summed in
    float64, and each coefficient is rounded once: the error is half an eps of it plus 1e-10 of the largest
    sample (JAX without x64 has no float64).

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.project(ss.legs(2), np.array([0.0, 1.0])).round(4)
    array([0.5  , 0.433])
    >>> ss.project(ss.legt(2, theta=3.0), np.ones(100)).round(12) + 0.0  # the last three samples
    array([1., 0.])
    """
    measure = require_measure(system, "project")
    channels, step = as_channels(u), sample_length(measure, dt) / measure.length
    xp, precision = array_namespace(channels), channels.dtype
    with ignore_overflow():
        # In single precision a sum over 1e6 jumps of a rough signal has an error of a tenth.
        wide = xp.astype(channels, widest_dtypes(channels)[0], copy=False)
        coefficients = measure.to_gauge(measure.project(wide, system.order, step))[None, ...]
        coefficients = xp.astype(coefficients, precision, copy=False)
    coefficients = refuse_overflow("the projection", coefficients, "scale u down")
    return from_channels(coefficients[0, ...], u, axis=0)
