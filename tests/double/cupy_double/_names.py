"""What the wheel of CuPy offers, as `read_names.py` has read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["NAMES", "VERSION", "check_keywords"]

NAMES: dict[str, Any] = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
VERSION: str = NAMES["versions"]["cupy"]


def check_keywords(name: str, parameters: list[str] | None, given: dict[str, Any]) -> None:
    """Refuse keywords that the real function does not have; NumPy's twin may have more."""
    if parameters is None or any(parameter.startswith("**") for parameter in parameters):
        return
    unknown = [key for key in given if key not in parameters]
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument {unknown[0]!r}")
