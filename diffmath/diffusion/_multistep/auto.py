"""The sampler for a number of steps: `auto`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diffmath.diffusion._methods import Method, Step
from diffmath.diffusion._multistep.adams import adams
from diffmath.diffusion._process import Process

__all__ = ["auto"]

# The most steps, and the setting. Each has the least error, or one within 4 % of it, of the settings
# (form, predictor, corrector, last) with nodes in theta; error: geometric mean over eight cells (two mixtures
# on four grids of vp, edm and flow) of the root mean square over 128 quantiles, at 6 to 384 evaluations.
_SETTINGS: tuple[tuple[int, Method], ...] = (
    (12, adams(form="flow", predictor=2, corrector=3, starter="ramp", last=1)),
    (16, adams(form="flow", predictor=2, corrector=3, starter="ramp")),
    (48, adams(form="flow", predictor=4, corrector=5, starter="ramp", last=3)),
    (80, adams(form="velocity", predictor=4, corrector=5, starter="ramp", last=3)),
    (176, adams(form="velocity", predictor=5, corrector=5, starter="ramp")),
)
_FINEST = adams(form="velocity", predictor=5, corrector=5)


def _chosen(steps: int) -> Method:
    return next((method for most, method in _SETTINGS if steps <= most), _FINEST)


def _step(process: Process, times: Sequence[float], n: int) -> Step:
    return _chosen(len(times) - 1).step(process, times, n)


def _evaluations(steps: int) -> int:
    return _chosen(steps).nfe(steps)


@dataclass(frozen=True, repr=False)
class _Auto(Method):
    r"""The sampler that chooses a setting of `adams` by the number of steps: `diffusion.auto`.

    All settings predict, evaluate and correct, with nodes in :math:`\theta = \arctan(\sigma/\alpha)`: in the
    form flow up to 48 steps, in the form velocity above. They are regular at alpha = 0 and sigma = 0.

    Parameters
    ----------
    name, order, weak_order, reference, step, clock, evaluations, form, end_order
        As for `Method`.

    Notes
    -----
    Order 5. Deterministic; one evaluation per step up to 176 steps, and 12 more for the starters above. With
    increasing times it encodes. The setting was chosen by its error on two mixtures and four grids.

    References
    ----------
    .. [1] Xue et al. (2023), SA-Solver, arXiv:2309.05019, section 4, for predictor and corrector.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.auto, diffusion.auto.nfe(40)
    (Method(auto, order=5, weak_order=5), 40)
    >>> diffusion.auto.for_steps(16)
    Method(adams(flow, theta, P2C3, ramp), order=3, weak_order=3)
    """

    def for_steps(self, steps: int) -> Method:
        """Return the setting for a number of steps."""
        return _chosen(steps)


auto = _Auto(
    "auto", 5, 5, "chosen by measurement among the settings of adams", _step, evaluations=_evaluations,
    form="velocity",
)  # fmt: skip
