"""Part 1: remember a real signal. 43 years of weekly CO2 in a few numbers, by derived HiPPO-LegS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffmath import data, plot, symbolic
from diffmath import statespace as ss
from diffmath._core.progress import progress_bar
from diffmath.demo._part import Figure, Part, Settings, save

__all__ = ["remember"]

HostArray = npt.NDArray[np.float64]

ORDER, FINE = 64, 256

_CODE = """\
import numpy as np
from diffmath import data, symbolic, statespace as ss
A, B = symbolic.derive_hippo(symbolic.legs, 4)      # exact matrices, from the measure
year, ppm, measured = data.mauna_loa_co2()
memory = ss.legs(64)                                # the same matrices in closed form
c = ss.memorize(memory, ppm, ss.bilinear)           # row k: the memory after k + 1 weeks
middle = (np.arange(len(ppm)) + 0.5) / len(ppm)     # week k is the k-th cell of the history
ppm_hat = ss.reconstruct(memory, c[-1], middle)
"""


@dataclass(frozen=True)
class _Memories:
    """Root-mean-square errors (ppm) per order, of the online memory and of the exact projection."""

    orders: HostArray
    online: HostArray
    exact: HostArray
    rebuilt: dict[int, HostArray]


def remember(settings: Settings) -> Part:
    """Run part 1."""
    record = data.mauna_loa_co2()
    derived = settings.size(12, 4)
    difference = _derivation_difference(derived)
    found = _memories(record.ppm, settings)
    at = {int(order): error for order, error in zip(found.orders, found.online, strict=True)}
    gap = float(np.max(np.abs(found.online - found.exact) / found.exact))
    return Part(
        title="Remember a real signal: atmospheric CO2 at Mauna Loa, 1958 to 2001",
        text=(
            f"A HiPPO-LegS memory reads {len(record.ppm)} weekly values in sequence and keeps {ORDER} "
            f"numbers; from these the rise of CO2 is read back to within {at[ORDER]:.2f} ppm (root mean "
            "square), and the remainder is the seasonal cycle of the vegetation. Its 43 periods need more "
            f"than three numbers each: {FINE} numbers bring the error down to {at[FINE]:.2f} ppm."
        ),
        numbers=(
            (f"derived A, B and closed form, order {derived}", f"largest difference {difference:.1e}"),
            *((f"reconstruction error, order {order}", f"{error:.3f} ppm") for order, error in at.items()),
            ("excess over the best polynomial, all orders", f"at most {100 * gap:.2g} %"),
        ),
        figures=(_draw(record, found, settings),),
        code=_CODE,
    )


def _derivation_difference(order: int) -> float:
    """Largest difference between the matrices derived from the measure and the closed form in use.

    LegS of a lower order is the leading block of a higher one, so a small exact derivation verifies both.
    """
    A, B = symbolic.derive_hippo(symbolic.legs, order)
    used = ss.legs(ORDER)
    derived_A, derived_B = np.array(A.evalf(30), dtype=np.float64), np.array(B.evalf(30), dtype=np.float64)
    return float(
        max(
            np.abs(derived_A - used.A[:order, :order]).max(),
            np.abs(derived_B[:, 0] - used.B[:order]).max(),
        )
    )


def _memories(ppm: HostArray, settings: Settings) -> _Memories:
    middle = (np.arange(len(ppm)) + 0.5) / len(ppm)
    orders = [8, 16, 32, ORDER, 128, FINE]
    online, exact, rebuilt = [], [], {}
    for order in progress_bar(orders, enabled=settings.progress, description="remember"):
        system = ss.legs(order)
        rebuilt[order] = ss.reconstruct(system, ss.memorize(system, ppm, ss.bilinear)[-1], middle)
        best = ss.reconstruct(system, ss.project(system, ppm), middle)
        online.append(_rms(rebuilt[order] - ppm))
        exact.append(_rms(best - ppm))
    return _Memories(np.array(orders, dtype=np.float64), np.array(online), np.array(exact), rebuilt)


def _rms(values: HostArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _draw(record: data.CO2Record, found: _Memories, settings: Settings) -> Figure:
    figure = plot.new_figure(width=10.0, height=6.6)
    panels = figure.subplot_mosaic([["all", "all"], ["zoom", "orders"]])
    blue, red = plot.COLORS["blue"], plot.COLORS["red"]
    for name in ("all", "zoom"):
        ax = panels[name]
        width = 1.0 if name == "all" else 1.8
        ax.plot(record.year, record.ppm, color="0.65", lw=width, label="weekly record")
        ax.plot(record.year, found.rebuilt[ORDER], color=blue, lw=1.6, label=f"from {ORDER} numbers")
        if name == "zoom":
            ax.plot(record.year, found.rebuilt[FINE], color=red, lw=1.2, label=f"from {FINE} numbers")
        ax.legend(frameon=False, fontsize=9, loc="upper left")
    panels["zoom"].set(xlim=(1975, 1985), ylim=(324, 355))
    ratio = len(record.ppm) / ORDER
    plot.tidy(
        panels["all"],
        title=f"{ORDER} numbers remember 43 years of CO2, {ratio:.0f} times fewer than were read",
        ylabel="CO2 (ppm)",
    )
    plot.tidy(
        panels["zoom"], title=f"Order {ORDER} keeps the trend, order {FINE} the seasons", ylabel="CO2 (ppm)"
    )
    plot.convergence(
        found.orders,
        {"read one by one": found.online, "best polynomial": found.exact},
        ax=panels["orders"],
        title="The online memory is close to the best polynomial",
        xlabel="numbers kept (order)",
        ylabel="root-mean-square error (ppm)",
    )
    caption = (
        "Top: the record and its reconstruction from the final state of the memory. Bottom left: ten years "
        "of it, with a larger memory. Bottom right: error of the online memory and of the exact projection."
    )
    return save(figure, settings, "memory", caption)
