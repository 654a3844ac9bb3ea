"""The main workflow on real data: remember a signal, sample digits, and check the samples.

`run` does the work of ``python -m diffmath demo``: three parts, each a frozen `Part` with its numbers,
figures and checks, and a one-page HTML report. One file per part; `_report` writes the page.
"""

from typing import TYPE_CHECKING

from diffmath._core.lazy import lazy_attributes

if TYPE_CHECKING:
    from diffmath.demo._part import CheckRow as CheckRow
    from diffmath.demo._part import Figure as Figure
    from diffmath.demo._part import Part as Part
    from diffmath.demo._part import Settings as Settings
    from diffmath.demo._run import DemoResult as DemoResult
    from diffmath.demo._run import run as run

__all__ = ["CheckRow", "DemoResult", "Figure", "Part", "Settings", "run"]

# The parts load SymPy, SciPy and every solver: the command line says what is missing before they load.
_MODULES = {"._part": ("CheckRow", "Figure", "Part", "Settings"), "._run": ("DemoResult", "run")}
__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
