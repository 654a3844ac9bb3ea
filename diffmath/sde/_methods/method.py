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
from diffmath.sde._methods.accepted import check_accepts
from diffmath.sde._methods.scheme import Attempting, attempting
from diffmath.sde._methods.trial import Trial
from diffmath.sde._noise import LevyIncrements, brownian_increments

__all__ = ["Method", "Order"]

# step(model, t, x, dt, noise); the noise is an item of `increments`: the array dW, or an Increment.
# An object with `attempt` need not be callable.
Step = Callable[[SDE, float, Array, float, Any], Array]
Increments = Callable[..., Iterator[Any]]


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


@dataclass(frozen=True)
class Method:
    """A method: a step and its properties.

    Parameters
    ----------
    name : str
        For messages and the command line.
    step : callable or object
        ``step(model, t, x, dt, noise)``: the state at ``t + dt``, a pure function; or an object with
        ``attempt`` (see the notes).
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

    Notes
    -----
    The calls do not need this class: every object with `step` and `orders`, or with `attempt` and `orders`,
    can be passed as ``method=``. The other parameters above are read from it as attributes if it has them.
    Instead of `orders` it may have an `order`, a number: the strong order for every class of noise.

    A step that passes data from step to step, estimates its error, or knows the state inside a step is an
    object:

    ``attempt(model, state, t, x, dt, noise, *, estimate=True)``
        Try a step, and return an `sde.Trial`: the new state of the equation, its error estimate (not needed
        with ``estimate=False``), the new state of the method, and ``dense()``, which gives parts of the step.
    ``init(model, t, x)``, optional
        Return the state of the method at the start of a solve. A state is None, an array with one entry per
        row, or a flat dataclass of such arrays, numbers, and None (no numbers that differ from step to step
        for adaptive steps, in which rows take different ones). It can be pickled, and nothing else is
        kept between steps: steps can be repeated, and rows that reject a step or have ended keep theirs.
    ``has_estimate``, optional
        Whether ``attempt`` estimates the error. `solve_adaptive` compares a step with two half steps
        otherwise.
    ``equal_steps``, optional
        Whether the method converges only for steps of equal size; `solve_adaptive` then refuses it.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.milstein
    Method(milstein, diagonal: strong 1, weak 1)
    >>> sde.euler_maruyama.orders["additive"]
    Order(strong=1.0, weak=1.0)
    >>> sde.milstein.nfe(200)
    200

    A method of your own, which keeps the drift of the last step and estimates its error from the change:

    >>> import numpy as np
    >>> import diffmath as dm
    >>> class Corrected:
    ...     orders, has_estimate = {"additive": (1.0, 1.0)}, True
    ...
    ...     def init(self, model, t, x):
    ...         return model.drift(t, x)
    ...
    ...     def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
    ...         x_new = x + dt * state + model.diffusion(t, x) * dW
    ...         after = model.drift(t + dt, x_new)
    ...         return sde.Trial(x_new, dt / 2 * (after - state), after)
    >>> ou = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    >>> x0, key = np.ones((3, 1)), dm.random.key(0)
    >>> sde.solve_adaptive(ou, x0, [0, 1], method=Corrected(), key=key, rtol=1e-2, atol=1e-2).status
    'ok'
    """

    # The cause of a non-finite state, and the remedy; implicit methods override them.
    failure: ClassVar[Status] = "nonfinite"
    trouble: ClassVar[str] = "the state is not finite"
    remedy: ClassVar[str] = "check the drift there"

    name: str
    step: Step
    orders: Mapping[str, tuple[float | None, float | None]] = field(hash=False)
    calculi: tuple[Calculus, ...] = get_args(Calculus)
    reference: str = ""
    needs_derivative: bool = False
    evaluations: int = 1
    increments: Increments = field(default=brownian_increments, repr=False)
    _attempting: Attempting | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_attempting", attempting(self.step))
        if not isinstance(self.name, str) or not (self._attempting or callable(self.step)):
            raise TypeError(
                "a Method has a name, a str, and a step, a callable (model, t, x, dt, noise) -> x_new or an "
                f"object with attempt; got {type(self.name).__name__} and {type(self.step).__name__}"
            )
        unknown = set(self.orders) - set(get_args(Noise))
        if unknown or not self.orders:
            raise ValueError(
                f"orders must name classes of noise, {get_args(Noise)}; got {sorted(unknown) or 'none'}"
            )
        self._check_rest()
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
        return type(self), (self.name, self.step, dict(self.orders), *fields)

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

    @property
    def has_estimate(self) -> bool:
        """Whether trials contain an error estimate."""
        return bool(getattr(self._attempting, "has_estimate", False))

    @property
    def equal_steps(self) -> bool:
        """Whether the method converges only for steps of equal size."""
        return bool(getattr(self._attempting, "equal_steps", False))

    def init(self, model: SDE, t: float, x: Array) -> Any:
        """Return the state of the method at the start of a solve: None if it has no state."""
        return None if self._attempting is None else self._attempting.init(model, t, x)

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step: a pure function.

        Parameters
        ----------
        model : SDE
            The equation, which `check` accepts.
        state : object
            The state of the method, from `init` or the previous trial.
        t, dt : float
            Time and step; a negative `dt` runs backwards.
        x : array, shape (batch, dim)
            State at `t`; not modified.
        noise : array or Increment
            The noise of the step: an item of `increments`.
        estimate : bool
            Whether to estimate the error, if the method `has_estimate`. The new state may differ by rounding.

        Returns
        -------
        Trial
            State at ``t + dt``, its error, the state of the method, and ``dense()``, if the method has them.
        """
        if self._attempting is None:
            return Trial(self.step(model, t, x, dt, noise), None, state)
        return self._attempting.attempt(model, state, t, x, dt, noise, estimate=estimate)

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
        check_accepts(self, model)

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
