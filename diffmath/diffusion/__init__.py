"""Diffusion models: noising processes, exact targets, time grids, samplers and likelihoods.

A `Process` (`vp`, `ve`, `edm`, `flow` and more) describes how noise is added to data. A model is a score,
or a denoiser, noise, velocity or flow prediction wrapped by `from_denoiser` and similar functions. A
`Method` (`auto`, `dpmpp_2m`, `sde_dpmpp_2m` and more: `samplers` lists them) defines the steps that `sample`,
`trajectory` and `steps` take over host times (`log_snr_times`). `Gaussian`, `GaussianMixture`,
`EmpiricalData`, `Uniform`, `Ring`, `Product` and `Rotated` are targets whose score, denoiser and density are
exact at every time, with which samplers can be tested; some have an exact `FlowMap`, `Transition` or
posterior.
`likely_bandwidth` chooses the width of `EmpiricalData`. Samplers that are no list of steps are functions of
(process, model, state, times): `probability_flow`, `dpm_adaptive`, `gotta_go_fast`, `edict`, `belm`,
`restart`, `predictor_corrector`, and for flow maps `consistency`, `lcm`, `tcd`, `mean_flow`. `cfg` and the
other guidances make a model of models.
"""

from diffmath.diffusion._catalogue.names import PeerName, SamplerRow, names, samplers
from diffmath.diffusion._conditional.fixed import dps, pigdm
from diffmath.diffusion._conditional.measurement import LinearMeasurement
from diffmath.diffusion._conditional.moments import mmps
from diffmath.diffusion._conditional.particles import Particles
from diffmath.diffusion._conditional.replacement import inpaint, repaint
from diffmath.diffusion._conditional.steering import feynman_kac
from diffmath.diffusion._conditional.twisting import twisted
from diffmath.diffusion._grids.ays import ays_times
from diffmath.diffusion._grids.discrete import discrete_times
from diffmath.diffusion._grids.flows import (
    bong_tangent_times,
    linear_quadratic_times,
    shift_of_tokens,
    shifted_times,
)
from diffmath.diffusion._grids.gits import gits_times
from diffmath.diffusion._grids.levels import (
    beta_times,
    exponential_times,
    karras_times,
    polyexponential_times,
)
from diffmath.diffusion._grids.spaced import kl_optimal_times, log_snr_times, quadratic_times, uniform_times
from diffmath.diffusion._guidance.interval import guidance_interval, interval_times
from diffmath.diffusion._guidance.linear import autoguidance, cfg, classifier_guidance
from diffmath.diffusion._guidance.projected import apg, apg_step, tangential_cfg
from diffmath.diffusion._guidance.rescaled import cfg_rescale, cfg_zero_star
from diffmath.diffusion._guidance.stepwise import cfg_pp
from diffmath.diffusion._likelihood.encode import decode, encode
from diffmath.diffusion._likelihood.likelihood import Likelihood, likelihood, log_likelihood
from diffmath.diffusion._likelihood.pixels import bits_per_dim, dequantize
from diffmath.diffusion._likelihood.probability_flow import probability_flow
from diffmath.diffusion._loop.run import SamplerState
from diffmath.diffusion._loop.sample import sample, trajectory
from diffmath.diffusion._loop.steps import steps
from diffmath.diffusion._methods.method import Method
from diffmath.diffusion._methods.methods import ddim, euler_maruyama
from diffmath.diffusion._methods.step import Stage, Step
from diffmath.diffusion._model.change import change_process
from diffmath.diffusion._model.discrete import discrete_time
from diffmath.diffusion._model.edm import from_edm
from diffmath.diffusion._model.model import (
    Model,
    from_denoiser,
    from_flow,
    from_noise,
    from_score,
    from_velocity,
)
from diffmath.diffusion._model.network import batch_time
from diffmath.diffusion._model.precision import network_dtype
from diffmath.diffusion._model.threshold import threshold
from diffmath.diffusion._model.training import loss_weight, training_target
from diffmath.diffusion._multistep.adams import adams
from diffmath.diffusion._multistep.auto import auto
from diffmath.diffusion._multistep.constant import gradient_estimation, ipndm, pndm
from diffmath.diffusion._multistep.corrected import sa_solver, unipc
from diffmath.diffusion._multistep.data import (
    dpmpp_2m,
    dpmpp_3m,
    res_2m,
    res_3m,
    sde_dpmpp_2m,
    sde_dpmpp_3m,
)
from diffmath.diffusion._multistep.noise import deis, dpm_solver_2m, dpm_solver_3m, ipndm_v, lms
from diffmath.diffusion._multistep.stork import stork
from diffmath.diffusion._paths.between_mixtures import MixtureInterpolant
from diffmath.diffusion._paths.damped import DampedLangevin, cld
from diffmath.diffusion._paths.interpolant import Interpolant, interpolant
from diffmath.diffusion._process.betas import betas
from diffmath.diffusion._process.discrete import from_alphas_cumprod, from_betas, zero_terminal_snr
from diffmath.diffusion._process.exponential import ve, vp_exponential
from diffmath.diffusion._process.lines import edm, flow, flow_polynomial
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.schedules import sub_vp, vp
from diffmath.diffusion._process.vanishing import vp_cosine, vp_sigmoid
from diffmath.diffusion._singlestep.ancestral import (
    ddpm,
    dpm_2_ancestral,
    dpmpp_2s_ancestral,
    euler_ancestral,
)
from diffmath.diffusion._singlestep.dpm import dpm_2, dpm_solver, dpmpp_2s, dpmpp_3s
from diffmath.diffusion._singlestep.edm import heun
from diffmath.diffusion._singlestep.etd import etd, exp_heun, res_2s, res_3s
from diffmath.diffusion._singlestep.flows import euler, fireflow, rf_solver, runge_kutta
from diffmath.diffusion._singlestep.seeds import dpmpp_sde, seeds_1, seeds_2, seeds_3
from diffmath.diffusion._special.belm import belm
from diffmath.diffusion._special.consistency import consistency, lcm
from diffmath.diffusion._special.dpm_adaptive import dpm_adaptive
from diffmath.diffusion._special.edict import edict
from diffmath.diffusion._special.er_sde import er_sde
from diffmath.diffusion._special.flow_maps import mean_flow, tcd
from diffmath.diffusion._special.gotta_go_fast import gotta_go_fast
from diffmath.diffusion._special.mixed_steps import dpm_fast, heunpp2
from diffmath.diffusion._special.predictor_corrector import predictor_corrector
from diffmath.diffusion._special.restart import restart
from diffmath.diffusion._targets.bandwidth import likely_bandwidth
from diffmath.diffusion._targets.empirical import EmpiricalData
from diffmath.diffusion._targets.flow_map import FlowMap
from diffmath.diffusion._targets.gaussian import Gaussian
from diffmath.diffusion._targets.mixture import GaussianMixture
from diffmath.diffusion._targets.product import Product
from diffmath.diffusion._targets.ring import Ring
from diffmath.diffusion._targets.rotated import Rotated
from diffmath.diffusion._targets.target import Target
from diffmath.diffusion._targets.transition import Transition
from diffmath.diffusion._targets.uniform import Uniform

__all__ = [
    "DampedLangevin",
    "EmpiricalData",
    "FlowMap",
    "Gaussian",
    "GaussianMixture",
    "Interpolant",
    "Likelihood",
    "LinearMeasurement",
    "Method",
    "MixtureInterpolant",
    "Model",
    "Particles",
    "PeerName",
    "Process",
    "Product",
    "Ring",
    "Rotated",
    "SamplerRow",
    "SamplerState",
    "Stage",
    "Step",
    "Target",
    "Transition",
    "Uniform",
    "adams",
    "apg",
    "apg_step",
    "auto",
    "autoguidance",
    "ays_times",
    "batch_time",
    "belm",
    "beta_times",
    "betas",
    "bits_per_dim",
    "bong_tangent_times",
    "cfg",
    "cfg_pp",
    "cfg_rescale",
    "cfg_zero_star",
    "change_process",
    "classifier_guidance",
    "cld",
    "consistency",
    "ddim",
    "ddpm",
    "decode",
    "deis",
    "dequantize",
    "discrete_time",
    "discrete_times",
    "dpm_2",
    "dpm_2_ancestral",
    "dpm_adaptive",
    "dpm_fast",
    "dpm_solver",
    "dpm_solver_2m",
    "dpm_solver_3m",
    "dpmpp_2m",
    "dpmpp_2s",
    "dpmpp_2s_ancestral",
    "dpmpp_3m",
    "dpmpp_3s",
    "dpmpp_sde",
    "dps",
    "edict",
    "edm",
    "encode",
    "er_sde",
    "etd",
    "euler",
    "euler_ancestral",
    "euler_maruyama",
    "exp_heun",
    "exponential_times",
    "feynman_kac",
    "fireflow",
    "flow",
    "flow_polynomial",
    "from_alphas_cumprod",
    "from_betas",
    "from_denoiser",
    "from_edm",
    "from_flow",
    "from_noise",
    "from_score",
    "from_velocity",
    "gits_times",
    "gotta_go_fast",
    "gradient_estimation",
    "guidance_interval",
    "heun",
    "heunpp2",
    "inpaint",
    "interpolant",
    "interval_times",
    "ipndm",
    "ipndm_v",
    "karras_times",
    "kl_optimal_times",
    "lcm",
    "likelihood",
    "likely_bandwidth",
    "linear_quadratic_times",
    "lms",
    "log_likelihood",
    "log_snr_times",
    "loss_weight",
    "mean_flow",
    "mmps",
    "names",
    "network_dtype",
    "pigdm",
    "pndm",
    "polyexponential_times",
    "predictor_corrector",
    "probability_flow",
    "quadratic_times",
    "repaint",
    "res_2m",
    "res_2s",
    "res_3m",
    "res_3s",
    "restart",
    "rf_solver",
    "runge_kutta",
    "sa_solver",
    "sample",
    "samplers",
    "sde_dpmpp_2m",
    "sde_dpmpp_3m",
    "seeds_1",
    "seeds_2",
    "seeds_3",
    "shift_of_tokens",
    "shifted_times",
    "steps",
    "stork",
    "sub_vp",
    "tangential_cfg",
    "tcd",
    "threshold",
    "training_target",
    "trajectory",
    "twisted",
    "uniform_times",
    "unipc",
    "ve",
    "vp",
    "vp_cosine",
    "vp_exponential",
    "vp_sigmoid",
    "zero_terminal_snr",
]
