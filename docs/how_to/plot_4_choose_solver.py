r"""
How to choose a solver
======================

For an ordinary differential equation start with `ode.dopri5`. For a stochastic one start with `sde.sra1` if
its noise is additive, and with `sde.milstein` if not. This page says when another method is better, and
measures the difference. The table at the end collects all recommendations.
"""

import html

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import SolveError, ode, sde
from diffmath.testing import (
    affine_sde,
    curved_sde,
    heisenberg_sde,
    logistic_sde,
    measure_strong_order,
    measure_weak_order,
)


class Decisions:
    """Rows of: the problem, what to use, what was measured, and the same for what not to use."""

    def __init__(self):
        self.rows = []

    def add(self, *texts):
        print(f"{texts[1]}: {texts[2]};   {texts[3]}: {texts[4]}")
        self.rows.append(texts)

    def _repr_html_(self):
        heads = ("you have", "use", "measured", "instead of", "measured")
        lines = [f"<tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"]
        lines += [
            f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in texts)}</tr>" for texts in self.rows
        ]
        return f"<table>{''.join(lines)}</table>"


decisions = Decisions()


def evaluations(solution):
    return int(np.max(solution.stats["evaluations"]))


# %%
# Ordinary differential equations
# -------------------------------
# **Smooth and not stiff: dopri5 or tsit5.** Arenstorf's orbit, a satellite of earth and moon, returns to its
# start after one period. Fixed steps must be short everywhere because the satellite is fast in a few places.

MU, PERIOD = 0.012277471, 17.065216560157962558
ORBIT = np.array([[0.994, 0.0, 0.0, -2.00158510637908252240537862224]])


def arenstorf(t, x):
    p, q, u, v = (x[:, i] for i in range(4))
    earth, moon = ((p + MU) ** 2 + q**2) ** 1.5, ((p - 1 + MU) ** 2 + q**2) ** 1.5
    a = p + 2 * v - (1 - MU) * (p + MU) / earth - MU * (p - 1 + MU) / moon
    b = q - 2 * u - (1 - MU) * q / earth - MU * q / moon
    return np.stack([u, v, a, b], axis=1)


def orbit(method, **options):
    solution = ode.solve(arenstorf, ORBIT, [0.0, PERIOD], method=method, **options)
    return evaluations(solution), np.linalg.norm(solution.x[-1] - ORBIT)


cost, error = orbit(ode.dopri5, rtol=1e-8, atol=1e-8)
fixed_cost, fixed_error = orbit(ode.rk4, substeps=4000)
decisions.add(
    "ODE, smooth, not stiff", "dopri5, tsit5", f"{cost} evaluations, error {error:.0e}",
    "fixed steps of rk4", f"{fixed_cost} evaluations, error {fixed_error:.0e}",
)  # fmt: skip
assert cost < fixed_cost / 5

# %%
# **Tight tolerances: dop853 or vern7.** The higher the order, the less each further digit costs. At loose
# tolerances a high order gains nothing.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
works = {}
for method in (ode.bosh3, ode.dopri5, ode.tsit5, ode.vern7, ode.dop853):
    tolerances = [1e-5, 1e-7, 1e-9] if method is ode.bosh3 else [1e-5, 1e-7, 1e-9, 1e-11, 1e-13]
    works[method.name] = [orbit(method, rtol=tol, atol=tol, max_steps=100_000) for tol in tolerances]
    ax.loglog(*zip(*works[method.name], strict=True), "o-", ms=4, label=method.name)
ax.set(xlabel="evaluations", ylabel="error after one period")
ax.legend(frameon=False)

low, high = works["dopri5"][-1], works["dop853"][-1]
decisions.add(
    "ODE, tolerance 1e-10 or less", "dop853, vern7", f"{high[0]} evaluations, error {high[1]:.0e}",
    "dopri5", f"{low[0]} evaluations, error {low[1]:.0e}",
)  # fmt: skip
assert high[0] < 0.6 * low[0]

# %%
# **Stiff: kvaerno3 or rosenbrock23 at loose tolerances, kvaerno5, rodas5p or radau5 at tight ones.** If some
# component decays much faster than the time scale of interest, explicit steps stay as short as that decay,
# even long after it is over. Their number then hardly depends on the tolerance, which is a sign of stiffness.
# Very stiff problems end with a status and advice.


def relax(t, x, rate=1e4):
    return -rate * (x - np.cos(t))


start = np.zeros((1, 1))
explicit = ode.solve(relax, start, [0.0, 2.0], rtol=1e-4, max_steps=100_000)
implicit = ode.solve(relax, start, [0.0, 2.0], rtol=1e-4, method=ode.kvaerno3)
decisions.add(
    "ODE, stiff", "kvaerno3, rosenbrock23, kvaerno5, radau5", f"{evaluations(implicit)} evaluations",
    "dopri5", f"{evaluations(explicit)} evaluations",
)  # fmt: skip
assert evaluations(implicit) < evaluations(explicit) / 20
try:
    ode.solve(lambda t, x: relax(t, x, 1e6), start, [0.0, 2.0])
except SolveError as error:
    print(error)

# %%
# **A known Jacobian or sparsity pattern: pass it.** Finite differences cost one evaluation per unknown; with
# `sparsity`, one per colour of the pattern. A discretised diffusion has 3 colours.

n = 60
grid = np.arange(1, n + 1) / (n + 1)
laplacian = (np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1) - 2 * np.eye(n)) * (n + 1) ** 2


def burning(t, x):
    return x @ laplacian + 5 * x**2 * (1 - x)


def burning_jacobian(t, x):
    return laplacian + (10 * x - 15 * x**2)[:, :, None] * np.eye(n)


hill = 2 * np.sin(np.pi * grid)[None]
span = [0.0, 0.2]
full = ode.solve(burning, hill, span, method=ode.rodas5p)
colours = ode.solve(ode.WithJacobian(burning, sparsity=laplacian), hill, span, method=ode.rodas5p)
given = ode.solve(ode.WithJacobian(burning, burning_jacobian), hill, span, method=ode.rodas5p)
decisions.add(
    "ODE, stiff, with a Jacobian or its pattern", "ode.WithJacobian", f"{evaluations(given)} evaluations "
    f"(with its pattern: {evaluations(colours)})", "a plain f", f"{evaluations(full)} evaluations",
)  # fmt: skip
assert evaluations(given) < evaluations(colours) < evaluations(full) / 3

# %%
# **Stiff in one part only: kencarp3 or kencarp4, on an ode.Split.** The expensive or nonlinear part is
# explicit: no Newton iteration calls it, and it needs no Jacobian. Without the split, an implicit method
# calls all of f in every iteration and for its finite differences. The code counts the calls of the reaction.

calls = {"reaction": 0}


def reaction(t, x):
    calls["reaction"] += 1
    return 5 * x**2 * (1 - x)


diffusion = ode.WithJacobian(
    lambda t, x: x @ laplacian, lambda t, x: np.broadcast_to(laplacian, (len(x), n, n))
)
ode.solve(ode.Split(reaction, diffusion), hill, span, method=ode.kencarp4)
apart = calls["reaction"]
calls["reaction"] = 0
ode.solve(lambda t, x: x @ laplacian + reaction(t, x), hill, span, method=ode.kvaerno5)
decisions.add(
    "ODE, a stiff part and a dear one", "kencarp3, kencarp4", f"{apart} calls of the dear part",
    "kvaerno5 on the sum", f"{calls['reaction']} calls",
)  # fmt: skip
assert apart < calls["reaction"] / 2

# %%
# **A stiff linear part: exponential methods, on an ode.Semilinear.** The linear part is solved exactly, so
# its stiffness does not limit the step. This is cheapest if the linear part is diagonal, as in Fourier space.
# The example is Burgers' equation.

waves = np.fft.fftfreq(128, 1 / 128) * (np.abs(np.fft.fftfreq(128)) < 1 / 3)
bump = np.fft.fft(np.exp(np.sin(2 * np.pi * np.arange(128) / 128)))[None]


def advect(t, v):
    return -0.5j * waves * np.fft.fft(np.fft.ifft(v, axis=-1).real ** 2, axis=-1)


burgers = ode.Semilinear(-0.3 * waves**2, advect)
best = ode.solve(burgers, bump, [0.0, 2.0], rtol=1e-10, atol=1e-10, max_steps=100_000).x[-1]
smooth = ode.solve(burgers, bump, [0.0, 2.0], method=ode.etdrk4, substeps=100)
plain = ode.solve(burgers, bump, [0.0, 2.0], method=ode.rk4, substeps=100, on_failure="return")
error = np.abs(smooth.x[-1] - best).max() / np.abs(best).max()
decisions.add(
    "ODE, a stiff linear part", "etdrk4, krogstad, hochbruck_ostermann", f"100 steps, error {error:.0e}",
    "rk4 with the same steps", plain.status,
)  # fmt: skip
assert error < 1e-4
assert plain.status == "nonfinite"

# %%
# **Linear: exact.** One step to any time. For a large sparse matrix use `ode.expm_multiply`.

oscillator = ode.Linear(np.array([[0.0, 1.0], [-1.0, -0.01]]))
whole = ode.solve(oscillator, np.array([[1.0, 0.0]]), [0.0, 500.0], method=ode.exact)
steps = ode.solve(oscillator, np.array([[1.0, 0.0]]), [0.0, 500.0])
error = np.abs(steps.x[-1] - whole.x[-1]).max() / np.abs(whole.x[-1]).max()
decisions.add(
    "ODE, linear", "exact", "1 step, exact to rounding",
    "dopri5", f"{evaluations(steps)} evaluations, relative error {error:.0e}",
)  # fmt: skip
assert error > 1e-5

# %%
# **Hamiltonian, long times: leapfrog, mclachlan4, yoshida6.** Their energy error stays at the level of the
# first periods; that of a general method accumulates. For a few periods to many digits `dop853` is better.

pendulum = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -np.sin(q))


def energy_errors(method, per_period):
    """Energy error over 1000 periods, at the end of each tenth."""
    times = np.linspace(0.0, 6700.0, 11)
    x = ode.solve(pendulum, np.array([[[1.0], [0.0]]]), times, method=method, substeps=100 * per_period).x
    energy = x[:, 0, 1, 0] ** 2 / 2 - np.cos(x[:, 0, 0, 0])
    return np.abs(energy - energy[0])[1:]


keeps, drifts = energy_errors(ode.mclachlan4, 12), energy_errors(ode.rk4, 15)
decisions.add(
    "ODE, Hamiltonian, long times", "leapfrog, mclachlan4, yoshida6", f"energy error {keeps.max():.0e}",
    "rk4 at equal cost", f"{drifts[0]:.0e} after 100 periods, {drifts[-1]:.0e} after 1000",
)  # fmt: skip
assert keeps.max() < drifts[-1] / 30

# %%
# **Times at which something happens: events.** Do not take the nearest saved time.

ground = ode.Event(lambda t, x: x[:, 0], terminal=True, direction=-1)


def fall(t, x):
    return np.stack([x[:, 1], -9.81 + 0 * x[:, 0]], axis=1)


times = np.linspace(0.0, 2.0, 101)
found = ode.solve(fall, np.array([[10.0, 0.0]]), times, events=ground)
landing = np.sqrt(2 * 10.0 / 9.81)
located = abs(float(found.t_events[0][0][0]) - landing)
read_off = np.abs(times - landing).min()
decisions.add(
    "ODE, an event to be found", "events=ode.Event(...)", f"time to {located:.0e}",
    "the nearest of 100 saved times", f"time to {read_off:.0e}",
)  # fmt: skip
assert located < 1e-10

# %%
# **Many at once: a batch of rows.** Every row takes only the steps that it needs. With shared steps, all rows
# take the steps of the hardest row; that pays off only if overhead costs more than evaluations, or if f does
# not act on independent rows.

speeds = np.logspace(0, 2, 50)[:, None]


def turn(t, x):
    return speeds * np.stack([x[:, 1], -x[:, 0]], axis=1)


circle = np.tile([1.0, 0.0], (50, 1))
rows = ode.solve(turn, circle, [0.0, 5.0])
shared = ode.solve(turn, circle, [0.0, 5.0], batch="shared")
mean_rows, mean_shared = (int(np.mean(s.stats["evaluations"])) for s in (rows, shared))
decisions.add(
    "ODE, many of unlike speed", 'batch="rows", the default', f"{mean_rows} evaluations a row",
    'batch="shared"', f"{mean_shared} evaluations a row",
)  # fmt: skip
assert mean_rows < mean_shared / 2

# %%
# Stochastic differential equations
# ---------------------------------
# First determine the class of the noise, then whether you need paths or expectations. `SDE(..., noise=...)`
# states the class, and a method refuses a class that it cannot solve.
#
# **Additive: sra1.** It takes two drift evaluations per step, so Euler-Maruyama gets twice as many steps
# here.


def path_error(method, problem, steps):
    """Root mean square error along the path with this number of steps."""
    found = measure_strong_order(method, problem, paths=200, steps=steps // 16, halvings=4)
    return found.errors[-1]


good, bad = path_error(sde.sra1, logistic_sde(), 64), path_error(sde.euler_maruyama, logistic_sde(), 128)
decisions.add(
    "SDE, additive noise", "sra1, sosra, shark", f"error {good:.0e}",
    "euler_maruyama at equal cost", f"error {bad:.0e}",
)  # fmt: skip
assert good < bad / 10

# %%
# **Diagonal or scalar: sriw1 for accuracy, milstein for simplicity.** `milstein` needs the derivative of the
# diffusion (`symbolic.SDE.lower` derives it; `derivative_free_milstein` does not need it) and costs one
# evaluation each of drift and diffusion; `sriw1` takes 2 of the drift and 4 of the diffusion.

problem = curved_sde()
best, good, bad = (
    path_error(method, problem, steps)
    for method, steps in ((sde.sriw1, 64), (sde.milstein, 128), (sde.euler_maruyama, 256))
)
decisions.add(
    "SDE, diagonal or scalar noise", "sriw1; milstein",
    f"error {best:.0e} with 64 steps; {good:.0e} with 128",
    "euler_maruyama", f"error {bad:.0e} with 256",
)  # fmt: skip
assert best < bad / 10
assert good < bad

# %%
# **Commutative: milstein.** No Levy areas are needed. Declare the noise commutative: the declaration is
# checked at the start of a solve, and a symbolic SDE proves it.

problem = curved_sde(noise="commutative")
good, bad = path_error(sde.milstein, problem, 128), path_error(sde.euler_maruyama, problem, 256)
decisions.add(
    "SDE, commutative noise", "milstein", f"error {good:.1e} with 128 steps",
    "euler_maruyama", f"error {bad:.1e} with 256",
)  # fmt: skip
assert good < bad / 2

# %%
# **General: milstein_levy along the path.** It draws the Levy areas. Without them no method has an order
# above 1/2; `sde.milstein` refuses such noise with this message.

problem = heisenberg_sde()
good, bad = path_error(sde.milstein_levy, problem, 64), path_error(sde.euler_maruyama, problem, 256)
decisions.add(
    "SDE, general noise, paths", "milstein_levy", f"error {good:.0e} with 64 steps",
    "euler_maruyama", f"error {bad:.0e} with 256",
)  # fmt: skip
assert good < bad / 3
try:
    sde.milstein.check(problem.model)
except ValueError as error:
    print(error)

# %%
# **Ito or Stratonovich: state which.** Physics and geometry usually mean Stratonovich, finance and diffusion
# models Ito. A method solves the calculus that `SDE(..., calculus=)` states, or refuses. For
# :math:`dX = X \circ dW` the mean at time 1 is :math:`e^{1/2} = 1.65`; read as Ito, it stays 1.

key, ones = dm.random.key(0), np.ones((20_000, 1))


def mean_of(calculus, method):
    model = sde.SDE(
        lambda t, x: 0.0 * x,
        lambda t, x: x,
        "diagonal",
        calculus,
        diffusion_derivative=lambda t, x: 0 * x + 1,
    )
    return sde.ensemble(model, ones, t_span=(0.0, 1.0), steps=50, method=method, key=key).mean()


right, wrong = mean_of("stratonovich", sde.heun), mean_of("ito", sde.euler_maruyama)
decisions.add(
    "SDE, Stratonovich", 'calculus="stratonovich": heun, milstein, slow_rk', f"mean {right:.2f}",
    "euler_maruyama, as if it were Ito", f"mean {wrong:.2f}",
)  # fmt: skip
assert abs(right - np.exp(0.5)) < 0.1  # 6.5 standard errors, and the key is fixed
assert abs(wrong - 1) < 0.1

# %%
# **Expectations, not paths: weak methods.** `dri1` and `w2ito1` have weak order 2 for any Ito noise, without
# Levy areas, with random numbers that take three values. Their errors here are computed exactly, without
# sampling, from the moments of an affine equation with general noise. Two runs on the same path are
# meaningless for them, so they are refused where a path is required.

general = affine_sde("general")
weak = measure_weak_order(sde.dri1, general)
strong = measure_weak_order(sde.euler_maruyama, general)
few, many = weak.errors[weak.steps.index(8)], strong.errors[strong.steps.index(64)]
decisions.add(
    "SDE, expectations only", "dri1, w2ito1, platen_weak2", f"error of moments {few:.0e} with 8 steps",
    "euler_maruyama", f"{many:.0e} with 64",
)  # fmt: skip
assert few < many / 10
try:
    measure_strong_order(sde.dri1, curved_sde())
except ValueError as error:
    print(error)

# %%
# **Linear, only mean and covariance needed: moments.** No samples are needed.

ou = sde.LinearSDE(np.array([[-1.0]]), b=np.array([[0.5]]))
exact_variance = sde.moments(ou, np.array([1.0]), [0.0, 1.0]).covariance[-1, 0, 0]
wave = sde.SDE(lambda t, x: -x, lambda t, x: 0 * x + 0.5, "additive")
sampled = sde.ensemble(wave, ones, t_span=(0.0, 1.0), steps=50, method=sde.sra1, key=key).var()
decisions.add(
    "SDE, linear, mean and covariance", "sde.moments", "exact to rounding",
    "20,000 paths", f"variance off by {abs(sampled / exact_variance - 1):.1%}",
)  # fmt: skip

# %%
# **Stiff drift: implicit_euler_maruyama, or skencarp for additive noise.** The noise stays explicit. Explicit
# methods diverge at :math:`\lambda h > 2`; `theta_maruyama(0.5)` keeps the stationary variance of a linear
# drift at any step.

stiff = sde.SDE(lambda t, x: -1000.0 * (x - np.cos(t)), lambda t, x: 0 * x + 1.0, "additive")
times = np.linspace(0.0, 2.0, 101)
calm = sde.solve(stiff, ones[:200], times, method=sde.implicit_euler_maruyama, key=key)
burst = sde.solve(stiff, ones[:200], times, method=sde.euler_maruyama, key=key, on_failure="return")
size = np.abs(burst.x[-1]).max()
distance = np.abs(calm.x[-1] - np.cos(2.0)).max()
decisions.add(
    "SDE, stiff drift", "implicit_euler_maruyama, implicit_milstein, skencarp",
    f"within {distance:.2f} of the slow solution", "euler_maruyama", f"states of size {size:.0e}",
)  # fmt: skip
assert distance < 0.2
assert size > 1e20

# %%
# **Particles with friction: sde.Langevin and its methods.** Use `baoab` to sample; `ubu`, `align` (order 2),
# `should`, `quicsort` (order 3) along the path. They integrate friction and noise exactly together.

well = sde.Langevin(lambda t, q: -q, friction=1.0)
x0 = well.thermal(np.zeros((4000, 1)), key)
times = np.linspace(0.0, 40.0, 101)  # steps of 0.4
variances = {}
for method in (sde.baoab, sde.euler_maruyama):
    q, _ = well.split(sde.solve(well, x0, times, method=method, key=dm.random.key(1)).x)
    variances[method.name] = q[50:].var()
decisions.add(
    "SDE, Langevin dynamics", "baoab, ubu, quicsort", f"variance {variances['baoab']:.2f}, exact 1",
    "euler_maruyama, same steps", f"variance {variances['euler_maruyama']:.2f}",
)  # fmt: skip
assert abs(variances["baoab"] - 1) < 0.05
assert variances["euler_maruyama"] > 1.3

# %%
# **Difficult for a short time: solve_adaptive.** Every row takes short steps where it needs them, on a path
# that rejections do not change. With one step for all rows, the few rows that start far out determine it. If
# one step size suits everything, as in most linear problems, `solve` is cheaper.

quartic = sde.SDE(lambda t, x: -(x**3), lambda t, x: 0 * x + 0.5, "additive")
spread = np.linspace(-30.0, 30.0, 60)[:, None]
careful = sde.solve_adaptive(quartic, spread, [0.0, 2.0], method=sde.sra1, key=key, rtol=1e-2, atol=1e-2)
for steps in 2 ** np.arange(9, 15):
    fixed = sde.solve(
        quartic, spread, [0.0, 2.0], substeps=int(steps), method=sde.sra1, key=key, on_failure="return"
    )
    if fixed.status == "ok":
        break
each, all_rows = int(np.mean(careful.stats["evaluations"])), int(fixed.stats["evaluations"])
decisions.add(
    "SDE, hard for a while", "solve_adaptive", f"{each} evaluations a row",
    "solve", f"{all_rows} evaluations a row; not finite with half as many",
)  # fmt: skip
assert careful.status == fixed.status == "ok"
assert each < all_rows / 5

# %%
# The table
# ---------

decisions

# %%
# The order of each method is measured in :doc:`/auto_theory/plot_5_orders`. To write your own method, see
# :doc:`plot_5_own_method`.
