"""Causal convolution by the fast Fourier transform."""

from __future__ import annotations

import array_api_compat as compat
import scipy.fft

from diffmath._arrays import array_namespace, check_array
from diffmath._typing import Array
from diffmath.statespace._signal import as_channels, quiet, refuse_overflow

__all__ = ["convolve"]


def convolve(u: Array, K: Array) -> Array:
    r"""Convolve a signal causally with a kernel.

    .. math:: y_k = \sum_{j=0}^{k} K_j u_{k-j}

    Parameters
    ----------
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Signal; time is the last axis but the channels.
    K : array, shape (lags,) or (channels, lags)
        Kernel; time is the last axis, as `kernel` returns it. One kernel serves all channels; row i of
        several serves channel i; several kernels on a signal of one channel give one column each.

    Returns
    -------
    array, shape (samples,), (samples, channels) or (batch, samples, channels)
        The first `samples` values of the convolution, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not arrays, or arrays of two libraries or devices.
    ValueError
        No sample, no lag, channels that do not fit, a value not finite.
    SolveError
        The result overflows. The samples before are attached.

    Notes
    -----
    O((samples + lags) log(samples + lags)) per channel. The error is a few eps of ``|u| |K|`` in the
    Euclidean norm, also where y itself is small.

    References
    ----------
    .. [1] Cooley & Tukey (1965), An Algorithm for the Machine Calculation of Complex Fourier Series.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.convolve(np.array([1.0, 0.0, 2.0]), np.array([3.0, 1.0])).round(12)
    array([3., 1., 6.])
    """
    xp = array_namespace(u, K, names=["u", "K"])
    channels, K = as_channels(u), check_array("K", K)
    if K.ndim not in (1, 2) or not K.shape[-1]:
        raise ValueError(f"K must have shape (lags,) or (channels, lags) with a lag; got {tuple(K.shape)}")
    width, samples = 1 if u.ndim == 1 else u.shape[-1], channels.shape[0]
    if K.ndim == 2 and 1 not in (K.shape[0], width) and K.shape[0] != width:
        raise ValueError(f"K has {K.shape[0]} channels, but u has {width}: they must fit")
    batch = u.shape[0] if u.ndim == 3 else 1
    with quiet():
        rows = K[None, :] if K.ndim == 1 else K
        lags = xp.matrix_transpose(xp.astype(rows, channels.dtype, copy=False))
        # Lags beyond the last sample never meet one.
        lags = lags[: min(samples, lags.shape[0]), None, :]
        y = _fft_convolve(xp.reshape(channels, (samples, batch, width)), lags)
    y = refuse_overflow("the convolution", y, "scale u or K down")
    if u.ndim == 3:
        return xp.permute_dims(y, (1, 0, 2))
    return y[:, 0, 0] if u.ndim == 1 and K.ndim == 1 else y[:, 0, :]


def _fft_convolve(u: Array, lags: Array) -> Array:
    """Return the causal part of the convolution along the first axis, (samples, batch, channels)."""
    xp, samples = array_namespace(u), u.shape[0]
    if 0 in (*u.shape, *lags.shape):  # PyTorch transforms no empty array
        channels = 0 if 0 in (u.shape[2], lags.shape[2]) else max(u.shape[2], lags.shape[2])
        return xp.zeros((samples, u.shape[1], channels), dtype=u.dtype, device=compat.device(u))
    # Zero padding keeps the end of the signal from wrapping around to its start.
    n = scipy.fft.next_fast_len(samples + lags.shape[0] - 1, real=True)
    spectrum = xp.fft.rfft(u, n=n, axis=0) * xp.fft.rfft(lags, n=n, axis=0)
    return xp.fft.irfft(spectrum, n=n, axis=0)[:samples, ...]
