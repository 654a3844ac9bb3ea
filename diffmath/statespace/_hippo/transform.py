"""Changes of coordinates: the gauges of the literature, polynomial bases, exponential tilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, same_kind, to_numpy
from diffmath._arrays.tracing import all_true
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._structure import DENSE, Dense, check_parameter, ignore_overflow
from diffmath.statespace._system import StateSpace, require_continuous

__all__ = ["GaugeName", "change_gauge", "jacobi_gauge", "tilt"]

GaugeName = Literal["hippo", "hippo-code", "s4", "lmu", "su", "plain"]

_GAUGES: Mapping[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "hippo": np.ones_like,
    "hippo-code": np.ones_like,
    "s4": np.ones_like,
    "lmu": lambda n: (1.0 - 2.0 * (n % 2.0)) * np.sqrt(2.0 * n + 1.0),
    "su": lambda n: np.full_like(n, np.sqrt(2.0)),
    "plain": lambda n: np.sqrt(2.0 * n + 1.0),
}


@on_its_device
def change_gauge(system: StateSpace, gauge: GaugeName | Array) -> StateSpace:
    r"""Return the same system with the state :math:`\Lambda c` instead of c.

    .. math:: A \to \Lambda A \Lambda^{-1}, \qquad B \to \Lambda B, \qquad C \to C \Lambda^{-1}

    Parameters
    ----------
    system : StateSpace
        Continuous or discrete, of n states.
    gauge : {"hippo", "hippo-code", "s4", "lmu", "su", "plain"} or array, shape (n,) or (n, n)
        :math:`\Lambda`, or its diagonal. A name gives a convention of the literature for the orthonormal
        Legendre systems `legs` and `legt` (see Notes).

    Returns
    -------
    StateSpace
        In the library and on the device of `system`. The measure is kept. The structure is kept for a
        diagonal gauge.

    Raises
    ------
    TypeError
        Not a StateSpace, or a gauge on another device.
    ValueError
        An unknown name, a shape that does not fit, or a gauge that is not finite or not invertible.

    Notes
    -----
    The input-output map is the same in every gauge. The conventions are:

    ================ =================================== ==========================================
    `gauge`          :math:`\Lambda_{nn}`                who uses it
    ================ =================================== ==========================================
    ``"hippo"``      1                                   HiPPO paper: theorem 2 (LegS), appendix D.1
    ``"hippo-code"`` 1                                   HiPPO code "legt" (``theta=1``) and "legs"
    ``"s4"``         1                                   S4 code "legs", and "legt" with ``theta=2``
    ``"lmu"``        :math:`(-1)^n \sqrt{2n+1}`          LMU, keras-lmu, nengolib, HiPPO code "lmu"
                                                         (``theta=1``), HiPPO paper: theorem 1 (LegT)
    ``"su"``         :math:`\sqrt 2`                     Su, whose basis is orthonormal on [-1, 1]
    ``"plain"``      :math:`\sqrt{2n+1}`                 Su's second form: :math:`B_n = 2n+1`
    ================ =================================== ==========================================

    The first three do not change the system. These conventions differ in the unit of time, which is an
    argument of `legt`, and in the sign: the HiPPO paper writes :math:`c' = -A c + B u`, and its A is minus
    the A here in any gauge.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 1 and appendix D.1.
    .. [2] Voelker, Kajic & Eliasmith (2019), Legendre Memory Units.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> lmu = ss.change_gauge(ss.legt(3, theta=1.0), "lmu")
    >>> lmu.A.round(12)
    array([[-1., -1., -1.],
           [ 3., -3., -3.],
           [-5.,  5., -5.]])
    >>> lmu.B.round(12)
    array([ 1., -3.,  5.])
    """
    if not isinstance(system, StateSpace):
        raise TypeError(f"change_gauge takes a StateSpace; got {type(system).__name__}")
    scale = _as_gauge(gauge, system)
    with ignore_overflow():  # StateSpace refuses an overflow as not finite
        return _changed(system, scale)


def _changed(system: StateSpace, scale: Array) -> StateSpace:
    xp = array_namespace(system.A)
    if scale.ndim == 1:
        fields = {"A": scale[:, None] * system.A / scale, "B": scale * system.B}
        right = None if system.C is None else system.C / scale
    else:
        # X Lambda^-1 is the transpose of the solution of Lambda^T Y = X^T.
        turned = xp.matrix_transpose(scale)
        A = xp.linalg.solve(turned, xp.matrix_transpose(scale @ system.A))
        fields = {"A": xp.matrix_transpose(A), "B": scale @ system.B}
        rows = None if system.C is None else xp.reshape(system.C, (-1, system.order))
        right = (
            None if rows is None else xp.matrix_transpose(xp.linalg.solve(turned, xp.matrix_transpose(rows)))
        )
        right = None if right is None else xp.reshape(right, system.C.shape)  # type: ignore[union-attr]
    structure, host = DENSE, to_numpy(xp.astype(scale, xp.float64, copy=False))
    if host.ndim == 1 and not isinstance(system.structure, Dense):
        structure = system.structure.transformed(gauge=host)
    measure = None if system.measure is None else system.measure.regauged(host)
    return replace(system, **fields, C=right, structure=structure, measure=measure, origin=None)


def _as_gauge(gauge: Any, system: StateSpace) -> Array:
    """Return Lambda, or its diagonal, in the library and precision of the system, or refuse it."""
    if isinstance(gauge, str):
        if gauge not in _GAUGES:
            raise ValueError(f"gauge must be one of {get_args(GaugeName)}, or an array; got {gauge!r}")
        return asarray_like(_GAUGES[gauge](np.arange(system.order, dtype=np.float64)), system.A)
    scale = check_array("gauge", gauge)
    if tuple(scale.shape) not in ((system.order,), (system.order, system.order)):
        raise ValueError(
            f"gauge must have shape ({system.order},) or ({system.order}, {system.order}) to fit the system; "
            f"got {tuple(scale.shape)}"
        )
    if compat.is_numpy_array(scale):
        scale = asarray_like(scale, system.A)
    same_kind("gauge", scale, "system.A", system.A)
    xp = array_namespace(scale)
    scale = xp.astype(scale, system.A.dtype, copy=False)
    if scale.ndim == 1:
        invertible = all_true(scale != 0.0)
    else:
        values = xp.linalg.svdvals(scale)
        invertible = bool(xp.min(values) > system.order * xp.finfo(scale.dtype).eps * xp.max(values))
    if not invertible:
        raise ValueError("gauge must be invertible; it is singular, up to rounding")
    return scale


@on_its_device
def jacobi_gauge(order: int, a: float, b: float) -> npt.NDArray[np.float64]:
    r"""Return the gauge from Legendre to Jacobi coefficients, for `change_gauge`.

    .. math:: \sum_n c_n \sqrt{2n+1}\,P_n(x) = \sum_m (\Lambda c)_m\,p_m(x)

    where the polynomials :math:`p_m` are orthonormal on [-1, 1] under :math:`(1-x)^a (1+x)^b`, scaled to
    mass 1; x = 1 is the present.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    a, b : float
        Greater than -1. Both -1/2 gives Chebyshev's first kind, both 1/2 the second.

    Returns
    -------
    numpy.ndarray, shape (order, order)
        Upper triangular.

    Raises
    ------
    TypeError
        `order` is not an integer, or `a` or `b` not a number.
    ValueError
        `order` is below 1, `a` or `b` is not greater than -1, or they are so large that the nodes or the
        polynomials overflow float64 (beyond about 1,000).

    Notes
    -----
    A window with a Jacobi or Chebyshev basis, closed at its old end by its own polynomial, is LegT in this
    gauge: the same polynomial in other coefficients. Gauss-Jacobi quadrature with `order` nodes gives the
    entries up to rounding. The condition number grows like the square root of `order` for Chebyshev's first
    kind. The moments :math:`\int u\,p_m`, which the HiPPO paper calls ChebT, are the state in the gauge
    :math:`\Lambda^{-\mathsf T}`.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> abs(ss.jacobi_gauge(3, -0.5, -0.5)).round(3)
    array([[1.   , 0.   , 0.559],
           [0.   , 1.225, 0.   ],
           [0.   , 0.   , 1.186]])
    """
    from scipy import special

    order = check_count("order", order)
    a, b = (check_parameter(name, value, above=-1.0) for name, value in (("a", a), ("b", b)))
    refused = f"a={a:g} and b={b:g} leave the range of float64 at order {order}: choose smaller ones"
    with ignore_overflow():
        try:
            x, weights = special.roots_jacobi(order, a, b)
        except ValueError as error:  # its eigenvalue solver met an overflow
            raise ValueError(refused) from error
        n = np.arange(order)[:, None]
        legendre = np.sqrt(2.0 * n + 1.0) * special.eval_legendre(n, x)
        jacobi = special.eval_jacobi(n, a, b, x)
        weights = weights / weights.sum()
        jacobi = jacobi / np.sqrt(jacobi**2 @ weights)[:, None]
        gauge: npt.NDArray[np.float64] = np.triu((jacobi * weights) @ legendre.T)
    if not np.all(np.isfinite(gauge)):
        raise ValueError(refused)
    return gauge


@on_its_device
def tilt(system: StateSpace, rate: float) -> StateSpace:
    r"""Return a system whose memory fades exponentially with age, in addition to its measure.

    .. math:: A \to A - \gamma I, \qquad e^{tA} B \to e^{-\gamma t} e^{tA} B

    Parameters
    ----------
    system : StateSpace
        Continuous.
    rate : float
        :math:`\gamma`, per unit of time; a negative rate undoes a tilt.

    Returns
    -------
    StateSpace
        With the structure of `system` and without its measure.

    Raises
    ------
    TypeError
        Not a StateSpace, or `rate` not a number.
    ValueError
        A discrete system, or a `rate` that is not finite.

    Notes
    -----
    The tilted system with the input :math:`e^{-\gamma t} u` has the state :math:`e^{-\gamma t} x`, where x is
    the state of the original system with the input u. The tilted memory of u is the original memory of a
    signal that fades into the past.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.tilt(ss.legt(2), 0.5).A.round(3)
    array([[-1.5  ,  1.732],
           [-1.732, -3.5  ]])
    """
    require_continuous(system, "tilt")
    rate = check_parameter("rate", rate, above=-np.inf)
    identity = array_namespace(system.A).eye(
        system.order, dtype=system.A.dtype, device=compat.device(system.A)
    )
    structure = system.structure.transformed(rate=rate)
    return replace(system, A=system.A - rate * identity, structure=structure, measure=None)
