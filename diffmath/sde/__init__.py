"""Stochastic differential equations: steppers, reproducible paths, and ensembles of final states.

A step is a pure function of (model, t, x, dt, dW): the Brownian increment is an argument, so that coarse and
fine runs can share a path. `solve` saves the states at chosen times, `ensemble` keeps only the last one. The
noise of a key refines: N, 2N, 4N, ... steps see the same path, whatever the batch, the chunks or the device.
"""

from typing import TYPE_CHECKING

from diffmath._arrays.models import SDE
from diffmath._core.lazy import lazy_attributes
from diffmath.sde._adaptive import solve_adaptive
from diffmath.sde._couple import Coupled, coupled
from diffmath.sde._ensemble import ensemble
from diffmath.sde._exact import solve_exact
from diffmath.sde._implicit import implicit_euler_maruyama, implicit_milstein, theta_maruyama, theta_milstein
from diffmath.sde._increment import Increment, chen
from diffmath.sde._interpolate import interpolate
from diffmath.sde._langevin import Langevin
from diffmath.sde._langevin_steps import align, baoab, quicsort, should, ubu
from diffmath.sde._levy import levy_increments
from diffmath.sde._linear import LinearSDE
from diffmath.sde._method import Method, Order
from diffmath.sde._milstein import (
    derivative_free_milstein,
    derivative_free_milstein_levy,
    milstein,
    milstein_levy,
    milstein_step,
)
from diffmath.sde._moments import Moments, moments, raw_moments
from diffmath.sde._noise import brownian_increments
from diffmath.sde._path import BrownianPath
from diffmath.sde._reversible import ReversibleMethod, reversible_heun
from diffmath.sde._solve import solve
from diffmath.sde._steppers import euler_maruyama, euler_maruyama_step
from diffmath.sde._stratonovich import euler_heun, heun, midpoint
from diffmath.sde._weak_noise import WeakIncrement, weak_increments

if TYPE_CHECKING:
    from diffmath.sde._implicit_sra import ImplicitSRA as ImplicitSRA
    from diffmath.sde._implicit_sra import skencarp as skencarp
    from diffmath.sde._levy_steps import AdditiveRungeKutta as AdditiveRungeKutta
    from diffmath.sde._levy_steps import StratonovichRungeKutta as StratonovichRungeKutta
    from diffmath.sde._levy_steps import general_shark as general_shark
    from diffmath.sde._levy_steps import sea as sea
    from diffmath.sde._levy_steps import shark as shark
    from diffmath.sde._levy_steps import slow_rk as slow_rk
    from diffmath.sde._levy_steps import spark as spark
    from diffmath.sde._sra import SRA as SRA
    from diffmath.sde._sra import sosra as sosra
    from diffmath.sde._sra import sra1 as sra1
    from diffmath.sde._sra import sra2 as sra2
    from diffmath.sde._sra import sra3 as sra3
    from diffmath.sde._sri import SRI as SRI
    from diffmath.sde._sri import sosri as sosri
    from diffmath.sde._sri import sriw1 as sriw1
    from diffmath.sde._sri import sriw2 as sriw2
    from diffmath.sde._tableau import StochasticTableau as StochasticTableau
    from diffmath.sde._weak import TangXiaoStep as TangXiaoStep
    from diffmath.sde._weak import WeakStep as WeakStep
    from diffmath.sde._weak import dri1 as dri1
    from diffmath.sde._weak import platen_weak2 as platen_weak2
    from diffmath.sde._weak import w2ito1 as w2ito1

# Methods that are proven when they are built, which takes some milliseconds: on first use.
_MODULES = {
    "._implicit_sra": ("ImplicitSRA", "skencarp"),
    "._levy_steps": (
        "AdditiveRungeKutta",
        "StratonovichRungeKutta",
        "general_shark",
        "sea",
        "shark",
        "slow_rk",
        "spark",
    ),
    "._sra": ("SRA", "sosra", "sra1", "sra2", "sra3"),
    "._sri": ("SRI", "sosri", "sriw1", "sriw2"),
    "._tableau": ("StochasticTableau",),
    "._weak": ("TangXiaoStep", "WeakStep", "dri1", "platen_weak2", "w2ito1"),
}

__all__ = [
    "AdditiveRungeKutta", "BrownianPath", "Coupled", "ImplicitSRA", "Increment", "Langevin", "LinearSDE",
    "Method", "Moments", "Order", "ReversibleMethod", "SDE", "SRA", "SRI", "StochasticTableau",
    "StratonovichRungeKutta", "TangXiaoStep", "WeakIncrement", "WeakStep", "align", "baoab",
    "brownian_increments", "chen", "coupled", "derivative_free_milstein", "derivative_free_milstein_levy",
    "dri1", "ensemble", "euler_heun", "euler_maruyama", "euler_maruyama_step", "general_shark", "heun",
    "implicit_euler_maruyama", "implicit_milstein", "interpolate", "levy_increments", "midpoint",
    "milstein", "milstein_levy", "milstein_step", "moments", "platen_weak2", "quicsort", "raw_moments",
    "reversible_heun", "sea", "shark", "should", "skencarp", "slow_rk", "solve", "solve_adaptive",
    "solve_exact", "sosra", "sosri", "spark", "sra1", "sra2", "sra3", "sriw1", "sriw2", "theta_maruyama",
    "theta_milstein", "ubu", "w2ito1", "weak_increments",
]  # fmt: skip

__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
