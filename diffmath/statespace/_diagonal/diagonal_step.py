"""Discretization of diagonal systems: two numbers for each mode and step, for steps of any shape."""

from __future__ import annotations

from typing import Any, Literal, get_args

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.phi import phi1
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array
from diffmath.statespace._structure import ignore_overflow

__all__ = ["StepRule", "discretize_diagonal", "exponents"]

StepRule = Literal["zoh", "bilinear", "impulse", "forward_euler", "backward_euler"]

# The implicit part alpha of the generalised bilinear rules; the other rules are exponentials.
_ALPHAS = {"forward_euler": 0.0, "bilinear": 0.5, "backward_euler": 1.0}
# exp(-800) is zero in float64: faster decays are zero from lag 1 on.
_FASTEST = -800.0


@on_its_device
def discretize_diagonal(
    poles: Array, dt: Any, method: StepRule = "zoh", *, gap: Any = None
) -> tuple[Array, Array]:
    r"""Return the factors of a diagonal recurrence, for steps that vary by sample, channel or mode.

    .. math:: x_k = a_k x_{k-1} + b_k B_k u_k, \qquad
        a = e^{\lambda\,dt}, \quad b = dt\,\varphi_1(\lambda\,dt) = \frac{e^{\lambda\,dt} - 1}{\lambda}

    Parameters
    ----------
    poles : array, any shape, such as (n,) or (channels, n), real or complex
        Continuous eigenvalues :math:`\lambda`.
    dt : float or array that broadcasts with `poles`, such as (samples, channels, 1)
        Steps, not negative. A step of 0 keeps the state: a = 1, b = 0.
    method : {"zoh", "bilinear", "impulse", "forward_euler", "backward_euler"}
        ``zoh`` is the rule above. ``impulse`` has the same a, and b = dt. The others are the generalised
        bilinear rule, :math:`a = (1 + (1 - \alpha)\lambda\,dt) / (1 - \alpha\lambda\,dt)` and
        :math:`b = dt / (1 - \alpha\lambda\,dt)`, with alpha = 1/2, 0 and 1.
    gap : float or array that broadcasts with `poles`, optional
        Time since the previous sample, if it differs from the step (event time). Then a uses `gap`, and b
        uses `dt`.

    Returns
    -------
    a : array, shape of `poles` and `dt` (or `gap`) broadcast
        Factors of the states.
    b : array, shape of `poles` and `dt` broadcast
        Factors of the inputs. Both results have the dtype of `poles`, or the wider one of an array `dt`.

    Raises
    ------
    TypeError
        Not arrays or numbers, or arrays of two libraries or devices.
    ValueError
        Shapes that do not broadcast, a negative step, values that are not finite, an unknown method, a pole
        at 1/(alpha dt), or factors that overflow, as for an unstable pole and a long step.

    Notes
    -----
    ``scan(a, b * B * u)``, with B and u that depend on the sample, is a selective model [1]_. The rule is
    ``impulse`` in the published code of Mamba and ``zoh`` in the paper. Poles of 0 are allowed. The cost is
    O(1) per element, in the precision of the arguments, and the error is about
    :math:`(1 + |\lambda\,dt|)` eps.

    *Events at irregular times.* With `gap`, an event is a pulse of length `dt`, and its weight does not
    depend on the time since the previous one [2]_ (their step times the time difference is `gap` here). In
    lrnnx, "async" uses the gap for b as well. That is ``zoh`` over the gap: the weight of an event grows with
    the time before it. For Dirac impulses of area u use ``scan(a, B * u)``.

    References
    ----------
    .. [1] Gu & Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, eq. 4.
    .. [2] Schoene, Sushma, Zhuge, Mayr, Subramoney & Kappel (2024), Scalable Event-by-event Processing of
       Neuromorphic Sensory Signals With Deep State-Space Models, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> poles, u = np.array([-1.0, -2.0]), np.array([1.0, 0.0, 1.0])
    >>> dt = np.array([0.1, 0.1, 0.5])
    >>> a, b = ss.discretize_diagonal(poles, dt[:, None])
    >>> ss.scan(a, b * u[:, None]).round(3)
    array([[0.095, 0.091],
           [0.086, 0.074],
           [0.446, 0.343]])
    """
    if method not in get_args(StepRule):
        raise ValueError(f"method must be one of {get_args(StepRule)}; got {method!r}")
    poles, steps, gaps = _check(poles, dt, gap)
    xp = array_namespace(poles)
    with ignore_overflow():
        z = steps * poles
        a, b = _transition(gaps * poles, method), _input_factor(z, steps, method)
        if not all(all_true(xp.isfinite(values)) for values in (z, a, b)):
            raise ValueError("the factors overflow: a pole grows by too much in a step; use smaller steps")
    return a, b


def _check(poles: Array, dt: Any, gap: Any) -> tuple[Array, Array, Array]:
    """Return poles, steps and gaps as arrays of one precision that broadcast."""
    given = {"poles": poles, "dt": dt} if gap is None else {"poles": poles, "dt": dt, "gap": gap}
    xp = array_namespace(poles, names=["poles"])
    poles, *times = (
        check_array(name, _as_array(value, poles), allow_complex=name == "poles")
        for name, value in given.items()
    )
    for name, values in zip(list(given)[1:], times, strict=True):
        array_namespace(poles, values, names=["poles", name])
        if not all_true(values >= 0.0):
            raise ValueError(f"{name} must not be negative; the least is {float(xp.min(values)):g}")
        try:
            np.broadcast_shapes(tuple(poles.shape), tuple(values.shape))
        except ValueError:
            shapes = f"{tuple(poles.shape)} and {name} {tuple(values.shape)}"
            raise ValueError(f"poles {shapes} do not broadcast: append axes of length 1 to {name}") from None
    dtype = xp.result_type(poles, *times)
    real = xp.float32 if dtype in (xp.float32, xp.complex64) else xp.float64
    steps, *gaps = (xp.astype(values, real, copy=False) for values in times)
    return xp.astype(poles, dtype, copy=False), steps, gaps[0] if gaps else steps


def _as_array(value: Any, poles: Array) -> Array:
    """Return a number as an array like the poles, and an array unchanged."""
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating | np.integer):
        return value
    xp = array_namespace(poles)
    single = poles.dtype in (xp.float32, xp.complex64)
    return xp.asarray(float(value), dtype=xp.float32 if single else xp.float64, device=compat.device(poles))


def exponents(poles: Array, steps: Array, method: StepRule) -> tuple[Array, Array]:
    """Return the logarithms z of the factors a, and the input factors b, of an exponential or bilinear step.

    The poles are complex128, as in `diagonal_kernel`.
    """
    xp = array_namespace(poles)
    z = steps * poles
    beta = _input_factor(z, steps, method)
    if method != "bilinear":
        return z, beta
    with np.errstate(divide="ignore"):  # a pole at -2/dt is a mode that vanishes after one step
        log = 2.0 * xp.atanh(0.5 * z)
    gone, zero = xp.real(log) < _FASTEST, xp.zeros_like(xp.real(log))
    decay, phase = xp.where(gone, zero + _FASTEST, xp.real(log)), xp.where(gone, zero, xp.imag(log))
    return xp.astype(decay, z.dtype) + 1j * xp.astype(phase, z.dtype), beta


def _transition(z: Array, method: StepRule) -> Array:
    """Return a for z = pole times step."""
    if method not in _ALPHAS:
        return array_namespace(z).exp(z)
    alpha = _ALPHAS[method]
    return (1.0 + (1.0 - alpha) * z) / _denominator(z, alpha)


def _input_factor(z: Array, steps: Array, method: StepRule) -> Array:
    """Return b for z = pole times step, and the steps themselves."""
    if method == "zoh":
        return steps * phi1(z)
    if method == "impulse":
        return steps + 0.0 * z
    return steps / _denominator(z, _ALPHAS[method])


def _denominator(z: Array, alpha: float) -> Array:
    if alpha and not all_true(alpha * z != 1.0):
        raise ValueError(f"{1.0 / alpha:g}/dt is a pole: choose another dt")
    return 1.0 - alpha * z
