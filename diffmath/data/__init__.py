"""Two small real data sets, for the demo, the documentation and the tests.

`digits` are 1797 handwritten digits of 8 x 8 pixels, `mauna_loa_co2` is the weekly record of carbon dioxide
in the air above Hawaii. Both are files in this folder (nothing is downloaded); LICENSES.md in the same folder
states their source, their terms, and what was changed.
"""

from diffmath.data._datasets import CO2Record, Digits, digits, mauna_loa_co2

__all__ = ["CO2Record", "Digits", "digits", "mauna_loa_co2"]
