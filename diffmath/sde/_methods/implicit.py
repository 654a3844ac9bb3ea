r"""Drift-implicit methods for stiff equations: the theta family of Euler-Maruyama and of Milstein.

`theta_maruyama`, `theta_milstein` and `ImplicitSRA` state when to use them. Noise is always treated
explicitly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from diffmath._arrays.devices import is_off_host
from diffmath._arrays.models import SDE
from diffmath._core.numbers import check_number
from diffmath._core.solution import Status
from diffmath._core.typing import Array
from diffmath._newton.newton import Newton
from diffmath._newton.plan import Plan
from diffmath._newton.problems import WithJacobian
from diffmath.sde._methods.implicit_slope import implicit_slope, planned_slope, without
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.scheme import Scheme
from diffmath.sde._methods.steppers import apply_diffusion
from diffmath.sde._methods.trial import Trial

__all__ = [
    "ImplicitMethod", "check_newton", "drift_of", "implicit_euler_maruyama", "implicit_milstein",
    "theta_maruyama", "theta_milstein",
]  # fmt: skip


class ImplicitMethod(Method):
    """A method that solves equations by Newton's iteration and reports where that fails."""

    failure: ClassVar[Status] = "newton_failed"
    trouble: ClassVar[str] = "Newton's iteration failed"
    remedy: ClassVar[str] = (
        "give the SDE its drift_jacobian, or correct it, or check the drift there: it may not be "
        "finite, or it may jump"
    )


def theta_maruyama(theta: float, *, newton: Newton = Newton()) -> Method:  # noqa: B008 (frozen)
    r"""Return the drift-implicit Euler-Maruyama method, for stiff drifts and any noise.

    .. math:: x_{n+1} = x_n + h\,\bigl((1 - \theta) f(t_n, x_n) + \theta f(t_{n+1}, x_{n+1})\bigr)
              + g(t_n, x_n)\,\Delta W

    Parameters
    ----------
    theta : float
        In (0, 2]: 1 is the implicit Euler method, 1/2 the trapezoidal rule.
    newton : ode.Newton
        Settings of the iteration that solves the equation of a step.

    Returns
    -------
    Method
        For Ito noise of every class, or additive noise of either calculus.

    Raises
    ------
    TypeError, ValueError
        `theta` is not a number in (0, 2], or `newton` is not an `ode.Newton`. A solve raises `SolveError`
        with the status "newton_failed" if the iteration does not converge.

    Notes
    -----
    *When.* If the drift is stiff, so that stability, not accuracy, limits the step of explicit methods;
    otherwise `euler_maruyama` costs less. For additive noise `skencarp` has smaller path errors, for diagonal
    noise `implicit_milstein`. The noise is explicit: strong noise limits the step.

    Strong order 1/2, 1 for additive noise; weak order 1. For :math:`dX = -\lambda X\,dt + \mu X\,dW` the mean
    square decays by

    .. math:: \frac{(1 - (1 - \theta) \lambda h)^2 + \mu^2 h}{(1 + \theta \lambda h)^2}

    per step: for :math:`\theta \ge 1/2` at every h, if the exact one decays (:math:`\mu^2 < 2 \lambda`) [1]_.
    Use 1 if fast components should be damped; 1/2 keeps the stationary variance of a linear drift with
    additive noise exactly, at any step, but oscillates. A given ``model.drift_jacobian`` is used, otherwise
    differences.

    *Cost.* For a linear drift two evaluations per step, as `evaluations` states, and one more if theta is not
    1; usually one or two more for a nonlinear drift, and dim + 1 for finite differences. One inverse of a
    (dim, dim) matrix per row and step. The result has the library, device and precision of the state.

    References
    ----------
    .. [1] Higham (2000), Mean-square and asymptotic stability of the stochastic theta method, SIAM J. Numer.
       Anal. 38, 753-769.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> stiff = sde.SDE(lambda t, x: -100.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    >>> method, key = sde.theta_maruyama(0.5), dm.random.key(0)
    >>> x = sde.solve(stiff, np.zeros((2000, 1)), np.linspace(0, 10, 101), method=method, key=key).x
    >>> bool(abs(x[20:].var() * 200 - 1) < 0.02)  # the variance 1 / (2 lambda), though lambda h = 10
    True
    """
    step = _ThetaStep(_checked_theta(theta), check_newton(newton), milstein=False)
    return ImplicitMethod(
        name="implicit_euler_maruyama" if theta == 1 else f"theta_maruyama({theta:g})",
        step=step,
        orders={
            "additive": (1.0, 1.0),
            "diagonal": (0.5, 1.0),
            "scalar": (0.5, 1.0),
            "commutative": (0.5, 1.0),
            "general": (0.5, 1.0),
        },
        calculi=("ito",),
        reference="Kloeden & Platen (1992), section 12.2; Higham (2000), SIAM J. Numer. Anal. 38, 753-769",
        evaluations=2 if theta == 1 else 3,
    )


def theta_milstein(theta: float, *, newton: Newton = Newton()) -> Method:  # noqa: B008 (frozen)
    r"""Return the drift-implicit Milstein method, for stiff drifts with diagonal noise of either calculus.

    .. math:: x_{n+1} = x_n + h\,\bigl((1 - \theta) f(t_n, x_n) + \theta f(t_{n+1}, x_{n+1})\bigr)
              + g\,\Delta W + \tfrac12\,g\,\partial_x g\,
              \begin{cases} \Delta W^2 - h & \text{Ito} \\ \Delta W^2 & \text{Stratonovich} \end{cases}

    Parameters
    ----------
    theta : float
        In (0, 2]: 1 is the implicit Milstein method.
    newton : ode.Newton
        Settings of the iteration that solves the equation of a step.

    Returns
    -------
    Method
        For additive noise, and for diagonal noise with ``model.diffusion_derivative``.

    Raises
    ------
    TypeError, ValueError
        `theta` is not a number in (0, 2], or `newton` is not an `ode.Newton`. A solve raises `SolveError`
        with the status "newton_failed" if the iteration does not converge.

    Notes
    -----
    *When.* Like `theta_maruyama`, for diagonal noise, if path errors matter and not only averages.

    Strong order 1, weak order 1. The cost is that of `theta_maruyama`. For the Ito equation
    :math:`dX = -\lambda X\,dt + \mu X\,dW` the mean square decays by

    .. math:: \frac{(1 - (1 - \theta) \lambda h)^2 + \mu^2 h + \tfrac12 \mu^4 h^2}{(1 + \theta \lambda h)^2}

    per step, so the Milstein term limits the step for :math:`\theta = 1` if :math:`\mu^4 > 2 \lambda^2`. From
    :math:`\theta = 3/2` on it decays at every h if the exact one does [1]_. With weaker noise, 1 has the
    smaller error.

    References
    ----------
    .. [1] Higham (2000), A-stability and stochastic mean-square stability, BIT 40, 404-409.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> def one(t, x):
    ...     return 0.0 * x + 1.0
    >>> stiff = sde.SDE(lambda t, x: -1e4 * (x - 1), lambda t, x: x, diffusion_derivative=one)
    >>> key = dm.random.key(0)
    >>> solution = sde.solve(stiff, np.zeros((5, 1)), [0, 1, 2], method=sde.theta_milstein(1.0), key=key)
    >>> bool(abs(solution.x[-1] - 1).max() < 1e-3)
    True
    """
    step = _ThetaStep(_checked_theta(theta), check_newton(newton), milstein=True)
    return ImplicitMethod(
        name="implicit_milstein" if theta == 1 else f"theta_milstein({theta:g})",
        step=step,
        orders={"additive": (1.0, 1.0), "diagonal": (1.0, 1.0)},
        reference="Kloeden & Platen (1992), section 12.2; Higham (2000), BIT 40, 404-409",
        needs_derivative=True,
        evaluations=2 if theta == 1 else 3,
    )


@dataclass(frozen=True)
class _ThetaStep(Scheme):
    """The step of both families: the explicit terms, then one equation for h f at the new state.

    Its state is the plan of the iterations on a device, an empty tuple where nothing is known.
    """

    theta: float
    newton: Newton
    milstein: bool

    def init(self, model: SDE, t: float, x: Array) -> tuple[Any, ...]:
        return ()

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        f, theta = drift_of(model), self.theta
        base = x + self._noise(model, t, x, dt, noise)
        if theta != 1.0:
            base = base + (1.0 - theta) * dt * f(t, x)
        if is_off_host(base) and base.shape[0]:
            stages, state = planned_slope(self.newton, f, t + dt, base, dt, theta, Plan(*state))
            if not stages.lost:
                return Trial(stages.ended(base + theta * stages.slopes[0]), None, state)
        slope, failed = implicit_slope(self.newton, f, t + dt, base, dt, theta)
        return Trial(without(failed, base + theta * slope), None, state)

    def _noise(self, model: SDE, t: float, x: Array, dt: float, dW: Array) -> Array:
        g = model.diffusion(t, x)
        if not self.milstein or model.noise == "additive":
            return apply_diffusion(g, dW)
        assert model.diffusion_derivative is not None, "Method.check has refused this model"
        iterated = dW * dW - abs(dt) if model.calculus == "ito" else dW * dW
        return g * dW + 0.5 * g * model.diffusion_derivative(t, x) * iterated


def drift_of(model: SDE) -> Any:
    """Return the drift for the Newton iteration, with the Jacobian if the model has one."""
    return model.drift if model.drift_jacobian is None else WithJacobian(model.drift, model.drift_jacobian)


def _checked_theta(theta: Any) -> float:
    number = check_number("theta", theta)
    if not 0 < number <= 2:
        raise ValueError(f"theta must lie in (0, 2], 1 for the implicit Euler method; got {theta}")
    return number


def check_newton(newton: Any) -> Newton:
    if not isinstance(newton, Newton):
        raise TypeError(f"newton must be an ode.Newton; got {type(newton).__name__}")
    return newton


implicit_euler_maruyama = theta_maruyama(1.0)

implicit_milstein = theta_milstein(1.0)
