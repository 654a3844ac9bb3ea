"""Whether PyTorch keeps the graph of a computation, which samplers avoid and gradients need.

This file does not import PyTorch: if it is not loaded, no array is a tensor. Other libraries keep no graph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from diffmath._core.flags import check_flag
from diffmath._core.typing import Array

__all__ = ["differentiable", "is_tensor", "keeping_gradients"]


def is_tensor(value: Any) -> bool:
    """Whether a value is a PyTorch tensor.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.gradients import is_tensor
    >>> is_tensor(np.zeros(2))
    False
    """
    kind = getattr(sys.modules.get("torch"), "Tensor", None)  # absent while PyTorch is being imported
    return kind is not None and isinstance(value, kind)


def keeping_gradients(x: Array, keep: bool) -> AbstractContextManager[Any]:
    """Return a context in which PyTorch keeps no graph for a tensor `x`, unless `keep`; otherwise an empty
    one.

    A graph holds every intermediate result until it is freed; for a sampler, those of all steps.
    """
    if check_flag("with_gradient", keep) or not is_tensor(x):
        return nullcontext()
    context: AbstractContextManager[Any] = sys.modules["torch"].no_grad()
    return context


def differentiable(function: Callable[..., Any], x: Array, *arguments: Any) -> Any:
    """Call a user's function that may differentiate with respect to `x`, also if no graph is kept.

    In that case its result has no graph, so its intermediate results are freed after the call.
    """
    if not is_tensor(x) or sys.modules["torch"].is_grad_enabled():
        return function(x, *arguments)
    with sys.modules["torch"].enable_grad():
        result = function(x.detach(), *arguments)
    return result.detach() if is_tensor(result) else result
