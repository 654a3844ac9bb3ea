"""What other libraries call our samplers and grids, and all samplers with their orders and costs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from diffmath._core.named import names_of
from diffmath.diffusion._catalogue.peers import GRIDS, SAMPLERS
from diffmath.diffusion._methods import Method

__all__ = ["PeerName", "SamplerRow", "names", "samplers"]

_KINDS: dict[str, dict[str, str]] = {"sampler": SAMPLERS, "grid": GRIDS}


@dataclass(frozen=True)
class PeerName:
    """One name of another library.

    Parameters
    ----------
    library : str
        "diffusers", "k-diffusion" or "ComfyUI".
    kind : {"sampler", "grid"}
    theirs, ours : str
        Names; ours may have parameters, as ``method=`` accepts them.
    note : str
        What differs.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.names("k-diffusion")[0]
    PeerName(k-diffusion: sample_euler -> euler)
    """

    library: str
    kind: Literal["sampler", "grid"]
    theirs: str
    ours: str
    note: str = ""

    def __repr__(self) -> str:
        return f"PeerName({self.library}: {self.theirs} -> {self.ours})"


@dataclass(frozen=True)
class SamplerRow:
    """A sampler with its orders and cost.

    Parameters
    ----------
    name : str
        As ``method=`` accepts it.
    order, weak_order : int
        As of `Method`.
    end_order : int
        Order on grids that reach alpha = 0 or sigma = 0.
    evaluations : float
        Model evaluations of a step in a long run.
    stochastic : bool
        Whether it needs a key.
    form : str
        What it is made of: data, noise, velocity or flow.
    reference : str
    peers : tuple of str
        Its names in other libraries.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> next(row for row in diffusion.samplers() if row.name == "etd").order
    4
    """

    name: str
    order: int
    weak_order: int
    end_order: int
    evaluations: float
    stochastic: bool
    form: str
    reference: str
    peers: tuple[str, ...]


def names(library: Literal["diffusers", "k-diffusion", "ComfyUI"] | None = None) -> tuple[PeerName, ...]:
    """Return the names of samplers and grids in other libraries, with ours.

    Parameters
    ----------
    library : {"diffusers", "k-diffusion", "ComfyUI"}, optional
        Only this one.

    Returns
    -------
    tuple of PeerName

    Raises
    ------
    ValueError
        Another library.

    Notes
    -----
    A sampler of ours under a name of theirs is the published method. Where theirs is something else, `note`
    says so.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> next(row.ours for row in diffusion.names("ComfyUI") if row.theirs == "dpmpp_2m_sde_heun")
    "sde_dpmpp_2m(variant='taylor')"
    """
    if library is not None and library not in SAMPLERS:
        raise ValueError(f"library must be one of {', '.join(SAMPLERS)}; got {library!r}")
    return tuple(
        PeerName(peer, kind, *(part.strip() for part in line.split(";", 2)))  # type: ignore[arg-type]
        for kind, tables in _KINDS.items()
        for peer, table in tables.items()
        if library in (None, peer)
        for line in table.strip().splitlines()
    )


def samplers() -> tuple[SamplerRow, ...]:
    """Return all samplers of the package that are a `Method`, with their orders, costs and names elsewhere.

    Returns
    -------
    tuple of SamplerRow
        In the order of their names.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> heun = next(row for row in diffusion.samplers() if row.name == "heun")
    >>> heun.order, heun.evaluations, heun.stochastic
    (2, 2.0, False)
    """
    package = "diffmath.diffusion"
    found = names_of(package, lambda value: isinstance(value, Method))
    return tuple(_row(name, getattr(import_module(package), name)) for name in found)


def _row(name: str, method: Method) -> SamplerRow:
    peers = tuple(
        f"{row.library} {row.theirs}"
        for row in names()
        if row.kind == "sampler" and row.ours.partition("(")[0] == name
    )
    end = method.order if method.end_order is None else method.end_order
    cost = (method.nfe(2000) - method.nfe(1000)) / 1000
    return SamplerRow(
        name,
        method.order,
        method.weak_order,
        end,
        cost,
        method.needs_key,
        method.form,
        method.reference,
        peers,
    )
