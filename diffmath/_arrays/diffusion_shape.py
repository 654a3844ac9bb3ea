"""What a diffusion may return: g in full, or a constant or broadcastable shape that has one meaning only."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array

__all__ = ["full_diffusion"]


def full_diffusion(
    g: Any, x: Array, noise: str, noise_dim: int | None = None, role: str = "diffusion(t, x)"
) -> Any:
    r"""Return the result of a diffusion at `x`, (batch, \*state), as a full array.

    Elementwise, shape (batch, \*state): from a number, or from an array whose axes, with or without the first
    one, are those of the state or 1. As a matrix per row, shape (batch, \*state, noise_dim): from one matrix
    for all rows, with a first axis of 1 or without it; for additive noise without it only if `noise_dim` is
    given, since (dim, noise_dim) could be (batch, dim).

    Raises
    ------
    ValueError
        Any other shape; the message has the accepted shapes. A value that is not an array of the library of
        `x` is returned unchanged, for `check_result` to refuse.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.diffusion_shape import full_diffusion
    >>> full_diffusion(0.5, np.zeros((2, 3)), "additive")
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """
    shape = tuple(x.shape)
    matrix = noise in ("commutative", "general") or (noise == "additive" and noise_dim is not None)
    xp = array_namespace(x)
    if isinstance(g, int | float | np.integer | np.floating) and not isinstance(g, bool):
        if matrix:
            raise ValueError(_required(role, "a number", shape, noise, noise_dim, matrix))
        return xp.full(shape, float(g), dtype=x.dtype, device=device(x))
    if not compat.is_array_api_obj(g) or compat.array_namespace(g) is not xp:
        return g
    found = tuple(g.shape)
    if found == shape and not matrix:
        return g
    if len(found) == len(shape) + 1 and noise not in ("diagonal", "scalar"):  # a matrix per row, or (1, ...)
        wanted = (*shape, found[-1] if noise_dim is None else noise_dim)
        fits = found[1:] == wanted[1:] and found[0] in (1, shape[0])
    elif matrix:
        wanted = (*shape, found[-1] if found and noise_dim is None else noise_dim or 0)
        fits = found == wanted[1:]
    else:
        wanted, axes = shape, shape[len(shape) - len(found) :]
        fits = not found or (
            len(shape) - 1 <= len(found) <= len(shape)
            and all(a in (1, b) for a, b in zip(found, axes, strict=True))
        )
    if not fits:
        raise ValueError(_required(role, found, shape, noise, noise_dim, matrix))
    if found == wanted:
        return g
    return xp.zeros(wanted, dtype=g.dtype, device=device(x)) + g


def _required(
    role: str, found: Any, shape: tuple[int, ...], noise: str, noise_dim: int | None, matrix: bool
) -> str:
    state, rows = shape[1:], f"{shape[0]}, "
    inside = ", ".join(map(str, state))
    if matrix:
        width = "noise_dim" if noise_dim is None else noise_dim
        return (
            f"{role} of {noise} noise must return a matrix per row, shape ({rows}{inside}, {width}), or one "
            f"for all rows, ({inside}, {width}); got {found}"
        )
    advice = {
        "additive": ": a matrix for all rows needs noise_dim=, or a first axis of 1",
        "scalar": "",
        "diagonal": ": a matrix per row is noise='general' (or 'commutative', 'additive')",
    }[noise]
    return (
        f"{role} of {noise} noise must return shape {shape}, or what has one meaning there: a number, "
        f"({inside}{',' * (len(state) == 1)}), (1, {inside}), ({rows}{', '.join('1' for _ in state)}); "
        f"got {found}{advice}"
    )
