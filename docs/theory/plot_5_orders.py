r"""
Every order, claimed and measured
=================================

Each method of diffmath states its order of convergence. This page measures the order of every method that
:mod:`diffmath.ode` and :mod:`diffmath.sde` export at the time of the build, and fails if one is lower than
stated. The orders of the methods of :mod:`diffmath.ode` are also proven in exact arithmetic before a method
can be used (``tableau.report()``); the measurement tests the code.
"""

import html
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from diffmath import ode, sde
from diffmath.testing import (
    AffineSDE,
    SDEProblem,
    affine_sde,
    curved_sde,
    heisenberg_sde,
    logistic_sde,
    measure_strong_order,
    measure_weak_order,
    periodic_sde,
)

# %%
# A measured order may be below the claim by 0.15, as in all tests of diffmath. It may be above: a method can
# do better on this problem than it guarantees for all problems.

TOLERANCE = 0.15


class Table:
    """Cells (claimed, measured) by row and column; a notebook and this page show it as HTML."""

    def __init__(self, columns):
        self.columns, self.rows = columns, {}

    def add(self, name, column, claimed, measured):
        pairs = self.rows.setdefault(name, {})
        before = pairs.get(column, (claimed, math.inf))
        pairs[column] = claimed, min(measured, before[1])  # the worst, if there are several

    def agrees(self, name):
        return all(measured >= claimed - TOLERANCE for claimed, measured in self.rows[name].values())

    def _repr_html_(self):
        head = "".join(f"<th>{column}</th>" for column in ("method", *self.columns, "agrees"))
        lines = []
        for name, pairs in self.rows.items():
            cells = [pairs.get(column) for column in self.columns]
            texts = ["" if cell is None else f"{cell[0]:g} &ensp;<b>{cell[1]:.2f}</b>" for cell in cells]
            row = [html.escape(name), *texts, "yes" if self.agrees(name) else "<b>NO</b>"]
            lines.append("<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


# %%
# Ordinary differential equations
# -------------------------------
# The problem is neither linear nor autonomous, and has two coupled components, because a scalar equation
# confuses conditions that a system tells apart:
#
# .. math:: x' = X'(t) + r(X(t)) - r(x), \qquad r(x) = (x M)^3, \qquad x(t) = X(t) = (\sin t, \cos 2t).

M = np.array([[1.0, 0.6], [-0.4, 0.8]])
SPAN = 2.0


def position(t):
    return np.array([[np.sin(t), np.cos(2 * t)]])


def speed(t):
    return np.array([[np.cos(t), -2 * np.sin(2 * t)]])


def pull(t, x):
    return (position(t) @ M) ** 3 - (x @ M) ** 3


def slope(t, x):
    return speed(t) + pull(t, x)


def jacobian(t, x):
    return -3 * (x @ M)[:, :, None] ** 2 * M.T


def time_derivative(t, x):
    bend = -np.array([[np.sin(t), 4 * np.cos(2 * t)]]) + 3 * (position(t) @ M) ** 2 * (speed(t) @ M)
    return np.repeat(bend, len(x), axis=0)


# %%
# A method that needs structure gets the same equation, divided: into an explicit and an implicit part,
# neither of them linear; into a linear part, here a full matrix, and the rest. Symplectic methods get that
# pull as a force, and momenta :math:`p = (\cos t, \sin 3t)` whose kinetic energy is not quadratic.

L = np.array([[-1.0, 2.0], [-1.5, -0.5]])


def momentum(t):
    return np.array([[np.cos(t), np.sin(3 * t)]])


def velocity(t, p):
    return speed(t) + np.sin(p @ M) - np.sin(momentum(t) @ M)


def force(t, q):
    return pull(t, q) + np.array([[-np.sin(t), 3 * np.cos(3 * t)]])


split = ode.Split(
    lambda t, x: speed(t) + 0.5 * pull(t, x) + np.sin(x),
    ode.WithJacobian(
        lambda t, x: 0.5 * pull(t, x) - np.sin(x),
        lambda t, x: 0.5 * jacobian(t, x) - np.cos(x)[:, :, None] * np.eye(2),
    ),
)
PLAIN = ode.WithJacobian(slope, jacobian, time_derivative=time_derivative), position
PROBLEMS = {
    ode.AdditiveRungeKutta: (split, position),
    ode.ExponentialRungeKutta: (ode.Semilinear(L, lambda t, x: slope(t, x) - x @ L.T), position),
    ode.Splitting: (
        ode.Separable(velocity, force),
        lambda t: np.stack([position(t), momentum(t)], axis=1),
    ),
}

# %%
# Steps are halved four times, or less often if the error reaches round-off. The order is the mean slope of
# the last two halvings above round-off. Implicit stages are solved to 1e-14, so that the order is that of the
# method and not of the Newton iteration.

ROUND_OFF = 1e-14


def ode_errors(method, problem, steps):
    f, exact = problem
    if hasattr(method, "newton"):
        method = replace(method, newton=ode.Newton(tolerance=1e-14))
    times, errors = np.linspace(0.0, SPAN, 5), []
    for n in steps:
        found = ode.solve(f, exact(0.0), times, method=method, substeps=int(n) // 4).x
        errors.append(max(abs(x - exact(t)).max() for t, x in zip(times, found, strict=True)))
    return np.array(errors)


def ode_order(errors):
    errors = errors[errors > ROUND_OFF]
    return float(np.mean(np.log2(errors[:-1] / errors[1:])[-2:]))


def is_method(value):
    return not isinstance(value, type) and hasattr(value, "step") and hasattr(value, "order")


ode_methods = {name: getattr(ode, name) for name in ode.__all__ if is_method(getattr(ode, name))}
ode_found = {}  # name -> (steps, errors)
ordinary = Table(["order", "estimate", "dense output", "stiff order"])
for name, method in sorted(ode_methods.items(), key=lambda item: item[1].order):
    if math.isfinite(method.order):
        # The last step of kvaerno5 is taken by another method, whose error must be small by comparison.
        first = {1: 64}.get(method.order, 16 if method.order < 6 else 8) * (2 if name == "kvaerno5" else 1)
        steps = first * 2 ** np.arange(5)
        ode_found[name] = steps, ode_errors(method, PROBLEMS.get(type(method), PLAIN), steps)
        ordinary.add(name, "order", method.order, ode_order(ode_found[name][1]))

# %%
# An adaptive method compares two solutions and states the lower of their orders; the estimate of one step has
# an order higher by one. It is taken as the largest of nine estimates at different times, so that it does not
# vanish by chance.


def estimates(method, problem):
    f, exact = problem
    if hasattr(method, "newton"):
        method = replace(method, newton=ode.Newton(tolerance=1e-14))
    sizes = []
    for dt in (0.1 if method.order < 5 else 0.2) * 0.5 ** np.arange(5):
        found = [method.step_with_error(f, t, exact(t), dt)[1] for t in np.linspace(0.0, SPAN, 9)]
        sizes.append(max(abs(error).max() for error in found))
    return np.array(sizes)


for name in ode_found:
    method = ode_methods[name]
    if getattr(method, "embedded_order", None) is not None:
        sizes = estimates(method, PROBLEMS.get(type(method), PLAIN))
        ordinary.add(name, "estimate", method.embedded_order, ode_order(sizes) - 1)

# %%
# Inside a step the solution is interpolated by a polynomial with its own order, which is proven as the order
# of the method is. With exponential methods, the nonlinear part is that polynomial and the linear part is
# exact. Symplectic methods use the cubic through the ends of the step and their slopes, as user-defined
# methods do. (The measured order is that of a whole solve: one more than that of the polynomial, up to the
# method's order.)

for name in ode_found:
    method = ode_methods[name]
    cubic = min(3, method.order) if isinstance(method, ode.Splitting) else None
    if claimed := getattr(method, "dense_order", cubic):
        f, exact = PROBLEMS.get(type(method), PLAIN)
        if hasattr(method, "newton"):
            method = replace(method, newton=ode.Newton(tolerance=1e-14))
        errors = []
        for n in 8 * 2 ** np.arange(5):
            solution = ode.solve(f, exact(0.0), [0.0, SPAN], method=method, substeps=int(n), dense=True)
            times = np.linspace(0.0, SPAN, 4 * n + 1)  # three places inside every step
            pairs = zip(times, solution.dense(times), strict=True)
            errors.append(max(abs(x - exact(t)).max() for t, x in pairs))
        ordinary.add(name, "dense output", claimed, ode_order(np.array(errors)))

# %%
# Exponential methods also state a stiff order: the order that remains if the linear part is arbitrarily stiff
# while the solution stays smooth. It is measured with rates from 0.1 to a million in one system.

rates = -np.logspace(-1, 6, 57)
share, size = np.full(57, 3 / 57), 1 / (1 - rates)


def smooth(t):
    return size[None] * np.cos(2 * t)


def coupling(t, x):
    couple = np.sin(x @ share)[:, None] - np.sin(smooth(t) @ share)[:, None]
    return couple - 2 * size * np.sin(2 * t) - rates * smooth(t)


scattered = ode.Semilinear(rates, coupling), smooth

# %%
# `hochbruck_ostermann` satisfies the last condition for order 4 in a weaker form, which is sufficient if the
# equation is smoothing. Its stiff order is therefore measured on a heat equation with a source (Hochbruck and
# Ostermann 2005, section 6), with the solution :math:`s(1-s)e^t`. With the rates above it lies between 3 and
# 4.

n = 60
s = np.arange(1, n + 1) / (n + 1)
laplacian = (np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1) - 2 * np.eye(n)) * (n + 1) ** 2


def heated(t):
    return (s * (1 - s) * np.exp(t))[None]


def source(t, x):
    mean = np.sum(x - heated(t), axis=-1, keepdims=True) / (n + 1)
    return mean + heated(t) + 2 * np.exp(t)


heat = ode.Semilinear(laplacian, source), heated
for name, method in ode_methods.items():
    if isinstance(method, ode.ExponentialRungeKutta):
        problem, first = (heat, 8) if method.stiff_order == 4 else (scattered, 32)
        errors = ode_errors(method, problem, first * 2 ** np.arange(5))
        ordinary.add(name, "stiff order", method.stiff_order, ode_order(errors))
between = ode_order(ode_errors(ode.hochbruck_ostermann, scattered, 32 * 2 ** np.arange(5)))
print(f"hochbruck_ostermann with scattered rates: {between:.2f}")

# %%
# `exact` has no order: one step is exact up to rounding, for any length.

turn, push = np.array([[-0.3, 2.0], [-2.0, 0.1]]), np.array([0.5, -1.0])
once = ode.solve(ode.Linear(turn, push), np.ones((1, 2)), [0.0, 30.0], method=ode.exact)
many = ode.solve(ode.Linear(turn, push), np.ones((1, 2)), [0.0, 30.0], method=ode.exact, substeps=64)
difference = abs(once.x[-1] - many.x[-1]).max()
print(f"one step of 30 against 64 steps: {difference:.0e}")
assert difference < 1e-13
assert [name for name, method in ode_methods.items() if not math.isfinite(method.order)] == ["exact"]

# %%
# Each cell shows the claimed order, and the measured order in bold.

ordinary

# %%
# The errors behind some rows, with their measured orders. The last points of the steepest line are at
# round-off and are excluded from its slope.

fig, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for name in ("euler", "heun", "bosh3", "rk4", "tsit5", "yoshida6", "dop853"):
    steps, errors = ode_found[name]
    ax.loglog(SPAN / steps, errors, "o-", ms=4, label=f"{name}, {ode_order(errors):.2f}")
ax.axhline(ROUND_OFF, color="0.6", lw=0.8, ls="--")
ax.set(xlabel="step", ylabel="largest error")
ax.legend(frameon=False, fontsize=9)

# %%
# Stochastic differential equations: along the path
# -------------------------------------------------
# The strong order is that of :math:`(\mathrm E\,|X_h(T) - X(T)|^2)^{1/2}`, with the numerical and the exact
# solution on one Brownian path. Each class of noise has a problem with a known solution that needs every term
# of a method: see `curved_sde`, `logistic_sde` and, for Levy areas, `heisenberg_sde`. If a method solves both
# calculi, the lower order is shown. A small fixed set of paths is enough: the errors at all step sizes are
# measured on the same paths, so the sampling error largely cancels from the slope.

NOISES = ["additive", "diagonal", "scalar", "commutative", "general"]
PATHS = {"paths": 100, "steps": 8, "halvings": 4}


def strong_problem(noise, calculus):
    if noise == "additive":
        return logistic_sde()
    if noise == "general":
        return heisenberg_sde(calculus=calculus)
    return curved_sde(noise=noise, calculus=calculus)


sde_methods = {name: getattr(sde, name) for name in sde.__all__ if isinstance(getattr(sde, name), sde.Method)}


def wants_langevin(method):
    try:
        method.check(logistic_sde().model)
    except TypeError:
        return True
    except ValueError:  # not for additive noise
        pass
    return False


langevin = {name for name, method in sde_methods.items() if wants_langevin(method)}
strong_found = {}
strong = Table(NOISES)
for name, method in sde_methods.items():
    for noise, claim in method.orders.items():
        if claim.strong is None or name in langevin:
            continue  # weak methods claim no strong order
        for calculus in ("ito",) if noise == "additive" else method.calculi:
            found = measure_strong_order(method, strong_problem(noise, calculus), **PATHS)
            strong.add(name, noise, claim.strong, found.order)
            strong_found[name, noise] = found

# %%
# Methods for Langevin dynamics need their equation in position and velocity. This force on two particles is
# nonlinear, not symmetric and time-dependent. No exact solution is known; the errors are distances to the run
# with half the step.


def anharmonic(t, q):
    return -q - 0.7 * np.tanh(q - 0.2) - 0.3 * q**3 / (1 + q**2) + 0.5 * np.sin(3 * t)


particles = SDEProblem(
    sde.Langevin(anharmonic, friction=1.0, mass=[0.5, 1.5]),
    x0=[0.3, -0.5, 0.8, 0.2],
    t_span=(0.0, 2.0),
    terms="HK",
    name="anharmonic",
)
for name in sorted(langevin):
    found = measure_strong_order(sde_methods[name], particles, **PATHS)
    strong.add(name, "additive", sde_methods[name].orders["additive"].strong, found.order)

spread = max(found.uncertainty for found in strong_found.values())
print(f"largest standard error of a measured strong order: {spread:.3f}")
strong

# %%
# For noise that does not commute, order 1 needs Levy areas: only `milstein_levy` and its derivative-free form
# use them, and only they have order 1 in the last column. At these large steps the measured order of
# Euler-Maruyama is above 1/2 if the drift error, of order 1, dominates; at smaller steps it is 1/2.

fig, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for name, noise in [
    ("euler_maruyama", "general"),
    ("milstein_levy", "general"),
    ("milstein", "diagonal"),
    ("sriw1", "diagonal"),
    ("sra1", "additive"),
]:
    found = strong_found[name, noise]
    label = f"{name}, {noise}, {found.order:.2f}"
    ax.loglog(1.0 / np.array(found.steps), found.errors, "o-", ms=4, label=label)
ax.set(xlabel="step", ylabel="root mean square error along the path")
ax.legend(frameon=False, fontsize=9)

# %%
# Stochastic differential equations: expectations
# -----------------------------------------------
# Weak orders are measured without sampling. On an affine equation the moments of the numerical solution
# satisfy a linear recursion, which `measure_weak_order` builds and compares with the exact moments up to the
# second. An affine equation does not test every order condition, and some methods do better on it than they
# claim.

weak = Table(NOISES)
for name, method in sde_methods.items():
    if name in langevin or name == "reversible_heun":
        continue
    for noise, claim in method.orders.items():
        for calculus in ("ito",) if noise == "additive" else method.calculi:
            found = measure_weak_order(method, affine_sde(noise, calculus=calculus), halvings=6)
            weak.add(name, noise, claim.weak, found.order)

# %%
# `reversible_heun` has a state of its own. It is tested as a method for the pair of the state and its
# shadow. Both solve the equation, so the exact solution is that of the equation twice, with the same noise.


def twice(problem):
    def double(part):
        return np.kron(np.eye(2), part)

    matrices = np.array([double(part) for part in problem.matrices])
    # One column per Brownian motion: diagonal and scalar noise are written as general.
    noise = "additive" if problem.noise == "additive" else "general"
    return AffineSDE(matrices, np.tile(problem.vectors, 2), np.tile(problem.x0, 2), noise, problem.calculus)


def pair_step(model, t, pair, dt, dW):
    """One step of algorithm 1 of Kidger et al. (2021) for the pair (state, shadow)."""
    x, shadow = np.split(pair, 2, axis=1)

    def change(at, time):
        both = np.concatenate([at, at], axis=1)
        moved = model.drift(time, both) * dt + (model.diffusion(time, both) @ dW[:, :, None])[:, :, 0]
        return moved[:, : x.shape[1]]

    ahead = 2 * x - shadow + change(shadow, t)
    return np.concatenate([x + 0.5 * (change(shadow, t) + change(ahead, t + dt)), ahead], axis=1)


claims = sde.reversible_heun.orders
pair = sde.Method("pair", pair_step, {"additive": (1.0, 1.0), "general": (0.5, 1.0)})

# The pair takes the same steps as the method:
walk, run, dW = np.array([[0.8, -0.5] * 2]), sde.reversible_heun, np.array([[0.3, -0.2]])
problem = affine_sde("general", calculus="stratonovich")
model, doubled = problem.model(), twice(problem).model()
x, state = walk[:, :2], run.init(model, 0.0, walk[:, :2])
for _ in range(3):
    trial = run.attempt(model, state, 0.0, x, 0.1, dW)
    x, state = trial.x, trial.state
    walk = pair_step(doubled, 0.0, walk, 0.1, dW)
assert abs(x - walk[:, :2]).max() < 1e-14

for noise in claims:
    found = measure_weak_order(pair, twice(affine_sde(noise, calculus="stratonovich")), halvings=6)
    weak.add("reversible_heun", noise, claims[noise].weak, found.order)

# %%
# Langevin methods get a linear force here, so that their moments are exact, too.


class Oscillator(AffineSDE):
    """A damped harmonic oscillator driven by noise, for methods that need a `sde.Langevin`."""

    def model(self):
        return sde.Langevin(lambda t, q: -2.0 * q, friction=1.3, temperature=0.8, mass=0.5)


kick = math.sqrt(2 * 1.3 * 0.8 / 0.5)
oscillator = Oscillator(
    matrices=np.array([[[0.0, 1.0], [-2.0 / 0.5, -1.3]], [[0.0, 0.0], [0.0, 0.0]]]),
    vectors=np.array([[0.0, 0.0], [0.0, kick]]),
    x0=np.array([0.8, -0.5]),
    noise="additive",
)
for name in sorted(langevin):
    found = measure_weak_order(sde_methods[name], oscillator, halvings=6)
    weak.add(name, "additive", sde_methods[name].orders["additive"].weak, found.order)

weak

# %%
# An affine equation has no second derivatives. On a torus, all expectations of a smooth equation are smooth
# periodic functions of the initial state. `measure_weak_order` computes those of a numerical solution, over
# all values of its noise, on a grid of frequencies, and compares them with the solution of the backward
# Kolmogorov equation on the same grid. SRI methods, whose weak order is often stated as 2, have 3/2.

curved = Table(NOISES)
for name in ("dri1", "w2ito1", "platen_weak2", "euler_maruyama", "sosri", "sriw1", "sriw2"):
    method = sde_methods[name]
    for noise in ("scalar",) if name.startswith("s") else NOISES:
        found = measure_weak_order(method, periodic_sde(noise), halvings=4)
        curved.add(name, noise, method.orders[noise].weak, found.order)
assert all(curved.agrees(name) for name in curved.rows)
curved

# %%
# Can this page fail?
# -------------------
# A table in which everything agrees is only meaningful if it can show a disagreement. These two methods claim
# too much:


def stopped_clock(f, t, x, dt):
    """Heun's method with a wrong time in its second slope."""
    first = f(t, x)
    return x + dt / 2 * (first + f(t, x + dt * first))


class Boast:
    order, step = 2, staticmethod(stopped_clock)


boast = Table(["order", "diagonal"])
steps = 32 * 2 ** np.arange(5)
boast.add("Heun with a stopped clock", "order", 2, ode_order(ode_errors(Boast(), PLAIN, steps)))
half = sde.Method("half", sde.euler_maruyama.step, {"diagonal": (1.0, 1.0)}, ("ito",))
found = measure_strong_order(half, curved_sde(), **PATHS)
boast.add("Milstein without its double integral", "diagonal", 1.0, found.order)
assert not any(boast.agrees(name) for name in boast.rows)
boast

# %%
# What this page asserts
# ----------------------
# Every method is in a table, and every row of every table agrees.

assert set(ordinary.rows) | {"exact"} == set(ode_methods)
assert set(strong.rows) | set(weak.rows) == set(sde_methods)
for table in (ordinary, strong, weak):
    wrong = [name for name in table.rows if not table.agrees(name)]
    assert not wrong, wrong
claims = sum(len(cells) for table in (ordinary, strong, weak) for cells in table.rows.values())
print(f"{len(ode_methods) + len(sde_methods)} methods, {claims} claims, all of them hold")
