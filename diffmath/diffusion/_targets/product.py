r"""Independent blocks of coordinates, each with its own target.

.. math:: p_0(x) = \prod_b p_0^{(b)}(x_b)

The noise is independent in all coordinates, so everything is exact that is exact in each block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray, Marginal
from diffmath.diffusion._targets.rows import Rows
from diffmath.diffusion._targets.target import Target
from diffmath.random import Key, fold_in

__all__ = ["Product"]


@dataclass(frozen=True, eq=False, repr=False)
class Product(Target):
    """Targets in independent blocks of coordinates.

    Parameters
    ----------
    targets : sequence of Target
        One per block, in the order of the coordinates.

    Raises
    ------
    TypeError
        A member that is no target.
    ValueError
        No target.

    Notes
    -----
    With one-dimensional mixtures it has an exact flow map in any dimension, and `Rotated` gives that axes of
    its own.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> pair = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.1, 0.1])
    >>> target = Product([pair, diffusion.Ring(1.0)])
    >>> target
    Product(GaussianMixture(components=2, dim=1), Ring(radius=1, dim=2))
    >>> target.denoiser(diffusion.edm())(np.array([[0.5, 0.0, 2.0]]), 1.0).round(4)
    array([[0.4324, 0.    , 0.6978]])
    """

    targets: tuple[Target, ...]

    def __init__(self, targets: Sequence[Target]) -> None:
        blocks = tuple(targets)
        if not blocks:
            raise ValueError("Product needs at least one target; got none")
        for i, target in enumerate(blocks):
            if not isinstance(target, Target):
                raise TypeError(f"targets must be targets; targets[{i}] is a {type(target).__name__}")
        object.__setattr__(self, "targets", blocks)

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return sum(target.dim for target in self.targets)

    @property
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""
        return np.concatenate([target.mean for target in self.targets])

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        return np.asarray(block_diag(*(target.covariance for target in self.targets)))

    @property
    def _width(self) -> int:
        return sum(target._width for target in self.targets)

    @property
    def _smooth(self) -> bool:
        return all(target._smooth for target in self.targets)

    @property
    def _has_density(self) -> bool:
        return all(target._has_density for target in self.targets)

    @property
    def _rough(self) -> str:
        return next((target._rough for target in self.targets if not target._smooth), "")

    @property
    def _bounded(self) -> bool:
        return any(target._bounded for target in self.targets)

    def _blocks(self, x: Array) -> Iterator[tuple[Target, Array]]:
        """Iterate over the targets and their columns of x."""
        first = 0
        for target in self.targets:
            yield target, x[:, first : first + target.dim]
            first += target.dim

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _ProductRows:
        blocks = [target._rows(part, alpha, sigma) for target, part in self._blocks(x)]
        return _ProductRows(blocks, [target.dim for target in self.targets], x)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        parts = [target._sample_data(fold_in(key, i), n, like) for i, target in enumerate(self.targets)]
        return array_namespace(parts[0]).concat(parts, axis=1)

    def _no_flow(self) -> str:
        return next((f"{target!r}: {why}" for target in self.targets if (why := target._no_flow())), "")

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        parts, changes = zip(*(target._flow(part, start, end) for target, part in self._blocks(x)))
        return array_namespace(x).concat(list(parts), axis=1), sum(changes[1:], changes[0])

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.targets))})"


class _ProductRows:
    """The blocks at rows x: densities and divergences add, vectors are concatenated."""

    def __init__(self, blocks: list[Rows], dims: list[int], x: Array) -> None:
        self.blocks, self.dims, self.xp = blocks, dims, array_namespace(x)

    def log_density(self) -> Array:
        return self._sum(lambda rows: rows.log_density())

    def score(self) -> Array:
        return self.xp.concat([rows.score() for rows in self.blocks], axis=1)

    def denoiser(self) -> Array:
        return self.xp.concat([rows.denoiser() for rows in self.blocks], axis=1)

    def divergence(self) -> Array:
        return self._sum(lambda rows: rows.divergence())

    def denoiser_divergence(self) -> Array:
        return self._sum(lambda rows: rows.denoiser_divergence())

    def denoiser_along(self, v: Array) -> Array:
        ends = list(accumulate(self.dims))
        parts = [v[:, end - dim : end] for dim, end in zip(self.dims, ends, strict=True)]
        found = [rows.denoiser_along(part) for rows, part in zip(self.blocks, parts, strict=True)]
        return self.xp.concat(found, axis=1)

    def _sum(self, quantity: Callable[[Rows], Array]) -> Array:
        first, *others = (quantity(rows) for rows in self.blocks)
        return sum(others, first)
