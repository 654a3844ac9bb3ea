r"""DPM-Solver-12 and DPM-Solver-23: embedded pairs of exponential steps, with an adaptive step in log-SNR.

With M the noise E (or the data D), z = h (or -h) for a step h in log-SNR, and :math:`a_c, b_c` the factors of
the state and of M at the fraction c of the step,

.. math:: x_{c} = a_c x + b_c\big(M (1 - e^{cz}) - \tfrac{c}{r_1}\psi(cz)(M_1 - M)\big), \qquad
   \psi(z) = \frac{e^z - 1}{z} - 1

Source: Lu et al. (2022), arXiv:2206.00927, appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from diffmath._arrays.scalars import elementary
from diffmath._core.solution import Solution
from diffmath._core.typing import Array, Drift, Score, Time
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.diffusion._likelihood import solve_flow
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.ode import IController

__all__ = ["dpm_adaptive"]


def dpm_adaptive(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    *,
    order: Literal[2, 3] = 3,
    form: Literal["noise", "data"] = "noise",
    rtol: float = 1e-3,
    atol: float = 1e-3,
    batch: Literal["rows", "shared"] = "rows",
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve the probability-flow ODE by DPM-Solver-12 or -23, whose steps in log-SNR every row chooses.

    .. math:: h \leftarrow 0.9\,h\,\mathrm{err}^{-1/p}, \qquad
       \mathrm{err} = \mathrm{rms}\,\frac{x^{(p)} - x^{(p-1)}}{\mathrm{atol} + \mathrm{rtol}\,|x|}

    Parameters
    ----------
    process, model, x_T, times, batch, max_steps, progress, with_gradient, on_failure
        As in `probability_flow`. `times` must have alpha > 0 and sigma > 0.
    order : {2, 3}
        p: 2 is DPM-Solver-12, two evaluations a step; 3 is DPM-Solver-23, three evaluations.
    form : {"noise", "data"}
        What the steps hold constant to first order: the noise, as published, or the denoised data (as in
        DPM-Solver++).
    rtol, atol : float or array
        Tolerances of a step, for the state scaled by :math:`(\alpha^2 + \sigma^2)^{-1/2}`.

    Returns
    -------
    Solution
        As for `probability_flow`.

    Raises
    ------
    TypeError, ValueError, SolveError
        As for `probability_flow`; another `order` or `form`; times where the log-SNR is infinite.

    Notes
    -----
    The two results of a step share their evaluations. The published error divides by
    max(atol, rtol max(\|x_lo\|, \|x_prev\|)); here it is the norm of `ode.solve`, of each row separately, at
    most twice that. A pair of `ode` on the angle (`probability_flow`) needs fewer evaluations for equal
    tolerances.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> x, exact = np.array([[0.5], [-1.0]]), target.flow_map(process)
    >>> found = diffusion.dpm_adaptive(process, target.score(process), x, [1.0, 0.001], rtol=1e-6, atol=1e-6)
    >>> bool(abs(found.x[-1] - exact(x, 1.0, 0.001)).max() < 1e-5)
    True
    """
    if order not in (2, 3):
        raise ValueError(f"order must be 2 (DPM-Solver-12) or 3 (DPM-Solver-23); got {order!r}")
    if form not in ("noise", "data"):
        raise ValueError(f"form must be 'noise' or 'data'; got {form!r}")
    return solve_flow(
        process, model, x_T, times, "log_snr", method=_Pair(order, form == "noise"), rtol=rtol, atol=atol,
        batch=batch, controller=IController(), max_steps=max_steps, progress=progress,
        with_gradient=with_gradient, on_failure=on_failure,
    )  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """An embedded pair as a method of `ode` for y(log-SNR), whose slope gives the noise and the data."""

    order: int
    of_noise: bool

    @property
    def embedded_order(self) -> int:
        """The order of the other result."""
        return self.order - 1

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Return the state after a step."""
        return self.attempt(f, SlopeState(None), t, x, dt).x

    def init(self, f: Drift, t: Time, x: Array) -> SlopeState:
        """Return no slope: the first attempt evaluates it."""
        return SlopeState(None)

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        """Try a step: both results, which share their evaluations."""
        slope = f(t, x) if state.slope is None else state.slope
        start, values = t, [self._value(t, x, slope)]
        nodes = [0.5] if self.order == 2 else [1 / 3, 2 / 3]
        for c in nodes:
            inner = self._state(start, x, dt, c, values, nodes[0])
            values.append(self._value(t + c * dt, inner, f(t + c * dt, inner)))
        if self.order == 2:
            low = self._first(start, x, dt, 1.0, values[0])
            high = self._first(start, x, dt, 1.0, values[1])
        else:
            low = self._first(start, x, dt, 1.0, values[0] + 1.5 * (values[1] - values[0]))
            high = self._state(start, x, dt, 1.0, [values[0], values[2]], nodes[1])
        return Trial(high, high - low, SlopeState(None), None)

    def _factors(self, lam: Time) -> tuple[Any, Any]:
        """Return the factors of the held quantity and of the other one in y: cosine and sine of the angle."""
        m = elementary(lam)
        alpha, sigma = 1 / m.sqrt(1 + m.exp(-2 * lam)), 1 / m.sqrt(1 + m.exp(2 * lam))
        return (sigma, alpha) if self.of_noise else (alpha, sigma)

    def _value(self, lam: Time, y: Array, slope: Array) -> Array:
        """Return the noise or the data: y = cos D + sin E, and the slope is -sin cos (cos E - sin D)."""
        own = self._factors(lam)[0]
        return own * y - slope / own if self.of_noise else own * y + slope / own

    def _first(self, lam: Time, y: Array, h: Time, c: float, value: Array) -> Array:
        return self._state(lam, y, h, c, [value], 1.0)

    def _state(self, lam: Time, y: Array, h: Time, c: float, values: list[Array], r: float) -> Array:
        """Return y at the fraction c of the step, from the value at its start and one at the fraction r."""
        own, other = self._factors(lam + c * h)
        z = c * h if self.of_noise else -c * h
        m = elementary(z)
        grown = m.expm1(z)
        new = other / self._factors(lam)[1] * y - own * grown * values[0]
        if len(values) == 1:
            return new
        safe = z + (z == 0)  # the factor of a step of length 0 is 0
        return new - own * (c / r) * (grown / safe - 1) * (z != 0) * (values[1] - values[0])
