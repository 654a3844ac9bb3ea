"""State-space models: optimal memories of a signal (HiPPO), and the kernels and recurrences of S4.

Build a continuous `StateSpace` (`legs`, `legt`, `fout`, ...), discretise it (`bilinear`, `zoh`, ...), then
either run it (`simulate`) or convolve with its impulse response (`kernel`, `convolve`): the two agree to
rounding. `memorize` keeps the coefficients of a signal's past while it arrives, `project` computes them
afterwards, exactly, and `reconstruct` reads the past back, by the rows of `basis`. `advance` carries a
state over chunks of a signal, and `step` over one sample; `scan` runs diagonal systems that change with time,
and `simulate_events` any system over samples at irregular times. `s4d_lin` and its kin are where diagonal
models start, `modal` makes a `StateSpace` of one; `delay` is a delay line.
"""

from diffmath.statespace._basis import basis
from diffmath.statespace._batch import discretize_batch
from diffmath.statespace._block_diagonal import BlockDiagonal
from diffmath.statespace._convolution import convolve
from diffmath.statespace._delay import delay
from diffmath.statespace._diagonal import diagonal_kernel, diagonalize
from diffmath.statespace._diagonal_step import discretize_diagonal
from diffmath.statespace._discretize import backward_euler, bilinear, forward_euler, gbt
from diffmath.statespace._events import simulate_events
from diffmath.statespace._fourier import foud, fous, fout
from diffmath.statespace._frequency import frequency_response
from diffmath.statespace._hippo import jacs, lagt, legs, legt
from diffmath.statespace._hold import foh, impulse, zoh
from diffmath.statespace._initial import s4d_inv, s4d_legs, s4d_lin, s4d_real
from diffmath.statespace._initial_blocks import s5_blocks
from diffmath.statespace._kernel import kernel, kernel_method
from diffmath.statespace._kernel_bank import kernel_bank
from diffmath.statespace._lower_cumulative import LowerCumulative
from diffmath.statespace._memory import memorize
from diffmath.statespace._modal import modal
from diffmath.statespace._nplr import DPLR, NPLR, dplr, nplr
from diffmath.statespace._project import project
from diffmath.statespace._reconstruct import reconstruct
from diffmath.statespace._scan import scan
from diffmath.statespace._simulate import advance, simulate
from diffmath.statespace._statespace import StateSpace
from diffmath.statespace._step import step
from diffmath.statespace._structure import Dense
from diffmath.statespace._transform import change_gauge, jacobi_gauge, tilt
from diffmath.statespace._tridiagonal_inverse import TridiagonalInverse

__all__ = [
    "DPLR",
    "NPLR",
    "BlockDiagonal",
    "Dense",
    "LowerCumulative",
    "StateSpace",
    "TridiagonalInverse",
    "advance",
    "backward_euler",
    "basis",
    "bilinear",
    "change_gauge",
    "convolve",
    "delay",
    "diagonal_kernel",
    "diagonalize",
    "discretize_batch",
    "discretize_diagonal",
    "dplr",
    "foh",
    "forward_euler",
    "foud",
    "fous",
    "fout",
    "frequency_response",
    "gbt",
    "impulse",
    "jacobi_gauge",
    "jacs",
    "kernel",
    "kernel_bank",
    "kernel_method",
    "lagt",
    "legs",
    "legt",
    "memorize",
    "modal",
    "nplr",
    "project",
    "reconstruct",
    "s4d_inv",
    "s4d_legs",
    "s4d_lin",
    "s4d_real",
    "s5_blocks",
    "scan",
    "simulate",
    "simulate_events",
    "step",
    "tilt",
    "zoh",
]
