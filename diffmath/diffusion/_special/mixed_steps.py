"""Samplers of k-diffusion and ComfyUI with steps of their own: Heun++2, and DPM-Solver-fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diffmath._core.counts import check_count
from diffmath.diffusion._methods import Method, Stage, Step, preset
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep import dpm_solver

__all__ = ["dpm_fast", "heunpp2"]


# Rules stand before the presets, which are evaluated when they are defined.
@dataclass(frozen=True)
class _HeunPP2Step:
    """Slopes at the ends of this step and of the next, weighted by their levels over the first level."""

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        pairs = [process.marginal(t) for t in (times[0], *times[n : n + 3])]
        (alpha_0, sigma_0), (alpha_s, sigma_s), *ahead = pairs
        level, start = sigma_0 / alpha_0, sigma_s / alpha_s
        alphas, levels = [alpha for alpha, _ in ahead], [sigma / alpha for alpha, sigma in ahead]
        h = levels[0] - start
        euler = Step(alphas[0] / alpha_s, (alphas[0] * h,))
        if len(ahead) == 1:
            return euler
        used = levels[: min(2, len(times) - n - 2)]  # the slope at the last time is not taken
        weights = [w / ((1 + len(used)) * level) for w in used]
        final = (*reversed(weights), 1 - sum(weights))
        stages = []
        if len(used) == 2:
            reach = levels[1] - levels[0]
            stages.append(Stage(times[n + 1], alphas[1] / alpha_s, (alphas[1] * reach, alphas[1] * h)))
        update = tuple(alphas[0] * h * w for w in final)
        stages.append(Stage(times[n + len(used)], euler.decay, update))
        return Step(euler.decay, euler.weights, 0.0, tuple(stages))


def _heunpp2_evaluations(steps: int) -> int:
    return max(0, 3 * steps - 3) if steps > 1 else steps


@dataclass(frozen=True)
class _FastStep:
    """Single steps of DPM-Solver whose orders depend on what remains."""

    evaluations: int | None
    as_published: bool

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        steps = len(times) - 1
        orders = self.orders(steps)
        if len(orders) != steps:
            raise ValueError(
                f"dpm_fast(evaluations={self.evaluations}) takes {len(orders)} steps; got {steps}: use "
                f"{len(orders) + 1} times, such as log_snr_times(process, {len(orders)})"
            )
        return dpm_solver(order=orders[n]).step(process, times, n)

    def orders(self, steps: int) -> list[int]:
        """Return the orders of all steps, which are also their evaluations."""
        if self.evaluations is None:
            return [3] * (steps - 2) + [2, 1][-min(2, steps) :] if self.as_published else [3] * steps
        whole, rest = divmod(self.evaluations, 3)
        if self.as_published:
            return [3] * (whole - 1) + [2, 1] if rest == 0 else [3] * whole + [rest]
        # A last step of order 2 has a local error of order 3: two of them in place of 3 + 1.
        return [3] * (whole - 1) + [2, 2] if rest == 1 and whole else [3] * whole + [2] * (rest == 2)

    def count(self, steps: int) -> int:
        """Return the evaluations of a run."""
        return sum(self.orders(steps))


@preset
def heunpp2() -> Method:
    r"""Heun++2: three slopes, at the ends of this step and of the next, weighted by their noise levels.

    .. math:: x_1 = x_0 + (\sigma_1 - \sigma_0)\Big(\big(1 - w_1 - w_2\big) d_0 + w_1 d_1 + w_2 d_2\Big),
       \qquad w_i = \frac{\sigma_i}{3\,\sigma_{max}}

    in the coordinates :math:`x/\alpha`, :math:`\sigma/\alpha`, with the first level as the maximum; two
    slopes in the step before the last, one in the last.

    Notes
    -----
    Order 1: the weights tend to those of Euler's method as sigma decreases, and to slopes at the end of the
    step at the first time. It is published code, with up to three evaluations a step; `heun` has order 2 with
    two.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, whose sampler it changes; as sample_heunpp2 in ComfyUI.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.heunpp2
    Method(heunpp2, order=1, weak_order=1)
    """
    reference = "sample_heunpp2 of ComfyUI, after Karras et al. (2022), arXiv:2206.00364"
    return Method("heunpp2", 1, 1, reference, _HeunPP2Step(), evaluations=_heunpp2_evaluations, form="noise")


@preset
def dpm_fast(*, evaluations: int | None = None, as_published: bool = False) -> Method:
    r"""DPM-Solver-fast: single steps of order 3, and lower orders at the end to use a number of evaluations.

    Parameters
    ----------
    evaluations : int, optional
        Model evaluations n of the run, at least 2, which determine the number of steps. By default every step
        has order 3 (published: the last two have orders 2 and 1), on any number of steps.
    as_published : bool
        End with orders 3, 2, 1 for n divisible by 3, else with n mod 3. The last step of order 1 has a local
        error of order 2, so the order is 2 unless n mod 3 is 2. By default the endings are 3, or 2 and 2, or
        2, which keep order 3.

    Raises
    ------
    ValueError
        Too few evaluations; on a run, another number of steps than `evaluations` asks for.

    Notes
    -----
    Order 3 (as published 2) on the noise; the published grid is `log_snr_times`.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> method = diffusion.dpm_fast(evaluations=20)
    >>> method, method.nfe(7)
    (Method(dpm_fast(evaluations=20), order=3, weak_order=3), 20)
    """
    shown = []
    if evaluations is not None:
        check_count("evaluations", evaluations, 2)
        shown.append(f"evaluations={evaluations}")
    shown += ["as_published=True"] if as_published else []
    rule = _FastStep(evaluations, as_published)
    order = 2 if as_published and (evaluations is None or evaluations % 3 != 2) else 3
    return Method(
        f"dpm_fast({', '.join(shown)})" if shown else "dpm_fast", order, order,
        "Lu et al. (2022), arXiv:2206.00927, section 3.4", rule, evaluations=rule.count, form="noise",
        end_order=2,
    )  # fmt: skip
