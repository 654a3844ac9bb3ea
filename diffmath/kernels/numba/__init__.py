"""Kernels compiled by numba, one file a package; `diffmath._arrays.accelerate` finds them by name."""

from pathlib import Path

from diffmath.kernels.numba._cache import forget_stale_kernels

_HERE = Path(__file__).parent
# The clocks' kernels compile the plain functions of one_clock.py.
forget_stale_kernels(_HERE, [*_HERE.glob("*.py"), _HERE.parents[1] / "_stepping" / "one_clock.py"])
