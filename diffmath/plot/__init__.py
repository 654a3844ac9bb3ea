"""Figures with one call: every function takes `ax=None`, draws on it, and returns what it drew.

No function opens a window or changes a global style, and only Matplotlib is needed, which is imported when a
function is called (``pip install "diffmath[plot]"``). Arrays of any library are accepted and copied to the
host.
"""

from diffmath.plot._basis import basis
from diffmath.plot._images import checks, images
from diffmath.plot._lines import convergence, ensemble, reconstruction, solution
from diffmath.plot._points import density, samples, trajectories
from diffmath.plot._style import COLORS, new_axes, new_figure, tidy

__all__ = [
    "COLORS",
    "basis",
    "checks",
    "convergence",
    "density",
    "ensemble",
    "images",
    "new_axes",
    "new_figure",
    "reconstruction",
    "samples",
    "solution",
    "tidy",
    "trajectories",
]
