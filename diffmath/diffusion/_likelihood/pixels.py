r"""Likelihoods of data with finitely many levels: uniform dequantisation, and bits per dimension.

.. math:: \text{bits/dim} = -\frac{\log p(x)}{d \log 2} + \log_2 \text{(levels per unit of x)}

For :math:`x = q + u` with levels q and uniform u in a level, the mean of :math:`\log p(x)` is at most
:math:`\log P(q)` plus that constant (Jensen): the bits are an upper bound of the code length of q. Source:
Theis, van den Oord & Bethge (2016), arXiv:1511.01844, section 3.1.
"""

from __future__ import annotations

import math

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.random import Key, fold_in, uniform

__all__ = ["bits_per_dim", "dequantize"]


@on_its_device
def dequantize(x: Array, key: Key, *, levels: int = 256, low: float = -1.0, high: float = 1.0) -> Array:
    r"""Add uniform noise of one level to data with finitely many levels.

    .. math:: y = \mathrm{low} + (\mathrm{high} - \mathrm{low}) \frac{x + u}{\mathrm{levels}}, \qquad
       u \sim U[0, 1)

    Parameters
    ----------
    x : array, shape (batch, \*state), float32 or float64
        Levels, the whole numbers 0 to ``levels - 1``.
    key : Key
        The domain "diffusion.dequantize" is folded in; row i depends on the key and i only.
    levels : int
        Number of levels, at least 2.
    low, high : float
        The range of the result, ``[low, high)``.

    Returns
    -------
    array, shape (batch, \*state)
        In the dtype and on the device of `x`.

    Raises
    ------
    ValueError
        Values that are no levels, an empty range, fewer than 2 levels.

    References
    ----------
    .. [1] Theis, van den Oord & Bethge (2016), arXiv:1511.01844, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> y = diffusion.dequantize(np.array([[0.0, 255.0]]), random.key(0))
    >>> bool(np.all(np.floor((y + 1) * 128) == [[0, 255]]))
    True
    """
    x = check_array("x", x, min_ndim=2)
    xp, count = array_namespace(x), check_count("levels", levels, 2)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"need low < high, finite; got low={low}, high={high}")
    if not bool(xp.all((x >= 0) & (x <= count - 1) & (xp.floor(x) == x))):
        raise ValueError(
            f"x must hold the levels 0, 1, ..., {count - 1} as whole numbers; images in another range are "
            "mapped to levels first"
        )
    u = uniform(fold_in(key, "diffusion.dequantize"), tuple(x.shape), like=x)
    return low + (high - low) * ((x + u) / count)


def bits_per_dim(
    log_density: Array, dim: int, *, levels: int = 256, low: float = -1.0, high: float = 1.0
) -> Array:
    r"""Return the bits per dimension of a log-density of dequantised data.

    .. math:: -\frac{\log p(x)}{d \log 2} + \log_2 \frac{\mathrm{levels}}{\mathrm{high} - \mathrm{low}}

    Parameters
    ----------
    log_density : array, shape (batch,)
        Of the data made by `dequantize` with the same `levels`, `low`, `high`.
    dim : int
        Number of components d of a row.
    levels, low, high
        As in `dequantize`: 8-bit data in [-1, 1] add 7 bits, in [0, 1] 8 bits.

    Returns
    -------
    array, shape (batch,)

    Raises
    ------
    ValueError
        A `dim` below 1, fewer than 2 levels, an empty range.

    References
    ----------
    .. [1] Theis, van den Oord & Bethge (2016), arXiv:1511.01844, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> uniform_on_the_range = np.array([3 * np.log(1 / 2)])   # three pixels in [-1, 1]
    >>> diffusion.bits_per_dim(uniform_on_the_range, 3)
    array([8.])
    """
    dim, count = check_count("dim", dim), check_count("levels", levels, 2)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"need low < high, finite; got low={low}, high={high}")
    return -log_density / (dim * math.log(2)) + math.log2(count / (high - low))
