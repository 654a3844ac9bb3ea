"""Initial poles of S5: blocks of HiPPO-LegS, one pole for each pair of conjugates."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._hippo.initial import send
from diffmath.statespace._measures import legs
from diffmath.statespace._system import dplr

__all__ = ["s5_blocks"]


@on_its_device
def s5_blocks(
    order: int, blocks: int, *, like: Array | None = None, dtype: Any = None
) -> tuple[Array, Array]:
    r"""Return the initial poles of S5, of several blocks of HiPPO-LegS, and their eigenvectors.

    .. math:: \operatorname{diag}(N_m, \ldots, N_m)\, V = V \operatorname{diag}(\lambda), \qquad
        N_m = A_{LegS} + P P^\mathsf{T}, \quad m = N / J

    Parameters
    ----------
    order : int
        Number of real states N.
    blocks : int
        Number of blocks J, each of the even order N / J.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library, for complex64 or complex128 results.

    Returns
    -------
    poles : array, shape (order / 2,)
        Complex, block by block, the fastest of a block first; each represents itself and its conjugate.
    V : array, shape (order, order / 2)
        Their eigenvectors: orthonormal columns, zero outside their block.

    Raises
    ------
    TypeError
        `order` or `blocks` is not an integer, or `dtype` not a real floating type.
    ValueError
        `blocks` does not divide `order` into blocks of even order.

    Notes
    -----
    For a real input matrix B (N, inputs) and a real output matrix C (outputs, N), the modes have the input
    :math:`V^* B` and the output :math:`C V`, with :math:`y = 2\,\mathrm{Re}(C V x)`. S5 draws B and C at
    random. The phases of the columns are free; here they make :math:`V^* B` positive for the B of LegS. The
    S5 code keeps the other half of the conjugates, which is the same model.

    References
    ----------
    .. [1] Smith, Warrington & Linderman (2023), Simplified State Space Layers for Sequence Modeling,
       appendix B.1.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> poles, V = ss.s5_blocks(8, 2)
    >>> poles.imag.round(3), V.shape
    (array([4.603, 0.557, 4.603, 0.557]), (8, 4))
    """
    order, blocks = check_count("order", order), check_count("blocks", blocks)
    if order % (2 * blocks):
        raise ValueError(f"order must be a multiple of 2 blocks = {2 * blocks}; got {order}")
    m = order // blocks
    modes = dplr(legs(m))
    upper = slice(None, m // 2 - 1, -1)
    columns = modes.V[:, upper] * np.exp(1j * np.angle(modes.B[upper]))
    V = np.kron(np.eye(blocks), columns)
    return send(np.tile(modes.eigenvalues[upper], blocks), like, dtype), send(V, like, dtype)
