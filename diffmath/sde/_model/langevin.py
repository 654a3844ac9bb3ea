r"""Langevin dynamics as data: a force, a friction, a temperature and masses; usable like an SDE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from diffmath import random
from diffmath._arrays.callables import check_dynamics, check_part, check_result
from diffmath._arrays.models import SDE, Calculus, Noise
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, device
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Diffusion, Drift

__all__ = ["Langevin"]


@dataclass(frozen=True, eq=False, repr=False)
class Langevin(SDE):
    r"""Underdamped Langevin dynamics, a particle in a force field, with friction and noise.

    .. math:: dq = v\,dt, \qquad dv = \tfrac1m F(t, q)\,dt - \gamma v\,dt + \sqrt{2 \gamma T / m}\;dW

    For :math:`F = -\nabla V` the stationary density is proportional to
    :math:`\exp(-(V(q) + \tfrac12 m |v|^2) / T)`.

    Parameters
    ----------
    force : callable
        ``force(t, q)``, shape (batch, n) -> (batch, n): the negative gradient of the potential, not divided
        by the mass.
    friction : float
        :math:`\gamma \ge 0`, a rate: velocities decay on the time scale 1 / friction. 0 gives Hamiltonian
        dynamics.
    temperature : float
        :math:`T \ge 0` in units of energy (Boltzmann's constant times the temperature).
    mass : float or sequence of float, shape (n,)
        m > 0, one for all components or one per component.
    force_jacobian : callable, optional
        ``force_jacobian(t, q)``: dF_i/dq_j, shape (batch, n, n); it becomes `drift_jacobian`, used by
        implicit methods.

    Raises
    ------
    TypeError
        A force that takes the state first or is not callable; a parameter that is not a number.
    ValueError
        A parameter that is negative or not finite, a mass that is 0.

    Notes
    -----
    *State.* An array (batch, 2 n), positions ``x[:, :n]`` followed by velocities ``x[:, n:]``, accepted by
    every SDE solver; `split`, `join` and `thermal` convert. The noise has n components per row, those of the
    velocities.

    *Which method.* `baoab` to sample, if only averages matter: the variance of positions in a harmonic force
    is exact at every step below the stability limit (at :math:`k\,dt^2 / m = 0.16` and :math:`\gamma = 1`,
    the error of `ubu` and `align` is 2.6 %, of `quicsort` 0.02 %, of `should` 0.004 %). `ubu` for order 2
    along the path with one force per step and any friction: without a force its law is exact. `align` for the
    same order from W and H, if friction * dt is below 1. `should` and `quicsort` for order 3 along the path,
    with 3 and 2 forces per step; `quicsort` heats free particles by 0.25 % at friction * dt = 1 and by 24 %
    at 4, where `align` cools them by 10 % and `should` by 1 %. None of them is for stiff forces: like
    leapfrog, all are stable up to about :math:`dt = 2 \sqrt{m / k}`. If the friction is so strong that
    velocities do not matter, the overdamped equation
    :math:`dq = F\,dt / (m \gamma) + \sqrt{2 T / (m \gamma)}\,dW`, an ordinary `SDE`, costs less.

    *As an SDE.* A `Langevin` is an `SDE` with additive noise, a matrix (batch, 2 n, n), so methods for
    additive noise can solve it. The five methods above need the `Langevin` itself: they treat friction and
    noise exactly or nearly so, and only the force limits their step.

    *Other conventions.* The u of [1]_ is 1 / m, at T = 1. A friction :math:`\lambda = m \gamma` must be
    divided by m.

    References
    ----------
    .. [1] Foster, Lyons & Oberhauser (2021), The shifted ODE method for underdamped Langevin MCMC,
       arXiv:2101.03446, equation (1.1).
    .. [2] Leimkuhler & Matthews (2015), Molecular Dynamics, section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import sde
    >>> well = sde.Langevin(lambda t, q: q - q**3, friction=1.0, temperature=0.5)
    >>> well
    Langevin(friction=1, temperature=0.5, mass=1)
    >>> x0, key = well.thermal(np.zeros((1000, 1)), dm.random.key(0)), dm.random.key(1)
    >>> solution = sde.solve(well, x0, np.linspace(0, 10, 101), method=sde.baoab, key=key)
    >>> q, v = well.split(solution.x)
    >>> q.shape, bool(abs(v[-1].var() - 0.5) < 0.05)
    ((101, 1000, 1), True)
    """

    drift: Drift = field(init=False)
    diffusion: Diffusion = field(init=False)
    noise: Noise = field(default="additive", init=False)
    calculus: Calculus = field(default="ito", init=False)
    noise_dim: int | None = field(default=None, init=False)
    drift_jacobian: Drift | None = field(default=None, init=False)
    diffusion_derivative: Diffusion | None = field(default=None, init=False)
    force: Drift
    _: KW_ONLY
    friction: float
    temperature: float = 1.0
    mass: float | Sequence[float] = 1.0
    force_jacobian: Drift | None = None

    def __post_init__(self) -> None:
        check_dynamics(self.force, "force", more=None)
        for name in ("friction", "temperature"):
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        masses = np.asarray(self.mass).tolist()
        if isinstance(masses, list):
            mass: Any = tuple(_number(f"mass[{i}]", m, "> 0") for i, m in enumerate(masses))
        else:
            mass = _number("mass", masses, "> 0")
        if mass == ():
            raise ValueError("mass must be a number, or one for every component; got none")
        object.__setattr__(self, "mass", mass)
        object.__setattr__(self, "drift", self._drift)
        object.__setattr__(self, "diffusion", self._diffusion)
        if self.force_jacobian is not None:
            check_dynamics(self.force_jacobian, "force_jacobian", more=None)
            object.__setattr__(self, "drift_jacobian", self._jacobian)

    def split(self, x: Array) -> tuple[Array, Array]:
        r"""Return positions and velocities of states, (\*any, 2 n) -> two of (\*any, n).

        Raises
        ------
        ValueError
            A last axis of odd length, or one that does not fit the masses.
        """
        n, odd = divmod(x.shape[-1], 2)
        if odd or (isinstance(self.mass, tuple) and n != len(self.mass)):
            wanted = 2 * len(self.mass) if isinstance(self.mass, tuple) else "2 n"
            raise ValueError(
                f"the state of a Langevin has shape (batch, {wanted}), positions and then velocities; got "
                f"{tuple(x.shape)}: use split, join or thermal"
            )
        return x[..., :n], x[..., n:]

    def join(self, q: Array, v: Array) -> Array:
        r"""Return the states of positions and velocities, two of (\*any, n) -> (\*any, 2 n)."""
        return array_namespace(q, v, names=["q", "v"]).concat([q, v], axis=-1)

    def thermal(self, q: Array, key: random.Key, *, first_row: int = 0) -> Array:
        r"""Return states at the positions q, (batch, n), with velocities of the Maxwell-Boltzmann law.

        .. math:: v \sim \mathcal N(0, T / m)

        The velocity of a row depends only on the key and the row number (counted from `first_row`).
        """
        q = check_array("q", q, ndim=2)
        first_row = check_count("first_row", first_row, 0)
        rows = slice(first_row, first_row + q.shape[0])
        normals = random.normal(
            random.fold_in(key, "sde.thermal"), (rows.stop, q.shape[1]), like=q, dtype=q.dtype, rows=rows
        )
        x = self.join(q, normals)
        self.split(x)  # refuses a number of masses that does not fit
        return self.join(q, self._per_component(lambda m: math.sqrt(self.temperature / m), q) * normals)

    def acceleration(self, t: float, q: Array) -> Array:
        """Return the force divided by the mass, shape (batch, n)."""
        return self._per_component(lambda m: 1.0 / m, q) * self.force(t, q)

    def noise_size(self, like: Array) -> float | Array:
        r"""Return :math:`\sqrt{2 \gamma T / m}`: a float, or (n,) for masses per component."""
        scale = 2.0 * self.friction * self.temperature
        return self._per_component(lambda m: math.sqrt(scale / m), like)

    def _per_component(self, function: Any, like: Array) -> float | Array:
        if isinstance(self.mass, tuple):
            return asarray_like([function(m) for m in self.mass], like, like.dtype)
        return float(function(self.mass))

    def _drift(self, t: float, x: Array) -> Array:
        q, v = self.split(x)
        force = check_part("force(t, q)", self.force(t, q), q)
        return self.join(v, self._per_component(lambda m: 1.0 / m, q) * force - self.friction * v)

    def _diffusion(self, t: float, x: Array) -> Array:
        xp, (q, _) = array_namespace(x), self.split(x)
        n = q.shape[-1]
        eye = xp.eye(n, dtype=x.dtype, device=device(x))
        matrix = xp.concat([xp.zeros_like(eye), self.noise_size(x) * eye], axis=0)
        return xp.broadcast_to(matrix, (x.shape[0], 2 * n, n))

    def _jacobian(self, t: float, x: Array) -> Array:
        xp, (q, _) = array_namespace(x), self.split(x)
        assert self.force_jacobian is not None
        batch, n = q.shape
        stiffness = check_result("force_jacobian(t, q)", self.force_jacobian(t, q), q, (batch, n, n))
        inverse = self._per_component(lambda m: 1.0 / m, x)
        rows = stiffness * (inverse if isinstance(inverse, float) else inverse[:, None])
        eye = xp.broadcast_to(xp.eye(n, dtype=x.dtype, device=device(x)), (batch, n, n))
        upper = xp.concat([xp.zeros_like(eye), eye], axis=2)
        return xp.concat([upper, xp.concat([rows, -self.friction * eye], axis=2)], axis=1)

    def __repr__(self) -> str:
        mass = f"{self.mass:g}" if isinstance(self.mass, float) else self.mass
        return f"Langevin(friction={self.friction:g}, temperature={self.temperature:g}, mass={mass})"


def _number(name: str, value: Any, bound: str = ">= 0") -> float:
    number = check_number(name, value)
    if not math.isfinite(number) or number < 0 or (bound == "> 0" and number == 0):
        raise ValueError(f"{name} must be finite and {bound}; got {value!r}")
    return number
