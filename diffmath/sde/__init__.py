"""Stochastic differential equations: steppers, reproducible paths, and ensembles of final states.

A step is a pure function of (model, state of the method, t, x, dt, noise): the Brownian increment is an
argument, so that coarse and fine runs can share a path. `solve` saves the states at given times, `ensemble`
keeps only the last one. The noise of a key can be refined: N, 2N, 4N, ... steps use the same path, for any
batch, chunks or device. Any object with a step and its orders can be a method: see `Method`.
"""

from typing import TYPE_CHECKING

from diffmath._arrays.models import SDE
from diffmath._core.lazy import lazy_attributes
from diffmath.sde._brownian.path import BrownianPath
from diffmath.sde._loop.adaptive import solve_adaptive
from diffmath.sde._loop.couple import Coupled, coupled
from diffmath.sde._loop.ensemble import ensemble
from diffmath.sde._loop.exact import solve_exact
from diffmath.sde._loop.interpolate import interpolate
from diffmath.sde._loop.moments import Moments, moments, raw_moments
from diffmath.sde._loop.solve import solve
from diffmath.sde._methods.implicit import (
    implicit_euler_maruyama,
    implicit_milstein,
    theta_maruyama,
    theta_milstein,
)
from diffmath.sde._methods.langevin_steps import align, baoab, quicsort, should, ubu
from diffmath.sde._methods.method import Method, Order
from diffmath.sde._methods.milstein import (
    derivative_free_milstein,
    derivative_free_milstein_levy,
    milstein,
    milstein_levy,
    milstein_step,
)
from diffmath.sde._methods.reversible import ReversibleStep, reversible_heun
from diffmath.sde._methods.steppers import euler_maruyama, euler_maruyama_step
from diffmath.sde._methods.stratonovich import euler_heun, heun, midpoint
from diffmath.sde._methods.trial import Trial
from diffmath.sde._model.edge import as_sde, noise_shape
from diffmath.sde._model.langevin import Langevin
from diffmath.sde._model.linear import LinearSDE
from diffmath.sde._noise.increment import Increment, chen
from diffmath.sde._noise.levy import levy_increments
from diffmath.sde._noise.noise import brownian_increments
from diffmath.sde._noise.weak_noise import WeakIncrement, weak_increments

if TYPE_CHECKING:
    from diffmath.sde._srk.implicit_sra import ImplicitSRA as ImplicitSRA
    from diffmath.sde._srk.implicit_sra import skencarp as skencarp
    from diffmath.sde._srk.levy_steps import AdditiveRungeKutta as AdditiveRungeKutta
    from diffmath.sde._srk.levy_steps import StratonovichRungeKutta as StratonovichRungeKutta
    from diffmath.sde._srk.levy_steps import general_shark as general_shark
    from diffmath.sde._srk.levy_steps import sea as sea
    from diffmath.sde._srk.levy_steps import shark as shark
    from diffmath.sde._srk.levy_steps import slow_rk as slow_rk
    from diffmath.sde._srk.levy_steps import spark as spark
    from diffmath.sde._srk.sra import SRA as SRA
    from diffmath.sde._srk.sra import sosra as sosra
    from diffmath.sde._srk.sra import sra1 as sra1
    from diffmath.sde._srk.sra import sra2 as sra2
    from diffmath.sde._srk.sra import sra3 as sra3
    from diffmath.sde._srk.sri import SRI as SRI
    from diffmath.sde._srk.sri import sosri as sosri
    from diffmath.sde._srk.sri import sriw1 as sriw1
    from diffmath.sde._srk.sri import sriw2 as sriw2
    from diffmath.sde._srk.weak import TangXiaoStep as TangXiaoStep
    from diffmath.sde._srk.weak import WeakStep as WeakStep
    from diffmath.sde._srk.weak import dri1 as dri1
    from diffmath.sde._srk.weak import platen_weak2 as platen_weak2
    from diffmath.sde._srk.weak import w2ito1 as w2ito1
    from diffmath.sde._tableaux.levy import AdditiveNoiseTableau as AdditiveNoiseTableau
    from diffmath.sde._tableaux.levy import StratonovichTableau as StratonovichTableau
    from diffmath.sde._tableaux.strong import ImplicitSRATableau as ImplicitSRATableau
    from diffmath.sde._tableaux.strong import SRATableau as SRATableau
    from diffmath.sde._tableaux.strong import SRITableau as SRITableau
    from diffmath.sde._tableaux.tableau import StochasticTableau as StochasticTableau
    from diffmath.sde._tableaux.weak import TangXiaoTableau as TangXiaoTableau
    from diffmath.sde._tableaux.weak import WeakTableau as WeakTableau

# Methods that are proven when they are built, which takes some milliseconds, so they are loaded on first use.
_MODULES = {
    "._srk.implicit_sra": ("ImplicitSRA", "skencarp"),
    "._srk.levy_steps": (
        "AdditiveRungeKutta",
        "StratonovichRungeKutta",
        "general_shark",
        "sea",
        "shark",
        "slow_rk",
        "spark",
    ),
    "._srk.sra": ("SRA", "sosra", "sra1", "sra2", "sra3"),
    "._srk.sri": ("SRI", "sosri", "sriw1", "sriw2"),
    "._tableaux.levy": ("AdditiveNoiseTableau", "StratonovichTableau"),
    "._tableaux.strong": ("ImplicitSRATableau", "SRATableau", "SRITableau"),
    "._tableaux.tableau": ("StochasticTableau",),
    "._tableaux.weak": ("TangXiaoTableau", "WeakTableau"),
    "._srk.weak": ("TangXiaoStep", "WeakStep", "dri1", "platen_weak2", "w2ito1"),
}

__all__ = [
    "AdditiveNoiseTableau", "AdditiveRungeKutta", "BrownianPath", "Coupled", "ImplicitSRA",
    "ImplicitSRATableau", "Increment", "Langevin", "LinearSDE", "Method", "Moments", "Order",
    "ReversibleStep", "SDE", "SRA", "SRATableau", "SRI", "SRITableau", "StochasticTableau",
    "StratonovichRungeKutta", "StratonovichTableau", "TangXiaoStep", "TangXiaoTableau", "Trial",
    "WeakIncrement", "WeakStep", "WeakTableau", "align", "as_sde", "baoab", "brownian_increments",
    "chen", "coupled", "derivative_free_milstein", "derivative_free_milstein_levy", "dri1", "ensemble",
    "euler_heun", "euler_maruyama", "euler_maruyama_step", "general_shark", "heun",
    "implicit_euler_maruyama", "implicit_milstein", "interpolate", "levy_increments", "midpoint",
    "milstein", "milstein_levy", "milstein_step", "moments", "noise_shape", "platen_weak2", "quicsort",
    "raw_moments", "reversible_heun", "sea", "shark", "should", "skencarp", "slow_rk", "solve",
    "solve_adaptive", "solve_exact", "sosra", "sosri", "spark", "sra1", "sra2", "sra3", "sriw1", "sriw2",
    "theta_maruyama", "theta_milstein", "ubu", "w2ito1", "weak_increments",
]  # fmt: skip

__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
