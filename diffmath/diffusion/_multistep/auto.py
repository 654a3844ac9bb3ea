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
    """The method that chooses another one."""

    def for_steps(self, steps: int) -> Method:
        return _chosen(steps)


# The setting of `adams` for the number of steps, with nodes in theta: predict-evaluate-correct, in the form
# flow up to 48 steps and in the form velocity above. Deterministic, one evaluation per step up to 176 steps,
# and 12 more for the starters above, where the order is 5. Regular at alpha = 0 and sigma = 0.
auto = _Auto(
    "auto", 5, 5, "chosen by measurement among the settings of adams", _step, evaluations=_evaluations,
    form="velocity",
)  # fmt: skip
