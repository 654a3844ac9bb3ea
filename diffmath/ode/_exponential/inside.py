r"""The state inside a step of an exponential method: the linear part exactly, N by a polynomial.

.. math:: x(t + \theta h) = e^{\theta h L} x
          + h \sum_k \varphi_k(\theta h L) \Bigl(\theta^k \sum_i w_{ik} N_i\Bigr)

It is the exact solution of x' = L x + p(t), where the integral of the polynomial p over the whole step is
that of the method. Source: Hochbruck & Ostermann (2010), Acta Numer. 19, 209-286, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, asarray_like, device, expand_like
from diffmath._core.typing import Array, Time
from diffmath.ode._exponential.operators import Evaluator
from diffmath.symbolic import phi

__all__ = ["Inside"]


@dataclass(frozen=True, eq=False)
class Inside:
    """Evaluate states of rows at fractions of a step; `weights` holds w, per stage and power of theta."""

    linear: Array
    x: Array
    dt: Time
    stages: Sequence[Array]
    weights: Sequence[Sequence[float]]

    def __call__(self, rows: Any, theta: Any) -> Array:
        """Return the states of the given rows at the given fractions, shape (pairs, ..., n)."""
        xp = array_namespace(self.x)
        index = xp.asarray(rows, device=device(self.x))
        x, share = xp.take(self.x, index, axis=0), asarray_like(theta, self.x)
        part = share * self.dt
        if compat.is_array_api_obj(self.dt):
            part = share * xp.take(xp.reshape(self.dt, (self.x.shape[0],)), index, axis=0)
        degree = len(self.weights[0])
        evaluate = Evaluator([phi(k) for k in range(degree + 1)], self.linear, x, expand_like(part, x))
        total = evaluate(phi(0), times_dt=False)(x)
        for k in range(degree):
            # theta^k h is theta^(k - 1) times the length of the partial step.
            rates = sum(row[k] * xp.take(rate, index, axis=0) for row, rate in self._terms() if row[k] != 0)
            total = total + evaluate(phi(k + 1), times_dt=True)(expand_like(share**k, x) * rates)
        return total

    def _terms(self) -> Any:
        return zip(self.weights, self.stages, strict=False)
