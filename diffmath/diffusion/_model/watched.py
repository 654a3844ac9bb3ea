"""A model as one run of a sampler calls it: fully checked at first, and with cheap checks after that."""

from __future__ import annotations

from diffmath._arrays.callables import check_result
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath._stepping.watcher import Watcher, refuse_modified
from diffmath.diffusion._model.model import Model
from diffmath.diffusion._model.network import explain
from diffmath.diffusion._process import (
    Combination,
    Pair,
    Parametrisation,
    Process,
    alike,
    linear_combination,
)

__all__ = ["WatchedModel"]


class WatchedModel(Watcher):
    """A model, watched, as the prediction `wanted`; `process`, its own or a caching one, converts."""

    __slots__ = ("_model", "_process", "_wanted", "calls", "latest")

    def __init__(self, model: Model, process: Process, wanted: Parametrisation) -> None:
        super().__init__(f"{model.kind.name}(x, t)")
        self._model, self._process, self._wanted = model, process, wanted
        self.calls = 0
        self.latest: list[tuple[float, Array]] = []  # times and results since a run has emptied it

    def __call__(self, x: Array, t: float) -> Array:
        """Return the wanted prediction at (x, t), in the dtype of x."""
        prediction = self._evaluated(x, t)
        if self._model.kind is not self._wanted:
            prediction = linear_combination(self._pair(t), (x, prediction))
        return self._noted(x, t, prediction)

    def unconverted(self, x: Array, t: float) -> Array | Combination:
        """Return what a call does, or the combination that gives it, where a kernel can compute it later."""
        prediction = self._evaluated(x, t)
        if self._model.kind is self._wanted:
            return self._noted(x, t, prediction)
        combination = Combination(self._pair(t), (x, prediction))
        if not alike(combination.arrays):
            return self._noted(x, t, combination.value())
        self._noted(x, t, prediction)
        return combination

    def _evaluated(self, x: Array, t: float) -> Array:
        before = array_namespace(x).astype(x, x.dtype, copy=True) if self._dtype is None else x
        try:
            prediction = self._model.function(x, t)
        except Exception as error:
            explain(error, self.role, x, t)
            raise
        shape = getattr(prediction, "shape", None)
        if self.watching or shape != x.shape or prediction.dtype != self._dtype:
            self._look(prediction, x, before)
        return prediction

    def _pair(self, t: float) -> Pair:
        return self._model.conversion(self._wanted, t, self._process)

    def _noted(self, x: Array, t: float, prediction: Array) -> Array:
        if prediction.dtype != x.dtype:
            prediction = array_namespace(x).astype(prediction, x.dtype, copy=False)
        self.calls += 1
        self.latest.append((t, prediction))
        return prediction

    def _look(self, prediction: Array, x: Array, before: Array) -> None:
        check_result(self.role, prediction, x)  # a result of another precision than x is cast
        if self._dtype is None:
            refuse_modified(self.role, x, before)
            self.begin(prediction)
        elif self.watching:
            self.settle(prediction)
