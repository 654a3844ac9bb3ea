r"""Runge-Kutta methods driven by W and the space-time Levy area H, for additive and for Stratonovich noise.

Sources: Foster, dos Reis & Strange (2024), High order splitting methods for SDEs satisfying a commutativity
condition, SIAM J. Numer. Anal. 62, 500-532 (arXiv:2210.17543); Foster & Jelincic (2023), On the convergence
of adaptive approximations for stochastic differential equations, arXiv:2311.14201.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._methods import Trial
from diffmath.sde._noise import Increment
from diffmath.sde._srk.stages import TableauStep, add, area, needed, tableau_method, weighted
from diffmath.sde._tableaux import AdditiveNoiseTableau, StochasticTableau, StratonovichTableau
from diffmath.symbolic import square_root

__all__ = [
    "AdditiveRungeKutta", "StratonovichRungeKutta", "general_shark", "sea", "shark", "slow_rk", "spark",
]  # fmt: skip


@dataclass(frozen=True, repr=False)
class AdditiveRungeKutta(TableauStep):
    r"""The step of a Runge-Kutta method for additive noise, driven by (W, H).

    .. math::
        z_i &= x + \sum_j A^{(0)}_{ij} f(t + c^{(0)}_j h, z_j)\,h
            + \sum_j g(t + c^{(1)}_j h) \bigl(B^{(W)}_{ij} W + B^{(H)}_{ij} H\bigr), \\
        x_{n+1} &= x + \sum_i \alpha_i f(t + c^{(0)}_i h, z_i)\,h
            + \sum_j g(t + c^{(1)}_j h) \bigl(\beta^{(W)}_j W + \beta^{(H)}_j H\bigr)

    Parameters
    ----------
    tableau : AdditiveNoiseTableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with an `Increment` that has H. The noise is always that of the
    elapsed time, also for negative `dt`.

    *When to use.* `shark` and `sra1` have the same cost and the same orders; the error constant of `shark` is
    often smaller. `sea` has order 1 with one evaluation of the drift: local errors are :math:`O(h^2)` instead
    of :math:`O(h^{3/2})` for Euler-Maruyama, and the constant is smaller. Methods with `alpha_embedded` have
    an error estimate.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, equations (5.8) and (6.1).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> decay = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> noise = sde.Increment(0.1, np.full((1, 1), 0.3), H=np.zeros((1, 1)))
    >>> sde.sea.step(decay, 0.0, np.zeros((1, 1)), 0.1, noise)  # -0.1 (0.15) + 0.3
    array([[0.285]])
    """

    family: ClassVar[type[StochasticTableau]] = AdditiveNoiseTableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step; the error is the difference from the embedded state, with other drift weights."""
        slopes, kick = self._stages(model, t, x, dt, noise)
        c = self.tableau.floats
        moved = add(kick, dt, weighted(c["alpha"], slopes), None, noise.W)
        error = None
        if estimate and self.has_estimate:
            error = moved - add(kick, dt, weighted(c["alpha_embedded"], slopes), None, noise.W)
        return Trial(moved, error, state)

    def _stages(
        self, model: SDE, t: float, x: Array, dt: float, noise: Increment
    ) -> tuple[list[Array], Array]:
        """Return the slopes, and the state with only the noise added."""
        H = area(noise)
        c = self.tableau.floats
        g = [model.diffusion(t + node * dt, x) for node in c["c1"]]
        slopes: list[Array] = []
        for c0, a_row, w_row, h_row in zip(c["c0"], c["A0"], c["BW"], c["BH"], strict=True):
            state = add(x, dt, weighted(a_row, slopes), weighted(w_row, g), noise.W)
            slopes.append(model.drift(t + c0 * dt, add(state, dt, None, weighted(h_row, g), H)))
        kick = add(x, dt, None, weighted(c["betaW"], g), noise.W)
        return slopes, add(kick, dt, None, weighted(c["betaH"], g), H)


@dataclass(frozen=True, repr=False)
class StratonovichRungeKutta(TableauStep):
    r"""The step of a Runge-Kutta method for Stratonovich noise, driven by (W, H).

    .. math::
        z_i &= x + \sum_j A^{(0)}_{ij} f(t + c_j h, z_j)\,h
            + \sum_j g(t + c_j h, z_j) \bigl(B^{(W)}_{ij} W + B^{(H)}_{ij} H\bigr), \\
        x_{n+1} &= x + \sum_i \alpha_i f(t + c_i h, z_i)\,h
            + \sum_i g(t + c_i h, z_i) \bigl(\beta^{(W)}_i W + \beta^{(H)}_i H\bigr)

    Parameters
    ----------
    tableau : StratonovichTableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with an `Increment` that has H. The noise is always that of the
    elapsed time, also for negative `dt`.

    *When to use.* `slow_rk` for diagonal, scalar and other commutative Stratonovich noise: strong order 3/2.
    `general_shark` and `spark` for general noise, where no method without Levy areas has an order above 1/2;
    their constants are small, and `spark` has an error estimate. Not for Ito equations: convert them
    (`symbolic.SDE`), or use `sriw1`. For additive noise `shark` has the same order with fewer evaluations.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, equations (6.1) and (6.2).
    .. [2] Foster & Jelincic (2023), arXiv:2311.14201, definition 1.6.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> growth = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: x, calculus="stratonovich")
    >>> noise = sde.Increment(0.01, np.full((1, 1), 0.1), H=np.zeros((1, 1)))
    >>> sde.slow_rk.step(growth, 0.0, np.ones((1, 1)), 0.01, noise)  # exp(0.1) = 1.105170918
    array([[1.1051708...]])
    """

    family: ClassVar[type[StochasticTableau]] = StratonovichTableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step; the error is the difference from the embedded state, whose weights do not use H."""
        slopes, g = self._stages(model, t, x, dt, noise)
        c = self.tableau.floats
        moved = add(x, dt, weighted(c["alpha"], slopes), weighted(c["betaW"], g), noise.W)
        moved = add(moved, dt, None, weighted(c["betaH"], g), area(noise))
        error = None
        if estimate and self.has_estimate:
            drift, kick = weighted(c["alpha_embedded"], slopes), weighted(c["betaW_embedded"], g)
            error = moved - add(x, dt, drift, kick, noise.W)
        return Trial(moved, error, state)

    def _stages(
        self, model: SDE, t: float, x: Array, dt: float, noise: Increment
    ) -> tuple[list[Array | None], list[Array | None]]:
        H = area(noise)
        c = self.tableau.floats
        drifts = needed(*c["A0"], c["alpha"])
        diffusions = needed(*c["BW"], *c["BH"], c["betaW"], c["betaH"])
        slopes: list[Array | None] = []
        g: list[Array | None] = []
        for i, (drift_used, diffusion_used) in enumerate(zip(drifts, diffusions, strict=True)):
            state = add(x, dt, weighted(c["A0"][i], slopes), weighted(c["BW"][i], g), noise.W)
            state = add(state, dt, None, weighted(c["BH"][i], g), H)
            time = t + c["c0"][i] * dt
            slopes.append(model.drift(time, state) if drift_used else None)
            g.append(model.diffusion(time, state) if diffusion_used else None)
        return slopes, g


_SPLITTING = "Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, equation ({})"

# The diffusion is evaluated at the middle of the step, like the drift: for constant noise nothing changes.
sea = tableau_method(
    AdditiveRungeKutta, "sea", {"additive": (1.0, 1.0)}, deterministic_order=1, order="1",
    reference=_SPLITTING.format("5.8"),
    alpha=[1], c0=["1/2"], c1=["1/2"],
    BW=[["1/2"]], BH=[[1]],
    betaW=[1], betaH=[0],
)  # fmt: skip

shark = tableau_method(
    AdditiveRungeKutta, "shark", {"additive": (1.5, 2.0)}, deterministic_order=2,
    reference=_SPLITTING.format("6.1"),
    alpha=["2/5", "3/5"], alpha_embedded=[1, 0], c1=[0, 1],
    A0=[[], ["5/6"]],
    BW=[[], ["5/6"]],
    BH=[[1], [1]],
    betaW=["1/2", "1/2"], betaH=[1, -1],
)  # fmt: skip

_COMMUTING = ("diagonal", "scalar", "commutative")
_ORDERS = {"additive": (1.5, 2.0), **dict.fromkeys(_COMMUTING, (1.0, 1.0)), "general": (0.5, 1.0)}

general_shark = tableau_method(
    StratonovichRungeKutta, "general_shark", _ORDERS, deterministic_order=2, order="1",
    calculi=("stratonovich",), reference=_SPLITTING.format("6.1"),
    alpha=[0, "2/5", "3/5"],
    A0=[[], [], [0, "5/6"]],
    BW=[[], [], [0, "5/6"]],
    BH=[[], [1], [1]],
    betaW=[0, "2/5", "3/5"], betaH=[0, "6/5", "-6/5"],
)  # fmt: skip

_OUTER, _INNER = (3 - square_root(3)) / 6, square_root(3) / 3

spark = tableau_method(
    StratonovichRungeKutta, "spark", _ORDERS, deterministic_order=2, order="1",
    calculi=("stratonovich",), reference="Foster & Jelincic (2023), arXiv:2311.14201, definition 1.6",
    alpha=[_OUTER, _INNER, _OUTER], alpha_embedded=["1/2", 0, "1/2"],
    A0=[[], ["1/2"], [0, 1]],
    BW=[[], ["1/2"], [0, 1]],
    BH=[[], [square_root(3)], []],
    betaW=[_OUTER, _INNER, _OUTER], betaW_embedded=["1/2", 0, "1/2"], betaH=[1, 0, -1],
)  # fmt: skip

slow_rk = tableau_method(
    StratonovichRungeKutta, "slow_rk",
    {"additive": (1.5, 2.0), **dict.fromkeys(_COMMUTING, (1.5, 1.5)), "general": (0.5, 1.0)},
    deterministic_order=2, order="3/2",
    calculi=("stratonovich",), reference=_SPLITTING.format("6.2"),
    alpha=["1/3", 0, 0, 0, 0, "2/3", 0],
    A0=[[], ["1/2"], ["1/2"], ["1/2"], ["1/2"], ["3/4"], [1]],
    BW=[[], [], [0, "1/2"], [0, 0, "1/2"], [0, 0, 0, 1], [0, 0, 0, "3/4"], [0, 0, "1/2"]],
    BH=[[], [], [], [], [], [0, 0, 0, "3/2"], []],
    betaW=[0, "1/6", "1/3", "1/3", "1/6", 0, 0], betaH=[0, 0, 0, 2, 0, 0, -2],
)  # fmt: skip
