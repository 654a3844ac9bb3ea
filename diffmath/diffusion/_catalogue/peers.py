"""Names of samplers and grids in other libraries, with ours: data for `diffusion.names`.

A line is: name there; ours; what to know. A name of ours may have parameters. The options of a class of
diffusers stand in brackets. Read from the sources of diffusers 0.35, k-diffusion 0.1.1 and ComfyUI 0.3.
"""

from __future__ import annotations

__all__ = ["GRIDS", "SAMPLERS"]

SAMPLERS: dict[str, str] = {
    "diffusers": """
DDPMScheduler; ddpm; discrete_times(spacing='leading')
DDPMScheduler[variance_type=fixed_large]; ddpm(variance='large')
DDIMScheduler; ddim; eta is a parameter of ours
DDIMInverseScheduler; ddim; increasing times
EulerDiscreteScheduler; euler
EulerAncestralDiscreteScheduler; euler_ancestral
HeunDiscreteScheduler; heun
KDPM2DiscreteScheduler; dpm_2
KDPM2AncestralDiscreteScheduler; dpm_2_ancestral
DPMSolverSinglestepScheduler[dpmsolver++, 2]; dpmpp_2s
DPMSolverSinglestepScheduler[dpmsolver++, 3]; dpmpp_3s
DPMSolverSinglestepScheduler[dpmsolver, 2]; dpm_solver(order=2)
DPMSolverSinglestepScheduler[dpmsolver, 3]; dpm_solver(order=3)
DPMSolverSinglestepScheduler[sde-dpmsolver++, 2]; dpmpp_sde; theirs is weak order 1: its stage has other noise
DPMSolverMultistepScheduler[dpmsolver++, 2, midpoint]; dpmpp_2m
DPMSolverMultistepScheduler[dpmsolver++, 2, heun]; dpmpp_2m(variant='taylor')
DPMSolverMultistepScheduler[dpmsolver++, 3]; dpmpp_3m(as_published=True); order 2; dpmpp_3m is order 3
DPMSolverMultistepScheduler[dpmsolver, 2, midpoint]; dpm_solver_2m
DPMSolverMultistepScheduler[dpmsolver, 2, heun]; dpm_solver_2m(variant='taylor')
DPMSolverMultistepScheduler[dpmsolver, 3]; dpm_solver_3m(as_published=True); order 2; dpm_solver_3m is order 3
DPMSolverMultistepScheduler[sde-dpmsolver++, 3]; sde_dpmpp_3m; theirs is weak order 1: a sign is wrong
UniPCMultistepScheduler; unipc(as_published=True); unipc keeps the order 3
UniPCMultistepScheduler[3]; unipc(order=3, as_published=True); unipc(order=3) keeps the order 4
DEISMultistepScheduler; deis(order=2)
DEISMultistepScheduler[3]; deis(as_published=True); deis keeps the order 3
LMSDiscreteScheduler; lms(as_published=True); lms keeps the order 4
PNDMScheduler; pndm; theirs combines raw outputs of a velocity model
IPNDMScheduler; ipndm
SASolverScheduler; sa_solver
DPMSolverMultistepScheduler[sde-dpmsolver++, 2, midpoint]; sde_dpmpp_2m
DPMSolverMultistepScheduler[sde-dpmsolver++, 2, heun]; sde_dpmpp_2m(variant='taylor')
DPMSolverSDEScheduler; dpmpp_sde
CosineDPMSolverMultistepScheduler; sde_dpmpp_2m; on vp_cosine
EDMEulerScheduler; euler; on edm
EDMDPMSolverMultistepScheduler; dpmpp_2m; on edm
FlowMatchEulerDiscreteScheduler; euler; on flow, with shifted_times once; theirs shifts twice
FlowMatchHeunDiscreteScheduler; runge_kutta; with method=ode.heun, on flow
CMStochasticIterativeScheduler; consistency; a function of the consistency model
LCMScheduler; lcm; a function of the consistency model
TCDScheduler; tcd; a function of the flow map; their times are indices
""",
    "k-diffusion": """
sample_euler; euler
sample_euler_ancestral; euler_ancestral
sample_heun; heun; s_churn is churn, s_tmin and s_tmax are sigma_low and sigma_high
sample_dpm_2; dpm_2
sample_dpm_2_ancestral; dpm_2_ancestral
sample_dpmpp_2s_ancestral; dpmpp_2s_ancestral
sample_dpmpp_sde; dpmpp_sde; theirs is weak order 1 without its Brownian tree
sample_dpmpp_2m; dpmpp_2m
sample_dpmpp_2m_sde; sde_dpmpp_2m; their eta is tau^2; solver_type='heun' is variant='taylor'
sample_dpmpp_3m_sde; sde_dpmpp_3m(as_published=True); their eta is tau^2
sample_lms; lms(as_published=True); lms keeps the order 4
sample_dpm_fast; dpm_fast(as_published=True); dpm_fast keeps the order 3
sample_dpm_adaptive; dpm_adaptive; a function; their tolerances are max(atol, rtol |x|)
""",
    "ComfyUI": """
euler; euler
euler_ancestral; euler_ancestral
heun; heun
dpm_2; dpm_2
dpm_2_ancestral; dpm_2_ancestral
dpmpp_2s_ancestral; dpmpp_2s_ancestral
dpmpp_sde; dpmpp_sde
dpmpp_2m; dpmpp_2m
dpmpp_2m_sde; sde_dpmpp_2m
dpmpp_2m_sde_heun; sde_dpmpp_2m(variant='taylor')
dpmpp_3m_sde; sde_dpmpp_3m(as_published=True)
lms; lms(as_published=True); lms keeps the order 4
ipndm; ipndm
ipndm_v; ipndm_v(as_published=True); ipndm_v keeps the order 4
deis; deis(variable='t', as_published=True)
uni_pc; unipc(order=3, variant='bh1', as_published=True); unipc(order=3) keeps the order 4
uni_pc_bh2; unipc(order=3, as_published=True); unipc(order=3) keeps the order 4
res_multistep; res_2m
gradient_estimation; gradient_estimation
sa_solver; sa_solver
ddpm; ddpm
ddim; ddim
seeds_2; seeds_2
seeds_3; seeds_3
exp_heun_2_x0; exp_heun
exp_heun_2_x0_sde; exp_heun(tau=1.0)
heunpp2; heunpp2
dpm_fast; dpm_fast(as_published=True); dpm_fast keeps the order 3
dpm_adaptive; dpm_adaptive; a function
er_sde; er_sde(as_published=True); their integrals are sums of 200 terms
lcm; lcm; a function of the consistency model
""",
}

GRIDS: dict[str, str] = {
    "diffusers": """
timestep_spacing=leading; discrete_times(spacing='leading')
timestep_spacing=trailing; discrete_times(spacing='trailing')
timestep_spacing=linspace; discrete_times(spacing='linspace')
use_karras_sigmas; karras_times
use_exponential_sigmas; exponential_times
use_beta_sigmas; beta_times(on='sigma')
use_lu_lambdas; log_snr_times
shift; shifted_times; once, on a given grid
AysSchedules; ays_times
""",
    "k-diffusion": """
get_sigmas_karras; karras_times
get_sigmas_exponential; exponential_times
get_sigmas_polyexponential; polyexponential_times
get_sigmas_vp; uniform_times; on vp
""",
    "ComfyUI": """
normal; discrete_times(spacing='linspace')
karras; karras_times
exponential; exponential_times
sgm_uniform; discrete_times(spacing='sgm_uniform')
simple; discrete_times(spacing='simple')
ddim_uniform; discrete_times(spacing='ddim_uniform')
beta; beta_times; theirs on rounded indices, with duplicates dropped
linear_quadratic; linear_quadratic_times
kl_optimal; kl_optimal_times
""",
}
