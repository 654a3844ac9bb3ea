"""Samplers of diffusers and k-diffusion, run for real in x/alpha and sigma/alpha.

Of a scheduler of diffusers only `sigmas` and `timesteps` are overwritten, in float64; its flags stay as they
are shipped. k-diffusion's sampling.py is loaded without the package around it, which needs vision libraries.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["diffusers_samplers", "k_samplers", "sampling_module", "vp_sampler"]

Sampler = Callable[[Any, np.ndarray, np.ndarray], np.ndarray]


def k_samplers() -> dict[str, Sampler]:
    """The deterministic samplers of k-diffusion."""
    module = sampling_module()
    names = ["euler", "heun", "dpm_2", "lms", "dpmpp_2m"]
    found: dict[str, Sampler] = {f"k {name}": _k(getattr(module, f"sample_{name}")) for name in names}
    for name in ("dpmpp_2s_ancestral",):
        found[f"k {name}, eta 0"] = _k(getattr(module, f"sample_{name}"), eta=0.0)
    found["k dpmpp_3m_sde, eta 0"] = _k(module.sample_dpmpp_3m_sde, eta=0.0, noise_sampler=_no_noise)
    return found


def _no_noise(sigma: Any, sigma_next: Any) -> Any:
    return 0.0


def sampling_module() -> Any:
    spec = importlib.util.find_spec("k_diffusion")
    if spec is None or spec.origin is None:
        raise SystemExit("k-diffusion is missing; `nox -s bench` installs it")
    package = types.ModuleType("k_sampling_only")
    package.__path__ = []
    utils = types.ModuleType("k_sampling_only.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]  # type: ignore[attr-defined]
    package.utils = utils  # type: ignore[attr-defined]
    sys.modules |= {"k_sampling_only": package, "k_sampling_only.utils": utils}
    file = Path(spec.origin).parent / "sampling.py"
    inner = importlib.util.spec_from_file_location("k_sampling_only.sampling", file)
    assert inner is not None
    assert inner.loader is not None
    module = importlib.util.module_from_spec(inner)
    inner.loader.exec_module(module)
    return module


def _k(sample: Any, **options: Any) -> Sampler:
    def run(denoiser: Any, y: np.ndarray, kappas: np.ndarray) -> np.ndarray:
        def model(x: Any, sigma: Any) -> Any:
            return torch.from_numpy(denoiser(x.numpy(), float(sigma[0])))

        sigmas = torch.from_numpy(kappas)
        return np.asarray(sample(model, torch.from_numpy(y), sigmas, disable=True, **options).numpy())

    return run


def diffusers_samplers() -> dict[str, Sampler]:
    """The deterministic samplers of diffusers, with the flags they are shipped with."""
    import diffusers as d

    d.utils.logging.set_verbosity_error()
    multi, single = d.DPMSolverMultistepScheduler, d.DPMSolverSinglestepScheduler
    found: dict[str, Sampler] = {}
    for kind in ("dpmsolver++", "dpmsolver"):
        for order in (2, 3):
            for solver in ("midpoint", "heun") if order == 2 else ("midpoint",):
                name = f"hf DPMSolverMultistep {kind} {order} {solver}"
                options = {"algorithm_type": kind, "solver_order": order, "solver_type": solver}
                found[name] = vp_sampler(multi, final_sigmas_type="sigma_min", **options)
            found[f"hf DPMSolverSinglestep {kind} {order}"] = vp_sampler(
                single, algorithm_type=kind, solver_order=order, final_sigmas_type="sigma_min"
            )
    for order in (1, 2, 3):
        for solver in ("bh1", "bh2"):
            found[f"hf UniPC {order} {solver}"] = vp_sampler(
                d.UniPCMultistepScheduler,
                solver_order=order,
                solver_type=solver,
                final_sigmas_type="sigma_min",
            )
    for order in (2, 3):
        found[f"hf DEIS {order}"] = vp_sampler(d.DEISMultistepScheduler, solver_order=order)
    for cls in (
        d.EulerDiscreteScheduler,
        d.HeunDiscreteScheduler,
        d.KDPM2DiscreteScheduler,
        d.LMSDiscreteScheduler,
    ):
        found[f"hf {cls.__name__.removesuffix('DiscreteScheduler')}"] = _ve(cls)
    return found


def vp_sampler(cls: Any, **options: Any) -> Sampler:
    """A scheduler whose state is x = alpha y with alpha = 1/sqrt(1 + kappa^2)."""

    def run(denoiser: Any, y: np.ndarray, kappas: np.ndarray) -> np.ndarray:
        scheduler = cls(prediction_type="sample", **options)
        steps = len(kappas) - 1
        scheduler.set_timesteps(steps)
        scheduler.sigmas = torch.from_numpy(kappas)
        scheduler.timesteps = torch.arange(steps, 0, -1)
        scheduler.num_inference_steps = steps
        if hasattr(scheduler, "order_list"):
            scheduler.order_list = scheduler.get_order_list(steps)
        alpha = 1 / np.sqrt(1 + kappas**2)
        x = torch.from_numpy(y * alpha[0])
        for n, t in enumerate(scheduler.timesteps):
            model = torch.from_numpy(denoiser(x.numpy() / alpha[n], float(kappas[n])))
            x = scheduler.step(model, t, x).prev_sample
        return np.asarray(x.numpy() / alpha[-1])

    return run


def _ve(cls: Any) -> Sampler:
    """A scheduler whose state is y; two calls of a second-order one make a step."""

    def run(denoiser: Any, y: np.ndarray, kappas: np.ndarray) -> np.ndarray:
        scheduler = cls(prediction_type="epsilon")
        steps = len(kappas) - 1
        scheduler.set_timesteps(steps)
        grid = torch.from_numpy(kappas)
        twice = cls.__name__.startswith(("Heun", "KDPM2"))
        if twice:
            scheduler.sigmas = torch.cat([grid[:1], grid[1:-1].repeat_interleave(2), grid[-1:]])
            if cls.__name__.startswith("KDPM2"):
                middle = torch.exp(0.5 * (torch.log(grid[:-1]) + torch.log(grid[1:])))
                scheduler.sigmas_interpol = torch.cat([grid[:1], middle.repeat_interleave(2), grid[-1:]])
        else:
            scheduler.sigmas = grid
        count = len(scheduler.sigmas) - 1
        scheduler.timesteps = torch.arange(count, 0, -1).to(torch.float64)
        x = torch.from_numpy(y)
        levels = scheduler.sigmas
        for n, t in enumerate(scheduler.timesteps):
            kappa = float(levels[n])
            if cls.__name__.startswith("KDPM2") and n % 2:
                kappa = float(scheduler.sigmas_interpol[n])
            noise = (x - torch.from_numpy(denoiser(x.numpy(), kappa))) / kappa
            x = scheduler.step(noise, t, x).prev_sample
        return np.asarray(x.numpy())

    return run
