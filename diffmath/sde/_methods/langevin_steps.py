r"""Methods for underdamped Langevin dynamics: splittings, and Runge-Kutta methods of the shifted equation.

`Langevin` states when to use which.

Notation: step h, friction g, acceleration :math:`a = F / m`, and the flow of free damped motion over c h,

.. math:: v \to e^{-c z} v, \qquad q \to q + c h\,\varphi_1(-c z)\,v, \qquad z = g h.

A constant acceleration adds :math:`(c h)^2 \varphi_2(-c z)\,a` to the position. A backward step is a forward
step with velocity, friction and noise of opposite sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from diffmath._arrays.models import SDE
from diffmath._arrays.phi import phi
from diffmath._core.typing import Array
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.ornstein import Weights, conditional_mean, exact_law
from diffmath.sde._model import Langevin
from diffmath.sde._noise import Increment, brownian_increments, levy_increments

__all__ = ["align", "baoab", "quicsort", "should", "ubu"]

# The friction over a step beyond which its exponentials overflow double precision.
_LARGEST = 1e50
_LEAST = -300.0

_LEFT, _RIGHT = 0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6  # nodes of the Gauss quadrature


class _Motion(NamedTuple):
    """A step in forward form: positions, velocities, a step h > 0, and the forces on them."""

    q: Array
    v: Array
    h: float
    z: float
    noise_size: float | Array
    accelerate: Callable[[float, Array], Array]  # at a fraction of the step
    end: Callable[[Array, Array], Array]

    def glide(self, c: float) -> float:
        """Return the displacement over c h per unit of velocity."""
        return c * self.h * phi(1, -c * self.z)

    def push(self, c: float) -> float:
        """Return the displacement over c h per unit of constant acceleration."""
        return (c * self.h) ** 2 * phi(2, -c * self.z)

    def decay(self, c: float) -> float:
        """Return the fraction of a velocity that remains after c h."""
        return math.exp(-c * self.z)


def _motion(model: SDE, t: float, x: Array, dt: float) -> _Motion:
    assert isinstance(model, Langevin), "Method.check has refused this model"
    z = model.friction * dt
    if not _LEAST < z < _LARGEST:
        raise ValueError(
            f"friction * dt must lie between {_LEAST:g} and {_LARGEST:g}; got {z:g}: use smaller steps"
        )
    sign = 1.0 if dt > 0 else -1.0
    q, v = model.split(x)
    return _Motion(
        q,
        sign * v,
        abs(dt),
        z,
        sign * model.noise_size(x),
        lambda c, at: model.acceleration(t + c * dt, at),
        lambda q_new, v_new: model.join(q_new, sign * v_new),
    )


def _areas(noise: Increment, terms: str) -> tuple[Array, ...]:
    """Return W and the required areas, or raise an error that says how to get them."""
    areas = tuple(getattr(noise, name, None) for name in "W" + terms)
    if any(area is None for area in areas):
        raise TypeError(
            f"the noise must be an sde.Increment with {' and '.join(terms)}; got {noise!r}: draw it by "
            f"sde.levy_increments({terms!r}), or from a BrownianPath with these terms"
        )
    return areas


def _weigh(weights: Weights, areas: tuple[Array, ...]) -> Array:
    """Return a weighted sum of W, H and, if it is there, K."""
    first, *rest = (weight * area for weight, area in zip(weights, areas, strict=False))
    return sum(rest, start=first)


def _baoab_step(model: SDE, t: float, x: Array, dt: float, noise: Array) -> Array:
    motion = _motion(model, t, x, dt)
    half = 0.5 * motion.h
    v = motion.v + half * motion.accelerate(0.0, motion.q)
    q = motion.q + half * v
    v = motion.decay(1.0) * v + math.sqrt(phi(1, -2 * motion.z)) * motion.noise_size * noise
    q = q + half * v
    return motion.end(q, v + half * motion.accelerate(1.0, q))


def _ubu_step(model: SDE, t: float, x: Array, dt: float, noise: Increment) -> Array:
    motion = _motion(model, t, x, dt)
    q, v, h, size = motion.q, motion.v, motion.h, motion.noise_size
    areas = _areas(noise, "HK")
    whole, half = exact_law(motion.z)
    kick = h * motion.accelerate(0.5, q + motion.glide(0.5) * v + h * size * _weigh(half, areas))
    drift = size * _weigh(whole, areas)
    return motion.end(
        q + motion.glide(1.0) * v + motion.glide(0.5) * kick + h * drift,
        motion.decay(1.0) * v + motion.decay(0.5) * kick + size * noise.W - motion.z * drift,
    )


def _align_step(model: SDE, t: float, x: Array, dt: float, noise: Increment) -> Array:
    motion = _motion(model, t, x, dt)
    first = motion.accelerate(0.0, motion.q)
    drift = motion.noise_size * _weigh(conditional_mean(motion.z), _areas(noise, "H"))
    q = motion.q + motion.glide(1.0) * motion.v + motion.push(1.0) * first + motion.h * drift
    last = motion.push(1.0) / motion.h  # weight in the integral of a, interpolated linearly in time
    v = motion.decay(1.0) * motion.v + (motion.glide(1.0) - last) * first + last * motion.accelerate(1.0, q)
    return motion.end(q, v + motion.noise_size * noise.W - motion.z * drift)


def _should_step(model: SDE, t: float, x: Array, dt: float, noise: Increment) -> Array:
    motion = _motion(model, t, x, dt)
    v, h, size = motion.v, motion.h, motion.noise_size
    W, H, K = _areas(noise, "HK")
    shifted, slope = v + size * (H + 6.0 * K), size / h * (W - 12.0 * K)
    first = motion.accelerate(0.0, motion.q)
    middle = motion.accelerate(
        0.5, motion.q + motion.glide(0.5) * shifted + motion.push(0.5) * (first + slope)
    )
    drift = size * _weigh(conditional_mean(motion.z), (W, H, K))
    q = motion.q + motion.glide(1.0) * v + motion.push(1.0) * (first + 2.0 * middle) / 3.0 + h * drift
    kick = (
        (motion.decay(1.0) * first + 4.0 * motion.decay(0.5) * middle + motion.accelerate(1.0, q)) * h / 6.0
    )
    return motion.end(q, motion.decay(1.0) * v + kick + size * noise.W - motion.z * drift)


def _quicsort_step(model: SDE, t: float, x: Array, dt: float, noise: Increment) -> Array:
    motion = _motion(model, t, x, dt)
    h, size = motion.h, motion.noise_size
    W, H, K = _areas(noise, "HK")
    v, slope = motion.v + size * (H + 6.0 * K), size / h * (W - 12.0 * K)

    def free(c: float) -> Array:
        return motion.q + motion.glide(c) * v + motion.push(c) * slope

    first = h * motion.accelerate(_LEFT, free(_LEFT))
    second = h * motion.accelerate(_RIGHT, free(_RIGHT) + motion.glide(1 / 3) * first)
    q = free(1.0) + 0.5 * (motion.glide(_RIGHT) * first + motion.glide(_LEFT) * second)
    v = motion.decay(1.0) * v + 0.5 * (motion.decay(_RIGHT) * first + motion.decay(_LEFT) * second)
    return motion.end(q, v + motion.glide(1.0) * slope - size * (H - 6.0 * K))


class _LangevinMethod(Method):
    """A method that needs the force, friction and noise of a `Langevin` separately."""

    def check(self, model: SDE) -> None:
        """Refuse every other model."""
        if not isinstance(model, Langevin):
            raise TypeError(
                f"{self.name} needs model as an sde.Langevin, because it treats the force separately; "
                f"got {type(model).__name__}: write the model in this form, or use sde.euler_maruyama"
            )


baoab = _LangevinMethod(
    name="baoab",
    step=_baoab_step,
    orders={"additive": (1.0, 2.0)},
    reference="Leimkuhler & Matthews (2013), Appl. Math. Res. Express 2013, 34-56",
    evaluations=2,
    increments=brownian_increments,
)

ubu = _LangevinMethod(
    name="ubu",
    step=_ubu_step,
    orders={"additive": (2.0, 2.0)},
    reference="Zapatero (2017), thesis; Sanz-Serna & Zygalakis (2021), J. Mach. Learn. Res. 22, 242",
    evaluations=1,
    increments=levy_increments("HK"),
)

align = _LangevinMethod(
    name="align",
    step=_align_step,
    orders={"additive": (2.0, 2.0)},
    reference="Foster, Lyons & Oberhauser (2021), arXiv:2101.03446, after definition 4.2",
    evaluations=2,
    increments=levy_increments("H"),
)

should = _LangevinMethod(
    name="should",
    step=_should_step,
    orders={"additive": (3.0, 3.0)},
    reference="Foster, Lyons & Oberhauser (2021), arXiv:2101.03446, definition 7.1",
    evaluations=3,
    increments=levy_increments("HK"),
)

quicsort = _LangevinMethod(
    name="quicsort",
    step=_quicsort_step,
    orders={"additive": (3.0, 3.0)},
    reference="Foster & O'Kane in Jelincic, Foster & Kidger (2024), arXiv:2405.06464; arXiv:2101.03446",
    evaluations=2,
    increments=levy_increments("HK"),
)
