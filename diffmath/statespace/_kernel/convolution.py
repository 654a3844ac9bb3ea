"""Causal convolution by the fast Fourier transform."""

from __future__ import annotations

import array_api_compat as compat
import scipy.fft

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.typing import Array
from diffmath.statespace._structure import as_channels, ignore_overflow, refuse_overflow

__all__ = ["convolve"]

# The longest signal that is transformed as a whole, and the transform length of a block otherwise: in kernel
# lengths, and at least in samples.
_LONG, _AT_LEAST = 8, 512


@on_its_device
def convolve(u: Array, K: Array, *, before: Array | None = None) -> Array:
    r"""Convolve a signal causally with a kernel.

    .. math:: y_k = \sum_{j=0}^{k} K_j u_{k-j}

    Parameters
    ----------
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Signal. Time is the last axis before the channels.
    K : array, shape (lags,) or (channels, lags)
        Kernel, as `kernel` returns it; time is the last axis. One kernel is used for all channels. Row i of
        several kernels is used for channel i. Several kernels and a signal of one channel give one column for
        each kernel.
    before : array, shape of `u` except for the number of samples, optional
        Samples before `u`, zero by default, for a signal that arrives in parts. Only the last ``lags - 1``
        samples matter.

    Returns
    -------
    array, shape (samples,), (samples, channels) or (batch, samples, channels)
        The first `samples` values of the convolution, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not arrays, or arrays of two libraries or devices.
    ValueError
        No samples, no lags, channels or a `before` that do not fit, or a value that is not finite.
    SolveError
        The result overflows. The samples before the overflow are attached.

    Notes
    -----
    The cost is O((samples + lags) log lags) per channel. A signal much longer than the kernel is cut into
    blocks, whose convolutions overlap and are added [2]_. The absolute error is below
    ``log2(samples + lags)`` eps of ``|u| |K|`` in the Euclidean norm, in either precision, because a fast
    transform has that many roundings in sequence. The relative error can be large where y is small. For noise
    the measured error is below one eps.

    References
    ----------
    .. [1] Cooley & Tukey (1965), An Algorithm for the Machine Calculation of Complex Fourier Series.
    .. [2] Stockham (1966), High-speed convolution and correlation, AFIPS 28, 229.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.convolve(np.array([1.0, 0.0, 2.0]), np.array([3.0, 1.0])).round(12)
    array([3., 1., 6.])
    >>> ss.convolve(np.array([2.0]), np.array([3.0, 1.0]), before=np.array([1.0, 5.0])).round(12)
    array([11.])
    """
    xp = array_namespace(u, K, names=["u", "K"])
    channels, K = as_channels(u), check_array("K", K)
    if K.ndim not in (1, 2) or not K.shape[-1]:
        raise ValueError(f"K must have shape (lags,) or (channels, lags) with a lag; got {tuple(K.shape)}")
    width = 1 if u.ndim == 1 else u.shape[-1]
    if K.ndim == 2 and 1 not in (K.shape[0], width) and K.shape[0] != width:
        raise ValueError(f"K has {K.shape[0]} channels, but u has {width}: they must fit")
    with ignore_overflow():
        rows = K[None, :] if K.ndim == 1 else K
        lags = xp.matrix_transpose(xp.astype(rows, channels.dtype, copy=False))
        past = _last_samples(u, channels, before, lags.shape[0] - 1)
        signal = xp.concat([past, channels])
        # Lags beyond the first of all samples are not used.
        lags = lags[: min(signal.shape[0], lags.shape[0]), None, :]
        batch = u.shape[0] if u.ndim == 3 else 1
        y = _fft_convolve(xp.reshape(signal, (signal.shape[0], batch, width)), lags)[past.shape[0] :, ...]
    y = refuse_overflow("the convolution", y, "scale u or K down")
    if u.ndim == 3:
        return xp.permute_dims(y, (1, 0, 2))
    return y[:, 0, 0] if u.ndim == 1 and K.ndim == 1 else y[:, 0, :]


def _last_samples(u: Array, channels: Array, before: Array | None, count: int) -> Array:
    """Return up to `count` samples before the first, (count, channels)."""
    xp = array_namespace(channels)
    if before is None:
        return channels[:0, :]
    array_namespace(u, before, names=["u", "before"])
    time = 0 if u.ndim < 3 else 1
    fits = before.ndim == u.ndim and all(u.shape[i] == before.shape[i] for i in range(u.ndim) if i != time)
    if not fits:
        shapes = f"{tuple(before.shape)} and {tuple(u.shape)}"
        raise ValueError(f"before must have the shape of u except for the samples, axis {time}; got {shapes}")
    if not before.shape[time]:
        return channels[:0, :]
    past = xp.astype(as_channels(before, "before"), channels.dtype, copy=False)
    return past[max(0, past.shape[0] - count) :, :]


def _fft_convolve(u: Array, lags: Array) -> Array:
    """Return the causal part of the convolution along the first axis, (samples, batch, channels)."""
    xp, (samples, batch, width) = array_namespace(u), u.shape
    if 0 in (*u.shape, *lags.shape):  # PyTorch cannot transform an empty array
        channels = 0 if 0 in (width, lags.shape[2]) else max(width, lags.shape[2])
        return xp.zeros((samples, batch, channels), dtype=u.dtype, device=compat.device(u))
    count = lags.shape[0]
    # Zero padding keeps the end of a block from wrapping around to its start.
    longest = max(_LONG * count, _AT_LEAST)
    whole = samples <= longest
    n = scipy.fft.next_fast_len(samples + count - 1 if whole else longest, real=True)
    block = samples if whole else n - count + 1
    blocks = -(-samples // block)
    rest = xp.zeros((blocks * block - samples, batch, width), dtype=u.dtype, device=compat.device(u))
    cut = xp.reshape(xp.concat([u, rest]), (blocks, block, batch, width))
    spectrum = xp.fft.rfft(cut, n=n, axis=1) * xp.fft.rfft(lags, n=n, axis=0)
    y = xp.fft.irfft(spectrum, n=n, axis=1)
    if blocks == 1:
        return y[0, :samples, ...]
    tails = y[:-1, block:, ...]  # the contribution of a block to the next one
    heads = y[1:, : n - block, ...] + tails
    later = xp.concat([heads, y[1:, n - block : block, ...]], axis=1)
    joined = xp.concat([y[:1, :block, ...], later])
    return xp.reshape(joined, (blocks * block, *y.shape[2:]))[:samples, ...]
