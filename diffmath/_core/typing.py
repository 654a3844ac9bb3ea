"""The types of arrays and callables in diffmath, with their contracts.

There are two argument orders: dynamics take time first, as in SciPy; models take data first, as in other
diffusion code. `diffmath._arrays.callables` reads the parameter names and refuses swapped arguments.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

__all__ = ["Array", "Diffusion", "Drift", "Scalar", "Score", "Time"]

# An array of any array-API library (NumPy, CuPy, PyTorch, JAX, ...). There is no static type for these (the
# standard defines behaviour, not a class), so mypy sees Any, and the tests run with five libraries.
Array: TypeAlias = Any

Scalar: TypeAlias = float | int

# A Python float, or one value per row, shaped to broadcast against the state: (batch, 1, ..., 1).
Time: TypeAlias = Any


class Drift(Protocol):
    """``drift(t, x)``: dx/dt at time `t` (float, or one per row), for `x` of shape (batch, *state).

    Returns an array of the shape, dtype and device of `x`. It must not modify `x`.
    """

    def __call__(self, t: Time, x: Array, /) -> Array: ...


class Diffusion(Protocol):
    """``diffusion(t, x)``: the factor g of dW at (t, x).

    Returns shape (batch, *state) for additive, diagonal and scalar noise (multiplied elementwise with the
    increment), or (batch, dim, noise_dim) for commutative and general noise (a matrix per row).
    """

    def __call__(self, t: Time, x: Array, /) -> Array: ...


class Score(Protocol):
    """``score(x, t)``: the gradient of log p_t at `x` of shape (batch, *state), at time `t`.

    Data first. Noise, velocity and denoiser networks have the same form; `diffmath.diffusion.from_noise` and
    similar functions convert them to a model. Returns the shape, dtype and device of `x`.
    """

    def __call__(self, x: Array, t: Time, /) -> Array: ...
