"""Kernels through their spectrum: the truncated generating function, on a circle, and one inverse FFT."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array
from diffmath.statespace._nplr import dplr
from diffmath.statespace._resolvent import low_rank_resolvent
from diffmath.statespace._statespace import Origin, StateSpace
from diffmath.statespace._structure import Dense, complexes, widest

__all__ = ["cauchy_kernel", "product_kernel", "product_kernels"]

# Beyond this growth of C A^length, the truncated generating function would cancel too many digits.
_LARGEST_GROWTH = 1e3


def product_kernel(system: StateSpace, C: Array, length: int) -> Array:
    """Return C A^j B for j < length by the resolvent of the structure, shape (outputs, length)."""
    origin = _require_origin(system, "product")
    grid = _Circle(system.A, float(system.dt or 0.0), origin.alpha, length, origin.system.structure.decay)
    return _product(origin.system, grid, grid.truncate(C, system.A))


def product_kernels(source: StateSpace, A: Array, C: Array, dt: Array, alpha: float, length: int) -> Array:
    """Return row i of C times A_i^j B_i for j < length, where A_i is the step dt_i of one continuous system.

    A has shape (channels, n, n), C (channels, n), dt (channels,).
    """
    steps = dt[:, None]
    grid = _Circle(C, steps, alpha, length, source.structure.decay)
    return _product(source, grid, grid.truncate(C[:, None, :], A)[:, 0, :])


def _product(source: StateSpace, grid: _Circle, C: Array) -> Array:
    if isinstance(source.structure, Dense):
        raise ValueError(
            "method='product' needs a system stepped from one with a structure; this one is dense: use "
            "method='cauchy' or 'doubling'"
        )
    B = array_namespace(C).astype(source.B, C.dtype, copy=False)
    return grid.invert(source.structure.resolvent(C, B, grid.p, grid.g))


def cauchy_kernel(system: StateSpace, C: Array, length: int) -> Array:
    """Return C A^j B for j < length by Cauchy sums and Woodbury's identity, shape (outputs, length)."""
    origin = _require_origin(system, "cauchy")
    modes = dplr(replace(origin.system, C=None, D=0.0))
    decay = -float(array_namespace(C).real(modes.eigenvalues[0]))
    grid = _Circle(system.A, float(system.dt or 0.0), origin.alpha, length, decay)
    return grid.invert(low_rank_resolvent(modes, grid.truncate(C, system.A), grid.p, grid.g))


class _Circle:
    """Frequencies on a circle around 0, for kernels of one length; the step dt is a number or (p, 1)."""

    def __init__(self, like: Array, dt: Any, alpha: float, length: int, decay: float) -> None:
        xp, real = array_namespace(like), widest(like)[0]
        self.length, self.dtype = length, like.dtype
        self.dt = dt if isinstance(dt, float) else xp.astype(dt, real, copy=False)
        shortest = dt if isinstance(dt, float) else float(xp.min(dt))
        # Modes that hardly decay over the length lie on the unit circle, next to the frequencies: a circle
        # that is a little smaller keeps its distance, for one digit of the last lags.
        self.radius = 1.0 if decay * shortest * length >= 1.0 else 16.0 ** (-1.0 / length)
        half = xp.arange(length // 2 + 1, dtype=real, device=compat.device(like))
        angle = half * (-2.0 * math.pi / length)
        w = self.radius * complexes(xp.cos(angle), xp.sin(angle))
        step = dt if isinstance(dt, float) else xp.astype(self.dt, w.dtype)
        self.p, self.g = 1.0 - w, step * (alpha + (1.0 - alpha) * w)
        if self.g.ndim == 2:
            self.p = xp.broadcast_to(self.p, self.g.shape)

    def truncate(self, C: Array, A: Array) -> Array:
        """Return C (I - (radius A)^length), whose generating function has the lags below `length` alone."""
        xp, real = array_namespace(C), widest(C)[0]
        rows = xp.astype(C, real, copy=False)
        last = _advance(rows, xp.astype(A, real, copy=False), self.length)
        growth = float(xp.max(xp.abs(last)))
        if not growth <= _LARGEST_GROWTH * float(xp.max(xp.abs(rows))):
            raise ValueError(
                f"spectral kernels are for stable systems; over {self.length} lags this one grows to "
                f"{growth:.1e}: use method='doubling'"
            )
        return rows - self.radius**self.length * last

    def invert(self, resolvent: Array) -> Array:
        """Return the lags of a spectrum dt C (pI - gA)^-1 B, in the precision of the system."""
        xp, real = array_namespace(resolvent), widest(resolvent)[0]
        # irfft first: array-API libraries do not mix real and complex numbers.
        lags = self.dt * xp.fft.irfft(resolvent, n=self.length, axis=-1)
        if self.radius != 1.0:
            j = xp.arange(self.length, dtype=real, device=compat.device(lags))
            lags = lags * xp.exp(j * -math.log(self.radius))
        return xp.astype(lags, self.dtype, copy=False)


def _advance(rows: Array, A: Array, steps: int) -> Array:
    """Return rows A^steps by repeated squaring."""
    while steps:
        if steps % 2:
            rows = rows @ A
        steps //= 2
        if steps:
            A = A @ A
    return rows


def _require_origin(system: StateSpace, method: str) -> Origin:
    if system.origin is None:
        raise ValueError(
            f"method={method!r} needs a system stepped by gbt (bilinear, forward_euler, backward_euler) of "
            "policy 's4', which remembers its origin: use method='doubling'"
        )
    return system.origin
