r"""Weak methods of order 2 for any Ito noise: Roessler's and Tang & Xiao's families, and Platen's method.

They approximate expectations, not paths: use them for :math:`\mathrm E\,\phi(X_T)`, with much larger steps
than a strong method needs; never for a single path, a filter, or a comparison of two runs with the same
noise. `w2ito1` takes the fewest evaluations of g, `dri1` has small errors, `platen_weak2` is the classical
method. For diagonal and scalar noise all cost three evaluations of g per step; for a matrix with m columns, 2
m + 1 or more.

Source: Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738; Tang & Xiao (2017), BIT 57, 241-260; Kloeden &
Platen (1992), section 15.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from diffmath._arrays.models import SDE
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath.sde._methods import Method, Trial, apply_diffusion, root_of
from diffmath.sde._noise import WeakIncrement, weak_increments
from diffmath.sde._srk.stages import TableauStep, add, tableau_method, weighted
from diffmath.sde._tableaux import StochasticTableau, TangXiaoTableau, WeakTableau
from diffmath.symbolic import square_root

__all__ = ["TangXiaoStep", "WeakStep", "dri1", "platen_weak2", "w2ito1"]


@dataclass(frozen=True, repr=False)
class WeakStep(TableauStep):
    r"""The step of a weak method of Roessler's family; the formulas are those of `symbolic.weak_conditions`.

    Parameters
    ----------
    tableau : WeakTableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with a `WeakIncrement`. For diagonal, scalar and additive
    elementwise noise, the stages of all Brownian motions coincide, since b^k depends only on x_k or is the
    only column.

    References
    ----------
    .. [1] Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738, equation (3.1).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.dri1.step
    WeakStep(dri1)
    """

    family: ClassVar[type[StochasticTableau]] = WeakTableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step; it has no error estimate."""
        c, h, W = self.tableau.floats, abs(dt), noise.W
        slopes, columns = _stages(model, t, x, dt, W, c, c["B1"], 1.0, None)
        moved = add(x, dt, weighted(c["alpha"], slopes), weighted(c["beta1"], columns), W)
        moved = add(moved, dt, None, weighted(c["beta2"], columns), (W * W - h) * (0.5 / root_of(h)))
        iterated = _others(noise, h, product=True) if _is_matrix(columns) else None
        last = []
        for a_row, b_row, node in zip(c["A2"], c["B2"], c["c2"], strict=True):
            base = add(x, dt, weighted(a_row, slopes), None, W)
            mixed = None if iterated is None else weighted(b_row, columns)
            cross = None if mixed is None else _mix(mixed, iterated) * (1.0 / root_of(h))
            last.append(_diffusion(model, t + node * dt, base, cross))
        moved = add(moved, dt, None, weighted(c["beta3"], last), W)
        return Trial(add(moved, dt, None, weighted(c["beta4"], last), 0.0 * W + root_of(h)), None, state)


@dataclass(frozen=True, repr=False)
class TangXiaoStep(TableauStep):
    r"""The step of a weak method of Tang & Xiao's family; see `symbolic.tang_xiao_conditions`.

    Parameters
    ----------
    tableau : TangXiaoTableau
        Coefficients.

    Notes
    -----
    Called as ``step(model, t, x, dt, noise)`` with a `WeakIncrement`. One evaluation of g per stage and
    Brownian motion, and one at the state.

    References
    ----------
    .. [1] Tang & Xiao (2017), BIT 57, 241-260, equation (3).

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.w2ito1.step
    TangXiaoStep(w2ito1)
    """

    family: ClassVar[type[StochasticTableau]] = TangXiaoTableau

    def attempt(
        self, model: SDE, state: Any, t: float, x: Array, dt: float, noise: Any, *, estimate: bool = True
    ) -> Trial:
        """Try a step; it has no error estimate."""
        c, h, W, sign = self.tableau.floats, abs(dt), noise.W, noise.sign()
        slopes, columns = _stages(model, t, x, dt, W, c, c["B1"], sign, noise)
        moved = add(x, dt, weighted(c["alpha"], slopes), weighted(c["beta0"], columns), W)
        squared = (W * W - h) * (sign * (0.5 / root_of(h)))
        return Trial(add(moved, dt, None, weighted(c["beta1"], columns), squared), None, state)


def _stages(
    model: SDE,
    t: float,
    x: Array,
    dt: float,
    W: Array,
    c: Any,
    own: Any,
    sign: Any,
    cross: WeakIncrement | None,
) -> tuple[list[Array], list[Array]]:
    """Return a(H0_i) and b^k(Hk_i), column k of the latter at the stage of Brownian motion k."""
    root, slopes, columns = root_of(abs(dt)), list[Array](), list[Array]()
    for i in range(len(c["alpha"])):
        state = add(x, dt, weighted(c["A0"][i], slopes), weighted(c["B0"][i], columns), W)
        base = add(x, dt, weighted(c["A1"][i], slopes), None, W)
        drift = (
            slopes[0] if i and not any(c["A0"][i] + c["B0"][i]) else model.drift(t + c["c0"][i] * dt, state)
        )
        kick = weighted(own[i], columns)
        if kick is not None:
            kick = _per_column(kick, sign) * root
        mixed = weighted(c["B2"][i], columns) if cross is not None else None
        if mixed is not None and mixed.ndim == 3:
            part = _mix(mixed, _others(cross, abs(dt), product=False))
            kick = part if kick is None else kick + part
        slopes.append(drift)
        columns.append(_diffusion(model, t + c["c1"][i] * dt, base, kick))
    return slopes, columns


def _diffusion(model: SDE, t: float, base: Array, kick: Array | None) -> Array:
    """Return g at ``base + kick``; or column k of g at the state plus slice k of kick, if it has slices."""
    if kick is None or kick.ndim == 2:
        return model.diffusion(t, base if kick is None else base + kick)
    columns = [model.diffusion(t, base + kick[:, :, k])[:, :, k] for k in range(kick.shape[2])]
    return array_namespace(base).stack(columns, axis=2)


def _per_column(values: Array, sign: Any) -> Array:
    """Multiply by a sign per row, (batch, 1), for any number of axes."""
    return values * (sign[:, :, None] if values.ndim == 3 and not isinstance(sign, float) else sign)


def _others(noise: Any, h: float, *, product: bool) -> Array:
    r"""Return the variables of pairs, (batch, l, k), zero for l = k: the weight of b^l in stage k.

    ``(W_k W_l - h S_kl) / 2`` if `product`, otherwise ``W_l (1 - S_kl) / 2``.
    """
    S, W = noise.pair_signs(), noise.W  # S_kl = +-1 for k < l, antisymmetric
    S = array_namespace(S).matrix_transpose(S)  # [l, k]
    off = 1.0 - array_namespace(W).eye(W.shape[1], dtype=W.dtype, device=device(W))[None, :, :]
    return 0.5 * off * ((W[:, :, None] * W[:, None, :] - h * S) if product else W[:, :, None] * (1.0 - S))


def _mix(columns: Array, pairs: Array) -> Array:
    """Return sum_l b^l pairs_lk for every k, (batch, dim, k)."""
    return array_namespace(columns).matmul(columns, pairs)


def _is_matrix(columns: Sequence[Array]) -> bool:
    return bool(columns[0].ndim == 3)


_ANY = dict.fromkeys(("additive", "diagonal", "scalar", "commutative", "general"), (None, 2.0))


def _dri1() -> Method:
    r38, r221 = square_root("38/491"), square_root("221/4955")
    b2 = [square_root("1105/991") * -1 * 214 / 513, r221 * -491 / 513, r221 * -491 / 513]
    return tableau_method(
        WeakStep, "dri1", _ANY, deterministic_order=3, increments=weak_increments,
        reference="Debrabant & Roessler (2009), Appl. Numer. Math. 59, 582-594, scheme DRI1",
        alpha=["1/6", "2/3", "1/6"],
        A0=[[], ["1/2"], [-1, 2]],
        B0=[[], [(6 - square_root(6)) / 10], [(3 + 2 * square_root(6)) / 5]],
        A1=[[], ["342/491"], ["342/491"]],
        B1=[[], [3 * r38], [-3 * r38]],
        B2=[[], b2, [-1 * value for value in b2]],
        beta1=["193/684", "491/1368", "491/1368"],
        beta2=[0, square_root("491/38") / 6, square_root("491/38") / -6],
        beta3=["-4955/7072", "4955/14144", "4955/14144"],
        beta4=[0, square_root("4955/221") / -8, square_root("4955/221") / 8],
    )  # fmt: skip


dri1 = _dri1()

w2ito1 = tableau_method(
    TangXiaoStep, "w2ito1", _ANY, deterministic_order=3, increments=weak_increments,
    reference="Tang & Xiao (2017), BIT 57, 241-260, scheme W2Ito1; a sign of its own for every pair",
    alpha=["1/6", "2/3", "1/6"],
    A0=[[], ["1/2"], [-1, 2]],
    B0=[[], [(6 - square_root(6)) / 10], [(3 + 2 * square_root(6)) / 5]],
    A1=[[], ["1/4"], ["1/4"]],
    B1=[[], ["1/2"], ["-1/2"]],
    B2=[[], [1], []],
    beta0=[-1, 1, 1],
    beta1=[2, 0, -2],
)  # fmt: skip


def platen_step(model: SDE, t: float, x: Array, dt: float, noise: WeakIncrement) -> Array:
    r"""Advance by Platen's explicit step of weak order 2, Kloeden & Platen (1992), (15.1.3).

    Supporting values: x + a h +- b^k sqrt(h) for the columns of the noise itself, x +- b^r sqrt(h) for the
    others.
    """
    h, root, W = abs(dt), root_of(abs(dt)), noise.W
    a, g = model.drift(t, x), model.diffusion(t, x)
    ahead = x + dt * a
    drift = model.drift(t + dt, ahead + apply_diffusion(g, W))
    up, down = (_diffusion(model, t + dt, ahead, sign * root * g) for sign in (1.0, -1.0))
    moved = x + 0.5 * dt * (a + drift) + 0.25 * apply_diffusion(up + down + 2.0 * g, W)
    moved = moved + apply_diffusion(up - down, (W * W - h) * (0.25 / root))
    if g.ndim == 2 or g.shape[2] == 1:
        return moved
    S = noise.pair_signs()
    for r in range(g.shape[2]):
        plus, minus = (model.diffusion(t, x + sign * root * g[:, :, r]) for sign in (1.0, -1.0))
        keep = _without(r, W)
        moved = moved + 0.25 * apply_diffusion(plus + minus - 2.0 * g, W * keep)
        pairs = (W * W[:, r : r + 1] + h * S[:, r, :]) * keep * (0.25 / root)
        moved = moved + apply_diffusion(plus - minus, pairs)
    return moved


def _without(r: int, W: Array) -> Array:
    """Ones with a zero in place r, (1, noise_dim)."""
    xp = array_namespace(W)
    return 1.0 - xp.eye(W.shape[1], dtype=W.dtype, device=device(W))[r : r + 1, :]


platen_weak2 = Method(
    name="platen_weak2",
    step=platen_step,
    orders=_ANY,
    calculi=("ito",),
    reference="Kloeden & Platen (1992), section 15.1, (1.3)",
    evaluations=2,
    increments=weak_increments,
)
