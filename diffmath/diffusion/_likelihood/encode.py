r"""Transport data to noise, and back, by the probability-flow ODE to a tolerance.

.. math:: \frac{dy}{d\theta} = \frac{v}{r}, \qquad y = x/r, \quad \theta = \arctan(\sigma/\alpha)
"""

from __future__ import annotations

from typing import Any

from diffmath._core.typing import Array, Score
from diffmath.diffusion._likelihood.clock import check_start, solve_flow
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.ode import dopri5

__all__ = ["decode", "encode"]


def encode(
    process: Process,
    model: Model | Score,
    x: Array,
    *,
    t_start: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
) -> Array:
    r"""Transport points at `t_start` to `t_max` by the probability-flow ODE.

    Parameters
    ----------
    process : Process
    model : Model or callable
        As in `sample`; a plain callable is a score.
    x : array, shape (batch, \*state)
    t_start : float, optional
        Time of `x`, with sigma > 0; by default `t_min`.
    rtol, atol : float
        Tolerances of the solver, on :math:`x/\sqrt{\alpha^2 + \sigma^2}`.
    max_steps : int
        Maximum number of steps of the solver.
    progress : bool
        Show a progress bar.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, as in `sample`.

    Returns
    -------
    array, shape (batch, \*state)
        The latent at `t_max`. `decode` brings it back, to the tolerances.

    Raises
    ------
    TypeError, ValueError
        As for `log_likelihood`.
    SolveError
        The ODE could not be solved to tolerance; the message names the time.

    Notes
    -----
    To encode with a given number of steps, pass increasing times to `sample` with a deterministic method.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, normal = diffusion.vp(), diffusion.Gaussian([2.0], [0.25])
    >>> z = diffusion.encode(process, normal.score(process), np.array([[2.5]]))
    >>> bool(abs(z - 1)[0, 0] < 0.02)   # one standard deviation above the mean
    True
    >>> diffusion.decode(process, normal.score(process), z).round(4)
    array([[2.5]])
    """
    ends = [check_start(process, t_start), process.t_max]
    return _transport(
        process, model, x, ends, "x", rtol=rtol, atol=atol, max_steps=max_steps, progress=progress,
        with_gradient=with_gradient,
    )  # fmt: skip


def decode(
    process: Process,
    model: Model | Score,
    x_T: Array,
    *,
    t_end: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
) -> Array:
    r"""Transport points at `t_max` to `t_end` by the probability-flow ODE: sampling to a tolerance.

    Parameters, returns and errors are those of `encode`, the other way; `t_end` is `t_min` by default.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, normal = diffusion.flow(), diffusion.Gaussian([2.0], [0.25])
    >>> model = diffusion.from_denoiser(normal.denoiser(process), process)
    >>> diffusion.decode(process, model, np.array([[1.0]])).round(2)   # from pure noise
    array([[2.5]])
    """
    ends = [process.t_max, check_start(process, t_end)]
    return _transport(
        process, model, x_T, ends, "x_T", rtol=rtol, atol=atol, max_steps=max_steps, progress=progress,
        with_gradient=with_gradient,
    )  # fmt: skip


def _transport(process: Process, model: Any, x: Array, ends: list[float], name: str, **options: Any) -> Array:
    found = solve_flow(
        process,
        model,
        x,
        ends,
        "angle",
        name=name,
        method=dopri5,
        batch="shared",
        on_failure="raise",
        **options,
    )
    return found.x[-1, ...]
