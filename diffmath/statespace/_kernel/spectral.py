"""Kernels by their spectrum: the truncated generating function on a circle, and one inverse FFT."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import refuse_traced
from diffmath._core.typing import Array
from diffmath.statespace._kernel.resolvent import low_rank_resolvent
from diffmath.statespace._structure import Dense, as_complex, widest_dtypes
from diffmath.statespace._system import Origin, StateSpace, dplr

__all__ = ["cauchy_kernel", "product_kernel", "product_kernels"]

# If C A^length grows beyond this, the truncated generating function would lose too many digits.
_LARGEST_GROWTH = 1e3
# A mode that has decayed to this is far enough from the unit circle.
_GONE = 0.01


def product_kernel(system: StateSpace, C: Array, length: int) -> Array:
    """Return C A^j B for j < length by the resolvent of the structure, shape (outputs, length)."""
    origin = _require_origin(system, "product")
    grid = _Circle(C, system.A, float(system.dt or 0.0), origin.alpha, length)
    return _product(origin.system, grid, grid.rows)


def product_kernels(source: StateSpace, A: Array, C: Array, dt: Array, alpha: float, length: int) -> Array:
    """Return row i of C times A_i^j B_i for j < length, where A_i is the step dt_i of one continuous system.

    A has shape (channels, n, n), C (channels, n), dt (channels,).
    """
    grid = _Circle(C[:, None, :], A, dt[:, None], alpha, length)
    return _product(source, grid, grid.rows[:, 0, :])


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
    refuse_traced(
        "the system", "its eigenvalues are checked on the host", "use method='doubling'", C, system.A
    )
    modes, xp, dt = dplr(replace(origin.system, C=None, D=0.0)), array_namespace(C), float(system.dt or 0.0)
    # The sums have only the poles of the normal part, which may decay more slowly than the system, or grow.
    forward = xp.abs(1.0 + ((1.0 - origin.alpha) * dt) * modes.eigenvalues)
    slowest = float(xp.max(forward / xp.abs(1.0 - (origin.alpha * dt) * modes.eigenvalues)))
    grid = _Circle(C, system.A, dt, origin.alpha, length, slowest=slowest)
    return grid.invert(low_rank_resolvent(modes, grid.rows, grid.p, grid.g))


class _Circle:
    """Frequencies on a circle around 0, for kernels of one length; the step dt is a number or (p, 1).

    Its `rows`, C (I - (radius A)^length), have a generating function of only the lags below `length`. Modes
    that have not decayed after `length` lags lie close to the unit circle, next to the frequencies. A
    slightly smaller circle avoids them, at the cost of one or two digits in the last lags.
    """

    def __init__(
        self, C: Array, A: Array, dt: Any, alpha: float, length: int, *, slowest: float = 0.0
    ) -> None:
        xp, real = array_namespace(A), widest_dtypes(A)[0]
        self.length, self.dtype = length, A.dtype
        self.dt = dt if isinstance(dt, float) else xp.astype(dt, real, copy=False)
        rows, A = (xp.astype(part, real, copy=False) for part in (C, A))
        refuse_traced("the system", "the circle depends on its decay", "use method='doubling'", C, A)
        last, left = _truncated(rows, A, length)
        left = max(left, slowest**length if slowest < 2.0 else math.inf)
        if not left <= _LARGEST_GROWTH:
            raise ValueError(
                f"spectral kernels are for stable systems; over {length} lags this one grows to {left:.1e}: "
                "use method='doubling'"
            )
        self.radius = (16.0 * max(1.0, left)) ** (-1.0 / length) if left > _GONE else 1.0
        self.rows = rows - self.radius**length * last
        half = xp.arange(length // 2 + 1, dtype=real, device=compat.device(A))
        angle = half * (-2.0 * math.pi / length)
        w = self.radius * as_complex(xp.cos(angle), xp.sin(angle))
        step = dt if isinstance(dt, float) else xp.astype(self.dt, w.dtype)
        self.p, self.g = 1.0 - w, step * (alpha + (1.0 - alpha) * w)
        if self.g.ndim == 2:
            self.p = xp.broadcast_to(self.p, self.g.shape)

    def invert(self, resolvent: Array) -> Array:
        """Return the lags of a spectrum dt C (pI - gA)^-1 B, in the precision of the system."""
        xp, real = array_namespace(resolvent), widest_dtypes(resolvent)[0]
        # irfft first: array-API libraries do not mix real and complex numbers.
        lags = self.dt * xp.fft.irfft(resolvent, n=self.length, axis=-1)
        if self.radius != 1.0:
            j = xp.arange(self.length, dtype=real, device=compat.device(lags))
            lags = lags * xp.exp(j * -math.log(self.radius))
        return xp.astype(lags, self.dtype, copy=False)


def _truncated(rows: Array, A: Array, length: int) -> tuple[Array, float]:
    """Return rows A^length, and how much of them, or of a probe with all modes, remains."""
    xp, n = array_namespace(A), A.shape[-1]
    probe = xp.cos(xp.arange(n, dtype=A.dtype, device=compat.device(A)))
    probe = xp.broadcast_to(probe, (*rows.shape[:-2], 1, n))
    seen = xp.concat([rows, probe], axis=-2)
    last = _advance(seen, A, length)
    size = xp.max(xp.abs(seen), axis=-1)
    left = xp.max(xp.abs(last), axis=-1) / xp.where(size > 0.0, size, xp.ones_like(size))
    return last[..., :-1, :], float(xp.max(left))


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
