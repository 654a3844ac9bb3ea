r"""
Write your own method
=====================

A method is a step function and its properties. `solve` accepts any object that has them: fixed or adaptive,
for ordinary or stochastic equations. You can test it with the same functions that test the library's methods.
"""

# %%
# A Runge-Kutta method is a table
# -------------------------------
# To write an explicit Runge-Kutta method, write its tableau. Fractions are exact, and the order is proven
# when the object is built. This is Kutta's third-order rule with an embedded second-order one.

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import ode, sde
from diffmath.testing import assert_order, linear_ode

kutta3 = ode.Tableau(
    name="kutta3",
    a=[[], ["1/2"], [-1, 2]],
    b=["1/6", "2/3", "1/6"],
    b_error=["1/6", "-1/3", "1/6"],  # b minus the midpoint rule's
    order=3,
    embedded_order=2,
)
print(kutta3.report())

# %%
# It has an error estimate, so `solve` adapts its step size, for every row of the batch separately.

rates = np.array([[1.0], [10.0], [100.0]])


def relax(t, x):
    return rates * (np.cos(t) - x)


solution = ode.solve(relax, np.zeros((3, 1)), np.linspace(0, 3, 61), method=kutta3, rtol=1e-6)
print(solution)

# %%
# A wrong coefficient is refused:

try:
    ode.Tableau(name="slip", a=[[], ["1/2"], [1, 2]], b=["1/6", "2/3", "1/6"], order=3)
except ValueError as error:
    print(error)

# %%
# Any object with a step
# ----------------------
# Any other method is an object with ``step(f, t, x, dt)`` and `order`. This one is Heun's rule with
# extrapolation: one step of dt and two of dt/2, combined so that the leading errors cancel.


class ExtrapolatedHeun:
    order = 3

    def heun(self, f, t, x, dt):
        k = f(t, x)
        return x + dt / 2 * (k + f(t + dt, x + dt * k))

    def step(self, f, t, x, dt):
        return self.step_with_error(f, t, x, dt)[0]

    # With these two it adapts its step as well.
    embedded_order = 2

    def step_with_error(self, f, t, x, dt, slope=None):
        once = self.heun(f, t, x, dt)
        twice = self.heun(f, t + dt / 2, self.heun(f, t, x, dt / 2), dt / 2)
        error = (twice - once) / 3
        return twice + error, error, None


mine = ExtrapolatedHeun()
print(ode.solve(relax, np.zeros((3, 1)), np.linspace(0, 3, 61), method=mine, rtol=1e-6))

# %%
# A method that passes something from step to step, or that knows the state inside a step, has ``init`` and
# ``attempt`` instead: see the notes and examples of :class:`diffmath.ode.Method`.

# %%
# Does it have the order that it claims? `assert_order` measures the order on a problem with a known solution
# and passes silently if it is as claimed. If the claim is one too high, it fails and shows the measured
# errors.

problem = linear_ode(dim=3, seed=1)
assert_order(mine.step, problem, order=3)
try:
    assert_order(mine.step, problem, order=4)
except AssertionError as error:
    print(error)

# %%
# Hypothesis can draw problems until one violates the claim: see :mod:`diffmath.testing.strategies`.
#
# A stochastic step
# -----------------
# For an SDE a step is a function of the state and of the noise over the step, and `sde.Method` states the
# strong and weak order for every class of noise. Increments are arguments, so that coarse and fine runs can
# share a path. The example is the Euler-Maruyama step with the drift evaluated at the midpoint, which is
# predicted without noise.


def midpoint_drift(model, t, x, dt, dW):
    middle = x + dt / 2 * model.drift(t, x)
    return x + dt * model.drift(t + dt / 2, middle) + model.diffusion(t, x) * dW


method = sde.Method(
    name="midpoint_drift",
    step=midpoint_drift,
    orders={"additive": (1.0, 1.0), "diagonal": (0.5, 1.0)},
    calculi=("ito",),
    evaluations=2,
    reference="this page",
)

double_well = sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.0 * x + 0.7, noise="additive")
key, x0 = dm.random.key(0), np.zeros((4000, 1))
print(sde.solve(double_well, x0, np.linspace(0, 2, 65), method=method, key=key))

# %%
# Its strong order is measured on coupled runs: `sde.coupled` returns coarse and fine states on one path, and
# their difference decreases with the step at the strong order.

steps = 2 ** np.arange(3, 9)
distances = []
for n in steps:
    pair = sde.coupled(double_well, x0, t_span=(0.0, 2.0), steps=int(n), method=method, key=key)
    distances.append(np.sqrt(np.mean((pair.fine - pair.coarse) ** 2)))
order = -np.polyfit(np.log(steps), np.log(distances), 1)[0]
print(f"measured strong order {order:.2f}, claimed {method.orders['additive'].strong}")

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(2.0 / steps, distances, "o-", label="coupled runs")
ax.loglog(2.0 / steps, distances[0] * steps[0] / steps, "k--", lw=1, label="order 1")
ax.set(xlabel="step", ylabel="root mean square of fine - coarse")
ax.legend()

# %%
# With a state and an estimate
# ----------------------------
# A step that keeps something, or estimates its error, is an object with ``attempt`` and, for a state of its
# own, ``init``: see the notes of :class:`diffmath.sde.Method`. This one uses the drift at the end of a step
# again at the start of the next one. It keeps W from the start, too, to show that a state is a dataclass with
# one entry per row: rows that reject a step keep theirs.


@dataclass
class Memory:
    slope: np.ndarray
    path: np.ndarray


class Remembering:
    orders, has_estimate = {"additive": (1.0, 1.0)}, True

    def init(self, model, t, x):
        return Memory(model.drift(t, x), 0 * x)

    def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
        x_new = x + dt * state.slope + model.diffusion(t, x) * dW
        slope = model.drift(t + dt, x_new)
        error = dt / 2 * (slope - state.slope)  # the distance to the trapezoidal rule
        return sde.Trial(x_new, error, Memory(slope, state.path + dW))


adaptive = sde.solve_adaptive(
    double_well, x0, [0.0, 1.0, 2.0], method=Remembering(), key=key, rtol=1e-2, atol=1e-2
)
print(adaptive.status, "after", adaptive.stats["steps"].min(), "to", adaptive.stats["steps"].max(), "steps")

# %%
# The same object works in every call, as the methods of the library do: `sde.solve` with events, on a path,
# `sde.coupled`, `sde.ensemble`. `sde.interpolate` gives the state inside a step, along the path.

path = sde.BrownianPath(key, x0.shape, 0.0, 2.0, like=x0)
coarse = sde.solve(double_well, x0, np.linspace(0, 2, 9), method=Remembering(), path=path)
inside = sde.interpolate(double_well, coarse, [0.6, 1.1], method=Remembering(), path=path)
print(inside.shape)

# %%
# A model with another class of noise is refused before the first step, with a remedy:

try:
    heisenberg = sde.SDE(
        lambda t, x: 0 * x, lambda t, x: np.ones((len(x), 3, 2)), noise="general", noise_dim=2
    )
    sde.solve(heisenberg, np.zeros((1, 3)), [0.0, 1.0], method=method, key=key)
except ValueError as error:
    print(error)
