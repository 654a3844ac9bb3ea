"""HiPPO systems: how the optimal polynomial memory of a signal evolves, one builder per measure."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffmath._arrays import array_namespace, asarray_like, is_real_float
from diffmath._typing import Array
from diffmath.statespace._statespace import StateSpace
from diffmath.statespace._structure import legs_matrices

__all__ = ["legs"]


def legs(order: int, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return HiPPO-LegS: the scaled Legendre measure, which remembers the whole history evenly.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad
        A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (k < n), \quad A_{nn} = -(n+1), \quad B_n = \sqrt{2n+1}

    The state :math:`c_n(t) = \int_0^1 u(ts) \sqrt{2n+1} P_n(2s-1)\,ds` holds the coefficients of the best
    polynomial of degree ``order - 1`` for the history on :math:`[0, t]`; nothing is truncated.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, structure ``"legs"``.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is below 1.

    Notes
    -----
    Signs and scale are those of the S4 code: A includes the minus of the paper's
    :math:`c' = -A c/t + B u/t`. `memorize` steps this equation in :math:`\ln t`; read as the time-invariant
    system :math:`x' = A x + B u` it is the A of S4, with impulse responses
    :math:`e^{-t} \sqrt{2n+1} P_n(2e^{-t} - 1)`.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 2.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.legs(3).A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]])
    """
    if isinstance(order, bool):
        raise TypeError("order must be an integer; got bool")
    order = operator.index(order)
    if order < 1:
        raise ValueError(f"order must be at least 1; got {order}")
    like = np.empty(0) if like is None else like
    xp = array_namespace(like, names=["like"])
    if dtype is not None and not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64; got {dtype}")
    A, B = (asarray_like(values, like, dtype) for values in legs_matrices(order))
    return StateSpace(A, B, structure="legs")
