"""Instructions to LLVM about vector widths, for loops that it vectorises completely."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

__all__ = ["widest_vectors"]


@intrinsic
def widest_vectors(typing_context: Any) -> Any:
    """Let LLVM use 512-bit vectors in the calling function; it prefers 256 on many CPUs that have them."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # llvmlite's method accepts only attributes without a value; the set itself accepts any text.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), codegen
