"""Shared fixtures: the `xp` backends, Hypothesis profiles, deselection of slow and GPU tests."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from diffmath._arrays.namespace import to_numpy

# Derandomised so that a failure is a fact about the change, not about the day; nightly explores.
settings.register_profile(
    "default", derandomize=True, database=None, deadline=None, max_examples=50, print_blob=True
)
settings.register_profile("ci", parent=settings.get_profile("default"))
settings.register_profile(
    "nightly",
    parent=settings.get_profile("default"),
    derandomize=False,
    max_examples=500,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("DIFFMATH_PROFILE", "ci" if os.environ.get("CI") else "default"))

# The double stands for CuPy in a session of its own (`nox -s double`): as long as it is registered as `cupy`,
# everything in the process takes it for the real one.
DOUBLE = bool(os.environ.get("DIFFMATH_CUPY_DOUBLE"))
collect_ignore = ["double/cupy_double", "double/read_names.py"] if DOUBLE else ["double"]
if DOUBLE:
    sys.path.insert(0, str(Path(__file__).parent / "double"))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Spare the sessions of array tests alone the import of files without any: half of the double's time."""
    alone = DOUBLE or os.environ.get("DIFFMATH_GPU")
    if alone and collection_path.suffix == ".py" and collection_path.parent.name not in ("double", "gpu"):
        return "xp" not in collection_path.read_text(encoding="utf-8") or None
    return None


@dataclass(frozen=True)
class Backend:
    """An array library on a device, as a test sees it."""

    name: str
    xp: Any
    device: Any = None
    readonly: bool = False

    def asarray(self, values: Any, dtype: str | None = "float64") -> Any:
        """Send host values to this backend (read-only where the backend is the read-only one)."""
        kind = None if dtype is None else getattr(self.xp, dtype)
        array = self.xp.asarray(np.asarray(values), dtype=kind, device=self.device)
        if self.readonly:
            array = array.copy()
            array.flags.writeable = False
        return array

    def empty(self, dtype: str = "float64") -> Any:
        """Return the empty array that stands for this backend in `like=`."""
        return self.asarray(np.empty(0), dtype)

    def numpy(self, array: Any) -> Any:
        """Copy a result to the host, having checked that it lives on this backend and device."""
        import array_api_compat as compat

        assert compat.array_namespace(array) is self.xp, f"{type(array)} is not of {self.name}"
        if self.device is not None:
            assert compat.device(array) == self.device
        return to_numpy(array)


def _double() -> Backend:
    """Return the stand-in for CuPy; what passes on it has not run on a GPU."""
    import cupy_double

    cupy_double.install()
    import array_api_compat.cupy as double_xp

    return Backend("cupy-double", double_xp)


def _why_no_device() -> str:
    """Say why CuPy cannot be used here (the gpu session then is one skip, which says it), or nothing."""
    if not importlib.util.find_spec("cupy"):
        return "CuPy is not installed (extra cuda12 or cuda13)"
    import cupy

    try:
        return "" if cupy.cuda.runtime.getDeviceCount() else "there is no CUDA device"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CUDA answers: {error}"


def _backends() -> list[Any]:
    if DOUBLE:
        return [pytest.param(_double(), id="cupy-double")]
    import array_api_compat.numpy as numpy_xp
    import array_api_strict as strict

    found = [
        Backend("numpy", numpy_xp),
        Backend("numpy-readonly", numpy_xp, readonly=True),
        Backend("strict", strict, device=strict.Device("device1")),
    ]
    # The frameworks are tested in the interop session; the light session never imports them.
    if os.environ.get("DIFFMATH_INTEROP"):
        if importlib.util.find_spec("torch"):
            import array_api_compat.torch as torch_xp

            found.append(Backend("torch", torch_xp))
        if importlib.util.find_spec("jax"):
            import jax

            jax.config.update("jax_enable_x64", True)
            import jax.numpy as jax_xp

            found.append(Backend("jax", jax_xp))
    if os.environ.get("DIFFMATH_GPU") and not _why_no_device():
        import array_api_compat.cupy as cupy_xp

        found.append(Backend("cupy", cupy_xp))
    return [pytest.param(backend, id=backend.name) for backend in found]


@pytest.fixture(scope="session", params=_backends())
def xp(request: pytest.FixtureRequest) -> Backend:
    """Every array library at hand: NumPy, read-only NumPy, array-api-strict on another device, and more."""
    backend: Backend = request.param
    return backend


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect slow tests outside nightly, GPU tests and those of the double outside their sessions."""
    nightly, gpu = os.environ.get("DIFFMATH_PROFILE") == "nightly", bool(os.environ.get("DIFFMATH_GPU"))
    missing = _why_no_device() if gpu else ""
    os.environ["DIFFMATH_NO_DEVICE"] = missing
    kept, dropped = [], []
    for item in items:
        skip = ("slow" in item.keywords and not nightly) or ("gpu" in item.keywords and not gpu)
        skip |= bool(missing) and "gpu" in item.keywords and item.name != "test_a_device_is_there"
        skip |= DOUBLE and "cupy-double" not in item.name and item.path.parent.name != "double"
        (dropped if skip else kept).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what collection has made, and what it imported, out of garbage collection: all of it stays."""
    gc.collect()
    gc.freeze()
