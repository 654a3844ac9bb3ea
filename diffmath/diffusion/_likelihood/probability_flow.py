r"""The probability-flow ODE with an adaptive solver, in the angle of the noise level.

.. math:: \theta = \operatorname{atan2}(\sigma, \alpha), \quad y = \frac{x}{\sqrt{\alpha^2 + \sigma^2}},
   \qquad \frac{dy}{d\theta} = \cos\theta\,E - \sin\theta\,D

The right-hand side is the velocity of the variance-preserving process of the same noise level. It is regular
where sigma or alpha is 0, whatever the rates of alpha and sigma in t are there. Source: Song et al. (2021),
arXiv:2011.13456, section 4.3, for the ODE; Salimans & Ho (2022), arXiv:2202.00512, appendix D, for the angle.
"""

from __future__ import annotations

from typing import Any, Literal

from diffmath._core.solution import Solution
from diffmath._core.typing import Array, Score
from diffmath.diffusion._likelihood.clock import solve_flow
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process
from diffmath.ode import dopri5

__all__ = ["probability_flow"]


def probability_flow(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    *,
    method: Any = dopri5,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    batch: Literal["rows", "shared"] = "rows",
    max_steps: int = 10_000,
    progress: bool = False,
    with_gradient: bool = False,
    on_failure: Literal["raise", "return"] = "raise",
) -> Solution:
    r"""Solve the probability-flow ODE adaptively, from noise to data or from data to noise.

    .. math:: \frac{dy}{d\theta} = \cos\theta\,E - \sin\theta\,D, \qquad
       y = \frac{x}{\sqrt{\alpha^2 + \sigma^2}}, \quad \theta = \operatorname{atan2}(\sigma, \alpha)

    Parameters
    ----------
    process, model, x_T
        As in `sample`.
    times : sequence of float
        Host times in [0, t_max] at which to save, decreasing or (encoding) increasing; the first is the time
        of `x_T`. Steps are chosen between them.
    method : method of `ode` or str
        Any method of `ode` that estimates its error: `ode.dopri5`, ``"tsit5"``, `ode.vern7`,
        `ode.kvaerno5`.
    rtol, atol : float or array
        Tolerances of a step, for y. They are those of `ode.solve`.
    batch : {"rows", "shared"}
        "rows": every row has its own steps and is independent of the other rows; the model gets `t` as an
        array of one time per row, of shape (batch, 1, ..., 1). "shared": one step for all rows; `t` is a
        float, and the result of a row depends on the others within the tolerance.
    max_steps : int
        Largest number of trial steps of a row.
    progress : bool
        Show a progress bar.
    with_gradient : bool
        Let PyTorch keep the graph of all steps, as in `sample`.
    on_failure : {"raise", "return"}
        Raise `SolveError`, or return the solution with its status.

    Returns
    -------
    Solution
        ``x`` has shape (times, batch, \*state), in the dtype and on the device of `x_T`; `stats`, status and
        `row_status` as in `ode.solve`.

    Raises
    ------
    TypeError
        As for `sample`; a state that JAX traces.
    ValueError
        Times outside [0, t_max], a method without an error estimate, or an end of the times at which the
        model does not determine the velocity (a denoiser at sigma = 0): the model is evaluated at both.
    SolveError
        The work is spent, the step is too small, or a value is not finite; `solution` has the states before.

    Notes
    -----
    The error tends to zero with the tolerances, at a cost that the order of `method` determines. Times are
    found from the angle on the host, by `Process.time_of_log_snr`; without a closed form this is a root per
    row.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> process, target = diffusion.vp(), diffusion.Gaussian([1.0], [[0.25]])
    >>> x, exact = np.array([[0.5], [-1.0]]), target.flow_map(process)
    >>> score = target.score(process)
    >>> found = diffusion.probability_flow(process, score, x, [1.0, 0.0], rtol=1e-8, atol=1e-8)
    >>> bool(abs(found.x[-1] - exact(x, 1.0, 0.0)).max() < 1e-6)
    True
    """
    if isinstance(getattr(method, "order", None), int) and getattr(method, "embedded_order", None) is None:
        raise ValueError(f"method must estimate its error, such as ode.dopri5; got {method!r}")
    return solve_flow(
        process, model, x_T, times, "angle", method=method, rtol=rtol, atol=atol, batch=batch,
        max_steps=max_steps, progress=progress, with_gradient=with_gradient, on_failure=on_failure,
    )  # fmt: skip
