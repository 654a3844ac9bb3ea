"""Public names whose module is imported on first use, so that `import diffmath` is fast (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_attributes"]


def lazy_attributes(
    package: str, attributes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package whose names load on first use.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    attributes : mapping
        Public name -> relative module that defines it (``"._hippo"``), or "" for a sub-module of that name.

    Examples
    --------
    >>> from diffmath._core.lazy import lazy_attributes
    >>> getattr_, dir_ = lazy_attributes("json", {"JSONDecoder": ".decoder", "tool": ""})
    >>> getattr_("JSONDecoder").__name__, dir_()
    ('JSONDecoder', ['JSONDecoder', 'tool'])
    """

    def __getattr__(name: str) -> Any:
        if name not in attributes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = attributes[name]
        if not module:
            return importlib.import_module(f".{name}", package)
        return getattr(importlib.import_module(module, package), name)

    def __dir__() -> list[str]:
        return sorted(attributes)

    return __getattr__, __dir__
