"""A method is a step with its properties: orders for every class of noise, its noise, its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, get_args

from diffmath._arrays.models import SDE, Calculus, Noise
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.solution import Status
from diffmath._core.typing import Array
from diffmath.sde._noise import LevyIncrements, brownian_increments

__all__ = ["Method", "Order"]

# step(model, t, x, dt, noise); the noise is an item of `increments`: the array dW, or an Increment.
Step = Callable[[SDE, float, Array, float, Any], Array]
Increments = Callable[..., Iterator[Any]]
# The same with an error estimate, an array of the shape of the state.
StepWithError = Callable[[SDE, float, Array, float, Any], tuple[Array, Array]]


class Order(NamedTuple):
    """Strong and weak order of a method for one class of noise.

    Parameters
    ----------
    strong, weak : float or None
        Order of the pathwise error, and of the error of expectations; None if the method has no such order.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.milstein.orders["diagonal"].strong
    1.0
    """

    strong: float | None
    weak: float | None


# The advice for a model whose noise a method does not accept; all of these take both calculi.
_ADVICE = {"additive": "sra1", "general": "milstein_levy", **dict.fromkeys(
    ("diagonal", "scalar", "commutative"), "milstein (sde.derivative_free_milstein without derivatives)"
)}  # fmt: skip


@dataclass(frozen=True)
class Method:
    """A fixed-step method: a step and its properties.

    Parameters
    ----------
    name : str
        For messages and the command line.
    step : callable
        ``step(model, t, x, dt, noise)``: the state at ``t + dt``, a pure function.
    orders : mapping of noise to (strong, weak)
        Strong and weak order for every class of noise that the method accepts; others are refused. None if
        the method has no such order.
    calculi : tuple of str
        Calculi accepted for noise that is not additive (for additive noise they agree).
    reference : str
        Source of the method.
    needs_derivative : bool
        Whether ``model.diffusion_derivative`` is called (for noise that is not additive).
    evaluations : int
        Calls of the drift per step, at least 1.
    increments : callable
        ``increments(key, clock, shape, like=, first_row=)`` iterates over the noise of the steps:
        `brownian_increments`, the default, yields the arrays dW.
    step_with_error : callable, optional
        ``step_with_error(model, t, x, dt, noise)``: the state that `step` returns, and an estimate of its
        error, an array of the same shape, for adaptive steps. None: the method has no error estimate.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.milstein
    Method(milstein, diagonal: strong 1, weak 1)
    >>> sde.euler_maruyama.orders["additive"]
    Order(strong=1.0, weak=1.0)
    >>> sde.milstein.nfe(200)
    200
    """

    # The cause of a non-finite state, and the remedy; implicit methods override them.
    failure: ClassVar[Status] = "nonfinite"
    trouble: ClassVar[str] = "the state is not finite"
    remedy: ClassVar[str] = "check the drift there"
    # Whether steps carry more than the state (see `begin` and `step_carrying`).
    carries: ClassVar[bool] = False

    name: str
    step: Step
    orders: Mapping[str, tuple[float | None, float | None]] = field(hash=False)
    calculi: tuple[Calculus, ...] = get_args(Calculus)
    reference: str = ""
    needs_derivative: bool = False
    evaluations: int = 1
    increments: Increments = field(default=brownian_increments, repr=False)
    step_with_error: StepWithError | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not callable(self.step):
            raise TypeError(
                "a Method has a name, a str, and a step, a callable (model, t, x, dt, noise) -> x_new; "
                f"got {type(self.name).__name__} and {type(self.step).__name__}"
            )
        unknown = set(self.orders) - set(get_args(Noise))
        if unknown or not self.orders:
            raise ValueError(
                f"orders must name classes of noise, {get_args(Noise)}; got {sorted(unknown) or 'none'}"
            )
        self._check_rest()
        if self.step_with_error is not None and not callable(self.step_with_error):
            raise TypeError(
                "step_with_error must be a callable (model, t, x, dt, noise) -> (x_new, error), or None; got "
                f"{type(self.step_with_error).__name__}"
            )
        orders = MappingProxyType({noise: Order(*pair) for noise, pair in self.orders.items()})
        object.__setattr__(self, "orders", orders)

    def _check_rest(self) -> None:
        for noise, pair in self.orders.items():
            numbers = pair if isinstance(pair, tuple | list) and len(pair) == 2 else ("",)
            if any(
                p is not None and (isinstance(p, bool) or not isinstance(p, int | float) or p < 0)
                for p in numbers
            ):
                raise ValueError(
                    f"orders[{noise!r}] must be (strong, weak), numbers of at least 0 or None; got {pair!r}"
                )
        if not isinstance(self.calculi, tuple) or not set(self.calculi) <= set(get_args(Calculus)):
            raise ValueError(f"calculi must be a tuple out of {get_args(Calculus)}; got {self.calculi!r}")
        check_count("evaluations", self.evaluations, 1)
        check_flag("needs_derivative", self.needs_derivative)
        if not callable(self.increments):
            raise TypeError(f"increments must be a callable; got {type(self.increments).__name__}")

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and methods are sent to worker processes.
        fields = (self.calculi, self.reference, self.needs_derivative, self.evaluations, self.increments)
        return type(self), (self.name, self.step, dict(self.orders), *fields, self.step_with_error)

    @property
    def noises(self) -> tuple[str, ...]:
        """Classes of noise that the method accepts."""
        return tuple(self.orders)

    @property
    def strong_order(self) -> float | None:
        """Strong order that holds for all accepted classes of noise."""
        return _least(order[0] for order in self.orders.values())

    @property
    def weak_order(self) -> float | None:
        """Weak order that holds for all accepted classes of noise."""
        return _least(order[1] for order in self.orders.values())

    @property
    def terms(self) -> str:
        """Levy areas that the noise of a step carries in addition to W: letters of "HKA".

        Raises
        ------
        ValueError
            The method draws its own kind of noise, which no Brownian path can supply.
        """
        if self.increments is brownian_increments:
            return ""
        if isinstance(self.increments, LevyIncrements):
            return self.increments.terms
        raise ValueError(
            f"{self.name} draws its own kind of noise, not that of a path: use a method whose increments are "
            "brownian_increments or levy_increments(...)"
        )

    def begin(self, model: SDE, t: float, x: Array) -> Any:
        """Return what the first step carries in addition to the state: None, unless `carries`."""
        return None

    def step_carrying(
        self, model: SDE, t: float, x: Array, dt: float, noise: Any, carried: Any
    ) -> tuple[Array, Any]:
        """Return the state at ``t + dt``, and what the next step carries: a pure function."""
        return self.step(model, t, x, dt, noise), carried

    def nfe(self, steps: int) -> int:
        """Return the number of drift evaluations per path of `steps` steps."""
        return self.evaluations * check_count("steps", steps, 0)

    def check(self, model: SDE) -> None:
        """Refuse a model for which the orders of this method would not hold.

        Raises
        ------
        TypeError
            The derivative of the diffusion is needed and missing.
        ValueError
            A noise or a calculus that the method does not accept.
        """
        if model.noise not in self.orders:
            raise ValueError(
                f"{self.name} needs noise in {self.noises}; got {model.noise!r}: use "
                f"sde.{_ADVICE[model.noise]}, or a method whose `orders` name it"
            )
        if model.noise == "additive":
            return
        if model.calculus not in self.calculi:
            change = (
                "add the correction g g'/2 to the drift (symbolic.SDE.to_ito does; subtract it for "
                "decreasing times) or use sde.heun or sde.milstein"
                if model.calculus == "stratonovich"
                else "subtract the correction g g'/2 from the drift (symbolic.SDE.to_stratonovich does; add "
                "it for decreasing times) or use sde.euler_maruyama or sde.milstein"
            )
            raise ValueError(
                f"{self.name} solves SDEs in the calculus {self.calculi}; got {model.calculus!r}: {change}"
            )
        if self.needs_derivative and model.diffusion_derivative is None:
            raise TypeError(
                f"{self.name} needs diffusion_derivative(t, x), dg_i/dx_i of shape (batch, dim) for diagonal "
                "noise, dg/dx_k on a last axis for other noise; got None: give it to SDE(...), let "
                "symbolic.SDE(...).lower() derive it, or use sde.derivative_free_milstein"
            )

    def __repr__(self) -> str:
        general = [noise for noise in self.orders if noise != "additive"] or list(self.orders)
        strong, weak = self.orders[general[0]]
        parts = [
            f"{kind} {value:g}" for kind, value in (("strong", strong), ("weak", weak)) if value is not None
        ]
        return f"Method({self.name}, {general[0]}: {', '.join(parts)})"


def _least(orders: Iterator[float | None]) -> float | None:
    found = list(orders)
    known = [order for order in found if order is not None]
    return min(known) if len(known) == len(found) else None
