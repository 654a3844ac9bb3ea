"""Two devices without access to each other's memory; the current one belongs to the thread, as in CUDA."""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

from ._counters import synchronize

__all__ = ["DEVICES", "Device", "check_device", "current_device", "install_cuda"]

DEVICES = 2

_local = threading.local()


def current_device() -> int:
    """Return the number of this thread's device."""
    return getattr(_local, "device", 0)


class Device:
    """A device by its number; as a context it becomes the current one of the thread."""

    def __init__(self, device: Any = None) -> None:
        self.id = current_device() if device is None else int(device)
        if not 0 <= self.id < DEVICES:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        stack = _local.__dict__.setdefault("stack", [])
        stack.append(current_device())
        _local.device = self.id
        return self

    def __exit__(self, *ignored: object) -> None:
        _local.device = _local.stack.pop()

    def use(self) -> None:
        """Make this the current device of the thread."""
        _local.device = self.id

    def synchronize(self) -> None:
        """Wait for the device."""
        synchronize()


def check_device(device: int) -> None:
    """Refuse an array of a device other than the current one: a kernel runs on the current device."""
    if device != current_device():
        raise ValueError(
            f"The device where the array resides ({device}) is different from the current device "
            f"({current_device()}). Peer access is unavailable between these devices."
        )


class _Stream:
    """The default stream; the host waits for nothing, because everything has run at once."""

    def synchronize(self) -> None:
        synchronize()


def install_cuda() -> types.ModuleType:
    """Return the module `cupy.cuda`, registered with those below it that array-api-compat imports."""
    cuda, device, runtime = (types.ModuleType(f"cupy.cuda{end}") for end in ("", ".device", ".runtime"))
    parts: Any = cuda
    parts.__path__ = []
    parts.Device = device.Device = Device  # type: ignore[attr-defined]
    parts.Stream = parts.ExternalStream = _Stream
    parts.device, parts.runtime, parts.is_available = device, runtime, lambda: True
    parts.runtime.getDeviceCount = lambda: DEVICES
    parts.runtime.getDeviceProperties = lambda number: {"name": f"double {number}".encode()}
    for module in (cuda, device, runtime):
        sys.modules[module.__name__] = module
    return cuda
