r"""Do these samples follow that law? Verdicts with a stated probability of a false alarm.

The empirical distribution function of n independent samples satisfies, for every n and every law [1]_,

.. math:: P\Big(\sup_x |F_n(x) - F(x)| > \sqrt{\ln(2/\alpha) / (2n)}\Big) \le \alpha,

so no asymptotics and no tables are needed. A `tolerance` is added if F itself is known only up to an error,
or if a small bias is acceptable.

.. [1] Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Ann. Probab. 18, 1269.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.host_numbers import check_host
from diffmath._arrays.namespace import array_namespace, to_numpy
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.fokker_planck._grid import Grid, Vector, check_grid
from diffmath.fokker_planck._solve import DensitySolution
from diffmath.fokker_planck._verdict import Cdf, Check, check_level, largest_gap, verdict

__all__ = ["check_cdf", "check_projections", "check_samples"]


def check_samples(
    samples: Array,
    p: npt.ArrayLike | DensitySolution,
    grid: Grid | None = None,
    *,
    false_positive_rate: float,
    tolerance: float = 0.0,
) -> Check:
    r"""Check samples against a density on a grid.

    .. math:: \max_i |F_n(e_i) - F(e_i)| \le \mathrm{tolerance} + \sqrt{\ln(2/\alpha) / (2n)}

    Parameters
    ----------
    samples : array, shape (n,) or (n, 1)
        Independent samples, of any array library; copied to the host.
    p : array_like, shape (cells,), or DensitySolution
        Average densities of the cells, of mass 1; or the result of `solve`, whose last time is used.
    grid : Grid, optional
        The cells with edges e; by default those of the solution.
    false_positive_rate : float
        Upper bound alpha of the probability that samples of exactly this law fail.
    tolerance : float
        Acceptable difference of distribution functions, for instance the error of `p`.

    Returns
    -------
    Check
        ``assert fp.check_samples(...)`` asserts its verdict. Samples outside the grid count as mass beyond
        its ends; `detail` states how many there are.

    Raises
    ------
    TypeError
        Samples that are not an array of numbers; no grid for an array of densities.
    ValueError
        Samples that are not one-dimensional or not finite, a density that is negative or whose mass is not 1,
        a solution that failed or has another grid, or a false-positive rate outside (0, 1).

    Notes
    -----
    The bound of Dvoretzky, Kiefer, Wolfowitz and Massart holds for the supremum over all x, hence over the
    edges, for every n. The check detects differences larger than about twice the threshold almost surely, and
    no differences below :math:`n^{-1/2}`. Cost: one sort.

    References
    ----------
    .. [1] Massart (1990), Ann. Probab. 18, 1269-1283.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import fokker_planck as fp
    >>> grid = fp.Grid.uniform((-6, 6), 100)
    >>> z = dm.random.normal(dm.random.key(0), (10_000,), like=np.empty(0))
    >>> fp.check_samples(z, fp.gaussian(grid, 0.0, 1.0), grid, false_positive_rate=1e-3).passed
    True
    >>> fp.check_samples(1.1 * z, fp.gaussian(grid, 0.0, 1.0), grid, false_positive_rate=1e-3).passed
    False
    """
    level = check_level(false_positive_rate, tolerance)
    density, grid = _density(p, grid)
    x, edges = np.sort(_one_dimensional(samples)), grid.edges[0]
    cumulative = np.concatenate([[0.0], np.cumsum(_unit_mass(density, grid))])
    differences = np.abs(np.searchsorted(x, edges, side="right") / len(x) - cumulative)
    worst = int(np.argmax(differences))
    outside = int(np.count_nonzero((x < edges[0]) | (x > edges[-1])))
    detail = f"largest difference at x={edges[worst]:.4g}; {outside} of {len(x)} samples outside the grid"
    return verdict("check_samples", differences[worst], len(x), level, 1, detail)


def check_cdf(samples: Array, cdf: Cdf, *, false_positive_rate: float, tolerance: float = 0.0) -> Check:
    r"""Check samples against a distribution function (two-sided Kolmogorov-Smirnov test, at every sample).

    .. math:: \sup_x |F_n(x) - F(x)| \le \mathrm{tolerance} + \sqrt{\ln(2/\alpha) / (2n)}

    Parameters
    ----------
    samples : array, shape (n,) or (n, 1)
        Independent samples, of any array library; copied to the host.
    cdf : callable
        ``cdf(x)``: the distribution function P(X <= x), from a host array of shape (n,) to values in [0, 1].
        It may have jumps: it is also called just below every sample.
    false_positive_rate : float
        Upper bound alpha of the probability that samples of exactly this law fail.
    tolerance : float
        Acceptable difference of distribution functions.

    Returns
    -------
    Check

    Raises
    ------
    TypeError, ValueError
        As for `check_samples`; or values of `cdf` that are not finite, not increasing, or outside [0, 1].

    References
    ----------
    .. [1] Massart (1990), Ann. Probab. 18, 1269-1283.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import fokker_planck as fp
    >>> u = dm.random.uniform(dm.random.key(0), (1000,), like=np.empty(0))
    >>> fp.check_cdf(u, lambda x: np.clip(x, 0, 1), false_positive_rate=1e-3).passed
    True
    """
    level = check_level(false_positive_rate, tolerance)
    x = np.sort(_one_dimensional(samples))
    statistic, where = largest_gap(x, cdf)
    return verdict("check_cdf", statistic, len(x), level, 1, f"largest difference at x={where:.4g}")


def check_projections(
    samples: Array,
    projected_cdf: Callable[[Vector], Cdf],
    *,
    directions: int | npt.ArrayLike = 32,
    key: random.Key | None = None,
    false_positive_rate: float,
    tolerance: float = 0.0,
) -> Check:
    r"""Check samples in many dimensions by their projections on unit vectors (Bonferroni).

    .. math:: \max_{k \le K} \sup_s |F_{n,k}(s) - F_k(s)| \le
              \mathrm{tolerance} + \sqrt{\ln(2K/\alpha) / (2n)}

    Parameters
    ----------
    samples : array, shape (n, dim)
        Independent samples, of any array library; copied to the host.
    projected_cdf : callable
        ``projected_cdf(direction)``: takes a unit vector, shape (dim,), and returns the distribution function
        of the projection on it, a callable as in `check_cdf`. It must be continuous, since projecting rounds.
    directions : int or array_like, shape (K, dim)
        The number of random unit vectors, or the vectors (they are normalised).
    key : Key, optional
        Key of the random directions; required for an integer.
    false_positive_rate : float
        Upper bound alpha of the probability that samples of exactly this law fail.
    tolerance : float
        Acceptable difference of distribution functions.

    Returns
    -------
    Check

    Raises
    ------
    TypeError, ValueError
        As for `check_cdf`; a number of directions without a key, or directions of another dimension or of
        length 0.

    Notes
    -----
    A law is determined by all its projections (Cramer & Wold). A finite number of them can miss a difference:
    to detect weak correlations in many dimensions, use many directions.

    References
    ----------
    .. [1] Massart (1990), Ann. Probab. 18, 1269-1283.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath import fokker_planck as fp
    >>> from scipy.special import ndtr
    >>> key = dm.random.key(0)
    >>> z = dm.random.normal(key, (1000, 5), like=np.empty(0))
    >>> fp.check_projections(z, lambda direction: ndtr, key=key, false_positive_rate=1e-3).passed
    True
    """
    level, x = check_level(false_positive_rate, tolerance), _host(samples)
    if x.ndim != 2:
        raise ValueError(f"samples must have shape (n, dim); got {x.shape}")
    vectors = _unit_vectors(directions, key, x.shape[1])
    gaps = [largest_gap(np.sort(x @ vector), projected_cdf(vector)) for vector in vectors]
    worst = int(np.argmax([gap for gap, _ in gaps]))
    detail = f"largest of {len(vectors)} directions: number {worst}, at {gaps[worst][1]:.4g}"
    return verdict("check_projections", gaps[worst][0], len(x), level, len(vectors), detail)


def _unit_vectors(directions: Any, key: random.Key | None, dim: int) -> Vector:
    if np.ndim(directions) == 0:
        directions = check_count("directions", directions, 1)
        if key is None:
            raise TypeError(
                "key must be a Key if directions is a number; got None: pass a key, or the vectors"
            )
        tagged = random.fold_in(key, "fokker_planck.projections")
        vectors = random.normal(tagged, (directions, dim), like=np.empty(0))
    else:
        check_host("directions", directions)
        vectors = np.asarray(directions, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] != dim or not len(vectors):
        raise ValueError(f"directions must have shape (K, {dim}); got {vectors.shape}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("directions must be finite and not zero")
    unit: Vector = vectors / lengths
    return unit


def _host(samples: Array) -> Vector:
    """Copy samples to the host as float64, and refuse rows that are not finite."""
    array_namespace(samples, names=["samples"])
    x = to_numpy(samples)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"samples must be real numbers; got dtype {x.dtype}")
    x = x.astype(np.float64)
    if x.ndim == 0 or not x.shape[0]:
        raise ValueError(f"samples must have at least one row; got shape {x.shape}")
    bad = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))
    if bad.size:
        raise ValueError(f"samples must be finite; row {bad[0]} is {x[bad[0]]} ({bad.size} such rows)")
    return x


def _one_dimensional(samples: Array) -> Vector:
    x = _host(samples)
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 1:
        raise ValueError(f"samples must have shape (n,) or (n, 1); got {x.shape}: use check_projections")
    return x


def _density(p: npt.ArrayLike | DensitySolution, grid: Grid | None) -> tuple[npt.ArrayLike, Grid]:
    """Return densities and cells; of a solution, those at its last time."""
    if not isinstance(p, DensitySolution):
        if grid is None:
            raise TypeError(
                "grid must be given with an array of densities; got None: pass a grid, or the solution"
            )
        check_host("p", p)
        return p, check_grid(grid)
    if not p.success:
        raise ValueError(
            f"p must be a solution that reached its last time; its status is {p.status!r}: pass p.p[-1] and "
            f"its grid to check the density at t={p.t[-1]:g}"
        )
    if grid is not None and not np.array_equal(check_grid(grid).edges[0], p.grid.edges[0]):
        raise ValueError(f"grid must be that of the solution, {p.grid!r}; got {grid!r}: leave it out")
    return p.p[-1], p.grid


def _unit_mass(p: npt.ArrayLike, grid: Grid) -> Vector:
    density = np.asarray(p, dtype=np.float64)
    if density.shape != (grid.cells,):
        raise ValueError(f"p must have one density per cell, shape ({grid.cells},); got {density.shape}")
    if not (np.isfinite(density).all() and (density >= 0).all()):
        raise ValueError("p must be finite and nonnegative")
    mass: Vector = density * grid.widths
    total = float(mass.sum())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"p must have mass 1; got {total:.8g}: divide by it to check the conditional law")
    return mass
