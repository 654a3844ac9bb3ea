"""Stochastic differential equations as data, for all solvers, densities and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from diffmath._arrays.callables import check_dynamics
from diffmath._core.typing import Diffusion, Drift

__all__ = ["SDE", "Calculus", "Noise"]

Noise = Literal["additive", "diagonal", "scalar", "commutative", "general"]
Calculus = Literal["ito", "stratonovich"]


@dataclass(frozen=True)
class SDE:
    r"""A stochastic differential equation :math:`dX = f(t, X)\,dt + g(t, X)\,dW`.

    Parameters
    ----------
    drift : callable
        ``drift(t, x)``, shape (batch, dim) -> (batch, dim).
    diffusion : callable
        ``diffusion(t, x)``. Its shape determines the product with the increment: (batch, dim) is multiplied
        elementwise with dW, (batch, dim, noise_dim) is a matrix per row. Constants need not be full: see the
        notes.
    noise : {"additive", "diagonal", "scalar", "commutative", "general"}
        Class of the noise, on which solvers rely: `additive` g does not depend on x; `diagonal` row i of g
        depends only on x_i and multiplies only dW_i; `scalar` one dW for all components, g of shape (batch,
        dim) and dW (batch, 1); `commutative`, `general` a matrix.
    calculus : {"ito", "stratonovich"}
        Calculus of the integral against dW.
    noise_dim : int, optional
        Number of Brownian motions per row, for commutative and general noise (by default that of the matrix),
        and for additive noise whose diffusion is a matrix.
    drift_jacobian : callable, optional
        ``drift_jacobian(t, x)``: df_i/dx_j, shape (batch, dim, dim).
    diffusion_derivative : callable, optional
        ``diffusion_derivative(t, x)``, needed by Milstein's method: dg_i/dx_i for diagonal noise, shape
        (batch, dim); dg/dx_k for other noise, shape (batch, dim, dim) for scalar noise and (batch, dim,
        noise_dim, dim) for a matrix, where k is the last axis. The first axis may be 1 or missing.

    Raises
    ------
    TypeError
        A callable that takes the state first, or is not callable; a `noise_dim` that is not an int.
    ValueError
        An unknown noise or calculus, or a `noise_dim` below 1.

    Notes
    -----
    Time is a Python float; the state is an array of any library, (batch, dim).

    *Parameters.* All callables may take more than (t, x): ``parameters=`` of the solvers, with one row per
    row of the batch, is the third argument, and ``args=``, constants, follow: ``drift(t, x, parameters,
    *args)``.

    *Constants.* Elementwise noise (additive, diagonal, scalar) may also be a number, or an array of shape
    (dim,), (1, dim) or (batch, 1). A matrix for all rows has shape (1, dim, noise_dim) or, for commutative
    and general noise, (dim, noise_dim); for additive noise the latter needs `noise_dim`, since it could be
    (batch, dim). If there are as many rows as components, the solvers call the diffusion once with another
    number of rows, and refuse an ambiguous result.

    *Images.* States may have more axes, (batch, \*state): the solvers step them as flat rows of n numbers,
    component by component. Elementwise noise then has the shape of the state, a matrix the shape (batch,
    \*state, noise_dim), and its dg/dx_k the shape (batch, \*state, noise_dim, \*state).

    References
    ----------
    .. [1] Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, section 4.8.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.SDE(drift=lambda t, x: -x, diffusion=lambda t, x: 0.5 * x)
    SDE(noise='diagonal', calculus='ito')
    """

    drift: Drift
    diffusion: Diffusion
    noise: Noise = "diagonal"
    calculus: Calculus = "ito"
    noise_dim: int | None = None
    drift_jacobian: Drift | None = None
    diffusion_derivative: Diffusion | None = None

    def __post_init__(self) -> None:
        if self.noise not in get_args(Noise):
            raise ValueError(f"noise must be one of {get_args(Noise)}; got {self.noise!r}")
        if self.calculus not in get_args(Calculus):
            raise ValueError(f"calculus must be one of {get_args(Calculus)}; got {self.calculus!r}")
        if self.noise_dim is not None:
            if not isinstance(self.noise_dim, int) or isinstance(self.noise_dim, bool):
                raise TypeError(f"noise_dim must be an int; got {type(self.noise_dim).__name__}")
            if self.noise_dim < 1:
                raise ValueError(f"noise_dim must be at least 1; got {self.noise_dim}")
        for role in ("drift", "diffusion", "drift_jacobian", "diffusion_derivative"):
            if getattr(self, role) is not None:
                check_dynamics(getattr(self, role), role, more=None)  # bound later

    def __repr__(self) -> str:
        size = "" if self.noise_dim is None else f", noise_dim={self.noise_dim}"
        return f"SDE(noise={self.noise!r}, calculus={self.calculus!r}{size})"
