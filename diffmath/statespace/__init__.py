"""State-space models: optimal memories of a signal (HiPPO), and the kernels and recurrences of S4.

Build a continuous `StateSpace` (`legs`, `legt`, `fout`, ...) and discretise it (`bilinear`, `zoh`, ...). Then
either run it (`simulate`) or convolve with its impulse response (`kernel`, `convolve`); the results agree up
to rounding. `memorize` updates the coefficients of a signal's past while it arrives, `project` computes them
exactly afterwards, and `reconstruct` evaluates the remembered past with the rows of `basis`. `advance`
returns the state after a chunk of a signal, and `step` processes one sample. `scan` runs diagonal systems
that vary in time, and `simulate_events` any system over samples at irregular times. `s4d_lin` and similar
functions initialise diagonal models, `modal` converts one to a `StateSpace`, and `delay` is a delay line.
"""

from diffmath.statespace._diagonal.diagonal import diagonal_kernel, diagonalize
from diffmath.statespace._diagonal.diagonal_step import discretize_diagonal
from diffmath.statespace._discretize.batch import discretize_batch
from diffmath.statespace._discretize.discretize import backward_euler, bilinear, forward_euler, gbt
from diffmath.statespace._discretize.hold import foh, impulse, zoh
from diffmath.statespace._hippo.delay import delay
from diffmath.statespace._hippo.initial import s4d_inv, s4d_legs, s4d_lin, s4d_real
from diffmath.statespace._hippo.initial_blocks import s5_blocks
from diffmath.statespace._hippo.transform import change_gauge, jacobi_gauge, tilt
from diffmath.statespace._kernel.bank import kernel_bank
from diffmath.statespace._kernel.convolution import convolve
from diffmath.statespace._kernel.kernel import kernel, kernel_method
from diffmath.statespace._measures.laguerre import lagt
from diffmath.statespace._measures.scaled_fourier import fous
from diffmath.statespace._measures.scaled_jacobi import jacs
from diffmath.statespace._measures.scaled_legendre import legs
from diffmath.statespace._measures.window_fourier import foud, fout
from diffmath.statespace._measures.window_legendre import legt
from diffmath.statespace._memory.basis import basis
from diffmath.statespace._memory.memory import memorize
from diffmath.statespace._memory.project import project
from diffmath.statespace._memory.reconstruct import reconstruct
from diffmath.statespace._recurrence.events import simulate_events
from diffmath.statespace._recurrence.scan import scan
from diffmath.statespace._recurrence.simulate import advance, simulate
from diffmath.statespace._recurrence.step import step
from diffmath.statespace._structure.block_diagonal import BlockDiagonal
from diffmath.statespace._structure.lower_cumulative import LowerCumulative
from diffmath.statespace._structure.structure import Dense
from diffmath.statespace._structure.tridiagonal_inverse import TridiagonalInverse
from diffmath.statespace._system.frequency import frequency_response
from diffmath.statespace._system.modal import modal
from diffmath.statespace._system.nplr import DPLR, NPLR, dplr, nplr
from diffmath.statespace._system.statespace import StateSpace

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
