r"""Step-size control: the error norm of every row, the first step, and the controllers.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, sections II.4 and IV.2
(of volume II) for the PI controller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, to_numpy
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.one_clock import Law
from diffmath._stepping.tolerance import Tolerance

__all__ = [
    "IController",
    "PIController",
    "PIDController",
    "Tolerance",
    "finite_rows",
    "initial_step",
    "sound_rows",
]


def finite_rows(x: Array) -> npt.NDArray[np.bool_]:
    """Return, for every row, whether all its components are finite, on the host: one copy."""
    if type(x) is np.ndarray:
        if math.isfinite(np.vdot(x, x).real):  # no square is infinite, so no number is
            return np.ones(x.shape[0], dtype=bool)
        return np.asarray(np.isfinite(x).reshape(x.shape[0], math.prod(x.shape[1:])).all(axis=1))
    return np.asarray(to_numpy(sound_rows(x)), dtype=bool)


def sound_rows(x: Array) -> Array:
    """Return, for every row, whether all its components are finite, on the device of x."""
    xp = array_namespace(x)
    return xp.all(xp.reshape(xp.isfinite(x), (x.shape[0], math.prod(x.shape[1:]))), axis=1)


@dataclass(frozen=True)
class PIDController:
    r"""Choose the next step size from the last three errors.

    .. math:: \frac{h_{n+1}}{h_n} = \mathrm{safety} \cdot
              \mathrm{err}_n^{-(k_I + k_P + k_D)/q} \; \mathrm{err}_{n-1}^{\,(k_P + 2 k_D)/q} \;
              \mathrm{err}_{n-2}^{-k_D/q}, \qquad q = \text{embedded order} + 1

    Parameters
    ----------
    safety : float
        Factor applied to the step that would just be accepted.
    min_factor, max_factor : float
        Bounds of the ratio of two successive steps.
    integral, proportional, derivative : float
        The gains k_I, k_P, k_D; by default those of Kennedy & Carpenter [2]_.

    Notes
    -----
    Smoother steps cost nothing if accuracy limits the step, and save rejections if stability limits it. After
    a rejected step, the next one uses only the last error and does not grow.

    References
    ----------
    .. [1] Soderlind (2003), Digital filters in adaptive time-stepping, ACM TOMS 29, 1-26, (31).
    .. [2] Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.PIDController().factor(np.array([1.0, 1e-9]), np.array([1.0, 1.0]), 4)
    array([0.9       , 6.85871...])
    """

    safety: float = 0.9
    min_factor: float = 0.2
    max_factor: float = 10.0
    integral: float = 0.25
    proportional: float = 0.14
    derivative: float = 0.10

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(check_number(field.name, getattr(self, field.name))):
                raise ValueError(f"{field.name} must be finite; got {getattr(self, field.name)}")
        if not 0 < self.safety < 1:
            raise ValueError(f"safety must lie in (0, 1); got {self.safety}")
        if not 0 < self.min_factor < 1 < self.max_factor < math.inf:
            raise ValueError(
                f"min_factor < 1 < max_factor must hold; got min_factor={self.min_factor}, "
                f"max_factor={self.max_factor}"
            )

    def law(self, embedded_order: int) -> Law:
        """Return the coefficients that `advance` uses: bounds, and the exponents of three errors."""
        q = embedded_order + 1
        now = -(self.integral + self.proportional + self.derivative) / q
        then = (self.proportional + 2 * self.derivative) / q
        gains = now, then, -self.derivative / q, -1.0 / q
        return (float(self.safety), float(self.min_factor), float(self.max_factor), *gains)

    def factor(self, error: Rows, previous: Rows, embedded_order: int) -> Rows:
        """Return the ratio of the next step to this one, for accepted steps with second-last error 1."""
        law = self.law(embedded_order)
        tiny = np.finfo(np.float64).tiny
        ratio = law[0] * np.maximum(error, tiny) ** law[3] * np.maximum(previous, 1e-4) ** law[4]
        return np.asarray(np.clip(ratio, law[1], law[2]))


@dataclass(frozen=True)
class PIController(PIDController):
    r"""Choose the next step size from the last two errors: a `PIDController` without the derivative term.

    .. math:: \frac{h_{n+1}}{h_n} = \mathrm{safety} \cdot
              \mathrm{err}_n^{-(k_I + k_P)/q} \; \mathrm{err}_{n-1}^{\,k_P/q},
              \qquad q = \text{embedded order} + 1

    Parameters
    ----------
    safety, min_factor, max_factor, integral, proportional, derivative : float
        As for `PIDController`; the default gains are those of DOPRI5 [1]_.

    References
    ----------
    .. [1] Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.2, (2.43c),
       with beta = 0.04 at q = 5.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.PIController().factor(np.array([1.0, 1e-9]), np.array([1.0, 1.0]), 4)
    array([ 0.9, 10. ])
    """

    integral: float = 0.65
    proportional: float = 0.2
    derivative: float = 0.0


@dataclass(frozen=True)
class IController(PIDController):
    r"""Choose the next step size from the last error: the classical controller.

    .. math:: \frac{h_{n+1}}{h_n} = \mathrm{safety} \cdot \mathrm{err}_n^{-k_I/q},
              \qquad q = \text{embedded order} + 1

    Parameters
    ----------
    safety, min_factor, max_factor, integral, proportional, derivative : float
        As for `PIDController`.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, (II.4.13).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.IController().factor(np.array([1.0, 32.0]), np.array([1.0, 1.0]), 4)
    array([0.9 , 0.45])
    """

    integral: float = 1.0
    proportional: float = 0.0
    derivative: float = 0.0


def initial_step(
    f: Drift,
    clock: tuple[Rows, float, float],
    x: Array,
    slope: Array,
    order: int,
    tolerance: Tolerance,
    share: Callable[[Rows], Rows],
    send: Callable[[Rows], Time],
) -> Rows:
    """Return the size of the first step of every row (one evaluation of f).

    `clock` holds the times, the direction (+1 or -1) and the longest step; `share` makes values per row equal
    if the rows share a step, `send` copies them to the device. The algorithm is that of Hairer, Norsett &
    Wanner, section II.4, (4.14). Theirs assumes times of order 1; here times are measured in units of the
    time scale on which the state changes, or of the longest step.
    """
    t, direction, longest = clock
    if x.shape[0] == 1:
        return _initial_step_of_one(f, clock, x, slope, order, tolerance, send)
    d0, d1 = tolerance.norm(x, x), tolerance.norm(slope, x)
    trusted = (d0 >= 1e-5) & (d1 * longest >= 1e-5) & np.isfinite(d0 / np.where(d1 > 0, d1, 1.0))
    trusted &= np.isfinite(d1)  # squares overflow, above 1e19 in float32
    unit = np.where(trusted, np.minimum(d0 / np.where(trusted, d1, 1.0), longest), longest)
    h0 = np.where(trusted, 0.01, 1e-6) * unit
    h0 = share(np.minimum(np.maximum(h0, np.spacing(np.abs(t))), longest))
    ahead: Any = f(send(t + direction * h0), x + send(direction * h0) * slope)
    d2 = tolerance.norm(ahead - slope, x) / h0
    known = np.isfinite(d1) & np.isfinite(d2)
    # The slope may change faster than the state; a slope that happens to be near zero does not show this.
    faster = d1 / np.where(known & (d2 > 0), d2, np.nan)
    unit = np.where(known & (d2 > 0), np.minimum(np.maximum(faster, 1e-3 * unit), unit), unit)
    change = np.where(known, np.maximum(d1 * unit, d2 * unit * unit), 1.0)
    h1 = np.where(known, unit * (0.01 / np.maximum(change, 1e-15)) ** (1.0 / order), 1e-3 * h0)
    return share(np.minimum(np.minimum(100 * h0, h1), longest))


def _initial_step_of_one(
    f: Drift,
    clock: tuple[Rows, float, float],
    x: Array,
    slope: Array,
    order: int,
    tolerance: Tolerance,
    send: Callable[[Rows], Time],
) -> Rows:
    """Return what `initial_step` does for one row, by plain numbers."""
    t, direction, longest = clock
    d0, d1 = tolerance.norm_of_one(x, x), tolerance.norm_of_one(slope, x)
    trusted = d0 >= 1e-5 and d1 > 0 and d1 * longest >= 1e-5 and math.isfinite(d1) and math.isfinite(d0 / d1)
    unit = min(d0 / d1, longest) if trusted else longest
    h0 = min(max((0.01 if trusted else 1e-6) * unit, math.ulp(t.item())), longest)
    ahead: Any = f(send(t + direction * h0), x + send(np.array([direction * h0])) * slope)
    d2 = tolerance.norm_of_one(ahead - slope, x) / h0
    if not (math.isfinite(d1) and math.isfinite(d2)):
        return np.array([min(min(100 * h0, 1e-3 * h0), longest)])
    if d2 > 0:
        unit = min(max(d1 / d2, 1e-3 * unit), unit)
    change = max(d1 * unit, d2 * unit * unit)
    # A power of an array, whose last place may not be that of a number.
    h1 = unit * (np.array([0.01 / max(change, 1e-15)]) ** (1.0 / order)).item()
    return np.array([min(min(100 * h0, h1), longest)])
